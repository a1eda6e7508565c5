"""What large cassettes cost: replay out of order, and the memory that a large body takes while recording and replaying.

Run it with `python benchmarks/sizes.py`; it prints the tables that docs/benchmarks-sizes.md shows. Each figure is of a
process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from fakegpt_testkit import Chunk, Head, Interaction, Request, Tape, use_cassette

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = "http://chat.example/v1/chat"
JSON = (("Content-Type", "application/json"),)
MIB = 1 << 20
EVENT = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-4o",'
    b'"choices":[{"index":0,"delta":{"content":"word %08d"},"finish_reason":null}]}\n\n'
)
KINDS = {
    "text": "lines of text",
    "stream": "a stream of events of 158 bytes",
    "binary": "binary",
    "packed": "lines of text, sent as gzip",
}


def prompt(number: int) -> bytes:
    """A request's body; each is another one."""
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": f"Tell me of {number}"}]}).encode()


def replay(many: int, order: str) -> float:
    """CPU milliseconds for each of so many requests."""
    numbers = [*range(many)]
    if order == "random":
        random.Random(1).shuffle(numbers)
    elif order == "reversed":
        numbers.reverse()
    held = tuple(
        Interaction(Request("POST", URL, JSON, prompt(number)), Tape(Head(200, "OK"), (Chunk(0, b"x"),)))
        for number in range(many)
    )

    async def ask() -> None:
        async with aiohttp.ClientSession(headers=dict(JSON)) as session:
            for number in numbers:
                async with session.post(URL, data=prompt(number)) as response:
                    await response.read()

    with use_cassette(held):
        began = time.process_time()
        asyncio.run(ask())
        return (time.process_time() - began) / many * 1e3


def content(kind: str, size: int) -> Iterator[bytes]:
    """So many bytes: lines of text, a stream's events, or binary data."""
    generator = random.Random(1)
    line = EVENT if kind == "stream" else b"lorem ipsum dolor sit amet, %08d\n"
    left, number = size, 0
    while left > 0:
        lines = b"" if kind == "binary" else b"".join(line % (number + at) for at in range(2000))
        block = (lines or generator.randbytes(2**16))[:left]
        yield block
        left, number = left - len(block), number + 2000


class _Large(BaseHTTPRequestHandler):
    size = 0
    kind = ""

    def do_GET(self) -> None:
        """Bytes of the kind, in gzip for packed text."""
        size = 1 if self.path == "/small" else self.size
        packs = self.kind == "packed" and size > 1
        packer = zlib.compressobj(wbits=31)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if self.kind == "stream" else "application/octet-stream")
        self.send_header("Content-Encoding", "gzip") if packs else self.send_header("Content-Length", str(size))
        self.end_headers()
        for block in content(self.kind, size):
            self.wfile.write(packer.compress(block) if packs else block)
        if packs:
            self.wfile.write(packer.flush())

    def log_message(self, *_: object) -> None:
        """Nothing."""


def serve(kind: str, size: int) -> str:
    """A server in a thread, for as long as the process lives."""
    _Large.kind, _Large.size = kind, size
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Large)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"


async def read(url: str) -> int:
    """The size of an answer of which nothing is kept."""
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return sum([len(chunk) async for chunk in response.content.iter_any()])


def memory(size: int, mode: str, path: str, url: str) -> float:
    """Times the body's size that the process grew by, at its highest."""
    asyncio.run(read(f"{url}small"))  # the client and its loop are there
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with use_cassette(path, record_mode="none" if mode == "replay" else "all"):
        assert asyncio.run(read(url)) == size
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / size


def apart(*words: object) -> str:
    """What this program prints for some words, in a process of its own."""
    done = subprocess.run([sys.executable, __file__, *map(str, words)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def main() -> None:
    """Print the tables, or one figure."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("what", nargs="*")
    what = arguments.parse_args().what
    if what[:1] == ["replay"]:
        print(f"{replay(int(what[1]), what[2]):.2f}")
        return
    if what[:1] == ["memory"]:
        print(f"{memory(int(what[1]) * MIB, what[2], what[3], what[4]):.1f}")
        return
    print("| interactions | in order | reversed | random |\n|---|---|---|---|")
    for many in (100, 1000, 10_000):
        print(
            f"| {many:,} | "
            + " | ".join(f"{apart('replay', many, each)} ms" for each in ("order", "reversed", "random"))
            + " |"
        )
    print("\n| body | of | recording | replaying |\n|---|---|---|---|")
    for kind, title in KINDS.items():
        for size in (10, 100):
            url = serve(kind, size * MIB)
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "c.yaml")
                figures = [apart("memory", size, mode, path, url) for mode in ("record", "replay")]
            print(f"| {size} MiB | {title} | {figures[0]} times the body | {figures[1]} times |")


if __name__ == "__main__":
    main()
