"""A server that sends exact bytes, from threads, for clients of every kind: blocking, asyncio and trio.

Two sends never arrive together: before it goes on, the server sees that the client has taken what was sent.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from support.servers import CLOSE, HOLD, NOT_FOUND, RESET, Answer, Answers, Asked

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from contextlib import AbstractAsyncContextManager

T = TypeVar("T")
DESCRIPTORS = Path("/proc/self/fd")
PATIENCE = 2.0
"""Seconds after which the server sends on to a client that does not read."""


@dataclass(slots=True)
class RawServer:
    """A running server, and what it has seen."""

    port: int
    scheme: str = "http"
    requests: list[Asked] = field(default_factory=list)
    connections: int = 0
    _open: set[socket.socket] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}"

    @property
    def seen(self) -> tuple[int, int]:
        """How many connections and requests came until now."""
        return self.connections, len(self.requests)


@contextmanager
def raw_server(
    answers: Answers, *, tls: ssl.SSLContext | None = None, path: str | None = None, port: int = 0
) -> Iterator[RawServer]:
    """Serve these answers, by path, on a free port of loopback, on this one, or on a unix socket at ``path``."""
    if path is None:
        listener = socket.create_server(("127.0.0.1", port), backlog=64)
        server = RawServer(listener.getsockname()[1], "https" if tls else "http")
    else:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(64)
        server = RawServer(0)
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                taken, _ = listener.accept()
            except OSError:
                return
            server.connections += 1
            server._open.add(taken)
            threads.append(threading.Thread(target=_converse, args=(server, answers, taken, tls), daemon=True))
            threads[-1].start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield server
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(2)
        for each in tuple(server._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(2)


def _converse(server: RawServer, answers: Answers, plain: socket.socket, tls: ssl.SSLContext | None) -> None:
    try:
        with suppress(OSError), closing(tls.wrap_socket(plain, server_side=True) if tls else plain) as taken:
            while (asked := read_request(taken)) is not None:
                server.requests.append(asked)
                answer = answers.get(asked.target.partition("?")[0], NOT_FOUND)
                if not _answer(taken, answer(asked) if callable(answer) else answer):
                    return
    finally:
        server._open.discard(plain)


def _answer(taken: socket.socket, steps: Answer) -> bool:
    """Do these steps; whether the connection goes on."""
    for step in steps:
        if isinstance(step, bytes):
            taken.sendall(step)
            wait_until_read(taken)
        elif isinstance(step, float):
            time.sleep(step)
        elif step is HOLD:
            while taken.recv(4096):
                pass
            return False
        elif step is CLOSE:
            return False
        elif step is RESET:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
    return True


def wait_until_read(taken: socket.socket) -> None:
    """Wait until the other end, a socket of this process, was read empty: what is sent then is another arrival."""
    if taken.family != socket.AF_INET or not DESCRIPTORS.exists():
        time.sleep(0.02)
        return
    peer, until = taken.getpeername(), time.monotonic() + PATIENCE
    while _unread(peer) and time.monotonic() < until:
        time.sleep(0.0005)
    time.sleep(0.001)  # the client asks again


def _unread(address: object) -> int:
    """How many bytes wait in this process's socket of this address; none when there is no such socket any more."""
    for entry in DESCRIPTORS.iterdir():
        with suppress(OSError):
            probe = socket.socket(fileno=int(entry.name))
            try:
                if probe.getsockname() == address:
                    waiting: int = struct.unpack("i", fcntl.ioctl(probe, termios.FIONREAD, b"\0" * 4))[0]
                    return waiting
            finally:
                probe.detach()
    return 0


def read_request(taken: socket.socket) -> Asked | None:
    """One request; None when the client has gone."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        data = taken.recv(65536)
        if not data:
            return None
        raw += data
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    fields = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    method, target, _ = first.split(" ")
    asked = Asked(method, target, fields, b"")
    if asked.header("Expect") == "100-continue":
        taken.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if length := asked.header("Content-Length"):
        while len(body) < int(length):
            body += taken.recv(65536) or body[:0] + b"\0" * int(length)
    elif (asked.header("Transfer-Encoding") or "").lower() == "chunked":
        body = _join_chunks(taken, body)
    return Asked(method, target, fields, body)


def _join_chunks(taken: socket.socket, raw: bytes) -> bytes:
    body = b""
    while True:
        while b"\r\n" not in raw:
            raw += taken.recv(65536)
        size, _, raw = raw.partition(b"\r\n")
        wanted = int(size, 16) + 2
        while len(raw) < wanted:
            raw += taken.recv(65536)
        body, raw = body + raw[: wanted - 2], raw[wanted:]
        if wanted == 2:
            return body


@contextmanager
def in_thread(entered: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """What an asynchronous context manager gives, held by a loop in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        held = asyncio.run_coroutine_threadsafe(entered.__aenter__(), loop).result(5)
        try:
            yield held
        finally:
            asyncio.run_coroutine_threadsafe(entered.__aexit__(None, None, None), loop).result(5)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
