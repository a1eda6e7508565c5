"""Effects as functions from tape to tape: what each keeps, and whom it is for."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.playing import EVENTS, STREAM_HEADERS, consume, played, stream_tape
from support.tapes import tapes

from fakegpt_testkit import sse
from fakegpt_testkit.effects import Effect, apply, faults, recut, refuse, select
from fakegpt_testkit.errors import EffectMisplaced
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Interaction, Request, Tape
from fakegpt_testkit.strategies import recuts

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.once


BODY = b"".join(EVENTS)


# --- properties: tapes of any kind, any effects ---


CUTS = recuts()


def in_order(tape: Tape) -> bool:
    times = [tape.head.at, *(chunk.at for chunk in tape.chunks), tape.ending.at]
    return times == sorted(times)


def well_formed(tape: Tape) -> bool:
    chunked = any(name == "Transfer-Encoding" for name, _ in tape.headers)
    return all(
        chunk.ends == tuple(sorted(set(chunk.ends)))
        and all(0 <= end <= len(chunk.data) for end in chunk.ends)
        and (chunked or not chunk.ends)
        for chunk in tape.chunks
    )


@settings(max_examples=60, deadline=None)
@given(tape=tapes(), how=CUTS)
def test_recutting_keeps_every_byte_and_is_the_same_each_time(tape: Tape, how: Any) -> None:
    other = recut(how)(tape)
    assert other.body == tape.body
    assert other == recut(how)(tape)
    assert (other.head, other.ending) == (tape.head, tape.ending)
    assert all(chunk.data for chunk in other.chunks)
    assert in_order(other)
    assert well_formed(other)


@settings(max_examples=60, deadline=None)
@given(tape=tapes(), cuts=st.lists(st.integers(1, 50), min_size=1))
def test_a_recut_chunk_never_comes_before_its_bytes_did(tape: Tape, cuts: list[int]) -> None:
    def came(tape: Tape) -> list[float]:
        return [chunk.at for chunk in tape.chunks for _ in chunk.data]

    assert all(new >= old for new, old in zip(came(recut(cuts)(tape)), came(tape), strict=True))


STOPS: list[Callable[..., Effect]] = [
    faults.reset,
    faults.close,
    faults.cut_chunk,
    faults.bad_chunk,
    faults.corrupt_gzip,
    faults.short_body,
    faults.short_length,
    faults.stop,
    faults.stall,
]


@settings(max_examples=60, deadline=None)
@given(tape=tapes(), data=st.data(), fault=st.sampled_from(STOPS))
def test_a_cut_is_a_prefix(tape: Tape, data: st.DataObject, fault: Callable[..., Effect]) -> None:
    byte = data.draw(st.integers(0, len(tape.body)))
    cut = fault(after_byte=byte)(tape)
    assert cut.body == tape.body[:byte]
    assert in_order(cut)
    assert well_formed(cut)


@settings(max_examples=60, deadline=None)
@given(tape=tapes(), data=st.data(), fault=st.sampled_from(STOPS))
def test_a_cut_after_an_event_keeps_the_events_before_it(
    tape: Tape, data: st.DataObject, fault: Callable[..., Effect]
) -> None:
    events = sse.parse(tape.body)
    number = data.draw(st.integers(0, len(events)))
    assert sse.parse(fault(number)(tape).body) == events[:number]


@settings(max_examples=60, deadline=None)
@given(tape=tapes(), seconds=st.floats(0.001, 1e6), data=st.data())
def test_a_stall_that_ends_and_a_slow_start_keep_the_bytes(tape: Tape, seconds: float, data: st.DataObject) -> None:
    byte = data.draw(st.integers(0, len(tape.body)))
    for slow in (
        faults.stall(after_byte=byte, seconds=seconds)(tape),
        faults.slow_start(seconds)(tape),
        faults.drip(seconds, size=3)(tape),
    ):
        assert slow.body == tape.body
        assert slow.ending.at >= tape.ending.at
        assert in_order(slow)
        assert well_formed(slow)


@settings(max_examples=60, deadline=None)
@given(tape=tapes(), data=st.data())
def test_events_are_dropped_repeated_and_swapped_whole(tape: Tape, data: st.DataObject) -> None:
    events = sse.parse(tape.body)
    number = data.draw(st.integers(0, max(0, len(events) - 1)))
    if not events:
        with pytest.raises(EffectMisplaced, match="there is no event 1"):
            faults.drop(1)(tape)
        return
    other = data.draw(st.integers(0, len(events) - 1))
    swapped = list(events)
    swapped[number], swapped[other] = swapped[other], swapped[number]
    dropped = faults.drop(number + 1)(tape)
    repeated = faults.repeat(number + 1, times=2)(tape)
    assert sse.parse(dropped.body) == events[:number] + events[number + 1 :]
    assert sse.parse(repeated.body) == events[: number + 1] + [events[number]] * 2 + events[number + 1 :]
    assert sse.parse(faults.swap(number + 1, other + 1)(tape).body) == swapped
    assert all(map(well_formed, (dropped, repeated)))


@settings(max_examples=60, deadline=None)
@given(tape=tapes(), data=st.data())
def test_a_spoilt_event_leaves_the_others_alone(tape: Tape, data: st.DataObject) -> None:
    events = sse.parse(tape.body)
    if not events:
        return
    number = data.draw(st.integers(0, len(events) - 1))
    for spoil in (faults.bad_json, faults.bad_utf8, partial(faults.huge, size=99)):
        after = sse.parse(spoil(number + 1)(tape).body)
        assert after[:number] + after[number + 1 :] == events[:number] + events[number + 1 :]
        assert after[number] != events[number]
    broken = sse.parse(faults.bad_json(number + 1)(tape).body)[number]
    with pytest.raises(ValueError, match=r"."):
        json.loads(broken.data)
    big = sse.parse(faults.huge(number + 1, size=999)(tape).body)[number]
    assert json.loads(big.data) == json.loads(events[number].data)
    assert len(big.data.encode()) == 999


ANY_EFFECTS = st.lists(
    st.one_of(
        CUTS.map(recut),
        st.floats(0.01, 9).map(faults.slow_start),
        st.floats(0.01, 9).map(lambda every: faults.drip(every, size=2)),
        st.floats(0.01, 9).map(lambda seconds: faults.stall(0, seconds=seconds)),
    ),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(tape=tapes(), effects=ANY_EFFECTS, fault=st.sampled_from(STOPS), event=st.integers(0, 3))
def test_compositions_keep_what_each_of_them_keeps(
    tape: Tape, effects: list[Effect], fault: Callable[..., Effect], event: int
) -> None:
    changed = reduce(lambda tape, effect: effect(tape), effects, tape)
    assert changed.body == tape.body
    event = min(event, len(sse.parse(tape.body)))
    cut = fault(event)(changed)
    assert sse.parse(cut.body) == sse.parse(tape.body)[:event]
    assert tape.body.startswith(cut.body)
    assert in_order(cut)
    assert well_formed(cut)


# --- other cuts and open ends ---


def test_the_ways_to_cut() -> None:
    tape = stream_tape()
    assert [chunk.data for chunk in recut("event")(tape).chunks] == list(EVENTS)
    assert [chunk.data for chunk in recut("line")(tape).chunks] == BODY.splitlines(keepends=True)
    assert [len(chunk.data) for chunk in recut("byte")(tape).chunks] == [1] * len(BODY)
    assert [len(chunk.data) for chunk in recut("3,5")(tape).chunks][:4] == [3, 5, 3, 5]
    assert recut("17")(tape) == recut(17)(tape) != recut(18)(tape)
    assert str(recut("17")) == "recut(17)"
    assert recut("byte")(Tape(Head(204))) == Tape(Head(204))


@pytest.mark.parametrize("how", ["word", "3,", "-1", [], [0], "0,5", ""])
def test_what_is_no_way_to_cut_is_told(how: Any) -> None:
    with pytest.raises(EffectMisplaced, match="give a seed, 'byte', 'event', 'line', or sizes"):
        recut(how)


def test_an_http_chunk_that_was_cut_off_stays_open_when_it_is_recut() -> None:
    tape = Tape(Head(200, "OK", STREAM_HEADERS), (Chunk(0, b"abcd", (2,)),), Ending(EndingKind.EOF))
    assert [chunk.ends for chunk in recut([3])(tape).chunks] == [(3,), ()]


def test_a_stream_that_is_closed_ends_at_an_http_chunk_and_one_that_is_cut_does_not() -> None:
    assert [chunk.ends for chunk in faults.close(after_byte=10)(stream_tape()).chunks] == [(10,)]
    assert [chunk.ends for chunk in faults.cut_chunk(after_byte=10)(stream_tape()).chunks] == [()]
    assert [chunk.ends for chunk in faults.cut_chunk(1)(stream_tape()).chunks] == [()]


def test_a_tape_that_says_nothing_of_http_chunks_has_one_for_each_arrival() -> None:
    tape = stream_tape()
    tape = replace(tape, chunks=tuple(replace(chunk, ends=()) for chunk in tape.chunks))
    assert [chunk.ends for chunk in faults.drop(1)(tape).chunks] == [(len(event),) for event in EVENTS[1:]]
    assert [chunk.ends for chunk in faults.close(2)(tape).chunks] == [(len(event),) for event in EVENTS[:2]]


# --- whom an effect is for ---

STREAM = Interaction(Request("POST", "https://h/api/conversation?x=1"), stream_tape())
LOADS = Interaction(
    Request("GET", "https://h/api/loads?t=1"), Tape(Head(200, "OK", (("Content-Type", "application/json"),)))
)
RESET_3 = faults.reset(after_event=3)

TARGETS = {
    "a stream by itself": (RESET_3, STREAM, 3, 0, True),
    "nothing else by itself": (RESET_3, LOADS, 0, 0, False),
    "every call": (RESET_3, STREAM, 3, 7, True),
    "its interaction": (RESET_3.on(interaction=1), LOADS, 0, 0, True),
    "another interaction": (RESET_3.on(interaction=1), STREAM, 3, 0, False),
    "its path": (RESET_3.on(path="/api/loads"), LOADS, 0, 0, True),
    "its path, by a pattern": (RESET_3.on(path="/api/*"), LOADS, 0, 0, True),
    "another path": (RESET_3.on(path="/loads"), LOADS, 0, 0, False),
    "its method": (RESET_3.on(method="get"), LOADS, 0, 0, True),
    "another method": (RESET_3.on(method="get"), STREAM, 0, 0, False),
    "the second call": (RESET_3.on(call=2), STREAM, 3, 1, True),
    "not the first": (RESET_3.on(call=2), STREAM, 3, 0, False),
    "nor the third": (RESET_3.on(call=2), STREAM, 3, 2, False),
    "the second call of a plain endpoint": (RESET_3.on(path="*/loads", call=2), LOADS, 0, 1, True),
    "the first time": (RESET_3.times(1), STREAM, 3, 0, True),
    "not the second time": (RESET_3.times(1), STREAM, 3, 1, False),
    "from the second on, twice": (RESET_3.on(call=2).times(2), STREAM, 3, 2, True),
    "and not a third time": (RESET_3.on(call=2).times(2), STREAM, 3, 3, False),
    "recutting is for all": (recut("byte"), LOADS, 0, 0, True),
}


@pytest.mark.parametrize(("effect", "interaction", "index", "before", "is_for"), TARGETS.values(), ids=TARGETS.keys())
def test_an_effect_is_for_the_responses_it_names(
    effect: Effect, interaction: Interaction, index: int, before: int, is_for: bool
) -> None:
    assert select([effect], interaction, index, before) == ((effect,) if is_for else ())


def test_effects_are_applied_in_order() -> None:
    changed = apply([faults.drop(1), faults.stop(1), faults.status(500).on(call=9)], STREAM, 3, 0)
    assert changed.body == EVENTS[1]


def test_a_refusal_is_told_before_the_connection() -> None:
    effects = [faults.refused().times(1)]
    assert refuse(effects, STREAM, 3, 0) == Ending(EndingKind.UNCONNECTED, note="refused")
    assert refuse(effects, STREAM, 3, 1) is None
    assert refuse([], STREAM, 3, 0) is None


def test_an_effect_reads_as_it_is_written() -> None:
    assert repr(faults.reset(3).on(path="/api/*", call=2)) == "reset(after_event=3).on(path='/api/*', call=2)"
    assert str(faults.stall(after_seconds=0.5, seconds=2).times(3)) == "stall(after_seconds=0.5, seconds=2).times(3)"
    assert str(faults.tls(handshake=True)) == "tls(handshake=True)"
    assert str(faults.no_reply(reset=True).on(interaction=2)) == "no_reply(reset=True).on(interaction=2)"


def test_a_sweep_gives_one_fault_per_event() -> None:
    sweep = faults.everywhere(faults.reset)
    assert [str(fault) for fault in sweep.over([LOADS, STREAM])] == [
        f"reset(after_event={number}).on(interaction=2)" for number in (1, 2, 3, 4, 5)
    ]


@pytest.mark.parametrize("fault", faults.everywhere(faults.reset).over([STREAM]), ids=str)
async def test_a_sweep_breaks_the_stream_after_each_event(fault: Effect) -> None:
    with played(STREAM.response, effects=[fault]):
        outcome = await consume()
    assert outcome.events == tuple(event[6:-2].decode() for event in EVENTS)[: len(outcome.events)]
    assert outcome.failure is aiohttp.ClientPayloadError


def test_an_event_that_was_never_finished_is_none() -> None:
    tape = stream_tape([*EVENTS[:2], b"data: hal"])
    assert len(faults.everywhere(faults.reset).over([replace(STREAM, response=tape)])) == 2
    with pytest.raises(EffectMisplaced, match="the stream has 2 events"):
        faults.drop(3)(tape)


MISPLACED = {
    "no place": (lambda: faults.reset(), "name one of after_event=3"),
    "two places": (lambda: faults.reset(3, after_byte=2), "2 places were given"),
    "before the beginning": (lambda: faults.close(-1), "before the beginning"),
    "no such event": (lambda: faults.reset(6)(stream_tape()), "the stream has 5 events"),
    "event 0": (lambda: faults.drop(0)(stream_tape()), "there is no event 0"),
    "no such byte": (lambda: faults.stall(after_byte=10_000)(stream_tape()), "the body has 220 bytes"),
    "no time": (lambda: faults.stall(1, seconds=0), "seconds must be more than 0"),
    "no size": (lambda: faults.drip(1, size=0), "size must be more than 0"),
    "no status": (lambda: faults.status(99), "from 200 to 599"),
    "interaction 0": (lambda: faults.dns().on(interaction=0), "counted from 1"),
    "never": (lambda: faults.dns().times(0), "counted from 1"),
}


@pytest.mark.parametrize(("make", "problem"), MISPLACED.values(), ids=MISPLACED.keys())
def test_a_misplaced_effect_says_what_is_there(make: Callable[[], object], problem: str) -> None:
    with pytest.raises(EffectMisplaced, match=problem):
        make()


def test_the_error_has_its_parts() -> None:
    error = EffectMisplaced("reset", "there is no event 9", "the stream has 5 events")
    assert (error.effect, error.problem, error.wanted) == ("reset", "there is no event 9", "the stream has 5 events")
    assert str(error) == "reset cannot be applied: there is no event 9\n  the stream has 5 events"
