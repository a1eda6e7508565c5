"""Keeps the journal of what is recorded: as it comes, redacted, and anew when something turns out to be a secret.

Knows neither the client nor the file: exchanges come in as values, and a log is given.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from fakegpt_testkit import clock, redaction
from fakegpt_testkit.errors import StorageError
from fakegpt_testkit.exchange import Chunk, Ending, Head, Provenance, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence

    from fakegpt_testkit.recorder.reel import Reel
    from fakegpt_testkit.redaction import Redactor, StreamRedactor

    _Write = Callable[["Log"], None]

_WORTH: Final = 8
_FREE: Final = 8 * 2**20
"""A journal is written anew as long as that reads at most eight times what came, and 8 MiB; twice that at an end."""
_PAUSE: Final = 0.25
"""Seconds after which at the latest what has come is noted."""
_GAP: Final = 0.05
"""Seconds after which a piece is no part of a fast stream, and is noted as it comes."""
_AT_FIRST: Final = 2
"""So many pieces of a body are noted as they come, however fast."""
_MUCH: Final = 64 * 1024
"""Bytes that are noted whenever they are there."""


@dataclass(slots=True)
class Noted:
    """An exchange as far as it has come, as it may be shown."""

    number: int
    request: Request
    provenance: Provenance
    head: Head | None
    chunks: Sequence[Chunk]
    ending: Ending | None


@dataclass(slots=True)
class _Running:
    """An exchange as far as it has come."""

    number: int
    request: Request
    provenance: Provenance
    reel: Reel
    head: Head | None = None
    ending: Ending | None = None
    pieces: int = 0
    """How often some of the body was told."""
    last_at: float = 0.0
    """When the last of it came."""

    def is_alone(self, first: Chunk, *others: Chunk) -> bool:
        """Whether this is one of the body's first pieces, or came so long after the one before that it is noted now."""
        is_alone = self.pieces < _AT_FIRST or float(first.at) - self.last_at >= _GAP
        self.pieces += 1
        self.last_at = float(others[-1].at if others else first.at)
        return is_alone


class _Held(NamedTuple):
    """Something of an exchange that has come and is not noted yet."""

    number: int
    redact: Callable[[], _Write]
    """Takes its secrets out, and gives what writes it."""
    ends: bool


class Log(Protocol):
    """Where a recording is noted while it runs, for the case that the process dies; see ``storage.Journal``."""

    def request(self, number: int, request: Request, provenance: Provenance) -> None: ...

    def head(self, number: int, head: Head) -> None: ...

    def chunk(self, number: int, *chunks: Chunk) -> None: ...

    def ending(self, number: int, ending: Ending) -> None: ...

    def begin_anew(self, exchanges: Iterable[Noted]) -> None: ...


class NoLog:
    """The log of a recording whose journal could not be made: it goes on without."""

    def request(self, number: int, request: Request, provenance: Provenance) -> None: ...

    def head(self, number: int, head: Head) -> None: ...

    def chunk(self, number: int, *chunks: Chunk) -> None: ...

    def ending(self, number: int, ending: Ending) -> None: ...

    def begin_anew(self, exchanges: Iterable[Noted]) -> None: ...


class Notes:
    """The journal of one use of a cassette.

    Much of a stream comes in small pieces. The first are noted as they come, and those of a slow one; of a fast one
    those of a quarter of a second are noted together, which costs a fraction, and its end with the last of them. What
    is saved before that is never noted.

    What a later message shows to be a secret may stand in what is noted already. So the journal is written anew, from
    what the process has in memory, before that message is noted. Where messages show new secrets all the time, it
    is emptied, and waits with both until that pays.
    """

    def __init__(self, redactor: Redactor, open_log: Callable[[], Log], lose: Callable[[int, Exception], None]) -> None:
        self._redactor = redactor
        self._lose = lose
        self._open_log = open_log
        self._log: Log | None = None
        self._exchanges: dict[int, tuple[_Running, StreamRedactor]] = {}
        self._known = redactor.known
        self._size = 0
        self._read_again = 0
        self._emptied = False
        self._waiting: dict[Callable[[], None], None] = {}
        self._held: list[_Held] = []
        self._held_size = 0
        self._last_at = float("-inf")  # when a piece came of which somebody asked whether it may wait
        self._stop_waking: Callable[[], None] | None = None
        self._lock = Lock()

    def begin_log_anew(self) -> None:
        """Note what is recorded from now on in another log: all that the last one has is saved."""
        with self._lock:
            self._log = None
            self._held.clear()
            self._held_size = 0
            self._exchanges.clear()
            self._size = self._read_again = 0

    def end_log(self) -> None:
        """Note nothing more: all is saved, or is not wanted. What has come is still met by the redactor."""
        with self._lock:
            self._log = NoLog()

    def keep(self, numbers: Container[int]) -> None:
        """Keep in memory these exchanges alone: the others are saved, and no journal written anew needs them."""
        with self._lock:
            self._held = [each for each in self._held if each.number in numbers]
            self._exchanges = {number: each for number, each in self._exchanges.items() if number in numbers}
            self._size = self._read_again = 0

    def request(self, number: int, request: Request, provenance: Provenance, reel: Reel) -> None:
        """An exchange begins; its answer's body will be on the reel."""

        def redact() -> _Write:
            self._size += len(request.body) + len(request.uri)
            shown = self._redactor.request(request)
            return lambda log: log.request(number, shown, provenance)

        with self._lock:
            running = _Running(number, request, provenance, reel)
            self._exchanges[number] = running, redaction.StreamRedactor(self._redactor)
        self._hold(number, redact, len(request.body))

    def head(self, number: int, head: Head) -> None:
        """Its answer's head came."""

        def redact() -> _Write:
            noted = self._exchanges[number][0]
            noted.head = head
            self._exchanges[number] = noted, redaction.StreamRedactor(self._redactor, head.headers)
            shown = self._redactor.head(head)
            return lambda log: log.head(number, shown)

        self._hold(number, redact)

    def chunk(self, number: int, *chunks: Chunk) -> None:
        """Some of its answer's body came, and is on the reel."""
        size = sum([len(chunk.data) for chunk in chunks])

        def redact() -> _Write:
            self._size += size
            shown = self._exchanges[number][1].feed(*chunks)
            return lambda log: log.chunk(number, *shown)

        self._hold(number, redact, size, chunks)

    def ending(self, number: int, ending: Ending) -> None:
        """Its answer ended. Where redaction changed its body, the head is made true."""

        def redact() -> _Write:
            noted, stream = self._exchanges[number]
            noted.ending = ending
            rest = stream.close()
            told = replace(ending, note=self._redactor.note(ending.note))
            if stream.changed:
                self._known = -1

            def write(log: Log) -> None:
                log.chunk(number, *rest)
                log.ending(number, told)

            return write

        self._hold(number, redact, ends=True)

    def later(self, number: int, tell: Callable[[], None]) -> bool:
        """Whether some of a body may wait; ``tell`` is called in time. See ``ExchangeSink``."""
        with self._lock:
            before, self._last_at = self._last_at, clock.monotonic()
            running = self._running(number)
            if running is None or running.pieces < _AT_FIRST or self._last_at - before >= _GAP:
                return False
            if not self._is_awaited():
                return False
            self._waiting[tell] = None
            return True

    def gather(self) -> None:
        """Have all that waits told."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for tell in waiting:  # without the lock, since who tells has one of its own
            tell()

    def note(self) -> None:
        """Note all that has come; the redactor has met it then."""
        self.gather()
        with self._lock:
            self._note_held()

    def meet(self, saved: Container[int]) -> None:
        """The same, unless all that is not noted is of exchanges that are saved: who saves them reads them."""
        self.gather()
        with self._lock:
            if self._redactor.settings.functions or any(each.number not in saved for each in self._held):
                self._note_held()

    def stop(self) -> None:
        """Wake up no more."""
        with self._lock:
            if self._stop_waking is not None:
                self._stop_waking()
            self._stop_waking = None

    def _is_awaited(self) -> bool:
        """Whether a thread wakes up that notes what has come."""
        if self._stop_waking is None:
            self._stop_waking = clock.call_each(_PAUSE, self._wake)
        return self._stop_waking is not None

    def _wake(self) -> bool:
        with self._lock:
            if not self._held and not self._waiting:
                self._stop_waking = None
                return False
        self.note()
        self._last_at = clock.monotonic()  # what comes next is no single one
        return True

    def _hold(
        self,
        number: int,
        redact: Callable[[], _Write],
        size: int = 0,
        chunks: Sequence[Chunk] = (),
        *,
        ends: bool = False,
    ) -> None:
        with self._lock:
            running = self._running(number)
            if running is None:
                return
            self._held.append(_Held(number, redact, ends))
            self._held_size += size
            at_once = bool(chunks) and running.is_alone(*chunks)
            if at_once or self._held_size >= _MUCH or not self._is_awaited():
                self._note_held()

    def _running(self, number: int) -> _Running | None:
        return self._exchanges[number][0] if number in self._exchanges else None

    def _note_held(self) -> None:
        held, self._held, self._held_size = self._held, [], 0
        writes = []
        for each in held:
            if each.number not in self._exchanges:
                continue
            try:
                writes.append(each.redact())
            except Exception as failure:  # of a suite's own function, say
                del self._exchanges[each.number]
                self._lose(each.number, failure)
        if writes:
            self._note(writes, ended=any(each.ends for each in held))

    def _note(self, writes: list[_Write], *, ended: bool) -> None:
        """The journal is a safety net: without it the recording goes on."""
        if self._log is None:
            self._log = self._open_log()
        try:
            if self._redactor.known == self._known:
                for write in writes:
                    write(self._log)
            elif self._read_again + self._size <= (_FREE + _WORTH * self._size) * (2 if ended else 1):
                self._read_again += self._size
                self._begin_anew(self._log)
            elif not self._emptied:
                self._emptied = True
                self._log.begin_anew(())  # it may hold what was shown just now
        except StorageError as failure:
            tell_of(f"{failure}; the recording goes on")

    def _begin_anew(self, log: Log) -> None:
        read = [self._so_far(*each) for each in self._exchanges.values()]
        self._emptied = False
        self._known = self._redactor.known  # before it is written: what is new in the meantime is for the next time
        log.begin_anew([written() for written in read])

    def _so_far(self, noted: _Running, stream: StreamRedactor) -> Callable[[], Noted]:
        """What of an exchange may be shown: no event in which a secret has begun and not ended."""
        request = self._redactor.reading_request(noted.request)
        tape = noted.reel.first(stream.taken, noted.head or Head(0), noted.ending or Ending())
        response = self._redactor.reading_response(tape)

        def written() -> Noted:
            told = response()
            head = told.head if noted.head is not None else None
            ending = told.ending if noted.ending is not None else None
            return Noted(noted.number, request(), noted.provenance, head, told.pieces, ending)

        return written


def tell_of(problem: str) -> None:
    """Warn of what stops nothing: where warnings are errors in words alone, for the client would meet the error."""
    try:
        warnings.warn(problem, RuntimeWarning, stacklevel=3)
    except RuntimeWarning:
        sys.stderr.write(f"RuntimeWarning: {problem}\n")
