"""What a timeline tells of a recorded exchange, and the JSON that it becomes."""

from __future__ import annotations

import json

import pytest

from fakegpt_testkit import sse
from fakegpt_testkit.dialects import Text
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Interaction, Provenance, Request, Tape
from fakegpt_testkit.timeline import Gap, described, timeline_of

pytestmark = pytest.mark.once

STREAM = (("Content-Type", "Text/Event-Stream; charset=utf-8"),)


def spoken(text: str, *, ended: bool = False) -> bytes:
    said = {"message": {"id": "1", "author": {"role": "assistant"}, "content": {"parts": [text]}, "end_turn": ended}}
    return f"data: {json.dumps(said)}\n\n".encode()


def streamed(*chunks: tuple[float, bytes], ending: Ending | None = None) -> Interaction:
    request = Request("POST", "https://chat.example/api/conversation", (), b"{}")
    tape = Tape(Head(200, "OK", STREAM), tuple(Chunk(at, data) for at, data in chunks), ending or Ending(at=1.0))
    return Interaction(request, tape, Provenance(at="2026-01-01T00:00:00Z"))


def test_an_event_is_told_when_its_last_byte_came_with_the_chunk_and_what_it_added() -> None:
    first, second = spoken("Hel"), spoken("Hello", ended=True)
    timeline = timeline_of(
        streamed((0.1, first[:10]), (0.2, first[10:] + second[:5]), (0.3, second[5:] + b"data: [DONE]\n\n"))
    )
    assert [(each.at, each.chunk) for each in timeline.moments] == [(0.2, 2), (0.3, 3), (0.3, 3)]
    assert [each.deltas[:1] for each in timeline.moments[:2]] == [(Text("Hel"),), (Text("lo"),)]
    assert timeline.text == "Hello"
    assert timeline.is_stream


@pytest.mark.parametrize(
    ("body", "events"),
    [
        pytest.param(b"data, as text\n\n", 0, id="text"),
        pytest.param(b'{"data": 1}', 0, id="an object"),
        pytest.param(b"data: 1\n\n", 1, id="server-sent events"),
        pytest.param(b'{"a": 1}\n{"a": 2}\n', 2, id="JSON lines"),
    ],
)
def test_a_stream_is_known_by_its_bytes_whatever_its_label_says(body: bytes, events: int) -> None:
    tape = Tape(Head(200, "OK", (("Content-Type", "text/plain"),)), (Chunk(0, body),))
    timeline = timeline_of(Interaction(Request("GET", "https://a.example/"), tape))
    assert (len(timeline.moments), timeline.is_stream) == (events, events > 0)


@pytest.mark.parametrize(
    ("tail", "unfinished", "stray"),
    [
        pytest.param(b"data: half", "half", "", id="an event without its end"),
        pytest.param(b"Internal Server Error\n", "", "Internal Server Error", id="a line that is no field"),
        pytest.param(b"", "", "", id="nothing"),
    ],
)
def test_what_follows_the_last_event_is_kept(tail: bytes, unfinished: str, stray: str) -> None:
    timeline = timeline_of(streamed((0.1, spoken("Hi") + tail)))
    assert (timeline.unfinished, timeline.stray) == (unfinished, stray)


def test_an_event_that_is_too_large_ends_the_telling_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse.EventStreamParser.__init__, "__kwdefaults__", {"last_event_id": "", "max_event_size": 400})
    timeline = timeline_of(streamed((0.1, spoken("Hi")), (0.2, b"data: " + b"x" * 500)))
    assert len(timeline.moments) == 1
    assert "larger than 400 bytes" in timeline.too_large


def test_a_silence_is_told_when_it_stands_out() -> None:
    steady = [(number / 10, b":\n") for number in range(5)]
    assert timeline_of(streamed(*steady, ending=Ending(at=0.5))).gaps == ()
    assert timeline_of(streamed(*steady, (2.0, b":\n"), ending=Ending(at=2.1))).gaps == (Gap(0.4, 2.0),)


def test_of_many_silences_the_longest_ten_are_told_in_their_order() -> None:
    times = [0.0]
    for number in range(40):
        times.append(times[-1] + (1 + number / 100 if number % 3 == 0 else 0.001))
    gaps = timeline_of(streamed(*((at, b":\n") for at in times), ending=Ending(at=times[-1]))).gaps
    assert len(gaps) == 10
    assert [gap.start for gap in gaps] == sorted(gap.start for gap in gaps)
    assert min(gap.seconds for gap in gaps) > 1.11


def test_the_json_holds_all_that_was_recorded() -> None:
    request = Request("POST", "https://a.example/", (("A", "1"), ("A", "2")), b"\xff")
    tape = Tape(
        Head(200, "Fine", STREAM, "1.0", 0.05), (Chunk(0.1, b"id: 7\nevent: ping\n"), Chunk(0.11, b"data: x\n\n!"))
    )
    ending = Ending(EndingKind.RESET, 2.0, "ECONNRESET")
    interaction = Interaction(request, Tape(tape.head, tape.chunks, ending), Provenance("2026-01-01", "http://b", "s"))
    assert json.loads(json.dumps(described(timeline_of(interaction)))) == {
        "request": {
            "method": "POST",
            "uri": "https://a.example/",
            "headers": [["A", "1"], ["A", "2"]],
            "body": {"base64": "/w=="},
        },
        "response": {
            "status": 200,
            "reason": "Fine",
            "http": "1.0",
            "headers": [["Content-Type", "Text/Event-Stream; charset=utf-8"]],
            "body": "id: 7\nevent: ping\ndata: x\n\n!",
            "head_at": 0.05,
            "chunks": [{"at": 0.1, "size": 18}, {"at": 0.11, "size": 10}],
            "ending": {"kind": "reset", "at": 2.0, "note": "ECONNRESET"},
        },
        "recorded": {"at": "2026-01-01", "origin": "http://b", "server": "s"},
        "events": [{"at": 0.11, "chunk": 2, "event": "ping", "id": "7", "data": "x"}],
        "dialect": "unknown",
        "text": "",
        "gaps": [{"start": 0.11, "end": 2.0}],
    }
