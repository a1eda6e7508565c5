"""Every way of reading a response sees the same live, recorded and replayed: the same pieces, the same exceptions."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

import aiohttp
import pytest
from support.servers import CLOSE, HOLD, RESET, Answer, serve
from support.three_ways import run_in, view

from fakegpt_testkit.exchange import EndingKind

if TYPE_CHECKING:
    from pathlib import Path

    from fakegpt_testkit.cassette import Cassette

Read = Callable[[aiohttp.ClientResponse], AsyncIterator[object]]
PAUSE = 0.004
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def sized(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(number: int) -> bytes:
    return b"data: %d\n\n" % number


def coded(window_bits: int) -> Answer:
    """A compressed stream, flushed after each event; the last flush goes on its own."""
    coder = zlib.compressobj(wbits=window_bits)
    steps: list[bytes | float] = [
        CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: %s\r\n\r\n" % CODINGS[window_bits])
    ]
    for number in range(4):
        steps += [PAUSE, sized(coder.compress(event(number)) + coder.flush(zlib.Z_SYNC_FLUSH))]
    return (*steps, PAUSE, sized(coder.flush()), PAUSE, b"0\r\n\r\n")


CODINGS = {31: b"gzip", 15: b"deflate", -15: b"deflate"}
STREAM: Answer = (
    CHUNKED,
    *(step for number in range(5) for step in (PAUSE, sized(event(number)))),
    PAUSE,
    b"0\r\n\r\n",
)
BEGUN: Answer = (CHUNKED, *STREAM[1:7])
"""Head and three events; what follows is the case's."""

WHOLE: dict[str, Answer] = {
    "events": STREAM,
    "all at once": (CHUNKED + b"".join(sized(event(number)) for number in range(5)) + b"0\r\n\r\n",),
    "the first event with the head": (CHUNKED + sized(event(0)), PAUSE, sized(event(1)) + b"0\r\n\r\n"),
    "HTTP chunks cut anywhere": (
        CHUNKED + b"b\r\nda", PAUSE, b"ta: 1\n\nda\r", PAUSE, b"\n8\r\nta: 2", PAUSE, b"2\n\n\r\n2\r\nab\r\n1", PAUSE,
        b"\r\nc\r\n0\r\n", PAUSE, b"\r\n",
    ),
    "an HTTP chunk over many arrivals": (CHUNKED + b"1e\r\n", *(PAUSE, b"0123456789") * 3, PAUSE, b"\r\n0\r\n\r\n"),
    "one byte at a time": (
        CHUNKED, *(step for byte in sized(event(7)) + b"0\r\n\r\n" for step in (PAUSE, bytes([byte])))
    ),
    "chunk extensions and trailers": (CHUNKED + b"3;a=b\r\nabc\r\n", PAUSE, b"0\r\nX-Sum: 1\r\n\r\n"),
    "Content-Length": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", PAUSE, b"def", PAUSE, b"ghi"),
    "no length, until the connection ends": (b"HTTP/1.1 200 OK\r\n\r\nabc", PAUSE, b"def", PAUSE, CLOSE),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nabc", PAUSE, b"def", PAUSE, CLOSE),
    "an empty body": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",),
    "an empty chunked body": (CHUNKED, PAUSE, b"0\r\n\r\n"),
    "gzip": coded(31),
    "deflate": coded(15),
    "raw deflate": coded(-15),
}  # fmt: skip


async def iter_any(response: aiohttp.ClientResponse) -> AsyncIterator[object]:
    async for data in response.content.iter_any():
        yield data


async def iter_chunks(response: aiohttp.ClientResponse) -> AsyncIterator[object]:
    async for piece in response.content.iter_chunks():
        yield piece


async def iter_chunked(response: aiohttp.ClientResponse) -> AsyncIterator[object]:
    async for data in response.content.iter_chunked(4):
        yield data


async def lines(response: aiohttp.ClientResponse) -> AsyncIterator[object]:
    async for line in response.content:
        yield line


async def read(response: aiohttp.ClientResponse) -> AsyncIterator[object]:
    yield await response.read()
    yield await response.text()


async def content_read(response: aiohttp.ClientResponse) -> AsyncIterator[object]:
    yield await response.content.read()
    yield await response.content.read()


async def read_n(response: aiohttp.ClientResponse) -> AsyncIterator[object]:
    while data := await response.content.read(6):
        yield data


async def read_exactly(response: aiohttp.ClientResponse) -> AsyncIterator[object]:
    while not response.content.at_eof():
        try:
            yield await response.content.readexactly(7)
        except asyncio.IncompleteReadError as cut:
            yield cut.partial


async def read_until(response: aiohttp.ClientResponse) -> AsyncIterator[object]:
    while data := await response.content.readuntil(b"\n\n"):
        yield data


async def read_any(response: aiohttp.ClientResponse) -> AsyncIterator[object]:
    while data := await response.content.readany():
        yield data


async def read_chunk(response: aiohttp.ClientResponse) -> AsyncIterator[object]:
    while (piece := await response.content.readchunk()) != (b"", False):
        yield piece


async def poll_nowait(response: aiohttp.ClientResponse) -> AsyncIterator[object]:
    while not response.content.at_eof():
        if data := response.content.read_nowait():
            yield data
        await asyncio.sleep(0)


async def poll_eof(response: aiohttp.ClientResponse) -> AsyncIterator[object]:
    """Looks only at whether the end has come, and reads then."""
    while not response.content.is_eof():  # noqa: ASYNC110 - a program may do it
        await asyncio.sleep(0)
    yield response.content.read_nowait()


async def wait_eof(response: aiohttp.ClientResponse) -> AsyncIterator[object]:
    await response.content.wait_eof()
    yield b"".join([data async for data in response.content.iter_any()])


WAYS: list[Read] = [
    iter_any, iter_chunks, iter_chunked, lines, read, content_read, read_n, read_exactly, read_until, read_any,
    read_chunk, poll_nowait, poll_eof, wait_eof,
]  # fmt: skip


def reader(way: Read, timeout: aiohttp.ClientTimeout | None = None) -> Callable[[str], Awaitable[list[object]]]:
    """A program that reads in this way, to the end or to the exception."""

    async def program(url: str) -> list[object]:
        seen: list[object] = []
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout or aiohttp.ClientTimeout(total=3)) as session,
                session.post(url, json={"prompt": "Hi"}) as response,
            ):
                seen.append(response.status)
                async for piece in way(response):
                    seen.append(piece)  # noqa: PERF401 - what came before an exception counts
        except (aiohttp.ClientError, OSError) as failure:
            seen.append(type(failure))
        return seen

    return program


def check(
    program: Callable[[str], Awaitable[object]], answer: Answer, folder: Path, loop: str = "asyncio"
) -> tuple[object, Cassette]:
    views = run_in(loop, view(program, serve({"/": answer}), folder))
    assert views.recorded == views.live
    assert views.added == views.live
    assert views.replayed == views.live
    assert views.replayed_added == views.live
    return views.live, views.cassette


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_way_of_reading_sees_the_same(way: Read, tmp_path: Path) -> None:
    seen, _ = check(reader(way), STREAM, tmp_path)
    assert seen[0] == 200  # type: ignore[index]


@pytest.mark.parametrize(("way", "loop"), [(iter_any, "uvloop"), (iter_chunks, "asyncio")])
@pytest.mark.parametrize("answer", WHOLE.values(), ids=WHOLE)
def test_every_body_comes_in_the_same_pieces(answer: Answer, way: Read, loop: str, tmp_path: Path) -> None:
    _, cassette = check(reader(way), answer, tmp_path, loop)
    assert cassette.interactions[0].response.ending.kind is EndingKind.COMPLETE


BROKEN: dict[str, tuple[Answer, EndingKind, type[Exception]]] = {
    "reset in a chunked body": ((*BEGUN, RESET), EndingKind.RESET, aiohttp.ClientPayloadError),
    "closed before the end mark": ((*BEGUN, CLOSE), EndingKind.EOF, aiohttp.ClientPayloadError),
    "closed within an HTTP chunk": ((*BEGUN, b"ff\r\nabc", PAUSE, CLOSE), EndingKind.EOF, aiohttp.ClientPayloadError),
    "Content-Length not reached": (
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", PAUSE, b"abc", PAUSE, CLOSE),
        EndingKind.EOF, aiohttp.ClientPayloadError,
    ),
    "reset before Content-Length": (
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", PAUSE, b"abc", PAUSE, RESET),
        EndingKind.RESET, aiohttp.ClientPayloadError,
    ),
    "a malformed chunk header": (
        (CHUNKED, PAUSE, b"zzz\r\n", PAUSE, CLOSE), EndingKind.MALFORMED, Exception,
    ),
    "a malformed chunk header after good ones": ((*BEGUN, b"zzz\r\n", PAUSE, CLOSE), EndingKind.MALFORMED, Exception),
    "gzip cut short": ((*coded(31)[:5], CLOSE), EndingKind.EOF, aiohttp.ClientPayloadError),
    "reset after gzip": ((*coded(31)[:5], PAUSE, RESET), EndingKind.RESET, aiohttp.ClientPayloadError),
    "not the gzip it says": (
        (coded(31)[0], PAUSE, sized(b"this is no gzip"), PAUSE, b"0\r\n\r\n"),
        EndingKind.MALFORMED, aiohttp.ClientPayloadError,
    ),
    "closed before any head": ((CLOSE,), EndingKind.EOF, aiohttp.ServerDisconnectedError),
    "closed within the head": (
        (b"HTTP/1.1 200 OK\r\nCont", PAUSE, CLOSE), EndingKind.EOF, aiohttp.ServerDisconnectedError,
    ),
    "reset before any head": ((PAUSE, RESET), EndingKind.RESET, aiohttp.ClientOSError),
    "no HTTP at all": ((b"SSH-2.0-OpenSSH\r\n\r\n", PAUSE, CLOSE), EndingKind.MALFORMED, aiohttp.ClientResponseError),
    "silence longer than sock_read": ((*BEGUN, HOLD), EndingKind.TIMEOUT, aiohttp.ServerTimeoutError),
    "silence before any head": ((HOLD,), EndingKind.TIMEOUT, aiohttp.ServerTimeoutError),
}  # fmt: skip


@pytest.mark.parametrize(("way", "loop"), [(iter_any, "uvloop"), (iter_chunks, "asyncio")])
@pytest.mark.parametrize(("answer", "kind", "failure"), BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_breaks_the_same(
    answer: Answer, kind: EndingKind, failure: type[Exception], way: Read, loop: str, tmp_path: Path
) -> None:
    # aiohttp's C parser tells nobody of a bad chunk header: the client waits until its own time is up
    total = 0.4 if "zzz" in str(answer) else 5
    impatient = aiohttp.ClientTimeout(total=total, sock_read=0.2 if HOLD in answer else None)
    seen, cassette = check(reader(way, impatient), answer, tmp_path, loop)
    assert issubclass(seen[-1], failure)  # type: ignore[index]
    assert cassette.interactions[0].response.ending.kind is kind
