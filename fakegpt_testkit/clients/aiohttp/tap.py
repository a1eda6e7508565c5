"""Listens to one live exchange and tells it to a take, while the client gets every byte at once and unchanged.

Knows no cassette: what is heard goes to a ``Take`` as values, in the order it happened.
"""

from __future__ import annotations

import asyncio
import errno
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, cast

from fakegpt_testkit.clients.aiohttp.reading import SWITCHING_PROTOCOLS, RequestReader, ResponseReader
from fakegpt_testkit.exchange import Ending, EndingKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection

    from fakegpt_testkit.exchange import Chunk, Head, Request


TICKS_PER_SECOND = 10_000
"""How finely moments are told apart. Two arrivals never share one: at the same moment means that they came together."""


class Take(Protocol):
    """One exchange while it is recorded; but for ``chunk``, each method is called at most once, in this order."""

    def request(self, request: Request) -> None:
        """The request, as far as the client had sent it when the answer began."""

    def head(self, head: Head) -> None:
        """The response's head."""

    def chunk(self, chunk: Chunk) -> None:
        """Bytes of the body that arrived together."""

    def ended(self, ending: Ending) -> None:
        """The response ended; nothing follows."""

    def discard(self) -> None:
        """The exchange has left HTTP, for a WebSocket for instance; nothing follows."""

    def failed(self, request: str, failure: Exception) -> None:
        """What was heard could not be read; nothing follows. The client goes on, and knows nothing of it."""


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
        self, connection: Connection, live: Connection, handler: ResponseHandler, take: Take, method: str, uri: str
    ) -> None:
        transport, own = live.transport, handler.transport
        assert live.protocol is not None
        assert transport is not None
        assert own is not None
        self._loop = asyncio.get_running_loop()
        self._named = f"{method} {uri}"
        self._transport = transport
        self._owner = live.protocol
        self._handler = handler
        self._own = own
        self._take = take
        self._asked = RequestReader(method, uri, self._loop)
        self._answer = ResponseReader(method, self._loop)
        self._sent_at = self._loop.time()
        self._last_tick = -1
        self._heard: list[tuple[float, bytes]] = []
        self._over = False
        self._ear = cast("asyncio.Transport", ListeningTransport(transport, self, own))
        handler.transport = self._ear
        # Not replacing handler.data_received: uvloop keeps the bound methods of the protocol it was given.
        transport.set_protocol(self)
        connection.add_callback(self.left)

    @property
    def reusable(self) -> bool:
        """Whether the whole answer came and the server keeps the live connection open."""
        return self._answer.finished and not self._answer.should_close

    # What the client does.

    def written(self, data: bytes) -> None:
        """The client sends a part of its request."""
        with self._apart():
            self._asked.feed(data)
            if self._answer.head is None:
                self._sent_at, self._last_tick = self._loop.time(), -1

    def left(self) -> None:
        """The client has let go of the connection: the answer is complete, or the rest is not wanted."""
        with self._apart():
            self._digest()
            if self._answer.finished:
                self._finish(EndingKind.COMPLETE)
            elif self._answer.malformed:
                self._finish(EndingKind.MALFORMED, self._answer.malformed)
            else:
                self._finish(*self._why_left())

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
        self._heard.append((self._now(), data))
        self._handler.data_received(data)
        with self._apart():
            self._digest()

    def eof_received(self) -> None:
        """The server sends no more."""
        self._handler.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        with self._apart():
            self._digest()
            if exc is None:
                self._now()
                self._answer.read_end()
                self._finish(EndingKind.COMPLETE if self._answer.finished else EndingKind.EOF)
            else:
                self._finish(EndingKind.RESET, _name(exc))
        self._handler.connection_lost(exc)
        if self._owner is not self._handler:
            self._owner.connection_lost(exc)

    def pause_writing(self) -> None:
        """The client writes faster than the server reads."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """The server has caught up."""
        self._handler.resume_writing()

    # What the take is told.

    def _now(self) -> float:
        """The moment of an arrival, in seconds since the request was sent: later than the one before."""
        self._last_tick = max(self._last_tick + 1, round((self._loop.time() - self._sent_at) * TICKS_PER_SECOND))
        return self._last_tick / TICKS_PER_SECOND

    @contextmanager
    def _apart(self) -> Iterator[None]:
        """Keep a failure of ours from the client, in whose midst we are called."""
        try:
            yield
        except Exception as failure:
            self._step_aside()
            self._take.failed(self._named, failure)

    def _digest(self) -> None:
        heard, self._heard = self._heard, []
        for when, data in heard:
            if self._over:
                return
            had_head = self._answer.head is not None
            chunk = self._answer.read(data, when)
            head = self._answer.head
            if head is not None and not had_head:
                if head.status == SWITCHING_PROTOCOLS:
                    self._step_aside()
                    self._take.discard()
                    return
                self._take.request(self._asked.request)
                self._take.head(head)
            if chunk is not None:
                self._take.chunk(chunk)

    def _finish(self, kind: EndingKind, note: str = "") -> None:
        if self._over:
            return
        self._step_aside()
        if self._answer.head is None:
            self._take.request(self._asked.request)
        by_bytes = kind in {EndingKind.COMPLETE, EndingKind.MALFORMED}
        ended_at = max(self._last_tick, 0) / TICKS_PER_SECOND if by_bytes else self._now()
        self._take.ended(Ending(kind, ended_at, note))

    def _step_aside(self) -> None:
        self._over = True
        if self._handler.transport is self._ear:
            self._handler.transport = self._own
        if not self._transport.is_closing():
            self._transport.set_protocol(self._owner)


def _name(exc: BaseException) -> str:
    if isinstance(exc, OSError) and exc.errno is not None:
        return errno.errorcode.get(exc.errno, str(exc.errno))
    return type(exc).__name__
