"""Servers that do as they are told, byte by byte, and a proxy: on loopback, in the test's own event loop."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator


class Act(Enum):
    RESET = "reset"
    CLOSE = "close"
    HOLD = "hold the connection open until the client leaves"


RESET, CLOSE, HOLD = Act.RESET, Act.CLOSE, Act.HOLD


@dataclass(frozen=True, slots=True)
class Turns:
    """Rounds of the loop to let pass: what a client in the same loop does by then doesn't depend on the machine."""

    number: int


Step = bytes | float | Turns | Act
"""Bytes to send, seconds to wait, rounds of the loop to let pass, or what to do with the connection."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived, its body with the transfer coding taken off."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


Answer = Sequence[Step]
Answers = Mapping[str, Answer | Callable[[Asked], Answer]]
"""What to answer, by the path asked for; a path that is not there gets a 404."""

NOT_FOUND: Answer = (b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone",)


@dataclass(slots=True)
class Server:
    """A running server, and what it has seen."""

    url: str
    requests: list[Asked] = field(default_factory=list)
    connections: int = 0
    _open: set[asyncio.Task[None]] = field(default_factory=set)


@asynccontextmanager
async def serve(
    answers: Answers, *, tls: ssl.SSLContext | None = None, path: str | None = None
) -> AsyncIterator[Server]:
    """Serve these answers on a free port, or on a unix socket at ``path``."""
    server = Server("http://unix.example")

    async def serve_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        await _converse(server, answers, reader, writer)

    async with _listening(serve_client, server, tls=tls, path=path):
        yield server


async def _converse(
    server: Server, answers: Answers, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while (asked := await _read_request(reader, writer)) is not None:
        server.requests.append(asked)
        answer = answers.get(asked.target.partition("?")[0], NOT_FOUND)
        for step in answer(asked) if callable(answer) else answer:
            match step:
                case bytes():
                    writer.write(step)
                    await writer.drain()
                case float():
                    await asyncio.sleep(step)
                case Turns():
                    for _ in range(step.number):
                        await asyncio.sleep(0)
                case Act.HOLD:
                    await reader.read()
                case Act.CLOSE:
                    return
                case Act.RESET:
                    linger_not = struct.pack("ii", 1, 0)
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not)
                    writer.transport.abort()
                    return


async def _read_head(reader: asyncio.StreamReader) -> tuple[list[str], tuple[tuple[str, str], ...]] | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("utf-8", "surrogateescape").removesuffix("\r\n\r\n").split("\r\n")
    fields = [line.partition(":") for line in lines]
    return first.split(" "), tuple((name, value.strip()) for name, _, value in fields)


async def _read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Asked | None:
    if (head := await _read_head(reader)) is None:
        return None
    (method, target, _), headers = head
    asked = Asked(method, target, headers, b"")
    if asked.header("Expect") == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = b""
    if length := asked.header("Content-Length"):
        body = await reader.readexactly(int(length))
    elif asked.header("Transfer-Encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    return Asked(method, target, headers, body)


@asynccontextmanager
async def proxy() -> AsyncIterator[Server]:
    """An HTTP proxy: takes absolute targets, and CONNECT."""
    server = Server("")

    async def serve_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        if (head := await _read_head(reader)) is None:
            return
        (method, target, version), headers = head
        server.requests.append(Asked(method, target, headers, b""))
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            there = urlsplit(target)
            far_reader, far_writer = await asyncio.open_connection(there.hostname, there.port)
            lines = [f"{method} {there.path or '/'} {version}", *(f"{name}: {value}" for name, value in headers)]
            far_writer.write("\r\n".join([*lines, "", ""]).encode())
        try:
            await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer))
        finally:
            far_writer.close()
            with suppress(OSError):
                await far_writer.wait_closed()

    async with _listening(serve_client, server):
        yield server


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def _listening(
    serve_client: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    server: Server,
    *,
    tls: ssl.SSLContext | None = None,
    path: str | None = None,
) -> AsyncIterator[None]:
    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        server._open.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                await serve_client(reader, writer)
        finally:
            server._open.discard(task)
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    if path is not None:
        listener = await asyncio.start_unix_server(run, path)
    else:
        listener = await asyncio.start_server(run, "127.0.0.1", 0, ssl=tls)
        port = listener.sockets[0].getsockname()[1]
        server.url = f"{'https' if tls else 'http'}://localhost:{port}"
    try:
        yield
    finally:
        listener.close()
        for task in tuple(server._open):
            task.cancel()
        await asyncio.gather(*server._open, return_exceptions=True)
        await listener.wait_closed()
