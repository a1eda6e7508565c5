"""The service that every tool records from: a stream in odd cuts, one that waits, two that break, one without an end.

Written on bare sockets, so that each byte goes out when this file says so; knows no tool and nothing of this project.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECES = (
    b"data: one\n\nda",
    b"ta: tw",
    b"o\n\n",
    b"data: three\n\ndata: four\n\n",
    b"data: fi",
    b"ve\n\ndata: [DONE]\n\n",
)
"""The stream, as it is cut. No cut but one is between two events."""

GAP = 0.05
"""Seconds between two pieces."""

PATIENCE = 1.5
"""Seconds for which a stream is held after its first piece, until its reader says that it has it."""

TOKEN = "token-in-the-answer-7f3a9c"
COOKIE = "cookie-in-the-answer-51d2e8"


@dataclass(slots=True)
class Service:
    """``asked`` counts requests; ``seen`` is the file that a reader makes at its first piece, ``held`` if it came."""

    url: str = ""
    asked: int = 0
    seen: Path = Path()
    held: list[bool] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lines = head.split("\r\n")
                sizes = [line.partition(":")[2] for line in lines if line.lower().startswith("content-length:")]
                await reader.readexactly(int(sizes[0]) if sizes else 0)
                self.asked += 1
                target = lines[0].split()[1]
                path = "/" + target.split("://", 1)[-1].split("/", 1)[1]  # a proxy's request names the host too
                if not await self._send(path, writer):
                    break
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _send(self, path: str, writer: asyncio.StreamWriter) -> bool:
        if path == "/session":
            body = json.dumps({"user": "ann", "accessToken": TOKEN}).encode()
            head = (
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nSet-Cookie: session={COOKIE}; Path=/"
            )
            writer.write(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + body)
            return True
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        if path == "/endless":
            number = 0
            while True:
                number += 1
                await _chunk(writer, b"data: %d\n\n" % number)
        for number, piece in enumerate(PIECES):
            await _chunk(writer, piece)
            if path == "/held" and number == 0:
                self.held.append(await asyncio.to_thread(_appears, self.seen))
            if path in ("/reset", "/closed") and number == 2:
                if path == "/reset":
                    _reset(writer)
                return False
        writer.write(b"0\r\n\r\n")
        return True


async def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))
    await writer.drain()
    await asyncio.sleep(GAP)


def _appears(path: Path) -> bool:
    end = time.monotonic() + PATIENCE
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.01)
    return path.exists()


def _reset(writer: asyncio.StreamWriter) -> None:
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


@contextmanager
def serving() -> Iterator[Service]:
    """A service in a thread of its own."""
    service = Service()
    ready = threading.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        server = await asyncio.start_server(service.answer, "127.0.0.1", 0)
        service.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await server.serve_forever()

    def run() -> None:
        asyncio.set_event_loop(loop)
        serving = loop.create_task(serve())
        loop.run_forever()
        left = {serving, *asyncio.all_tasks(loop)}
        for each in left:
            each.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(10)
    try:
        yield service
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
