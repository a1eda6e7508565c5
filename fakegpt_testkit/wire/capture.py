"""One live exchange, told to a recording: what the client wrote, what it heard, how it ended.

Knows no client and no clock of its own. A failure in here never reaches the client, in whose midst it is called.
"""

from __future__ import annotations

import errno
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.cuts import Received
from fakegpt_testkit.exchange import SURPLUS, Breach, Chunk, Ending, EndingKind, Head
from fakegpt_testkit.wire.leaving import Leaving
from fakegpt_testkit.wire.reading import SWITCHING_PROTOCOLS, RequestReader, ResponseReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fakegpt_testkit.wire.deck import ExchangeSink

TICKS_PER_SECOND: Final = 10_000
"""How finely moments are told apart. Two arrivals never share one: at the same moment means that they came together."""


class Moments:
    """Seconds since a request was sent, by the clock that a client goes by; each later than the one before."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.restart()

    def restart(self) -> None:
        """The request is sent now."""
        self._began = self._clock()
        self._tick = -1

    def next(self) -> float:
        """Now."""
        self._tick = max(self._tick + 1, round((self._clock() - self._began) * TICKS_PER_SECOND))
        return self.last

    @property
    def last(self) -> float:
        """The moment that was given last."""
        return max(self._tick, 0) / TICKS_PER_SECOND


class Capture:
    """Hears one exchange over HTTP/1; ``over`` once nothing more is told."""

    def __init__(self, recording: ExchangeSink, method: str, uri: str, clock: Callable[[], float]) -> None:
        self._recording = recording
        self._named = f"{method} {uri}"
        self._moments = Moments(clock)
        self._arrived: list[tuple[float, bytes]] = []
        self._coded = Received()
        self._leaving = Leaving(recording, clock, self._moments)
        self.asked = RequestReader(method, uri)
        self.answer = ResponseReader(method)
        self.over = False
        self.whenever_over: Callable[[], None] = _nothing
        """Called once, when nothing more is told: who listens takes its ear away."""

    def grace(self) -> float:
        """How many seconds it is still worth to read on where the client leaves."""
        self.digest()
        if self.over or self.answer.finished or self.answer.malformed:
            return 0.0
        return self._leaving.grace()

    @property
    def reusable(self) -> bool:
        """Whether the whole answer came and the server keeps the connection open."""
        return self.answer.finished and self.answer.keeps_open

    def written(self, data: bytes) -> None:
        """The client sends a part of its request."""
        if self.over:
            return
        with self._apart():
            self.asked.feed(data)
            if self.answer.head is None:
                self._moments.restart()

    def arrived(self, data: bytes) -> None:
        """Bytes came together, now; they are read at the next call of ``digest``, or of what ends the exchange."""
        if not self.over:
            self._arrived.append((self._moments.next(), data))

    def digest(self) -> None:
        """Tell of what has arrived."""
        arrived, self._arrived = self._arrived, []
        with self._apart():
            for when, data in arrived:
                if not self.over:
                    self._read(data, when)

    def heard(self, data: bytes) -> None:
        """Bytes came together, now; none is the end of the connection."""
        if data:
            self.arrived(data)
            self.digest()
            if self.answer.finished or self.answer.malformed not in {None, Breach.HEAD}:
                self.left()
        else:
            self.ended()

    def ended(self) -> None:
        """The server has closed the connection in order."""
        self.digest()
        if self.over:
            return
        with self._apart():
            self._moments.next()
            self.answer.read_end()
            if self.answer.malformed:
                self._finish(EndingKind.MALFORMED, self.answer.malformed.value)
            else:
                self._finish(EndingKind.COMPLETE if self.answer.finished else EndingKind.EOF)

    def lost(self, kind: EndingKind, note: str = "") -> None:
        """The exchange ended in another way than by its bytes."""
        self.digest()
        with self._apart():
            self._finish(kind, note)

    def left(self, kind: EndingKind = EndingKind.ABANDONED, note: str = "") -> None:
        """The client let go of the connection: the answer is whole, or it did not want the rest, for that reason."""
        self.digest()
        with self._apart():
            if self.answer.finished:
                self._finish(EndingKind.COMPLETE, SURPLUS if self.answer.surplus else "")
            elif breach := self.answer.malformed or (Breach.CODING if self.answer.mislabelled else None):
                self._finish(EndingKind.MALFORMED, breach.value)
            else:
                self._finish(kind, note)

    def _read(self, data: bytes, when: float) -> None:
        had_head = self.answer.head is not None
        if self.answer.malformed:  # a client that takes such a head reads on
            self._recording.chunk(Chunk(when, data))
            return
        chunk = self.answer.read(data, when)
        if self.answer.malformed is Breach.HEAD:
            self._recording.request(self.asked.request)
            self._recording.chunk(Chunk(when, self.answer.unread))
            return
        head = self.answer.head
        if head is not None and not had_head:
            if head.status == SWITCHING_PROTOCOLS:
                self._step_aside()
                self._recording.discard()
                return
            self._recording.request(self.asked.request)
            self._recording.head(head if self.asked.complete else replace(head, early=True))
        if self.answer.coded is not None:
            self._coded.add(*self.answer.coded)
        if chunk is not None:
            self._leaving.look(chunk.data)
            self._recording.chunk(chunk)

    def _finish(self, kind: EndingKind, note: str = "") -> None:
        if self.over:
            return
        by_bytes = kind in {EndingKind.COMPLETE, EndingKind.MALFORMED}
        ended_at = self._moments.last if by_bytes else self._moments.next()
        self._step_aside()
        if self.answer.head is None and self.answer.malformed is None:
            self._recording.request(self.asked.request)
            if kind in {EndingKind.RESET, EndingKind.EOF} and self.asked.has_head and not self.asked.complete:
                self._recording.head(Head(0, at=ended_at, early=True))
        self._recording.ended(Ending(kind, ended_at, note, self._leaving.at), self._coded)

    def _step_aside(self) -> None:
        self.over = True
        self.whenever_over()

    @contextmanager
    def _apart(self) -> Iterator[None]:
        try:
            yield
        except Exception as failure:
            self._step_aside()
            self._recording.failed(self._named, failure)


def _nothing() -> None:
    """Nobody listens."""


def reset_name(failure: BaseException | None) -> str:
    """The name of the error number behind a library's own exception; ``ECONNRESET`` where there is none."""
    for each in origins(failure):
        if isinstance(each, OSError) and each.errno:
            return errno.errorcode.get(each.errno, str(each.errno))
    return "ECONNRESET"


def origins(failure: BaseException | None) -> Iterator[BaseException]:
    """A failure and what it came from, each once though they may name each other; of several attempts the first."""
    seen: set[int] = set()
    while failure is not None and id(failure) not in seen:
        seen.add(id(failure))
        yield failure
        if isinstance(failure, BaseExceptionGroup):
            failure = failure.exceptions[0]
        else:
            failure = failure.__cause__ or failure.__context__  # httpcore's pool raises it again from None
