"""What a client sees of time, of cuts, and of the other work of its loop while a tape plays."""

from __future__ import annotations

import asyncio
import itertools
import tracemalloc
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import aiohttp
import looptime
import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from support.playing import EVENTS, STREAM_HEADERS, URL, consume, played, stream_tape
from support.tapes import tapes, whole

from fakegpt_testkit.effects import Effect, faults, recut
from fakegpt_testkit.exchange import Chunk, Head, Tape
from fakegpt_testkit.strategies import recuts

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fakegpt_testkit.wire.deck import Pace

BODY = b"".join(EVENTS)


# --- what a client sees of cuts ---


async def arrivals(tape: Tape, pace: Pace = "lockstep", effects: list[Effect] = []) -> list[bytes]:  # noqa: B006
    with played(tape, pace=pace, effects=effects):
        async with aiohttp.ClientSession() as session, session.post(URL) as response:
            return [chunk async for chunk in response.content.iter_any()]


@settings(max_examples=30, deadline=None)
@given(tape=tapes().map(whole), how=recuts(), body_first=st.booleans())
async def test_a_client_gets_exactly_the_recut_chunks(tape: Tape, how: Any, body_first: bool) -> None:
    if body_first:  # all of the body at the head's own time
        tape = replace(tape, chunks=tuple(replace(chunk, at=tape.head.at) for chunk in tape.chunks))
    assert await arrivals(tape, effects=[recut(how)]) == [chunk.data for chunk in recut(how)(tape).chunks]


@settings(max_examples=30, deadline=None)
@given(tape=tapes().map(whole))
async def test_pace_keeps_the_chunks(tape: Tape) -> None:
    cut = recut("event")(tape)
    assert await arrivals(cut) == [chunk.data for chunk in cut.chunks]
    assert b"".join(await arrivals(cut, 0.0)) == tape.body


HALF = Tape(
    Head(200, "OK", STREAM_HEADERS),
    (Chunk(0, b"ab"), Chunk(1, b"", (0,)), Chunk(2, b"", (0,)), Chunk(3, b"", (0,)), Chunk(4, b"c", (1,))),
)


async def test_ends_of_http_chunks_that_bring_no_bytes_hold_nobody_up() -> None:
    assert await asyncio.wait_for(arrivals(HALF), 2) == [b"ab", b"c"]


async def test_a_response_that_is_closed_while_its_reader_waits_says_so() -> None:
    async def close(response: aiohttp.ClientResponse) -> None:
        response.close()

    with played(HALF):
        async with aiohttp.ClientSession() as session, session.post(URL) as response:
            assert await response.content.readany() == b"ab"
            closing = asyncio.create_task(close(response))
            with pytest.raises(aiohttp.ClientConnectionError, match="Connection closed"):
                await response.content.readany()
            await closing


# --- time ---


def on_a_virtual_clock(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test on a loop whose clock jumps to whatever is waited for."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with asyncio.Runner(loop_factory=looptime.new_event_loop) as runner:
            runner.run(test(*args, **kwargs))

    return run


async def timed(tape: Tape, pace: Pace) -> tuple[float, list[float]]:
    """When the head came and when each chunk, since the request was sent."""
    loop = asyncio.get_running_loop()
    with played(tape, pace=pace):
        async with aiohttp.ClientSession() as session:
            began = loop.time()
            async with session.post(URL) as response:
                head = loop.time() - began
                return head, [loop.time() - began async for _ in response.content.iter_any()]


@pytest.mark.parametrize("factor", [1, 0.5, 2])
@on_a_virtual_clock
async def test_chunks_come_at_their_recorded_moments(factor: float) -> None:
    tape = stream_tape(every=0.25)
    head, times = await timed(tape, "recorded" if factor == 1 else factor)
    assert head == pytest.approx(0.1 * factor, abs=1e-3)
    assert times == pytest.approx([chunk.at * factor for chunk in tape.chunks], abs=1e-3)


@on_a_virtual_clock
async def test_an_hour_of_stalls_plays_at_once_on_a_virtual_clock() -> None:
    tape = stream_tape()
    for event in (1, 2, 3, 4):
        tape = faults.stall(event, seconds=900)(tape)
    with played(tape, pace="recorded"):
        outcome = await consume(total=None)
    assert len(outcome.events) == len(EVENTS)
    assert asyncio.get_running_loop().time() == pytest.approx(3600.6, abs=0.1)


@pytest.mark.parametrize(
    ("limits", "moment"),
    [
        ({"sock_read": 30.0, "total": None}, 0.3 + 30),
        ({"total": 4.0}, 4.0),
        ({"total": 300.0}, 300.0),
        ({"sock_read": 30.0, "total": 3.0}, 3.0),
    ],
    ids=str,
)
@pytest.mark.parametrize("seconds", [None, 3600.0])
@on_a_virtual_clock
async def test_timeouts_fire_at_their_virtual_moment(
    limits: dict[str, Any], moment: float, seconds: float | None
) -> None:
    began = asyncio.get_running_loop().time()
    with played(stream_tape(), pace="recorded", effects=[faults.stall(2, seconds=seconds)]):
        outcome = await consume(**limits)
    assert outcome.failure is not None
    assert issubclass(outcome.failure, TimeoutError)
    assert len(outcome.events) == 2
    # aiohttp rounds a long total timeout up to the next whole second of the loop's clock
    assert moment - 0.01 <= asyncio.get_running_loop().time() - began <= moment + 1.01


@pytest.mark.parametrize("limits", [{"connect": 7.0, "total": None}, {"connect": None, "total": 7.0}], ids=str)
@on_a_virtual_clock
async def test_a_connect_timeout_fires_at_its_virtual_moment(limits: dict[str, Any]) -> None:
    with played(stream_tape(), pace="recorded", effects=[faults.connect_timeout()]):
        outcome = await consume(**limits)
    assert outcome.failure is not None
    assert issubclass(outcome.failure, TimeoutError)
    assert 7 <= asyncio.get_running_loop().time() <= 8.01


@on_a_virtual_clock
async def test_lockstep_takes_no_time_at_all() -> None:
    tape = faults.slow_start(60)(faults.stall(2, seconds=3600)(stream_tape()))
    with played(tape):
        outcome = await consume(sock_read=1)
    assert len(outcome.events) == len(EVENTS)
    assert asyncio.get_running_loop().time() < 0.01


async def test_a_slow_client_in_lockstep_sees_exactly_the_recorded_chunks() -> None:
    with played(stream_tape()):
        async with aiohttp.ClientSession() as session, session.post(URL) as response:
            got = []
            async for chunk in response.content.iter_any():
                got.append(chunk)
                await asyncio.sleep(0.003)
    assert got == list(EVENTS)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("pace", ["lockstep", "recorded", 0])
def test_both_loops_see_the_same_chunks(loop: Callable[[], asyncio.AbstractEventLoop], pace: Pace) -> None:
    tape = stream_tape(every=0.002)
    with asyncio.Runner(loop_factory=loop) as runner:
        got = runner.run(arrivals(tape, pace, [recut("line")]))
        broken = runner.run(fails(faults.reset(2)(tape)))
    assert b"".join(got) == BODY
    assert pace != "lockstep" or got == BODY.splitlines(keepends=True)
    assert broken is aiohttp.ClientPayloadError


async def fails(tape: Tape) -> type[BaseException] | None:
    with played(tape):
        return (await consume()).failure


async def test_other_tasks_get_their_turn_between_two_chunks() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    beside = asyncio.create_task(others())
    with played(recut("byte")(stream_tape())):
        async with aiohttp.ClientSession() as session, session.post(URL) as response:
            before = turns
            seen = [turns - before async for _ in response.content.iter_any()]
    beside.cancel()
    assert seen == sorted(set(seen))  # one turn more with each chunk


async def test_a_client_is_cancelled_between_two_chunks() -> None:
    got = []

    async def read() -> None:
        async with aiohttp.ClientSession() as session, session.post(URL) as response:
            async for chunk in response.content.iter_any():
                got.append(chunk)
                if len(got) == 2:
                    reading.cancel()

    with played(stream_tape()) as deck:
        reading = asyncio.create_task(read())
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert got == list(EVENTS[:2])
    assert deck.players[0].left_early


async def test_a_total_timeout_ends_a_client_that_takes_its_time_in_lockstep() -> None:
    with played(stream_tape()):
        timeout = aiohttp.ClientTimeout(total=0.05)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.post(URL) as response:
            with pytest.raises(TimeoutError):
                async for _ in response.content.iter_any():
                    await asyncio.sleep(0.03)


@pytest.mark.parametrize("pace", ["recorded", 0.5])
async def test_no_chunk_comes_early_and_gaps_are_true(pace: Pace) -> None:
    factor = 1.0 if pace == "recorded" else float(pace)
    tape = stream_tape([b"data: %d\n\n" % number for number in range(12)], every=0.03)
    _, times = await timed(tape, pace)
    wanted = [chunk.at * factor for chunk in tape.chunks]
    assert all(came >= at - 1e-4 for came, at in zip(times, wanted, strict=True))
    errors = sorted(abs((later - came) - 0.03 * factor) for came, later in itertools.pairwise(times))
    assert errors[len(errors) // 2] <= 0.005 + 0.05 * 0.03 * factor  # the median: other work may hold this machine up


async def test_a_client_that_holds_up_the_stream_gets_the_rest_when_it_reads_on() -> None:
    big = stream_tape([b"data: %s\n\n" % (b"x" * 300_000)] * 4, every=0.01)
    with played(big, pace="recorded"):
        async with aiohttp.ClientSession() as session, session.post(URL) as response:
            await asyncio.sleep(0.1)
            assert await response.read() == big.body


async def test_many_streams_of_one_tape_take_the_memory_of_what_is_in_flight() -> None:
    tape = stream_tape([b"data: %s\n\n" % (b"x" * 10_000)] * 20)
    streams = 200
    in_the_middle = asyncio.Barrier(streams)

    async def read(session: aiohttp.ClientSession) -> int:
        got = []
        async with session.post(URL) as response:
            async for chunk in response.content.iter_any():
                got.append(len(chunk))
                if len(got) == 10:
                    await in_the_middle.wait()
        return sum(got)

    tracemalloc.start()
    with played(tape):
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            read_by_all = await asyncio.gather(*(read(session) for _ in range(streams)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert set(read_by_all) == {len(tape.body)}
    assert peak < streams * len(tape.body) / 2
