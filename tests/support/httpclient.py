"""Ways of asking by ``http.client`` and what stands on it, and what a program sees live, recorded and replayed."""

from __future__ import annotations

import http.client
import socket
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import requests
import requests.adapters
import urllib3

from fakegpt_testkit.recorder import use_cassette
from support.behaviours import STREAM, echo
from support.raw import raw_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.raw import RawServer
    from support.servers import Answer, Asked


def in_turn(*answers: Answer) -> Callable[[Asked], Answer]:
    """Each asking's own answer; the last one again."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def streaming_and_echoing() -> Iterator[RawServer]:
    moved = b"HTTP/1.1 302 Found\r\nLocation: /echo\r\nSet-Cookie: seen=1\r\nContent-Length: 0\r\n\r\n"
    with raw_server({"/stream": STREAM, "/echo": echo, "/moved": (moved,)}) as running:
        yield running


def view(program: Callable[[], object], server: RawServer, file: Path) -> tuple[object, object, object]:
    """What the program saw live, recorded and replayed. The replay asks the server nothing."""
    live = program()
    with use_cassette(file, record_mode="all"):
        recorded = program()
    asked = server.seen
    with use_cassette(file) as session:
        replayed = program()
    assert server.seen == asked
    assert not session.unplayed
    return live, recorded, replayed


def same(program: Callable[[], object], server: RawServer, file: Path) -> Any:
    """What the program saw each time, which must be one thing."""
    live, recorded, replayed = view(program, server, file)
    assert recorded == live
    assert replayed == recorded
    return replayed


@contextmanager
def session(server: RawServer) -> Iterator[Callable[[], object]]:
    with requests.Session() as asking:
        yield lambda: asking.post(f"{server.url}/stream", data=b"hello").content


@contextmanager
def pool(server: RawServer) -> Iterator[Callable[[], object]]:
    with urllib3.PoolManager() as asking:
        yield lambda: asking.request("POST", f"{server.url}/stream", body=b"hello").data


@contextmanager
def connection(server: RawServer) -> Iterator[Callable[[], object]]:
    with closing(http.client.HTTPConnection("localhost", server.port)) as asking:

        def ask() -> object:
            asking.request("POST", "/stream", b"hello")
            return asking.getresponse().read()

        yield ask


class UnixConnection(http.client.HTTPConnection):
    """A connection to a socket file, as the clients of container services make them."""

    path = ""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)
