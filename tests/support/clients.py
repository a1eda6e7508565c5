"""Ways of reading a streamed answer, one small function for each client and each of its readers.

All take a URL, a body and a timeout, and give what their user saw. What is true of every client is tested by all.
"""

from __future__ import annotations

import asyncio
import http.client
import socket
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import httpx
import httpx2
import requests
import trio
import urllib3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

BODY = b'{"prompt": "hello"}'
LOOPS = {"anyio", "asyncio", "trio"}
RESET_OF_OLD_ANYIO = {"builtins.IndexError": "builtins.ConnectionResetError"}
"""anyio 4.4 says of a lost connection that its queue is empty; newer ones, and replays, what the connection died of."""
JSON = {"Content-Type": "application/json"}


@dataclass
class Seen:
    """What a client's user saw: the head, the chunks in the client's own cuts, and the exception's class and text."""

    status: int = 0
    version: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    chunks: list[bytes] = field(default_factory=list)
    failure: str = ""
    text: str = ""

    @property
    def view(self) -> tuple[object, ...]:
        """All but the exception's text."""
        return self.status, self.version, self.fields, self.chunks, self.failure

    def head(self, status: int, version: object, fields: Any) -> None:
        self.status, self.version, self.fields = status, str(version), tuple(fields)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Keep the failure of the block as its class, that of its causes, and its text."""
        try:
            yield
        except Exception as failure:
            if type(failure).__module__.startswith(("fakegpt_testkit", "_pytest")):
                raise
            self.failure = " < ".join(chain(failure))
            self.text = str(failure)


def chain(failure: BaseException | None) -> Iterator[str]:
    """The classes of a failure and of what it came from; what the loop raises within itself is no part of it."""
    while failure is not None:
        kind = type(failure)
        if kind.__module__.partition(".")[0] not in LOOPS:
            name = f"{kind.__module__}.{kind.__qualname__}"
            yield RESET_OF_OLD_ANYIO.get(name, name)
        if isinstance(failure, socket.gaierror):
            return  # anyio 4.4 saw first that the name is no address, and says so below this
        failure = failure.__cause__ or failure.__context__


def with_httpx(module: ModuleType, reader: str, url: str, timeout: float) -> Seen:
    seen = Seen()
    with (
        seen.noting(),
        module.Client(timeout=timeout, verify=False, trust_env=False) as client,
        client.stream("POST", url, content=BODY, headers=JSON) as response,
    ):
        seen.head(response.status_code, response.http_version, response.headers.multi_items())
        for chunk in getattr(response, reader)():
            seen.chunks.append(chunk if isinstance(chunk, bytes) else chunk.encode())
    return seen


def with_async_httpx(
    module: ModuleType, reader: str, url: str, timeout: float, run: Callable[..., Any] = asyncio.run
) -> Seen:
    seen = Seen()

    async def main() -> None:
        with seen.noting():
            async with (
                module.AsyncClient(timeout=timeout, verify=False, trust_env=False) as client,
                client.stream("POST", url, content=BODY, headers=JSON) as response,
            ):
                seen.head(response.status_code, response.http_version, response.headers.multi_items())
                async for chunk in getattr(response, reader)():
                    seen.chunks.append(chunk if isinstance(chunk, bytes) else chunk.encode())

    if run is asyncio.run:
        asyncio.run(main())
    else:
        run(main)
    return seen


def with_requests(reader: str, url: str, timeout: float) -> Seen:
    seen = Seen()
    with (
        seen.noting(),
        requests.Session() as session,
        session.post(url, data=BODY, headers=JSON, stream=True, timeout=timeout) as response,
    ):
        seen.head(response.status_code, response.raw.version, response.raw.headers.items())
        chunks = response.iter_content(None) if reader == "content" else response.iter_lines(None)
        seen.chunks.extend(chunks)  # what came before a failure is kept: extend appends one at a time
    return seen


def with_urllib3(reader: str, url: str, timeout: float) -> Seen:
    seen = Seen()
    with seen.noting(), urllib3.PoolManager() as pool:
        response = pool.request(
            "POST", url, body=BODY, headers=JSON, preload_content=False, timeout=timeout, retries=False
        )
        seen.head(response.status, response.version, response.headers.items())
        try:
            if reader == "stream":
                for chunk in response.stream(None, decode_content=True):
                    seen.chunks.append(chunk)
            else:
                while chunk := response.read1():
                    seen.chunks.append(chunk)
        finally:
            response.release_conn()
            response.close()
    return seen


def with_http_client(url: str, timeout: float) -> Seen:
    seen = Seen()
    there = urlsplit(url)
    connection = http.client.HTTPConnection(there.hostname or "", there.port, timeout=timeout)
    try:
        with seen.noting():
            connection.request("POST", f"{there.path}", BODY, JSON)
            with connection.getresponse() as response:
                seen.head(response.status, response.version, response.getheaders())
                while chunk := response.read1():
                    seen.chunks.append(chunk)
    finally:
        connection.close()
    return seen


def with_urllib_request(url: str, timeout: float) -> Seen:
    seen = Seen()
    asked = urllib.request.Request(url, BODY, JSON)
    with seen.noting():
        try:
            answer = urllib.request.urlopen(asked, timeout=timeout)
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            seen.head(answer.status, answer.version if hasattr(answer, "version") else "", answer.headers.items())
            while chunk := answer.read1():
                seen.chunks.append(chunk)
    return seen


def with_aiohttp(url: str, timeout: float) -> Seen:
    seen = Seen()

    async def main() -> None:
        limits = aiohttp.ClientTimeout(total=2 * timeout, sock_read=timeout)
        with seen.noting():
            async with (
                aiohttp.ClientSession(timeout=limits) as session,
                session.post(url, data=BODY, headers=JSON) as response,
            ):
                fields = [(name.decode(), value.decode("utf-8", "replace")) for name, value in response.raw_headers]
                seen.head(response.status, response.version, fields)
                async for chunk in response.content.iter_any():
                    seen.chunks.append(chunk)

    asyncio.run(main())
    return seen


WAYS: dict[str, Callable[[str, float], Seen]] = {
    **{
        f"{module.__name__} {name}": partial(with_httpx, module, name)
        for module in (httpx, httpx2)
        for name in ("iter_raw", "iter_bytes")
    },
    **{
        f"{module.__name__} {name}": partial(with_async_httpx, module, name)
        for module in (httpx, httpx2)
        for name in ("aiter_raw", "aiter_lines")
    },
    **{
        f"{module.__name__} trio": partial(with_async_httpx, module, "aiter_raw", run=trio.run)
        for module in (httpx, httpx2)
    },
    "requests content": partial(with_requests, "content"),
    "requests lines": partial(with_requests, "lines"),
    "urllib3 stream": partial(with_urllib3, "stream"),
    **({"urllib3 read1": partial(with_urllib3, "read1")} if hasattr(urllib3.HTTPResponse, "read1") else {}),
    "http.client read1": with_http_client,
    "urllib.request": with_urllib_request,
    "aiohttp iter_any": with_aiohttp,
}
