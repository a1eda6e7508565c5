"""One request on httpcore: what its played and its recorded way share, whether it is awaited or not.

Never waits and never reads: what is to be slept and what then comes is said to who does.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fakegpt_testkit import clock
from fakegpt_testkit.clients.unconnected import WAITED
from fakegpt_testkit.exchange import SOCK_WRITE, EndingKind
from fakegpt_testkit.wire.arrivals import Arrivals
from fakegpt_testkit.wire.capture import Capture, reset_name
from fakegpt_testkit.wire.reading import RequestReader

if TYPE_CHECKING:
    from types import ModuleType

    from fakegpt_testkit.exchange import Ending
    from fakegpt_testkit.wire.deck import Deck, ExchangeSink

KEY: Final = "fakegpt_testkit.exchange"
"""The extension of a request in which its exchange travels from the pool to the connection that it gets."""
LONGEST_SLEEP: Final = 3600.0
READ_SIZE: Final = 65536
PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class GoLive(Exception):
    """Nothing is recorded for this request, and the deck records."""


@dataclass(slots=True)
class Asked:
    """A request as the pool got it; ``number`` is the deck's, ``connected`` whether it got a connection."""

    deck: Deck
    number: int
    method: str
    uri: str
    connected: bool = False

    def record(self) -> ExchangeSink:
        """A new recording of it, now that it has a connection."""
        self.connected = True
        return self.deck.record(self.number)

    def capture(self) -> Capture:
        """What hears such a recording; see ``Capture``."""
        return Capture(self.record(), self.method, self.uri, clock.waiting())

    @property
    def refusal(self) -> Ending | None:
        """Why it finds no connection, where it finds none."""
        return self.deck.refuse(self.number, self.method, self.uri)

    def knocking(self, refusal: Ending, limit: float | None) -> float:
        """The seconds that it waits for a connection that never comes: the client's own, except in lockstep."""
        return limit if limit and refusal.note in WAITED and self.deck.pace != "lockstep" else 0.0

    def unreachable(self, why: Ending | None, failure: Exception) -> None:
        """It found no connection, if it did not."""
        if not self.connected:
            self.deck.unreachable(self.number, self.method, self.uri, why, failure)


@dataclass(slots=True)
class Played:
    """A request whose answer is looked for in a deck, once it is wholly written."""

    asked: Asked
    peer: tuple[str, int]
    reader: RequestReader = field(init=False)
    arrivals: Arrivals | None = None

    def __post_init__(self) -> None:
        self.reader = RequestReader(self.asked.method, self.asked.uri)

    def playing(self) -> Arrivals:
        """What plays, from the first read on. Raises what the deck does, and ``GoLive``."""
        if self.arrivals is None:
            deck, number = self.asked.deck, self.asked.number
            tape = deck.play(number, self.reader.request)
            if tape is None:
                raise GoLive
            self.arrivals = Arrivals(tape, self.asked.method, deck.pace, deck.name(number), clock.waiting())
            deck.follow(number, self.arrivals)
        return self.arrivals

    def written(self, data: bytes) -> bool:
        """A part of the request; gives whether it could be sent: an early answer may have ended the connection."""
        self.reader.feed(data)
        deck, reader = self.asked.deck, self.reader
        if self.arrivals is None and reader.has_head and deck.answers_early(reader.request):
            self.playing()
        return self.arrivals is None or reader.complete or not self.arrivals.breaks_off

    @property
    def blocks(self) -> bool:
        """Whether the server takes no more of the request, so that the client waits until it has waited too long."""
        return self.arrivals is not None and self.arrivals.blocks

    @property
    def hung_up(self) -> bool:
        """Whether all has played and a live server would have closed the connection then."""
        return self.arrivals is not None and self.arrivals.hung_up

    def stop(self) -> None:
        """The client lets go of the connection."""
        if self.arrivals is not None:
            self.arrivals.stop()


asking: ContextVar[Played] = ContextVar("fakegpt_testkit_httpcore_asking")
"""The request for which a connection to nowhere is being made: a backend is told its peer only."""


def ask(deck: Deck, request: Any) -> Asked:
    """Count a request."""
    return Asked(deck, deck.ask(), request.method.decode(), uri_of(request))


def goes_live(asked: Asked, request: Any) -> bool:
    """Whether no recorded answer is looked for: nor for what may leave HTTP, where the live service is there."""
    deck = asked.deck
    return not deck.plays or (deck.records and any(name.lower() == b"upgrade" for name, _ in request.headers))


def uri_of(request: Any) -> str:
    """The absolute URI that is asked."""
    url = request.url
    scheme, host = url.scheme.decode(), url.host.decode()
    host = f"[{host}]" if ":" in host else host
    port = "" if url.port in {None, PORTS.get(scheme)} else f":{url.port}"
    return f"{scheme}://{host}{port}{url.target.decode('latin-1')}"


def peer_of(request: Any) -> tuple[str, int]:
    """Whom the client believes to talk to."""
    return request.url.host.decode(), request.url.port or PORTS.get(request.url.scheme.decode(), 0)


def with_exchange(core: ModuleType, request: Any, exchange: Asked | Played, content: Any = None) -> Any:
    """The same request with its exchange; ``content`` in place of a body that was read to look for the answer."""
    return core.Request(
        request.method,
        request.url,
        headers=request.headers,
        content=request.stream if content is None else content,
        extensions={**request.extensions, KEY: exchange},
    )


def shadow_options(pool: Any) -> dict[str, Any]:
    """What a pool of connections to nowhere has from the live one: its limits make requests wait as they do live."""
    return {
        "ssl_context": pool._ssl_context,
        "max_connections": pool._max_connections,
        "max_keepalive_connections": pool._max_keepalive_connections,
        "keepalive_expiry": pool._keepalive_expiry,
        "retries": pool._retries,
    }


def lose(core: ModuleType, capture: Capture, failure: BaseException) -> None:
    """Tell a recording how the wait for bytes ended."""
    if isinstance(failure, core.ReadTimeout):
        capture.lost(EndingKind.TIMEOUT, "sock_read")
    elif isinstance(failure, core.NetworkError):
        capture.lost(EndingKind.RESET, reset_name(failure))
    else:
        capture.left(EndingKind.CANCELLED)


def lose_writing(core: ModuleType, capture: Capture, failure: BaseException) -> None:
    """The same of what the server did not take. After an error of the connection the client looks for an answer."""
    if isinstance(failure, core.WriteTimeout):
        capture.lost(EndingKind.TIMEOUT, SOCK_WRITE)
    elif not isinstance(failure, core.NetworkError):
        capture.left(EndingKind.CANCELLED)


def as_recorded(response: Any, exchange: Played) -> Any:
    """The response with the version that was recorded: HTTP/2 plays as HTTP/1.1 bytes."""
    if exchange.arrivals is not None and exchange.arrivals.version == "2":
        response.extensions["http_version"] = b"HTTP/2"
        response.extensions.pop("reason_phrase", None)
        response.extensions["stream_id"] = 1
    return response
