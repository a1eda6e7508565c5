"""What a test sees of a stream: what was sent, when, how it ended, and what its client read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import aiohttp
import pytest
from support.playing import EVENTS, URL, played, stream_tape

from fakegpt_testkit import sse
from fakegpt_testkit.effects import apply, faults, recut, script
from fakegpt_testkit.errors import EventTooLarge
from fakegpt_testkit.exchange import Ending, EndingKind, Head, Interaction, Request, Tape
from fakegpt_testkit.fakegpt.conversation import AnswerReader
from fakegpt_testkit.timeline import Stream, describe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from fakegpt_testkit.effects import Effect
    from fakegpt_testkit.wire.deck import Pace

pytestmark = pytest.mark.once

ANSWER = script("Hel", "lo", every=0.5)[-1]


@dataclass
class Progress:
    fed: int
    read: int
    left_early: bool = False


def recorded(tape: Tape) -> Stream:
    return Stream(Interaction(Request("POST", URL), tape))


def test_a_stream_tells_what_was_sent_and_when() -> None:
    stream = Stream(ANSWER)
    assert stream.text == "Hello"
    assert stream.deltas == ("Hel", "lo")
    assert stream.order == ("other", "text", "text", "end", "done")
    assert [event.data for event in stream.events][-1] == "[DONE]"
    assert stream.event_times == (0.0, 0.5, 1.0, 1.5, 2.0)
    assert stream.time_to_first_event == 0
    assert stream.gaps == (0.5, 0.5, 0.5, 0.5)
    assert stream.longest_gap == 0.5
    assert stream.ended_properly
    assert stream.read is None
    assert not stream.closed_early
    assert not stream.stopped_at_end_mark
    assert stream.has_in_order('"Hel"', '"Hello"', "[DONE]")
    assert not stream.has_in_order('"Hello"', '"Hel"')


def test_an_event_has_the_time_at_which_it_was_complete() -> None:
    tape = recut([len(EVENTS[0]) - 1, 10_000])(stream_tape(every=0.1))
    assert recorded(tape).event_times == pytest.approx([0.6] * 5)


def test_events_of_all_kinds_have_a_name() -> None:
    events: list[str | bytes | Mapping[str, object] | sse.Event] = [
        sse.Event("ping", "now"),
        {"error": "no"},
        {"moderation_response": {"flagged": False, "blocked": False}},
        {"message": None},
        {"message": {"id": "1", "author": {"role": "assistant"}, "content": {"parts": ["ab"]}}},
        {"message": {"id": "1", "author": {"role": "assistant"}, "content": {"parts": ["x"]}, "end_turn": True}},
        {"message": {"id": "2", "author": {"role": "assistant"}, "content": {"parts": ["y"]}}},
    ]
    stream = Stream(script(events=events)[-1])
    assert stream.order == ("ping", "error", "moderation", "other", "text", "end", "message")
    assert stream.text == "xy"
    assert not stream.ended_properly


def test_text_that_the_service_never_finished_is_told_too() -> None:
    event = {"message": {"id": "1", "author": {"role": "assistant"}, "content": {"parts": ["a\ufffd"]}}}
    stream = Stream(script(events=[event])[-1])
    assert stream.text == "a\ufffd"
    assert "".join(stream.deltas) == "a\ufffd"


ENDINGS = {
    "complete with its mark": (stream_tape(), True),
    "without its mark": (faults.stop(4)(stream_tape()), False),
    "nothing came": (stream_tape([]), False),
    "left at its mark": (replace(stream_tape(), ending=Ending(EndingKind.ABANDONED, 2.0)), True),
    "left before its mark": (replace(faults.stop(4)(stream_tape()), ending=Ending(EndingKind.ABANDONED, 2.0)), False),
    "reset at its mark": (replace(stream_tape(), ending=Ending(EndingKind.RESET, 2.0)), False),
    "no stream, left": (
        Tape(Head(200, "OK", (("Content-Type", "text/html"),)), (), Ending(EndingKind.ABANDONED)),
        False,
    ),
    "cut": (faults.close(5)(stream_tape()), False),
    "no stream": (Tape(Head(200, "OK", (("Content-Type", "application/json"),))), True),
    "no stream, cut": (Tape(Head(200, "OK", (("Content-Type", "text/html"),)), (), Ending(EndingKind.EOF)), False),
}


@pytest.mark.parametrize(("tape", "properly"), ENDINGS.values(), ids=ENDINGS.keys())
def test_a_proper_ending_is_known(tape: Tape, properly: bool) -> None:
    assert recorded(tape).ended_properly is properly


@pytest.mark.parametrize(
    ("label", "is_one"),
    [
        ("text/event-stream", True),
        ("Text/Event-Stream ; charset=utf-8", True),
        ("text/event-streams", False),
        ("application/json", False),
        (None, False),
    ],
)
def test_a_response_is_an_event_stream_by_its_label(label: str | None, is_one: bool) -> None:
    fields = () if label is None else (("content-type", label),)
    assert Tape(Head(200, "OK", fields)).is_event_stream is is_one


def test_an_empty_stream_has_no_first_event() -> None:
    stream = recorded(Tape(Head(0), (), Ending(EndingKind.RESET, 0.25, "ECONNRESET")))
    assert (stream.events, stream.time_to_first_event, stream.longest_gap, stream.text) == ((), None, 0.0, "")
    assert repr(stream) == (f"<Stream POST {URL} → no answer: 0 events, text '', reset (ECONNRESET) after 0.250 s>")


def test_a_stream_shows_what_matters() -> None:
    stream = Stream(ANSWER, Progress(100, 90, left_early=True))
    assert repr(stream) == (
        "<Stream POST https://chat-shared2.zhile.io/api/conversation → 200: 5 events, text 'Hello', "
        f"complete after 2.000 s, client read 90 of {len(ANSWER.response.body)} bytes and closed early>"
    )
    assert "text '" + "x" * 40 + "…'" in repr(Stream(script("x" * 50)[-1]))


def test_a_description_has_the_last_events_and_the_ending() -> None:
    tape = faults.reset(6)(stream_tape([b"event: ping\ndata: %d\n\n" % n for n in range(6)] + [b"data: no\n\n"]))
    lines = describe(recorded(tape)).splitlines()
    assert lines[1] == "  … 1 events before"
    assert lines[2] == "  event 2 at 0.300 s: ping: 1"
    assert lines[-2] == "  event 6 at 0.700 s: ping: 5"
    assert lines[-1] == "  ended: reset (ECONNRESET) after 0.700 s"
    long = describe(recorded(stream_tape([b"data: %s\n\n" % (b"x" * 300)])))
    assert "  event 1 at 0.200 s: " + "x" * 177 + "…\n" in long
    assert "before" not in long


def test_a_description_has_the_text_first_and_what_stands_outside_the_events_in_lines_of_a_width() -> None:
    interaction = script("w" * 300, dialect="openai-chat")[0]
    beating = faults.comment("still here", 1)(interaction.response)
    lines = describe(Stream(replace(interaction, response=beating)), 80).splitlines()
    assert lines[1] == f"  text: '{'w' * 69}…'"
    assert lines[-2:] == ["  outside the events: at 0.0 ms, comment: still here", "  ended: complete after 0.000 s"]
    assert max(map(len, lines[1:])) <= 80
    talking = faults.comment("c" * 300, 1)(interaction.response)
    lines = describe(Stream(replace(interaction, response=talking)), 80).splitlines()
    assert lines[-2] == f"  outside the events: at 0.0 ms, comment: {'c' * 37}…"
    assert max(map(len, lines[1:])) <= 80


# --- what the client read ---


async def watched(
    read: Callable[[aiohttp.ClientResponse], Awaitable[object]], *effects: Effect, pace: Pace = "lockstep"
) -> Stream:
    interaction = Interaction(Request("POST", URL), stream_tape(every=0.01))
    changed = replace(interaction, response=apply(effects, interaction, 0, 0))
    with played(changed.response, pace=pace) as deck:
        async with aiohttp.ClientSession() as session, session.post(URL) as response:
            await read(response)
        return Stream(changed, deck.players[0])


async def read_all(response: aiohttp.ClientResponse) -> None:
    await response.read()


async def read_to_the_mark(response: aiohttp.ClientResponse) -> None:
    parser, reader = sse.EventStreamParser(), AnswerReader()
    async for chunk in response.content.iter_any():
        for event in parser.feed(chunk):
            reader.feed(event)
        if reader.done:
            return


async def read_lines_to_the_mark(response: aiohttp.ClientResponse) -> None:
    async for line in response.content:
        if line == b"data: [DONE]\n":
            return


async def read_short_of_the_mark(response: aiohttp.ClientResponse) -> None:
    await response.content.readexactly(len(b"".join(EVENTS).removesuffix(b"]\n\n")))


async def read_one_chunk(response: aiohttp.ClientResponse) -> None:
    await response.content.readany()


async def read_ten_bytes(response: aiohttp.ClientResponse) -> None:
    await response.content.read(10)


async def read_nothing(_: aiohttp.ClientResponse) -> None:
    pass


@pytest.mark.parametrize("pace", ["lockstep", "recorded"])
async def test_what_the_client_read_is_known(pace: Pace) -> None:
    size = sum(map(len, EVENTS))
    everything = await watched(read_all, pace=pace)
    assert (everything.read, everything.closed_early, everything.stopped_at_end_mark) == (size, False, True)
    one = await watched(read_one_chunk, pace=pace)
    assert (one.read, one.closed_early, one.stopped_at_end_mark) == (len(EVENTS[0]), True, False)
    ten = await watched(read_ten_bytes, pace=pace)
    assert (ten.read, ten.closed_early) == (10, True)
    assert ten.reading is not None
    assert ten.reading.fed >= len(EVENTS[0])
    nothing = await watched(read_nothing, pace=pace)
    assert (nothing.read, nothing.closed_early) == (0, True)


async def test_a_client_that_stops_at_the_end_mark_is_told_from_one_that_reads_on() -> None:
    after = faults.stall(5)
    stops = await watched(read_to_the_mark, after)
    assert stops.stopped_at_end_mark
    assert stops.closed_early
    trailing = faults.repeat(1)  # a body with something after its end mark
    longer = await watched(read_to_the_mark, faults.swap(4, 5), trailing)
    assert longer.stopped_at_end_mark
    reads_on = await watched(read_all, faults.swap(4, 5))
    assert not reads_on.stopped_at_end_mark


async def test_a_client_that_reads_lines_stops_at_the_line_of_the_end_mark() -> None:
    assert (await watched(read_lines_to_the_mark)).stopped_at_end_mark
    assert not (await watched(read_short_of_the_mark)).stopped_at_end_mark


async def test_nobody_stops_at_an_end_mark_that_never_came() -> None:
    assert not (await watched(read_all, faults.drop(5))).stopped_at_end_mark


async def test_a_response_without_a_body_was_read_to_its_end() -> None:
    with played(Tape(Head(204, "No Content"))) as deck:
        async with aiohttp.ClientSession() as session, session.get("http://localhost/") as response:
            assert await response.read() == b""
    player = deck.players[0]
    assert (player.read, player.fed, player.left_early) == (0, 0, False)


async def test_a_broken_stream_that_was_played_to_its_break_was_not_left_early() -> None:
    with played(faults.reset(2)(stream_tape())) as deck:
        async with aiohttp.ClientSession() as session, session.post(URL) as response:
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
    assert not deck.players[0].left_early


def test_an_event_that_is_too_large_is_told_and_breaks_no_report() -> None:
    stream = recorded(stream_tape((b"data: " + b"x" * 70_000_000 + b"\n\n",)))
    with pytest.raises(EventTooLarge):
        _ = stream.text
    assert "larger" in repr(stream) or "more than" in repr(stream), repr(stream)
    assert describe(stream) == repr(stream)
