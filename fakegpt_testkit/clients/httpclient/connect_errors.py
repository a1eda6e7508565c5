"""Connections that are never made, with the exceptions that ``http.client`` and urllib3 raise for them.

Knows no deck: which failure it is comes in as an ending's note.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any, Final

from fakegpt_testkit.clients import unconnected as why

if TYPE_CHECKING:
    from fakegpt_testkit.exchange import Ending

_NO_TUNNEL: Final = "Tunnel connection failed: "
"""What ``http.client`` says before a proxy's own words."""
_SOCKS_CODE: Final = re.compile(r"\b0x0([1-8]): ")
"""In what PySocks says of a proxy's answer."""
_REJECTED: Final = "All offered SOCKS5 authentication methods were rejected"
_SOCKS_REFUSED: Final = {why.LOGIN: "SOCKS5 authentication failed", why.ANONYMOUS: _REJECTED, why.WITH_LOGIN: _REJECTED}
"""What it says of a proxy that refuses who asks."""
_WITH_A_SOCKET: Final = frozenset(
    {
        *(why.LATE_TIMEOUT, why.CUT_HANDSHAKE, why.RESET, "certificate", "handshake"),
        *(why.PROXY_TIMEOUT, why.PROXY_CLOSED, why.PROXY_RESET, why.PROXY_BREACH),
    }
)
"""What befalls a connection that has its socket already."""
_OF_HANDSHAKE: Final = {why.TIMEOUT: why.LATE_TIMEOUT}
_OF_PROXY: Final = {why.TIMEOUT: why.PROXY_TIMEOUT, why.LATE_TIMEOUT: why.PROXY_TIMEOUT, why.RESET: why.PROXY_RESET}
"""What is said more precisely of a connection that has its socket."""


def fail_to_connect(connection: http.client.HTTPConnection, ending: Ending, *, at_once: bool) -> Exception:
    """The exception to raise; a timeout comes after the client's own time for it, or ``at_once``."""
    if said := why.proxy_said(ending.note):
        return OSError(_NO_TUNNEL + said)
    failure = _failure(connection, ending.note, at_once=at_once)
    if ending.note not in _WITH_A_SOCKET:
        return _as_of_urllib3(connection, failure)
    about: Any = connection
    if hasattr(about, "_has_connected_to_proxy"):  # else urllib3 takes the proxy for the one that is not there
        about._has_connected_to_proxy = bool(about.proxy)
    return failure


def why_failed(connection: http.client.HTTPConnection, failure: Exception) -> Ending | None:
    """Why connecting failed; None where it is not known."""
    if isinstance(failure, OSError) and (said := str(failure)).startswith(_NO_TUNNEL):
        return why.no_tunnel(said.removeprefix(_NO_TUNNEL))
    if isinstance(failure, http.client.RemoteDisconnected):
        return why.unconnected(why.PROXY_CLOSED)
    if isinstance(failure, http.client.HTTPException):
        return why.unconnected(why.PROXY_BREACH)
    if "socks" in sys.modules and (answered := _socks_answered(str(failure))):
        return why.no_socks(answered)
    ending = why.why_unconnected(failure)
    if ending is None or connection.sock is None:
        return ending
    late = _OF_PROXY if _is_of_tunnel(failure) else _OF_HANDSHAKE
    return why.unconnected(late.get(ending.note, ending.note))


def _socks_answered(said: str) -> int | str:
    """What a SOCKS proxy answered, by what is said of it; 0 where nothing is."""
    if answered := _SOCKS_CODE.search(said):
        return int(answered[1])
    return next((word for word, refused in _SOCKS_REFUSED.items() if said.endswith(refused)), 0)


def _is_of_tunnel(failure: Exception) -> bool:
    """Whether it was raised where a proxy is asked for a tunnel."""
    frames = traceback.walk_tb(failure.__traceback__)
    return any(frame.f_code.co_name == "_tunnel" for frame, _ in frames)


def _failure(
    connection: http.client.HTTPConnection, note: str, *, at_once: bool
) -> OSError | http.client.HTTPException:
    if note in why.WAITED:
        limit = connection.timeout
        if not at_once and isinstance(limit, (int, float)):
            time.sleep(limit)
        return TimeoutError("The handshake operation timed out" if note == why.LATE_TIMEOUT else "timed out")
    if (said := why.socks_said(note)) and (socks := sys.modules.get("socks")) is not None:
        return _refused_by_socks(socks, said)
    match note:
        case why.PROXY_CLOSED:
            return http.client.RemoteDisconnected("Remote end closed connection without response")
        case why.PROXY_BREACH:
            return http.client.BadStatusLine("what the proxy said is no HTTP")
    return why.connect_error(note)


def _refused_by_socks(socks: Any, said: int | str) -> OSError:
    """PySocks' own exception for what a proxy answered."""
    failure: OSError
    if isinstance(said, int):
        failure = socks.SOCKS5Error(f"0x{said:02x}: {socks.SOCKS5_ERRORS.get(said, 'Unknown error')}")
    else:
        failure = socks.SOCKS5AuthError(_SOCKS_REFUSED.get(said, said))
    return failure


def _as_of_urllib3(connection: Any, failure: Exception) -> Exception:
    """urllib3's connection words what its socket raises anew, where it makes the socket."""
    module = sys.modules.get("urllib3.connection")
    if module is None or not isinstance(connection, module.HTTPConnection) or isinstance(failure, ssl.SSLError):
        return failure
    exceptions = sys.modules["urllib3.exceptions"]
    wrapped: Exception
    if isinstance(failure, TimeoutError):
        said = f"Connection to {connection.host} timed out. (connect timeout={connection.timeout})"
        wrapped = exceptions.ConnectTimeoutError(connection, said)
    elif isinstance(failure, socket.gaierror) and hasattr(exceptions, "NameResolutionError"):  # since urllib3 2
        wrapped = exceptions.NameResolutionError(connection.host, connection, failure)
    else:
        wrapped = exceptions.NewConnectionError(connection, f"Failed to establish a new connection: {failure}")
    wrapped.__cause__ = failure
    return wrapped
