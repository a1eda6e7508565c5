"""What holds for any bytes in any pieces; scripts/mutants.py shows that these properties see what can go wrong."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.reference.event_stream import lines, read, utf8_decode

from fakegpt_testkit import sse
from fakegpt_testkit.errors import EventNotEncodable
from fakegpt_testkit.sse import Event, EventStreamParser, encode, parse
from fakegpt_testkit.strategies import cuts, event_streams, events

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "fuzz"))
import sse_target  # noqa: E402

pytestmark = pytest.mark.once

SYNTAX = (
    *(b"data", b"data:", b"data: ", b"data: a", b"event: x", b"event", b"id: 1", b"id", b"retry: 12", b"retry: 1_0"),
    *(b"\n", b"\n\n", b"\r", b"\r\n", b"\r\r", b"\xef\xbb\xbf", b"\xef", b"\xbb\xbf", b":", b": ", b" ", b"\0", b"a"),
    *(b"data: b\n\n", b"data: c\r\n\r\n", b"\xf0\x9f\x98\x80", b"\xf0\x9f", b"\x98\x80", b"\xe2\x80\xa8", b"\xc2\x85"),
    *(b"\x0b\x0c\x1c", b"\xd9\xa3", b"foo: a", b"Data: a", b"id: \0"),
)
FIELDS = ("", "data", "event", "id", "retry")
STARTS = (b"", b"", b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf", b"\n\xef\xbb\xbf", b"\xef\xbb")
LINES = (
    *(b"", b"", b"data: a", b"data: b", b"data", b"event: x", b"id: 1", b"id", b"retry: 12", b": comment", b"stray"),
    *(b"retry: 1_0", b"retry: -1", b"retry: \xd9\xa3"),
    *(b"data: \xf0\x9f", b"data: \xff\x98a", b"id: 2\0", b"event"),
)
line = st.tuples(st.sampled_from(LINES), st.sampled_from((b"\n", b"\r", b"\r\n"))).map(b"".join)
BLOCKS = (
    *(b"event: x", b"id: 1", b"id", b": c", b"retry: 1", b"data: a", b"data", b"id: 2\ndata: b", b"event: y\ndata: c"),
    *(b"data: \xff", b"data: \xf0\x9fa\xf0\x9f", b"data: d\nevent: z", b"id: 3\nevent: x", b"data: e\ndata: f", b""),
)
odd = st.lists(st.sampled_from(("\r", "\n", "\0", " ", ":", "a", "é", "\ud83d")), max_size=3).map("".join)
large = st.tuples(
    st.sampled_from((b"", b"data: a\n\n", b"data: a\n\ndata: b\n\n", b"id: 1\ndata: a\r\n\r\n")),
    st.sampled_from((b"data: ", b"data: b\n", b":", b"event: ", b"x")),
    st.integers(sse_target.LIMIT - 12, sse_target.LIMIT + 6).map(lambda size: b"y" * size),
    st.sampled_from((b"", b"\n", b"\n\n", b"\r\r", b"\n\ndata: c\n\n")),
).map(b"".join)
bodies = st.one_of(
    large,
    st.lists(st.sampled_from(BLOCKS), max_size=6).map(lambda blocks: b"".join(block + b"\n\n" for block in blocks)),
    st.lists(line, max_size=10).map(b"".join),
    st.tuples(st.sampled_from(STARTS), st.sampled_from((b"data: a\n\n", b"data: a\r", b"id: 1\n\n"))).map(b"".join),
    st.lists(st.sampled_from(SYNTAX), max_size=16).map(b"".join),
    st.lists(st.one_of(st.sampled_from(SYNTAX), st.binary(max_size=3)), max_size=16).map(b"".join),
    event_streams(),
    st.binary(max_size=40),
)


@pytest.fixture(params=["as they are", "tiny"], ids=str, autouse=True, scope="module")
def thresholds(request: pytest.FixtureRequest) -> object:
    """Each property also holds where every input crosses the parser's inner thresholds."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "tiny":
            for name, value in sse_target.SMALL.items():
                patch.setattr(sse, name, value)
        yield


@settings(max_examples=250, deadline=None)
@given(body=bodies, data=st.data())
def test_any_bytes_in_any_pieces_read_as_the_standard_says(body: bytes, data: st.DataObject) -> None:
    parser = EventStreamParser()
    pieces = data.draw(cuts(body))
    given_events = [event for piece in pieces for event in parser.feed(piece)]
    wanted = read(body)
    assert given_events == [Event(*event) for event in wanted.events]
    assert (parser.last_event_id, parser.retry) == (wanted.last_event_id, wanted.reconnection_time)
    strays = [line for line in lines(utf8_decode(body)) if line and line.split(":")[0] not in FIELDS]
    assert parser.stray == (strays[-1] if strays else "")
    parser.close()
    sse_target.check_read(pieces, given_events, parser)


@settings(max_examples=80, deadline=None)
@given(body=bodies, data=st.data())
def test_what_is_given_early_was_complete(body: bytes, data: st.DataObject) -> None:
    parser = EventStreamParser()
    arrived = b""
    given_events: list[Event] = []
    for piece in data.draw(cuts(body)):
        arrived += piece
        given_events += parser.feed(piece)
        so_far = read(arrived)
        assert given_events == [Event(*event) for event in so_far.events]
        assert parser.last_event_id == so_far.last_event_id
        # and no more is held than the data of the event and the line that are on their way
        assert "".join(f"{text}\n" for text in parser._data) == so_far.data_buffer
        last = re.split(rb"\r\n|\r|\n", arrived)[-1]
        assert b"".join(parser._line) == (last.removeprefix(b"\xef\xbb\xbf") if last == arrived else last)


@settings(max_examples=80, deadline=None)
@given(written=st.lists(events(), max_size=5), data=st.data())
def test_what_is_written_is_read_back(written: list[Event], data: st.DataObject) -> None:
    ids = ["", *(event.id for event in written)]
    body = b"".join(encode(event, last_event_id=before) for event, before in zip(written, ids, strict=False))
    assert parse(data.draw(cuts(body))) == written


@settings(max_examples=80, deadline=None)
@given(event=st.builds(Event, odd) | st.builds(Event, data=odd) | st.builds(Event, id=odd))
def test_what_cannot_be_read_back_is_not_written(event: Event) -> None:
    try:
        body = encode(event)
    except EventNotEncodable:
        alike = (event.event or "?").encode("utf-8", "replace").decode(), event.data.encode("utf-8", "replace").decode()
        unlike = alike != (event.event, event.data) or event.id.encode("utf-8", "replace").decode() != event.id
        assert unlike or "\r" in event.data or set(event.event + event.id) & set("\r\n\0")
    else:
        assert parse(body) == [event]


@settings(max_examples=80, deadline=None)
@given(body=bodies)
def test_a_body_is_cut_into_its_events(body: bytes) -> None:
    sse_target.check_pieces(body, parse(body))


@settings(max_examples=100, deadline=None)
@given(body=bodies, data=st.data())
def test_the_limit_is_the_same_wherever_the_body_is_cut(body: bytes, data: st.DataObject) -> None:
    sse_target.check_limit(body, data.draw(cuts(body)))


@pytest.mark.parametrize("path", sorted((ROOT / "fuzz" / "sse_corpus").iterdir()), ids=lambda path: path.name)
def test_the_fuzzers_corpus(path: Path) -> None:
    sse_target.check(path.read_bytes())
