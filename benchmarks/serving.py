"""Many streams at once, beside a bare asyncio server, aiohttp.web, aimock, WireMock; long use; a recording; idling.

``python benchmarks/serving.py [streams 1 200 1000 | requests 20000 | recording | idle]``, all four without a word. Each
has a process of its own and sends 100 events in two seconds to every client; only what one run says can be compared.
aimock is there where ``npm install @copilotkit/aimock`` was run in ``.matrix/aimock``, WireMock where ``npm install
wiremock`` was in ``.matrix/wiremock`` and there is Java. Knows no recorded cassette.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from fakegpt_testkit.cassette import Cassette, dumps, loads
from fakegpt_testkit.exchange import Chunk, Ending, Head, Interaction, Request, Tape
from fakegpt_testkit.recorder import Settings
from fakegpt_testkit.serving import MATCH_ON, Door, Library, Recorder, Server, Terms, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

EVENTS = [b'data: {"n": %d, "text": "some words of an answer"}\n\n' % number for number in range(100)]
GAP = 0.02
FIELDS = (("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"))
FRAMES = [b"%x\r\n%b\r\n" % (len(each), each) for each in EVENTS]
WHOLE = b"".join(FRAMES) + b"0\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
SHORT = b"GET /short HTTP/1.1\r\nHost: localhost\r\n\r\n"
ASKED = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hello"}]}'
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
POST += b"Content-Length: %d\r\n\r\n%b" % (len(ASKED), ASKED)
AIMOCK = Path(".matrix/aimock")
WIREMOCK = Path(".matrix/wiremock")


# --- servers, each in a process of its own; the first line that it prints ends with its URL ---


def serve_ours() -> None:
    chunks = tuple(Chunk(GAP * nth, each, (len(each),)) for nth, each in enumerate(EVENTS, 1))
    stream = Tape(Head(200, "OK", FIELDS), chunks, Ending(at=GAP * 100))
    short = Tape(Head(200, "OK", (("Content-Length", "5"),)), (Chunk(0, b"hello"),), Ending(at=0))
    both = (("/", stream), ("/short", short))
    asked = tuple(Interaction(Request("GET", f"https://api.example{path}"), tape) for path, tape in both)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "some.yaml")
        path.write_bytes(dumps(Cassette(asked, str(path))))
        library = Library(lambda: [path])
        library.load()
        server = Server(library, Terms(Settings(match_on=MATCH_ON), steady=True))
        run(server, Door(), lambda url: print(url, flush=True))


def serve_recording() -> None:
    upstream, cassette = sys.argv[3:]
    recorder = Recorder(Path(cassette), upstream, Settings(match_on=MATCH_ON, record_mode="new_episodes"))
    run(Server(Library(lambda: ()), recorder=recorder), Door(), lambda url: print(url, flush=True))


def serve_bare() -> None:
    """What nobody can be faster than in this language: no request is read, no frame is made."""

    class Bare(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport

        def data_received(self, _: bytes) -> None:
            self.transport.write(HEAD)
            self.began, self.sent = loop.time(), 0
            self.next()

        def next(self) -> None:
            if self.transport.is_closing():
                return
            if self.sent:
                self.transport.write(FRAMES[self.sent - 1])
            if self.sent == len(FRAMES):
                self.transport.write(b"0\r\n\r\n")
                return
            self.sent += 1
            loop.call_at(self.began + GAP * self.sent, self.next)

    async def main() -> None:
        server = await loop.create_server(Bare, "127.0.0.1", 0, backlog=1024)
        print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())


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


def serve_aimock() -> None:
    """98 pieces of its own making, ten characters each, between what opens and what ends a stream."""
    fixture = AIMOCK / "fixture.json"
    said = {"match": {"userMessage": "hello"}, "response": {"content": "some words" * 98}}
    fixture.write_text(json.dumps({"fixtures": [said]}), encoding="utf-8")
    program = str(AIMOCK / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js")
    options = ["-p", "4019", "-f", str(fixture), "-l", str(int(GAP * 1000)), "-c", "10"]
    os.execvp("node", ["node", program, *options])


def serve_wiremock() -> None:
    """As it is delivered: the body in 100 even pieces over two seconds, which is the nearest that it can."""
    folder = WIREMOCK / "root"
    (folder / "mappings").mkdir(parents=True, exist_ok=True)
    paced = {"numberOfChunks": len(EVENTS), "totalDuration": int(GAP * len(EVENTS) * 1000)}
    response = {"status": 200, "headers": dict(FIELDS[:1]), "body": b"".join(EVENTS).decode()}
    said = {"request": {"method": "GET", "url": "/"}, "response": {**response, "chunkedDribbleDelay": paced}}
    (folder / "mappings" / "stream.json").write_text(json.dumps(said), encoding="utf-8")
    [jar] = WIREMOCK.glob("node_modules/wiremock/build/*.jar")
    if not os.fork():  # it does not say when it listens
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", 4020)):
                print("http://127.0.0.1:4020", flush=True)
                os._exit(0)
            time.sleep(0.05)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.execvp("java", ["java", "-jar", str(jar), "--port", "4020", "--root-dir", str(folder), "--no-request-journal"])


SERVERS = {
    "ours": serve_ours,
    "bare": serve_bare,
    "aiohttp.web": serve_aiohttp,
    "aimock": serve_aimock,
    "WireMock": serve_wiremock,
}
THERE = {"aimock": AIMOCK, "WireMock": WIREMOCK}


# --- the client ---


@dataclass
class Reading(asyncio.Protocol):
    """One client: what came, and when."""

    asked: bytes
    end: bytes
    done: asyncio.Future[None]
    came: list[tuple[float, bytes]] = field(default_factory=list)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        transport.write(self.asked)

    def data_received(self, data: bytes) -> None:
        self.came.append((self.loop.time() - self.began, data))
        if data.endswith(self.end):
            self.transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    @property
    def body(self) -> bytes:
        return b"".join(data for _, data in self.came).partition(b"\r\n\r\n")[2]

    def late(self) -> list[float]:
        """How many milliseconds later than recorded each event came, by its last byte."""
        head = b"".join(data for _, data in self.came).index(b"\r\n\r\n") + 4
        ends = list(accumulate(map(len, FRAMES), initial=head))[1:]
        late, total, nth = [], 0, 0
        for at, data in self.came:
            total += len(data)
            while nth < len(ends) and ends[nth] <= total:
                nth += 1
                late.append((at - GAP * nth) * 1000)
        return late


async def ask(port: int, asked: bytes, end: bytes) -> Reading:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    _, reading = await loop.create_connection(lambda: Reading(asked, end, done), "127.0.0.1", port)
    await asyncio.wait_for(done, 60)
    return reading


# --- what is measured ---


def cpu(process: int) -> float:
    words = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return float(int(words[11]) + int(words[12])) / float(os.sysconf("SC_CLK_TCK"))


def memory(process: int, line: str = "VmHWM") -> float:
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(next(each for each in status.splitlines() if line in each).split()[1]) / 1024


@asynccontextmanager
async def serving(name: str, *more: str) -> AsyncIterator[tuple[int, int]]:
    """Its process and its port."""
    command = [sys.executable, __file__, "--serve", name, *more]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        line = b""
        while b"http://" not in line:
            line = await process.stdout.readline()
        yield process.pid, int(line.rpartition(b":")[2])
    finally:
        process.terminate()
        await process.wait()


async def streams(name: str, count: int) -> str:
    asked, end = (POST, b"[DONE]\n\n") if name == "aimock" else (GET, b"0\r\n\r\n")
    async with serving(name) as (process, port):
        before = cpu(process)
        asking = (ask(port, asked, b"0\r\n\r\n") for _ in range(count))
        came = [each for each in await asyncio.gather(*asking, return_exceptions=True) if isinstance(each, Reading)]
        used, peak = cpu(process) - before, memory(process)
    whole = sum(end in each.body for each in came)
    exact = "-" if name == "aimock" else str(sum(each.body == WHOLE for each in came))
    late = sorted(at for each in came for at in each.late()) if name not in THERE else []
    told = f"{statistics.median(late):6.1f} ms p50, {late[int(len(late) * 0.99)]:7.1f} ms p99" if late else ""
    return f"{name:12} {count:5}: {whole:4} whole, {exact:>4} exact, {used:5.2f} s CPU, {peak:4.0f} MB  {told}"


async def long_use(count: int) -> str:
    """Requests over twenty connections, one after the other on each; what the process holds before and after."""
    async with serving("ours") as (process, port):

        async def some(number: int) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for _ in range(number):
                writer.write(SHORT)
                await reader.readuntil(b"hello")
            writer.close()

        held, used = [], cpu(process)
        for _ in range(4):
            await asyncio.gather(*(some(count // 80) for _ in range(20)))
            held.append(f"{memory(process, 'VmRSS'):.1f}")
        used = cpu(process) - used
    return f"{count} requests: {', '.join(held)} MB after each quarter, {used / count * 1e6:.0f} µs CPU each"


def chunk_ends(tape: Tape) -> list[int]:
    """Where in the body an HTTP chunk ends, whatever arrived together."""
    before = accumulate((len(each.data) for each in tape.chunks), initial=0)
    return [start + end for start, each in zip(before, tape.chunks, strict=False) for end in each.ends or ()]


async def recording() -> str:
    """The first byte and the last, asked directly and through the server while that records; and what is stored."""
    with tempfile.TemporaryDirectory() as folder:
        cassette = Path(folder, "made.yaml")
        async with (
            serving("bare") as (_, direct),
            serving("recording", f"http://127.0.0.1:{direct}", str(cassette)) as (_, through),
        ):
            first: dict[int, list[float]] = {direct: [], through: []}
            last: dict[int, list[float]] = {direct: [], through: []}
            for _ in range(10):
                for port in first:
                    reading = await ask(port, GET, b"0\r\n\r\n")
                    assert reading.body == WHOLE
                    first[port].append(reading.came[0][0] * 1000)
                    last[port].append(reading.came[-1][0] * 1000)
        kept = loads(await asyncio.to_thread(cassette.read_bytes), "made.yaml").interactions
    wanted = list(accumulate(map(len, EVENTS)))
    same = all(each.response.body == b"".join(EVENTS) and chunk_ends(each.response) == wanted for each in kept)
    later = statistics.median(first[through]) - statistics.median(first[direct])
    end = statistics.median(last[through]) - statistics.median(last[direct])
    return (
        f"recording: first byte {later:.1f} ms later than direct, last byte {end:.1f} ms; "
        f"{len(kept)} recorded, chunks and their ends as sent: {same}"
    )


def idle(count: int) -> str:
    """The command with so many cassettes of a stream each, and one request: start, memory, CPU while nobody asks."""
    chunks = tuple(Chunk(GAP * nth, each, (len(each),)) for nth, each in enumerate(EVENTS, 1))
    tape = Tape(Head(200, "OK", FIELDS), chunks, Ending(at=GAP * 100))
    told = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            asked = Interaction(Request("GET", f"https://api.example/{number}"), tape)
            path = Path(folder, f"{number}.yaml")
            path.write_bytes(dumps(Cassette((asked,), str(path))))
        for watch in ([], ["--watch"]):
            command = [sys.executable, "-m", "fakegpt_testkit", "serve", folder, "--port", "0", *watch]
            began = time.monotonic()
            with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
                assert process.stdout is not None
                process.stdout.readline()
                started, used = time.monotonic() - began, cpu(process.pid)
                time.sleep(10)
                spent = (cpu(process.pid) - used) * 6
                held = memory(process.pid, "VmRSS")
                process.terminate()
            what = " ".join(["idle", *watch, f"{count} cassettes: listens after"])
            told.append(f"{what} {started:.2f} s, {held:.0f} MB, {spent:.2f} s CPU a minute")
    return "\n".join(told)


def main(words: Sequence[str]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    numbers = [int(each) for each in words if each.isdigit()]
    if not words or words[0] == "streams":
        for count in numbers or [1, 200, 1000]:
            for name in SERVERS:
                if name not in THERE or THERE[name].exists():
                    print(asyncio.run(streams(name, count)), flush=True)
    if not words or words[0] == "requests":
        print(asyncio.run(long_use(*(numbers or [20000]))), flush=True)
    if not words or words[0] == "idle":
        for count in numbers or [1, 100]:
            print(idle(count), flush=True)
    if not words or words[0] == "recording":
        print(asyncio.run(recording()), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        {**SERVERS, "recording": serve_recording}[sys.argv[2]]()
    else:
        main(sys.argv[1:])
