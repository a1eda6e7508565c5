"""Keeps the journal of what is recorded: as it comes, redacted, and anew when something turns out to be a secret.

Knows neither the client nor the file: exchanges come in as values, and a log is given.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Final, Protocol

from fakegpt_testkit import clock, redaction
from fakegpt_testkit.errors import StorageError
from fakegpt_testkit.exchange import Chunk, Ending, Head, Provenance, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence

    from fakegpt_testkit.recorder.reel import Reel
    from fakegpt_testkit.redaction import Redactor, StreamRedactor

_WORTH: Final = 8
_FREE: Final = 8 * 2**20
"""A journal is written anew as long as that reads at most eight times what came, and 8 MiB; twice that at an end."""
_AT_FIRST: Final = 4
_PAUSE: Final = 0.25
"""So many chunks are noted as they come, and one more for each so many seconds; more of them are noted together."""


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

    Much of a stream comes in small pieces. The first are noted as they come; of more of them those of a quarter of
    a second are noted together, which costs a fraction. Nothing waits longer than until the client waits.

    What a later message shows to be a secret may stand in what is noted already. So the journal is written anew, from
    what the process has in memory, before that message is noted. Where messages show new secrets all the time, it
    is emptied, and waits with both until that pays.
    """

    def __init__(self, redactor: Redactor, open_log: Callable[[], Log]) -> None:
        self._redactor = redactor
        self._open_log = open_log
        self._log: Log | None = None
        self._exchanges: dict[int, tuple[_Running, StreamRedactor]] = {}
        self._known = redactor.known
        self._size = 0
        self._read_again = 0
        self._emptied = False
        self._waiting: dict[Callable[[], None], None] = {}
        self._due_at = self._called_at = float("-inf")
        self._lock = Lock()

    def open(self) -> None:
        """Open the log, if there is none."""
        with self._lock:
            if self._log is None:
                self._log = self._open_log()

    def begin_log_anew(self) -> None:
        """Note what is recorded from now on in another log: all that the last one has is saved."""
        with self._lock:
            self._log = None
            self._exchanges.clear()
            self._size = self._read_again = 0

    def keep(self, numbers: Container[int]) -> None:
        """Keep in memory these exchanges alone: the others are saved, and no journal written anew needs them."""
        with self._lock:
            self._exchanges = {number: each for number, each in self._exchanges.items() if number in numbers}
            self._size = self._read_again = 0

    def request(self, number: int, request: Request, provenance: Provenance, reel: Reel) -> None:
        """An exchange begins; its answer's body will be on the reel."""
        with self._lock:
            self._exchanges[number] = (
                _Running(number, request, provenance, reel),
                redaction.StreamRedactor(self._redactor),
            )
            self._size += len(request.body) + len(request.uri)
            shown = self._redactor.request(request)
            self._note(lambda log: log.request(number, shown, provenance))

    def head(self, number: int, head: Head) -> None:
        """Its answer's head came."""
        with self._lock:
            if number not in self._exchanges:
                return
            noted = self._exchanges[number][0]
            noted.head = head
            self._exchanges[number] = noted, redaction.StreamRedactor(self._redactor, head.headers)
            shown = self._redactor.head(head)
            self._note(lambda log: log.head(number, shown))

    def later(self, tell: Callable[[], None], now: float, *, calls: bool) -> float:
        """Until when some of a body may wait; ``tell`` is called then. See ``ExchangeSink``."""
        with self._lock:
            self._due_at = max(self._due_at, now - (_AT_FIRST - 1) * _PAUSE)
            if now >= self._due_at:
                self._due_at += _PAUSE
                return now
            if not calls and now >= self._called_at:
                if not clock.call_soon(_PAUSE, self.note):
                    return now
                self._called_at = now + _PAUSE
            self._waiting[tell] = None
            return self._due_at if calls else self._called_at

    def note(self) -> None:
        """Have all that waits told."""
        if self._waiting:
            with self._lock:
                waiting, self._waiting = self._waiting, {}
                self._due_at = max(self._due_at, self._called_at + _PAUSE)
            for tell in waiting:  # without the lock, since who tells has one of its own
                tell()

    def chunk(self, number: int, *chunks: Chunk) -> None:
        """Some of its answer's body came, and is on the reel."""
        with self._lock:
            if number not in self._exchanges:
                return
            _, stream = self._exchanges[number]
            self._size += sum([len(chunk.data) for chunk in chunks])
            shown = stream.feed(*chunks)
            if shown:
                self._note(lambda log: log.chunk(number, *shown))

    def ending(self, number: int, ending: Ending) -> None:
        """Its answer ended. Where redaction changed its body, the head is made true."""
        with self._lock:
            if number not in self._exchanges:
                return
            noted, stream = self._exchanges[number]
            noted.ending = ending
            rest = stream.close()
            told = replace(ending, note=self._redactor.note(ending.note))
            if stream.changed:
                self._known = -1

            def note(log: Log) -> None:
                log.chunk(number, *rest)
                log.ending(number, told)

            self._note(note, ended=True)

    def _note(self, write: Callable[[Log], None], *, ended: bool = False) -> None:
        """The journal is a safety net: without it the recording goes on."""
        if self._log is None:
            return
        try:
            if self._redactor.known == self._known:
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
