"""Connections that are never made, with the exceptions that aiohttp's connector raises for them.

Knows no deck: which failure it is comes in as an ending.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
import sys
from inspect import signature
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientError,
    ClientHttpProxyError,
    ClientOSError,
    ClientProxyConnectionError,
    ClientResponseError,
    RequestInfo,
    ServerDisconnectedError,
    UnixConnector,
    helpers,
)
from aiohttp.client_exceptions import UnixClientConnectorError
from aiohttp.helpers import TimerContext
from aiohttp.http_exceptions import BadHttpMessage, BadStatusLine, HttpProcessingError
from multidict import CIMultiDict, CIMultiDictProxy

from fakegpt_testkit.clients import unconnected as why

_TELLS_CAUSES = "exc_cause" in signature(helpers.set_exception).parameters
"""Whether this aiohttp says where the loss of a connection comes from: not before 3.9.4."""

_NO_METHOD = "No acceptable authentication methods were offered"
_SOCKS_SAID: dict[int | str, str] = {
    5: "Connection refused by destination host",
    7: "Command not supported or protocol error",
    why.LOGIN: "Username and password authentication failure",
    why.ANONYMOUS: _NO_METHOD,
    why.WITH_LOGIN: _NO_METHOD,
}
"""What aiohttp-socks words otherwise."""

if TYPE_CHECKING:
    from aiohttp import BaseConnector, ClientRequest, ClientTimeout

    from fakegpt_testkit.exchange import Ending


def why_failed(req: ClientRequest, failure: BaseException, limit: float | None, waited: float) -> Ending | None:
    """Why connecting failed, after so many seconds of ``limit``; None where it is not known, or the program left."""
    if isinstance(failure, ClientHttpProxyError):
        return why.no_tunnel(f"{failure.status} {failure.message}")
    if isinstance(failure, ServerDisconnectedError):
        return why.unconnected(why.PROXY_CLOSED)
    if isinstance(failure, ClientResponseError):
        return why.unconnected(why.PROXY_BREACH)
    if type(failure) is ClientOSError and failure.errno == errno.ECONNRESET:  # a connector's own is of another class
        return why.unconnected(why.PROXY_RESET)
    if _of_socks(failure):
        refused = (answer for answer, said in _SOCKS_SAID.items() if str(failure) == said)
        return why.no_socks(getattr(failure, "error_code", None) or next(refused, None))
    if isinstance(failure, (ClientError, OSError)):  # TimeoutError is an OSError
        return why.why_unconnected(failure)
    if not isinstance(failure, asyncio.CancelledError):
        return None
    if isinstance(req._timer, TimerContext) and req._timer._cancelled:
        return why.unconnected(why.TOTAL)
    # aiohttp before 3.10 keeps this limit around its connector, begun some microseconds before
    return why.unconnected(why.TIMEOUT) if limit and waited > limit - 0.001 else None


async def fail_to_connect(
    connector: BaseConnector,
    req: ClientRequest,
    timeout: ClientTimeout,  # noqa: ASYNC109 - the client's own, read and never set
    ending: Ending,
    *,
    at_once: bool,
) -> Exception:
    """The exception to raise; a timeout comes after the client's own time for it, or ``at_once``."""
    if ending.note in why.WAITED - {why.TOTAL}:
        if not at_once:
            await _knock(timeout)
        return TimeoutError()
    if ending.note == why.TOTAL:
        await _run_out(req, at_once=at_once)
        return TimeoutError()
    failure, cause = _failure(connector, req, ending.note)
    failure.__cause__ = failure.__context__ = cause
    return failure


def _failure(connector: BaseConnector, req: ClientRequest, note: str) -> tuple[Exception, Exception | None]:
    """The client's own exception, and what it comes from, where that is another."""
    if said := why.proxy_said(note):
        status, _, reason = said.partition(" ")
        return ClientHttpProxyError(_asked_proxy(req), (), status=int(status), message=reason), None
    if (answered := why.socks_said(note)) and (socks := sys.modules.get("aiohttp_socks")) is not None:
        said = (why.SOCKS_REPLIES | _SOCKS_SAID).get(answered, note)
        code = answered if isinstance(answered, int) else None
        return socks.ProxyError(said, error_code=code), sys.modules["python_socks"].ProxyError(said, error_code=code)
    match note:
        case why.PROXY_CLOSED:
            return ServerDisconnectedError(), None
        case why.PROXY_BREACH:
            bad = _no_http()
            return ClientResponseError(_asked_proxy(req), (), status=bad.code, message=bad.message), bad
    cause = why.connect_error(note)
    if note == why.PROXY_RESET:
        return ClientOSError(cause.errno, cause.strerror), cause if _TELLS_CAUSES else None
    return _connector_error(connector, req, note, cause)


def _of_socks(failure: BaseException) -> bool:
    """Whether it is what aiohttp-socks raises."""
    return type(failure).__module__.partition(".")[0] in {"aiohttp_socks", "python_socks"}


def _no_http() -> HttpProcessingError:
    said = "what the proxy said is no HTTP"
    if not _TELLS_CAUSES:
        return BadHttpMessage(said)
    bad = HttpProcessingError(code=400, message=said)
    bad.__cause__ = bad.__context__ = BadStatusLine(said)
    return bad


def _connector_error(
    connector: BaseConnector, req: ClientRequest, note: str, cause: OSError
) -> tuple[Exception, Exception]:
    """What a connector makes of an error of the system, or of TLS."""
    key = req.connection_key
    match note:
        case "dns":
            # The class is aiohttp 3.10's; before that it was its base.
            kind: type[ClientConnectorError] = getattr(aiohttp, "ClientConnectorDNSError", ClientConnectorError)
            return kind(key, cause), cause
        case "certificate":
            assert isinstance(cause, ssl.SSLCertVerificationError)
            return ClientConnectorCertificateError(key, cause), cause
        case "handshake":
            return ClientConnectorSSLError(key, cause), cause
        case why.CUT_HANDSHAKE | why.RESET:
            lost = cause if note == why.RESET else ConnectionResetError()  # as asyncio says it
            return ClientConnectorError(key, lost), lost
    if isinstance(connector, UnixConnector):
        return UnixClientConnectorError(connector.path, key, cause), cause
    there = (req.proxy.host, req.proxy.port) if req.proxy else (req.host, req.port)
    cause = OSError(cause.errno, f"Connect call failed {there}")
    failed: type[ClientConnectorError] = ClientProxyConnectionError if req.proxy else ClientConnectorError
    return failed(key, cause), cause


def _asked_proxy(req: ClientRequest) -> RequestInfo:
    return RequestInfo(req.url, "CONNECT", CIMultiDictProxy(CIMultiDict()), req.proxy or req.url)


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
