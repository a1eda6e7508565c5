"""What a server can do to a client, as the bytes it sends and how it ends: the rows of the contract of all clients."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

from support.servers import CLOSE, HOLD, RESET, Asked

if TYPE_CHECKING:
    from support.servers import Answer

TEXTS = ("Hel", "lo", " wor", "ld — ", "Grüße 😀")
EVENTS = tuple(b'data: {"delta": "%s"}\n\n' % text.encode() for text in TEXTS)
BODY = b"".join(EVENTS)
FIELDS = b"Content-Type: text/event-stream\r\nX-Twice: 1\r\nx-twice: 2\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\n" + FIELDS + b"Transfer-Encoding: chunked\r\n"
END = b"0\r\n\r\n"


def in_chunk(data: bytes) -> bytes:
    """As one chunk of HTTP."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def in_pieces(data: bytes, size: int) -> tuple[bytes, ...]:
    return tuple(data[at : at + size] for at in range(0, len(data), size))


def answer_of(line: bytes, body: bytes, *fields: bytes) -> bytes:
    """A whole answer in one send."""
    head = b"".join(field + b"\r\n" for field in (*fields, b"Content-Length: %d" % len(body)))
    return b"HTTP/1.1 " + line + b"\r\n" + head + b"\r\n" + body


def echo(asked: Asked) -> Answer:
    """An answer that tells what was asked."""
    return (answer_of(b"200 OK", asked.method.encode() + b" " + asked.body),)


def coded(data: bytes, coding: bytes) -> tuple[bytes, ...]:
    """Compressed as services do: flushed after each event, in HTTP chunks, the coding's end in one of its own."""
    bits = 16 + zlib.MAX_WBITS if coding.endswith(b"gzip") else zlib.MAX_WBITS
    compressor = zlib.compressobj(wbits=bits)
    parts = [compressor.compress(event) + compressor.flush(zlib.Z_SYNC_FLUSH) for event in EVENTS]
    return (
        CHUNKED + b"Content-Encoding: " + coding + b"\r\n\r\n",
        *(in_chunk(part) for part in parts),
        in_chunk(compressor.flush()),
        END,
    )


def packed(data: bytes, coding: bytes, size: int) -> tuple[bytes, ...]:
    """Bytes with this label, in HTTP chunks of this size."""
    return (CHUNKED + b"Content-Encoding: " + coding + b"\r\n\r\n", *map(in_chunk, in_pieces(data, size)), END)


HEAD = CHUNKED + b"\r\n"
STREAM: Answer = (HEAD, *(in_chunk(event) for event in EVENTS), END)
_STREAM = b"".join(in_chunk(event) for event in EVENTS) + END
_HALF = (HEAD, in_chunk(EVENTS[0]), in_chunk(EVENTS[1]))

BEHAVIOURS: dict[str, Answer] = {
    "whole": STREAM,
    "ragged": (HEAD, *in_pieces(_STREAM, 17)),
    "together": (HEAD + _STREAM,),
    "big": (HEAD, in_chunk(b"x" * 30_000), in_chunk(b"data: end\n\n"), END),
    "gzip": coded(BODY, b"gzip"),
    "deflate": coded(BODY, b"deflate"),
    "gzip with a length": (
        answer_of(b"200 OK", gzip.compress(BODY, mtime=0), b"Content-Type: text/plain", b"Content-Encoding: gzip"),
    ),
    "x-gzip": coded(BODY, b"x-gzip"),
    "gzip, not flushed": packed(gzip.compress(BODY, 9, mtime=0), b"gzip", 23),
    "gzip in two members": packed(
        gzip.compress(EVENTS[0], mtime=0) + gzip.compress(EVENTS[1], 1, mtime=0), b"gzip", 30
    ),
    "gzip with bytes after its end": packed(gzip.compress(BODY, mtime=0) + b"\0\0more", b"gzip", 40),
    "gzip cut off": packed(gzip.compress(BODY * 9, 9, mtime=0)[:60], b"gzip", 20),
    "gzip gone wrong": packed(gzip.compress(BODY * 9, 9, mtime=0)[:60] + b"\xff" * 40, b"gzip", 20),
    "no gzip": packed(BODY, b"gzip", 40),
    "no deflate": packed(BODY, b"deflate", 40),
    "a coding of its own": packed(BODY[::-1], b"rot13", 40),
    "length": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(BODY),
        *EVENTS,
    ),
    "http 1.0": (b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", *EVENTS, CLOSE),
    "until closed": (b"HTTP/1.1 200 Fine\r\nConnection: close\r\n\r\n", *EVENTS, CLOSE),
    "204": (b"HTTP/1.1 204 No Content\r\nX-Why: none\r\n\r\n",),
    "400": (answer_of(b"400 Bad Request", b'{"error": {"code": "bad"}}', b"Content-Type: application/json"),),
    "429": (answer_of(b"429 Too Many Requests", b"slow", b"Retry-After: 1", b"X-Raw: \xc3\xa9"),),
    "500": (answer_of(b"500 Oh no", b""),),
    "reset": (*_HALF, RESET),
    "bad chunk": (*_HALF, b"no size\r\n", CLOSE),
    "cut chunk": (*_HALF, b"40\r\ndata: half", CLOSE),
    "short": (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", EVENTS[0], CLOSE),
    "no end": (*_HALF, CLOSE),
    "stall": (*_HALF, HOLD),
    "no head": (CLOSE,),
    "reset before the head": (RESET,),
}

STALLS = frozenset({"stall", "bad chunk"})
"""Where the client's own timeout ends the wait: aiohttp's C parser tells nobody of a bad chunk head after good ones."""

IN_CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CUT_OFF = {
    "/inside": (b"5\r\nhello\r\n40\r\nhalf",),
    "/inside-a-second": (b"40\r\nhalf", b" and more"),
    "/before-its-end": (b"5\r\nhello",),
    "/in-a-size": (b"5\r\nhello\r\n", b"1"),
    "/in-the-last-size": (b"5\r\nhello\r\n0",),
    "/before-the-trailer": (b"5\r\nhello\r\n", b"0\r\n"),
    "/in-the-trailer": (b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n",),
    "/no-end": (b"5\r\nhelloXX5\r\nworld\r\n0\r\n\r\n",),
    "/newlines": (b"5\r\nhello\n0\r\n\r\n",),
    "/no-size": (b"\r\nhello\r\n0\r\n\r\n",),
    "/c": (b"0x5\r\nhello\r\n0\r\n\r\n",),
    "/negative": (b"5\r\nhello\r\n", b"-5\r\nhello\r\n0\r\n\r\n"),
    "/huge": (b"FFFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",),
    "/surplus": (b"5\r\nhello\r\n0\r\n\r\nmore\r\n",),
}
"""Bodies in HTTP chunks whose chunks end oddly, in this or that many arrivals; then the connection is closed."""
