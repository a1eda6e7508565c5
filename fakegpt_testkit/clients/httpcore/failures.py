"""httpcore's exceptions for what a tape or an effect says: a connection refused or lost, too long a wait.

Knows no deck.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from fakegpt_testkit.exchange import Ending

H2 = "h2: "
"""How the note of an HTTP/2 stream's reset begins: it has no error number."""


def failed_connection(core: ModuleType, ending: Ending) -> Exception:
    """What connecting raises."""
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
        case _:
            cause = ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    return with_cause(core.ConnectError(str(cause)), cause)


def lost_connection(core: ModuleType, ending: Ending, cause: OSError, *, awaited: bool) -> Exception:
    """What a read raises where the tape was reset; what anyio raises, and so httpcore's own, has no text."""
    if ending.note.startswith(H2):
        failure: Exception = core.RemoteProtocolError(ending.note.removeprefix(H2))
        return failure
    return with_cause(core.ReadError("" if awaited else str(cause)), cause)


def timed_out(core: ModuleType, *, awaited: bool) -> Exception:
    """What a read raises that waited too long."""
    text = "" if awaited else "timed out"
    return with_cause(core.ReadTimeout(text), TimeoutError(text))


def with_cause(failure: Exception, cause: OSError) -> Exception:
    """The failure, which says where it comes from."""
    failure.__cause__ = cause
    return failure
