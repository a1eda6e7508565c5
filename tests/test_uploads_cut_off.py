"""An upload that its server did not take, or for which its client waited too long: the same on replay."""

from __future__ import annotations

import asyncio
import http.client
import socket
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3
from support.behaviours import answer_of
from support.raw import raw_server

from fakegpt_testkit.exchange import EndingKind
from fakegpt_testkit.recorder import load_cassette, use_cassette

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path
    from types import ModuleType

MORE_THAN_A_SOCKET_HOLDS = b"x" * 200_000
PATIENCE = 0.1


class Narrow(socket.socket):
    """A socket that holds little: by itself it would hold megabytes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that takes connections and reads nothing."""
    monkeypatch.setattr(socket, "socket", Narrow)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/up"


def by_httpx(module: ModuleType, url: str) -> None:
    with module.Client(timeout=module.Timeout(20, write=PATIENCE), trust_env=False) as client:
        client.post(url, content=MORE_THAN_A_SOCKET_HOLDS)


def by_async_httpx(module: ModuleType, url: str) -> None:
    async def main() -> None:
        async with module.AsyncClient(timeout=module.Timeout(20, write=PATIENCE), trust_env=False) as client:
            await client.post(url, content=MORE_THAN_A_SOCKET_HOLDS)

    asyncio.run(main())


def by_http_client(url: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    try:
        connection.request("POST", "/up", MORE_THAN_A_SOCKET_HOLDS)
    finally:
        connection.close()


def by_aiohttp(url: str, **options: Any) -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as session, session.post(url, **options):
            pass

    asyncio.run(main())


async def slow_parts() -> AsyncIterator[bytes]:
    yield b"begun"
    await asyncio.sleep(9)


def by_aiohttp_waiting(url: str) -> None:
    by_aiohttp(url, data=b"all", expect100=True, timeout=aiohttp.ClientTimeout(PATIENCE))


def by_aiohttp_slowly(url: str) -> None:
    by_aiohttp(url, data=slow_parts(), timeout=aiohttp.ClientTimeout(PATIENCE))


def by_aiohttp_cancelled(url: str) -> None:
    async def main() -> None:
        async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as session, session.post(url, data=slow_parts()):
            pass

    asyncio.run(main())


SENDERS: dict[str, Callable[[str], object]] = {
    "httpx": lambda url: by_httpx(httpx, url),
    "httpx2": lambda url: by_httpx(httpx2, url),
    "async httpx": lambda url: by_async_httpx(httpx, url),
    "async httpx2": lambda url: by_async_httpx(httpx2, url),
    "requests": lambda url: requests.post(url, MORE_THAN_A_SOCKET_HOLDS, timeout=PATIENCE),
    "urllib3": lambda url: urllib3.PoolManager(timeout=PATIENCE, retries=False).request(
        "POST", url, body=MORE_THAN_A_SOCKET_HOLDS
    ),
    "http.client": by_http_client,
    "aiohttp, no 100": by_aiohttp_waiting,
    "aiohttp, slow parts": by_aiohttp_slowly,
    "aiohttp, cancelled": by_aiohttp_cancelled,
}


@pytest.mark.parametrize("send", SENDERS.values(), ids=SENDERS)
def test_an_upload_that_ends_with_the_client_s_patience_replays(
    send: Callable[[str], object], deaf: str, tmp_path: Path
) -> None:
    def failure() -> tuple[type, str]:
        with pytest.raises(Exception) as raised:
            send(deaf)
        return type(raised.value), str(raised.value)

    live = failure()
    with use_cassette(tmp_path / "c.yaml", record_mode="all"):
        assert failure() == live
    [only] = load_cassette(tmp_path / "c.yaml").interactions
    assert only.response.ending.kind in {EndingKind.TIMEOUT, EndingKind.CANCELLED}
    with use_cassette(tmp_path / "c.yaml") as session:
        assert failure() == live
    assert session.unplayed == ()


def breaks() -> Iterator[bytes]:
    """A body whose program fails in its midst."""
    yield b"one"
    raise KeyError("two")


async def breaks_awaited() -> AsyncIterator[bytes]:
    for part in breaks():
        yield part


def send_httpx(module: ModuleType, method: str, url: str, **options: Any) -> object:
    return module.request(method, url, **options).content


def send_async_httpx(module: ModuleType, method: str, url: str, **options: Any) -> object:
    async def main() -> object:
        async with module.AsyncClient() as client:
            return (await client.request(method, url, **options)).content

    if "content" in options:
        options["content"] = breaks_awaited()
    return asyncio.run(main())


def send_requests(method: str, url: str, content: Iterator[bytes] | None = None, **options: Any) -> object:
    return requests.request(method, url, data=content, timeout=20, **options).content


def send_aiohttp(method: str, url: str, **options: Any) -> object:
    async def main() -> object:
        data = breaks_awaited() if options.pop("content", None) else None
        async with aiohttp.ClientSession() as session, session.request(method, url, data=data, **options) as response:
            return await response.read()

    return asyncio.run(main())


SENDS: dict[str, Callable[..., object]] = {
    "httpx": partial(send_httpx, httpx),
    "httpx2": partial(send_httpx, httpx2),
    "httpx async": partial(send_async_httpx, httpx),
    "httpx2 async": partial(send_async_httpx, httpx2),
    "requests": send_requests,
    "aiohttp": send_aiohttp,
}


@pytest.mark.parametrize("client", SENDS)
def test_what_its_own_program_breaks_off_is_no_request_and_comes_in_nobody_s_way(client: str, tmp_path: Path) -> None:
    send = SENDS[client]

    def program(url: str) -> list[object]:
        seen: list[object] = []
        for method, options in (
            ("POST", {"content": breaks()}),
            ("GET", {"headers": {"X-Bad": "a\nb"}}),
            ("GET", {"headers": {"X-Good": "a"}}),
            ("POST", {}),
        ):
            try:
                seen.append(send(method, url, **options))
            except Exception as failure:
                seen.append((type(failure).__name__, str(failure)))
        return seen

    with raw_server({"/": lambda asked: (answer_of(b"200 OK", asked.method.encode()),)}) as server:
        url = f"{server.url}/"
        live = program(url)
        assert live[2:] == [b"GET", b"POST"]
        with use_cassette(tmp_path / "c.yaml", record_mode="all") as recording:
            assert program(url) == live
        assert [each.request.method for each in recording.interactions] == ["GET", "POST"]
        asked = server.seen
        with use_cassette(tmp_path / "c.yaml") as session:
            assert program(url) == live
        assert server.seen == asked
        assert not session.unplayed
