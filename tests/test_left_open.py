"""What is kept of an exchange: counts, no objects; a stream that is open when its cassette is closed is told."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from contextlib import suppress
from typing import TYPE_CHECKING

import aiohttp
import httpx
import pytest
import requests
from support.servers import HOLD, serve
from support.suites import INI

from fakegpt_testkit import Chunk, EndingKind, Head, Interaction, RecordMode, Request, Tape, load_cassette, use_cassette
from fakegpt_testkit.errors import FakeGptTestkitWarning, RequestNotRecorded

if TYPE_CHECKING:
    from pathlib import Path

ASKED = "http://a.example/a"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"
TOLD = r"1 answer of .*a\.yaml had not ended when it was closed: GET /slow\n  read each to its end"


def held(*pieces: bytes) -> Interaction:
    return Interaction(Request("GET", ASKED), Tape(Head(200, "OK"), tuple(Chunk(0, each) for each in pieces)))


async def get(url: str = ASKED) -> bytes:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.read()


def test_what_was_played_is_freed() -> None:
    async def several(times: int) -> None:
        for _ in range(times):
            assert len(await get()) == 100_000

    with use_cassette((held(b"x" * 100_000),), allow_playback_repeats=True) as session:
        asyncio.run(several(3))
        client = httpx.Client(verify=False)
        client.get(ASKED)
        gc.collect()
        tracemalloc.start()
        asyncio.run(several(40))
        for _ in range(40):
            client.get(ASKED)
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        client.close()
        assert kept < 500_000  # of 8 MB
        assert len(session.exchanged) == 84


def test_a_refusal_keeps_no_frame_of_the_client() -> None:
    with use_cassette((held(b"x"),)) as session:
        with pytest.raises(RequestNotRecorded) as raised:
            requests.get("http://a.example/b", timeout=5)
        (refused,) = session.refused
    assert (refused.__traceback__, refused.__context__, refused.__cause__) == (None, None, None)
    assert str(refused) in str(raised.value)


@pytest.mark.parametrize("mode", ["once", "none"])
async def test_a_stream_that_outlives_its_cassette_is_told(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    first = asyncio.Event()

    async def read(url: str) -> None:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            assert await response.content.readany() == b"ab"
            first.set()
            await asyncio.Event().wait()

    async with serve({"/slow": (HEAD, HOLD)}) as server:
        if mode == "none":
            with use_cassette(path, record_mode="once"), suppress(TimeoutError):
                await asyncio.wait_for(read(f"{server.url}/slow"), 0.1)
            first.clear()
        block = use_cassette(path, record_mode=RecordMode(mode))
        session = block.__enter__()
        task = asyncio.create_task(read(f"{server.url}/slow"))
        await first.wait()
        assert session.left_open == ("GET /slow",)
        with pytest.warns(FakeGptTestkitWarning, match=TOLD):
            block.__exit__(None, None, None)
        assert session.left_open == ("GET /slow",)
        task.cancel()
        await asyncio.wait([task])
    ending = load_cassette(path).interactions[0].response.ending
    if mode == "once":
        assert (ending.kind, ending.note) == (EndingKind.ABANDONED, "still open when the cassette was closed")


def test_a_synchronous_client_is_told_too() -> None:
    block = use_cassette((held(b"ab", b"cd"),))
    block.__enter__()
    response = requests.get(ASKED, stream=True, timeout=5)
    with pytest.warns(FakeGptTestkitWarning, match="1 answer of a script had not ended"):
        block.__exit__(None, None, None)
    response.close()
    with use_cassette((held(b"ab", b"cd"), held(b"ef"))) as session:
        with requests.get(ASKED, stream=True, timeout=5) as response:
            assert next(response.iter_content(2)) == b"ab"
        assert requests.get(ASKED, timeout=5).text == "ef"
    assert session.left_open == ()


def test_it_is_told_in_the_test_that_left_it_open_and_can_be_filtered_by_its_name(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="""
        import pytest, requests
        from fakegpt_testkit import script

        left = []
        SAYS = script(events=["a", "b"], request="GET https://words.example/say")

        @pytest.mark.fakegpt(SAYS)
        def test_reads():
            requests.get("https://words.example/say", timeout=5)

        @pytest.mark.fakegpt(SAYS)
        def test_leaves():
            left.append(requests.get("https://words.example/say", stream=True, timeout=5))

        @pytest.mark.fakegpt(SAYS)
        def test_reads_again():
            requests.get("https://words.example/say", timeout=5)
        """
    )
    pytester.makeini(INI)
    told = pytester.runpytest("-p", "no:cacheprovider", "-W", "default")
    told.assert_outcomes(passed=3, warnings=1)
    told.stdout.fnmatch_lines(
        ["test_it.py::test_leaves", "*FakeGptTestkitWarning: StreamLeftOpen: 1 answer*: GET /say"], consecutive=True
    )
    quiet = pytester.runpytest("-p", "no:cacheprovider", "-W", "default", "-W", "ignore:StreamLeftOpen")
    quiet.assert_outcomes(passed=3)


async def test_how_much_was_read_is_known_when_the_client_is_gone() -> None:
    with use_cassette((held(b"data: 1\n\n", b"data: 2\n\n"),)) as session:
        assert await get() == b"data: 1\n\ndata: 2\n\n"
        gc.collect()
        reading = session.streams[0].reading
    assert reading is not None
    assert (reading.fed, reading.read) == (18, 18)
