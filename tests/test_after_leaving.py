"""What is recorded of an answer whose client leaves before its end: at the end mark, and where the rest is wanted."""

from __future__ import annotations

import asyncio
import gc
import re
import warnings
import weakref
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import httpx2
import pytest
import requests
import trio
from support.behaviours import HEAD, in_chunk
from support.raw import raw_server
from support.servers import HOLD, RESET
from support.suites import INI
from support.three_ways import LOOPS, run_in

from fakegpt_testkit.errors import CassetteError
from fakegpt_testkit.exchange import EndingKind
from fakegpt_testkit.recorder import load_cassette, use_cassette
from fakegpt_testkit.storage import Journal, read_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    from support.raw import RawServer

FIRST, SECOND, DONE = (b"data: %s\n\n" % each for each in (b"1", b"2", b"[DONE]"))
WHOLE = (HEAD, in_chunk(FIRST), 0.02, in_chunk(SECOND), 0.02, b"0\r\n\r\n")


pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <async_generator:pytest.PytestUnraisableExceptionWarning"
)
"""On trio httpx leaves its inner generators, of a stream that is left early, to the collector, live as well."""


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    marked = (HEAD, in_chunk(FIRST), in_chunk(DONE), 0.01, b"0\r\n\r\n")
    held = (HEAD, in_chunk(FIRST), in_chunk(DONE), HOLD)
    still = (HEAD, in_chunk(FIRST), HOLD)
    broken = (HEAD, in_chunk(FIRST), 0.02, in_chunk(SECOND), RESET)
    answers = {"/whole": WHOLE, "/marked": marked, "/held": held, "/still": still, "/broken": broken}
    with raw_server(answers) as running:
        yield running


def by_httpx(lib: ModuleType, url: str, last: bytes) -> None:
    with lib.Client() as client, client.stream("GET", url) as answer:
        seen = b""
        for chunk in answer.iter_raw():
            seen += chunk
            if seen.endswith(last):
                return


def by_async_httpx(lib: ModuleType, run: Callable[[Any], None], url: str, last: bytes) -> None:
    async def main() -> None:
        async with (
            lib.AsyncClient() as client,
            client.stream("GET", url) as answer,
            aclosing(answer.aiter_raw()) as chunks,
        ):
            seen = b""
            async for chunk in chunks:
                seen += chunk
                if seen.endswith(last):
                    return

    run(main)


def by_requests(url: str, last: bytes) -> None:
    with requests.get(url, stream=True) as answer:
        seen = b""
        for chunk in answer.iter_content(None):
            seen += chunk
            if seen.endswith(last):
                return


def by_aiohttp(loop: str, url: str, last: bytes) -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as client, client.get(url) as answer:
            seen = b""
            async for chunk in answer.content.iter_any():
                seen += chunk
                if seen.endswith(last):
                    return

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(main())


LEAVERS: dict[str, Callable[[str, bytes], None]] = {
    "httpx": partial(by_httpx, httpx),
    "httpx2": partial(by_httpx, httpx2),
    "httpx2 async": partial(by_async_httpx, httpx2, lambda main: asyncio.run(main())),
    "httpx2 trio": partial(by_async_httpx, httpx2, trio.run),
    "requests": by_requests,
    "aiohttp": partial(by_aiohttp, "asyncio"),
    "aiohttp on uvloop": partial(by_aiohttp, "uvloop"),
}


@pytest.mark.parametrize("client", LEAVERS)
def test_a_longer_read_finds_what_a_shorter_one_left(client: str, server: RawServer, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    with use_cassette(file, record_mode="all", after_leaving="read"):
        LEAVERS[client](f"{server.url}/whole", FIRST)
    [only] = load_cassette(file).interactions
    tape = only.response
    assert (tape.ending.kind, tape.body) == (EndingKind.COMPLETE, FIRST + SECOND)
    assert tape.ending.left is not None
    assert [chunk.data for chunk in tape.chunks if chunk.at <= tape.ending.left] == [FIRST]
    for other in LEAVERS.values():
        with use_cassette(file) as session:
            other(f"{server.url}/whole", SECOND)
        assert not session.refused


@pytest.mark.parametrize("client", LEAVERS)
def test_who_leaves_at_the_end_mark_records_a_whole_stream(client: str, server: RawServer, tmp_path: Path) -> None:
    for path, kind in (("marked", EndingKind.COMPLETE), ("held", EndingKind.ABANDONED)):
        with use_cassette(tmp_path / path, record_mode="all"):
            LEAVERS[client](f"{server.url}/{path}", DONE)
        [only] = load_cassette(tmp_path / path).interactions
        assert (only.response.ending.kind, only.response.ending.left) == (kind, None)


@pytest.mark.parametrize("client", LEAVERS)
def test_a_rest_that_breaks_is_kept_as_it_broke(client: str, server: RawServer, tmp_path: Path) -> None:
    with use_cassette(tmp_path / "c.yaml", record_mode="all", after_leaving="read"):
        LEAVERS[client](f"{server.url}/broken", FIRST)
    [only] = load_cassette(tmp_path / "c.yaml").interactions
    assert (only.response.ending.kind, only.response.body) == (EndingKind.RESET, FIRST + SECOND)
    assert only.response.ending.left is not None


def test_a_new_episode_is_read_on_too(server: RawServer, tmp_path: Path) -> None:
    for name, leave in LEAVERS.items():
        with use_cassette(tmp_path / name, record_mode="new_episodes", after_leaving="read"):
            leave(f"{server.url}/whole", FIRST)
        [only] = load_cassette(tmp_path / name).interactions
        assert only.response.ending.kind is EndingKind.COMPLETE, name


def test_a_block_that_ends_meanwhile_keeps_what_came_and_reads_no_more(server: RawServer, tmp_path: Path) -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as client:
            with use_cassette(tmp_path / "c.yaml", record_mode="all", after_leaving="read"):
                async with client.get(f"{server.url}/still") as answer:
                    assert await answer.content.readany() == FIRST
        # the session's end waits for what is read: it would wait as long as the server holds the answer

    run_in("asyncio", main())
    [only] = load_cassette(tmp_path / "c.yaml").interactions
    assert (only.response.ending.kind, only.response.body) == (EndingKind.ABANDONED, FIRST)


def test_the_place_is_in_the_journal_too(server: RawServer, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    with use_cassette(file, record_mode="all", after_leaving="read"):
        by_requests(f"{server.url}/whole", FIRST)
    ending = load_cassette(file).interactions[0].response.ending
    with Journal(file, tmp_path) as journal:
        journal.request(0, load_cassette(file).interactions[0].request, load_cassette(file).interactions[0].provenance)
        journal.head(0, load_cassette(file).interactions[0].response.head)
        journal.ending(0, ending)
    assert read_journal(journal.path)[0].response.ending == ending


def test_without_the_option_nothing_is_read_on(server: RawServer, tmp_path: Path) -> None:
    for name, leave in LEAVERS.items():
        with use_cassette(tmp_path / name, record_mode="all"):
            leave(f"{server.url}/whole", FIRST)
        [only] = load_cassette(tmp_path / name).interactions
        assert (only.response.ending.kind, only.response.body) == (EndingKind.ABANDONED, FIRST), name


def test_a_place_that_is_none_is_named(server: RawServer, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    with use_cassette(file, record_mode="all", after_leaving="read"):
        by_requests(f"{server.url}/whole", FIRST)
    file.write_text(re.sub(r"left: '[\d.]+'", "left: early", file.read_text()))
    with pytest.raises(CassetteError, match="'early' is no moment at which a client left"):
        load_cassette(file)


@pytest.mark.parametrize("path", ["/whole", "/still"])
async def test_who_closes_may_be_cancelled_while_the_rest_is_read(
    path: str, server: RawServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "c.yaml"
    with use_cassette(file, record_mode="all", after_leaving="read") as session:
        client = aiohttp.ClientSession()
        async with client.get(f"{server.url}{path}") as answer:
            assert await answer.content.readany() == FIRST
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.close(), 0.001)
        for _ in range(500 if path == "/whole" else 5):
            await asyncio.sleep(0.02)
            if session.recorded:
                break
    [only] = load_cassette(file).interactions
    assert only.response.ending.kind is (EndingKind.COMPLETE if path == "/whole" else EndingKind.ABANDONED)
    await asyncio.sleep(0)
    assert not caplog.records


def test_a_loop_that_ended_while_the_rest_was_read_leaves_nothing(server: RawServer, tmp_path: Path) -> None:
    async def leave() -> weakref.ref[aiohttp.BaseConnector]:
        connector = aiohttp.TCPConnector()
        client = aiohttp.ClientSession(connector=connector)
        async with client.get(f"{server.url}/still") as answer:
            assert await answer.content.readany() == FIRST
        client.detach()
        return weakref.ref(connector)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # nobody closes the pool, so what it holds is left open
        with use_cassette(tmp_path / "c.yaml", record_mode="all", after_leaving="read"):
            gone = asyncio.run(leave())
            assert gone() is not None  # what is read has it
        gc.collect()
    assert gone() is None


SUITE = """
    import pytest, requests

    def ask(last):
        seen = b""
        with requests.get({url!r}, stream=True) as answer:
            for chunk in answer.iter_content(None):
                seen += chunk
                if seen.endswith(last):
                    return

    @pytest.mark.fakegpt("c", after_leaving="read")
    def test_a_short_look():
        ask(b"1\\n\\n")
"""
LONGER = """
    @pytest.mark.fakegpt("c")
    def test_a_longer_look():
        ask(b"2\\n\\n")
"""


def test_a_marker_says_so_and_a_longer_test_has_the_rest(
    server: RawServer, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    pytester.makeini(INI)
    pytester.makepyfile(SUITE.format(url=f"{server.url}/whole"))
    pytester.runpytest("--fakegpt-record-mode=once", "-W", "ignore").assert_outcomes(passed=1)
    ending = load_cassette(pytester.path / "cassettes" / "c.yaml").interactions[0].response.ending
    assert (ending.kind, ending.left is not None) == (EndingKind.COMPLETE, True)
    pytester.makepyfile(SUITE.format(url=f"{server.url}/whole") + LONGER.rstrip())
    asked = server.seen
    pytester.runpytest("-k", "longer_look", "-W", "ignore").assert_outcomes(passed=1, deselected=1)
    assert server.seen == asked
