"""Why a connection did not come about: from whatever a client raised to the note of an ending, and back.

Knows no client: its exception says it by what it came from.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from typing import TYPE_CHECKING

from fakegpt_testkit.exchange import Ending, EndingKind

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    for each in _origins(failure):
        if isinstance(each, OSError):
            word = next((word for kind, word in _WORDS if isinstance(each, kind)), "")
            if reason := word or errno.errorcode.get(each.errno or 0):
                return Ending(EndingKind.UNCONNECTED, note="refused" if reason == "ECONNREFUSED" else reason)
    return None


def connect_error(note: str) -> OSError:
    """What the system says of a connection that failed for this reason; refused where it is no other."""
    number = getattr(errno, note, errno.ECONNREFUSED)
    return OSError(number, os.strerror(number))


def _origins(failure: BaseException | None) -> Iterator[BaseException]:
    """The failure, and what it came from: of several attempts the first."""
    while failure is not None:
        yield failure
        if isinstance(failure, BaseExceptionGroup):
            failure = failure.exceptions[0]
        else:
            failure = failure.__cause__ or failure.__context__  # httpcore's pool raises it again from None
