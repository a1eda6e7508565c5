"""What replaces ``BaseConnector.connect``: which connection a request gets, by the deck active there."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, cast

from aiohttp import BaseConnector, ClientError, ServerTimeoutError
from aiohttp.connector import Connection

from fakegpt_testkit import clock
from fakegpt_testkit.clients.active import find_deck
from fakegpt_testkit.clients.aiohttp.connect_errors import fail_to_connect, why_failed
from fakegpt_testkit.clients.aiohttp.idle import put_idle, take_idle
from fakegpt_testkit.clients.aiohttp.player import PlayedHandler, PlayedTransport, Player
from fakegpt_testkit.clients.aiohttp.tap import Tap
from fakegpt_testkit.wire.reading import RequestReader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from aiohttp import ClientRequest, ClientTimeout
    from aiohttp.tracing import Trace

    from fakegpt_testkit.wire.deck import Deck

    Connect = Callable[[BaseConnector, ClientRequest, list[Trace], ClientTimeout], Awaitable[Connection]]


def replace_connect(original: Connect) -> Connect:
    """What takes the place of ``BaseConnector.connect``."""

    async def connect(
        connector: BaseConnector,
        req: ClientRequest,
        traces: list[Trace],
        timeout: ClientTimeout,  # noqa: ASYNC109 - the signature is aiohttp's
    ) -> Connection:
        uri = uri_of(req)
        deck = find_deck(uri)
        if deck is None:
            return await original(connector, req, traces, timeout)
        number = deck.ask()
        if deck.plays and not (deck.records and is_upgrade(req)):
            return await PlayedExchange(original, connector, req, traces, timeout, deck, number, uri).connect()
        recording = deck.record(number)  # before there is a connection, which would be left behind if this fails
        with telling_unreachable(deck, number, connector, req, timeout):
            connection = await original(connector, req, traces, timeout)
        handler = connection.protocol
        assert handler is not None, "a connection that was just handed out is open"
        Tap(connection, connection, handler, recording, req.method, uri)
        return connection

    return connect


@contextmanager
def telling_unreachable(
    deck: Deck, number: int, connector: BaseConnector, req: ClientRequest, timeout: ClientTimeout
) -> Iterator[None]:
    """Tell the deck of a request that finds no connection, unless nobody knocked or the program left."""
    now = clock.waiting()
    begun = now()
    try:
        yield
    except (Exception, asyncio.CancelledError) as failure:
        why = why_failed(req, failure, timeout.connect, now() - begun)
        if not waits_for_room(connector, req) and (why is not None or isinstance(failure, (ClientError, OSError))):
            deck.unreachable(number, req.method, uri_of(req), why, failure)
        raise


def waits_for_room(connector: BaseConnector, req: ClientRequest) -> bool:
    """Whether it is the client's own full pool that made it wait too long, which a replay's does too."""
    return connector._available_connections(req.connection_key) < 1


def uri_of(req: ClientRequest) -> str:
    """The absolute URI that is asked, without a fragment: that never goes over the wire."""
    return str(req.url.with_fragment(None))


def is_upgrade(req: ClientRequest) -> bool:
    """Whether the request asks to leave HTTP."""
    return "Upgrade" in req.headers


def with_proxy_login(written: bytes, req: ClientRequest) -> bytes:
    """The request with the login for a plain proxy: aiohttp adds it when it connects, which here was after writing."""
    login = req.headers.get("Proxy-Authorization")
    head, _, _ = written.partition(b"\r\n\r\n")
    if login is None or b"\r\nproxy-authorization:" in head.lower():
        return written
    line, _, rest = written.partition(b"\r\n")
    return line + b"\r\nProxy-Authorization: " + login.encode() + b"\r\n" + rest


_AWAITS_GET = iscoroutinefunction(BaseConnector._get)
"""Whether this aiohttp awaits what a pool has idle: from 3.11 on."""


async def _nothing() -> None:
    """No connection."""


class PlayedPool:
    """A connector whose connections lead nowhere; what it counts and who waits is the client's own connector's."""

    def __init__(
        self,
        connector: BaseConnector,
        handler: PlayedHandler,
        transport: PlayedTransport,
        reuses: Callable[[], bool],
    ) -> None:
        self._reuses = reuses
        self._connector = connector
        self._handler = handler
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    def _get(self, *_: object) -> object:
        """No connection is idle: those of the client's own connector are live ones."""
        return _nothing() if _AWAITS_GET else None

    async def _create_connection(self, *_: object) -> PlayedHandler:
        self._reuses()  # a trace has asked already, where there is one
        self._handler.connection_made(self._transport)
        return self._handler


class ReusingTrace:
    """A client's trace, told that a connection is used again where live it would be."""

    def __init__(self, trace: Trace, reuses: Callable[[], bool]) -> None:
        self._trace = trace
        self._reuses = reuses

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trace, name)

    async def send_connection_create_start(self) -> None:
        """See ``Trace``."""
        if not self._reuses():
            await self._trace.send_connection_create_start()

    async def send_connection_create_end(self) -> None:
        """See ``Trace``."""
        await (self._trace.send_connection_reuseconn if self._reuses() else self._trace.send_connection_create_end)()


class PlayedExchange:
    """One request whose answer is looked for in a deck, once it is wholly written."""

    def __init__(
        self,
        connect_live: Connect,
        connector: BaseConnector,
        req: ClientRequest,
        traces: list[Trace],
        timeout: ClientTimeout,
        deck: Deck,
        number: int,
        uri: str,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._connect_live = connect_live
        self._connector = connector
        self._req = req
        self._traces = traces
        self._timeout = timeout
        self._deck = deck
        self._number = number
        self._uri = uri
        self._asked = RequestReader(req.method, uri)
        self._handler = PlayedHandler(loop)
        self._transport = PlayedTransport(self._handler, self._written, (req.host, req.port or 0), loop)
        self._connection: Connection | None = None
        self._continued = False
        self._decided = False
        self._going_live: asyncio.Task[None] | None = None

    async def connect(self) -> Connection:
        """A connection to nowhere, with the traces that a live one sends."""
        refusal = self._deck.refuse(self._number, self._req.method, self._uri)
        if refusal is not None:
            for trace in self._traces:
                await trace.send_connection_create_start()
            lockstep = self._deck.pace == "lockstep"
            raise await fail_to_connect(self._connector, self._req, self._timeout, refusal, at_once=lockstep)
        if self._deck.records:
            # The connection is the live service's, if it comes to that: only then it takes a place in the pool.
            self._handler.connection_made(self._transport)
            # Where the connector looks when it is closed with answers still open.
            self._connector._acquired.add(self._handler)
            connection = Connection(self._connector, self._req.connection_key, self._handler, self._loop)
            self._connection = connection
        else:  # one that its owner drops is told, as a live one: nothing here holds it
            connection = await self._connect_to_nowhere()
        connection.add_callback(self._left)
        return connection

    async def _connect_to_nowhere(self) -> Connection:
        """By the client's own pool: its limits make a request wait, and time out, as they do live."""
        taken: list[bool] = []

        def reuses() -> bool:  # asked once it need not wait any more: until then another may come back
            if not taken:
                taken.append(take_idle(self._connector, self._req.connection_key))
            return taken[0]

        pool = cast("BaseConnector", PlayedPool(self._connector, self._handler, self._transport, reuses))
        traces = [cast("Trace", ReusingTrace(trace, reuses)) for trace in self._traces]
        return await self._connect_live(pool, self._req, traces, self._timeout)

    def _left(self) -> None:
        if self._going_live is not None:
            self._going_live.cancel()
        self._connection = None
        player = self._handler.player
        if player is not None and player.keeps_alive and not self._connector.force_close:
            put_idle(self._connector, self._req.connection_key)

    def _written(self, data: bytes) -> None:
        self._asked.feed(data)
        if self._decided or not self._asked.has_head:
            return
        if self._asked.complete or self._deck.answers_early(self._asked.request):
            self._decided = True
            self._loop.call_soon(self._decide)
        elif self._asked.expects_continue and not self._continued:
            self._continued = True
            self._loop.call_soon(self._handler.data_received, b"HTTP/1.1 100 Continue\r\n\r\n")

    def _decide(self) -> None:
        if self._transport.is_closing():
            return
        try:
            tape = self._deck.play(self._number, self._asked.request)
        except Exception as refusal:
            self._handler.set_exception(refusal)
            self._transport.hear_no_more()
            return
        if tape is None:
            self._going_live = self._loop.create_task(self._go_live())
            return
        self._transport.hear_no_more()
        self._connection = None  # it calls back to here: let it be freed with its response, as a live one is
        name = self._deck.name(self._number)
        player = Player(tape, self._req.method, self._handler, self._transport, self._deck.pace, name)
        self._handler.player = player
        self._deck.follow(self._number, player.progress)

    async def _go_live(self) -> None:
        """Ask the live service after all, now that the whole request is known to be new."""
        try:
            recording = self._deck.record(self._number)
        except Exception as refusal:
            self._handler.set_exception(refusal)
            return
        self._connector._acquired.discard(
            self._handler
        )  # the live connection takes the place, and there may be but one
        try:
            live = await self._connect_to_service()
        except Exception as failure:
            self._handler.set_exception(failure)
            return
        assert self._connection is not None, "nothing is written before a connection is handed out"
        tap = Tap(self._connection, live, self._handler, recording, self._req.method, self._uri)
        self._connection.add_callback(lambda: tap.when_over(lambda: live.release() if tap.reusable else live.close()))
        assert self._handler.transport is not None, "a closed connection cancels this task"
        self._handler.transport.write(with_proxy_login(self._asked.written, self._req))

    async def _connect_to_service(self) -> Connection:
        with telling_unreachable(self._deck, self._number, self._connector, self._req, self._timeout):
            try:
                async with asyncio.timeout(
                    self._timeout.connect or None
                ):  # aiohttp before 3.10 leaves it to its caller
                    return await self._connect_live(self._connector, self._req, self._traces, self._timeout)
            except TimeoutError as cause:
                raise ServerTimeoutError(f"Connection timeout to host {self._req.url}") from cause
