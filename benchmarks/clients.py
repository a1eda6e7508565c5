"""What a stream of 400 chunks costs through each client: read live from loopback, recorded, and replayed.

`make benchmark` runs it; it prints the table that docs/benchmarks-clients.md shows. The server is another process, so
that its processor time is not counted; each way makes its client anew each time, live as well.
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

CHUNKS = 400
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


def serve() -> None:
    """Serve the stream until the standard input ends; the first line printed is the URL."""
    stream = (HEAD, *[b"%x\r\n%s\r\n" % (len(EVENT), EVENT)] * CHUNKS, b"0\r\n\r\n")
    with raw_server({"/": stream}) as server:
        print(f"{server.url}/", flush=True)
        sys.stdin.read()


def cost(read: Callable[[str, float], object], url: str) -> float:
    """Milliseconds of processor time of one reading."""
    gc.collect()
    before = time.process_time()
    read(url, 60.0)
    return (time.process_time() - before) * 1000


def row(way: str, url: str, folder: Path, rounds: int) -> str:
    """A line of the table: medians, and the medians of the pairs' ratios."""
    read, file = WAYS[way], folder / f"{way.replace(' ', '-')}.yaml"
    live: list[float] = []
    recorded: list[float] = []
    replayed: list[float] = []
    for number in range(rounds + 1):
        costs = [cost(read, url)]
        with use_cassette(file, record_mode="all"):
            costs.append(cost(read, url))
        with use_cassette(file):
            costs.append(cost(read, url))
        if number:  # the first one also loads what is needed
            for found, each in zip((live, recorded, replayed), costs, strict=True):
                found.append(each)
    ratios = [statistics.median(a / b for a, b in zip(those, live, strict=True)) for those in (recorded, replayed)]
    cells = [f"{statistics.median(those):.1f}" for those in (live, recorded, replayed)]
    return f"| {way} | {' | '.join(cells)} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |"


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
    print("| | live, ms | recorded, ms | replayed, ms | recorded ÷ live | replayed ÷ live |\n|---|--:|--:|--:|--:|--:|")
    command = [sys.executable, __file__, "--serve"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
    ):
        assert server.stdout is not None
        assert server.stdin is not None
        url = server.stdout.readline().strip()
        for way in SHOWN:
            print(row(way, url, Path(folder), arguments.rounds), flush=True)
        server.stdin.close()


if __name__ == "__main__":
    main()
