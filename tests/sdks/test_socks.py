"""A SOCKS proxy is passed by as any other: what comes through it is recorded, and a replay asks it nothing."""

from __future__ import annotations

import asyncio
import gc
import re
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import aiohttp
import httpx
import httpx2
import pytest
import requests
from aiohttp_socks import ProxyConnector
from support.behaviours import answer_of
from support.raw import raw_server
from support.tls import server_tls

from fakegpt_testkit import guard
from fakegpt_testkit.recorder import use_cassette

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    Ask = Callable[[str, str], bytes]

REFUSED = 5
"""What a SOCKS 5 proxy says where nobody listens."""


def pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


NO_METHOD = 0xFF
"""What it says to who offers no way to log in that it takes."""
BY_NAME = 2
"""What it says to who is to log in by a name and a password."""


@contextmanager
def socks_proxy(port: int, says: int = 0, method: int = 0, login: int = 0) -> Iterator[tuple[str, list[int]]]:
    """A SOCKS 5 proxy through which everything leads to this port, or that says no; and who came."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    came: list[int] = []

    def serve(client: socket.socket) -> None:
        with suppress(OSError), client:
            client.recv(client.recv(2)[1])
            client.sendall(bytes([5, method]))
            if method:
                came.append(method)
                client.recv(600)  # a login, or the end
                client.sendall(bytes([1, login]))
                if method == NO_METHOD or login:
                    return
            length = client.recv(1)[0] if client.recv(4)[3] == 3 else 4
            client.recv(length + 2)
            came.append(says)
            client.sendall(bytes([5, says, 0, 1, 0, 0, 0, 0, 0, 0]))
            if not says:
                with socket.create_connection(("127.0.0.1", port)) as service:
                    back = threading.Thread(target=pump, args=(client, service), daemon=True)
                    back.start()
                    pump(service, client)
                    back.join(5)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"socks5://127.0.0.1:{listener.getsockname()[1]}", came
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


NO_CHECK = ssl._create_unverified_context()


def by_httpx(module: ModuleType, url: str, proxy: str) -> bytes:
    with module.Client(proxy=proxy, verify=NO_CHECK) as client:
        return bytes(client.get(url).content)


async def awaited(url: str, proxy: str) -> bytes:
    async with httpx2.AsyncClient(proxy=proxy, verify=NO_CHECK) as client:
        return (await client.get(url)).content


async def by_aiohttp(url: str, proxy: str) -> bytes:
    connector = ProxyConnector.from_url(proxy, ssl=NO_CHECK)
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as response:
        return await response.read()


def by_requests(url: str, proxy: str) -> bytes:
    named = proxy.replace("socks5", "socks5h")  # the proxy looks up the name
    return requests.get(url, proxies={"http": named, "https": named}, verify=False).content


ASKS: dict[str, Ask] = {
    "httpx": lambda url, proxy: by_httpx(httpx, url, proxy),
    "httpx2": lambda url, proxy: by_httpx(httpx2, url, proxy),
    "httpx2 async": lambda url, proxy: asyncio.run(awaited(url, proxy)),
    "requests": by_requests,
    "aiohttp": lambda url, proxy: asyncio.run(by_aiohttp(url, proxy)),
}


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_comes_through_it_is_recorded_and_replayed(scheme: str, tmp_path: Path) -> None:
    answers = {"/x": (answer_of(b"200 OK", b"hello"),)}
    url = f"{scheme}://a.example/x"
    with (
        guard.services(),
        raw_server(answers, tls=server_tls("a.example") if scheme == "https" else None) as server,
        socks_proxy(server.port) as (proxy, came),
    ):
        with use_cassette(tmp_path / "c.yaml", record_mode="once") as recording:
            assert {name: ask(url, proxy) for name, ask in ASKS.items()} == dict.fromkeys(ASKS, b"hello")
        assert [each.request.uri for each in recording.interactions] == [url] * len(ASKS)
        before = len(came), *server.seen
        with use_cassette(tmp_path / "c.yaml") as session:
            assert {name: ask(url, proxy) for name, ask in ASKS.items()} == dict.fromkeys(ASKS, b"hello")
        assert not session.unplayed
        assert (len(came), *server.seen) == before


def failures(url: str, proxy: str) -> dict[str, list[tuple[str, str]]]:
    """What each client raises that asks this through this proxy."""
    raised = {}
    for name, ask in ASKS.items():
        with pytest.raises(Exception) as failure:
            ask(url, proxy)
        raised[name] = seen(failure.value)
    return raised


def seen(failure: BaseException) -> list[tuple[str, str]]:
    """The classes and texts of a failure and of what it came from, but for where an object lies in memory."""
    told = [(type(failure).__name__, re.sub(r" at 0x[0-9a-f]{6,}|object at \w+", "", str(failure)))]
    cause = failure.__cause__ or failure.__context__
    return told + (seen(cause) if cause is not None else [])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # clients leave that connection open
@pytest.mark.parametrize("says", [REFUSED, 2, 4])
def test_what_it_refuses_is_recorded_and_raised_again(says: int, tmp_path: Path) -> None:
    with guard.services(), raw_server({}) as server, socks_proxy(server.port, says) as (proxy, came):
        live = failures("http://a.example/x", proxy)
        with use_cassette(tmp_path / "c.yaml", record_mode="once") as recording:
            failures("http://a.example/x", proxy)
        assert [each.response.ending.note for each in recording.interactions] == [f"socks {says}"] * len(ASKS)
        asked = len(came)
        with use_cassette(tmp_path / "c.yaml") as session:
            replayed = failures("http://a.example/x", proxy)
        assert not session.unplayed
        assert len(came) == asked == 2 * len(ASKS)
        assert {name: each[0] for name, each in replayed.items()} == {name: each[0] for name, each in live.items()}
        gc.collect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # clients leave that connection open
@pytest.mark.parametrize(
    ("login", "method", "notes"),
    [
        ("", NO_METHOD, {"socks anonymous"}),
        ("ann:wrong@", NO_METHOD, {"socks anonymous", "socks with login"}),
        ("ann:wrong@", BY_NAME, {"socks login"}),
    ],
    ids=["anonymous", "no login", "another password"],
)
def test_whom_it_refuses_is_recorded_and_raised_again(login: str, method: int, notes: set[str], tmp_path: Path) -> None:
    with guard.services(), raw_server({}) as server, socks_proxy(server.port, method=method, login=1) as (proxy, came):
        named = proxy.replace("//", f"//{login}")
        live = failures("http://a.example/x", named)
        with use_cassette(tmp_path / "c.yaml", record_mode="once") as recording:
            failures("http://a.example/x", named)
        assert {each.response.ending.note for each in recording.interactions} == notes
        assert len(recording.interactions) == len(ASKS)
        asked = len(came)
        with use_cassette(tmp_path / "c.yaml") as session:
            replayed = failures("http://a.example/x", named)
        assert not session.unplayed
        assert len(came) == asked == 2 * len(ASKS)
        assert {name: each[0] for name, each in replayed.items()} == {name: each[0] for name, each in live.items()}
        assert b"wrong" not in (tmp_path / "c.yaml").read_bytes()
        gc.collect()
