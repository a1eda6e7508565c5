"""Many streams at once from the server, beside aiohttp.web: whole, exact, CPU and memory of each, in one run.

``python benchmarks/serving.py 1 200 1000``. Each server has a process of its own and sends 100 events in two seconds to
every client. Knows no recorded cassette: it makes its own.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import tempfile
from pathlib import Path

from aiohttp import web

from fakegpt_testkit.cassette import Cassette, dumps
from fakegpt_testkit.exchange import Chunk, Ending, Head, Interaction, Request, Tape
from fakegpt_testkit.recorder import Settings
from fakegpt_testkit.serving import MATCH_ON, Door, Library, Server, Terms, run

EVENTS = [b'data: {"n": %d, "text": "some words of an answer"}\n\n' % number for number in range(100)]
GAP = 0.02
FIELDS = (("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"))
WHOLE = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in EVENTS) + b"0\r\n\r\n"


def serve_ours() -> None:
    chunks = tuple(Chunk(GAP * nth, each, (len(each),)) for nth, each in enumerate(EVENTS, 1))
    tape = Tape(Head(200, "OK", FIELDS), chunks, Ending(at=GAP * 100))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "some.yaml")
        path.write_bytes(dumps(Cassette((Interaction(Request("GET", "https://api.example/"), tape),), str(path))))
        library = Library(lambda: [path])
        library.load()
        run(
            Server(library, Terms(Settings(match_on=MATCH_ON), steady=True)),
            Door(),
            lambda url: print(url, flush=True),
        )


def serve_aiohttp() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for nth, each in enumerate(EVENTS, 1):
            await asyncio.sleep(began + GAP * nth - loop.time())
            await response.write(each)
        return response

    async def main() -> None:
        app = web.Application()
        app.router.add_get("/", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())


SERVERS = {"ours": serve_ours, "aiohttp.web": serve_aiohttp}


async def read(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    got = await reader.readuntil(b"0\r\n\r\n")
    while not got.endswith(b"\r\n0\r\n\r\n"):
        got += await reader.readuntil(b"0\r\n\r\n")
    writer.close()
    return got


def cpu(process: int) -> float:
    words = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return float(int(words[11]) + int(words[12])) / float(os.sysconf("SC_CLK_TCK"))


def memory(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if "VmHWM" in line).split()[1]) // 1024


async def measure(name: str, streams: int) -> str:
    process = await asyncio.create_subprocess_exec(sys.executable, __file__, "--serve", name, stdout=-1)
    assert process.stdout is not None
    port = int((await process.stdout.readline()).rpartition(b":")[2])
    before = cpu(process.pid)
    bodies = await asyncio.gather(*(read(port) for _ in range(streams)), return_exceptions=True)
    used = cpu(process.pid) - before
    peak = memory(process.pid)
    process.terminate()
    await process.wait()
    whole, exact = sum(isinstance(each, bytes) for each in bodies), sum(each == WHOLE for each in bodies)
    return f"{name:12} {streams:5}: {whole} whole, {exact} exact, {used:.2f} s CPU, {peak} MB"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        SERVERS[sys.argv[2]]()
        sys.exit()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    for count in map(int, sys.argv[1:] or ["1", "200", "1000"]):
        for each in SERVERS:
            print(asyncio.run(measure(each, count)), flush=True)
