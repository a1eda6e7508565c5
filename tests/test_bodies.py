"""What lies around a body's content, and between its parts."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakegpt_testkit.bodies import BARE, GZIP, ZLIB, TooLarge, inflated, parts_of, unpacked

pytestmark = pytest.mark.once

DEFLATE = zlib.compressobj(wbits=-zlib.MAX_WBITS)
PACKED = {
    "gzip": (gzip.compress(b"hello"), GZIP, b"hello"),
    "two members": (gzip.compress(b"hello") + gzip.compress(b" there"), GZIP, b"hello there"),
    "zlib": (zlib.compress(b"hello"), ZLIB, b"hello"),
    "deflate without its frame": (DEFLATE.compress(b"hello") + DEFLATE.flush(), BARE, b"hello"),
    "something else": (b"hello", GZIP, None),
    "half of it": (gzip.compress(b"hello" * 99)[:-9], GZIP, None),
    "something behind it": (gzip.compress(b"hello") + b"!", GZIP, None),
    "more members than anybody writes": (gzip.compress(b"") * 101, GZIP, None),
}


@pytest.mark.parametrize(("body", "window", "plain"), PACKED.values(), ids=PACKED.keys())
def test_what_is_packed_is_unpacked_from_the_first_byte_to_the_last(
    body: bytes, window: int, plain: bytes | None
) -> None:
    assert inflated(body, window, 1000) == plain


def test_no_more_is_unpacked_than_is_allowed() -> None:
    assert inflated(gzip.compress(b"a" * 100), GZIP, 100) == b"a" * 100
    for body in (gzip.compress(b"a" * 101), gzip.compress(b"a" * 60) * 2):
        with pytest.raises(TooLarge):
            inflated(body, GZIP, 100)


@given(st.binary())
def test_what_is_not_packed_stays_as_it_is(body: bytes) -> None:
    assert unpacked(gzip.compress(body)) == unpacked(zlib.compress(body)) == body
    assert unpacked(b"-" + body) == b"-" + body


def parts(body: bytes) -> list[tuple[str, bytes]]:
    return [(part.name, body[part.start : part.end]) for part in parts_of(body)]


def head(name: str) -> bytes:
    return b'Content-Disposition: form-data; name="%s"' % name.encode()


MULTIPART = {
    "two parts": (
        b"--b\r\n" + head("one") + b"\r\n\r\n1\r\n--b\r\n" + head("two") + b"\r\n\r\n2\r\n--b--\r\n",
        [("one", b"1"), ("two", b"2")],
    ),
    "lines of their own": (b"--b\r\n" + head("a") + b"\r\n\r\n1\r\n2\r\n\r\n--b--", [("a", b"1\r\n2\r\n")]),
    "plain line ends": (b"--b\n" + head("a") + b"\n\n1\n--b--\n", [("a", b"1")]),
    "no name": (b"--b\r\nContent-Type: text/plain; name=no\r\n\r\n1\r\n--b--", [("", b"1")]),
    "a name in UTF-8": (b"--b\r\n" + head("ä") + b"\r\n\r\n1\r\n--b--", [("ä", b"1")]),
    "a name without quotes": (b"--b\r\ncontent-disposition: form-data;name=a\r\n\r\n1\r\n--b--", [("a", b"1")]),
    "nothing in it": (b"--b\r\n" + head("a") + b"\r\n\r\n\r\n--b--", [("a", b"")]),
    "broken off": (
        b"--b\r\n" + head("a") + b"\r\n\r\n1\r\n--b\r\n" + head("c") + b"\r\n\r\n2",
        [("a", b"1"), ("c", b"2")],
    ),
    "broken off in a head": (b"--b\r\n" + head("a"), [("a", b"")]),
    "another boundary in it": (b"--b\r\n" + head("a") + b"\r\n\r\n--c\r\n1\r\n--b--", [("a", b"--c\r\n1")]),
    "something behind it": (b"--b\r\n" + head("a") + b"\r\n\r\n1\r\n--b--\r\nthe end", [("a", b"1")]),
    "no head": (b"--b\r\n\r\n1\r\n--b--", [("", b"1")]),
    "no multipart": (b"a=1", []),
    "only a beginning": (b"--b\r\n", []),
    "nothing": (b"", []),
}


@pytest.mark.parametrize(("body", "found"), MULTIPART.values(), ids=MULTIPART.keys())
def test_a_multipart_body_has_these_parts(body: bytes, found: list[tuple[str, bytes]]) -> None:
    assert parts(body) == found


@given(st.lists(st.tuples(st.text("abcä", min_size=1), st.binary().filter(lambda value: b"\n--b" not in value))))
def test_what_was_put_together_comes_apart(fields: list[tuple[str, bytes]]) -> None:
    body = b"".join(b"--b\r\n" + head(name) + b"\r\n\r\n" + value + b"\r\n" for name, value in fields) + b"--b--\r\n"
    assert parts(body) == (fields or [])


@given(st.binary(), st.binary())
def test_no_body_is_too_strange(before: bytes, after: bytes) -> None:
    body = b"--b\n" + before + b"\n--b" + after
    spans = [(part.start, part.end) for part in parts_of(body)]
    assert all(0 <= start <= end <= len(body) for start, end in spans)
