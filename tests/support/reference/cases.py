"""What event streams say: bodies, and what a reader is to give for them.

Written from the standard's text ("Parsing an event stream", "Interpreting an event stream"), from what the web
platform's tests for EventSource look at, and from what the readers of others look at or have stumbled over. Knows no
parser: the tests read them with ours, benchmarks/sse_cases.py with its peers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from types import EllipsisType

Told: TypeAlias = tuple[str, str, str]
"""An event's type, its data, and the last event id that held."""

BOM = b"\xef\xbb\xbf"


class Case(NamedTuple):
    """A body and what it says. ``retry`` is the reconnection time in milliseconds, ``...`` where it is not asked."""

    body: bytes
    events: list[Told]
    retry: int | EllipsisType | None = ...


def said(*data: str) -> list[Told]:
    """Events of the usual type, without an id."""
    return [("message", text, "") for text in data]


STANDARD = {
    # the byte order mark
    "one BOM at the very start is no part of the first line": Case(BOM + b"data: a\n\n", said("a")),
    "a second BOM is part of the first line": Case(BOM + BOM + b"data: a\n\ndata: b\n\n", said("b")),
    "a BOM at a later line is part of it": Case(b"data: a\n\n" + BOM + b"data: b\n\ndata: c\n\n", said("a", "c")),
    "a BOM after a blank line is not at the start": Case(b"\n" + BOM + b"data: a\n\ndata: b\n\n", said("b")),
    "a BOM within a value is kept": Case(b"data: \xef\xbb\xbfa\n\n", said("\ufeffa")),
    "a BOM at the end of a value is kept": Case(b"data: a\xef\xbb\xbf\n\n", said("a\ufeff")),
    "a BOM alone": Case(BOM, []),
    "two BOMs alone": Case(BOM + BOM, []),
    "half a BOM at the start is a line's beginning": Case(b"\xef\xbbdata: a\n\ndata: b\n\n", said("b")),
    "a BOM before a blank line": Case(BOM + b"\n\ndata: a\n\n", said("a")),
    "a BOM before a comment": Case(BOM + b": x\ndata: a\n\n", said("a")),
    "a BOM of UTF-16 is no BOM": Case(b"\xff\xfedata: a\n\ndata: b\n\n", said("b")),
    # the ends of lines
    "LF ends a line": Case(b"data: a\ndata: b\n\n", said("a\nb")),
    "CR ends a line": Case(b"data: a\rdata: b\r\r", said("a\nb")),
    "CRLF ends a line": Case(b"data: a\r\ndata: b\r\n\r\n", said("a\nb")),
    "all three in one stream": Case(
        b"data: a\ndata: b\r\ndata: c\rdata: d\n\r\ndata: e\r\n\rdata: f\r\n\n", said("a\nb\nc\nd", "e", "f")
    ),
    "LF CR are two ends": Case(b"data: a\n\rdata: b\n\n", said("a", "b")),
    "CR CR LF are two ends": Case(b"data: a\r\r\ndata: b\n\n", said("a", "b")),
    "CRLF CR LF are two ends": Case(b"data: a\r\n\r\ndata: b\r\n\r\n", said("a", "b")),
    "CR LF LF are two ends": Case(b"data: a\r\n\ndata: b\r\n\n", said("a", "b")),
    "the last event may end with CR": Case(b"data: a\n\r", said("a")),
    "U+2028, U+2029 and U+0085 end no line": Case(
        "data: a\u2028b\u2029c\x85d\n\n".encode(), said("a\u2028b\u2029c\x85d")
    ),
    "VT and FF end no line": Case(b"data: a\x0bb\x0cc\n\n", said("a\x0bb\x0cc")),
    "FS, GS and RS end no line": Case(b"data: a\x1cb\x1dc\x1ed\n\n", said("a\x1cb\x1dc\x1ed")),
    "U+2028 ends no name": Case("data\u2028: a\n\ndata: b\n\n".encode(), said("b")),
    "an end of line within an escape is none": Case(b'data: "a\\n\\nb"\n\n', said('"a\\n\\nb"')),
    # comments
    "a line that begins with a colon is a comment": Case(b":\n: x\n:data: x\ndata: a\n:\n\n", said("a")),
    "comments alone give no event": Case(b": a\n\n: b\n\n", []),
    "a comment between data lines is not between them": Case(b"data: a\n: x\ndata: b\n\n", said("a\nb")),
    "a comment may hold anything": Case(b":\xff\0 data: x\ndata: a\n\n", said("a")),
    "a comment does not end an event": Case(b"event: x\n: y\ndata: a\n\n", [("x", "a", "")]),
    # names and values
    "the value begins after the first colon": Case(b"data:a:b: c\n\n", said("a:b: c")),
    "a value may begin with a colon": Case(b"data::a\n\ndata: :b\n\n", said(":a", ":b")),
    "no space after the colon": Case(b"data:a\n\n", said("a")),
    "one space after the colon goes": Case(b"data:  a\n\ndata:   b \n\n", said(" a", "  b ")),
    "a value of spaces loses one": Case(b"data: \n\ndata:   \n\n", said("", "  ")),
    "a tab after the colon stays": Case(b"data:\ta\n\n", said("\ta")),
    "a no-break space after the colon stays": Case("data:\xa0a\n\n".encode(), said("\xa0a")),
    "a space before the colon belongs to the name": Case(b"data : a\n\ndata: b\n\n", said("b")),
    "a space before the name belongs to it": Case(b" data: a\n\ndata: b\n\n", said("b")),
    "a field without a colon has an empty value": Case(
        b"data\n\ndata\ndata\n\nevent: x\nevent\ndata\n\n", said("", "\n", "")
    ),
    "names are compared exactly": Case(b"Data: a\nDATA: b\ndat: c\ndataa: d\ndata: e\n\n", said("e")),
    "unknown fields are passed over": Case(b"foo: a\nfoo\nda-ta: x\ndata: b\n\n", said("b")),
    "an unknown field is no data": Case(b"foo: a\n\n", []),
    "a line with a NULL is a line": Case(b"data: a\0b\nd\0ata: c\n\n", said("a\0b")),
    "a name of nothing but a NULL is unknown": Case(b"\0: a\ndata: b\n\n", said("b")),
    # data
    "data lines are joined by LF": Case(b"data: a\ndata:\ndata: b\n\n", said("a\n\nb")),
    "only the last LF goes": Case(b"data: a\ndata\ndata\n\n", said("a\n\n")),
    "an empty data line first": Case(b"data\ndata: a\n\n", said("\na")),
    "an empty data line is an event": Case(b"data:\n\ndata: \n\n", said("", "")),
    "data lines of an event need not stand together": Case(
        b"data: a\nid: 1\nevent: x\ndata: b\n\n", [("x", "a\nb", "1")]
    ),
    "blank lines alone give nothing": Case(b"\n\n\r\r\r\n\r\n", []),
    "more than one blank line": Case(b"data: a\n\n\n\n\ndata: b\n\n", said("a", "b")),
    "blank lines at the start": Case(b"\n\n\r\ndata: a\n\n", said("a")),
    "a line of one space is not blank": Case(b"data: a\n \ndata: b\n\n", said("a\nb")),
    "a line of one tab is not blank": Case(b"data: a\n\t\ndata: b\n\n", said("a\nb")),
    "JSON is text": Case(b'data: {"a": [1]}\n\n', said('{"a": [1]}')),
    "what looks like a field within a value is text": Case(
        b"data: data: a\n\ndata: id: 7\n\n", said("data: a", "id: 7")
    ),
    "a thousand lines": Case(b"data: x\n" * 1000 + b"\n", said("\n".join("x" * 1000))),
    "a long line": Case(b"data: " + b"x" * 5000 + b"\n\n", said("x" * 5000)),
    # event
    "event names the type": Case(b"event: x\ndata: a\n\n", [("x", "a", "")]),
    "event after the data names it too": Case(b"data: a\nevent: x\n\n", [("x", "a", "")]),
    "the last event line holds": Case(b"event: x\nevent: y\ndata: a\n\n", [("y", "a", "")]),
    "an empty event means message": Case(b"event: x\nevent:\ndata: a\n\n", said("a")),
    "an event of one space means message": Case(b"event: \ndata: a\n\n", said("a")),
    "an event of two spaces is one space": Case(b"event:  \ndata: a\n\n", [(" ", "a", "")]),
    "a type keeps its last space": Case(b"event: x \ndata: a\n\n", [("x ", "a", "")]),
    "the type holds for one event": Case(b"event: x\ndata: a\n\ndata: b\n\n", [("x", "a", ""), ("message", "b", "")]),
    "an event without data is not given": Case(b"event: x\n\n", []),
    "an event without data resets its type": Case(b"event: x\n\ndata: a\n\n", said("a")),
    "a type is a text": Case("event: é😀\ndata: a\n\n".encode(), [("é😀", "a", "")]),
    "a type may hold a NULL": Case(b"event: x\0y\ndata: a\n\n", [("x\0y", "a", "")]),
    "a type may look like a comment": Case(b"event::x\ndata: a\n\n", [(":x", "a", "")]),
    # id
    "id is the event's id": Case(b"id: 1\ndata: a\n\n", [("message", "a", "1")]),
    "id after the data is its id too": Case(b"data: a\nid: 1\n\n", [("message", "a", "1")]),
    "the last id line holds": Case(b"id: 1\nid: 2\ndata: a\n\n", [("message", "a", "2")]),
    "the id stays for later events": Case(
        b"id: 1\ndata: a\n\ndata: b\n\n", [("message", "a", "1"), ("message", "b", "1")]
    ),
    "an empty id resets": Case(b"id: 1\ndata: a\n\nid\ndata: b\n\n", [("message", "a", "1"), ("message", "b", "")]),
    "an id of one space resets": Case(
        b"id: 1\ndata: a\n\nid: \ndata: b\n\n", [("message", "a", "1"), ("message", "b", "")]
    ),
    "an id with a NULL is passed over": Case(b"id: 1\nid: 2\0\ndata: a\n\n", [("message", "a", "1")]),
    "an id that is a NULL is passed over": Case(b"id: 1\n\nid: \0\ndata: a\n\n", [("message", "a", "1")]),
    "an id with a NULL leaves an older one": Case(
        b"id: 1\ndata: a\n\nid: \0002\ndata: b\n\n", [("message", "a", "1"), ("message", "b", "1")]
    ),
    "an event without data sets the id": Case(b"id: 1\n\ndata: a\n\n", [("message", "a", "1")]),
    "an event without data resets the id": Case(
        b"id: 1\ndata: a\n\nid:\n\ndata: b\n\n", [("message", "a", "1"), ("message", "b", "")]
    ),
    "an id alone is no event": Case(b"id: 1\n\n", []),
    "an id and a comment are no event": Case(b"id: 2\n: x\n\n: y\nid: 3\n\n", []),
    "a comment after an id is no event": Case(
        b"id: 1\ndata: a\n\n: keep-alive\n\ndata: b\n\n", [("message", "a", "1"), ("message", "b", "1")]
    ),
    "an id is a text": Case(" id\nid: \u00e9\U0001f600\ndata: a\n\n".encode(), [("message", "a", "\u00e9\U0001f600")]),
    "an id keeps its spaces but one": Case(b"id:  1 \ndata: a\n\n", [("message", "a", " 1 ")]),
    # retry
    "retry is digits": Case(b"retry: 5000\ndata: a\n\n", said("a"), 5000),
    "retry without an event is no event": Case(b"retry: 5000\n\n", []),
    "retry without the space": Case(b"retry:7\ndata: a\n\n", said("a"), 7),
    "retry of nothing is passed over": Case(b"retry: 1\nretry:\nretry\ndata: a\n\n", said("a"), 1),
    "retry of zero": Case(b"retry: 0\ndata: a\n\n", said("a"), 0),
    "retry in base ten": Case(b"retry: 010\ndata: a\n\n", said("a"), 10),
    "the last retry holds": Case(b"retry: 1\nretry: 2\ndata: a\n\n", said("a"), 2),
    "retry takes no minus": Case(b"retry: 1\nretry: -5\ndata: a\n\n", said("a"), 1),
    "retry takes no plus": Case(b"retry: 1\nretry: +5\ndata: a\n\n", said("a"), 1),
    "retry takes no underscore": Case(b"retry: 1\nretry: 1_000\ndata: a\n\n", said("a"), 1),
    "retry takes no fraction, no exponent, no hexadecimal": Case(
        b"retry: 1\nretry: 1.5\nretry: 1e3\nretry: 0x1\ndata: a\n\n", said("a"), 1
    ),
    "retry takes no spaces": Case(b"retry: 1\nretry:  2\nretry: 3 \ndata: a\n\n", said("a"), 1),
    "retry takes no letters after digits": Case(b"retry: 1\nretry: 2s\ndata: a\n\n", said("a"), 1),
    "retry takes ASCII digits only": Case(
        "retry: 1\nretry: \u0661\u0662\nretry: \u00b2\nretry: \uff12\ndata: a\n\n".encode(), said("a"), 1
    ),
    "thousands of digits are harmless": Case(b"retry: " + b"9" * 5000 + b"\ndata: a\n\n", said("a")),
    # the end
    "an event without its blank line is dropped": Case(b"data: a\n\ndata: b\n", said("a")),
    "a line without its end is dropped": Case(b"data: a\n\ndata: b", said("a")),
    "a blank line without data before it is no event": Case(b"data: a\n\nevent: x\n\n", said("a")),
    "a stream that is cut in a name": Case(b"data: a\n\nda", said("a")),
    "a stream that is cut in a character": Case(b"data: a\n\ndata: \xf0\x9f", said("a")),
    "a stream that is one unfinished line": Case(b"data: a", []),
    "nothing at all": Case(b"", []),
    # UTF-8
    "UTF-8 of two, three and four bytes": Case("data: é中😀\n\n".encode(), said("é中😀")),
    "characters of several parts": Case("data: 👩‍🚀e\u0301\n\n".encode(), said("👩‍🚀e\u0301")),
    "bytes that are no UTF-8 are replaced": Case(b"data: a\xffb\n\n", said("a\ufffdb")),
    "an overlong form is replaced byte by byte": Case(b"data: \xc0\x80\xe0\x80\x80\n\n", said("\ufffd" * 5)),
    "a cut character is replaced once": Case(
        b"data: \xf0\x9f\x98\ndata: \xe4\xb8\xff\n\n", said("\ufffd\n\ufffd\ufffd")
    ),
    "surrogates are replaced byte by byte": Case(b"data: \xed\xa0\x80\n\n", said("\ufffd" * 3)),
    "what is above U+10FFFF is replaced byte by byte": Case(b"data: \xf4\x90\x80\x80\n\n", said("\ufffd" * 4)),
    "a byte that goes on with nothing is replaced": Case(b"data: \x80\xbf\n\n", said("\ufffd\ufffd")),
    "a cut character does not take the line's end with it": Case(
        b"data: \xf0\n\ndata: \xe4\xb8\r\rdata: c\n\n", said("\ufffd", "\ufffd", "c")
    ),
    "a cut character does not take the next one with it": Case(b"data: \xe4\xb8\xc3\xa9\n\n", said("\ufffdé")),
    "a broken name is no field": Case(b"da\xffta: a\n\n\xffdata: b\n\ndata: c\n\n", said("c")),
    "a broken type and id": Case(b"event: \xff\nid: \xfe\ndata: a\n\n", [("\ufffd", "a", "\ufffd")]),
    "U+FFFD itself is a character": Case("data: \ufffd\n\n".encode(), said("\ufffd")),
    # the standard's own examples, in other words
    "three data lines": Case(b"data: one\ndata: +2\ndata: 10\n\n", said("one\n+2\n10")),
    "a comment, an id, an empty id, a space": Case(
        b": a stream\n\ndata: first\nid: 1\n\ndata: second\nid\n\ndata:  third\n\ndata: cut",
        [("message", "first", "1"), ("message", "second", ""), ("message", " third", "")],
    ),
    "two events of empty lines, a third dropped": Case(b"data\n\ndata\ndata\n\ndata:", said("", "\n")),
    "with and without the space": Case(b"data:same\n\ndata: same\n\n", said("same", "same")),
}
"""The standard's rules, sentence by sentence."""

PLATFORM = {
    "format-bom": Case(BOM + b"data:a\n\n" + BOM + b"data:b\n\ndata:c\n\n", said("a", "c")),
    "format-bom-2": Case(BOM + BOM + b"data:a\n\ndata:b\n\ndata:c\n\n", said("b", "c")),
    "format-comments": Case(
        b"data:a\r:\0\n:\r\ndata:b\n:" + b"y" * 2048 + b"\rdata:c\n:data:no\r:" + b"y" * 2048 + b"\ndata:d\n\n",
        said("a\nb\nc\nd"),
    ),
    "format-data-before-final-empty-line": Case(b"data:a\n\ndata:never", said("a")),
    "format-field-data": Case(b"data:\n\ndata\ndata\n\ndata:a\n\n", said("", "\n", "a")),
    "format-field-event": Case(b"event:own\ndata:a\n\ndata:b\n\n", [("own", "a", ""), ("message", "b", "")]),
    "format-field-event-empty": Case(b"event: \ndata:a\n\n", said("a")),
    "format-field-id": Case(b"id: \xe2\x80\xa6\ndata: a\n\n", [("message", "a", "…")]),
    "format-field-id-2": Case(
        b"id:one\ndata:a\n\ndata:b\n\nid\ndata:c\n\nid:\ndata:d\n\n",
        [("message", "a", "one"), ("message", "b", "one"), ("message", "c", ""), ("message", "d", "")],
    ),
    "format-field-id-null": Case(
        b"id:one\ndata:a\n\nid:\0two\ndata:b\n\nid:th\0ree\ndata:c\n\nid:four\0\ndata:d\n\n",
        [("message", data, "one") for data in "abcd"],
    ),
    "format-field-parsing": Case(
        b"data:\0\ndata:  a\rData:x\ndata\0:x\ndata:b\r\0data:x\nda-ta:x\rdata_x\ndata:c\rdata:\r\n data:x\ndata:d\n\n",
        said("\0\n a\nb\nc\n\nd"),
    ),
    "format-field-retry": Case(b"retry:03000\ndata:a\n\n", said("a"), 3000),
    "format-field-retry-bogus": Case(b"retry:3000\nretry:1000x\ndata:a\n\n", said("a"), 3000),
    "format-field-retry-empty": Case(b"retry\ndata:a\n\n", said("a"), None),
    "format-field-unknown": Case(b"data:a\n data\ndata\nunheard:x\nwords\n:a comment\ndata:b\n\n", said("a\n\nb")),
    "format-leading-space": Case(b"data:\ta\rdata: \ndata:b\n\n", said("\ta\n\nb")),
    "format-newlines": Case(b"data:a\r\ndata\ndata:b\r\n\r", said("a\n\nb")),
    "format-null-character": Case(b"data:\0\n\n", said("\0")),
    "format-utf-8": Case(b"data:ok\xe2\x80\xa6\n\n", said("ok…")),
    "event-data": Case(b"data:a\ndata:a\n\n:\n\nfoo:data\n\ndata\n\ndata:b\n\ndata:end", said("a\na", "", "b")),
}
"""What the web platform's tests for EventSource look at, by the names they have there."""

OTHERS = {
    # what chat services send
    "an end mark is data": Case(b'data: {"a": 1}\n\ndata: [DONE]\n\n', said('{"a": 1}', "[DONE]")),
    "events named as in their data": Case(
        b'event: start\ndata: {"type": "start"}\n\nevent: ping\ndata: {"type": "ping"}\n\n',
        [("start", '{"type": "start"}', ""), ("ping", '{"type": "ping"}', "")],
    ),
    "a ping without data is not given": Case(b"event: ping\n\nevent: say\ndata: {}\n\n", [("say", "{}", "")]),
    "JSON over several lines": Case(b'data: {\ndata: "a":\ndata: \ndata:\ndata: 1}\n\n\n', said('{\n"a":\n\n\n1}')),
    "an error line in place of an event": Case(b"data: a\n\nInternal Server Error", said("a")),
    "a bare line between events": Case(b"data: a\n\noops\n\ndata: b\n\n", said("a", "b")),
    "keep-alives around and within an event": Case(
        b": ping\n\n: ping\ndata: a\n: ping\ndata: b\n\n: ping\n\n", said("a\nb")
    ),
    "keep-alives of CRLF": Case(b":\r\n\r\n:\r\n\r\ndata: a\r\n\r\n:\r\n\r\n", said("a")),
    "a gateway's padding before the first event": Case(b":" + b" " * 2048 + b"\n\ndata: a\n\n", said("a")),
    "an id and a time with each event": Case(
        b"id: 0\nevent: tick\nretry: 50\ndata: a\n\nid: 1\nevent: tick\nretry: 60\ndata: b\n\n",
        [("tick", "a", "0"), ("tick", "b", "1")],
        60,
    ),
    "a retry does not go away": Case(b"retry: 50\ndata: a\n\ndata: b\n\n", said("a", "b"), 50),
    "a retry that is wrong does not go away either": Case(
        b"retry: 50\ndata: a\n\nretry: x\ndata: b\n\n", said("a", "b"), 50
    ),
    # what readers have stumbled over
    "a cut within CRLF between data lines": Case(
        b"event: x\r\ndata: {\r\ndata:   a\r\ndata: }\r\n\r\n", [("x", "{\n  a\n}", "")]
    ),
    "events ended by CR alone, one after the other": Case(b"data: a\r\rdata: b\r\rdata: c\r\r", said("a", "b", "c")),
    "CR and then CRLF": Case(b"data: a\rdata: b\r\n\r\ndata: c\r\n\r\n", said("a\nb", "c")),
    "a blank line of CRLF after a line of LF": Case(b"data: a\n\r\ndata: b\n\r\n", said("a", "b")),
    "a blank line of LF after a line of CRLF": Case(b"data: a\r\n\ndata: b\r\n\n", said("a", "b")),
    "a blank line of CR after a line of CRLF": Case(b"data: a\r\n\rdata: b\r\n\r", said("a", "b")),
    "U+2028 within JSON": Case('data: {"a": "b\u2028c"}\n\n'.encode(), said('{"a": "b\u2028c"}')),
    "a line end of Unicode at the end of the data": Case(
        "data: a\x85\n\ndata: b\u2029\n\n".encode(), said("a\x85", "b\u2029")
    ),
    "ends of lines of Unicode next to a real one": Case(
        "data: a\u2028\ndata: \u2028b\n\n".encode(), said("a\u2028\n\u2028b")
    ),
    "white space at the end of a value stays": Case(b"data: a  \ndata: b\t\n\n", said("a  \nb\t")),
    "data that is only white space": Case(b"data:  \n\ndata: \t\n\n", said(" ", "\t")),
    "a name that holds another": Case(
        b"data2: a\nmydata: b\nidx: 1\nretry2: 5\nevent-x: y\ndata: c\n\n", said("c"), None
    ),
    "a name without its last letter": Case(b"dat: a\ni: 1\nretr: 5\neven: x\ndata: b\n\n", said("b"), None),
    "a quoted name is another": Case(b'"data": a\ndata: b\n\n', said("b")),
    "a colon alone among data": Case(b"data: a\n:\n:\ndata: b\n\n", said("a\nb")),
    "only a space and a colon": Case(b" :\ndata: a\n\n", said("a")),
    "an event after a thousand comments": Case(b": x\n" * 1000 + b"data: a\n\n", said("a")),
    "a type that is set and taken back": Case(b"event: x\ndata: a\nevent\n\n", said("a")),
    "a NULL within the type, the data and a comment": Case(b"event: \0\n: \0\ndata: \0\n\n", [("\0", "\0", "")]),
    "characters of four bytes over several data lines": Case(
        "data: 😀\ndata: 👩‍🚀\n\ndata: 𝄞\n\n".encode(), said("😀\n👩‍🚀", "𝄞")
    ),
    "emoji, then an escape of one": Case('data: "😀\\ud83d\\ude00"\n\n'.encode(), said('"😀\\ud83d\\ude00"')),
    "a broken character between two events": Case(b"data: a\n\n\xf0\x9f\n\ndata: b\n\n", said("a", "b")),
    "a broken character before a CR": Case(b"data: a\xe2\x80\rdata: b\r\r", said("a\ufffd\nb")),
}
"""What services send, and what readers of others look at or have stumbled over."""

CASES = STANDARD | PLATFORM | OTHERS
