"""Fields that choose the answer, bodies within bodies, and the words that stand for secrets."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest
import requests

from fakegpt_testkit import Chunk, Head, Interaction, Request, Tape, use_cassette
from fakegpt_testkit.errors import RequestNotRecorded
from fakegpt_testkit.matching import Likeness, Mismatch, Rules, compare, fingerprint, matches, named_by_vary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakegpt_testkit.exchange import Headers

pytestmark = pytest.mark.once

URL = "https://files.example/a"
RULES = Rules()


def get(*headers: tuple[str, str]) -> Request:
    return Request("GET", URL, (("Host", "files.example"), *headers))


def post(body: bytes, media: str) -> Request:
    return Request("POST", URL, (("Content-Type", media),), body)


# --- fields -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "recorded", "said"),
    [
        (get(("Range", "bytes=2-3")), get(("Range", "bytes=0-1")), ("headers.range", "'bytes=0-1'", "'bytes=2-3'")),
        (get(), get(("Range", "bytes=0-1")), ("headers.range", "'bytes=0-1'", "nothing")),
        (get(("range", "bytes=0-1")), get(), ("headers.range", "nothing", "'bytes=0-1'")),
        (get(("If-Range", '"b"')), get(("If-Range", '"a"')), ("headers.if-range", "'\"a\"'", "'\"b\"'")),
        (get(("If-Range", '"a b"')), get(("If-Range", '"ab"')), ("headers.if-range", "'\"ab\"'", "'\"a b\"'")),
        (
            get(("Accept", "text/html")),
            get(("Accept", "application/json")),
            ("headers.accept", "'application/json'", "'text/html'"),
        ),
        (
            get(("Accept-Language", "de")),
            get(("Accept-Language", "fr, en")),
            ("headers.accept-language", "'en, fr'", "'de'"),
        ),
        (get(("accept", "*/*")), get(("Accept", "a/b")), ("headers.accept", "'a/b'", "'*/*'")),
        (get(("Accept", "a/b")), get(("Accept", "")), ("headers.accept", "''", "'a/b'")),
        (get(), get(("Accept-Language", "de")), ("headers.accept-language", "'de'", "nothing")),
        (get(("Accept-Language", "*")), get(("Accept-Language", "de")), ("headers.accept-language", "'de'", "'*'")),
    ],
)
def test_a_field_that_chooses_the_answer_decides(asked: Request, recorded: Request, said: tuple[str, str, str]) -> None:
    found = compare(asked, recorded, RULES)
    assert found.differences == (Mismatch(*said),)
    assert compare(asked, recorded, Rules(ignored=(said[0],))).ignored == (said[0],)


@pytest.mark.parametrize(
    ("asked", "recorded"),
    [
        (get(("Accept", "*/*")), get()),
        (get(("Accept-Language", "*")), get()),
        (get(("Accept", "text/html, Application/json;q=0.5")), get(("Accept", "application/json; q=0.5,text/html"))),
        (get(("Accept", "a/b"), ("Accept", "c/d")), get(("accept", "a/b, c/d"))),
        (get(("Range", "bytes=0-1, 4-5")), get(("Range", "Bytes=0-1,4-5"))),
        (get(("User-Agent", "new"), ("Accept-Encoding", "br")), get(("User-Agent", "old"))),
        (get(("Accept", "text/html"), ("Range", "bytes=1-2")), Request("GET", URL)),
    ],
)
def test_what_chooses_nothing_else_decides_nothing(asked: Request, recorded: Request) -> None:
    assert compare(asked, recorded, RULES).equal


def answer(said: bytes, *asked: tuple[str, str], answered: Headers = ()) -> Interaction:
    return Interaction(get(*asked), Tape(Head(200, "OK", answered), (Chunk(0, said),)))


def test_what_vary_names_chooses() -> None:
    vary = (("Vary", "Accept-Encoding, X-Tenant"), ("vary", "cookie,User-Agent"))
    assert named_by_vary(vary) == ("x-tenant",)
    both = [answer(name.encode(), ("X-Tenant", name), answered=vary) for name in ("red", "blue")]
    with use_cassette(both):
        assert [requests.get(URL, headers={"X-Tenant": each}, timeout=5).text for each in ("blue", "red")] == [
            "blue",
            "red",
        ]
    with (
        use_cassette(both),
        pytest.raises(RequestNotRecorded, match=r"headers\.x-tenant: recorded '(red|blue)', asked 'green'"),
    ):
        requests.get(URL, headers={"X-Tenant": "green"}, timeout=5)
    with use_cassette([answer(b"any", ("X-Tenant", "red"))]):
        assert requests.get(URL, headers={"X-Tenant": "green"}, timeout=5).text == "any"


def test_ranges_are_answered_in_any_order() -> None:
    parts = [answer(name.encode(), ("Range", f"bytes={name}")) for name in ("0-1", "2-3", "4-5")]
    with use_cassette(parts):
        for name in ("4-5", "0-1", "2-3"):
            assert requests.get(URL, headers={"Range": f"bytes={name}"}, timeout=5).text == name


# --- bodies within bodies ---------------------------------------------------------------------------------------------


def multipart(boundary: str, *parts: tuple[str, bytes], kind: str = "form-data") -> bytes:
    lines = [b"--%b\r\n%b\r\n\r\n%b\r\n" % (boundary.encode(), head.encode(), content) for head, content in parts]
    return b"".join((*lines, b"--%b--\r\n" % boundary.encode()))


def field(name: str, more: str = "") -> str:
    return f'Content-Disposition: form-data; name="{name}"{more}'


def nested(boundary: str, inner: str, text: bytes) -> bytes:
    within = multipart(inner, ("Content-Type: application/json", text), ("Content-Type: text/plain", b"hello"))
    return multipart(boundary, (f"{field('mail')}\r\nContent-Type: multipart/mixed; boundary={inner}", within))


def related(boundary: str, *ids: str) -> bytes:
    first = (f"Content-Type: text/html\r\nContent-ID: <{ids[0]}>", b'<img src="cid:%b">' % ids[1].encode())
    return multipart(boundary, first, (f"Content-Type: image/gif\r\nContent-ID: <{ids[1]}>", b"GIF"))


def batch(boundary: str, said: bytes, fields: str) -> bytes:
    asked = f"POST /one HTTP/1.1\r\nContent-Type: application/json\r\n{fields}\r\n\r\n".encode() + said
    return multipart(boundary, (f"Content-Type: application/http\r\nContent-ID: <{boundary}>", asked))


def two(outer: str, *names: str) -> bytes:
    within = multipart("w", *((field(name), b"1") for name in names))
    return multipart(outer, (f"{field('m')}\r\nContent-Type: multipart/form-data; boundary=w", within))


LINES = "application/x-ndjson"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=a"

EQUAL: dict[str, tuple[str, bytes, bytes]] = {
    "JSON lines": (LINES, b'{"a": 1, "b": 2}\n{"c": 3}\n', b'{"b": 2, "a": 1}\r\n\n{"c":3}'),
    "JSON lines without a label": ("text/plain", b'{"a": 1, "b": 2}\n[3]', b'{"b":2,"a":1}\n[3]\n'),
    "a JSON sequence": ("application/json-seq", b'\x1e{"a": 1,\n"b": 2}\n\x1e[1]\n', b'\x1e{"b":2,"a":1}\n\x1e[1]'),
    "JSON in a form": (FORM, b"payload=%7B%22a%22%3A1%2C%22b%22%3A2%7D&x=1", b'payload={"b":2, "a":1}&x=1'),
    "JSON in a part": (
        MULTIPART,
        multipart("a", (field("meta"), b'{"a": 1, "b": [2]}'), (field("x"), b"1")),
        multipart("b", (field("meta"), b'{"b":[2],"a":1}'), (field("x"), b"1")),
    ),
    "JSON lines in a file": (
        MULTIPART,
        multipart("a", (field("file", '; filename="b.jsonl"'), b'{"a": 1, "b": 2}\n{}\n')),
        multipart("b", (field("file", '; filename="b.jsonl"'), b'{"b": 2, "a": 1}\n{}\n')),
    ),
    "a form in a part": (
        MULTIPART,
        multipart("a", (f"{field('f')}\r\nContent-Type: {FORM}", b"a=%41")),
        multipart("b", (f"{field('f')}\r\nContent-Type: {FORM}", b"a=A")),
    ),
    "JSON in JSON": (
        "application/json",
        b'{"call": {"arguments": "{\\"a\\": 1, \\"b\\": \\"[1, 2]\\"}"}}',
        b'{"call":{"arguments":"{\\"b\\":\\"[1,2]\\",\\"a\\":1}"}}',
    ),
    "JSON lines in a form": (FORM, b'p={"a": 1, "b": 2}%0A{}', b'p={"b":2,"a":1}%0A%0A{}%0A'),
    "a part's head in another case and order": (
        MULTIPART,
        multipart("a", (field("f", '; filename="b"') + "\r\ncontent-type: text/plain\r\nX-A: 1", b"x")),
        multipart("b", ("x-a:1\r\nContent-Type: text/plain\r\n" + field("f", '; filename="b"'), b"x")),
    ),
    "a gzip file's lines": (
        MULTIPART,
        multipart("a", (field("f"), gzip.compress(b'{"a": 1, "b": 2}'))),
        multipart("b", (field("f"), gzip.compress(b'{"b":2,"a":1}', 1))),
    ),
    "ids that only frame": ("multipart/related", related("a", "one@x", "two@x"), related("b", "9f@y", "8e@y")),
    "names that are generated": (
        MULTIPART,
        multipart("a", (field("0f8fad5bd9cb469fa165"), b'{"a":1}')),
        multipart("b", (field("7c9e6679-7425-40de-944b-e07fc1f90ae7"), b'{"a": 1}')),
    ),
    "requests in parts": (
        "multipart/mixed",
        batch("a", b'{"a": 1, "b": 2}', "A: 1\r\nB: 2"),
        batch("b", b'{"b":2,"a":1}', "b: 2\r\na: 1"),
    ),
    "multipart in multipart": (MULTIPART, nested("a", "one", b'{"a":1,"b":2}'), nested("b", "two", b'{"b": 2,"a": 1}')),
}


@pytest.mark.parametrize(("media", "asked", "recorded"), EQUAL.values(), ids=EQUAL.keys())
def test_a_body_in_a_body_is_compared_as_what_it_is(media: str, asked: bytes, recorded: bytes) -> None:
    assert compare(post(asked, media), post(recorded, media), RULES).differences == ()
    assert fingerprint(post(asked, media), RULES, media) == fingerprint(post(recorded, media), RULES, media)


DIFFERENT: dict[str, tuple[str, bytes, bytes, str]] = {
    "a line": (LINES, b'{"a": 1}\n{"c": 3}\n', b'{"a": 1}\n{"c": 4}\n', "body[1].c"),
    "one line more": (LINES, b'{"a": 1}\n{"a": 1}\n{"c": 3}', b'{"a": 1}\n{"a": 1}', "body[2]"),
    "a form's JSON": (FORM, b'p={"a":[1]}', b'p={"a":[2]}', "body.p.a[0]"),
    "the second field of a name": (FORM, b"p=[1]&p=[2]", b"p=[1]&p=[3]", "body.p[1][0]"),
    "a part's JSON": (
        MULTIPART,
        multipart("a", (field("m"), b'{"a":1}')),
        multipart("a", (field("m"), b'{"a":2}')),
        "body.m.a",
    ),
    "a file's lines": (
        MULTIPART,
        multipart("a", (field("f", '; filename="b"'), b'{"a":1}\n{"a":2}')),
        multipart("a", (field("f", '; filename="b"'), b'{"a":1}\n{"a":3}')),
        "body.f.content[1].a",
    ),
    "a file's name": (
        MULTIPART,
        multipart("a", (field("f", '; filename="b"'), b'{"a":1}')),
        multipart("a", (field("f", '; filename="c"'), b'{"a":1}')),
        "body.f.head",
    ),
    "JSON in JSON": ("application/json", b'{"a": "{\\"b\\": 1}"}', b'{"a": "{\\"b\\": 2}"}', "body.a.b"),
    "another id where it is told": (
        "multipart/related",
        related("a", "one", "two"),
        related("a", "one", "two").replace(b"cid:two", b"cid:three"),
        "body.0",
    ),
    "a request in a part": (
        "multipart/mixed",
        batch("a", b'{"a":1}', "A: 1"),
        batch("a", b'{"a":2}', "A: 1"),
        "body.0.content.content.a",
    ),
    "the order of parts in a part": (MULTIPART, two("a", "x", "y"), two("a", "y", "x"), "body"),
    "in multipart in multipart": (
        MULTIPART,
        nested("a", "one", b'{"a":1}'),
        nested("a", "one", b'{"a":2}'),
        "body.mail.0.a",
    ),
}


@pytest.mark.parametrize(("media", "asked", "recorded", "path"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_what_differs_in_a_body_in_a_body_is_named_and_can_be_ignored(
    media: str, asked: bytes, recorded: bytes, path: str
) -> None:
    one, other = post(asked, media), post(recorded, media)
    differences = compare(one, other, RULES).differences
    assert [each.path for each in differences] == [path]
    assert matches(one, other, Rules(ignored=(path,)))
    if path != "body":  # an order, which the key does not tell
        assert fingerprint(one, RULES, media) != fingerprint(other, RULES, media)
    assert fingerprint(one, Rules(ignored=(path,)), media) == fingerprint(other, Rules(ignored=(path,)), media)


def test_bodies_within_bodies_are_read_to_a_depth() -> None:
    def deep(boundary: str) -> bytes:
        body = b"x"
        for level in range(40):
            mark = f"{boundary}{level}"
            body = multipart(mark, (f"{field('n')}\r\nContent-Type: multipart/mixed; boundary={mark}", body))
        return body

    assert matches(post(deep("a"), MULTIPART), post(deep("a"), MULTIPART), RULES)
    assert not matches(post(deep("a"), MULTIPART), post(deep("b"), MULTIPART), RULES)


# --- words ------------------------------------------------------------------------------------------------------------


def signed(number: int) -> Request:
    return Request("GET", f"{URL}?sig=REDACTED-sig-{number}")


def told(asked: Sequence[Request]) -> list[str]:
    both = [Interaction(signed(each), Tape(Head(200), (Chunk(0, b"%d" % each),))) for each in (1, 2)]
    with use_cassette(both):
        return [requests.get(each.uri, timeout=5).text for each in asked]


def test_a_word_for_a_secret_equals_one_of_its_name_and_itself_first() -> None:
    assert told([signed(2), signed(1)]) == ["2", "1"]
    assert told([signed(7), signed(8)]) == ["1", "2"]
    body = [
        post(json.dumps({"key": f"REDACTED-{word}"}).encode(), "application/json") for word in ("a-1", "a-2", "b-1")
    ]
    assert matches(body[0], body[1], RULES)
    assert not matches(body[0], body[1], RULES, likeness=Likeness.EXACT)
    assert not matches(body[0], body[2], RULES, likeness=Likeness.NAMED)
    assert matches(body[0], body[2], RULES), "when nothing nearer is there"


STANDING = {
    "a dummy": ("REDACTED-BOT-TOKEN-1", "dummy", True),
    "in a path": ("/botREDACTED-BOT-TOKEN-1/getMe", "/bot123:x/getMe", True),
    "in another path": ("/botREDACTED-BOT-TOKEN-1/getMe", "/bot123:x/sendMessage", False),
    "over a slash": ("/botREDACTED-BOT-TOKEN-1/getMe", "/bot12/3/getMe", False),
    "nothing": ("REDACTED-BOT-TOKEN-1", "", False),
    "a question": ("REDACTED-BOT-TOKEN-1", "and now something else", False),
    "in a question": ("say REDACTED-KEY-1 and REDACTED-KEY-2.", "say a and b.", True),
    "base64": ("UkVEQUNURUQta2V5LTE=", "c2VjcmV0", True),
    "base64 of another number": ("UkVEQUNURUQta2V5LTE=", "UkVEQUNURUQta2V5LTI=", True),
    "no placeholder": ("a", "b", False),
    "many of them": ("REDACTED-KEY-1," * 40, "x," * 40 + "y", False),
}


@pytest.mark.parametrize(("recorded", "asked", "alike"), STANDING.values(), ids=STANDING.keys())
def test_a_placeholder_stands_for_anything_that_may_be_a_secret(recorded: str, asked: str, alike: bool) -> None:
    one, other = (post(json.dumps({"a": text}).encode(), "application/json") for text in (asked, recorded))
    assert matches(one, other, RULES) is alike
    one, other = (post(text.encode(), "application/octet-stream") for text in (asked, recorded))
    assert matches(one, other, RULES) is alike
