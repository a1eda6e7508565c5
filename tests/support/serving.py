"""Serves cassettes for a test, and asks over a bare socket."""

from __future__ import annotations

import gzip
import socket
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from fakegpt_testkit.cassette import Cassette, dumps
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Interaction, Request, Tape
from fakegpt_testkit.maintenance import catalog
from fakegpt_testkit.recorder import Settings
from fakegpt_testkit.serving import MATCH_ON, Access, Door, Library, Limits, Server, Terms, Timing, serving
from support.servers import CLOSE, HOLD, RESET, Answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

CHUNKED = (("Content-Type", "text/event-stream"), ("transfer-ENCODING", "chunked"))
EVENTS = (b"data: one\n\n", b"data: two\n\n", b"data: three\n\n")
STREAM = tuple(Chunk(0.01 * nth, each, (len(each),)) for nth, each in enumerate(EVENTS, 1))
AT_ONCE = Timing(factor=0.0)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\ntransfer-ENCODING: chunked\r\n\r\n"
FRAMED = b"b\r\ndata: one\n\n\r\nb\r\ndata: two\n\n\r\nd\r\ndata: three\n\n\r\n"
WHOLE = HEAD + FRAMED + b"0\r\n\r\n"

LIVE_STEPS = (HEAD, FRAMED[:16], 0.02, FRAMED[16:32], 0.02, FRAMED[32:])
ZIPPED = gzip.compress(b"".join(EVENTS))
LIVE: dict[str, Answer] = {
    "/whole": (*LIVE_STEPS, b"0\r\n\r\n", CLOSE),
    "/reset": (*LIVE_STEPS, RESET),
    "/early": (*LIVE_STEPS, CLOSE),
    "/malformed": (*LIVE_STEPS, b"this is no chunk size\r\n", CLOSE),
    "/nothing": (CLOSE,),
    "/gzip": (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(ZIPPED), ZIPPED, CLOSE),
    "/json": (b'HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nContent-Length: 8\r\n\r\n{"a": 1}', CLOSE),
    "/until-close": (b"HTTP/1.1 200 OK\r\nX-Y: z\r\n\r\n", 0.02, b"some", CLOSE),
    "/not-http": (b"this is no status line\r\n\r\n", CLOSE),
    "/hints": (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",),
    "/hold": (HEAD, FRAMED[:16], HOLD),
}
"""What a live service says, by path: each ending that there is."""


def recorded(
    method: str = "GET",
    path: str = "/events",
    *,
    ending: Ending | None = None,
    chunks: tuple[Chunk, ...] = STREAM,
    headers: tuple[tuple[str, str], ...] = CHUNKED,
    body: bytes = b"",
    host: str = "https://api.example",
    **head: Any,
) -> Interaction:
    """An exchange of some host: three events in three HTTP chunks, unless told otherwise."""
    at = chunks[-1].at if chunks else 0.0
    made = Head(head.pop("status", 200), head.pop("reason", "OK"), headers, at=0.001, **head)
    return Interaction(
        Request(method, host + path, (), body), Tape(made, chunks, ending or Ending(EndingKind.COMPLETE, at))
    )


def write(folder: Path, name: str, *interactions: Interaction) -> Path:
    """A cassette in a file."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dumps(Cassette(interactions, str(path))))
    return path


def server_of(*paths: Path, terms: Terms | None = None, **more: Any) -> Server:
    """A server of these files and folders; ``said`` takes what it says."""
    library = Library(lambda: catalog.found(paths))
    library.load()
    terms = terms or Terms(Settings(match_on=MATCH_ON), AT_ONCE, steady=True)
    said = more.pop("said", [])
    return Server(library, terms, more.pop("access", Access()), more.pop("limits", Limits()), said.append, **more)


@contextmanager
def served(*paths: Path, door: Door | None = None, **more: Any) -> Iterator[str]:
    """The base URL of a server of these files and folders."""
    with serving(server_of(*paths, **more), door) as url:
        yield url


def request(path: str = "/events", method: str = "GET", *fields: str, body: bytes = b"", version: str = "1.1") -> bytes:
    """A request's bytes; it names its host and its body's length."""
    sized = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: localhost", *fields, *sized, "", ""]).encode() + body


class Line:
    """A connection to a server, in bytes."""

    def __init__(self, url: str, *, timeout: float = 20) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self.socket = socket.create_connection((parts.hostname, parts.port or 80), timeout=timeout)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def until(self, end: bytes) -> bytes:
        """What comes, up to these bytes. An ``EOFError`` where the server says no more before."""
        got = b""
        while not got.endswith(end):
            piece = self.socket.recv(1)
            if not piece:
                raise EOFError(got)
            got += piece
        return got

    def rest(self) -> tuple[bytes, str]:
        """What comes, and how that ends: ``closed`` or ``reset``."""
        got = bytearray()
        while True:
            try:
                piece = self.socket.recv(65536)
            except ConnectionResetError:
                return bytes(got), "reset"
            if not piece:
                return bytes(got), "closed"
            got += piece

    def leave(self, *, reset: bool = False) -> None:
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def ask(url: str, data: bytes) -> tuple[bytes, str]:
    """What a server answers to these bytes until the connection ends, and how it ends."""
    with Line(url) as line:
        line.send(data)
        return line.rest()
