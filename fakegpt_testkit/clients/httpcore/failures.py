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

from fakegpt_testkit.clients.unconnected import connect_error, why_unconnected

if TYPE_CHECKING:
    from types import ModuleType

    from fakegpt_testkit.exchange import Ending

H2 = "h2: "
"""How the note of an HTTP/2 stream's reset begins: it has no error number."""


def failed_connection(core: ModuleType, ending: Ending, *, awaited_at: str = "") -> Exception:
    """What connecting raises; ``awaited_at`` is the host and the port where it is awaited."""
    cause: OSError
    match ending.note:
        case "timeout":
            return with_cause(core.ConnectTimeout("timed out"), TimeoutError("timed out"))
        case "dns":
            cause = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        case "certificate":
            words = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate"
            cause = ssl.SSLCertVerificationError(1, words)
        case "handshake":
            cause = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
        case note:
            cause = connect_error(note)
            if awaited_at:
                cause = _of_all_attempts(core, cause, awaited_at)
    return with_cause(core.ConnectError(str(cause)), cause)


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
    """Why connecting failed; None where a proxy made no tunnel. Trio's timeout is no ``TimeoutError``."""
    if isinstance(failure, core.ProxyError):
        return None
    return why_unconnected(TimeoutError() if isinstance(failure, core.ConnectTimeout) else failure)


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
    """The same of an awaited read, whose loop says nothing more; trio has a class of its own for it."""
    cause: Exception = TimeoutError()
    if core._synchronization.current_async_library() == "trio":
        cause = sys.modules["trio"].TooSlowError()
    return with_cause(core.ReadTimeout(""), cause)


def with_cause(failure: Exception, cause: Exception) -> Exception:
    """The failure, which says where it comes from, in both ways: a pool raises it again ``from None``."""
    failure.__cause__ = failure.__context__ = cause
    return failure
