"""The real clock below those that a test freezes: what is recorded under one, and how it plays."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import wraps
from http.server import BaseHTTPRequestHandler
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING

import aiohttp
import httpx
import pytest
import requests
import trio
from support.patience import PATIENCE
from support.serving import served, write
from support.threaded import threaded

from fakegpt_testkit import Chunk, Head, Interaction, Request, Tape, clock, load_cassette, use_cassette
from fakegpt_testkit.exchange import Ending, EndingKind

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextlib import AbstractContextManager
    from pathlib import Path

pytestmark = pytest.mark.once

URL = "http://login.example/login"


def on_a_plain_loop(test: Callable[..., Coroutine[object, object, None]]) -> Callable[..., None]:
    """Looptime's loops have a clock of their own, made of Python's: while that is held, their timers wait for ever."""

    @wraps(test)
    def run(**arguments: object) -> None:
        asyncio.run(test(**arguments))

    return run


class _Slow(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\na")
        time.sleep(0.02)  # which nobody freezes
        self.wfile.write(b"b")

    def log_message(self, *_: object) -> None:
        """Nothing."""


def frozen(name: str, moment: str) -> AbstractContextManager[object]:
    if name == "freezegun":
        return import_module("freezegun").freeze_time(moment)  # type: ignore[no-any-return]
    return import_module("time_machine").travel(moment, tick=False)  # type: ignore[no-any-return]


@pytest.mark.parametrize("moment", ["2001-01-01", "2090-01-01"])
@pytest.mark.parametrize("name", ["freezegun", "time_machine"])
@on_a_plain_loop
async def test_what_is_recorded_under_a_frozen_clock_tells_the_real_time(
    name: str, moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = tmp_path / "a.yaml"
    before = clock.now()
    with threaded(_Slow) as url, frozen(name, moment):
        assert time.time() != pytest.approx(clock.seconds(), abs=1e6)
        assert abs(clock.now() - before) < timedelta(minutes=5)
        with use_cassette(path, record_mode="once"):
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                assert await response.read() == b"ab"
            async with httpx.AsyncClient() as client:
                assert (await client.get(url)).text == "ab"
            (journal,) = (tmp_path / "state").rglob("*.journal")
            assert abs(json.loads(journal.read_bytes().splitlines()[0])["at"] - before.timestamp()) < 300
        with use_cassette(path, max_age="1d", stale="fail"):
            async with httpx.AsyncClient() as client:
                assert (await client.get(url)).text == "ab"
    for each in load_cassette(path).interactions:
        assert each.provenance.moment is not None
        assert abs(each.provenance.moment - before) < timedelta(minutes=5)
        assert each.response.chunks[-1].at > 0.001  # of a hundredth; a busy machine notes late that it has asked


STREAM = Interaction(
    Request("GET", URL), Tape(Head(200, "OK", at=0.02), (Chunk(0.04, b"ab"), Chunk(0.06, b"cd")), Ending(at=0.07))
)


async def by_aiohttp(url: str) -> bytes:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return b"".join([chunk async for chunk in response.content.iter_any()])


async def by_httpx(url: str) -> bytes:
    async with httpx.AsyncClient() as client:
        return (await client.get(url)).content


CLIENTS: dict[str, Callable[[str], bytes]] = {
    "aiohttp": lambda url: asyncio.run(by_aiohttp(url)),
    "httpx": lambda url: httpx.get(url).content,
    "httpx, asyncio": lambda url: asyncio.run(by_httpx(url)),
    "httpx, trio": lambda url: trio.run(by_httpx, url),
    "requests": lambda url: requests.get(url, timeout=5).content,
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("name", ["freezegun", "time_machine"])
def test_a_recorded_pace_goes_on_while_a_test_holds_the_clock(name: str, client: str) -> None:
    with use_cassette((STREAM,), pace="recorded"), frozen(name, "2001-01-01"):
        before = clock.monotonic()
        assert CLIENTS[client](URL) == b"abcd"
        assert clock.monotonic() - before >= 0.06


@pytest.mark.parametrize("client", ["aiohttp", "httpx"])
@pytest.mark.parametrize("hold", ["freezegun", "freezegun, not asyncio's", "time_machine"])
@on_a_plain_loop
async def test_a_clock_that_is_held_in_the_middle_of_an_answer_does_what_it_does_live(
    hold: str, client: str, tmp_path: Path
) -> None:
    """freezegun moves the loop's clock too, so that a timeout of aiohttp's own is over at once."""
    times_out = (hold, client) == ("freezegun", "aiohttp")
    more = threading.Event()

    class Two(_Slow):
        def do_GET(self) -> None:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\na")
            more.wait(PATIENCE)
            with suppress(OSError):
                self.wfile.write(b"b")

    def held() -> AbstractContextManager[object]:
        if hold == "freezegun, not asyncio's":
            return import_module("freezegun").freeze_time("2001-01-01", real_asyncio=True)  # type: ignore[no-any-return]
        return frozen(hold, "2001-01-01")

    async def ask(url: str) -> bytes | str:
        try:
            if client == "aiohttp":
                async with aiohttp.ClientSession() as session, session.get(url) as response:
                    first = await response.content.readexactly(1)
                    with held():
                        return first + await response.read()
            async with httpx.AsyncClient() as asking, asking.stream("GET", url) as streamed:
                chunks = streamed.aiter_raw()
                first = await anext(chunks)
                with held():
                    return b"".join([first] + [each async for each in chunks])
        except TimeoutError as failure:
            return type(failure).__name__

    if not times_out:
        more.set()
    with threaded(Two) as url:
        live = await ask(url)
        with use_cassette(tmp_path / "a.yaml", record_mode="once"):
            recorded = await ask(url)
        more.set()
    chunks = (Chunk(0.01, b"a"), Chunk(5.0 if times_out else 0.02, b"b"))
    with use_cassette((Interaction(Request("GET", URL), Tape(Head(200, "OK"), chunks)),), pace="recorded"):
        replayed = await ask(URL)
    assert live == recorded == replayed == ("TimeoutError" if times_out else b"ab")


class _Stream(_Slow):
    """A stream whose connection stays open after its end mark."""

    over: threading.Event

    def do_GET(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: [DONE]\n\n")
        self.over.wait(PATIENCE)


async def leave_aiohttp(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        response = await session.get(url)
        await response.content.readany()
        response.close()


async def leave_httpx(url: str) -> None:
    async with httpx.AsyncClient() as client, client.stream("GET", url):
        pass  # the mark came with the head


LEAVING: dict[str, Callable[[str], None]] = {
    "aiohttp": lambda url: asyncio.run(leave_aiohttp(url)),
    "httpx, asyncio": lambda url: asyncio.run(leave_httpx(url)),
    "httpx, trio": lambda url: trio.run(leave_httpx, url),
}


@pytest.mark.parametrize("client", LEAVING)
@pytest.mark.parametrize("hold", ["freezegun", "time_machine"])
def test_a_client_that_leaves_at_an_end_mark_does_not_wait_for_a_clock_that_is_held(
    hold: str, client: str, tmp_path: Path
) -> None:
    over = threading.Event()
    handler = type("_Handler", (_Stream,), {"over": over})
    with threaded(handler) as url, use_cassette(tmp_path / "a.yaml", record_mode="once") as session:
        with frozen(hold, "2001-01-01"):
            LEAVING[client](url)
        over.set()
    assert session.recorded[0].response.body == b"data: [DONE]\n\n"


def test_a_reset_on_a_socket_comes_while_a_test_holds_the_clock(tmp_path: Path) -> None:
    body = b"x" * 8_000_000  # more than the system takes at once: the reset waits for it
    cut = replace(STREAM.response, chunks=(Chunk(0, body),), ending=Ending(EndingKind.RESET, 0.0))
    path = write(tmp_path, "a.yaml", replace(STREAM, response=cut))
    with frozen("freezegun", "2001-01-01"), served(path) as url, pytest.raises(requests.exceptions.RequestException):
        requests.get(f"{url}/login", timeout=PATIENCE)


def test_a_pace_on_a_socket_goes_on_while_a_test_holds_the_clock(tmp_path: Path) -> None:
    with frozen("freezegun", "2001-01-01"), served(write(tmp_path, "a.yaml", STREAM)) as url:
        assert requests.get(f"{url}/login", timeout=5).content == b"abcd"


@on_a_plain_loop
async def test_what_a_client_gave_up_is_not_fed_while_a_test_holds_the_clock() -> None:
    with use_cassette((STREAM,), pace="recorded"), frozen("freezegun", "2001-01-01"):
        task = asyncio.ensure_future(by_httpx(URL))
        other = asyncio.ensure_future(by_aiohttp(URL))
        await asyncio.sleep(0)
        for each in (task, other):
            each.cancel()
        assert await asyncio.wait([task, other])
        assert (task.cancelled(), other.cancelled()) == (True, True)


def test_a_clock_that_is_put_into_the_modules_that_hold_one_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    class Frozen(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Frozen:
            return cls(2001, 1, 1, tzinfo=tz)

    for module in [each for each in sys.modules.values() if getattr(each, "datetime", None) is datetime]:
        monkeypatch.setattr(module, "datetime", Frozen)
    assert clock.now().year > 2020


def test_a_time_machine_that_never_travelled_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before its version 3 it has no real clock until it has travelled, and to ask it for one stops the process."""
    asked: list[bool] = []
    hatch = SimpleNamespace(is_travelling=lambda: False, time=SimpleNamespace(monotonic=lambda: asked.append(True)))
    monkeypatch.setitem(sys.modules, "time_machine", SimpleNamespace(escape_hatch=hatch))
    assert clock.monotonic() == pytest.approx(time.monotonic(), abs=1)
    assert not asked
