"""The parsers that are compared: each takes a body's chunks and gives the data of its events.

Each peer is driven as its own code drives it, with the HTTP client around it left out: that can only make it faster.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version

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


def httpx_sse() -> Parser:
    from httpx_sse._decoders import SSEDecoder, SSELineDecoder

    def run(chunks: Chunks) -> Iterable[str]:
        text = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        lines, decode = SSELineDecoder().decode, SSEDecoder().decode
        data = []
        for chunk in chunks:
            if decoded := text(chunk):
                for line in lines(decoded):
                    event = decode(line)
                    if event is not None:
                        data.append(event.data)
        return data

    return run


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


def installed() -> dict[str, tuple[str, Parser]]:
    """Our parser, the peers that are here, and the floors: the version and the way to run each."""
    makers = {
        "launchdarkly": launchdarkly,
        "httpx-sse": httpx_sse,
        "axio-sse": axio_sse,
        "sseclient-py": sseclient_py,
        "openai": openai,
        "anthropic": anthropic,
    }
    found: dict[str, tuple[str, Parser]] = {"ours": ("", ours())}
    for name, make in makers.items():
        try:
            found[name] = version(DISTRIBUTIONS[name]), make()
        except PackageNotFoundError:
            continue
    return found | {"floor: join": ("", floor_join), "floor: split": ("", floor_split)}
