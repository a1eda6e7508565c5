"""However a block ends: the client gets what it would get, the file holds what came, and nothing is left behind."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web
from support.servers import HOLD, Answer, serve
from support.three_ways import LOOPS, run_in

from fakegpt_testkit import storage
from fakegpt_testkit.errors import CannotBeReplayed, FakeGptTestkitWarning, ResponseNotRecorded, StorageError
from fakegpt_testkit.exchange import EndingKind
from fakegpt_testkit.recorder import Advice, load_cassette, use_cassette

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from fakegpt_testkit.recorder.settings import Mode
    from fakegpt_testkit.wire.deck import Pace

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b"9\r\ndata: 1\n\n\r\n"
SIZE = 9
ENDLESS: Answer = (CHUNKED, EVENT, 0.002, EVENT, 0.002, EVENT, HOLD)
SHORT: Answer = (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",)


async def leave_early(url: str) -> list[object]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        seen = b""
        while len(seen) < 2 * SIZE and (data := await response.content.readany()):
            seen += data
        return [seen[:SIZE], seen[SIZE : 2 * SIZE]]


async def read_on(url: str, seen: list[object]) -> None:
    """Read event by event, however they are cut, until it is cancelled."""
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        while True:
            seen.append(await response.content.readexactly(SIZE))


async def is_cancelled(url: str) -> list[object]:
    seen: list[object] = []
    task = asyncio.create_task(read_on(url, seen))
    while len(seen) < 3:  # noqa: ASYNC110 - what it waits for is a list
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return seen


async def runs_out_of_time(url: str) -> list[object]:
    seen: list[object] = []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as limit:
            reading = asyncio.create_task(read_on(url, seen))
            while len(seen) < 3:  # noqa: ASYNC110 - what it waits for is a list
                await asyncio.sleep(0.001)
            limit.reschedule(asyncio.get_running_loop().time())
            await reading
    return seen


async def has_a_total_timeout(url: str) -> list[object]:
    """How many events come before the time is up is up to the machine; the first does."""
    seen: list[object] = []
    with pytest.raises(TimeoutError):
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.5)) as session,
            session.get(url) as response,
        ):
            while True:
                seen.append(await response.content.readexactly(SIZE))
    return seen[:1]


async def fails_itself(url: str) -> list[object]:
    with pytest.raises(ZeroDivisionError):
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            data = await response.content.readexactly(SIZE)
            raise ZeroDivisionError
    return [data]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("program", "kind"),
    [
        (leave_early, EndingKind.ABANDONED),
        (is_cancelled, EndingKind.CANCELLED),
        (runs_out_of_time, EndingKind.CANCELLED),
        (has_a_total_timeout, EndingKind.TIMEOUT),
        (fails_itself, EndingKind.ABANDONED),
    ],
)
def test_a_client_that_goes_before_the_end_goes_the_same(
    program: Callable[[str], Awaitable[list[object]]], kind: EndingKind, loop: str, tmp_path: Path
) -> None:
    file = tmp_path / "a.yaml"

    async def main() -> None:
        async with serve({"/": ENDLESS}) as server:
            live = await program(server.url)
            assert live[0] == b"data: 1\n\n", "an endless stream yields its first event at once"
            with use_cassette(file, record_mode="all"):
                assert await program(server.url) == live
            with use_cassette(file):
                assert await program(server.url) == live
            assert len(server.requests) == 2
        assert load_cassette(file).interactions[0].response.ending.kind is kind

    run_in(loop, main())


def test_reading_on_where_the_recording_left_is_a_named_error(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"

    async def main() -> None:
        async with serve({"/": ENDLESS}) as server:
            with use_cassette(file, record_mode="all"):
                await leave_early(server.url)
            seen: list[object] = []
            with use_cassette(file), pytest.raises(ResponseNotRecorded, match=r"interaction 1 of .*abandoned after"):
                await read_on(server.url, seen)
            assert seen[:2] == [b"data: 1\n\n"] * 2

    run_in("asyncio", main())


def test_a_response_still_open_at_the_end_of_the_block_is_kept_as_far_as_it_came(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"

    async def main() -> None:
        async with serve({"/": ENDLESS}) as server, aiohttp.ClientSession() as session:
            told = pytest.warns(FakeGptTestkitWarning, match="had not ended when it was closed: GET /\n")
            with told, use_cassette(file, record_mode="all"):
                response = await session.get(server.url)
                first = await response.content.readany()
            # The client goes on reading after the block: from the live service.
            assert await response.content.readany() == first
            response.close()
        tape = load_cassette(file).interactions[0].response
        assert (tape.chunks[0].data, tape.ending.kind) == (first, EndingKind.ABANDONED)

    run_in("asyncio", main())


def test_a_failed_block_keeps_what_was_recorded_unless_told_otherwise(tmp_path: Path) -> None:
    async def main() -> None:
        async with serve({"/": SHORT}) as server:
            for keep in (True, False):
                file = tmp_path / f"{keep}.yaml"
                with pytest.raises(KeyError), use_cassette(file, record_mode="once", record_on_exception=keep):
                    await leave_early(server.url)
                    raise KeyError
                assert file.exists() is keep

    run_in("asyncio", main())


@pytest.mark.parametrize("mode", ["all", "rewrite"])
def test_a_failed_new_recording_leaves_the_old_one(mode: Mode, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"

    async def main() -> None:
        async with serve({"/": SHORT}) as server:
            with use_cassette(file, record_mode="once"):
                await leave_early(server.url)
            before = file.read_bytes()
            with pytest.raises(KeyError) as failure, use_cassette(file, record_mode=mode):
                await leave_early(server.url)
                raise KeyError
            assert "is unchanged" in failure.value.__notes__[0]
            assert file.read_bytes() == before

    run_in("asyncio", main())


def test_when_saving_fails_the_blocks_own_exception_stays_first(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way of a folder")
    blocked = tmp_path / "folder"
    file = blocked / "a.yaml"

    async def main() -> None:
        async with serve({"/": SHORT}) as server:
            with pytest.raises(StorageError), use_cassette(file, record_mode="once"):
                await leave_early(server.url)
                blocked.write_text("in the way of a folder")
            blocked.unlink()
            with pytest.raises(KeyError) as failure, use_cassette(file, record_mode="once"):
                await leave_early(server.url)
                blocked.write_text("in the way of a folder")
                raise KeyError
            assert any(str(file) in note and "cannot be" in note for note in failure.value.__notes__)

    run_in("asyncio", main())


@pytest.mark.parametrize("left", [True, False])
def test_where_nothing_is_saved_a_journal_is_named_where_one_is_left(left: bool, tmp_path: Path) -> None:
    async def main() -> None:
        async with serve({"/": SHORT}) as server:
            with pytest.raises(StorageError) as failure, use_cassette(tmp_path / "a" / "a.yaml", record_mode="once"):
                await leave_early(server.url)
                (tmp_path / "a").write_text("in the way of a folder")
                if not left:
                    for each in storage.leftovers():
                        storage.discard(each.path)
            notes = [note for note in getattr(failure.value, "__notes__", ()) if "is kept in" in note]
            assert len(notes) == left

    run_in("asyncio", main())


def test_an_unreachable_service_adds_what_to_do_to_the_clients_own_exception(tmp_path: Path) -> None:
    async def main() -> None:
        async with serve({"/": SHORT}) as server:
            url = server.url
        for mode in ("once", "new_episodes"):
            with use_cassette(tmp_path / mode, record_mode=mode, advice=Advice(elsewhere="type that")):
                with pytest.raises(aiohttp.ClientConnectorError) as failure:
                    await leave_early(url)
                [note] = failure.value.__notes__
                assert f"{url} could not be reached; " in note
                assert "keeps that, unless what asked fails" in note
                assert "type that" in note
        with use_cassette(tmp_path / "timeout", record_mode="new_episodes"):
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_connect=1e-9)) as session:
                with pytest.raises((aiohttp.ServerTimeoutError, aiohttp.ClientConnectorError)):
                    await session.get("http://127.0.0.1:9")

    run_in("asyncio", main())


async def talk(url: str) -> list[str]:
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        await socket.send_str("one")
        first = await socket.receive_str()
        await socket.send_str("two")
        return [first, await socket.receive_str()]


@pytest.mark.parametrize("loop", LOOPS)
def test_a_web_socket_passes_while_recording_and_is_a_named_error_in_replay(loop: str, tmp_path: Path) -> None:
    async def echo(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(f"{message.data}!")
        return socket

    async def main() -> None:
        app = web.Application()
        app.router.add_get("/", echo)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        for mode in ("all", "new_episodes"):
            with use_cassette(tmp_path / "a.yaml", record_mode=mode) as session:
                assert await talk(url) == ["one!", "two!"]
            assert session.recorded == ()
        with use_cassette(tmp_path / "a.yaml"), pytest.raises(CannotBeReplayed, match="websocket") as refusal:
            async with asyncio.timeout(5):
                await talk(url)
        assert refusal.value.method == "GET"
        await runner.cleanup()

    run_in(loop, main())


def test_the_pace_of_a_replay_is_the_one_asked_for(tmp_path: Path) -> None:
    """Never sooner than asked; that lockstep waits for nothing is shown where the clock is a virtual one."""

    async def main() -> None:
        async with serve({"/": (CHUNKED, EVENT, 0.3, EVENT, b"0\r\n\r\n")}) as server:
            with use_cassette(tmp_path / "a.yaml", record_mode="all"):
                await leave_after_all(server.url)
            paces: list[tuple[Pace, float]] = [("recorded", 0.28), (0.1, 0.028)]
            for pace, least in paces:
                began = time.monotonic()
                with use_cassette(tmp_path / "a.yaml", pace=pace):
                    await leave_after_all(server.url)
                assert time.monotonic() - began >= least, pace

    run_in("asyncio", main())


async def leave_after_all(url: str) -> bytes:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.read()


def test_a_large_body_goes_through_a_small_buffer(tmp_path: Path) -> None:
    body = json.dumps(list(range(20_000))).encode()
    answer = (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body)

    async def slowly(url: str) -> bytes:
        async with aiohttp.ClientSession(read_bufsize=2**12) as session, session.get(url) as response:
            parts = []
            async for part in response.content.iter_chunked(2**13):
                parts.append(part)
                await asyncio.sleep(0)
            return b"".join(parts)

    async def main() -> None:
        async with serve({"/": answer}) as server:
            with use_cassette(tmp_path / "a.yaml", record_mode="all"):
                assert await slowly(server.url) == body
            for pace in ("lockstep", "recorded"):
                with use_cassette(tmp_path / "a.yaml", pace=pace):
                    assert await slowly(server.url) == body

    run_in("asyncio", main())
