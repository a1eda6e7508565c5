"""Each fault against a real server that misbehaves the same way: the same exception class, the same events before."""

from __future__ import annotations

import asyncio
import json
import socket
import zlib
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from support.patience import PATIENCE
from support.playing import EVENTS, HANG, RESET, Outcome, Step, consume, misbehaving, played, stream_tape
from support.tls import server_tls

from fakegpt_testkit.effects import faults

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from fakegpt_testkit.effects import Effect
    from fakegpt_testkit.wire.deck import Pace

    Place = Callable[[], AbstractAsyncContextManager[str]]

pytestmark = pytest.mark.once

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
HEAD = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = b"".join(EVENTS)
END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def chunks(*events: bytes) -> tuple[bytes, ...]:
    return (HEAD, *map(chunk, events))


def answer(status: bytes, body: bytes, *headers: bytes) -> bytes:
    fields = b"".join(field + b"\r\n" for field in headers)
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status, fields, len(body), body)


def gzipped(*events: bytes) -> tuple[bytes, ...]:
    coder = zlib.compressobj(wbits=31)
    coded = [chunk(coder.compress(event) + coder.flush(zlib.Z_SYNC_FLUSH)) for event in events]
    return (OK + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", *coded)


JSON = b"Content-Type: application/json"


@dataclass(frozen=True)
class Case:
    fault: Effect
    server: tuple[Step, ...]
    events: int
    failure: str
    total: float = 5
    sock_read: float | None = None


CASES = [
    Case(faults.reset(after_event=3), (*chunks(*EVENTS[:3]), RESET), 3, "ClientPayloadError"),
    Case(faults.reset(after_event=0), (HEAD, RESET), 0, "ClientPayloadError"),
    Case(faults.reset(after_byte=60), (HEAD, chunk(BODY[:60]), RESET), 1, "ClientPayloadError"),
    Case(faults.reset(after_seconds=0.35), (*chunks(*EVENTS[:2]), RESET), 2, "ClientPayloadError"),
    Case(faults.close(after_event=2), chunks(*EVENTS[:2]), 2, "ClientPayloadError"),
    Case(faults.stop(after_event=2), (*chunks(*EVENTS[:2]), END), 2, ""),
    Case(faults.stop(after_event=2, end_mark=True), (*chunks(*EVENTS[:2], EVENTS[4]), END), 3, ""),
    Case(faults.cut_chunk(after_event=2), (*chunks(EVENTS[0]), b"1000\r\n" + EVENTS[1]), 2, "ClientPayloadError"),
    Case(faults.bad_chunk(after_event=2), (*chunks(*EVENTS[:2]), b"zz\r\n", HANG), 2, "TimeoutError", total=0.3),
    Case(
        faults.short_body(after_event=3),
        (OK + b"Content-Length: %d\r\n\r\n" % len(BODY), *EVENTS[:3]),
        3,
        "ClientPayloadError",
    ),
    Case(
        faults.short_length(after_event=3),
        (OK + b"Content-Length: %d\r\n\r\n" % len(b"".join(EVENTS[:3])), *EVENTS[:2], EVENTS[2] + EVENTS[3]),
        3,
        "",
    ),
    Case(faults.stall(after_event=2), (*chunks(*EVENTS[:2]), HANG), 2, "TimeoutError", total=0.2),
    Case(faults.stall(after_event=2), (*chunks(*EVENTS[:2]), HANG), 2, "SocketTimeoutError", sock_read=0.2),
    Case(faults.stall(after_event=2, seconds=0.1), (*chunks(*EVENTS[:2]), 0.1, *map(chunk, EVENTS[2:]), END), 5, ""),
    Case(faults.slow_start(0.1), (0.1, *chunks(*EVENTS), END), 5, ""),
    Case(faults.drip(0.01, size=50), (*chunks(*(BODY[at : at + 50] for at in range(0, len(BODY), 50))), END), 5, ""),
    Case(faults.bad_json(event=2), (*chunks(EVENTS[0], EVENTS[1][:28] + b"\n\n", *EVENTS[2:]), END), 5, ""),
    Case(
        faults.bad_utf8(event=2),
        (*chunks(EVENTS[0], EVENTS[1].replace(b'["', b'["\xff'), *EVENTS[2:]), END),
        5,
        "",
    ),
    Case(
        faults.huge(event=5, size=300_000), (*chunks(*EVENTS[:4], b"data: [DONE]%s\n\n" % (b" " * 299_994)), END), 5, ""
    ),
    Case(faults.drop(event=2), (*chunks(EVENTS[0], *EVENTS[2:]), END), 4, ""),
    Case(faults.repeat(event=2, times=2), (*chunks(*EVENTS[:2], EVENTS[1], *EVENTS[1:]), END), 7, ""),
    Case(faults.swap(2), (*chunks(EVENTS[0], EVENTS[2], EVENTS[1], *EVENTS[3:]), END), 5, ""),
    Case(faults.swap(4, 1), (*chunks(EVENTS[3], *EVENTS[1:3], EVENTS[0], EVENTS[4]), END), 5, ""),
    Case(
        faults.error_event(after_event=1, message="overloaded", code="busy"),
        (
            *chunks(EVENTS[0], b'data: {"message": null, "error": {"message": "overloaded", "code": "busy"}}\n\n'),
            END,
        ),
        2,
        "",
    ),
    *(
        Case(faults.status(code), (answer(line, b'{"detail": ""}', JSON),), 0, "")
        for code, line in (
            (401, b"401 Unauthorized"),
            (403, b"403 Forbidden"),
            (429, b"429 Too Many Requests"),
            (500, b"500 Internal Server Error"),
            (502, b"502 Bad Gateway"),
            (503, b"503 Service Unavailable"),
        )
    ),
    Case(
        faults.challenge(), (answer(b"200 OK", b"<!DOCTYPE html>", b"Content-Type: text/html; charset=UTF-8"),), 0, ""
    ),
    Case(
        faults.content_type(),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n",
            *chunks(*EVENTS)[1:],
            END,
        ),
        5,
        "",
    ),
    Case(
        faults.corrupt_gzip(after_event=2),
        (*gzipped(*EVENTS[:2]), chunk(b"\x07 this is no deflate block"), HANG),
        2,
        "ClientPayloadError",
    ),
    Case(faults.no_reply(), (), 0, "ServerDisconnectedError"),
    Case(faults.no_reply(reset=True), (RESET,), 0, "ClientOSError"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.fault} {case.failure}")
async def test_a_fault_is_what_a_server_that_misbehaves_is(case: Case) -> None:
    limits: dict[str, Any] = {"total": case.total, "sock_read": case.sock_read}
    async with misbehaving(*case.server) as url:
        real = await consume(url, **limits)
    with played(stream_tape(), effects=[case.fault]):
        fake = await consume(**limits)

    assert fake == real
    assert len(fake.events) == case.events
    assert (fake.failure.__name__ if fake.failure else "") in _names(case.failure)


def _names(failure: str) -> tuple[str, ...]:
    return (failure, "ServerTimeoutError") if failure == "SocketTimeoutError" else (failure,)  # aiohttp < 3.10


# --- no connection ---


@asynccontextmanager
async def nobody() -> AsyncIterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    yield f"http://127.0.0.1:{port}/"


@asynccontextmanager
async def no_such_name() -> AsyncIterator[str]:
    yield "http://no-such-host.invalid/"


@asynccontextmanager
async def untrusted() -> AsyncIterator[str]:
    server = await asyncio.start_server(_hang_up, "localhost", 0, ssl=server_tls())
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}/"


@asynccontextmanager
async def speaks_no_tls() -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(serve, "localhost", 0)
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}/"


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@asynccontextmanager
async def deaf() -> AsyncIterator[str]:
    """A full backlog: the kernel lets the next one knock."""
    with ExitStack() as open_sockets:
        listener = open_sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):
            knocking = open_sockets.enter_context(socket.socket())
            knocking.setblocking(False)
            knocking.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


UNCONNECTED = {
    "refused": (faults.refused(), nobody, PATIENCE),
    "dns": (faults.dns(), no_such_name, PATIENCE),
    "certificate": (faults.tls(), untrusted, PATIENCE),
    "handshake": (faults.tls(handshake=True), speaks_no_tls, PATIENCE),
    "timeout": (faults.connect_timeout(), deaf, 0.2),
}


@pytest.mark.parametrize(("fault", "place", "limit"), UNCONNECTED.values(), ids=UNCONNECTED.keys())
@pytest.mark.parametrize("pace", ["lockstep", "recorded"])
async def test_a_connection_fails_as_it_does_against_a_real_place(
    fault: Effect, place: Place, limit: float, pace: Pace
) -> None:
    async with place() as url:
        real = await consume(url, connect=limit)
        with played(stream_tape(), effects=[fault], pace=pace):
            fake = await consume(url, connect=limit)

    assert fake == real
    assert fake.failure is not None


async def test_a_refused_connection_is_not_asked_for_again_by_aiohttp_itself() -> None:
    fault = faults.refused().times(1)
    with played(stream_tape(), effects=[fault]) as deck:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError, match="Cannot connect to host localhost"):
                await session.get("http://localhost/")
            async with session.get("http://localhost/") as response:
                assert response.status == 200
    assert deck.asked == 2


async def test_connecting_without_a_limit_of_its_own_ends_with_the_total_timeout() -> None:
    with played(stream_tape(), effects=[faults.connect_timeout()], pace="recorded"):
        outcome = await consume(total=0.1)
    assert outcome.failure in (
        TimeoutError,
        aiohttp.ServerTimeoutError,
        getattr(aiohttp, "ConnectionTimeoutError", None),
    )


# --- what a fault's response says ---


async def test_too_many_requests_say_when_to_come_back() -> None:
    async with aiohttp.ClientSession() as session:
        with played(stream_tape(), effects=[faults.status(429, retry_after=30, detail="slow down", error="limit")]):
            async with session.post("http://localhost/") as response:
                assert (response.status, response.reason) == (429, "Too Many Requests")
                assert response.headers["Retry-After"] == "30"
                assert await response.json() == {"detail": {"message": "slow down", "code": "limit"}}
        with played(stream_tape(), effects=[faults.status(503)]):
            async with session.post("http://localhost/") as response:
                assert "Retry-After" not in response.headers
                assert await response.json() == {"detail": "Service Unavailable"}
        with played(stream_tape(), effects=[faults.status(429)]):
            async with session.post("http://localhost/") as response:
                assert response.headers["Retry-After"] == "1"
        with played(stream_tape(), effects=[faults.status(599)]):
            async with session.post("http://localhost/") as response:
                assert (response.reason, await response.json()) == ("", {"detail": "599"})


async def test_an_event_with_bad_json_has_bad_json() -> None:
    with played(stream_tape(), effects=[faults.bad_json(2)]):
        outcome = await consume()
    with pytest.raises(ValueError, match=r"."):
        json.loads(outcome.events[1])
    assert outcome.events[2:] == tuple(event[6:-2].decode() for event in EVENTS[2:])


async def test_a_number_cut_in_two_is_no_json_either() -> None:
    with played(stream_tape([b"data: 1234\n\n"]), effects=[faults.bad_json(1)]):
        assert (await consume()).events == ("12{",)


async def test_bytes_that_were_not_announced_break_a_response_that_comes_with_its_head() -> None:
    body = EVENTS[0]
    whole = OK + b"Content-Length: %d\r\n\r\n" % len(body)
    async with misbehaving(whole + body + EVENTS[1]) as url:
        real = await consume(url)
    tape = stream_tape(every=0.0)
    with played(tape, effects=[faults.short_length(after_event=1)]):
        fake = await consume()
    assert real == fake == Outcome(0, "", (), aiohttp.ClientResponseError)
