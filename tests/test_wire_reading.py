"""The wire's readers against aiohttp's, which read the same bytes cut anywhere."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import aiohttp_reading

from fakegpt_testkit.exchange import Breach, Chunk, Head, Request
from fakegpt_testkit.wire.body import Broken
from fakegpt_testkit.wire.reading import RequestReader, ResponseReader

if TYPE_CHECKING:
    from collections.abc import Sequence

URI = "http://a.example/x"


def recut(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """The data in pieces: the cuts are taken modulo its length."""
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places)]


cuts = st.lists(st.integers(0, 10**6), max_size=12)
words = st.text(st.sampled_from("abcXYZ-_0123"), min_size=1, max_size=8)
fields = st.lists(
    st.tuples(words.map("X-{}".format), st.sampled_from(["a", "b c", "", "é", 'quoted "x"', "1, 2"])), max_size=4
)
bodies = st.lists(st.binary(max_size=40), max_size=6)
GZIP = gzip.compress(b"so far so good " * 9, mtime=0)
CODERS = {"": None, "gzip": 31, "deflate": 15}


def coded(parts: Sequence[bytes], coding: str) -> list[bytes]:
    bits = CODERS[coding]
    if bits is None:
        return list(parts)
    coder = zlib.compressobj(wbits=bits)
    return [*(coder.compress(part) + coder.flush(zlib.Z_SYNC_FLUSH) for part in parts), coder.flush()]


@st.composite
def responses(draw: st.DrawFn) -> tuple[str, bytes]:
    """A method, and a whole response to it, with an interim one before it now and then."""
    method = draw(st.sampled_from(["GET", "POST", "HEAD"]))
    status = draw(
        st.sampled_from(["200 OK", "204 No Content", "304 Not Modified", "404", "500 Ein Fehler, so was", "299  x"])
    )
    framing = draw(st.sampled_from(["chunked", "length", "eof"]))
    coding = draw(st.sampled_from(list(CODERS)))
    parts = coded(draw(bodies), coding)
    head = [
        f"HTTP/{draw(st.sampled_from(['1.1', '1.0']))} {status}",
        *(f"{name}: {value}" for name, value in draw(fields)),
    ]
    if coding:
        head.append(f"Content-Encoding: {coding}")
    data = b"".join(parts)
    if framing == "chunked":
        head.append(draw(st.sampled_from(["Transfer-Encoding: chunked", "transfer-encoding: Chunked"])))
        extension = draw(st.sampled_from([b"", b";a=b"])) if draw(st.booleans()) else b""
        data = b"".join(b"%X%s\r\n%s\r\n" % (len(part), extension, part) for part in parts if part) + b"0\r\n\r\n"
    elif framing == "length":
        head.append(f"Content-Length: {len(data)}")
    bodiless = method == "HEAD" or status[:3] in {"204", "304"}
    before = draw(
        st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"])
    )
    return method, before + "\r\n".join([*head, "", ""]).encode() + (b"" if bodiless else data)


def read(
    reader: ResponseReader | aiohttp_reading.ResponseReader, pieces: Sequence[bytes]
) -> tuple[Head | None, list[Chunk]]:
    chunks = []
    for at, piece in enumerate(map(bytes, pieces)):
        part = reader.one_http_chunk(piece) if isinstance(reader, ResponseReader) else b""  # tried first
        if (chunk := Chunk(at, part, (len(part),)) if part else reader.take(piece, at)) is not None:
            chunks.append(chunk)
    reader.read_end()
    return reader.head, chunks


@given(responses(), cuts)
def test_a_response_is_what_aiohttp_reads(response: tuple[str, bytes], cuts: list[int]) -> None:
    method, data = response
    pieces = recut(data, cuts)
    ours = ResponseReader(method)

    async def main() -> tuple[Head | None, list[Chunk], bool]:
        theirs = aiohttp_reading.ResponseReader(method, asyncio.get_running_loop())
        return (*read(theirs, pieces), theirs.finished)

    head, chunks, finished = asyncio.run(main())
    assert read(ours, pieces) == (head, chunks)
    assert ours.finished == finished
    assert ours.malformed is None


@given(fields, bodies, st.sampled_from(["chunked", "length", "none"]), cuts)
def test_a_request_is_what_aiohttp_reads(
    given: list[tuple[str, str]], parts: list[bytes], framing: str, cuts: list[int]
) -> None:
    head = ["POST /x HTTP/1.1", "Host: a.example", *(f"{name}: {value}" for name, value in given)]
    data = b"".join(parts)
    if framing == "chunked":
        head.append("Transfer-Encoding: chunked")
        data = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"
    elif framing == "length":
        head.append(f"Content-Length: {len(data)}")
    else:
        data = b""
    pieces = recut("\r\n".join([*head, "", ""]).encode() + data, cuts)
    ours = RequestReader("POST", URI)

    async def main() -> tuple[Request, bool, bytes]:
        theirs = aiohttp_reading.RequestReader("POST", URI, asyncio.get_running_loop())
        for piece in pieces:
            theirs.feed(piece)
        return theirs.request, theirs.complete, theirs.written

    for piece in pieces:
        ours.feed(piece)
    assert (ours.request, ours.complete, ours.written) == asyncio.run(main())


@pytest.mark.parametrize("method", ["PROPFIND", "M-SEARCH", "ask", "!#$%&'*+.^_`|~", "QUERY"])
def test_any_token_is_a_method(method: str) -> None:
    reader = RequestReader(method, URI)
    reader.feed(f"{method} /x HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())
    assert reader.complete
    assert reader.line == f"{method} /x HTTP/1.1".encode()
    assert reader.request == Request(method, URI, (("Host", "a.example"),))


@pytest.mark.parametrize(
    ("data", "breach", "chunks"),
    [
        (b"SSH-2.0-OpenSSH_9\r\n", Breach.HEAD, []),
        (b"HTTP/1.1 OK\r\n\r\n", Breach.HEAD, []),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", Breach.HEAD, []),
        (b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n", Breach.HEAD, []),
        (b"HTTP/1.1 200 OK\r\nX: y\rz\r\n\r\n", Breach.HEAD, []),
        (b"HTTP/2.0 200 OK\r\n\r\n", Breach.HEAD, []),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", Breach.HEAD, []),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nxyz\r\n", Breach.CHUNK, [(b"ab", (2,))]),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", Breach.CHUNK, [(b"ab", ())]),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", Breach.CHUNK, []),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + GZIP[:-8] + bytes(8), Breach.CODING, []),
    ],
    ids=[
        "another protocol",
        "no status",
        "no field",
        "no name",
        "a return",
        "another version",
        "no length",
        "no chunk size",
        "a long chunk",
        "less than none",
        "another checksum",
    ],
)
def test_what_breaks_the_rules_is_named(
    data: bytes, breach: Breach, chunks: list[tuple[bytes, tuple[int, ...]]]
) -> None:
    reader = ResponseReader("GET")
    chunk = reader.take(data, 0.0)
    assert reader.malformed is breach
    assert not reader.finished
    assert ([(chunk.data, chunk.ends)] if chunk else []) == chunks


def test_a_chunk_s_head_has_an_end() -> None:
    reader = ResponseReader("GET")
    reader.take(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0.0)
    for number in range(10):
        reader.take(b"0" * 10_000, float(number))
    assert reader.malformed is Breach.CHUNK


def test_what_follows_a_whole_answer_is_surplus() -> None:
    reader = ResponseReader("GET")
    assert reader.take(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabcd", 0.0) == Chunk(0.0, b"ab")
    assert (reader.finished, bool(reader.surplus)) == (True, True)


def test_a_request_that_is_none_says_so() -> None:
    with pytest.raises(Broken, match="no header field"):
        RequestReader("GET", URI).feed(b"GET / HTTP/1.1\r\nnonsense\r\n\r\n")


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("coding", "body", "decoded"),
    [
        ("gzip", b"this is no gzip", b"this is no gzip"),
        ("deflate", b"\xffthis is no deflate", b"\xffthis is no deflate"),
        ("gzip", GZIP + GZIP, b"so far so good " * 18),
        ("gzip", GZIP + b"\0\0token=secret", b"so far so good " * 9 + b"\0\0token=secret"),
        ("deflate", zlib.compress(b"a") + b"\x1f\x8bb", b"a\x1f\x8bb"),
    ],
    ids=["no gzip", "no deflate", "two members", "bytes after the end", "bytes after deflate's end"],
)
def test_nothing_of_a_coded_body_stays_unread(coding: str, body: bytes, decoded: bytes, size: int) -> None:
    reader = ResponseReader("GET")
    reader.take(b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\n\r\n" % coding.encode(), 0.0)
    seen, came = bytearray(), bytearray()
    for at in range(0, len(body), size):
        chunk = reader.take(body[at : at + size], 0.1)
        seen += chunk.data if chunk else b""
        assert reader.coded is not None
        came += reader.coded[1].data
    reader.read_end()
    assert (bytes(seen), bytes(came)) == (decoded, body)
    assert reader.finished
