"""Serves the stand-in on a port: in this event loop, in a thread with its own, or until a signal; and as a scenario.

Knows no protocol: what is answered is the service's business, and how one listens is the server's.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fakegpt_testkit import serving as servers
from fakegpt_testkit.fakegpt.stand_in.options import Options
from fakegpt_testkit.fakegpt.stand_in.service import FakeGptStandIn, server_name
from fakegpt_testkit.fakegpt.stand_in.wanting import read_options
from fakegpt_testkit.serving import Access, Door, Library, Limits, Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from fakegpt_testkit.exchange import Request

_HERE = frozenset({"127.0.0.1", "localhost"})
_MOST_BODY = 4 * 2**20
LIMITS = Limits(body=_MOST_BODY, noted=_MOST_BODY)
"""A server's, except for a question's size: tests look at all that was asked."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running stand-in."""

    url: str
    options: Options
    """What it was told to do."""
    _server: Server

    @property
    def name(self) -> str:
        """What it says of itself in each response's ``Server`` field."""
        return server_name(self.options)

    @property
    def requests(self) -> tuple[Request, ...]:
        """What it was asked, in order; the last thousand, and at most 16 MiB of them."""
        return tuple(each.request for each in self._server.world.journal.entries)

    @property
    def streams(self) -> int:
        """How many answers it is sending now: back to 0 when clients got theirs or left."""
        return sum(each.is_answering for each in self._server.connections)


def stand_in(options: Options, limits: Limits = LIMITS, hosts: Sequence[str] = ()) -> Server:
    """A server of which all answers are the stand-in's; ``hosts`` are names that it is asked under beside its own."""
    return Server(
        Library(lambda: ()), access=Access(tuple(hosts)), limits=limits, casting=lambda: FakeGptStandIn(options)
    )


def scenario(said: object) -> Callable[[], FakeGptStandIn]:
    """What makes the stand-in of a server's scenario, from the options that somebody wrote. Raises ``BadSetting``."""
    options = read_options(said)
    return lambda: FakeGptStandIn(options)


@asynccontextmanager
async def serve(options: Options | None = None, *, host: str = "localhost", port: int = 0) -> AsyncIterator[Service]:
    """Serve in this event loop; port 0 takes a free one. Open streams end when the block does."""
    server = stand_in(options := options or Options())
    async with servers.serve(server, _door(host, port)) as url:
        yield Service(_named(url, host), options, server)


@contextmanager
def serve_in_thread(options: Options | None = None, *, host: str = "localhost", port: int = 0) -> Iterator[Service]:
    """Serve in a thread with its own event loop, for synchronous code and for tests that bring their own loops."""
    server = stand_in(options := options or Options())
    with servers.serving(server, _door(host, port)) as url:
        yield Service(_named(url, host), options, server)


def run(
    options: Options | None = None,
    *,
    host: str = "localhost",
    port: int = 8000,
    ready: Callable[[Service], None] = lambda _: None,
    allow_hosts: Sequence[str] = (),
) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` is called once when the service can be asked.

    ``allow_hosts`` are names that it answers to beside this machine's own.
    """
    server = stand_in(options := options or Options(), hosts=allow_hosts)
    servers.run(server, _door(host, port), lambda url: ready(Service(_named(url, host), options, server)))


def _door(host: str, port: int) -> Door:
    """``localhost`` with port 0 would get one port for each address family; the URL can name only one."""
    return Door("127.0.0.1" if host in _HERE else host, port)


def _named(url: str, host: str) -> str:
    return url.replace("//127.0.0.1:", "//localhost:") if host in _HERE else url
