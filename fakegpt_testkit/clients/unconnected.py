"""Why a connection was not made: from whatever a client raised to the note of an ending, and back.

Knows no client: its exception says it by what it came from.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from typing import Final

from fakegpt_testkit.exchange import Ending, EndingKind
from fakegpt_testkit.wire.capture import origins

TIMEOUT: Final = "timeout"
LATE_TIMEOUT: Final = "handshake timeout"
"""There is a connection, and the TLS that was to be made on it took too long."""
CUT_HANDSHAKE: Final = "handshake closed"
"""There is a connection, and the other side closed it in the midst of the TLS that was to be made on it."""
RESET: Final = "ECONNRESET"
"""The same, by a reset: no connection is reset before there is one."""
PROXY_TIMEOUT: Final = "proxy timeout"
"""There is a connection to a proxy, which took too long to make a tunnel."""
PROXY_CLOSED: Final = "proxy closed"
"""That proxy closed it, and said nothing."""
PROXY_RESET: Final = "proxy reset"
PROXY_BREACH: Final = "proxy breach"
"""What it said was no HTTP."""
TOTAL: Final = "total"
"""The client's limit for the whole request ran out while it connected."""
WAITED: Final = frozenset({TIMEOUT, LATE_TIMEOUT, PROXY_TIMEOUT, TOTAL})
"""What a client's own limit ended."""
_TUNNEL: Final = "tunnel "
_SOCKS: Final = "socks "
SOCKS_REPLIES: Final[dict[int | str, str]] = {
    1: "General SOCKS server failure",
    2: "Connection not allowed by ruleset",
    3: "Network unreachable",
    4: "Host unreachable",
    5: "Connection refused",
    6: "TTL expired",
    7: "Command not supported",
    8: "Address type not supported",
}
"""What a SOCKS proxy answers, by RFC 1928, 6, as httpcore words it."""
LOGIN: Final = "login"
"""A SOCKS proxy refused the name and the password, by RFC 1929, 2."""
ANONYMOUS: Final = "anonymous"
"""It takes nobody without a login: no acceptable methods, by RFC 1928, 3."""
WITH_LOGIN: Final = "with login"
"""The same, of a client that would have logged in."""
_OF_SEVERAL: Final = re.compile(r"Multiple exceptions: \[Errno (\d+)\]")
_WORDS = (
    (socket.gaierror, "dns"),
    (ssl.SSLCertVerificationError, "certificate"),
    (ssl.SSLEOFError, CUT_HANDSHAKE),
    (ssl.SSLError, "handshake"),
    (TimeoutError, TIMEOUT),
)


def why_unconnected(failure: BaseException) -> Ending | None:
    """The ending of an exchange whose connection failed so; None where no error of the system is behind it."""
    chain = [*origins(failure)]
    for each in chain:
        if isinstance(each, OSError) and not isinstance(each, ssl.SSLWantReadError):
            word = next((word for kind, word in _WORDS if isinstance(each, kind)), "")
            if type(each) is ConnectionResetError and each.errno is None:  # asyncio's, where TLS was being made
                word = CUT_HANDSHAKE
            if word == TIMEOUT and any(map(_is_of_handshake, chain)):
                word = LATE_TIMEOUT
            several = _OF_SEVERAL.match(str(each))  # a host's addresses, each of which was tried
            number = int(several[1]) if several else each.errno or 0
            if reason := word or errno.errorcode.get(number):
                return unconnected("refused" if reason == "ECONNREFUSED" else reason)
    return None


def is_of_handshake(failure: BaseException) -> bool:
    """Whether the other side's part of a TLS handshake was waited for."""
    return any(isinstance(each, ssl.SSLWantReadError) for each in origins(failure))


def unconnected(note: str) -> Ending:
    """The ending of an exchange that had no connection, for this reason."""
    return Ending(EndingKind.UNCONNECTED, note=note)


def no_tunnel(said: str) -> Ending | None:
    """The ending where a proxy said this, ``407 Proxy Authentication Required``, and made no tunnel."""
    return unconnected(_TUNNEL + said) if re.match(r"\d{3}\b", said) else None


def proxy_said(note: str) -> str:
    """What the proxy said that made no tunnel; empty where that is not why."""
    return note.removeprefix(_TUNNEL) if note.startswith(_TUNNEL) else ""


def no_socks(said: int | str | None) -> Ending | None:
    """The ending where a SOCKS proxy answered with this code, or refused who asks, and connected to nothing."""
    return unconnected(f"{_SOCKS}{said}") if said in {*SOCKS_REPLIES, LOGIN, ANONYMOUS, WITH_LOGIN} else None


def socks_said(note: str) -> int | str:
    """The code that a SOCKS proxy answered with, or how it refused who asks; 0 where that is not why."""
    said = note.removeprefix(_SOCKS) if note.startswith(_SOCKS) else "0"
    return int(said) if said.isdecimal() else said


def connect_error(note: str) -> OSError:
    """What the system, or TLS, says of a connection that failed for this reason.

    Where it was recorded on a system with other errors than this one's, it was refused, and the text names the reason.
    """
    match note:
        case "dns":
            return socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        case "certificate":
            problem = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate"
            return ssl.SSLCertVerificationError(1, problem)
        case "handshake":
            return ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
        case "handshake closed":
            return ssl.SSLEOFError(8, "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol")
        case "proxy reset":
            note = RESET
    for number, name in errno.errorcode.items():
        if name == ("ECONNREFUSED" if note == "refused" else note):
            return OSError(number, os.strerror(number))
    return ConnectionRefusedError(errno.ECONNREFUSED, f"{note}, an error that this system does not have")


def _is_of_handshake(failure: BaseException) -> bool:
    """Whether it tells of a TLS handshake: Python says so, or the loop was waiting for the other's part of it."""
    return isinstance(failure, ssl.SSLWantReadError) or (
        isinstance(failure, TimeoutError) and "handshake" in str(failure)
    )
