"""Why a connection did not come about: from whatever a client raised to the note of an ending, and back.

Knows no client: its exception says it by what it came from.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl

from fakegpt_testkit.exchange import Ending, EndingKind
from fakegpt_testkit.wire.capture import origins

_WORDS = (
    (socket.gaierror, "dns"),
    (ssl.SSLCertVerificationError, "certificate"),
    (ssl.SSLError, "handshake"),
    (TimeoutError, "timeout"),
)


def why_unconnected(failure: BaseException) -> Ending | None:
    """The ending of an exchange whose connection failed so; None where no error of the system is behind it.

    A proxy that refuses to make a tunnel is no such error.
    """
    for each in origins(failure):
        if isinstance(each, OSError):
            word = next((word for kind, word in _WORDS if isinstance(each, kind)), "")
            if reason := word or errno.errorcode.get(each.errno or 0):
                return Ending(EndingKind.UNCONNECTED, note="refused" if reason == "ECONNREFUSED" else reason)
    return None


def connect_error(note: str) -> OSError:
    """What the system says of a connection that failed for this reason.

    Where it was recorded on a system with other errors than this one's, it was refused, and the text names the reason.
    """
    for number, name in errno.errorcode.items():
        if name == ("ECONNREFUSED" if note == "refused" else note):
            return OSError(number, os.strerror(number))
    return ConnectionRefusedError(errno.ECONNREFUSED, f"{note}, an error that this system does not have")
