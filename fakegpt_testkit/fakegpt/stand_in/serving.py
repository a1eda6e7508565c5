"""Serves the stand-in on a port: in this event loop, in a thread with its own, or until a signal.

Knows no protocol: what is answered is the service's business.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from fakegpt_testkit import guard
from fakegpt_testkit.fakegpt.stand_in.options import Options
from fakegpt_testkit.fakegpt.stand_in.service import STATE, State, make_app, server_name
from fakegpt_testkit.serving.threads import loop_in_a_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from fakegpt_testkit.exchange import Request


@dataclass(frozen=True, slots=True)
class Service:
    """A running stand-in."""

    url: str
    _state: State

    @property
    def options(self) -> Options:
        """What it was told to do."""
        return self._state.options

    @property
    def name(self) -> str:
        """What it says of itself in each response's ``Server`` field."""
        return server_name(self._state.options)

    @property
    def requests(self) -> tuple[Request, ...]:
        """What it was asked, in order; the last thousand."""
        return tuple(self._state.requests)

    @property
    def streams(self) -> int:
        """How many answers it is sending now: back to 0 when clients got theirs or left."""
        return len(self._state.streams)


@asynccontextmanager
async def serve(options: Options | None = None, *, host: str = "localhost", port: int = 0) -> AsyncIterator[Service]:
    """Serve in this event loop; port 0 takes a free one. Open streams end when the block does."""
    app = make_app(options or Options())
    # A handler that waits without writing hears of a client that left only by being cancelled.
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1, access_log=None)
    try:
        await runner.setup()
        # `localhost` with port 0 would get one port for each address family; the URL can name only one.
        with guard.services(ours=True):
            await web.TCPSite(runner, "127.0.0.1" if host == "localhost" else host, port).start()
        named = "localhost" if host in ("127.0.0.1", "0.0.0.0") else host  # noqa: S104  # compared, not bound
        yield Service(f"http://{named}:{runner.addresses[0][1]}", app[STATE])
    finally:
        await runner.cleanup()


@contextmanager
def serve_in_thread(options: Options | None = None, *, host: str = "localhost", port: int = 0) -> Iterator[Service]:
    """Serve in a thread with its own event loop, for synchronous code and for tests that bring their own loops."""
    with loop_in_a_thread("fakegpt-upstream") as call:
        serving = serve(options, host=host, port=port)
        service = call(serving.__aenter__())
        try:
            yield service
        finally:
            call(serving.__aexit__(None, None, None))


def run(
    options: Options | None = None,
    *,
    host: str = "localhost",
    port: int = 8000,
    ready: Callable[[Service], None] = lambda _: None,
) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` is called once when the service can be asked."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):  # Windows: there KeyboardInterrupt ends it
                loop.add_signal_handler(number, stop.set)
        async with serve(options, host=host, port=port) as service:
            ready(service)
            await stop.wait()

    with suppress(KeyboardInterrupt):
        asyncio.run(main())
