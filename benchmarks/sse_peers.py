"""The parsers that are compared: each takes a body's chunks and gives the data of its events.

Each is driven by the entry that its users have, with the HTTP client around it left out, which can only make it faster:
an iterable of chunks goes in, events come out one by one, as soon as they are complete. The same again for coroutines,
where the chunks come from an asynchronous iterator.
"""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

Chunks = Sequence[bytes]
Parser = Callable[[Chunks], Iterable[str]]

DISTRIBUTIONS = {
    "launchdarkly": "launchdarkly-eventsource",
    "httpx-sse": "httpx-sse",
    "axio-sse": "axio-sse",
    "sseclient-py": "sseclient-py",
    "openai": "openai",
    "anthropic": "anthropic",
}
"""The peers, by the name that the table has for them; axio-sse wants Python 3.12."""


def ours() -> Parser:
    from fakegpt_testkit.sse import EventStreamParser

    return lambda chunks: [event.data for event in EventStreamParser().read(chunks)]


def ours_fed() -> Parser:
    from fakegpt_testkit.sse import EventStreamParser

    def run(chunks: Chunks) -> Iterable[str]:
        feed = EventStreamParser().feed
        return [event.data for chunk in chunks for event in feed(chunk)]

    return run


def launchdarkly() -> Parser:
    from ld_eventsource.actions import Event
    from ld_eventsource.reader import _BufferedLineReader, _SSEReader

    def run(chunks: Chunks) -> Iterable[str]:
        reader = _SSEReader(_BufferedLineReader.lines_from(chunks))
        return [found.data for found in reader.events_and_comments() if isinstance(found, Event)]

    return run


class Response:
    """As much of httpx's response as httpx-sse reads; it decodes as httpx does."""

    def __init__(self, chunks: Chunks) -> None:
        self.headers = {"content-type": "text/event-stream"}
        self.chunks = chunks

    def iter_text(self) -> Iterator[str]:
        decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        for chunk in self.chunks:
            if text := decode(chunk):
                yield text
        if text := decode(b"", True):
            yield text

    async def aiter_text(self) -> AsyncIterator[str]:
        for text in self.iter_text():
            yield text


def httpx_sse() -> Parser:
    from httpx_sse import EventSource

    return lambda chunks: [event.data for event in EventSource(Response(chunks)).iter_sse()]


def axio_sse() -> Parser:
    from axio_sse import Decoder

    def run(chunks: Chunks) -> Iterable[str]:
        decode = Decoder(limit=1 << 30).decode
        return [event.data for chunk in chunks for event in decode(chunk)]

    return run


def sseclient_py() -> Parser:
    from sseclient import SSEClient

    return lambda chunks: [event.data for event in SSEClient(iter(chunks)).events()]


def openai() -> Parser:
    from openai._streaming import SSEDecoder

    return lambda chunks: [event.data for event in SSEDecoder().iter_bytes(iter(chunks))]


def anthropic() -> Parser:
    from anthropic._streaming import SSEDecoder

    return lambda chunks: [event.data for event in SSEDecoder().iter_bytes(iter(chunks))]


async def arriving(chunks: Chunks) -> AsyncIterator[bytes]:
    """The chunks as a client's body gives them, but that nothing is ever waited for."""
    for chunk in chunks:
        yield chunk


def without_loop(read: Callable[[Chunks], Coroutine[Any, Any, list[str]]]) -> Parser:
    """A coroutine that never waits, run to its end."""

    def run(chunks: Chunks) -> Iterable[str]:
        try:
            read(chunks).send(None)
        except StopIteration as stop:
            found: list[str] = stop.value
            return found
        raise RuntimeError("a parser waited for something else than its chunks")

    return run


def ours_async() -> Parser:
    from fakegpt_testkit.sse import EventStreamParser

    async def read(chunks: Chunks) -> list[str]:
        return [event.data async for event in EventStreamParser().read_async(arriving(chunks))]

    return without_loop(read)


def launchdarkly_async() -> Parser:
    from ld_eventsource.actions import Event
    from ld_eventsource.async_reader import _AsyncBufferedLineReader, _AsyncSSEReader

    async def read(chunks: Chunks) -> list[str]:
        reader = _AsyncSSEReader(_AsyncBufferedLineReader.lines_from(arriving(chunks)))
        return [found.data async for found in reader.events_and_comments() if isinstance(found, Event)]

    return without_loop(read)


def httpx_sse_async() -> Parser:
    from httpx_sse import EventSource

    async def read(chunks: Chunks) -> list[str]:
        return [event.data async for event in EventSource(Response(chunks)).aiter_sse()]

    return without_loop(read)


def axio_sse_async() -> Parser:
    from axio_sse import events

    async def read(chunks: Chunks) -> list[str]:
        return [event.data async for event in events(arriving(chunks))]

    return without_loop(read)


def openai_async() -> Parser:
    from openai._streaming import SSEDecoder

    async def read(chunks: Chunks) -> list[str]:
        return [event.data async for event in SSEDecoder().aiter_bytes(arriving(chunks))]

    return without_loop(read)


def anthropic_async() -> Parser:
    from anthropic._streaming import SSEDecoder

    async def read(chunks: Chunks) -> list[str]:
        return [event.data async for event in SSEDecoder().aiter_bytes(arriving(chunks))]

    return without_loop(read)


def floor_join(chunks: Chunks) -> Iterable[str]:
    """Not a parser: the cost of having the text at all."""
    return [b"".join(chunks).decode("utf-8", "replace")]


def floor_split(chunks: Chunks) -> Iterable[str]:
    """Not a parser: cutting at blank lines and decoding, right for one data line an event and LF only."""
    data: list[str] = []
    rest: list[bytes] = []
    for chunk in chunks:
        if b"\n\n" not in chunk:
            rest.append(chunk)
            continue
        *blocks, last = (b"".join(rest) + chunk).split(b"\n\n")
        rest = [last]
        data += [block[6:].decode("utf-8", "replace") for block in blocks]
    return data


ITERATED = {
    "launchdarkly": launchdarkly,
    "httpx-sse": httpx_sse,
    "axio-sse": axio_sse,
    "sseclient-py": sseclient_py,
    "openai": openai,
    "anthropic": anthropic,
}
AWAITED = {
    "launchdarkly": launchdarkly_async,
    "httpx-sse": httpx_sse_async,
    "axio-sse": axio_sse_async,
    "openai": openai_async,
    "anthropic": anthropic_async,
}


def installed(makers: dict[str, Callable[[], Parser]]) -> dict[str, Parser]:
    """The peers that are here."""
    return {name: make() for name, make in makers.items() if version_of(name)}


def iterated() -> dict[str, Parser]:
    """Our parser, the peers that are here, and the floors, over an iterable of chunks."""
    own = {"ours": ours(), "ours, fed": ours_fed()}
    return own | installed(ITERATED) | {"floor: join": floor_join, "floor: split": floor_split}


def awaited() -> dict[str, Parser]:
    """Our parser and the peers that are here, in a coroutine, over an asynchronous iterator of chunks."""
    return {"ours": ours_async()} | installed(AWAITED)


def version_of(peer: str) -> str:
    """The version that is here, or ""."""
    try:
        return version(DISTRIBUTIONS[peer])
    except PackageNotFoundError:
        return ""
