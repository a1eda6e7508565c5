"""The rules of "interpreting an event stream", one by one, at every cut."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.reference.cases import BOM, CASES, Case
from support.reference.event_stream import read

from fakegpt_testkit import sse
from fakegpt_testkit.errors import EventNotEncodable, EventTooLarge, FakeGptTestkitError
from fakegpt_testkit.sse import Event, EventStreamParser, encode, parse, split

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

pytestmark = [pytest.mark.once, pytest.mark.untraced]


def events(*data: str) -> list[Event]:
    return [Event(data=text) for text in data]


each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def check(case: Case, chunks: Iterable[bytes]) -> None:
    parser = EventStreamParser()
    assert list(parser.read(chunks)) == [Event(*event) for event in case.events]
    if case.retry is not ...:
        assert parser.retry == case.retry


@each_case
def test_the_cases_are_the_standards(case: Case) -> None:
    source = read(case.body)
    assert source.events == case.events
    assert case.retry in (..., source.reconnection_time)


def test_the_count_of_cases_runs_and_is_the_documents() -> None:
    root = Path(__file__).parent.parent
    command = [sys.executable, str(root / "benchmarks" / "sse_cases.py")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    row = f"| ours | {' | '.join([str(len(CASES))] * 4)} |\n"
    assert row in said
    assert row in (root / "docs" / "benchmarks-sse.md").read_text(encoding="utf-8")


@each_case
def test_each_case_whole(case: Case) -> None:
    check(case, [case.body])
    assert parse(case.body) == [Event(*event) for event in case.events]


@each_case
def test_each_case_byte_by_byte(case: Case) -> None:
    body = case.body
    check(case, (body[i : i + 1] for i in range(len(body))))
    check(case, (piece for i in range(len(body)) for piece in (b"", body[i : i + 1], b"")))


@each_case
def test_each_case_at_every_cut(case: Case) -> None:
    body = case.body
    for cut in range(0, len(body) + 1, 1 + len(body) // 200):
        check(case, [body[:cut], body[cut:]])
        check(case, [body[:cut], b"", body[cut:]])


@each_case
def test_each_case_with_a_tail(case: Case) -> None:
    parser = EventStreamParser()
    given = [*parser.feed(case.body + b"\n\n")]
    assert given[: len(case.events)] == [Event(*event) for event in case.events]
    assert parser.feed(b"event: tail\ndata: t\n\n") == (Event("tail", "t", parser.last_event_id),)


@each_case
def test_the_pieces_hold_one_event_each(case: Case) -> None:
    pieces = split(case.body)
    assert b"".join(pieces) == case.body
    assert all(pieces)
    parser = EventStreamParser()
    given = [parser.feed(piece) for piece in pieces]
    assert [event for part in given for event in part] == [Event(*event) for event in case.events]
    assert [len(part) for part in given[: len(case.events)]] == [1] * len(case.events)


@pytest.mark.parametrize(
    ("body", "pieces"),
    [
        pytest.param(b"data: a\n\ndata: b\n\n", [b"data: a\n\n", b"data: b\n\n"], id="one piece per event"),
        pytest.param(b"data: a\n\ndata: b", [b"data: a\n\n", b"data: b"], id="the unfinished rest is the last"),
        pytest.param(
            b": x\n\nid: 1\n\ndata: a\n\n\n", [b": x\n\nid: 1\n\ndata: a\n\n", b"\n"], id="blocks without data"
        ),
        pytest.param(
            b"data: a\r\n\r\ndata\r\rdata\r\r\n", [b"data: a\r\n\r\n", b"data\r\r", b"data\r\r\n"], id="CR and CRLF"
        ),
        pytest.param(BOM + b"data\n\n", [BOM + b"data\n\n"], id="a BOM"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_a_body_is_cut_after_each_event(body: bytes, pieces: list[bytes]) -> None:
    assert split(body) == pieces


def test_an_event_ended_by_cr_is_given_at_once() -> None:
    parser = EventStreamParser()
    assert [*parser.feed(b"data: a\r\r")] == events("a")
    assert parser.feed(b"") == ()
    assert parser.feed(b"\ndata: b\r") == ()
    assert parser.feed(b"") == ()
    assert parser.feed(b"\n") == ()
    assert [*parser.feed(b"\r")] == events("b")


def test_a_stream_is_read_as_its_chunks_come() -> None:
    asked: list[int] = []

    def chunks() -> Iterator[bytes]:
        for number, chunk in enumerate((b"data: a\n", b"", b"\ndata: b\n\nda", b"ta: c", b"\n\n", b"id: 1\ndata: d")):
            asked.append(number)
            yield chunk

    parser = EventStreamParser()
    given = parser.read(chunks())
    assert asked == []
    assert [(event, asked[-1]) for event in given] == [
        (Event(data="a"), 2),
        (Event(data="b"), 2),
        (Event(data="c"), 4),
    ]
    assert (parser.dropped, parser.unfinished) == (Event(data="d", id="1"), b"data: d")


async def test_a_stream_is_read_as_its_chunks_are_waited_for() -> None:
    seen: list[str] = []

    async def chunks() -> AsyncIterator[bytes]:
        for chunk in (b"data: 1\n\nda", b"ta: 2\n", b"\n", b"data: 3\n\ndata: half"):
            seen.append(f"sent {len(chunk)}")
            yield chunk

    parser = EventStreamParser()
    async for event in parser.read_async(chunks()):
        seen += [event.data]
    assert seen == ["sent 11", "1", "sent 6", "sent 1", "2", "sent 19", "3"]
    assert (parser.dropped, parser.unfinished) == (Event(data="half"), b"data: half")


async def test_a_source_that_fails_gives_what_came_before_it_and_its_own_error() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"data: 1\n\ndata: half"
        raise ConnectionResetError

    parser = EventStreamParser()
    seen: list[str] = []
    with pytest.raises(ConnectionResetError):
        async for event in parser.read_async(chunks()):
            seen += [event.data]
    assert (seen, parser.dropped, parser.unfinished) == (["1"], None, b"")
    assert parser.feed(b"\n\n") == (Event(data="half"),)  # it can be gone on with


def test_parsers_share_nothing() -> None:
    parsers = [EventStreamParser() for _ in range(3)]
    body = "\ufeffid: 1\r\ndata: 😀\r\n\r\n".encode()
    given = [parser.feed(bytes([byte])) for byte in body for parser in parsers]
    assert [event for found in given for event in found] == [Event(data="😀", id="1")] * 3


def test_the_parser_imports_nothing_but_the_standard_library_and_does_nothing_with_it() -> None:
    tree = ast.parse(Path(sse.__file__).read_text(encoding="utf-8"))
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    harmless = {"__future__", "re", "dataclasses", "itertools", "typing", "collections.abc"}
    assert names == harmless | {"fakegpt_testkit.errors"}


def test_a_read_that_is_left_can_be_gone_on_with() -> None:
    parser = EventStreamParser()
    assert next(parser.read([b"data: a\r\rdata: b", b"never asked for"])) == Event(data="a")
    assert [*parser.feed(b"\r\r")] == events("b")
    assert list(parser.read([b"\ndata: c\n", b"\n"])) == events("c")


@pytest.mark.parametrize(
    ("body", "retry"),
    [
        pytest.param(b"retry: 5000\n", 5000, id="as soon as its line is complete"),
        pytest.param(b"retry: 5000\r", 5000, id="also when it ends with CR"),
        pytest.param(b"retry: 5000", None, id="not before"),
        pytest.param(b"retry:007\n", 7, id="zeros in front"),
        pytest.param(b"retry: 0\n", 0, id="nothing"),
        pytest.param(b"retry: 1\nretry: 2\n\n", 2, id="the last holds"),
        pytest.param(
            b"retry: 1\nretry: -1\nretry: +1\nretry: 1.5\nretry: 1_000\nretry: 1e3\nretry: 0x1\n", 1, id="no digits"
        ),
        pytest.param(b"retry: 1\nretry:\nretry\nretry:  2\nretry: 2 \n", 1, id="nothing, and spaces"),
        pytest.param("retry: 1\nretry: \u0661\u0662\nretry: \u00b2\n".encode(), 1, id="digits that are not ASCII"),
        pytest.param(b"retry: " + b"9" * 18 + b"\n", 10**18 - 1, id="18 digits"),
        pytest.param(b"retry: %d\n" % (2**63 - 1), 2**63 - 1, id="the largest number"),
        pytest.param(b"retry: %d\n" % (2**63 - 2), 2**63 - 2, id="the largest number but one"),
        pytest.param(b"retry: %d\n" % 2**63, 2**63 - 1, id="one more than the largest number"),
        pytest.param(b"retry: " + b"9" * 100_000 + b"\n", 2**63 - 1, id="more digits than anybody can wait for"),
        pytest.param(b"retry: " + b"0" * 100_000 + b"9\n", 9, id="many zeros in front"),
    ],
)
def test_retry(body: bytes, retry: int | None) -> None:
    for cut in range(min(len(body), 100)):
        parser = EventStreamParser()
        assert parser.feed(body[:cut]) + parser.feed(body[cut:]) == ()
        assert parser.retry == retry
        parser.close()
        assert parser.retry == retry


def test_the_last_event_id_moves_with_the_blank_line() -> None:
    parser = EventStreamParser(last_event_id="0")
    assert parser.feed(b"data: a\n\n") == (Event(data="a", id="0"),)
    parser.feed(b"id: 1\n")
    assert parser.last_event_id == "0"
    parser.feed(b"\n")
    assert parser.last_event_id == "1"
    parser.feed(b"id: 2\n")
    assert parser.feed(b"data: b\n\n") == (Event(data="b", id="2"),)
    assert parser.last_event_id == "2"
    parser.feed(b"id: 3\ndata: c\n")
    parser.close()
    assert parser.last_event_id == "2"


@pytest.mark.parametrize(
    ("body", "dropped", "unfinished", "stray"),
    [
        pytest.param(b"data: a\n\n", None, b"", "", id="nothing"),
        pytest.param(b"data: a\n", Event(data="a"), b"", "", id="an event without its blank line"),
        pytest.param(
            b"id: 1\nevent: x\ndata: a\ndata: b", Event("x", "a\nb", "1"), b"data: b", "", id="a line without its end"
        ),
        pytest.param(b"event: x\nid: 1", None, b"id: 1", "", id="no data"),
        pytest.param(b"data: a\n: x", Event(data="a"), b": x", "", id="a comment"),
        pytest.param(b"Internal Server Error", None, b"Internal Server Error", "Internal Server Error", id="no field"),
        pytest.param(b"data: a\n\nInternal\xff\n\n", None, b"", "Internal\ufffd", id="no field, and its end"),
        pytest.param(b"\xef\xbb", None, b"\xef\xbb", "\ufffd", id="half a BOM"),
        pytest.param(b"data: a\n\nda", None, b"da", "", id="half a field's name"),
    ],
)
def test_what_the_end_dropped_can_be_seen(body: bytes, dropped: Event | None, unfinished: bytes, stray: str) -> None:
    for cut in range(len(body) + 1):
        parser = EventStreamParser()
        parser.feed(body[:cut])
        parser.feed(body[cut:])
        assert (parser.dropped, parser.unfinished) == (None, b"")
        parser.close()
        assert (parser.dropped, parser.unfinished, parser.stray) == (dropped, unfinished, stray)


def test_an_event_is_a_value() -> None:
    event = Event("x", "a", "1")
    assert event == Event("x", "a", "1")
    assert event != Event("x", "a", "2")
    assert {event: 1}[Event("x", "a", "1")] == 1
    assert repr(event) == "Event(event='x', data='a', id='1')"
    assert Event() == Event("message", "", "")
    with pytest.raises(AttributeError):
        event.name = "y"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("event", "body"),
    [
        pytest.param(Event(data="a"), b"data: a\n\n", id="data"),
        pytest.param(Event(), b"data: \n\n", id="no text"),
        pytest.param(Event("x", "a\n b\n", "1"), b"id: 1\nevent: x\ndata: a\ndata:  b\ndata: \n\n", id="everything"),
    ],
)
def test_events_are_written(event: Event, body: bytes) -> None:
    assert encode(event) == body
    assert parse(encode(event)) == [event]


def test_an_id_is_written_where_it_changes() -> None:
    assert encode(Event(data="a", id="1"), last_event_id="1") == b"data: a\n\n"
    assert encode(Event(data="a"), last_event_id="1") == b"id: \ndata: a\n\n"


@pytest.mark.parametrize(
    ("event", "field"),
    [
        pytest.param(Event(data="a\rb"), "data", id="CR in the data"),
        pytest.param(Event("a\nb"), "event", id="LF in the type"),
        pytest.param(Event("a\rb"), "event", id="CR in the type"),
        pytest.param(Event(""), "event", id="no type"),
        pytest.param(Event(id="a\nb"), "id", id="LF in the id"),
        pytest.param(Event(id="a\rb"), "id", id="CR in the id"),
        pytest.param(Event(id="\0"), "id", id="NULL in the id"),
        pytest.param(Event(data="\ud83d"), "data", id="half a surrogate pair"),
    ],
)
def test_what_no_stream_can_carry_is_refused(event: Event, field: str) -> None:
    with pytest.raises(EventNotEncodable) as raised:
        encode(event)
    assert raised.value.field == field
    assert isinstance(raised.value, ValueError)


LIMIT = 20
LARGE = {
    "a line": b"data: " + b"a" * 15 + b"\n\n",
    "lines together": b"data: aaaa\ndata: aaa\n\n",
    "an unfinished line": b"data: aaaa\ndata: aaaa",
    "a comment": b":" + b"a" * 20,
    "a comment within an event": b"data: aaaa\n: aaaaaaaa",
    "after smaller events": b"data: aaaaaaaaaaaa\n\n: aaaaaaaaaaaaa\n\ndata: aaaaaaaaaaaaaaaa\n\ndata: a\n\n",
    "lines that end with CRLF": b"data: aaaa\r\ndata: aaa\r\n\r\n",
}
FITS = {
    "a line": b"data: " + b"a" * 13 + b"\n\n",
    "lines together": b"data: aaaa\ndata: aa\n\n",
    "a comment": b":" + b"a" * 19 + b"\n\n",
    "many comments": b":aaaaaaaa\n" * 10 + b"data: a\n\n",
    "many events": b"data: aaaaaaaa\n\n" * 10,
    "lines that end with CRLF": b"data: aaaa\r\ndata: aa\r\n\r\n",
}


def until_the_error(chunks: list[bytes]) -> tuple[list[Event], bool]:
    parser = EventStreamParser(max_event_size=LIMIT)
    given: list[Event] = []
    try:
        for chunk in chunks:
            given += parser.feed(chunk)
        parser.close()
    except EventTooLarge:
        return given, True
    return given, False


@pytest.mark.parametrize("body", LARGE.values(), ids=LARGE)
def test_an_event_above_the_limit_is_an_error_wherever_it_is_cut(body: bytes) -> None:
    wanted = until_the_error([body])
    assert wanted[1]
    assert until_the_error([body[i : i + 1] for i in range(len(body))]) == wanted
    for cut in range(len(body) + 1):
        assert until_the_error([body[:cut], body[cut:]]) == wanted


@pytest.mark.parametrize("body", FITS.values(), ids=FITS)
def test_an_event_within_the_limit_is_given_wherever_it_is_cut(body: bytes) -> None:
    for cut in range(len(body) + 1):
        assert until_the_error([body[:cut], body[cut:]]) == (parse(body), False)


def test_events_before_the_large_one_are_given_first() -> None:
    parser = EventStreamParser(max_event_size=LIMIT)
    assert [*parser.feed(b"data: a\n\n" + b"data: b\n\n" + b"data: " + b"c" * 30)] == events("a", "b")
    for _ in range(2):
        with pytest.raises(EventTooLarge, match=f"larger than {LIMIT} bytes") as raised:
            parser.feed(b"data: d\n\n")
        assert raised.value.limit == LIMIT
        assert isinstance(raised.value, FakeGptTestkitError)
    with pytest.raises(EventTooLarge):
        parser.close()
