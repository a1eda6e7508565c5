"""Connections that never come about, with the exceptions that ``http.client`` and urllib3 raise for them.

Knows no deck: which failure it is comes in as an ending's note.
"""

from __future__ import annotations

import socket
import ssl
import sys
import time
from typing import TYPE_CHECKING, Any, Final

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
    import http.client

    from fakegpt_testkit.exchange import Ending

_NO_TUNNEL: Final = "Tunnel connection failed: "
"""What ``http.client`` says before a proxy's own words."""


def fail_to_connect(connection: http.client.HTTPConnection, ending: Ending, *, at_once: bool) -> Exception:
    """The exception to raise; a timeout comes after the client's own time for it, or ``at_once``."""
    if said := proxy_said(ending.note):
        return OSError(_NO_TUNNEL + said)
    failure = _failure(connection, ending.note, at_once=at_once)
    if ending.note not in {LATE_TIMEOUT, PROXY_TIMEOUT}:
        return _as_of_urllib3(connection, failure)
    about: Any = connection
    if hasattr(about, "_has_connected_to_proxy"):  # else urllib3 takes the proxy for the one that is not there
        about._has_connected_to_proxy = bool(about.proxy)
    return failure


def why_failed(connection: http.client.HTTPConnection, failure: Exception) -> Ending | None:
    """Why connecting failed; None where it is not known."""
    if isinstance(failure, OSError) and (said := str(failure)).startswith(_NO_TUNNEL):
        return no_tunnel(said.removeprefix(_NO_TUNNEL))
    why = why_unconnected(failure)
    if why is None or why.note != TIMEOUT or connection.sock is None:
        return why
    tunnel: str | None = connection._tunnel_host  # type: ignore[attr-defined] # named so since Python 2.7
    return unconnected(PROXY_TIMEOUT if tunnel else LATE_TIMEOUT)


def _failure(connection: http.client.HTTPConnection, note: str, *, at_once: bool) -> OSError:
    match note:
        case "dns":
            return socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        case "certificate":
            problem = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate"
            return ssl.SSLCertVerificationError(1, problem)
        case "handshake":
            return ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
        case note if note in WAITED:
            limit = connection.timeout
            if not at_once and isinstance(limit, (int, float)):
                time.sleep(limit)
            return TimeoutError("The handshake operation timed out" if note == LATE_TIMEOUT else "timed out")
    return connect_error(note)


def _as_of_urllib3(connection: Any, failure: OSError) -> Exception:
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
