"""httpcore's exceptions for what a tape or an effect says: a connection refused or lost, too long a wait.

Knows no deck.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
import sys
from typing import TYPE_CHECKING

from fakegpt_testkit.clients.unconnected import (
    LATE_TIMEOUT,
    PROXY_TIMEOUT,
    TIMEOUT,
    WAITED,
    connect_error,
    no_tunnel,
    proxy_said,
    unconnected,
    why_unconnected,
)

if TYPE_CHECKING:
    from types import ModuleType

    from fakegpt_testkit.exchange import Ending

H2 = "h2: "
"""How the note of an HTTP/2 stream's reset begins: it has no error number."""

_TIMED_OUT = {LATE_TIMEOUT: "The handshake operation timed out"}


def failed_connection(core: ModuleType, ending: Ending, *, awaited_at: str = "") -> Exception:
    """What connecting raises; ``awaited_at`` is the host and the port where it is awaited."""
    if said := proxy_said(ending.note):
        failure: Exception = core.ProxyError(said)
        return failure
    if ending.note in WAITED:
        cause = _too_slow(core) if awaited_at else TimeoutError(_TIMED_OUT.get(ending.note, "timed out"))
        kind = core.ReadTimeout if ending.note == PROXY_TIMEOUT else core.ConnectTimeout
        return with_cause(kind(str(cause)), cause)
    cause = _cause(core, ending.note, awaited_at)
    return with_cause(core.ConnectError(str(cause)), cause)


def _cause(core: ModuleType, note: str, awaited_at: str) -> OSError:
    match note:
        case "dns":
            return socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        case "certificate":
            words = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate"
            return ssl.SSLCertVerificationError(1, words)
        case "handshake":
            return ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    cause = connect_error(note)
    return _of_all_attempts(core, cause, awaited_at) if awaited_at else cause


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
        return no_tunnel(str(failure))
    if isinstance(failure, core.ReadTimeout):
        return unconnected(PROXY_TIMEOUT)
    why = why_unconnected(failure)
    return unconnected(TIMEOUT) if why is None and isinstance(failure, core.ConnectTimeout) else why


def lost_connection(core: ModuleType, ending: Ending, cause: OSError, *, awaited: bool) -> Exception:
    """What a read raises where the tape was reset; what anyio raises, and so httpcore's own, has no text."""
    if ending.note.startswith(H2):
        failure: Exception = core.RemoteProtocolError(ending.note.removeprefix(H2))
        return failure
    return with_cause(core.ReadError("" if awaited else str(cause)), cause)


def broken_pipe(core: ModuleType, *, awaited: bool) -> Exception:
    """What a write raises where the server has closed the connection."""
    cause = BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
    return with_cause(core.WriteError("" if awaited else str(cause)), cause)


def timed_out(core: ModuleType) -> Exception:
    """What a read raises that waited too long."""
    return with_cause(core.ReadTimeout("timed out"), TimeoutError("timed out"))


def timed_out_awaited(core: ModuleType) -> Exception:
    """The same of an awaited read, whose loop says nothing more."""
    return with_cause(core.ReadTimeout(""), _too_slow(core))


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
