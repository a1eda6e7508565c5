"""Connections that never come about, with the exceptions that aiohttp's connector raises for them.

Knows no deck: which failure it is comes in as an ending.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import ClientConnectorCertificateError, ClientConnectorError, ClientConnectorSSLError

if TYPE_CHECKING:
    from aiohttp import ClientRequest, ClientTimeout

    from fakegpt_testkit.exchange import Ending


async def fail_to_connect(req: ClientRequest, timeout: ClientTimeout, ending: Ending, *, at_once: bool) -> Exception:  # noqa: ASYNC109 - the client's own, read and never set
    """The exception to raise; a timeout comes after the client's own time for it, or ``at_once``."""
    key = req.connection_key
    match ending.note:
        case "dns":
            unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            # The class is aiohttp 3.10's; before that it was its base.
            kind: type[ClientConnectorError] = getattr(aiohttp, "ClientConnectorDNSError", ClientConnectorError)
            return kind(key, unknown)
        case "certificate":
            problem = "certificate verify failed: self-signed certificate"
            return ClientConnectorCertificateError(key, ssl.SSLCertVerificationError(1, problem))
        case "handshake":
            return ClientConnectorSSLError(key, ssl.SSLError(1, "wrong version number"))
        case "timeout":
            if not at_once:
                await _knock(timeout)
            return TimeoutError()
    return ClientConnectorError(
        key, ConnectionRefusedError(errno.ECONNREFUSED, f"Connect call failed ({req.host!r}, {req.port})")
    )


async def _knock(timeout: ClientTimeout) -> None:  # noqa: ASYNC109 - the client's own, read and never set
    limits = [limit for limit in (timeout.connect, timeout.sock_connect) if limit]
    if not limits:
        await asyncio.Event().wait()  # until the client's total timeout
    await asyncio.sleep(min(limits))
