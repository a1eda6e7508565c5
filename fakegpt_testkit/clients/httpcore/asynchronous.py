"""httpcore's awaited half: pools to nowhere, the streams that they read, and the ear on a live one.

The twin of ``synchronous``, on asyncio, anyio and trio. Knows no cassette.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from fakegpt_testkit.clients.active import find_deck
from fakegpt_testkit.clients.httpcore.exchanges import (
    KEY,
    LONGEST_SLEEP,
    READ_SIZE,
    Asked,
    GoLive,
    Played,
    as_recorded,
    ask,
    asking,
    goes_live,
    lose,
    lose_writing,
    peer_of,
    shadow_options,
    uri_of,
    with_exchange,
)
from fakegpt_testkit.clients.httpcore.failures import (
    broken_pipe,
    closed_by_client,
    failed_connection,
    lost_connection,
    of_connecting,
    timed_out_awaited,
    why_failed,
)
from fakegpt_testkit.clients.httpcore.sleeping import is_asyncio, read_within, sleep
from fakegpt_testkit.clients.httpcore.unclosed import Unclosed

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from fakegpt_testkit.wire.arrivals import Arrivals
    from fakegpt_testkit.wire.capture import Capture


def bind(core: ModuleType) -> list[tuple[type, str, Callable[[Any], Any]]]:
    """What is replaced."""
    shadows: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
    """For each live pool one of connections to nowhere."""
    return [
        (core.AsyncConnectionPool, "handle_async_request", partial(replace_pool, core, shadows)),
        (core.AsyncConnectionPool, "aclose", partial(replace_close, shadows)),
        (core.AsyncHTTP11Connection, "_send_request_headers", partial(replace_sending, core)),
    ]


def replace_pool(core: ModuleType, shadows: WeakKeyDictionary[Any, Any], original: Any) -> Any:
    """Where a request meets the deck."""

    async def handle_async_request(pool: Any, request: Any) -> Any:
        deck = None if KEY in request.extensions else find_deck(uri_of(request))
        if deck is None:
            return await original(pool, request)
        asked = ask(deck, request)
        if goes_live(asked, request):
            return await go_live(pool, with_exchange(core, request, asked), asked)
        body = b"".join([part async for part in request.stream]) if deck.records else None
        played = Played(asked, peer_of(request))
        if pool not in shadows:
            shadows[pool] = core.AsyncConnectionPool(
                **shadow_options(pool), network_backend=Backend(core, pool._network_backend)
            )
        token = asking.set(played)
        try:
            return as_recorded(
                await shadows[pool].handle_async_request(with_exchange(core, request, played, body)), played
            )
        except GoLive:
            pass  # outside of this block: it is no context of what the live service may raise
        finally:
            asking.reset(token)
        return await go_live(pool, with_exchange(core, request, asked, body), asked)

    async def go_live(pool: Any, request: Any, asked: Asked) -> Any:
        try:
            return await original(pool, request)
        except of_connecting(core) as failure:
            asked.unreachable(why_failed(core, failure), failure)
            raise

    return handle_async_request


def replace_close(shadows: WeakKeyDictionary[Any, Any], original: Any) -> Any:
    """Where a client lets go of all its connections."""

    async def aclose(pool: Any) -> None:
        if (shadow := shadows.pop(pool, None)) is not None:
            await shadow.aclose()
        await original(pool)

    return aclose


def replace_sending(core: ModuleType, original: Any) -> Any:
    """Where a request meets the connection that it got: not before, since another may have been quicker to get it."""

    async def send_request_headers(connection: Any, request: Any) -> None:
        exchange = request.extensions.get(KEY)
        if isinstance(exchange, Played):
            connection._network_stream.exchange = exchange
        elif isinstance(exchange, Asked) and request.method != b"CONNECT":
            listen(core, connection, exchange)
        await original(connection, request)

    return send_request_headers


def listen(core: ModuleType, connection: Any, asked: Asked) -> None:
    """Put an ear on a connection's stream for one exchange, however long ago it was opened."""
    live = connection._network_stream
    capture = asked.capture()
    ear = connection._network_stream = Ear(core, live, capture)

    def step_aside() -> None:
        if connection._network_stream is ear:
            connection._network_stream = live

    capture.whenever_over = step_aside


class Ear:
    """A live stream, heard."""

    def __init__(self, core: ModuleType, live: Any, capture: Capture) -> None:
        self._core = core
        self._live = live
        self._capture = capture

    def __getattr__(self, name: str) -> Any:
        return getattr(self._live, name)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's own
        self._capture.written(bytes(buffer))
        try:
            await self._live.write(buffer, timeout)
        except BaseException as failure:
            lose_writing(self._core, self._capture, failure)
            raise

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's own
        try:
            data: bytes = await self._live.read(max_bytes, timeout)
        except BaseException as failure:
            lose(self._core, self._capture, failure)
            raise
        self._capture.heard(data)
        return data

    async def aclose(self) -> None:
        try:
            while left := self._capture.grace():
                self._capture.heard(await read_within(self._live, READ_SIZE, left, self._core.ReadTimeout))
        except self._core.ReadTimeout:
            pass
        except self._core.NetworkError as failure:
            lose(self._core, self._capture, failure)
        self._capture.left()
        await self._live.aclose()


class Backend:
    """A network on which every connection leads nowhere; ``live`` is the pool's own, which knows how to sleep."""

    def __init__(self, core: ModuleType, live: Any) -> None:
        self._core = core
        self._live = live

    async def connect_tcp(self, *_: Any, timeout: float | None = None, **__: Any) -> PlayedStream:  # noqa: ASYNC109 - httpcore's own
        played = asking.get()
        ending = played.asked.refusal
        if ending is not None:
            await sleep(self._live, played.asked.knocking(ending, timeout))
            raise failed_connection(self._core, ending, awaited_at="{}:{}".format(*played.peer))
        return PlayedStream(self._core, played.peer, self._live)

    async def connect_unix_socket(self, *_: Any, timeout: float | None = None, **__: Any) -> PlayedStream:  # noqa: ASYNC109 - the same
        return await self.connect_tcp(timeout=timeout)

    async def sleep(self, seconds: float) -> None:
        """Between two attempts to connect."""
        await self._live.sleep(seconds)


class PlayedStream(Unclosed):
    """A connection to nowhere, kept alive from one exchange to the next."""

    def __init__(self, core: ModuleType, peer: tuple[str, int], live: Any) -> None:
        super().__init__("transport <_SelectorSocketTransport" if is_asyncio() else "<socket.socket", peer)
        self._live = live
        self.exchange: Played | None = None
        self._core = core
        self._peer = peer

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's own
        assert self.exchange is not None, "a request begins with its exchange"
        if not self.exchange.written(bytes(buffer)):
            raise broken_pipe(self._core, awaited=True)
        if self.exchange.blocks and await self._times_out(self.exchange.playing(), timeout):
            raise timed_out_awaited(self._core, self._core.WriteTimeout)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's own
        assert self.exchange is not None, "a request begins with its exchange"
        if self.closed:
            raise closed_by_client(self._core, awaited=True)
        arrivals = self.exchange.playing()
        if await self._times_out(arrivals, timeout):
            raise timed_out_awaited(self._core, self._core.ReadTimeout)
        if self.closed:  # by another task, meanwhile
            raise closed_by_client(self._core, awaited=True)
        try:
            return arrivals.take(max_bytes)
        except OSError as cause:
            failure = lost_connection(self._core, arrivals.ending, cause, awaited=True)
        try:
            raise failure  # outside of that block: it comes from the loop's own exception
        finally:
            del failure

    async def _times_out(self, arrivals: Arrivals, timeout: float | None) -> bool:  # noqa: ASYNC109 - httpcore's own
        """Let the time pass until more arrives; give whether the client's patience ended first."""
        wait = arrivals.wait(timeout)
        left = wait.seconds
        while True:  # also for no time: one round of the loop, in which others run and a cancellation counts
            await sleep(self._live, min(left, LONGEST_SLEEP))
            left -= min(left, LONGEST_SLEEP)
            if not left:
                break
        if wait.times_out:
            arrivals.stop()
        return wait.times_out

    async def aclose(self) -> None:
        self.close_once()
        self.closed = True
        if self.exchange is not None:
            self.exchange.stop()

    async def start_tls(self, *_: Any, **__: Any) -> PlayedStream:
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # as it is at the end of a connection
            return self.exchange is not None and self.exchange.hung_up
        return {"server_addr": self._peer, "client_addr": ("127.0.0.1", 0)}.get(info)
