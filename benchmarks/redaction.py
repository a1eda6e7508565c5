"""What redaction costs a recording: while its events arrive, and when it is saved. A load and a replay redact nothing.

``python benchmarks/redaction.py`` prints the tables of docs/benchmarks-redaction.md: the events handed over as by a
client, and redaction's share of a whole recording and replay by aiohttp.
"""

from __future__ import annotations

import asyncio
import json
import platform
import statistics
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import aiohttp

from fakegpt_testkit import cassette, use_cassette
from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.exchange import Chunk, Head, Interaction, Request, Tape
from fakegpt_testkit.redaction import Redactor, StreamRedactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Mode = Literal["rewrite", "none"]
STREAM = (("Content-Type", "text/event-stream"),)
ROUNDS = 9
REDACTING = ((StreamRedactor, "feed"), (StreamRedactor, "close"), (Redactor, "interactions"), (Redactor, "request"))
"""What redacts, as the recorder calls it; none of these calls another."""


def events(number: int) -> list[bytes]:
    """A chat answer's events, a word in each."""
    said = ({"id": "chatcmpl-abc123", "object": "chat.completion.chunk", "created": 1} for _ in range(number))
    deltas = ({"choices": [{"index": 0, "delta": {"content": f"word{at} and "}}]} for at in range(number))
    return [b"data: " + json.dumps(head | delta).encode() + b"\n\n" for head, delta in zip(said, deltas, strict=True)]


def environment(secrets: int) -> dict[str, str]:
    """So many variables with secrets."""
    return {f"SERVICE_{number}_API_KEY": f"q8Rt5Kx2Wm9Zp4Lc7V{number:02}b" for number in range(secrets)}


def recorded(pieces: list[bytes]) -> Interaction:
    """The exchange that they belong to."""
    asked = (("Authorization", "Bearer sk-proj-t6Fh2Vn8Cx4Bz1Ql9We7"), ("Content-Type", "application/json"))
    request = Request("POST", "https://api.example/v1/chat/completions", asked, b'{"model": "m", "stream": true}')
    chunks = tuple(Chunk(at / 100, piece) for at, piece in enumerate(pieces))
    return Interaction(request, Tape(Head(200, "OK", STREAM), chunks))


def spent(work: Callable[[], object]) -> float:
    """Median ms of CPU time."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return statistics.median(times) * 1000


@contextmanager
def timed() -> Iterator[list[float]]:
    """Seconds of CPU time that the redactor takes, call by call."""
    times: list[float] = []
    kept = [(kind, name, getattr(kind, name)) for kind, name in REDACTING]

    def around(work: Callable[..., object]) -> Callable[..., object]:
        def run(*given: object, **named: object) -> object:
            began = time.process_time()
            try:
                return work(*given, **named)
            finally:
                times.append(time.process_time() - began)

        return run

    for kind, name, work in kept:
        setattr(kind, name, around(work))
    try:
        yield times
    finally:
        for kind, name, work in kept:
            setattr(kind, name, work)


async def asked(pieces: list[bytes], file: Path, mode: Mode) -> tuple[float, float]:
    """CPU ms of one use of a cassette by a client and a server in this process, and those of redaction in it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in pieces:
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(0)
        writer.write(b"0\r\n\r\n")

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    here = {f"http://127.0.0.1:{port}": "https://api.example"}
    began = time.process_time()
    with timed() as times, use_cassette(file, record_mode=mode, passthrough=(), origins=here):
        async with (
            aiohttp.ClientSession(headers={"Authorization": "Bearer sk-proj-t6Fh2Vn8Cx4Bz1Ql9We7"}) as session,
            session.get(f"http://127.0.0.1:{port}/v1/chat") as response,
        ):
            async for _ in response.content.iter_any():
                pass
    whole = time.process_time() - began
    server.close()
    return whole * 1000, sum(times) * 1000


def shares() -> None:
    """Print what of a recording and of a replay is redaction."""
    warnings.filterwarnings("ignore", message="(?s).*a server of this process")
    print("\n| of a stream of 1,500 events by aiohttp | all | redaction |\n|---|--:|--:|")
    pieces = events(1500)
    with tempfile.TemporaryDirectory() as folder:
        uses: tuple[tuple[str, Mode], ...] = (("recorded, and saved", "rewrite"), ("loaded, and replayed", "none"))
        for title, mode in uses:
            spans = [asyncio.run(asked(pieces, Path(folder, "a.yaml"), mode)) for _ in range(ROUNDS)]
            whole, redacting = (statistics.median(each) for each in zip(*spans, strict=True))
            print(f"| {title} | {whole:.0f} ms | {redacting:.0f} ms, {100 * redacting / whole:.0f} % |")


def main() -> None:
    print(f"Python {platform.python_version()}, {platform.machine()}; ms of CPU time, the median of {ROUNDS}\n")
    print("| | as it arrives | when it is saved | writing the file's text | loading it |")
    print("|---|--:|--:|--:|--:|")
    for number, secrets in ((150, 0), (1500, 0), (1500, 20), (15000, 0)):
        pieces, known = events(number), environment(secrets)
        exchange = recorded(pieces)

        def arrive(pieces: list[bytes] = pieces, known: dict[str, str] = known) -> None:
            stream = StreamRedactor(Redactor(None, known), STREAM)
            for piece in pieces:
                stream.feed(Chunk(0.0, piece))
            stream.close()

        clean = Redactor(None, known).interactions((exchange,))
        text = cassette.dumps(Cassette(clean))
        figures = (
            spent(arrive),
            spent(lambda known=known, exchange=exchange: Redactor(None, known).interactions((exchange,))),  # type: ignore[misc]
            spent(lambda clean=clean: cassette.dumps(Cassette(clean))),  # type: ignore[misc]
            spent(lambda text=text: cassette.loads(text, "a.yaml")),  # type: ignore[misc]
        )
        title = f"{number:,} events, {secrets} secrets in the environment"
        print(f"| {title} | {' | '.join(f'{each:.1f}' for each in figures)} |")
    shares()


if __name__ == "__main__":
    main()
