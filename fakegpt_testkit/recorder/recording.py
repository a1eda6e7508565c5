"""One exchange while it is recorded: kept as values, and noted in the journal.

Knows neither the client nor the file: the seam tells it what happens, the session asks it for the interaction.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import chain
from threading import Lock, RLock
from typing import TYPE_CHECKING

from fakegpt_testkit import clock
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Interaction, Provenance, header
from fakegpt_testkit.recorder.origins import Origins, canonical_head, canonical_request
from fakegpt_testkit.recorder.reel import Reel
from fakegpt_testkit.wire.writing import keep_received

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fakegpt_testkit.cuts import Received
    from fakegpt_testkit.exchange import Request
    from fakegpt_testkit.recorder.forks import Forks
    from fakegpt_testkit.recorder.noting import Notes
    from fakegpt_testkit.recorder.room import Room

_NOTED_AT_ONCE = 2**18
STAND_IN = "fakegpt-testkit-upstream"
"""How a stand-in's ``Server`` field begins."""


class Recordings:
    """The recordings of one use of a cassette, by the number of the request; true once there is one."""

    def __init__(
        self,
        origins: Origins,
        make_notes: Callable[[Callable[[int, Exception], None]], Notes],
        make_room: Callable[[], Room],
        *,
        reads_on: bool = False,
        dialect: str = "",
        forks: Forks | None = None,
    ) -> None:
        self._reads_on = reads_on
        self._dialect = dialect
        self._make_room = make_room
        self._origins = origins
        self._make_notes = make_notes
        self._begun: dict[int, RecordedExchange] = {}
        self._any = False
        self._lock = Lock()
        self.forks = forks
        self._is_apart = False

    def __bool__(self) -> bool:
        return self._any

    def begin(self, number: int) -> RecordedExchange:
        """A new recording of the request that was asked as this one."""
        if self.forks is not None and self.forks.copied:
            self.forks.note()
            self._set_apart()
        elif self._any:
            self._notes.gather()
        with self._lock:
            self._any = True
            recording = RecordedExchange(number, self._origins, self._notes, self._room, self._reads_on, self._dialect)
            self._begun[number] = recording
            return recording

    def _set_apart(self) -> None:
        """A copy of the process notes nothing: the thread that does may have held these locks as it was copied."""
        if not self._is_apart:
            self._is_apart = True
            self._lock = Lock()
            self._notes = self._make_notes(self._lose)
            self._notes.end_log()

    @cached_property
    def _notes(self) -> Notes:
        """Made by the first one: most cassettes in use record nothing."""
        return self._make_notes(self._lose)

    @cached_property
    def _room(self) -> Room:
        return self._make_room()

    @property
    def by_number(self) -> dict[int, Interaction]:
        """What was recorded whole, by the number of the request."""
        begun = sorted(self._begun.items())
        return {number: each.interaction for number, each in begun if each.interaction is not None}

    @property
    def interactions(self) -> tuple[Interaction, ...]:
        """What was recorded whole, in the order it was asked."""
        return tuple(self.by_number.values())

    @property
    def lost(self) -> tuple[tuple[str, Exception], ...]:
        """The requests that could not be recorded, with the reason."""
        return tuple(each.lost for _, each in sorted(self._begun.items()) if each.lost is not None)

    def heard(self, number: int) -> Interaction | None:
        """What was recorded of one request, once it is whole."""
        return self._begun[number].interaction if number in self._begun else None

    def forget_ended(self) -> None:
        """Keep only those that still run: the others are saved, and one that records for ever must not grow."""
        with self._lock:
            self._begun = {number: each for number, each in self._begun.items() if not each.is_over}
            self._notes.keep(self._begun)

    def forget(self, number: int) -> None:
        """Keep nothing of this one."""
        with self._lock:
            self._begun.pop(number, None)

    def drop_unconnected(self) -> None:
        """Forget the requests that found no connection: a program that failed of it is to ask again."""
        for each in [*self._begun.values()]:
            if each.interaction is not None and each.interaction.response.ending.kind is EndingKind.UNCONNECTED:
                each.discard()

    @property
    def left_open(self) -> dict[int, str]:
        """The requests whose answers have not ended, or had not when it was stopped, by their numbers."""
        return {number: each.title for number, each in sorted(self._begun.items()) if each.is_open}

    def _lose(self, number: int, failure: Exception) -> None:
        if number in self._begun:
            self._begun[number].lose(failure)

    def note(self) -> None:
        """Note all that has come, so that the redactor has met it."""
        if self._any:
            self._notes.note()

    def meet(self) -> None:
        """Have the redactor meet what nobody reads who saves the interactions."""
        if self._any:
            self._notes.meet(self.by_number)

    def begin_log_anew(self) -> None:
        """Note what is recorded from now on in another log: all that the last one has is saved."""
        with self._lock:
            if self._any:
                self._notes.begin_log_anew()

    def end_log(self) -> None:
        """Note nothing more: all is saved, or is not wanted."""
        if self._any:
            self._notes.end_log()

    def stop(self) -> None:
        """Take what still runs as it is now."""
        if self._any:
            self._notes.gather()
        for each in [*self._begun.values()]:
            each.stop()
        self.meet()
        if self._any:
            self._notes.stop()


class RecordedExchange:
    """What a client heard. ``interaction`` is None until the exchange has ended, and for one that left HTTP.

    ``lost`` is the request and the reason, when it could not be recorded.
    """

    def __init__(self, number: int, origins: Origins, notes: Notes, room: Room, reads_on: bool, dialect: str) -> None:
        self.reads_on = reads_on
        self.lock = RLock()
        self._dialect = dialect
        self.interaction: Interaction | None = None
        self.lost: tuple[str, Exception] | None = None
        self._number = number
        self._origins = origins
        self._notes = notes
        self._room = room
        self._request: Request | None = None
        self._origin = ""
        self._head = Head(0)
        self._reel = Reel()
        self._over = False
        self._stopped = False

    @property
    def title(self) -> str:
        """How people call the request."""
        return "a request without an answer yet" if self._request is None else self._request.title

    @property
    def is_open(self) -> bool:
        """Whether its answer has not ended, or had not when it was stopped; one that is read on has been let go of."""
        began = self._request is not None and self._head.status != 0
        return began and not self.reads_on and (self._stopped or not self._over)

    @property
    def is_over(self) -> bool:
        """Whether nothing more of it is kept."""
        return self._over

    def request(self, request: Request) -> None:
        self._request, self._origin = canonical_request(request, self._origins)
        self._notes.request(self._number, self._request, self._provenance(), self._reel)
        self._room.request(self._request)

    def head(self, head: Head) -> None:
        self._head = replace(canonical_head(head, self._origins), dialect=self._dialect)
        self._notes.head(self._number, self._head)
        self._room.head(self._head)

    def later(self, tell: Callable[[], None]) -> bool:
        return self._notes.later(self._number, tell)

    def chunk(self, *chunks: Chunk) -> None:
        if self._over:
            return
        self._reel.add(*chunks)
        size = sum([len(chunk.data) for chunk in chunks])
        if size <= _NOTED_AT_ONCE:
            self._notes.chunk(self._number, *chunks)
        else:
            for part in chain.from_iterable(map(_parts, chunks)):
                self._notes.chunk(self._number, part)
        self._room.body(size)

    def ended(self, ending: Ending, received: Received | None = None) -> None:
        if self._over or self._request is None:
            return
        self._over = True
        self._notes.ending(self._number, ending)
        tape = keep_received(self._reel.tape(self._head, ending), received, self._request.method)
        self.interaction = Interaction(self._request, tape, self._provenance())

    def unconnected(self, request: Request, ending: Ending) -> None:
        """The request found no connection: all that is known of it is what was to be asked, and where."""
        self.request(request)
        self.ended(ending)

    def discard(self) -> None:
        self._over = True
        self.interaction = None

    def failed(self, request: str, failure: Exception) -> None:
        if self.interaction is None:
            self._over = True
            self.lost = request, failure

    def lose(self, failure: Exception) -> None:
        """What was heard could not be redacted."""
        self._over = True
        self.interaction = None
        self.lost = self.title, failure

    def stop(self) -> None:
        """The client still reads, or has forgotten the response; for the recording it has left."""
        with self.lock:  # another thread may be telling
            self._stopped = self.is_open
            last = self._head.at if self._reel.last is None else self._reel.last
            self.ended(Ending(EndingKind.ABANDONED, last, "still open when the cassette was closed"))
            self._over = True

    def _provenance(self) -> Provenance:
        server = header(self._head.headers, "Server") or ""
        return Provenance(
            at=clock.now().isoformat(timespec="seconds").replace("+00:00", "Z"),
            origin=self._origin,
            server=server if server.startswith(STAND_IN) else "",
        )


def _parts(chunk: Chunk) -> Iterator[Chunk]:
    """A chunk for the journal, which takes many times the size of what it reads at once: a packed one may be large."""
    if len(chunk.data) <= _NOTED_AT_ONCE:
        yield chunk
        return
    for start in range(0, len(chunk.data), _NOTED_AT_ONCE):
        yield Chunk(chunk.at, chunk.data[start : start + _NOTED_AT_ONCE])
