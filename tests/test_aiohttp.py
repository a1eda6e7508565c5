"""The seam itself: what is patched and when, and the small things that a live connection does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import BaseConnector
from support.patience import PATIENCE
from support.servers import Answers, Asked, serve
from support.three_ways import CONNECT, LOOPS, run_in

from fakegpt_testkit.clients.active import find_deck
from fakegpt_testkit.errors import StorageError
from fakegpt_testkit.recorder import load_cassette, use_cassette
from fakegpt_testkit.recorder.recording import RecordedExchange
from fakegpt_testkit.storage import Journal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from fakegpt_testkit.recorder.settings import Mode


def size(asked: Asked) -> tuple[bytes | float, ...]:
    body = str(len(asked.body)).encode()
    return (0.002, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


ANSWERS: Answers = {"/": size}


async def get(url: str) -> bytes:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.read()


def in_use() -> str:
    return str(getattr(find_deck(), "path", ""))


def test_the_patch_lives_as_long_as_a_cassette_is_in_use(tmp_path: Path) -> None:
    with use_cassette(tmp_path / "a.yaml") as outer:
        ours = BaseConnector.connect
        assert ours is not CONNECT
        with use_cassette(tmp_path / "b.yaml") as inner:
            assert in_use() == inner.path
        assert in_use() == outer.path
    assert BaseConnector.connect is CONNECT
    assert find_deck() is None


def test_another_patch_on_top_of_ours_stays(tmp_path: Path) -> None:
    ours: list[Any] = []

    async def theirs(*given: object, **named: object) -> object:
        return await ours[0](*given, **named)

    async def main() -> None:
        async with serve(ANSWERS) as server:
            with use_cassette(tmp_path / "a.yaml", record_mode="all"):
                ours.append(BaseConnector.connect)
                BaseConnector.connect = theirs  # type: ignore[assignment, method-assign]
                assert await get(server.url) == b"0"
            assert BaseConnector.connect is theirs
            assert await get(server.url) == b"0", "without a cassette ours goes straight through"
            BaseConnector.connect = ours[0]  # type: ignore[method-assign]  # as a late undo would
            with use_cassette(tmp_path / "a.yaml", record_mode="all") as session:
                assert await get(server.url) == b"0"
            assert len(session.recorded) == 1

    try:
        run_in("asyncio", main())
    finally:
        BaseConnector.connect = CONNECT  # type: ignore[method-assign]


@pytest.mark.parametrize("loop", LOOPS)
def test_a_large_upload_waits_for_a_slow_server(loop: str, tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(12):
            yield b"\x00" * 2**16

    async def main() -> None:
        async with serve(ANSWERS) as server, aiohttp.ClientSession() as session:
            with use_cassette(tmp_path / "a.yaml", record_mode="all"):
                async with session.post(server.url, data=pieces()) as response:
                    assert await response.read() == b"786432"
        assert len(load_cassette(tmp_path / "a.yaml").interactions[0].request.body) == 12 * 2**16

    run_in(loop, main())


def test_a_session_closed_in_the_midst_of_a_stream_ends_it(tmp_path: Path) -> None:
    endless = (b"HTTP/1.1 200 OK\r\n\r\nab", 0.002, b"cd", 9.0)

    async def close_early(url: str) -> tuple[bytes, type[BaseException] | None]:
        session = aiohttp.ClientSession()
        response = await session.get(url)
        first = await response.content.readany()
        await session.close()
        try:
            await response.content.read()
        except (aiohttp.ClientError, OSError) as failure:
            return first, type(failure)
        return first, None

    async def main() -> None:
        async with serve({"/": endless}) as server:
            live = await close_early(server.url)
            with use_cassette(tmp_path / "a.yaml", record_mode="all"):
                assert await close_early(server.url) == live
            with use_cassette(tmp_path / "a.yaml"):
                assert await close_early(server.url) == live

    run_in("asyncio", main())


def refuse_to_be_made(journal: Journal, cassette: Path, test: str = "") -> None:
    raise StorageError("a journal", "made", PermissionError(13, "Permission denied"), "nothing is lost", "make room")


@pytest.mark.parametrize("mode", ["all", "new_episodes"])
def test_without_a_journal_the_recording_goes_on(mode: Mode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Journal, "__init__", refuse_to_be_made)

    async def main() -> None:
        async with serve(ANSWERS) as server:
            told = pytest.warns(RuntimeWarning, match="the recording goes on without")
            with told, use_cassette(tmp_path / "a.yaml", record_mode=mode):
                assert await get(server.url) == b"0"
        assert len(load_cassette(tmp_path / "a.yaml").interactions) == 1

    run_in("asyncio", main())


@pytest.mark.parametrize("mode", ["all", "new_episodes"])
def test_a_fault_while_an_exchange_begins_leaves_no_connection_behind(
    mode: Mode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(RecordedExchange, "__init__", fail)

    async def main() -> None:
        async with serve(ANSWERS) as server:
            with use_cassette(tmp_path / "a.yaml", record_mode=mode), pytest.raises(ZeroDivisionError):
                async with asyncio.timeout(PATIENCE):
                    await get(server.url)
            assert server.connections == 0

    run_in("asyncio", main())
