"""One request on a connection of ``http.client``: recorded on the live socket, or played on one to nowhere.

Knows no cassette: what plays and where recordings go is a deck's to say. Above the socket everything is the client's.
"""

from __future__ import annotations

import errno
import os
import ssl
import weakref
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from fakegpt_testkit import clock
from fakegpt_testkit.clients.active import find_deck
from fakegpt_testkit.clients.httpclient.connect_errors import fail_to_connect, why_failed
from fakegpt_testkit.clients.httpclient.sockets import PlayedSocket, TapFile, TapSocket
from fakegpt_testkit.wire.arrivals import Arrivals
from fakegpt_testkit.wire.capture import Capture
from fakegpt_testkit.wire.reading import RequestReader

if TYPE_CHECKING:
    import http.client
    from collections.abc import Iterator

    from fakegpt_testkit.wire.deck import Deck

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
PORTS = {"http": 80, "https": 443}

_current: weakref.WeakKeyDictionary[http.client.HTTPConnection, LiveExchange | PlayedExchange]
_current = weakref.WeakKeyDictionary()
"""The exchange that each connection is in, from its request line on."""
asking: ContextVar[tuple[str, str]] = ContextVar("fakegpt_testkit_httpclient_asking")
"""The method and the target for which a pool of urllib3 looks for a connection: it connects before it asks."""
_ahead: weakref.WeakKeyDictionary[http.client.HTTPConnection, int] = weakref.WeakKeyDictionary()
"""The number of the request for which a connection to nowhere was made ahead, until it begins."""
_connecting: weakref.WeakSet[http.client.HTTPConnection] = weakref.WeakSet()
"""Connections that connect to the live service at this moment: what they send is a proxy's."""


def begin(connection: http.client.HTTPConnection, method: str, target: str) -> None:
    """A request line was written: the deck of this context decides how the request is answered."""
    _current.pop(connection, None)
    deck = find_deck(uri_of(connection, target))
    if deck is None:
        restore(connection)
    elif deck.plays:
        PlayedExchange(connection, deck, method, target).begin()
    else:
        restore(connection)
        _current[connection] = LiveExchange(connection, deck, deck.ask(), method, target)


def sending(connection: http.client.HTTPConnection) -> None:
    """The connection is about to send: the first bytes of a recorded request are heard, and so is all after them."""
    exchange = _current.get(connection)
    if isinstance(exchange, LiveExchange) and connection not in _connecting:
        exchange.tap()


def connects_to_nowhere(connection: http.client.HTTPConnection) -> bool:
    """Whether a deck plays what this connection is for; it is connected then, or fails as it did."""
    deck = find_deck(uri_of(connection, ""), asks=False)
    if deck is None or not deck.plays or connection in _connecting:
        return False
    if (ahead := asking.get(None)) is not None:
        method, target = ahead
        _ahead[connection] = number = deck.ask()
        refuse(connection, deck, number, method, uri_of(connection, target))
    connection.sock = play_socket(connection)
    return True


def refuse(connection: http.client.HTTPConnection, deck: Deck, number: int, method: str, uri: str) -> None:
    """Raise what the client does where the deck lets this request have no connection."""
    refusal = deck.refuse(number, method, uri)
    if refusal is not None:
        _ahead.pop(connection, None)
        raise fail_to_connect(connection, refusal, at_once=deck.pace == "lockstep")


@contextmanager
def connecting_live(connection: http.client.HTTPConnection) -> Iterator[None]:
    """A connection to the live service is made: it is no exchange yet, and a failure tells what a person must know."""
    if connection in _connecting:
        yield
        return
    _connecting.add(connection)
    method, target = asking.get(("", ""))
    uri = uri_of(connection, target)  # now: urllib3 forgets where a tunnel was to lead as soon as there is none
    try:
        yield
    except Exception as failure:
        unreachable(connection, method, uri, failure)
        raise
    finally:
        _connecting.discard(connection)


def unreachable(connection: http.client.HTTPConnection, method: str, uri: str, failure: Exception) -> None:
    """Tell the deck of a request that found no connection: the one that is begun, or that a pool is asked for."""
    exchange = _current.pop(connection, None)
    if isinstance(exchange, LiveExchange) and exchange.pending:
        exchange.unreachable(failure)
        return
    deck = find_deck(uri)
    if deck is not None:
        deck.unreachable(deck.ask(), method, uri, why_failed(connection, failure) if method else None, failure)


def uri_of(connection: http.client.HTTPConnection, target: str) -> str:
    """The absolute URI that is asked, without a fragment: that never goes over the wire."""
    target = target.partition("#")[0] or "/"
    if "://" in target.partition("?")[0]:
        return target  # to a forward proxy
    scheme = "https" if is_tls(connection) else "http"
    tunnel: str | None = connection._tunnel_host  # type: ignore[attr-defined] # named so since Python 2.7
    host = (tunnel or connection.host).strip("[]").lower()
    port = connection._tunnel_port if tunnel else connection.port  # type: ignore[attr-defined]
    host = f"[{host}]" if ":" in host else host
    named = "" if port in {None, PORTS[scheme]} else f":{port}"
    return f"{scheme}://{host}{named}{target}"


def is_tls(connection: http.client.HTTPConnection) -> bool:
    """Whether it speaks HTTPS: urllib3's such connection is no ``http.client.HTTPSConnection``."""
    return connection.default_port == PORTS["https"]


def play_socket(connection: http.client.HTTPConnection) -> PlayedSocket:
    """A socket to nowhere, and the flags that a connection of urllib3 has after it has connected."""
    aside = connection.sock
    if isinstance(aside, PlayedSocket):
        return aside
    tls = is_tls(connection)
    played = PlayedSocket(
        (connection.host, connection.port),
        connection.timeout,
        aside=aside.live if isinstance(aside, TapSocket) else aside,
        tls=tls,
    )
    about: Any = connection
    if tls and hasattr(about, "is_verified"):
        from urllib3.util.ssl_ import resolve_cert_reqs

        wanted = resolve_cert_reqs(getattr(about, "cert_reqs", None))
        about.is_verified = wanted == ssl.CERT_REQUIRED or bool(getattr(about, "assert_fingerprint", None))
    if hasattr(about, "_has_connected_to_proxy"):
        about._has_connected_to_proxy = bool(about.proxy)
    _to_nowhere.add(connection)
    return played


_to_nowhere: weakref.WeakSet[http.client.HTTPConnection] = weakref.WeakSet()
"""Connections whose socket leads nowhere: they are kept alive as live ones, as long as a deck is in."""


def restore(connection: http.client.HTTPConnection) -> None:
    """Give a connection its live socket back, or none: its next request connects."""
    if isinstance(connection.sock, PlayedSocket):
        connection.sock = connection.sock.step_aside()
    _to_nowhere.discard(connection)


def restore_all() -> None:
    """Nothing plays any more."""
    for connection in list(_to_nowhere):
        restore(connection)


class Exchange:
    """One request on a connection, which it does not keep alive: it is found by it."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._of = weakref.ref(connection)

    @property
    def _connection(self) -> http.client.HTTPConnection:
        connection = self._of()
        assert connection is not None, "who writes or reads has it"
        return connection


class LiveExchange(Exchange):
    """One request to the live service, recorded."""

    def __init__(
        self, connection: http.client.HTTPConnection, deck: Deck, number: int, method: str, target: str
    ) -> None:
        super().__init__(connection)
        self._deck = deck
        self._number = number
        self._recording = deck.record(number)
        self._method = method
        self._uri = uri_of(connection, target)
        self._tapped: TapSocket | None = None

    @property
    def pending(self) -> bool:
        """Whether it has no connection yet."""
        return self._tapped is None

    def unreachable(self, failure: Exception) -> None:
        """It gets none."""
        self._deck.unreachable(self._number, self._method, self._uri, why_failed(self._connection, failure), failure)

    def tap(self) -> TapSocket:
        """Connect where that is still to be done, and put the ear on the live socket."""
        if self._tapped is not None:
            return self._tapped
        connection = self._connection
        if connection.sock is None and connection.auto_open:
            with connecting_live(connection):
                connection.connect()
        live = connection.sock
        capture = Capture(self._recording, self._method, self._uri, clock.ticking(), takes_interim=True)
        self._tapped = tap = TapSocket(live, capture)
        connection.sock = tap

        def unwrap() -> None:
            still = self._of()
            if still is not None and still.sock is tap:
                still.sock = live

        capture.whenever_over = unwrap
        return tap


class PlayedExchange(Exchange):
    """One request whose answer is looked for in a deck, once it is wholly written."""

    def __init__(self, connection: http.client.HTTPConnection, deck: Deck, method: str, target: str) -> None:
        super().__init__(connection)
        self._deck = deck
        self._method = method
        self._target = target
        self._ahead = _ahead.pop(connection, None)
        self._number = deck.ask() if self._ahead is None else self._ahead
        self._asked = RequestReader(method, uri_of(connection, target))
        self._said = b""
        self._continued = self._decided = False
        self._swallowed: TypeError | None = None
        self._arrivals: Arrivals | None = None
        self._live: TapSocket | None = None
        self._live_file: TapFile | None = None

    def begin(self) -> None:
        """Put a socket to nowhere in the live one's place."""
        connection = self._connection
        if self._ahead is None:
            refuse(connection, self._deck, self._number, self._method, uri_of(connection, self._target))
        played = play_socket(connection)
        played.exchange = self
        connection.sock = played
        _current[connection] = self

    def written(self, data: bytes) -> Arrivals | None:
        """See ``Played``."""
        if self._swallowed is not None:
            raise self._swallowed
        if self._live is not None:
            self._live.sendall(data)
            return None
        self._asked.feed(data)
        asked = self._asked
        if asked.complete or (not self._decided and asked.has_head and self._deck.answers_early(asked.request)):
            self._decide()
        if self._arrivals is not None and self._arrivals.breaks_off and not asked.complete:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        return self._arrivals if self._arrivals is not None and self._arrivals.blocks else None

    def ready(self) -> bool:
        """See ``Played``."""
        waits = self._asked.expects_continue and not self._asked.complete and not self._decided
        if waits and not self._continued:
            self._continued, self._said = True, CONTINUE
        return bool(self._said)

    def said(self, most: int) -> bytes:
        """See ``Played``."""
        self.ready()
        given, self._said = self._said[:most], self._said[most:]
        return given

    def source(self) -> Arrivals | TapFile:
        """See ``Played``."""
        if not self._decided:
            self._decide()
        if self._live is not None:
            # The client reads already from the socket to nowhere; it gets what the live one gives.
            self._live_file = self._live_file or self._live.open_file()
            return self._live_file
        assert self._arrivals is not None, "decided"
        return self._arrivals

    def closed(self) -> None:
        """See ``Played``."""
        if self._live_file is not None:
            self._live_file.close()
        if self._arrivals is not None:
            self._arrivals.stop()
        connection = self._of()
        played = connection.sock if connection is not None else None
        if connection is not None and isinstance(played, PlayedSocket) and played.exchange is self:
            played.exchange = None
            if played.aside is not None:
                restore(connection)

    def _decide(self) -> None:
        if self._decided:
            return
        self._decided = True
        try:
            tape = self._deck.play(self._number, self._asked.request)
        except TypeError as failure:  # a suite's matcher's: http.client takes it for its own, and sends byte by byte
            self._swallowed = failure
            raise
        if tape is None:
            self._go_live()
            return
        name = self._deck.name(self._number)
        self._arrivals = Arrivals(tape, self._method, self._deck.pace, name, clock.monotonic)
        self._deck.follow(self._number, self._arrivals)

    def _go_live(self) -> None:
        """Ask the live service after all, now that the request is known to be new."""
        connection = self._connection
        limit = connection.sock.gettimeout()
        restore(connection)
        live = LiveExchange(connection, self._deck, self._number, self._method, self._target)
        _current[connection] = live
        self._live = live.tap()
        self._live.settimeout(limit)
        self._live.sendall(self._asked.written)
