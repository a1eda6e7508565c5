"""Opens a port for a server: in this event loop, in a thread with its own, or until a signal.

Knows no request: what is answered is the server's business.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from fakegpt_testkit import guard
from fakegpt_testkit.errors import FakeGptTestkitError
from fakegpt_testkit.serving.connection import Answerer, make
from fakegpt_testkit.serving.threads import loop_in_a_thread

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Iterator

    from fakegpt_testkit.serving.server import Server

_BACKLOG: Final = 1024
_LOOK: Final = 0.5
"""Seconds between two looks at whether cassettes have changed."""
_EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - what is listened on is the caller's choice


class Serves(Answerer, Protocol):
    """Answers, and can be told to end."""

    def close(self) -> None:
        """Keep what is to be kept: all connections have ended."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where a server listens. Port 0 is a free one; with ``tls`` it is encrypted."""

    host: str = "127.0.0.1"
    port: int = 0
    tls: ssl.SSLContext | None = None


@asynccontextmanager
async def serve(server: Serves, door: Door | None = None) -> AsyncIterator[str]:
    """Serve in the running event loop until the block ends; gives the base URL. ``OSError`` for a port in use."""
    door = door or Door()
    loop = asyncio.get_running_loop()
    with guard.services(ours=True):
        listener = await loop.create_server(make(server), door.host, door.port, ssl=door.tls, backlog=_BACKLOG)
    try:
        port = listener.sockets[0].getsockname()[1]
        host = "localhost" if door.host in _EVERYWHERE else door.host
        yield f"{'https' if door.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        listener.close()
        for each in tuple(server.connections):
            each.transport.abort()
        server.close()
        await asyncio.sleep(0)  # the connections hear that they have ended before the loop does


@contextmanager
def serving(server: Serves, door: Door | None = None) -> Iterator[str]:
    """Serve in a thread until the block ends; gives the base URL."""
    with loop_in_a_thread("fakegpt-serve") as call:
        context = serve(server, door)
        url = call(context.__aenter__())
        try:
            yield url
        finally:
            call(context.__aexit__(None, None, None))


def run(server: Serves, door: Door, ready: Callable[[str], None], watch: Server | None = None) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` is called once with the URL. ``watch`` reads changed cassettes anew."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):  # Windows: there KeyboardInterrupt ends it
                loop.add_signal_handler(number, stop.set)
        async with serve(server, door) as url:
            ready(url)
            watching = asyncio.create_task(_watch(watch)) if watch else None
            await stop.wait()
            if watching is not None:
                watching.cancel()

    with suppress(KeyboardInterrupt):
        asyncio.run(main())


async def _watch(server: Server) -> None:
    while True:
        await asyncio.sleep(_LOOK)
        with suppress(FakeGptTestkitError, OSError):  # a folder that is gone, or not to be read, for the moment
            if server.library.has_changed():
                look_again(server)


def look_again(server: Server) -> None:
    """Read the cassettes anew, and say so; those that cannot be read leave the server as it was."""
    try:
        server.reload()
    except (FakeGptTestkitError, OSError) as problem:
        server.library.give_up()
        server.say(f"not reloaded, and served as before: {problem}")
        return
    server.say(f"reloaded: {server.library.shelf.told}")
