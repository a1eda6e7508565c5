"""httpcore's blocking half: pools to nowhere, the streams that they read, and the ear on a live one.

The twin of ``asynchronous``. Knows no cassette.
"""

from __future__ import annotations

import time
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
    timed_out,
    why_failed,
)
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
        (core.ConnectionPool, "handle_request", partial(replace_pool, core, shadows)),
        (core.ConnectionPool, "close", partial(replace_close, shadows)),
        (core.HTTP11Connection, "_send_request_headers", partial(replace_sending, core)),
    ]


def replace_pool(core: ModuleType, shadows: WeakKeyDictionary[Any, Any], original: Any) -> Any:
    """Where a request meets the deck."""

    def handle_request(pool: Any, request: Any) -> Any:
        deck = None if KEY in request.extensions else find_deck(uri_of(request))
        if deck is None:
            return original(pool, request)
        asked = ask(deck, request)
        if goes_live(asked, request):
            return go_live(pool, with_exchange(core, request, asked), asked)
        body = b"".join(request.stream) if deck.records else None
        played = Played(asked, peer_of(request))
        if pool not in shadows:
            shadows[pool] = core.ConnectionPool(**shadow_options(pool), network_backend=Backend(core))
        token = asking.set(played)
        try:
            return as_recorded(shadows[pool].handle_request(with_exchange(core, request, played, body)), played)
        except GoLive:
            pass  # outside of this block: it is no context of what the live service may raise
        finally:
            asking.reset(token)
        return go_live(pool, with_exchange(core, request, asked, body), asked)

    def go_live(pool: Any, request: Any, asked: Asked) -> Any:
        try:
            return original(pool, request)
        except of_connecting(core) as failure:
            asked.unreachable(why_failed(core, failure), failure)
            raise

    return handle_request


def replace_close(shadows: WeakKeyDictionary[Any, Any], original: Any) -> Any:
    """Where a client lets go of all its connections."""

    def close(pool: Any) -> None:
        if (shadow := shadows.pop(pool, None)) is not None:
            shadow.close()
        original(pool)

    return close


def replace_sending(core: ModuleType, original: Any) -> Any:
    """Where a request meets the connection that it got: not before, since another may have been quicker to get it."""

    def send_request_headers(connection: Any, request: Any) -> None:
        exchange = request.extensions.get(KEY)
        if isinstance(exchange, Played):
            connection._network_stream.exchange = exchange
        elif isinstance(exchange, Asked) and request.method != b"CONNECT":
            listen(core, connection, exchange)
        original(connection, request)

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

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._capture.written(bytes(buffer))
        try:
            self._live.write(buffer, timeout)
        except BaseException as failure:
            lose_writing(self._core, self._capture, failure)
            raise

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            data: bytes = self._live.read(max_bytes, timeout)
        except BaseException as failure:
            lose(self._core, self._capture, failure)
            raise
        self._capture.heard(data)
        return data

    def close(self) -> None:
        try:
            while left := self._capture.grace():
                self._capture.heard(self._live.read(READ_SIZE, left))
        except self._core.ReadTimeout:
            pass
        except self._core.NetworkError as failure:
            lose(self._core, self._capture, failure)
        self._capture.left()
        self._live.close()


class Backend:
    """A network on which every connection leads nowhere."""

    def __init__(self, core: ModuleType) -> None:
        self._core = core

    def connect_tcp(self, *_: Any, timeout: float | None = None, **__: Any) -> PlayedStream:
        played = asking.get()
        ending = played.asked.refusal
        if ending is not None:
            time.sleep(played.asked.knocking(ending, timeout))
            raise failed_connection(self._core, ending)
        return PlayedStream(self._core, played.peer)

    def connect_unix_socket(self, *_: Any, timeout: float | None = None, **__: Any) -> PlayedStream:
        return self.connect_tcp(timeout=timeout)

    def sleep(self, seconds: float) -> None:
        """Between two attempts to connect."""
        time.sleep(seconds)


class PlayedStream(Unclosed):
    """A connection to nowhere, kept alive from one exchange to the next."""

    def __init__(self, core: ModuleType, peer: tuple[str, int]) -> None:
        super().__init__("<socket.socket", peer)
        self.exchange: Played | None = None
        self._core = core
        self._peer = peer

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        assert self.exchange is not None, "a request begins with its exchange"
        if not self.exchange.written(bytes(buffer)):
            raise broken_pipe(self._core, awaited=False)
        if self.exchange.blocks and _times_out(self.exchange.playing(), timeout):
            raise timed_out(self._core.WriteTimeout)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        assert self.exchange is not None, "a request begins with its exchange"
        if self.closed:
            raise closed_by_client(self._core, awaited=False)
        arrivals = self.exchange.playing()
        if _times_out(arrivals, timeout):
            raise timed_out(self._core.ReadTimeout)
        try:
            return arrivals.take(max_bytes)
        except OSError as cause:
            failure = lost_connection(self._core, arrivals.ending, cause, awaited=False)
            raise failure from failure.__cause__

    def close(self) -> None:
        self.close_once()
        self.closed = True
        if self.exchange is not None:
            self.exchange.stop()

    def start_tls(self, *_: Any, **__: Any) -> PlayedStream:
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # as it is at the end of a connection
            return self.exchange is not None and self.exchange.hung_up
        return {"server_addr": self._peer, "client_addr": ("127.0.0.1", 0)}.get(info)


def _times_out(arrivals: Arrivals, timeout: float | None) -> bool:
    """Let the time pass until more arrives; give whether the client's patience ended first."""
    wait = arrivals.wait(timeout)
    left = wait.seconds
    while left:
        time.sleep(min(left, LONGEST_SLEEP))
        left -= min(left, LONGEST_SLEEP)
    if wait.times_out:
        arrivals.stop()
    return wait.times_out
