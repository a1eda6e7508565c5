"""Connections that never come about, with the exceptions that aiohttp's connector raises for them.

Knows no deck: which failure it is comes in as an ending.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientProxyConnectionError,
    UnixConnector,
)
from aiohttp.client_exceptions import UnixClientConnectorError

from fakegpt_testkit.clients.unconnected import connect_error

if TYPE_CHECKING:
    from aiohttp import BaseConnector, ClientRequest, ClientTimeout

    from fakegpt_testkit.exchange import Ending


async def fail_to_connect(
    connector: BaseConnector,
    req: ClientRequest,
    timeout: ClientTimeout,  # noqa: ASYNC109 - the client's own, read and never set
    ending: Ending,
    *,
    at_once: bool,
) -> Exception:
    """The exception to raise; a timeout comes after the client's own time for it, or ``at_once``."""
    if ending.note == "timeout":
        if not at_once:
            await _knock(timeout)
        return TimeoutError()
    failure, cause = _failure(connector, req, ending.note)
    failure.__cause__ = failure.__context__ = cause
    return failure


def _failure(connector: BaseConnector, req: ClientRequest, note: str) -> tuple[Exception, Exception]:
    """The client's own exception, and what it comes from."""
    key = req.connection_key
    match note:
        case "dns":
            unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            # The class is aiohttp 3.10's; before that it was its base.
            kind: type[ClientConnectorError] = getattr(aiohttp, "ClientConnectorDNSError", ClientConnectorError)
            return kind(key, unknown), unknown
        case "certificate":
            problem = ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate")
            return ClientConnectorCertificateError(key, problem), problem
        case "handshake":
            wrong = ssl.SSLError(1, "wrong version number")
            return ClientConnectorSSLError(key, wrong), wrong
    cause = connect_error(note)
    if isinstance(connector, UnixConnector):
        return UnixClientConnectorError(connector.path, key, cause), cause
    there = (req.proxy.host, req.proxy.port) if req.proxy else (req.host, req.port)
    cause = OSError(cause.errno, f"Connect call failed {there}")
    failed: type[ClientConnectorError] = ClientProxyConnectionError if req.proxy else ClientConnectorError
    return failed(key, cause), cause


async def _knock(timeout: ClientTimeout) -> None:  # noqa: ASYNC109 - the client's own, read and never set
    limits = [limit for limit in (timeout.connect, timeout.sock_connect) if limit]
    if not limits:
        await asyncio.Event().wait()  # until the client's total timeout
    await asyncio.sleep(min(limits))
