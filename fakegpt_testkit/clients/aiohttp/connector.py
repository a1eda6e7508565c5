"""The patch: which connection a request gets, by the deck that is active where the request is made."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

from aiohttp import BaseConnector, ClientError, ServerTimeoutError
from aiohttp.connector import Connection

from fakegpt_testkit.clients.aiohttp.connect_errors import fail_to_connect
from fakegpt_testkit.clients.aiohttp.player import Pace, PlayedHandler, PlayedTransport, Player
from fakegpt_testkit.clients.aiohttp.reading import RequestReader
from fakegpt_testkit.clients.aiohttp.tap import Take, Tap
from fakegpt_testkit.errors import CannotBeReplayed
from fakegpt_testkit.nesting import Layer, innermost, inside, lifted

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from aiohttp import ClientRequest, ClientTimeout
    from aiohttp.tracing import Trace

    from fakegpt_testkit.exchange import Ending, Request, Tape


class Deck(Protocol):
    """What decides over each request while it is inserted."""

    @property
    def plays(self) -> bool:
        """Whether recorded answers are looked for."""

    @property
    def records(self) -> bool:
        """Whether a request without a recorded answer goes to the live service."""

    @property
    def pace(self) -> Pace:
        """The pace at which answers play."""

    def unreachable(self, uri: str, failure: Exception) -> None:
        """The live service could not be reached: add to the failure, which the client gets, what a person must know."""

    def ask(self) -> int:
        """Count a request at the moment it is asked; gives its number, from 0."""

    def refuse(self, number: int, method: str, uri: str) -> Ending | None:
        """Why no connection comes about for this request, by an effect; None when one does. Asked before ``play``."""

    def play(self, number: int, request: Request) -> Tape | None:
        """The recorded answer; None sends the request to the live service. Raises when it must not go there."""

    def follow(self, number: int, player: Player) -> None:
        """Told what plays to this request, as it begins: its ``read`` and ``left_early`` say what the client did."""

    def take(self, number: int) -> Take:
        """A new recording of the request that was asked as this one."""

    def name(self, number: int) -> str:
        """What an error calls the answer that this request was given."""


_active: ContextVar[Deck | None] = ContextVar("fakegpt_testkit_deck", default=None)
_inserted: list[Layer[Deck]] = []
"""Every deck that is in, the last one last: the default where no context says which (another thread, an older task).
An empty layer pauses those before it."""

_original = BaseConnector.connect
_idle: WeakKeyDictionary[BaseConnector, Counter[Hashable]] = WeakKeyDictionary()
"""Played connections that a live service would have kept open: the next request is told that it uses one again."""


@contextmanager
def insert(deck: Deck) -> Iterator[None]:
    """Make a deck the active one: in this context and what it starts, and wherever no context says otherwise."""
    global _original
    if not _inserted and BaseConnector.connect is not connect:  # it is when another patch of it was undone too late
        _original = BaseConnector.connect
        BaseConnector.connect = connect  # type: ignore[method-assign, assignment]
    outer = _active.get()
    try:
        with inside(_inserted, deck):
            _active.set(deck)
            yield
    finally:
        _active.set(outer)  # not a token's reset: a generator fixture is left in another context than entered
        if not _inserted and BaseConnector.connect is connect:
            BaseConnector.connect = _original  # type: ignore[method-assign]


def paused() -> AbstractContextManager[None]:
    """Leave all requests alone, as if no deck were in, until the block ends; a deck that comes in meanwhile counts."""
    return lifted(_inserted)


def find_deck() -> Deck | None:
    """The deck of this context, else the one inserted last."""
    last = innermost(_inserted)
    if last is None:
        return None
    deck = _active.get()
    return deck if any(layer.value is deck for layer in _inserted) and deck is not None else last


async def connect(
    connector: BaseConnector,
    req: ClientRequest,
    traces: list[Trace],
    timeout: ClientTimeout,  # noqa: ASYNC109 - the signature is aiohttp's
) -> Connection:
    """Take the place of ``BaseConnector.connect``."""
    deck = find_deck()
    if deck is None:
        return await _original(connector, req, traces, timeout)
    number = deck.ask()
    if deck.plays and not (deck.records and is_upgrade(req)):
        return await PlayedExchange(connector, req, traces, timeout, deck, number).connect()
    take = deck.take(number)  # before there is a connection, which would be left behind if this fails
    try:
        connection = await _original(connector, req, traces, timeout)
    except (ClientError, OSError) as failure:  # TimeoutError is an OSError
        deck.unreachable(uri_of(req), failure)
        raise
    handler = connection.protocol
    assert handler is not None, "a connection that was just handed out is open"
    Tap(connection, connection, handler, take, req.method, uri_of(req))
    return connection


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


class PlayedExchange:
    """One request whose answer is looked for in a deck, once it is wholly written."""

    def __init__(
        self,
        connector: BaseConnector,
        req: ClientRequest,
        traces: list[Trace],
        timeout: ClientTimeout,
        deck: Deck,
        number: int,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._connector = connector
        self._req = req
        self._traces = traces
        self._timeout = timeout
        self._deck = deck
        self._number = number
        self._asked = RequestReader(req.method, uri_of(req), loop)
        self._handler = PlayedHandler(loop)
        self._transport = PlayedTransport(self._handler, self._written, (req.host, req.port or 0), loop)
        self._connection: Connection | None = None
        self._continued = False
        self._decided = False
        self._going_live: asyncio.Task[None] | None = None

    async def connect(self) -> Connection:
        """A connection to nowhere, with the traces that a live one sends."""
        if is_upgrade(self._req):
            raise CannotBeReplayed(self._req.method, uri_of(self._req), self._req.headers["Upgrade"])
        refusal = self._deck.refuse(self._number, self._req.method, uri_of(self._req))
        if refusal is not None:
            for trace in self._traces:
                await trace.send_connection_create_start()
            lockstep = self._deck.pace == "lockstep"
            raise await fail_to_connect(self._req, self._timeout, refusal, at_once=lockstep)
        if not self._deck.records:
            await self._trace()
        self._handler.connection_made(self._transport)
        # Where the connector looks when it is closed with answers still open.
        self._connector._acquired.add(self._handler)
        self._connection = Connection(self._connector, self._req.connection_key, self._handler, self._loop)
        self._connection.add_callback(self._left)
        return self._connection

    async def _trace(self) -> None:
        idle = _idle.setdefault(self._connector, Counter())
        key = self._req.connection_key
        if idle[key]:
            idle[key] -= 1
            for trace in self._traces:
                await trace.send_connection_reuseconn()
        else:
            for trace in self._traces:
                await trace.send_connection_create_start()
                await trace.send_connection_create_end()

    def _left(self) -> None:
        if self._going_live is not None:
            self._going_live.cancel()
        player = self._handler.player
        if player is not None and player.keeps_alive and not self._connector.force_close:
            _idle.setdefault(self._connector, Counter())[self._req.connection_key] += 1

    def _written(self, data: bytes) -> None:
        self._asked.feed(data)
        if self._asked.expects_continue and not self._continued:
            self._continued = True
            self._loop.call_soon(self._handler.data_received, b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._asked.complete and not self._decided:
            self._decided = True
            self._loop.call_soon(self._decide)

    def _decide(self) -> None:
        if self._transport.is_closing():
            return
        try:
            tape = self._deck.play(self._number, self._asked.request)
        except Exception as refusal:
            self._handler.set_exception(refusal)
            return
        if tape is None:
            self._going_live = self._loop.create_task(self._go_live())
            return
        name = self._deck.name(self._number)
        player = Player(tape, self._req.method, self._handler, self._transport, self._deck.pace, name)
        self._handler.player = player
        self._deck.follow(self._number, player)

    async def _go_live(self) -> None:
        """Ask the live service after all, now that the whole request is known to be new."""
        try:
            take = self._deck.take(self._number)
        except Exception as refusal:
            self._handler.set_exception(refusal)
            return
        try:
            live = await _original(self._connector, self._req, self._traces, self._timeout)
        except TimeoutError as cause:
            failure = ServerTimeoutError(f"Connection timeout to host {self._req.url}")
            failure.__cause__ = cause
            self._deck.unreachable(uri_of(self._req), failure)
            self._handler.set_exception(failure)
            return
        except Exception as failure:
            self._deck.unreachable(uri_of(self._req), failure)
            self._handler.set_exception(failure)
            return
        assert self._connection is not None, "nothing is written before a connection is handed out"
        tap = Tap(self._connection, live, self._handler, take, self._req.method, uri_of(self._req))
        self._connection.add_callback(lambda: live.release() if tap.reusable else live.close())
        assert self._handler.transport is not None, "a closed connection cancels this task"
        self._handler.transport.write(with_proxy_login(self._asked.written, self._req))
