"""Serves the stand-in on a port: in this event loop, in a thread with its own, or until a signal.

Knows no protocol: what is answered is the service's business, and how one listens is the server's.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fakegpt_testkit import serving as servers
from fakegpt_testkit.fakegpt.stand_in.options import Options
from fakegpt_testkit.fakegpt.stand_in.service import StandIn, server_name
from fakegpt_testkit.serving import Door

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from fakegpt_testkit.exchange import Request

_HERE = frozenset({"127.0.0.1", "localhost"})


@dataclass(frozen=True, slots=True)
class Service:
    """A running stand-in."""

    url: str
    _stand_in: StandIn

    @property
    def options(self) -> Options:
        """What it was told to do."""
        return self._stand_in.options

    @property
    def name(self) -> str:
        """What it says of itself in each response's ``Server`` field."""
        return server_name(self.options)

    @property
    def requests(self) -> tuple[Request, ...]:
        """What it was asked, in order; the last thousand, and at most 16 MiB of them."""
        return tuple(each.request for each in self._stand_in.journal.entries)

    @property
    def streams(self) -> int:
        """How many answers it is sending now: back to 0 when clients got theirs or left."""
        return sum(each.is_answering for each in self._stand_in.connections)


@asynccontextmanager
async def serve(options: Options | None = None, *, host: str = "localhost", port: int = 0) -> AsyncIterator[Service]:
    """Serve in this event loop; port 0 takes a free one. Open streams end when the block does."""
    stand_in = StandIn(options or Options())
    async with servers.serve(stand_in, _door(host, port)) as url:
        yield Service(_named(url, host), stand_in)


@contextmanager
def serve_in_thread(options: Options | None = None, *, host: str = "localhost", port: int = 0) -> Iterator[Service]:
    """Serve in a thread with its own event loop, for synchronous code and for tests that bring their own loops."""
    stand_in = StandIn(options or Options())
    with servers.serving(stand_in, _door(host, port)) as url:
        yield Service(_named(url, host), stand_in)


def run(
    options: Options | None = None,
    *,
    host: str = "localhost",
    port: int = 8000,
    ready: Callable[[Service], None] = lambda _: None,
) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` is called once when the service can be asked."""
    stand_in = StandIn(options or Options())
    servers.run(stand_in, _door(host, port), lambda url: ready(Service(_named(url, host), stand_in)))


def _door(host: str, port: int) -> Door:
    """``localhost`` with port 0 would get one port for each address family; the URL can name only one."""
    return Door("127.0.0.1" if host in _HERE else host, port)


def _named(url: str, host: str) -> str:
    return url.replace("//127.0.0.1:", "//localhost:") if host in _HERE else url
