"""Loads and saves the same interactions with our cassettes, vcrpy and cassetter: turn by turn, in one process.

To load is to have the bodies as Python values.

`make benchmark` installs the peers and runs it; it prints the tables that docs/benchmarks-cassette.md shows. Each tool
reads and writes files of its own form, through its own code.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cassetter import Body, HttpInteraction, HttpRequest, HttpResponse
from cassetter._core import Cassette as CassetterCassette
from vcr.persisters.filesystem import FilesystemPersister
from vcr.request import Request as VcrRequest
from vcr.serializers import yamlserializer

from fakegpt_testkit import cassette, storage
from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.exchange import Chunk, Ending, Head, Headers, Interaction, Provenance, Request, Tape

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = "The quick brown fox jumps over the lazy dog and then it naps in the sun. "
ASKED_WITH: Headers = (
    ("Host", "localhost:8080"),
    ("Accept-Language", "en-US"),
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/117.0.0.0 Safari/537.36",
    ),
    ("Referer", "http://localhost:8080/?v=2"),
    ("sec-ch-ua", '"Google Chrome";v="117", "Not;A=Brand";v="8", "Chromium";v="117"'),
    ("Accept", "text/event-stream"),
    ("X-Authorization", "Bearer <token-1>"),
    ("Content-Type", "application/json"),
)
ANSWERED_WITH: Headers = (
    ("Content-Type", "text/event-stream; charset=utf-8"),
    ("Date", "Sun, 22 Nov 2026 21:00:00 GMT"),
    ("Server", "Python/3.11 aiohttp/3.14.5"),
    ("Transfer-Encoding", "chunked"),
)


def interaction(events: int, size: int, *, cumulative: bool = False) -> Interaction:
    """A conversation whose answer has so many events, of ``size`` bytes, or growing to twice that."""
    asked = {
        "action": "next",
        "messages": [{"id": "x" * 36, "author": {"role": "user"}, "content": {"parts": ["Say hello"]}}],
    }
    text = WORDS * (2 * size // len(WORDS) + 1)
    chunks = []
    for number in range(events):
        length = 2 * size * number // events if cumulative else size - 60
        data = b"data: " + json.dumps({"id": number, "message": {"parts": [text[:length]]}}).encode() + b"\n\n"
        chunks.append(Chunk(number / 50, data, (len(data),)))
    request = Request("POST", "http://localhost:8080/api/conversation", ASKED_WITH, json.dumps(asked).encode())
    tape = Tape(Head(200, "OK", ANSWERED_WITH), tuple(chunks), Ending(at=events / 50))
    return Interaction(request, tape, Provenance("2026-11-22T21:00:00Z", "http://localhost:8080"))


CASSETTES = {
    "small: 10 kB, 4 interactions": tuple(interaction(6, 250) for _ in range(4)),
    "median: 60 kB, 4 interactions": tuple(interaction(30, 450) for _ in range(4)),
    "large: 3 MB, 1,000 events": (interaction(1000, 3000, cumulative=True),),
    "large: 3 MB, 10,000 events": (interaction(10_000, 300),),
}


def _grouped(headers: Headers) -> dict[str, list[str]]:
    return {name: [value] for name, value in headers}


class Ours:
    """Our room: read, load; dump, write with fsync."""

    def __init__(self, path: Path, interactions: tuple[Interaction, ...]) -> None:
        self._path = path
        self._value = Cassette(interactions, str(path))

    def save(self) -> None:
        storage.write(self._path, cassette.dumps(self._value))

    def load(self) -> int:
        data = storage.read(self._path)
        assert data is not None
        return sum(len(one.response.body) for one in cassette.loads(data, str(self._path)).interactions)


class Vcrpy:
    """vcrpy's own persister and serializer."""

    def __init__(self, path: Path, interactions: tuple[Interaction, ...]) -> None:
        self._path = path
        self._interactions = interactions

    def save(self) -> None:
        requests = [
            VcrRequest(one.request.method, one.request.uri, one.request.body, dict(one.request.headers))
            for one in self._interactions
        ]
        responses = [
            {
                "status": {"code": one.response.status, "message": one.response.reason},
                "headers": _grouped(one.response.headers),
                "body": {"string": one.response.body},
            }
            for one in self._interactions
        ]
        FilesystemPersister.save_cassette(self._path, {"requests": requests, "responses": responses}, yamlserializer)

    def load(self) -> int:
        return sum(
            len(one["body"]["string"]) for one in FilesystemPersister.load_cassette(self._path, yamlserializer)[1]
        )


class Cassetter:
    """cassetter's core, which is written in Rust."""

    def __init__(self, path: Path, interactions: tuple[Interaction, ...]) -> None:
        self._path = str(path)
        self._cassette = CassetterCassette()
        for one in interactions:
            asked = Body("json", json.loads(one.request.body))
            request = HttpRequest(one.request.method, one.request.uri, _grouped(one.request.headers), asked)
            answered = Body("text", one.response.body.decode())
            response = HttpResponse(one.response.status, _grouped(one.response.headers), answered)
            self._cassette.add_interaction(HttpInteraction(request, response, one.provenance.at))

    def save(self) -> None:
        self._cassette.save(self._path)

    def load(self) -> int:
        return sum(len(one.response.body.content) for one in CassetterCassette.load(self._path).interactions)


TOOLS = {"fakegpt-testkit": Ours, "vcrpy": Vcrpy, "cassetter": Cassetter}


def measured(
    runs: dict[str, Callable[[], object]], seconds: float, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Milliseconds of each run, taking turns until the time is up."""
    assert len({run() for run in runs.values()}) == 1
    found: dict[str, list[float]] = {name: [] for name in runs}
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(found[next(iter(runs))]) < 5:
        for name, run in runs.items():
            gc.collect()
            before = clock()
            run()
            found[name].append((clock() - before) * 1000)
    return found


def row(name: str, found: dict[str, list[float]]) -> str:
    middle = {tool: statistics.median(times) for tool, times in found.items()}
    ratios = [
        statistics.median(b / a for a, b in zip(found["fakegpt-testkit"], found[tool], strict=True)) for tool in middle
    ]
    cells = [f"{value:.2f}" for value in middle.values()] + [f"{ratio:.2f}" for ratio in ratios[1:]]
    return f"| {name} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=6.0, help="for each line of a table")
    seconds = parser.parse_args().seconds
    versions = ", ".join(f"{name} {version(name)}" for name in ("vcrpy", "cassetter", "PyYAML"))
    print(f"Python {platform.python_version()}, {platform.machine()}; {versions}\n")
    head = "| | fakegpt-testkit | vcrpy | cassetter | vcrpy ÷ ours | cassetter ÷ ours |\n|---|--:|--:|--:|--:|--:|"
    with tempfile.TemporaryDirectory() as folder:
        tools = {
            (name, tool): make(Path(folder) / f"{number}-{tool}.yaml", interactions)
            for number, (name, interactions) in enumerate(CASSETTES.items())
            for tool, make in TOOLS.items()
        }
        for title, clock, what in (
            ("Save, ms of wall time (fakegpt-testkit: with fsync of file and folder)", time.perf_counter, "save"),
            ("Save, ms of CPU time", time.process_time, "save"),
            ("Load, ms of CPU time", time.process_time, "load"),
        ):
            print(f"{title}\n\n{head}")
            for name in CASSETTES:
                runs = {tool: getattr(tools[name, tool], what) for tool in TOOLS}
                print(row(name, measured(runs, seconds, clock)), flush=True)
            print()


if __name__ == "__main__":
    main()
