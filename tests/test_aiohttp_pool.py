"""The client's own pool: its limits make requests wait, starve and time out replayed as they do live."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest
from support.servers import HOLD, Answers, serve
from support.three_ways import LOOPS, run_in, view

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ONE, END = b"3\r\none\r\n", b"0\r\n\r\n"
ANSWERS: Answers = {"/1": (HEAD, ONE, 0.05, ONE, END), "/2": (HEAD, ONE, END), "/held": (HEAD, ONE, HOLD)}


async def serialised(url: str, connector: aiohttp.TCPConnector) -> list[str]:
    """Holds a stream open while it asks again; says in which order that went."""
    seen: list[str] = []
    opened = asyncio.Event()

    async def ask(path: str) -> None:
        async with session.get(url + path) as response:
            seen.append(f"open {path}")
            opened.set()
            await response.read()
            seen.append(f"read {path}")

    async with aiohttp.ClientSession(connector=connector) as session:
        first = asyncio.create_task(ask("/1"))
        await opened.wait()
        await asyncio.gather(first, ask("/2"))
    return seen


async def limited(url: str) -> list[str]:
    return await serialised(url, aiohttp.TCPConnector(limit=1))


async def limited_per_host(url: str) -> list[str]:
    return await serialised(url, aiohttp.TCPConnector(limit_per_host=1))


async def starved(url: str) -> list[str]:
    """A response that is never read keeps its place: the next request gets none in time."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        held = await session.get(url + "/held")
        try:
            await session.get(url + "/2", timeout=aiohttp.ClientTimeout(connect=0.1))
        except TimeoutError as failure:
            seen = [type(failure).__name__]
        held.close()
    return seen


async def traced(url: str) -> list[str]:
    """What the client's own traces tell of its connections and of the queue for them."""
    seen: list[str] = []
    queued = asyncio.Event()
    config = aiohttp.TraceConfig()
    for name in ("queued_start", "queued_end", "create_start", "create_end", "reuseconn"):

        async def tell(*_: object, name: str = name) -> None:
            seen.append(name)
            if name == "queued_start":
                queued.set()

        getattr(config, f"on_connection_{name}").append(tell)
    connector = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(connector=connector, trace_configs=[config]) as session:

        async def ask(path: str) -> None:
            async with session.get(url + path) as response:
                await response.read()

        async with session.get(url + "/1") as first:
            second = asyncio.create_task(ask("/2"))
            await queued.wait()
            await first.read()
        await second
        await ask("/2")
    return seen


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("program", [limited, limited_per_host, starved, traced])
def test_the_pool_is_as_full_as_live(program: Callable[[str], Awaitable[list[str]]], loop: str, tmp_path: Path) -> None:
    views = run_in(loop, view(program, serve(ANSWERS), tmp_path))
    assert views.recorded == views.live
    assert views.replayed == views.live


def test_it_is_no_empty_comparison(tmp_path: Path) -> None:
    views = run_in("asyncio", view(limited, serve(ANSWERS), tmp_path))
    assert views.live == ["open /1", "read /1", "open /2", "read /2"]
