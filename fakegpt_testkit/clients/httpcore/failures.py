"""httpcore's exceptions for what a tape or an effect says: a connection refused or lost, too long a wait.

Knows no deck.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

from fakegpt_testkit.clients import unconnected as why

if TYPE_CHECKING:
    from types import ModuleType

    from fakegpt_testkit.exchange import Ending

H2 = "h2: "
"""How the note of an HTTP/2 stream's reset begins: it has no error number."""

_NO_METHOD = "Requested {} from proxy server, but got NO ACCEPTABLE METHODS."
_SOCKS_SAID: dict[int | str, str] = {
    **{code: f"Proxy Server could not connect: {reply}." for code, reply in why.SOCKS_REPLIES.items()},
    why.LOGIN: "Invalid username/password",
    why.ANONYMOUS: _NO_METHOD.format("NO AUTHENTICATION REQUIRED"),
    why.WITH_LOGIN: _NO_METHOD.format("USERNAME/PASSWORD"),
}
_TIMED_OUT = {why.LATE_TIMEOUT: "The handshake operation timed out"}
_OF_ONE_ATTEMPT = frozenset({"dns", "certificate", "handshake", why.CUT_HANDSHAKE, why.RESET})
"""What does not lead to another address of the same name."""
_WITHOUT_TEXT = frozenset({why.CUT_HANDSHAKE, why.RESET})
"""What a loop says nothing of."""


def failed_connection(core: ModuleType, ending: Ending, *, awaited_at: str = "") -> Exception:
    """What connecting raises; ``awaited_at`` is the host and the port where it is awaited."""
    failure: Exception
    note = ending.note
    if said := why.proxy_said(note):
        failure = core.ProxyError(said)
        return failure
    if answered := why.socks_said(note):
        failure = core.ProxyError(_SOCKS_SAID.get(answered, "Proxy Server could not connect: UNKOWN."))
        return failure
    if note == why.PROXY_CLOSED:
        failure = core.RemoteProtocolError("Server disconnected without sending a response.")
        return failure
    if note == why.PROXY_BREACH:
        said = "what the proxy said is no HTTP"
        return with_cause(core.RemoteProtocolError(said), sys.modules["h11"].RemoteProtocolError(said))
    if note in why.WAITED:
        cause = _too_slow(core) if awaited_at else TimeoutError(_TIMED_OUT.get(note, "timed out"))
        kind = core.ReadTimeout if note == why.PROXY_TIMEOUT else core.ConnectTimeout
        return with_cause(kind(str(cause)), cause)
    kind = core.ReadError if note == why.PROXY_RESET else core.ConnectError
    cause = why.connect_error(note)
    if awaited_at and kind is core.ConnectError and note not in _OF_ONE_ATTEMPT:
        cause = _of_all_attempts(core, cause, awaited_at)
    if awaited_at and note == why.PROXY_RESET:
        return _with_text_of(kind, _broken(core, cause))
    return with_cause(kind("" if awaited_at and note in _WITHOUT_TEXT else str(cause)), cause)


def _of_all_attempts(core: ModuleType, cause: OSError, where: str) -> OSError:
    """What anyio and trio say, which try each address of a name."""
    if core._synchronization.current_async_library() == "trio":
        said = f"all attempts to connect to {where} failed"
        all_of_them: Exception = ExceptionGroup(said, [cause])
    else:
        said, all_of_them = "All connection attempts failed", cause
    failure = OSError(said)
    failure.__cause__ = failure.__context__ = all_of_them
    return failure


def why_failed(core: ModuleType, failure: Exception) -> Ending | None:
    """Why connecting failed; None where it is not known. Trio's timeout is no ``TimeoutError``."""
    if isinstance(failure, core.ProxyError):
        said = str(failure)
        answered = (answer for answer, words in _SOCKS_SAID.items() if said == words)
        return why.no_socks(next(answered, None)) or why.no_tunnel(said)
    if isinstance(failure, core.RemoteProtocolError):
        return why.unconnected(why.PROXY_BREACH if failure.__cause__ or failure.__context__ else why.PROXY_CLOSED)
    if isinstance(failure, core.ReadTimeout):
        return why.unconnected(why.PROXY_TIMEOUT)
    if isinstance(failure, core.ReadError):
        return why.unconnected(why.PROXY_RESET)
    if (ending := why.why_unconnected(failure)) is not None:
        return ending
    if isinstance(failure, core.ConnectTimeout):
        return why.unconnected(why.TIMEOUT)
    # an old anyio says of a reset that its queue is empty
    return why.unconnected(why.RESET) if why.is_of_handshake(failure) else None


OF_CONNECTING = ("ConnectError", "ConnectTimeout", "ProxyError", "ReadError", "ReadTimeout", "RemoteProtocolError")
"""What a request without a connection may end with: what its proxy says, or does not, is among it."""


def of_connecting(core: ModuleType) -> tuple[type[Exception], ...]:
    """These classes of this library."""
    return tuple(getattr(core, name) for name in OF_CONNECTING)


def lost_connection(core: ModuleType, ending: Ending, cause: OSError, *, awaited: bool) -> Exception:
    """What a read raises where the tape was reset."""
    if ending.note.startswith(H2):
        failure: Exception = core.RemoteProtocolError(ending.note.removeprefix(H2))
        return failure
    return _with_text_of(core.ReadError, _broken(core, cause) if awaited else cause)


def closed_by_client(core: ModuleType, *, awaited: bool) -> Exception:
    """What a read raises where the client itself has closed the connection."""
    cause: Exception = OSError(errno.EBADF, os.strerror(errno.EBADF))
    if awaited:
        loop, in_trio = _loop(core)
        cause = loop.ClosedResourceError(*(["this socket was already closed"] if in_trio else []))
    return _with_text_of(core.ReadError, cause)


def broken_pipe(core: ModuleType, *, awaited: bool) -> Exception:
    """What a write raises where the server has closed the connection."""
    cause = BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
    return _with_text_of(core.WriteError, _broken(core, cause) if awaited else cause)


def _broken(core: ModuleType, cause: OSError) -> Exception:
    """What a loop makes of the loss of a connection."""
    loop, in_trio = _loop(core)
    failure: Exception = loop.BrokenResourceError(*([f"socket connection broken: {cause}"] if in_trio else []))
    return with_cause(failure, cause)


def _loop(core: ModuleType) -> tuple[ModuleType, bool]:
    """The library whose exceptions an awaited stream raises, and whether it is trio: anyio's have no text."""
    in_trio = core._synchronization.current_async_library() == "trio"
    return sys.modules["trio" if in_trio else "anyio"], in_trio


def _with_text_of(kind: type[Exception], cause: Exception) -> Exception:
    return with_cause(kind(str(cause)), cause)


def timed_out(kind: type[Exception]) -> Exception:
    """What a read or a write raises that waited too long; ``kind`` is the core's own class."""
    return with_cause(kind("timed out"), TimeoutError("timed out"))


def timed_out_awaited(core: ModuleType, kind: type[Exception]) -> Exception:
    """The same of an awaited one, whose loop says nothing more."""
    return with_cause(kind(""), _too_slow(core))


def _too_slow(core: ModuleType) -> Exception:
    """What a loop raises where something takes too long; trio has a class of its own for it."""
    if core._synchronization.current_async_library() == "trio":
        failure: Exception = sys.modules["trio"].TooSlowError()
        return failure
    return TimeoutError()


def with_cause(failure: Exception, cause: Exception) -> Exception:
    """The failure, which says where it comes from, in both ways: a pool raises it again ``from None``."""
    failure.__cause__ = failure.__context__ = cause
    return failure
