"""For tests of the player and the effects: tapes played without a cassette, and a raw server that misbehaves."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp

from fakegpt_testkit import sse
from fakegpt_testkit.clients import insert
from fakegpt_testkit.effects import apply, refuse
from fakegpt_testkit.exchange import Chunk, Ending, Head, Interaction, Request, Tape

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from fakegpt_testkit.effects import Effect
    from fakegpt_testkit.wire.deck import ExchangeSink, Pace, Playback

URL = "http://localhost/api/conversation"
STREAM_HEADERS = (("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"))
EVENTS = (
    *(b'data: {"message": {"content": {"parts": ["%s"]}}}\n\n' % (b"abcd"[:n]) for n in (1, 2, 3, 4)),
    b"data: [DONE]\n\n",
)


def stream_tape(
    events: Sequence[bytes] = EVENTS, *, every: float = 0.1, headers: tuple[tuple[str, str], ...] = STREAM_HEADERS
) -> Tape:
    chunked = any(name == "Transfer-Encoding" for name, _ in headers)
    chunks = tuple(
        Chunk(0.1 + every * number, data, (len(data),) if chunked else ()) for number, data in enumerate(events, 1)
    )
    return Tape(Head(200, "OK", headers, "1.1", 0.1), chunks, Ending(at=chunks[-1].at if chunks else 0.1))


@dataclass
class TapeDeck:
    """Answers each request with the next tape, or with the last one again."""

    tapes: Sequence[Tape]
    pace: Pace = "lockstep"
    effects: Sequence[Effect] = ()
    players: dict[int, Playback] = field(default_factory=dict)
    plays: bool = True
    records: bool = False
    asked: int = 0

    def ask(self) -> int:
        self.asked += 1
        return self.asked - 1

    def _interaction(self, number: int, method: str, uri: str) -> tuple[Interaction, int]:
        index = min(number, len(self.tapes) - 1)
        return Interaction(Request(method, uri), self.tapes[index]), index

    def refuse(self, number: int, method: str, uri: str) -> Ending | None:
        return refuse(self.effects, *self._interaction(number, method, uri), number)

    def play(self, number: int, request: Request) -> Tape:
        return apply(self.effects, *self._interaction(number, request.method, request.uri), number)

    def answers_early(self, request: Request) -> bool:  # noqa: ARG002 - by its name in the protocol
        return False

    def follow(self, number: int, playback: Playback) -> None:
        self.players[number] = playback

    def record(self, number: int) -> ExchangeSink:
        raise NotImplementedError

    def passes(self, uri: str, *, asks: bool) -> bool:  # noqa: ARG002
        return False

    def unreachable(self, number: int, method: str, uri: str, why: Ending | None, failure: BaseException) -> None:
        raise NotImplementedError

    def stopped(self, client: str, method: str, uri: str) -> Exception:
        raise NotImplementedError

    def name(self, number: int) -> str:
        return f"tape {number + 1}"


@contextmanager
def played(*tapes: Tape, pace: Pace = "lockstep", effects: Sequence[Effect] = ()) -> Iterator[TapeDeck]:
    deck = TapeDeck(tapes, pace, effects)
    with insert(deck):
        yield deck


@dataclass(frozen=True)
class Outcome:
    """What a client saw: the status, the content type, the data of the events, and the exception's class."""

    status: int
    content_type: str
    events: tuple[str, ...]
    failure: type[BaseException] | None


async def consume(
    url: str = URL, *, total: float | None = 5, sock_read: float | None = None, connect: float | None = None
) -> Outcome:
    status, content_type, events = 0, "", []
    failure = None
    timeout = aiohttp.ClientTimeout(total=total, sock_read=sock_read, connect=connect)
    parser = sse.EventStreamParser()
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, json={"prompt": "hello"}) as response,
        ):
            status, content_type = response.status, response.content_type
            async for chunk in response.content.iter_any():
                events += [event.data for event in parser.feed(chunk)]
    except (aiohttp.ClientError, TimeoutError, OSError) as problem:
        failure = type(problem)
    return Outcome(status, content_type, tuple(events), failure)


RESET, HANG = "reset", "hang"
Step = bytes | str | float
"""Bytes to send, a time to wait, or what to do with the connection; it is closed after the last step."""


@asynccontextmanager
async def misbehaving(*steps: Step) -> AsyncIterator[str]:
    """A server that reads a request and then does exactly these steps; gives its URL."""

    served: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readuntil(b"}")  # the end of the request's body
            await _take(steps, reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/conversation"
    finally:
        server.close()
        await asyncio.gather(*served)


async def _take(steps: Sequence[Step], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for step in steps:
        match step:
            case bytes():
                writer.write(step)
                await writer.drain()
                await asyncio.sleep(0.01)  # so that the next bytes come in a segment of their own
            case float():
                await asyncio.sleep(step)
            case "reset":
                linger = struct.pack("ii", 1, 0)
                writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
            case "hang":
                await reader.read()  # until the client hangs up
