"""Listens to one live exchange and tells it to a recording, while the client gets every byte at once and unchanged.

Knows no cassette: what is heard goes to a ``ExchangeSink`` as values, in the order it happened.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from fakegpt_testkit import clock
from fakegpt_testkit.exchange import EndingKind
from fakegpt_testkit.wire.capture import Capture, reset_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterable

    from aiohttp import BaseConnector
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection

    from fakegpt_testkit.wire.deck import ExchangeSink


lingering: WeakKeyDictionary[BaseConnector, set[Tap]] = WeakKeyDictionary()
"""What of a connector's connections is still read, though the client has left."""
_changing = threading.Lock()
"""Loops of several threads begin and end such reading, and the block may end in another one."""


def replace_close(original: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """What takes the place of ``BaseConnector.close``: it waits for what is still read, before the loop may end."""

    def close(connector: BaseConnector, *args: object, **options: object) -> Awaitable[None]:
        closing = original(connector, *args, **options)
        reading = [each.over for each in lingering.get(connector, ())]
        return Closing(closing, reading) if reading else closing

    return close


def stop_all() -> None:
    """Nobody records any more."""
    with _changing:
        reading = [each for taps in lingering.values() for each in taps]
    for each in reading:
        each.stop_soon()


class Closing:
    """A connector's closing, with what it has to wait for."""

    def __init__(self, closing: Awaitable[None], reading: Iterable[asyncio.Future[None]]) -> None:
        self._closing = closing
        self._reading = reading

    def __await__(self) -> Generator[Any, None, None]:
        try:
            for each in self._reading:
                yield from asyncio.shield(each)  # who closes may be cancelled; what is read is not theirs
        except asyncio.CancelledError:
            yield from self._closing.__await__()
            raise
        yield from self._closing.__await__()


class ListeningTransport:
    """The client's transport, with an ear on what the client does. Everything else is the real one's."""

    def __init__(self, live: asyncio.Transport, tap: Tap, own: asyncio.Transport) -> None:
        self._live = live
        self._tap = tap
        self._own = own

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._tap.written(bytes(data))
        self._live.write(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        self._tap.left()
        if not self._tap.lets_go():
            self._own.close()

    def abort(self) -> None:
        self._tap.left()
        if not self._tap.lets_go():
            self._own.abort()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._live, name)


class Tap(asyncio.Protocol):
    """Stands between a live transport and the handler that a client reads from, for one exchange.

    ``connection`` is what the client lets go of, ``live`` the connection that bytes come from, ``handler`` what they go
    to. The first two differ when a request went live only after its answer was looked for.
    """

    def __init__(
        self,
        connection: Connection,
        live: Connection,
        handler: ResponseHandler,
        recording: ExchangeSink,
        method: str,
        uri: str,
    ) -> None:
        transport, own = live.transport, handler.transport
        assert live.protocol is not None
        assert transport is not None
        assert own is not None
        self._transport = transport
        self._owner = live.protocol
        self._handler = handler
        self._own = own
        self._capture = Capture(recording, method, uri, clock.waiting())
        self._capture.whenever_over = self._step_aside
        self._ear = cast("asyncio.Transport", ListeningTransport(transport, self, own))
        handler.transport = self._ear
        # Not replacing handler.data_received: uvloop keeps the bound methods of the protocol it was given.
        transport.set_protocol(self)
        self._connector, self._key = connection._connector, live._key
        self._loop = asyncio.get_running_loop()
        self._lingering: clock.Timer | None = None
        self._why = EndingKind.ABANDONED, ""
        self._gone = False
        self._afterwards: Callable[[], None] = _nothing
        self.over = self._loop.create_future()
        """Done when nothing more is read for a client that has left."""
        connection.add_callback(self.left)

    @property
    def reusable(self) -> bool:
        """Whether the whole answer came and the server keeps the live connection open."""
        return self._capture.reusable

    # What the client does.

    def written(self, data: bytes) -> None:
        """The client sends a part of its request."""
        self._capture.written(data)

    def left(self) -> None:
        """The client has let go of the connection: the answer is complete, or the rest is not wanted."""
        if self._lingering is not None:
            return
        self._why = self._why_left()
        abandons = self._why[0] is EndingKind.ABANDONED and self._handler.should_close
        if abandons and not self._transport.is_closing() and (grace := self._capture.grace()):
            self._linger(grace)
        else:
            self._capture.left(*self._why)

    def _linger(self, grace: float) -> None:
        """Read on for the recording alone; to the client the connection is closed."""
        self._lingering = clock.call_later(self._loop, grace, self.stop)
        with _changing:
            lingering.setdefault(self._connector, set()).add(self)
        self._transport.resume_reading()

    def stop(self) -> None:
        """Read no more."""
        self._capture.left(*self._why)

    def stop_soon(self) -> None:
        """The same, from wherever; where the loop has ended, nobody reads."""
        if self._loop.is_closed():
            self._forget()
        else:
            self._loop.call_soon_threadsafe(self.stop)

    def _forget(self) -> None:
        """A tap holds its connector, which would stay as long as it is kept for it."""
        with _changing:
            lingering.get(self._connector, set()).discard(self)

    def lets_go(self) -> bool:
        """Whether the live connection outlives the client's closing of it; the client hears that it is closed."""
        if self._lingering is None:
            return False
        if not self._gone:
            self._gone = True
            if self._own is self._transport:
                self._loop.call_soon(self._handler.connection_lost, None)
            else:
                self._own.close()
        return True

    def when_over(self, act: Callable[[], None]) -> None:
        """What is to be done with the live connection, once it is read no more; its connector is done with it."""
        if self._lingering is None:
            act()
        else:
            self._connector._release_acquired(self._key, self._owner)
            self._afterwards = act

    def _why_left(self) -> tuple[EndingKind, str]:
        # Called in the midst of the client's own leaving, so the exception that makes it leave is being handled now.
        leaving = sys.exc_info()[1]
        if isinstance(self._handler.exception(), TimeoutError):
            return EndingKind.TIMEOUT, "sock_read"
        if isinstance(leaving, asyncio.CancelledError):
            return EndingKind.CANCELLED, ""
        if isinstance(leaving, TimeoutError):
            return EndingKind.TIMEOUT, "total"
        return EndingKind.ABANDONED, ""

    # What the server does.

    def data_received(self, data: bytes) -> None:
        """Bytes came: the handler gets them now."""
        if self._lingering is not None:
            self._capture.heard(data)
            return
        # Heard first: the handler may let go of the connection while it takes the bytes.
        self._capture.arrived(data)
        self._handler.data_received(data)
        self._capture.soon()

    def eof_received(self) -> None:
        """The server sends no more."""
        if self._lingering is None:
            self._handler.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if exc is None:
            self._capture.ended()
        else:
            self._capture.lost(EndingKind.RESET, reset_name(exc))
        if self._lingering is None:
            self._handler.connection_lost(exc)
        if self._owner is not self._handler:
            self._owner.connection_lost(exc)

    def pause_writing(self) -> None:
        """The client writes faster than the server reads."""
        if self._lingering is None:
            self._handler.pause_writing()

    def resume_writing(self) -> None:
        """The server has caught up."""
        if self._lingering is None:
            self._handler.resume_writing()

    def _step_aside(self) -> None:
        if self._handler.transport is self._ear:
            self._handler.transport = self._own
        self._ear = self._own  # which else would keep this, and the client's connector with it
        if self._lingering is not None:
            self._lingering.cancel()
            self._forget()
            self._afterwards()
            self._transport.close()
            if not self.over.done():
                self.over.set_result(None)
        elif not self._transport.is_closing():
            self._transport.set_protocol(self._owner)


def _nothing() -> None:
    """The connection is nobody's any more."""
