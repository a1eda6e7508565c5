"""What a stream of chunks costs through each client: read live from loopback, recorded, and replayed.

`make benchmark` runs it; it prints the table that docs/benchmarks-clients.md shows. The server is another process, so
that its processor time is not counted; each way makes its client anew each time, live as well. A recording is one into
a new file, from the opening of the cassette until it is saved; a replay counts its cassette's opening, too.
"""

from __future__ import annotations

import argparse
import gc
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.clients import WAYS  # noqa: E402
from support.raw import raw_server  # noqa: E402

from fakegpt_testkit.recorder import use_cassette  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNKS = (400, 40, 4000)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b"data: " + b"x" * 200 + b"\n\n"
SHOWN = (
    "httpx iter_bytes",
    "httpx2 iter_bytes",
    "httpx2 aiter_raw",
    "requests content",
    "urllib3 stream",
    "aiohttp iter_any",
)
OF_EACH_LENGTH = ("httpx iter_bytes", "requests content", "aiohttp iter_any")

OTHERS = "httpx, httpx2, requests, urllib3, botocore.session, trio"
ALONE = """
import asyncio, gc, statistics, sys, time, aiohttp
from fakegpt_testkit.recorder import use_cassette
{imports}
file, url = sys.argv[1:]

async def read():
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        async for _ in answer.content.iter_any():
            pass

def cost(times, act):
    gc.collect()
    before = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - before) * 1000 / times

def opened():
    with use_cassette(file, unplayed="ignore"):
        pass

def replayed():
    with use_cassette(file):
        asyncio.run(read())

with use_cassette(file, record_mode="once"):
    asyncio.run(read())
replayed()
print(cost(100, opened), statistics.median(cost(1, replayed) for _ in range(15)))
"""
"""A program that uses aiohttp alone: what it costs to open a cassette, and to replay the stream, in milliseconds."""


def serve() -> None:
    """Serve the streams until the standard input ends; the first line printed is the URL without the number."""
    event = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)
    with raw_server({f"/{chunks}": (HEAD, *[event] * chunks, b"0\r\n\r\n") for chunks in CHUNKS}) as server:
        print(f"{server.url}/", flush=True)
        sys.stdin.read()


def cost(work: Callable[[], object]) -> float:
    """Milliseconds of processor time of some work."""
    gc.collect()
    before = time.process_time()
    work()
    return (time.process_time() - before) * 1000


def row(way: str, url: str, folder: Path, rounds: int) -> str:
    """A line of the table: medians, and the medians of the pairs' ratios."""
    read, file = WAYS[way], folder / f"{way.replace(' ', '-')}.yaml"

    def live() -> None:
        read(url, 60.0)

    def with_cassette() -> None:
        with use_cassette(file, record_mode="once"):
            live()

    found: list[list[float]] = [[], [], []]
    for number in range(rounds + 1):
        file.unlink(missing_ok=True)
        costs = [cost(live), cost(with_cassette), cost(with_cassette)]
        if number:  # the first one also loads what is needed
            for those, each in zip(found, costs, strict=True):
                those.append(each)
    ratios = [statistics.median(a / b for a, b in zip(those, found[0], strict=True)) for those in found[1:]]
    cells = [f"{statistics.median(those):.1f}" for those in found]
    return f"{' | '.join(cells)} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |"


def beside(url: str, folder: Path, rounds: int) -> None:
    """Print what a suite of aiohttp pays where the other clients are not loaded, and where they are."""
    print("\n| aiohttp alone | a cassette opened, ms | replayed, ms |\n|---|--:|--:|")
    programs = {"nothing else loaded": "", f"beside {OTHERS}": f"import {OTHERS}"}
    costs: dict[str, list[list[float]]] = {name: [] for name in programs}
    for number in range(rounds):
        for name, imports in programs.items():
            program = ALONE.format(imports=imports)
            told = subprocess.run(
                [sys.executable, "-c", program, str(folder / f"alone{number}{bool(imports)}.yaml"), url],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            costs[name].append([float(each) for each in told.stdout.split()])
    for name, found in costs.items():
        opened, replayed = (statistics.median(each) for each in zip(*found, strict=True))
        print(f"| {name} | {opened:.2f} | {replayed:.1f} |")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", action="store_true", help="be the server")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    if arguments.serve:
        serve()
        return
    versions = ", ".join(f"{name} {version(name)}" for name in ("httpx", "httpx2", "requests", "urllib3", "aiohttp"))
    print(f"Python {platform.python_version()}, {platform.machine()}; {versions}\n")
    print("| | chunks | live, ms | recorded, ms | replayed, ms | recorded ÷ live | replayed ÷ live |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    command = [sys.executable, __file__, "--serve"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
    ):
        assert server.stdout is not None
        assert server.stdin is not None
        url = server.stdout.readline().strip()
        for chunks in CHUNKS:
            for way in SHOWN if chunks == CHUNKS[0] else OF_EACH_LENGTH:
                figures = row(way, f"{url}{chunks}", Path(folder), arguments.rounds)
                print(f"| {way} | {chunks:,} | {figures}", flush=True)
        beside(f"{url}{CHUNKS[0]}", Path(folder), arguments.rounds)
        server.stdin.close()


if __name__ == "__main__":
    main()
