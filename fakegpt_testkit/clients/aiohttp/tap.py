"""Listens to one live exchange and tells it to a recording, while the client gets every byte at once and unchanged.

Knows no cassette: what is heard goes to a ``Recording`` as values, in the order it happened.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, cast

from fakegpt_testkit.exchange import EndingKind
from fakegpt_testkit.wire.capture import Capture, reset_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection

    from fakegpt_testkit.wire.deck import Recording


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
        self._own.close()

    def abort(self) -> None:
        self._tap.left()
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
        recording: Recording,
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
        self._capture = Capture(recording, method, uri, asyncio.get_running_loop().time)
        self._capture.whenever_over = self._step_aside
        self._ear = cast("asyncio.Transport", ListeningTransport(transport, self, own))
        handler.transport = self._ear
        # Not replacing handler.data_received: uvloop keeps the bound methods of the protocol it was given.
        transport.set_protocol(self)
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
        self._capture.left(*self._why_left())

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
        # Heard first: the handler may let go of the connection while it takes the bytes.
        self._capture.arrived(data)
        self._handler.data_received(data)
        self._capture.digest()

    def eof_received(self) -> None:
        """The server sends no more."""
        self._handler.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if exc is None:
            self._capture.ended()
        else:
            self._capture.lost(EndingKind.RESET, reset_name(exc))
        self._handler.connection_lost(exc)
        if self._owner is not self._handler:
            self._owner.connection_lost(exc)

    def pause_writing(self) -> None:
        """The client writes faster than the server reads."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """The server has caught up."""
        self._handler.resume_writing()

    def _step_aside(self) -> None:
        if self._handler.transport is self._ear:
            self._handler.transport = self._own
        if not self._transport.is_closing():
            self._transport.set_protocol(self._owner)
