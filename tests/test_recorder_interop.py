"""Recordings pass between us and the libraries that others use: vcrpy and pytest-recording, in both directions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import httpx
import pytest
import requests
import vcr
from support.servers import Answers, Asked, serve
from support.three_ways import run_in

from fakegpt_testkit.errors import RequestNotRecorded
from fakegpt_testkit.fakegpt.stand_in import serve_in_thread
from fakegpt_testkit.recorder import load_cassette, use_cassette

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVENTS = 'data: {"text": "Hi 😀"}\n\ndata: [DONE]\n\n'.encode()


def greet(asked: Asked) -> tuple[bytes | float, ...]:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Asked: %s\r\nTransfer-Encoding: chunked\r\n\r\n"
    first, second = EVENTS[:20], EVENTS[20:]
    length = str(len(asked.body)).encode()
    return (
        head % length + b"%x\r\n%s\r\n" % (len(first), first),
        0.003,
        b"%x\r\n%s\r\n0\r\n\r\n" % (len(second), second),
    )


ANSWERS: Answers = {"/chat": greet}
Seen = tuple[int, str | None, bytes]


async def through_aiohttp(url: str, prompt: str) -> Seen:
    async with aiohttp.ClientSession() as session, session.post(url, json={"prompt": prompt}) as response:
        return response.status, response.headers.get("X-Asked"), await response.read()


async def through_httpx(url: str, prompt: str) -> Seen:
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.post(url, json={"prompt": prompt})
        return response.status_code, response.headers.get("X-Asked"), response.content


async def through_requests(url: str, prompt: str) -> Seen:
    def post() -> Seen:
        response = requests.post(url, json={"prompt": prompt}, timeout=5)
        return response.status_code, response.headers.get("X-Asked"), response.content

    return await asyncio.to_thread(post)


WAYS = [through_aiohttp, through_httpx, through_requests]


@pytest.mark.parametrize("through", WAYS, ids=lambda way: way.__name__)
def test_plain_vcrpy_replays_what_we_recorded(through: Callable[..., object], tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"

    async def main() -> None:
        async with serve(ANSWERS) as server:
            url = f"{server.url}/chat"
            with use_cassette(file, record_mode="once"):
                seen = await through_aiohttp(url, "Hi")
        with vcr.use_cassette(str(file), record_mode="none") as played:
            assert await through(url, "Hi") == seen  # type: ignore[misc]
        assert played.all_played

    run_in("asyncio", main())


@pytest.mark.parametrize("through", WAYS, ids=lambda way: way.__name__)
def test_we_replay_what_vcrpy_recorded(through: Callable[..., object], tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"

    async def main() -> None:
        async with serve(ANSWERS) as server:
            url = f"{server.url}/chat"
            live = await through_aiohttp(url, "Hi")
            with vcr.use_cassette(str(file), record_mode="all"):
                await through(url, "Hi")  # type: ignore[misc]
        before = file.read_bytes()
        with use_cassette(file) as session:
            replayed = await through_aiohttp(url, "Hi")
            with pytest.raises(RequestNotRecorded):
                await through_aiohttp(url, "Hello")
        # Each of vcrpy's patches has its own way with the prompt's white space, and so with its length.
        assert (replayed[0], replayed[2]) == (live[0], live[2])
        assert not session.unplayed
        assert file.read_bytes() == before
        # No chunks were recorded: one piece per event.
        assert [chunk.data for chunk in load_cassette(file).interactions[0].response.chunks] == [
            event + b"\n\n" for event in EVENTS.split(b"\n\n")[:-1]
        ]

    run_in("asyncio", main())


def test_we_add_to_what_vcrpy_recorded(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"

    async def main() -> None:
        async with serve(ANSWERS) as server:
            url = f"{server.url}/chat"
            with vcr.use_cassette(str(file), record_mode="all"):
                await through_aiohttp(url, "Hi")
            with use_cassette(file, record_mode="new_episodes"):
                await through_aiohttp(url, "Hi")
                await through_aiohttp(url, "Hello")
            assert len(server.requests) == 2
        with vcr.use_cassette(str(file), record_mode="none") as played:
            for length in ("16", "19"):  # in the order they were asked
                assert (await through_aiohttp(url, "Hi"))[1] == length
        assert played.all_played

    run_in("asyncio", main())


SUITE = """
import aiohttp, httpx, pytest

@pytest.mark.vcr
@pytest.mark.asyncio
async def test_recorded():
    async with aiohttp.ClientSession() as session, session.get("{url}/api/loads?t=1") as response:
        assert response.status == 200
"""


@pytest.mark.plugins("recording")
def test_we_replay_what_pytest_recording_recorded(pytester: pytest.Pytester) -> None:
    with serve_in_thread() as service:
        pytester.makepyfile(test_theirs=SUITE.format(url=service.url))
        pytester.runpytest_subprocess("--record-mode=once", "-p", "no:fakegpt_testkit").assert_outcomes(passed=1)

        async def ask() -> bytes:
            async with aiohttp.ClientSession() as session, session.get(f"{service.url}/api/loads?t=1") as response:
                return await response.read()

        live = asyncio.run(ask())
        asked = len(service.requests)
        [file] = pytester.path.glob("cassettes/test_theirs/*.yaml")
        with use_cassette(file):
            assert asyncio.run(ask()) == live
        assert len(service.requests) == asked
