"""What is put into a stream goes between its events and says nothing of its own, however the events arrived."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from support import dialect_streams as given

from fakegpt_testkit import framing, sse
from fakegpt_testkit.dialects import framing_of_tape
from fakegpt_testkit.dialects.writing import WRITERS
from fakegpt_testkit.effects import faults, script
from fakegpt_testkit.errors import EffectMisplaced
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Interaction, Request, Tape
from fakegpt_testkit.framing import Framing
from fakegpt_testkit.timeline import Stream

pytestmark = pytest.mark.once

CHUNKED = (("Transfer-Encoding", "chunked"),)
BODIES = {
    "server-sent events": b": hello\n\n" + given.OPENAI_CHAT,
    "after a byte order mark": b"\xef\xbb\xbf" + given.OPENAI_CHAT,
    "with CRLF": given.GEMINI,
    "JSON lines": given.OLLAMA,
    "an array": given.GEMINI_ARRAY,
    "frames": given.CONVERSE,
    "frames that wrap": given.INVOKE,
}
every_body = pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())


def halved(body: bytes) -> Tape:
    """The body, each event in two chunks a second apart, the next a second later."""
    bare = Tape(Head(200, "OK", CHUNKED), (Chunk(0.0, body),))
    pieces = framing.split(body, framing_of_tape(bare) or Framing.SSE)
    halves = [half for piece in pieces for half in (piece[: len(piece) // 2], piece[len(piece) // 2 :]) if half]
    chunks = tuple(Chunk(float(at), half, (len(half),)) for at, half in enumerate(halves))
    return replace(bare, chunks=chunks, ending=Ending(at=float(len(halves))))


def stream_of(tape: Tape) -> Stream:
    return Stream(Interaction(Request("POST", "https://llm.example"), tape))


def told(stream: Stream) -> tuple[object, ...]:
    frames = stream._heard.frames
    assert frames is not None
    left = [each.said for each in frames.outside if not each.said.startswith("comment")]
    return (stream.text, stream.tool_calls, stream.usage, left)


@every_body
def test_what_comes_while_an_event_is_half_there_stands_before_it(body: bytes) -> None:
    tape = halved(body)
    before = stream_of(tape)
    for number in range(len(tape.chunks)):
        news = {"news": {"a": 1}} if framing_of_tape(tape) is Framing.AMAZON else {"type": "news"}
        after = stream_of(faults.insert(news, after_seconds=number + 0.5)(tape))
        (new,) = [at for at, event in enumerate(after.events) if event not in before.events]
        assert [*after.events[:new], *after.events[new + 1 :]] == list(before.events)
        assert after.event_times[new] == number + 0.5
        assert told(after)[3] == told(before)[3]
        beating = stream_of(faults.heartbeat(after_seconds=number + 0.5)(tape))
        assert told(beating) == told(before)
        for each in (after, beating):
            times = [chunk.at for chunk in each.interaction.response.chunks]
            assert times == sorted(times)


def test_what_is_put_between_comments_leaves_them_when_they_came() -> None:
    lines = (b"data: 1\n\n", b": a\n\n", b": b\n\n", b"da", b"ta: 2\n\n")
    chunks = tuple(Chunk(float(at), line, (len(line),)) for at, line in enumerate(lines))
    tape = faults.insert("x", after_seconds=1.5)(Tape(Head(200, "OK", CHUNKED), chunks, Ending(at=9.0)))
    assert [(chunk.at, chunk.data) for chunk in tape.chunks] == [
        *((each.at, each.data) for each in chunks[:2]),
        (1.5, b"data: x\n\n"),
        *((each.at, each.data) for each in chunks[2:]),
    ]


def test_a_line_is_put_behind_one_that_has_no_end() -> None:
    tape = Tape(Head(200, "OK", CHUNKED), (Chunk(0.0, b'{"a":1}\n{"b":2}'),))
    assert faults.insert({"c": 3}, 2)(tape).body == b'{"a":1}\n{"b":2}\n{"c":3}\n'
    assert faults.insert({"c": 3}, 0)(tape).body == b'{"c":3}\n{"a":1}\n{"b":2}'


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_json_of_several_lines_is_one_line_of_a_stream_of_lines(line_end: str) -> None:
    tape = Tape(Head(200, "OK", CHUNKED), (Chunk(0.0, given.OLLAMA),))
    data = json.dumps({"a": ["x\n", "ä\u2028"]}, indent=1, ensure_ascii=False).replace("\n", line_end)
    for event in (data, sse.Event(data=data)):
        (new,) = set(stream_of(faults.insert(event, 1)(tape)).events) - set(stream_of(tape).events)
        assert json.loads(new.data) == {"a": ["x\n", "ä\u2028"]}
    with pytest.raises(EffectMisplaced, match="its data has several lines and is no JSON"):
        faults.insert(f"two{line_end}lines", 1)(tape)
    assert b"no JSON\n" in faults.insert("no JSON", 1)(tape).body


def beating(times: list[float], end: float, every: float, kind: EndingKind = EndingKind.COMPLETE) -> list[float]:
    """When a stream of events at these times has its heartbeats."""
    chunks = tuple(Chunk(at, b"data: %d\n\n" % number, (9,)) for number, at in enumerate(times))
    tape = Tape(Head(200, "OK", CHUNKED, at=times[0]), chunks, Ending(kind, end))
    after = faults.heartbeat(every=every)(tape)
    assert stream_of(after).events == stream_of(tape).events
    return [chunk.at for chunk in after.chunks if chunk.data.startswith(b":")]


@pytest.mark.parametrize("kind", [EndingKind.COMPLETE, EndingKind.EOF, EndingKind.TIMEOUT])
def test_a_heartbeat_comes_in_every_silence_also_before_the_ending(kind: EndingKind) -> None:
    assert beating([0.0, 1.0], 2.5, 0.4, kind) == [0.4, 0.8, 1.4, 1.8, 2.2]


@pytest.mark.parametrize(
    ("silence", "every", "count"),
    [(1.0, 0.5, 1), (2.0, 0.5, 3), (0.3, 0.1, 2), (0.1 + 0.2, 0.1, 2), (0.7, 0.1, 6), (0.6, 0.2, 2)],
)
def test_a_heartbeat_does_not_come_with_what_ends_the_silence(silence: float, every: float, count: int) -> None:
    for start in (0.0, 0.1, 7.3):
        times = beating([start, start + silence], start + silence + silence, every)
        assert times == [
            round(begun + every * number, 6) for begun in (start, start + silence) for number in range(1, count + 1)
        ]


@every_body
def test_no_heartbeat_comes_while_an_event_is_half_there_not_even_before_the_ending(body: bytes) -> None:
    tape = halved(body)
    cut = replace(tape, chunks=tape.chunks[:5], ending=Ending(EndingKind.RESET, 9.0))
    for each in (tape, cut):
        after = faults.heartbeat(every=0.4)(each)
        assert told(stream_of(after)) == told(stream_of(each))
        assert all(first.at <= second.at for first, second in pairwise(after.chunks))
        assert [chunk for chunk in after.chunks if chunk in each.chunks] == list(each.chunks)
    assert after.chunks[-1] == cut.chunks[-1]


@pytest.mark.parametrize("dialect", WRITERS)
def test_an_answer_that_is_no_stream_has_no_heartbeat(dialect: str) -> None:
    (interaction,) = script("Hi", dialect=dialect, stream=False)
    with pytest.raises(EffectMisplaced, match="the answer has no events"):
        faults.heartbeat(0)(interaction.response)


GATEWAY = ("x-amzn-RequestId", "r-1")


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "plain"])
@pytest.mark.parametrize("dialect", WRITERS)
def test_a_gateway_of_amazons_changes_no_dialect(dialect: str, stream: bool) -> None:
    (interaction,) = script("Hi", dialect=dialect, stream=stream)
    tape = interaction.response
    behind = replace(tape, head=replace(tape.head, headers=(*tape.headers, GATEWAY)))
    if not stream and dialect == "anthropic":  # asked for with InvokeModel, Anthropic's plain answer is the same
        assert json.loads(faults.status(429)(behind).body)["__type"] == "ThrottlingException"
        return
    assert faults.status(429)(behind).body == faults.status(429)(tape).body
    if stream:
        for effect in (faults.error_event(1, message="no"), faults.heartbeat(1)):
            assert effect(behind).body == effect(tape).body
