"""What a program never closes is told, and freed, as live: answers, sessions, connections of each client."""

from __future__ import annotations

import asyncio
import gc
import http.client
import urllib.request
import warnings
import weakref
from typing import TYPE_CHECKING

import aiohttp
import httpx
import pytest
import requests
import trio
from support.raw import raw_server
from support.servers import HOLD, serve
from yarl import URL

from fakegpt_testkit import use_cassette

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"


async def forgotten(url: str) -> tuple[bool, bool]:
    """Whether a response that nobody holds is freed once its session is closed, and told by name in debug mode."""
    asyncio.get_running_loop().set_debug(True)
    asyncio.get_running_loop().slow_callback_duration = 60
    gc.collect()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        async with aiohttp.ClientSession() as session:
            gone = weakref.ref(await session.get(url))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gc.collect()
    return gone() is None, any("Unclosed response" in str(each.message) for each in told)


async def test_an_answer_that_nobody_closes_is_freed_and_told_as_live(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")
    async with serve({"/a": (HEAD, HOLD)}) as server:
        live = await forgotten(f"{server.url}/a")
        with use_cassette(tmp_path / "a.yaml", record_mode="once") as session:
            assert await forgotten(f"{server.url}/a") == live == (True, True)
        with use_cassette(tmp_path / "a.yaml") as session:
            assert await forgotten(f"{server.url}/a") == live
        assert session.left_open == ()


LEFT: dict[str, Callable[[aiohttp.ClientResponse], Awaitable[object]]] = {
    "not read": lambda _: asyncio.sleep(0),
    "read in part": lambda response: response.content.readany(),
    "read in part, byte by byte": lambda response: response.content.readexactly(1),
    "let go of": lambda response: asyncio.sleep(0, response.release()),
}


@pytest.mark.parametrize("leave", LEFT.values(), ids=LEFT)
async def test_a_closed_session_tells_no_more_of_its_open_answers_than_live(
    leave: Callable[[aiohttp.ClientResponse], Awaitable[object]], tmp_path: Path
) -> None:
    async def told(url: str) -> list[str]:
        said: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: said.append(what["message"]))
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            session = aiohttp.ClientSession()
            responses = [await session.get(url) for _ in range(2)]
            for each in responses:
                await leave(each)
            del each, responses
            gc.collect()
            await session.close()
            del session
            gc.collect()
            await asyncio.sleep(0)
            gc.collect()
        return [*said, *(str(each.message) for each in warned if "Unclosed" in str(each.message))]

    async with serve({"/a": (HEAD, HOLD)}) as server:
        live = await told(f"{server.url}/a")
        with use_cassette(tmp_path / "a.yaml", record_mode="once"):
            assert await told(f"{server.url}/a") == live == []
        with use_cassette(tmp_path / "a.yaml") as session:
            assert await told(f"{server.url}/a") == live
        assert len(session.played) == 2


async def never_closed(url: str) -> None:
    session = aiohttp.ClientSession()
    await (await session.get(url)).read()


async def never_kept(url: str) -> None:
    response = await aiohttp.ClientSession().get(url)
    await response.read()


async def never_closed_by_its_owner(url: str) -> None:
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(), connector_owner=False) as session,
        session.get(url) as response,
    ):
        await response.read()


async def detached(url: str) -> None:
    session = aiohttp.ClientSession()
    for _ in range(2):
        await (await session.get(url)).read()
    session.detach()


async def not_kept_open(url: str) -> None:
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector, connector_owner=False) as session, session.get(url) as answer:
        await answer.read()


async def closed(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        await response.read()


async def never_released(url: str) -> None:
    request = aiohttp.ClientRequest("GET", URL(url), loop=asyncio.get_running_loop())
    async with aiohttp.TCPConnector() as connector:
        await connector.connect(request, [], aiohttp.ClientTimeout())
        gc.collect()
        asyncio.get_running_loop().call_exception_handler({"message": "Unclosed so far"})


NEVER_CLOSED: dict[Callable[[str], Awaitable[None]], list[str]] = {
    never_closed: ["client session", "connector"],
    never_kept: ["client session", "connector"],
    never_closed_by_its_owner: ["connector"],
    detached: ["connector"],
    not_kept_open: [],
    closed: [],
    never_released: ["connection", "so far"],
}


@pytest.mark.parametrize("ask", NEVER_CLOSED, ids=lambda each: each.__name__)
async def test_what_is_never_closed_is_told_as_live(ask: Callable[[str], Awaitable[None]], tmp_path: Path) -> None:
    async def told(url: str) -> list[str]:
        said: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: said.append(what["message"]))
        with warnings.catch_warnings(action="ignore"):  # one that is kept would keep what it is of
            await ask(url)
            gc.collect()
            await asyncio.sleep(0)
            gc.collect()
        return said

    async with serve({"/a": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",)}) as server:
        live = await told(f"{server.url}/a")
        with use_cassette(tmp_path / "a.yaml", record_mode="once"):
            assert await told(f"{server.url}/a") == live
        with use_cassette(tmp_path / "a.yaml"):
            assert await told(f"{server.url}/a") == live
    assert live == [f"Unclosed {each}" for each in NEVER_CLOSED[ask]]


async def dropped(url: str) -> None:
    await httpx.AsyncClient().get(url)


async def dropped_unread(url: str) -> None:
    client = httpx.AsyncClient()
    await client.send(client.build_request("GET", url), stream=True)


async def awaited_and_closed(url: str) -> None:
    async with httpx.AsyncClient() as client:
        await client.send(client.build_request("GET", url), stream=True)


def of_http_client(url: str) -> None:
    connection = http.client.HTTPConnection(url.split("/")[2])
    connection.request("GET", "/a")
    connection.getresponse().read()


def closed_unread(url: str) -> None:
    with httpx.Client() as client:
        client.send(client.build_request("GET", url), stream=True)


CONNECTIONS: dict[str, tuple[Callable[[str], object], str]] = {
    "httpx": (lambda url: httpx.Client().get(url), "unclosed <socket.socket"),
    "httpx, unread and closed": (closed_unread, ""),
    "httpx, asyncio": (lambda url: asyncio.run(dropped(url)), "unclosed transport <_SelectorSocketTransport"),
    "httpx, asyncio, unread": (
        lambda url: asyncio.run(dropped_unread(url)),
        "unclosed transport <_SelectorSocketTransport",
    ),
    "httpx, asyncio, closed": (lambda url: asyncio.run(awaited_and_closed(url)), ""),
    "httpx, trio": (lambda url: trio.run(dropped, url), "unclosed <socket.socket"),
    "http.client": (of_http_client, "unclosed <socket.socket"),
    "requests": (lambda url: requests.Session().get(url, stream=True, timeout=5), ""),
    "urllib": (lambda url: urllib.request.urlopen(url, timeout=5), ""),
}


@pytest.mark.parametrize(("ask", "wanted"), CONNECTIONS.values(), ids=CONNECTIONS)
def test_a_connection_that_is_never_closed_is_told_as_live(
    ask: Callable[[str], object], wanted: str, tmp_path: Path
) -> None:
    def told(url: str) -> set[str]:
        gc.collect()
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            ask(url)
            gc.collect()
        texts = [str(each.message) for each in warned if each.category is ResourceWarning]
        return {text[: text.index(" ", text.index("<"))] for text in texts if text.startswith("unclosed")}

    with raw_server({"/a": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",)}) as server:
        live = told(f"{server.url}/a")
        with use_cassette(tmp_path / "a.yaml", record_mode="once"):
            recorded = told(f"{server.url}/a")
        with use_cassette(tmp_path / "a.yaml"):
            replayed = told(f"{server.url}/a")
        with use_cassette(tmp_path / "a.yaml"):
            kept = httpx.Client()
            kept.get(f"{server.url}/a")
        kept.close()
        assert told(f"{server.url}/a") == live  # and what outlived its cassette is closed by its owner
    if wanted:
        assert wanted in live & recorded
    assert replayed == ({wanted} if wanted else live)


async def gave_up_its_upload(url: str) -> aiohttp.ClientSession:
    async def slow() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.sleep(30)

    session = aiohttp.ClientSession()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await session.post(url, data=slow())
    return session


async def closed_its_answer(url: str) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession()
    (await session.get(url)).close()
    return session


@pytest.mark.parametrize("ask", [gave_up_its_upload, closed_its_answer], ids=lambda each: each.__name__)
async def test_a_session_that_nobody_keeps_is_freed_at_once_as_live(
    ask: Callable[[str], Awaitable[aiohttp.ClientSession]], tmp_path: Path
) -> None:
    async def is_freed(url: str) -> bool:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        gc.disable()
        try:
            with warnings.catch_warnings(action="ignore"):
                session = await ask(url)
                kept = weakref.ref(session._connector)
                del session
                for _ in range(5):
                    await asyncio.sleep(0.01)
                return kept() is None
        finally:
            gc.enable()

    async with serve({"/a": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",)}) as server:
        with use_cassette(tmp_path / "a.yaml", record_mode="once"):
            await closed(f"{server.url}/a")
        live = await is_freed(f"{server.url}/a")
        with use_cassette(tmp_path / "b.yaml", record_mode="once"):
            assert await is_freed(f"{server.url}/a") == live
        with use_cassette(tmp_path / "a.yaml", allow_playback_repeats=True):
            assert await is_freed(f"{server.url}/a") == live
    assert live


async def test_a_pool_that_played_goes_live(tmp_path: Path) -> None:
    async with serve({"/a": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",)}) as server:
        with use_cassette(tmp_path / "a.yaml", record_mode="once"):
            await closed(f"{server.url}/a")
        connector = aiohttp.TCPConnector()
        async with aiohttp.ClientSession(connector=connector) as session:
            for live in (0, 1):
                with use_cassette(tmp_path / "a.yaml", allow_playback_repeats=True):
                    for _ in range(3):
                        assert await (await session.get(f"{server.url}/a")).text() == "ok"
                        assert sum(map(len, connector._conns.values())) == 1 + live
                assert await (await session.get(f"{server.url}/a")).text() == "ok"
        assert (len(connector._conns), server.connections) == (0, 2)
