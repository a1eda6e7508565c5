"""The rules of "interpreting an event stream", one by one, at every cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakegpt_testkit.errors import EventNotEncodable, EventTooLarge, FakeGptTestkitError
from fakegpt_testkit.sse import Event, EventStreamParser, encode, parse, split

if TYPE_CHECKING:
    from collections.abc import Iterator

BOM = b"\xef\xbb\xbf"


def events(*data: str) -> list[Event]:
    return [Event(data=text) for text in data]


RULES: dict[str, tuple[bytes, list[Event]]] = {
    # the byte order mark
    "one BOM at the very start is no part of the first line": (BOM + b"data: a\n\n", events("a")),
    "a second BOM is part of the first line": (BOM + BOM + b"data: a\n\ndata: b\n\n", events("b")),
    "a BOM at a later line is part of it": (b"data: a\n\n" + BOM + b"data: b\n\ndata: c\n\n", events("a", "c")),
    "a BOM within a value is kept": (b"data: \xef\xbb\xbfa\n\n", events("\ufeffa")),
    "a BOM alone": (BOM, []),
    "half a BOM at the start is a line's beginning": (b"\xef\xbbdata: a\n\ndata: b\n\n", events("b")),
    "a BOM before a blank line": (BOM + b"\n\ndata: a\n\n", events("a")),
    # the ends of lines
    "LF ends a line": (b"data: a\ndata: b\n\n", events("a\nb")),
    "CR ends a line": (b"data: a\rdata: b\r\r", events("a\nb")),
    "CRLF ends a line": (b"data: a\r\ndata: b\r\n\r\n", events("a\nb")),
    "all three in one stream": (
        b"data: a\ndata: b\r\ndata: c\rdata: d\n\r\ndata: e\r\n\rdata: f\r\n\n",
        events("a\nb\nc\nd", "e", "f"),
    ),
    "LF CR are two ends": (b"data: a\n\rdata: b\n\n", events("a", "b")),
    "CR CR LF are two ends": (b"data: a\r\r\ndata: b\n\n", events("a", "b")),
    "U+2028, U+2029 and U+0085 end no line": (
        "data: a\u2028b\u2029c\x85d\n\n".encode(),
        events("a\u2028b\u2029c\x85d"),
    ),
    "VT, FF, FS, GS and RS end no line": (
        b"data: a\x0bb\x0cc\x1cd\x1de\x1ef\n\n",
        events("a\x0bb\x0cc\x1cd\x1de\x1ef"),
    ),
    # comments, field names, values
    "a line that begins with a colon is a comment": (b":\n: x\n:data: x\ndata: a\n:\n\n", events("a")),
    "comments alone give no event": (b": a\n\n: b\n\n", []),
    "the value begins after the first colon": (b"data:a:b: c\n\n", events("a:b: c")),
    "one space after the colon goes": (
        b"data: a\n\ndata:b\n\ndata:  c\n\ndata:   d \n\n",
        events("a", "b", " c", "  d "),
    ),
    "a tab after the colon stays": (b"data:\ta\n\n", events("\ta")),
    "a space before the colon belongs to the name": (b"data : a\n\ndata: b\n\n", events("b")),
    "a space before the name belongs to it": (b" data: a\n\ndata: b\n\n", events("b")),
    "a field without a colon has an empty value": (
        b"data\n\ndata\ndata\n\nevent: x\nevent\ndata\n\n",
        events("", "\n", ""),
    ),
    "names are compared exactly": (b"Data: a\nDATA: b\ndat: c\ndataa: d\ndata: e\n\n", events("e")),
    "unknown fields are passed over": (b"foo: a\nfoo\ndata: b\n\n", events("b")),
    "a line with a NULL is a line": (b"data: a\0b\nd\0ata: c\n\n", events("a\0b")),
    # data
    "data lines are joined by LF": (b"data: a\ndata:\ndata: b\n\n", events("a\n\nb")),
    "only the last LF goes": (b"data: a\ndata\ndata\n\n", events("a\n\n")),
    "an empty data line is an event": (b"data:\n\ndata: \n\n", events("", "")),
    "blank lines alone give nothing": (b"\n\n\r\r\r\n\r\n", []),
    "more than one blank line": (b"data: a\n\n\n\n\ndata: b\n\n", events("a", "b")),
    "JSON is text": (b'data: {"a": [1]}\n\n', events('{"a": [1]}')),
    # event
    "event names the type": (b"event: x\ndata: a\n\n", [Event("x", "a")]),
    "event after the data names it too": (b"data: a\nevent: x\n\n", [Event("x", "a")]),
    "the last event line holds": (b"event: x\nevent: y\ndata: a\n\n", [Event("y", "a")]),
    "an empty event means message": (b"event: x\nevent:\ndata: a\n\n", events("a")),
    "the type holds for one event": (b"event: x\ndata: a\n\ndata: b\n\n", [Event("x", "a"), Event(data="b")]),
    "an event without data is not given": (b"event: x\n\n", []),
    "an event without data resets its type": (b"event: x\n\ndata: a\n\n", events("a")),
    # id
    "id is the event's id": (b"id: 1\ndata: a\n\n", [Event(data="a", id="1")]),
    "the id stays for later events": (
        b"id: 1\ndata: a\n\ndata: b\n\n",
        [Event(data="a", id="1"), Event(data="b", id="1")],
    ),
    "an empty id resets": (b"id: 1\ndata: a\n\nid\ndata: b\n\n", [Event(data="a", id="1"), Event(data="b")]),
    "an id with a NULL is passed over": (b"id: 1\nid: 2\0\ndata: a\n\n", [Event(data="a", id="1")]),
    "an event without data sets the id": (b"id: 1\n\ndata: a\n\n", [Event(data="a", id="1")]),
    "an id alone is no event, nor with a comment": (b"id: 1\n\nid: 2\n: x\n\n: y\nid: 3\n\n", []),
    "an id is a text": (" id\nid: \u00e9\U0001f600\ndata: a\n\n".encode(), [Event(data="a", id="\u00e9\U0001f600")]),
    # the end
    "an event without its blank line is dropped": (b"data: a\n\ndata: b\n", events("a")),
    "a line without its end is dropped": (b"data: a\n\ndata: b", events("a")),
    "nothing at all": (b"", []),
    # UTF-8
    "UTF-8": ("data: \u00e9\u4e2d\U0001f600\n\n".encode(), events("\u00e9\u4e2d\U0001f600")),
    "bytes that are no UTF-8 are replaced": (b"data: a\xffb\xc0\x80c\n\n", events("a\ufffdb\ufffd\ufffdc")),
    "a cut character is replaced once": (b"data: \xf0\x9f\x98\ndata: \xe4\xb8\xff\n\n", events("\ufffd\n\ufffd\ufffd")),
    "surrogates and what is above U+10FFFF are replaced": (
        b"data: \xed\xa0\x80\xf4\x90\x80\x80\n\n",
        events("\ufffd" * 7),
    ),
    "a cut character does not take the line's end with it": (
        b"data: \xf0\n\ndata: \xe4\xb8\r\rdata: c\n\n",
        events("\ufffd", "\ufffd", "c"),
    ),
    "a broken name is no field": (b"da\xffta: a\n\n\xffdata: b\n\ndata: c\n\n", events("c")),
    "a broken type and id": (b"event: \xff\nid: \xfe\ndata: a\n\n", [Event("\ufffd", "a", "\ufffd")]),
}


@pytest.mark.parametrize(("body", "wanted"), RULES.values(), ids=RULES)
def test_the_standards_rules_whole(body: bytes, wanted: list[Event]) -> None:
    assert parse(body) == wanted


@pytest.mark.parametrize(("body", "wanted"), RULES.values(), ids=RULES)
def test_the_standards_rules_byte_by_byte(body: bytes, wanted: list[Event]) -> None:
    assert parse(body[i : i + 1] for i in range(len(body))) == wanted
    assert parse(piece for i in range(len(body)) for piece in (b"", body[i : i + 1], b"")) == wanted


@pytest.mark.parametrize(("body", "wanted"), RULES.values(), ids=RULES)
def test_the_standards_rules_at_every_cut(body: bytes, wanted: list[Event]) -> None:
    for cut in range(len(body) + 1):
        assert parse([body[:cut], body[cut:]]) == wanted
        assert parse([body[:cut], b"", body[cut:]]) == wanted


@pytest.mark.parametrize(("body", "wanted"), RULES.values(), ids=RULES)
def test_the_standards_rules_with_a_tail(body: bytes, wanted: list[Event]) -> None:
    parser = EventStreamParser()
    given = parser.feed(body + b"\n\n")
    assert given[: len(wanted)] == wanted
    assert parser.feed(b"event: tail\ndata: t\n\n") == [Event("tail", "t", parser.last_event_id)]


@pytest.mark.parametrize(("body", "wanted"), RULES.values(), ids=RULES)
def test_the_pieces_hold_one_event_each(body: bytes, wanted: list[Event]) -> None:
    pieces = split(body)
    assert b"".join(pieces) == body
    assert all(pieces)
    parser = EventStreamParser()
    given = [parser.feed(piece) for piece in pieces]
    assert [event for part in given for event in part] == wanted
    assert [len(part) for part in given[: len(wanted)]] == [1] * len(wanted)


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
    assert parser.feed(b"data: a\r\r") == events("a")
    assert parser.feed(b"") == []
    assert parser.feed(b"\ndata: b\r") == []
    assert parser.feed(b"") == []
    assert parser.feed(b"\n") == []
    assert parser.feed(b"\r") == events("b")


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


def test_a_read_that_is_left_can_be_gone_on_with() -> None:
    parser = EventStreamParser()
    assert next(parser.read([b"data: a\r\rdata: b", b"never asked for"])) == Event(data="a")
    assert parser.feed(b"\r\r") == events("b")
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
        assert parser.feed(body[:cut]) + parser.feed(body[cut:]) == []
        assert parser.retry == retry
        parser.close()
        assert parser.retry == retry


def test_the_last_event_id_moves_with_the_blank_line() -> None:
    parser = EventStreamParser(last_event_id="0")
    assert parser.feed(b"data: a\n\n") == [Event(data="a", id="0")]
    parser.feed(b"id: 1\n")
    assert parser.last_event_id == "0"
    parser.feed(b"\n")
    assert parser.last_event_id == "1"
    parser.feed(b"id: 2\n")
    assert parser.feed(b"data: b\n\n") == [Event(data="b", id="2")]
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
    assert parser.feed(b"data: a\n\n" + b"data: b\n\n" + b"data: " + b"c" * 30) == events("a", "b")
    for _ in range(2):
        with pytest.raises(EventTooLarge, match=f"at most {LIMIT} bytes") as raised:
            parser.feed(b"data: d\n\n")
        assert raised.value.limit == LIMIT
        assert isinstance(raised.value, FakeGptTestkitError)
    with pytest.raises(EventTooLarge):
        parser.close()
