"""What httpx and httpx2 say of a stream that is lost, or that they closed themselves: on each loop, and blocking."""

from __future__ import annotations

import asyncio
import errno
import os
from typing import TYPE_CHECKING, TypeVar

import httpx
import httpx2
import pytest
import trio
from support.behaviours import EVENTS, HEAD, STREAM, in_chunk
from support.httpclient import same
from support.raw import RawServer, raw_server
from support.servers import RESET

from fakegpt_testkit.recorder import use_cassette

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

    from support.servers import Answers

T = TypeVar("T")
pytestmark = pytest.mark.untraced

ANSWERS: Answers = {
    "/stream": STREAM,
    "/reset": (HEAD, in_chunk(EVENTS[0]), RESET),
    "/reset-after-head": (HEAD, RESET),
    "/reset-at-once": (RESET,),
}
BOTH = pytest.mark.parametrize("lib", [httpx, httpx2], ids=lambda module: module.__name__)


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with raw_server(ANSWERS) as running:
        yield running


def told(failure: BaseException | None) -> list[tuple[str, str]]:
    """The classes and texts of a failure and of what it came from."""
    if failure is None:
        return []
    if isinstance(failure, IndexError):  # anyio 4.4 says of a lost connection that its queue is empty
        failure = ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
    return [(type(failure).__name__, str(failure)), *told(failure.__cause__ or failure.__context__)]


def read_on(lib: ModuleType, url: str, who: str) -> list[object]:
    """A program's error: it reads on where the response, or the client, is closed."""
    client = lib.Client()
    response = client.send(client.build_request("GET", url), stream=True)
    pieces = response.iter_raw()
    first = next(pieces)
    (response if who == "response" else client).close()
    with pytest.raises(lib.ReadError) as failure:
        next(pieces)
    client.close()
    return [first, told(failure.value)]


async def read_on_awaited(lib: ModuleType, url: str, who: str) -> list[object]:
    client = lib.AsyncClient()
    response = await client.send(client.build_request("GET", url), stream=True)
    pieces = response.aiter_raw()
    first = await anext(pieces)
    await (response if who == "response" else client).aclose()
    with pytest.raises(lib.ReadError) as failure:
        await anext(pieces)
    await client.aclose()
    return [first, told(failure.value)[:3]]  # what a loop did within itself before that is no part of it


@BOTH
@pytest.mark.parametrize("who", ["response", "client"])
@pytest.mark.parametrize("way", ["blocking", "asyncio", "trio"])
def test_a_stream_that_its_client_has_closed_gives_nothing_more(
    lib: ModuleType, who: str, way: str, server: RawServer, tmp_path: Path
) -> None:
    def program() -> list[object]:
        url = f"{server.url}/stream"
        if way == "blocking":
            return read_on(lib, url, who)
        return (
            trio.run(read_on_awaited, lib, url, who) if way == "trio" else asyncio.run(read_on_awaited(lib, url, who))
        )

    live = same(program, server, tmp_path / "c.yaml")
    with use_cassette(tmp_path / "whole.yaml", record_mode="all"):
        lib.get(f"{server.url}/stream")
    with use_cassette(tmp_path / "whole.yaml"):
        assert program() == live, "also where the recording has more"


@BOTH
@pytest.mark.parametrize("way", ["blocking", "asyncio", "trio"])
@pytest.mark.parametrize("path", ["/reset", "/reset-at-once", "/reset-after-head"])
def test_a_reset_is_told_in_the_words_of_the_loop_with_all_that_it_comes_from(
    lib: ModuleType, way: str, path: str, server: RawServer, tmp_path: Path
) -> None:
    url = server.url + path

    async def ask() -> None:
        async with lib.AsyncClient() as client:
            await client.get(url)

    def program() -> list[tuple[str, str]]:
        with pytest.raises(lib.ReadError) as failure:
            if way == "blocking":
                lib.get(url)
            elif way == "trio":
                trio.run(ask)
            else:
                asyncio.run(ask())
        return told(failure.value)

    assert same(program, server, tmp_path / "c.yaml")[-1][0] == "ConnectionResetError"
