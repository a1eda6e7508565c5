"""The main job as three calls: record an answer, replay it with the network closed, say what differs.

Knows no terminal: what is heard meanwhile goes to a function, what was seen comes back as values.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aiohttp

from fakegpt_testkit import guard
from fakegpt_testkit.fakegpt.provider import apart
from fakegpt_testkit.fakegpt.stand_in import Options
from fakegpt_testkit.recorder import load_cassette, use_cassette
from fakegpt_testkit.wording import first_difference, shortened

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from fakegpt_testkit.recorder import Session
    from fakegpt_testkit.wire.deck import Pace

PROMPT: Final = "Tell me about streams"

OPTIONS: Final = Options(cuts="data", delay=0.012, raw=True)
"""A stand-in whose chunks are not its events: each is cut inside its ``data: ``, as networks do."""


@dataclass(frozen=True, slots=True)
class DemoAnswer:
    """One answer as the program saw it: its pieces of text; seconds from the call to the first and to the end."""

    pieces: tuple[str, ...]
    first: float
    total: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording gave: the answer, the requests in order, and the chunks of the stream as they arrived."""

    heard: DemoAnswer
    requests: tuple[tuple[str, str, int], ...]
    chunks: tuple[bytes, ...]


def record(runner: asyncio.Runner, url: str, cassette: Path, hear: Callable[[str], None]) -> Recorded:
    """Record the flow and its answer from the service at ``url``, handing on each piece of text when it comes."""
    with use_cassette(cassette, record_mode="rewrite") as session:
        heard = runner.run(_listen(url, hear))
    return Recorded(heard, _requests(session), _chunks(session))


def replay(runner: asyncio.Runner, url: str, cassette: Path, pace: Pace, hear: Callable[[str], None]) -> DemoAnswer:
    """Ask the same of the same address, and have it answered by the cassette."""
    with use_cassette(cassette, pace=pace):
        return runner.run(_listen(url, hear))


def chunks_replayed(runner: asyncio.Runner, cassette: Path) -> tuple[bytes, ...]:
    """The chunks that a plain aiohttp program reads when it sends the recorded flow's last request again."""
    with use_cassette(cassette):
        return runner.run(_read_chunks(cassette))


def differences(live: Recorded, *replayed: DemoAnswer, chunks: tuple[bytes, ...]) -> list[str]:
    """What the replay did not give back as it was, in words; empty when it is the same."""
    found = [
        f"the text came in other pieces: {_first_unlike(live.heard.pieces, heard.pieces)}"
        for heard in replayed
        if heard.pieces != live.heard.pieces
    ]
    if chunks != live.chunks:
        found.append(f"the stream came in other chunks: {_first_unlike(live.chunks, chunks)}")
    return found


def network_closed() -> AbstractContextManager[guard.Guard]:
    """Let nobody in this process reach anything, this machine included, or look up a name, until the block ends."""
    return guard.guarded(guard.Guard("the demo", this_machine=False))


async def _listen(url: str, hear: Callable[[str], None]) -> DemoAnswer:
    provider = apart(url)
    pieces: list[str] = []
    began = time.perf_counter()
    first = 0.0
    async for text in provider.create_async_generator("", [{"role": "user", "content": PROMPT}]):
        if not pieces:
            first = time.perf_counter() - began
        pieces.append(text)
        hear(text)
    return DemoAnswer(tuple(pieces), first, time.perf_counter() - began)


async def _read_chunks(cassette: Path) -> tuple[bytes, ...]:
    asked = load_cassette(cassette).interactions[-1].request
    async with (
        aiohttp.ClientSession() as client,
        client.request(asked.method, asked.uri, headers=asked.headers, data=asked.body) as response,
    ):
        return tuple([chunk async for chunk in response.content.iter_any()])


def _requests(session: Session) -> tuple[tuple[str, str, int], ...]:
    return tuple((each.request.method, each.request.uri, each.response.status) for each in session.recorded)


def _chunks(session: Session) -> tuple[bytes, ...]:
    return tuple(chunk.data for chunk in session.recorded[-1].response.chunks if chunk.data)


def _first_unlike(live: tuple[object, ...], replayed: tuple[object, ...]) -> str:
    number = first_difference(live, replayed)
    was, now = ((shortened(repr(each[number])) if number < len(each) else "nothing") for each in (live, replayed))
    return f"live {len(live)}, replayed {len(replayed)}; number {number + 1} was {was} and is {now}"
