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
    ClientHttpProxyError,
    ClientProxyConnectionError,
    RequestInfo,
    UnixConnector,
)
from aiohttp.client_exceptions import UnixClientConnectorError
from aiohttp.helpers import TimerContext
from multidict import CIMultiDict, CIMultiDictProxy

from fakegpt_testkit.clients.unconnected import (
    TIMEOUT,
    TOTAL,
    WAITED,
    connect_error,
    no_tunnel,
    proxy_said,
    unconnected,
    why_unconnected,
)

if TYPE_CHECKING:
    from aiohttp import BaseConnector, ClientRequest, ClientTimeout

    from fakegpt_testkit.exchange import Ending


def why_failed(req: ClientRequest, failure: BaseException, limit: float | None, waited: float) -> Ending | None:
    """Why connecting failed, after so many seconds of ``limit``; None where it is not known, or the program left."""
    if isinstance(failure, ClientHttpProxyError):
        return no_tunnel(f"{failure.status} {failure.message}")
    if not isinstance(failure, asyncio.CancelledError):
        return why_unconnected(failure)
    if isinstance(req._timer, TimerContext) and req._timer._cancelled:
        return unconnected(TOTAL)
    # aiohttp before 3.10 keeps this limit around its connector, begun some microseconds before
    return unconnected(TIMEOUT) if limit and waited > limit - 0.001 else None


async def fail_to_connect(
    connector: BaseConnector,
    req: ClientRequest,
    timeout: ClientTimeout,  # noqa: ASYNC109 - the client's own, read and never set
    ending: Ending,
    *,
    at_once: bool,
) -> Exception:
    """The exception to raise; a timeout comes after the client's own time for it, or ``at_once``."""
    if ending.note in WAITED - {TOTAL}:
        if not at_once:
            await _knock(timeout)
        return TimeoutError()
    if ending.note == TOTAL:
        await _run_out(req, at_once=at_once)
        return TimeoutError()
    failure, cause = _failure(connector, req, ending.note)
    failure.__cause__ = failure.__context__ = cause
    return failure


def _failure(connector: BaseConnector, req: ClientRequest, note: str) -> tuple[Exception, Exception | None]:
    """The client's own exception, and what it comes from, where that is another."""
    key = req.connection_key
    if said := proxy_said(note):
        status, _, reason = said.partition(" ")
        asked = RequestInfo(req.url, "CONNECT", CIMultiDictProxy(CIMultiDict()), req.proxy or req.url)
        return ClientHttpProxyError(asked, (), status=int(status), message=reason), None
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


async def _run_out(req: ClientRequest, *, at_once: bool) -> None:
    """Wait until the client's limit for the whole request ends this, or have it run out now."""
    if at_once and isinstance(req._timer, TimerContext):
        req._timer.timeout()
    elif at_once:
        return
    await asyncio.Event().wait()
