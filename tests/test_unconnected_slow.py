"""Connections that take too long, and proxies that make no tunnel: recorded, and replayed as each client's own."""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
import struct
import urllib.request
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import httpx2
import pytest
import requests
import trio
import urllib3
from support.clients import chain
from support.listening import answering_each
from support.raw import raw_server

from fakegpt_testkit import guard
from fakegpt_testkit.exchange import EndingKind
from fakegpt_testkit.recorder import load_cassette, use_cassette

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    from support.servers import Answer, Asked

    Ask = Callable[[str, str, float], Any]

CONTEXT = ssl.create_default_context()
LOOPS_OWN = {"ssl.SSLWantReadError", "builtins.BaseExceptionGroup"}
"""What the loop was doing when it was stopped."""


async def by_aiohttp(url: str, proxy: str, **limits: Any) -> None:
    timeout = aiohttp.ClientTimeout(**{"total": None, **limits})
    async with aiohttp.ClientSession(timeout=timeout) as session:
        await session.get(url, proxy=proxy or None)


async def by_httpx(module: ModuleType, url: str, proxy: str, limit: float) -> None:
    async with module.AsyncClient(proxy=proxy or None, timeout=limit, trust_env=False, verify=CONTEXT) as client:
        await client.get(url)


def by_httpx_sync(url: str, proxy: str, limit: float) -> None:
    with httpx.Client(proxy=proxy or None, timeout=limit, trust_env=False, verify=CONTEXT) as client:
        client.get(url)


def by_requests(url: str, proxy: str, limit: float) -> None:
    with requests.Session() as session:
        session.get(url, proxies={"https": proxy} if proxy else {}, timeout=limit)


def by_urllib3(url: str, proxy: str, limit: float) -> None:
    with urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager() as pool:
        pool.request("GET", url, timeout=limit, retries=False)


def by_http_client(url: str, proxy: str, limit: float) -> None:
    there, through = urllib3.util.parse_url(url), urllib3.util.parse_url(proxy)
    kind = http.client.HTTPSConnection if there.scheme == "https" else http.client.HTTPConnection
    with closing(
        kind(str((through if proxy else there).host), (through if proxy else there).port, timeout=limit)
    ) as made:
        if proxy:
            made.set_tunnel(str(there.host), there.port)
        made.request("GET", str(there.path))


def by_urllib(url: str, proxy: str, limit: float) -> None:
    handler = urllib.request.ProxyHandler({"https": proxy} if proxy else {})
    urllib.request.build_opener(handler).open(url, timeout=limit)


ASKS: dict[str, Ask] = {
    "aiohttp": lambda url, proxy, limit: asyncio.run(by_aiohttp(url, proxy, connect=limit)),
    "httpx": by_httpx_sync,
    "httpx2 async": lambda url, proxy, limit: asyncio.run(by_httpx(httpx2, url, proxy, limit)),
    "httpx2 trio": lambda url, proxy, limit: trio.run(by_httpx, httpx2, url, proxy, limit),
    "requests": by_requests,
    "urllib3": by_urllib3,
    "http.client": by_http_client,
    "urllib.request": by_urllib,
}
SLOW: dict[str, Ask] = {
    **ASKS,
    "aiohttp, total": lambda url, proxy, limit: asyncio.run(by_aiohttp(url, proxy, total=limit)),
    "aiohttp, sock_connect": lambda url, proxy, limit: asyncio.run(by_aiohttp(url, proxy, sock_connect=limit)),
}


def failed(ask: Ask, url: str, proxy: str, limit: float) -> list[str]:
    """The classes of a failure and of what it came from."""
    try:
        ask(url, proxy, limit)
    except Exception as failure:
        return [each for each in chain(failure) if each not in LOOPS_OWN]
    pytest.fail("it found a connection")


def ending_of(file: Path) -> str:
    [ending] = [each.response.ending for each in load_cassette(file).interactions]
    assert ending.kind is EndingKind.UNCONNECTED
    return ending.note


@contextmanager
def proxy_that_says(line: bytes) -> Iterator[str]:
    """A proxy that answers each request for a tunnel with this status line."""

    def answer(_: Asked) -> Answer:
        return (b"HTTP/1.1 " + line + b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno",)

    with raw_server({"a.example:443": answer}) as server:
        yield server.url


def the_same_for_all(url: str, proxy: str, file: Path, note: str) -> None:
    """What each client sees, live, recorded, and replayed of what another recorded."""
    live = {name: failed(ask, url, proxy, 5) for name, ask in ASKS.items()}
    with use_cassette(file, record_mode="once"):
        for name, ask in ASKS.items():
            assert failed(ask, url, proxy, 5) == live[name], name
    endings = {(each.response.ending.kind, each.response.ending.note) for each in load_cassette(file).interactions}
    assert endings == {(EndingKind.UNCONNECTED, note)}
    with use_cassette(file) as session:
        for name, ask in reversed(ASKS.items()):
            assert failed(ask, url, proxy, 5) == live[name], name
    assert not session.unplayed


@pytest.mark.parametrize("line", [b"407 Proxy Authentication Required", b'403 ask: the "boss" first', b"502 "])
def test_a_proxy_that_makes_no_tunnel(line: bytes, tmp_path: Path) -> None:
    with proxy_that_says(line) as proxy:
        the_same_for_all("https://a.example/x", proxy, tmp_path / "c.yaml", f"tunnel {line.decode()}")


@pytest.mark.once
def test_what_a_proxy_said_is_what_the_clients_say(tmp_path: Path) -> None:
    def said() -> list[str]:
        told = []
        for ask in ASKS.values():
            with pytest.raises(Exception, match="407") as caught:
                ask("https://a.example/x", proxy, 5)
            told.append(f"{caught.value} {getattr(caught.value, 'status', '')}")
        return [each.partition(" at 0x")[0] for each in told]

    with proxy_that_says(b"407 Proxy Authentication Required") as proxy:
        live = said()
        with use_cassette(tmp_path / "c.yaml", record_mode="all"):
            said()
    with use_cassette(tmp_path / "c.yaml"):
        assert said() == live


TUNNEL = b"HTTP/1.1 200 Connection Established\r\n\r\n"
CUT: dict[str, tuple[bytes, bool]] = {
    "proxy closed": (b"", False),
    "proxy reset": (b"", True),
    "proxy breach": (b"SSH-2.0-x\r\n\r\n", False),
    "handshake closed": (b"", False),
    "ECONNRESET": (b"", True),
    "handshake closed, in a tunnel": (TUNNEL, False),
    "ECONNRESET, in a tunnel": (TUNNEL, True),
}
"""The note; what is said before the connection is closed, and whether it is reset."""


@contextmanager
def hanging_up(said: bytes, reset: bool) -> Iterator[int]:
    """A port at which each connection is closed once something was heard, in a tunnel once that was heard in it."""

    def answer(taken: socket.socket) -> None:
        taken.recv(65536)
        taken.sendall(said)
        if said == TUNNEL:
            taken.recv(65536)
        if reset:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with answering_each(answer) as port:
        yield port


@pytest.mark.parametrize("case", CUT)
def test_a_connection_that_is_cut_before_it_is_one(case: str, tmp_path: Path) -> None:
    """By a proxy that is asked for a tunnel, or in the midst of TLS."""
    with guard.services(), hanging_up(*CUT[case]) as port:
        of_proxy = ("https://a.example/x", f"http://127.0.0.1:{port}")
        url, proxy = of_proxy if "proxy" in case or "tunnel" in case else (f"https://127.0.0.1:{port}/x", "")
        the_same_for_all(url, proxy, tmp_path / "c.yaml", case.partition(",")[0])


@contextmanager
def taking_nobody() -> Iterator[int]:
    """A port whose queue is full: who connects waits."""
    with socket.socket() as listener, ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            each = waiting.enter_context(socket.socket())
            each.setblocking(False)
            with suppress(BlockingIOError):
                each.connect(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.mark.parametrize("where", ["connection", "handshake", "tunnel"])
def test_what_takes_too_long(where: str, tmp_path: Path) -> None:
    """To connect, or TLS on the connection, or the tunnel on it."""
    with taking_nobody() as full, socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        port = silent.getsockname()[1]
        url, proxy = {
            "connection": (f"http://127.0.0.1:{full}/x", ""),
            "handshake": (f"https://127.0.0.1:{port}/x", ""),
            "tunnel": ("https://a.example/x", f"http://127.0.0.1:{port}"),
        }[where]
        asks = {name: ask for name, ask in SLOW.items() if (name, where) != ("aiohttp, sock_connect", "tunnel")}
        where_in_words = {"connection": "timeout", "handshake": "handshake timeout", "tunnel": "proxy timeout"}[where]
        seen = {}
        for name, ask in asks.items():
            vague = "total" if name == "aiohttp, total" else "timeout"
            says_where = not name.startswith("aiohttp") and (name, where) != ("httpx2 trio", "handshake")
            told = where_in_words if says_where else vague
            for patience in (0.02, 0.2, 2.0):  # on a busy machine the step before may take as long
                with use_cassette(tmp_path / f"{name}.yaml", record_mode="all"):
                    seen[name] = failed(ask, url, proxy, patience), patience
                if (tmp_path / f"{name}.yaml").exists() and ending_of(tmp_path / f"{name}.yaml") == told:
                    break
            assert ending_of(tmp_path / f"{name}.yaml") == told, name
    for name, ask in asks.items():
        live, patience = seen[name]
        for pace in ("lockstep", "recorded"):
            with use_cassette(tmp_path / f"{name}.yaml", pace=pace) as session:
                assert failed(ask, url, proxy, patience) == live, name
            assert not session.refused
