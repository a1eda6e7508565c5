"""One live exchange, told to a recording: what the client wrote, what it heard, how it ended.

Knows no client and no clock of its own. A failure in here never reaches the client, in whose midst it is called.
"""

from __future__ import annotations

import errno
from collections import deque
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.cuts import Received
from fakegpt_testkit.exchange import SOCK_WRITE, Breach, Chunk, Ending, EndingKind, Head
from fakegpt_testkit.wire.leaving import Leaving
from fakegpt_testkit.wire.reading import SWITCHING_PROTOCOLS, RequestReader, ResponseReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fakegpt_testkit.wire.deck import ExchangeSink

TICKS_PER_SECOND: Final = 10_000
"""How finely moments are told apart. Two arrivals never share one: at the same moment means that they came together."""
TOGETHER: Final = 64 * 1024
"""Bytes that are told by themselves: to redact many at once takes many times their size in memory."""
_SMALL: Final = 4096
"""A piece with fewer bytes may wait for others."""
_MOST: Final = 256
"""So many wait at most, whatever keeps them from being told in time."""
_BREAKS_AN_UPLOAD: Final = frozenset({EndingKind.RESET, EndingKind.EOF, EndingKind.TIMEOUT, EndingKind.CANCELLED})
"""What ends an exchange as well where its request is not whole: the rest of it makes no difference."""
_ENDS: Final = (b"\r\n\r\n", b"\n\n")
"""What a body in HTTP chunks ends with, after its trailer too."""
_LEAST: Final = len(_ENDS[0])
_LAST_CHUNK: Final = b"0\r\n\r\n"
_EVENT: Final = b"\n\n\r\n"
"""What an HTTP chunk ends with that holds an event: no body's end."""
_EVENT_OF_CRLF: Final = b"\r\n\r\n\r\n"
"""The same, with such ends of lines."""


class Moments:
    """Seconds since a request was sent, by the clock that a client goes by; each later than the one before."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.restart()

    def restart(self) -> None:
        """The request is sent now."""
        self._began = self._clock()
        self._tick = -1

    def next(self, now: float | None = None) -> float:
        """Now, or when the clock said so."""
        tick = round(((self._clock() if now is None else now) - self._began) * TICKS_PER_SECOND)
        self._tick = tick = tick if tick > self._tick else self._tick + 1
        return tick / TICKS_PER_SECOND if tick > 0 else 0.0

    @property
    def last(self) -> float:
        """The moment that was given last."""
        return max(self._tick, 0) / TICKS_PER_SECOND


class Capture:
    """Hears one exchange over HTTP/1; ``over`` once nothing more is told.

    Much of a stream is heard in small pieces. Where the recording lets them wait they are read together, which costs a
    fraction; ``answer`` is whole as soon as the body's end was heard. ``takes_interim``: see ``ResponseReader``.
    """

    def __init__(
        self,
        recording: ExchangeSink,
        method: str,
        uri: str,
        clock: Callable[[], float],
        *,
        takes_interim: bool = False,
    ) -> None:
        self._recording = recording
        self._named = f"{method} {uri}"
        self._moments = Moments(clock)
        self.untold: deque[tuple[float, bytes]] = deque()
        """What came and was not told yet."""
        self._may_wait = False  # what comes next
        self._waits = False  # what is untold: it is told in time
        self._failed = False  # to read or to tell, which another thread may have done
        self._clock = clock
        self._coded = Received()
        self._leaving = Leaving(recording, clock, self._moments)
        self.asked = RequestReader(method, uri)
        self.answer = ResponseReader(method, takes_interim=takes_interim)
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
        self.digest()
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
            self.untold.append((self._clock(), data))

    def digest(self) -> None:
        """Tell of what has arrived, once nobody else does."""
        with self._recording.lock:
            if self.untold:
                self.tell()
        if self._failed and not self.over:
            self._step_aside()

    def soon(self) -> bool:
        """Tell of what has arrived, now; or give False: it waits, and is told in time."""
        with self._recording.lock:
            if self._may_wait and 0 < len(self.untold) < _MOST and _goes_on(self.untold[-1][1]):
                self._waits = self._waits or self._recording.later(self.tell)
                if self._waits:
                    return False
        self.digest()
        self._may_wait = self.answer.goes_on
        return True

    def heard(self, data: bytes) -> None:
        """Bytes came together, now; none is the end of the connection."""
        # By far the most. After a wait each step takes some times as long as it does in a loop, and a search ten times.
        if self._waits and len(data) < _SMALL and (data[-4:] == _EVENT or _goes_on(data)):
            self.untold.append((self._clock(), data))
            if len(self.untold) < _MOST and self._waits:
                return  # else much waits, or another thread has told meanwhile, and may have missed it
        elif data:
            self.arrived(data)
        else:
            self.ended()
            return
        if self.soon() and (self.answer.finished or self.answer.malformed not in {None, Breach.HEAD}):
            self.left()

    def tell(self) -> None:
        """Tell of what is untold, which any thread may do: what the client has got is not to get lost as it waits."""
        with self._recording.lock:
            self._waits = False
            arrived = [self.untold.popleft() for _ in range(len(self.untold))]  # more may come meanwhile
            if self._failed:
                return
            try:
                self._hear_all(arrived)
            except Exception as failure:
                self._failed, self._may_wait = True, False
                self._recording.failed(self._named, failure)

    def ended(self) -> None:
        """The server has closed the connection in order."""
        self.digest()
        if self.over:
            return
        with self._apart():
            self._moments.next()
            self.answer.read_end()
            if self.answer.malformed:
                self._finish(EndingKind.MALFORMED, self.answer.note)
            else:
                self._finish(EndingKind.COMPLETE if self.answer.finished else EndingKind.EOF, self.answer.note)

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
                self._finish(EndingKind.COMPLETE, self.answer.note)
            elif self.answer.malformed:
                self._finish(EndingKind.MALFORMED, self.answer.note)
            elif self.answer.mislabelled:
                self._finish(EndingKind.MALFORMED, Breach.CODING.value)
            else:
                self._finish(kind, note)

    def _hear_all(self, arrived: list[tuple[float, bytes]]) -> None:
        if self.over:
            return
        next_moment, answer = self._moments.next, self.answer
        chunks: list[Chunk] = []
        size = 0
        for when, data in arrived:
            at = next_moment(when)
            if part := answer.one_http_chunk(data):  # by far the most
                size += len(part)
                chunks.append(Chunk(at, part, (len(part),)))
            elif (chunk := self._chunk_of(data, at)) is not None:
                size += len(chunk.data)
                chunks.append(chunk)
                del chunk  # of a packed body some hundred times what came, so it is held nowhere else
            if size > TOGETHER:
                self._pass_on(chunks)
                size = 0
        self._pass_on(chunks)

    def _pass_on(self, chunks: list[Chunk]) -> None:
        if chunks:
            self._leaving.look(b"".join([chunk.data for chunk in chunks]))
            self._recording.chunk(*chunks)
            chunks.clear()

    def _chunk_of(self, data: bytes, when: float) -> Chunk | None:
        if self.over:
            return None
        had_head = self.answer.head is not None
        if self.answer.malformed:  # a client that takes such a head reads on
            return Chunk(when, data)
        chunk = self.answer.take(data, when)
        if self.answer.malformed is Breach.HEAD:
            self._recording.request(self.asked.request)
            return Chunk(when, self.answer.unread)
        head = self.answer.head
        if head is not None and not had_head:
            if head.status == SWITCHING_PROTOCOLS:
                self._step_aside()
                self._recording.discard()
                return None
            self._recording.request(self.asked.request)
            self._recording.head(head if self.asked.complete else replace(head, early=True))
        if self.answer.coded is not None:
            self._coded.add(*self.answer.coded)
        return chunk

    def _finish(self, kind: EndingKind, note: str = "") -> None:
        if self.over:
            return
        came = self._moments.last
        by_bytes = kind in {EndingKind.COMPLETE, EndingKind.MALFORMED}
        ended_at = self._moments.last if by_bytes else self._moments.next()
        self._step_aside()
        if self.answer.head is None and self.answer.malformed is None:
            if kind is EndingKind.ABANDONED and not self.asked.complete:
                self._recording.discard()  # the client's own mistake, which ends the replayed request before it is one
                return
            self._recording.request(self.asked.request)
            cut_off = self.asked.has_head and (not self.asked.complete or note == SOCK_WRITE)
            if kind in _BREAKS_AN_UPLOAD and cut_off:
                self._recording.head(Head(0, at=ended_at, early=True))
            if self.answer.unread:  # some clients take a head that was cut off for a whole one
                self._recording.chunk(Chunk(came, self.answer.unread))
        self._recording.ended(Ending(kind, ended_at, note, self._leaving.at), self._coded)

    def _step_aside(self) -> None:
        self.over, self._may_wait, self._waits = True, False, False
        act, self.whenever_over = self.whenever_over, _nothing  # so that neither keeps the other
        act()

    @contextmanager
    def _apart(self) -> Iterator[None]:
        try:
            yield
        except Exception as failure:
            self._step_aside()
            self._recording.failed(self._named, failure)


def _goes_on(data: bytes) -> bool:
    """Whether this is little of a body, and no end of one."""
    if not _LEAST <= len(data) < _SMALL or _LAST_CHUNK in data:
        return False
    return not data.endswith(_ENDS) or data.endswith((_EVENT, _EVENT_OF_CRLF))


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
