"""What must hold for any bytes in any chunks: the parser agrees with the slow reference, and holds only what it must.

Called by the coverage-guided fuzzer (`make fuzz`), and by the tests with the corpus that it left.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.reference.event_stream import read  # noqa: E402

from fakegpt_testkit import sse  # noqa: E402
from fakegpt_testkit.errors import EventTooLarge  # noqa: E402
from fakegpt_testkit.sse import Event, EventStreamParser, encode, split  # noqa: E402

SMALL = {"_SLICE": 8, "_MANY": 2, "_PIECES": 2, "_SMALL": 3, "_OVERHEAD": 2}
"""The parser's thresholds as small as they can be, so that short inputs cross them."""

LIMIT = 24


def chunks(body: bytes, sizes: bytes) -> list[bytes]:
    """The body cut into pieces of these sizes, again and again; a size of 0 is an empty piece."""
    pieces = []
    start = turn = 0
    while start < len(body):
        size = sizes[turn % len(sizes)] % 16 if any(size % 16 for size in sizes) else len(body)
        pieces.append(body[start : start + size])
        start += size
        turn += 1
    return pieces


def check(data: bytes) -> None:
    """The first byte says how many sizes of chunks come next, the rest is the body."""
    count = data[0] % 8 if data else 0
    sizes, body = data[1 : 1 + count], data[1 + count :]
    pieces = chunks(body, sizes)
    assert b"".join(pieces) == body

    wanted = read(body)
    parser = EventStreamParser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    assert events == [Event(*event) for event in wanted.events]
    assert parser.last_event_id == wanted.last_event_id
    assert parser.retry == (None if wanted.reconnection_time is None else min(wanted.reconnection_time, 2**63 - 1))
    parser.close()
    assert parser.last_event_id == wanted.last_event_id
    after = read(body + (b"\n" if parser.unfinished else b"") + b"\r").events[len(events) :]
    cut_names = [name for name in (b"data", b"event", b"id", b"retry") if name.startswith(parser.unfinished)]
    if not parser.unfinished or parser.unfinished in cut_names or not cut_names:
        assert ([] if parser.dropped is None else [parser.dropped]) == [Event(*event) for event in after]

    check_read(pieces, events, parser)
    check_pieces(body, events)
    check_limit(body, pieces)
    for event in events:
        if "\r" not in event.data + event.event + event.id:
            assert EventStreamParser().feed(encode(event)) == (event,)


def check_read(pieces: list[bytes], events: list[Event], fed: EventStreamParser) -> None:
    """That `read` is `feed` of each piece, and `close`, which is what was done with ``fed``.

    Cut at each line and before each line of data, too: pieces that end with an event have a path of their own.
    """
    body = b"".join(pieces)
    for cut in (pieces, body.splitlines(keepends=True), re.split(rb"(?<=[\r\n])(?=data)", body)):
        parser = EventStreamParser()
        assert list(parser.read(cut)) == events
        left = parser.last_event_id, parser.retry, parser.stray, parser.dropped, parser.unfinished
        assert left == (fed.last_event_id, fed.retry, fed.stray, fed.dropped, fed.unfinished)


def check_pieces(body: bytes, events: list[Event]) -> None:
    cut = split(body)
    assert b"".join(cut) == body
    assert all(cut)
    assert len(cut) - len(events) in (0, 1)
    parser = EventStreamParser()
    assert [parser.feed(piece) for piece in cut] == [(event,) for event in events] + [()] * (len(cut) - len(events))


def until_too_large(pieces: list[bytes]) -> tuple[list[Event], bool]:
    parser = EventStreamParser(max_event_size=LIMIT)
    events = []
    try:
        for piece in pieces:
            events += parser.feed(piece)
            line = sum(map(len, parser._line))
            data = sum(len(text.encode()) for text in parser._data)
            assert line <= LIMIT + len(piece)
            assert line + data <= 3 * (LIMIT + len(piece)), "a byte that is no UTF-8 becomes three"
        parser.close()
    except EventTooLarge:
        return events, True
    return events, False


def read_until_too_large(pieces: list[bytes]) -> tuple[list[Event], bool]:
    events = []
    try:
        for event in EventStreamParser(max_event_size=LIMIT).read(pieces):
            events.append(event)  # noqa: PERF402 - what was given before the error counts
    except EventTooLarge:
        return events, True
    return events, False


def check_limit(body: bytes, pieces: list[bytes]) -> None:
    single = [body[start : start + 1] for start in range(len(body))]
    wanted = until_too_large(single)  # nothing can come together with what is too large
    assert until_too_large(pieces) == until_too_large([body]) == wanted
    halves = [body[: len(body) // 2], body[len(body) // 2 :]]
    for cut in (pieces, single, halves):
        assert read_until_too_large(cut) == wanted


def small_thresholds() -> None:
    for name, value in SMALL.items():
        assert hasattr(sse, name)
        setattr(sse, name, value)
