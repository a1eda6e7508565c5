"""How a body is cut into events, in each framing."""

from __future__ import annotations

import json
import struct
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import dialect_streams as said

from fakegpt_testkit.dialects.writing import WRITERS
from fakegpt_testkit.effects import script
from fakegpt_testkit.exchange import Chunk
from fakegpt_testkit.framing import Framing, cut, cut_chunks, encode_frame, framing_of, split

pytestmark = pytest.mark.once

BODIES = {
    "server-sent events": (said.OPENAI_CHAT, Framing.SSE, 10),
    "with CRLF": (said.GEMINI, Framing.SSE, 5),
    "after a byte order mark and a comment": (b"\xef\xbb\xbf: hi\n\ndata: 1\n\n", Framing.SSE, 1),
    "without a space": (b"data:1\n\n", Framing.SSE, 1),
    "with an id first": (b"id: 1\ndata: 1\n\n", Framing.SSE, 1),
    "JSON lines": (said.OLLAMA, Framing.JSON_LINES, 5),
    "JSON lines, the last without its end": (b'{"a":1}\n{"b":2}', Framing.JSON_LINES, 2),
    "JSON lines, the last cut off": (b'{"a":1}\n{"b":', Framing.JSON_LINES, 1),
    "JSON lines after a byte order mark": (b"\xef\xbb\xbf" + said.OLLAMA, Framing.JSON_LINES, 5),
    "an array after a byte order mark and a line": (b"\xef\xbb\xbf\n" + said.GEMINI_ARRAY, Framing.JSON_ARRAY, 5),
    "an array": (said.GEMINI_ARRAY, Framing.JSON_ARRAY, 5),
    "an array that was cut off": (said.GEMINI_ARRAY[:-30], Framing.JSON_ARRAY, 4),
    "an array with brackets, quotes and letters in it": (
        '[{"a":"]}, \\" ü"},\n{"b":[[1]]}]'.encode(),
        Framing.JSON_ARRAY,
        2,
    ),
    "binary frames": (said.CONVERSE, Framing.AMAZON, 12),
    "binary frames, the last cut off": (said.CONVERSE[:-1], Framing.AMAZON, 11),
}


@pytest.mark.parametrize(("body", "framing", "count"), BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("label", ["text/event-stream", "application/json", "application/x-ndjson", ""])
def test_the_framing_follows_the_bytes_whatever_the_label_says(
    body: bytes, framing: Framing, count: int, label: str
) -> None:
    assert framing_of(body, label) is framing
    assert len(cut(body, framing).events) == count
    assert not any(event.data.startswith("\ufeff") for event in cut(body, framing).events)
    pieces = split(body, framing)
    assert b"".join(pieces) == body
    assert count <= len(pieces) <= count + 1


@pytest.mark.parametrize(
    ("body", "label", "framing"),
    [
        pytest.param(b"", "text/event-stream", Framing.SSE, id="nothing yet"),
        pytest.param(b'{"a":1}\n', "application/x-ndjson", Framing.JSON_LINES, id="one line that says so"),
        pytest.param(b'{"a":1}\n', "application/json", None, id="one object"),
        pytest.param(b'{\n  "a": 1\n}\n', "application/json", None, id="one object over several lines"),
        pytest.param(b'{"a":1}\nnot a line', "text/plain", None, id="an object and something else"),
        pytest.param(b"[1, 2]", "application/json", None, id="a list of numbers"),
        pytest.param(b"<html>", "text/html", None, id="a page"),
        pytest.param(b"data\n", "text/plain", None, id="a word"),
        pytest.param(b"id: 7\nname: x\n", "text/plain", None, id="fields without data"),
        pytest.param(b":)", "text/plain", None, id="a face"),
        pytest.param(said.CONVERSE[:11], "application/octet-stream", None, id="less than a prelude"),
        pytest.param(b"x" * 40, "application/vnd.amazon.eventstream", Framing.AMAZON, id="frames that are none"),
    ],
)
def test_the_label_decides_where_the_bytes_do_not(body: bytes, label: str, framing: Framing | None) -> None:
    assert framing_of(body, label) is framing


def test_what_stands_outside_events_is_kept() -> None:
    frames = cut(b'data: 1\n\n{\n  "error": 1\n}\nretry: 5\n\ndata: 2', Framing.SSE)
    assert (len(frames.events), frames.stray, frames.unfinished) == (1, '{\n  "error": 1\n}', "2")
    assert cut(b'{"a":1}\n{"b":', Framing.JSON_LINES).unfinished == '{"b":'
    assert cut(b'[{"a":1}\n,\r\n{"b":', Framing.JSON_ARRAY).unfinished == '{"b":'
    assert cut(b'[{"a":1}]', Framing.JSON_ARRAY).unfinished == ""


@pytest.mark.parametrize("dialect", WRITERS)
def test_nothing_stands_outside_the_events_of_an_answer(dialect: str) -> None:
    (interaction,) = script("Hel: ", "\n: lo\r: ", dialect=dialect, reasoning=":\n:", usage=(1, 0x0A3A))
    frames = cut(interaction.response.body, framing_of(interaction.response.body) or Framing.SSE)
    assert (frames.events != (), frames.comments, frames.outside) == (True, (), ())


def test_comments_are_those_of_server_sent_events() -> None:
    body = b"\xef\xbb\xbf: one\r\ndata: 1\n:two\n\n:\r\n"
    assert cut(body, Framing.SSE).comments == ("one", "two", "")
    for other, around in ((Framing.JSON_LINES, b'{"a":1}\n'), (Framing.AMAZON, encode_frame(b"\n: no\n", []))):
        assert cut(around + b": no\n", other).comments == ()


def damaged(at: int) -> bytes:
    """The last of two frames with one bit turned."""
    first = said.frame("chunk", {"a": 1})
    second = bytearray(said.frame("chunk", {"b": 2}))
    second[at] ^= 1
    return first + bytes(second)


@pytest.mark.parametrize("at", [0, 5, 9, 14, -5, -1])
def test_a_frame_with_a_wrong_length_or_checksum_is_none(at: int) -> None:
    assert [event.data for event in cut(damaged(at), Framing.AMAZON).events] == ['{"a": 1}']


def test_a_frames_kind_is_its_events_type() -> None:
    body = said.frame("throttlingException", {"message": "no"}, "exception")
    body += encode_frame(b"", [(":message-type", "error"), (":error-code", "busy"), (":error-message", "no")])
    assert [(event.event, event.id, event.data) for event in cut(body, Framing.AMAZON).events] == [
        ("throttlingException", "exception", '{"message": "no"}'),
        ("busy", "error", "no"),
    ]


def test_a_field_of_a_type_that_is_no_text_is_passed_over() -> None:
    field = b"\x01n" + b"\x04" + struct.pack(">I", 7) + b"\x01t\x00" + b"\x01b\x06\x00\x02xy"
    plain = said.frame("chunk", {"a": 1})
    prelude_and_fields = plain[12 : 12 + struct.unpack_from(">I", plain, 4)[0]]
    fields = field + prelude_and_fields
    head = struct.pack(">II", 16 + len(fields) + 8, len(fields))
    frame = head + struct.pack(">I", zlib.crc32(head)) + fields + b'{"a": 1}'
    frame += struct.pack(">I", zlib.crc32(frame))
    (event,) = cut(frame, Framing.AMAZON).events
    assert (event.event, event.data) == ("chunk", '{"a": 1}')


def test_what_is_encoded_is_the_frame_that_was_made_by_hand() -> None:
    fields = [(":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event")]
    assert encode_frame(json.dumps({"a": 1}).encode(), fields) == said.frame("chunk", {"a": 1})


@given(data=st.data(), name=st.sampled_from(sorted(BODIES)))
def test_an_event_has_the_time_of_its_last_byte_however_the_body_came(data: st.DataObject, name: str) -> None:
    body, framing, count = BODIES[name]
    places = sorted(data.draw(st.sets(st.integers(1, len(body) - 1), max_size=8)))
    edges = [0, *places, len(body)]
    chunks = [Chunk(float(at), body[at:end]) for at, end in pairwise(edges)]
    frames = cut_chunks([chunk.data for chunk in chunks], framing)
    assert frames == cut(body, framing)
    times = [chunks[number].at for number in frames.completed]
    assert len(times) == count
    assert list(times) == sorted(times)
    for number, time in enumerate(times):
        before, until = body[: int(time)], body[: edges[edges.index(int(time)) + 1]]
        assert len(cut(until, framing).events) > number
        if framing is not Framing.JSON_LINES:  # a line can be read before its end came
            assert len(cut(before, framing).events) <= number


@given(st.binary(max_size=60), st.sampled_from(Framing))
def test_no_bytes_fail_any_framing(body: bytes, framing: Framing) -> None:
    cut(body, framing)
    assert b"".join(split(body, framing)) == body
    framing_of(body)


def test_a_deeply_nested_body_fails_nobody() -> None:
    assert framing_of(b'{"a":' * 100_000 + b"\n{") is None
    assert cut(b"[{" + b"[" * 100_000, Framing.JSON_ARRAY).events == ()
