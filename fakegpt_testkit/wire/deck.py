"""What decides over each request while a cassette is open, as protocols: a client asks, a recorder answers.

Knows no client and no cassette.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from fakegpt_testkit.cuts import Received
    from fakegpt_testkit.exchange import Chunk, Ending, Head, Request, Tape

Pace = Literal["lockstep", "recorded"] | float
"""When the next arrival comes: when the client reads, at its recorded moment, or at a multiple of it."""


class Playback(Protocol):
    """What a client did with an answer, now or when it let go of it; bytes are counted after content decoding."""

    @property
    def fed(self) -> int:
        """How many bytes of the body have arrived at the client."""

    @property
    def read(self) -> int:
        """How many bytes of the body the client has taken."""

    @property
    def left_early(self) -> bool:
        """Whether the client left before all was played."""


class OngoingPlayback(Playback, Protocol):
    """The same while it may still play. It keeps nothing of the client alive."""

    @property
    def is_open(self) -> bool:
        """Whether more is to be played, and the client has not let go."""


class ExchangeSink(Protocol):
    """One exchange while it is recorded; except ``later`` and ``chunk`` each is called once at most, in this order."""

    @property
    def reads_on(self) -> bool:
        """Whether the rest of an answer that the client leaves is wanted."""

    def request(self, request: Request) -> None:
        """The request, as far as the client had sent it when the answer began."""

    def head(self, head: Head) -> None:
        """The response's head."""

    @property
    def lock(self) -> AbstractContextManager[object]:
        """Held by the thread that tells of the exchange."""

    def later(self, tell: Callable[[], None]) -> bool:
        """Whether some of the body, which came now, may wait for more of it: ``tell`` is called soon, once.

        From whatever thread, and also where it was told before.
        """

    def chunk(self, *chunks: Chunk) -> None:
        """Bytes of the body that arrived together, each time."""

    def ended(self, ending: Ending, received: Received | None = None) -> None:
        """The response ended; nothing follows.

        ``received`` is all of a body that had a content coding, arrival by arrival, as it came.
        """

    def discard(self) -> None:
        """The exchange has left HTTP, for a WebSocket for instance, or never became one; nothing follows."""

    def failed(self, request: str, failure: Exception) -> None:
        """What was heard could not be read; nothing follows. The client goes on, and knows nothing of it."""


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

    def passes(self, uri: str, *, asks: bool) -> bool:
        """Whether a request is no part of the recording, and goes as if no deck were in. ``asks``: it is asked now."""

    def unreachable(self, number: int, method: str, uri: str, why: Ending | None, failure: BaseException) -> None:
        """No connection came about for this request: keep why, and tell the failure what a person must know.

        The client gets the failure. ``why`` is None where it is of a kind that nothing can replay.
        """

    def stopped(self, client: str, method: str, uri: str) -> Exception:
        """The error of a request by a client that is neither recorded nor played: it must not go live unseen."""

    def ask(self) -> int:
        """Count a request at the moment it is asked; gives its number, from 0."""

    def refuse(self, number: int, method: str, uri: str) -> Ending | None:
        """Why this request gets no connection, by an effect; None when it gets one. Asked before ``play``."""

    def play(self, number: int, request: Request) -> Tape | None:
        """The recorded answer; None sends the request to the live service. Raises when it must not go there."""

    def answers_early(self, request: Request) -> bool:
        """Whether a recorded answer began when no more of a request had been sent than of this one by now."""

    def follow(self, number: int, playback: OngoingPlayback) -> None:
        """Told what plays to this request, as it begins."""

    def record(self, number: int) -> ExchangeSink:
        """A new recording of the request that was asked as this one."""

    def name(self, number: int) -> str:
        """What an error calls the answer that this request was given."""
