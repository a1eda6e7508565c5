"""One world of answers: its cassettes, how they are matched, spoilt and paced, what was played, and its journal.

Knows no socket: a request in, an answer or an error out.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Final, TypedDict, Unpack

from fakegpt_testkit import clock
from fakegpt_testkit.errors import FakeGptTestkitError
from fakegpt_testkit.exchange import Head, Interaction, Tape, header
from fakegpt_testkit.matching import chosen
from fakegpt_testkit.recorder.injection import Injection
from fakegpt_testkit.recorder.selection import Selection, not_connected, without_secrets
from fakegpt_testkit.recorder.settings import Settings
from fakegpt_testkit.redaction import Redaction, Redactor
from fakegpt_testkit.serving.fitting import fit
from fakegpt_testkit.serving.journal import Entry, RequestJournal, Together
from fakegpt_testkit.serving.plan import SendProgress
from fakegpt_testkit.serving.reading import Limits
from fakegpt_testkit.serving.timing import RECORDED
from fakegpt_testkit.serving.unreachable import unreachable
from fakegpt_testkit.wire.writing import encode_head

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.exchange import Request
    from fakegpt_testkit.serving.acting import Casting, StandIn
    from fakegpt_testkit.serving.fitting import Here
    from fakegpt_testkit.serving.library import Shelf
    from fakegpt_testkit.serving.plan import Plan
    from fakegpt_testkit.serving.timing import Timing

MATCH_ON: Final = ("method", "path", "query", "choice", "body")
"""What decides by default: the host that is asked is the server's own."""
_SENT_UNASKED: Final = ("accept", "accept-language", "origin")
"""What a browser sends by itself. It decides where a recorded request of that path says something there too."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a world answers. ``steady``: equal requests get the same answer, whoever has asked before."""

    settings: Settings = field(default_factory=lambda: Settings(match_on=MATCH_ON))
    timing: Timing = RECORDED
    steady: bool = False
    command: str = ""
    """What errors tell to type, to record what is missing."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is played: the tape as it goes out, and the cassette's own, where no effect has changed it.

    A ``plan`` says how it goes out, where that is not as a tape does.
    """

    tape: Tape
    recorded: Tape | None
    progress: SendProgress
    plan: Plan | None = None


class Became(TypedDict, total=False):
    """What became of a request, as far as it is known; see ``Entry``."""

    played: Interaction
    progress: SendProgress
    problem: FakeGptTestkitError
    live: bool


class Shared:
    """What the worlds of one server keep together: a bound for their journals, and what was read of the cassettes."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.journals = Together()
        self._read: tuple[Shelf, list[Request]] | None = None

    def wanted(self, shelf: Shelf, redactor: Redactor) -> list[Request]:
        """The recorded requests without their secrets, read once for all worlds that have the same cassettes."""
        if self._read is None or self._read[0] is not shelf:
            self._read = shelf, without_secrets(shelf.interactions, redactor)
        return self._read[1]


class World:
    """Answers requests from some cassettes, or by a stand-in; ``journal`` says what became of each."""

    def __init__(
        self, shelf: Shelf, terms: Terms, shared: Shared | None = None, casting: Casting | None = None
    ) -> None:
        self.shelf = shelf
        self.terms = terms
        self.stand_in: StandIn | None = None
        """What answers in the place of the cassettes."""
        self._casting = casting
        self._shared = shared or Shared()
        self._numbers = count(1)
        self.reset()

    def reset(self) -> None:
        """Nothing was asked yet; the faults count from the start, and a stand-in knows nobody."""
        self.journal = RequestJournal(most_body=self._shared.limits.noted, together=self._shared.journals)
        self.stand_in = self._casting() if self._casting is not None else None
        self._select()

    def serve(self, shelf: Shelf, terms: Terms | None = None) -> None:
        """Answer from other cassettes, or on other terms, from now on.

        The journal stays, and what was played where the cassettes are the same.
        """
        same, plays = shelf is self.shelf, self._selection.plays
        self.shelf = shelf
        self.terms = terms or self.terms
        self._select()
        if same:
            self._selection.plays[:] = plays

    def ask(self, request: Request, here: Here) -> Outgoing | FakeGptTestkitError:
        """The answer to a request, fitted to its connection, or why there is none; noted either way."""
        number = next(self._numbers)
        at = _now()
        try:
            if self.stand_in is not None:
                return self._act(self.stand_in, Entry(number, at, request, self.stand_in.name), here)
            index, tape = self._choose(number, request)
        except Exception as failure:
            problem = as_problem(failure)
            self.journal.add(Entry(number, at, request, problem=problem))
            return problem
        finally:
            self._selection.forget(number)
        given = self._interactions[index]
        fitted = fit(tape, request.method, here, self._origins)
        progress = SendProgress(fitted, request.method)
        recorded = tape is given.response
        played = given if recorded else replace(given, response=tape)
        where = self.shelf.where(index)
        self.journal.add(Entry(number, at, request, where, played, progress, recorded=recorded))
        return Outgoing(fitted, given.response if recorded else None, progress)

    def _act(self, stand_in: StandIn, entry: Entry, here: Here) -> Outgoing:
        request = entry.request
        act = stand_in.act(request, framed=here.version != "1.0")
        tape = fit(act.tape, request.method, here, ())
        if not here.keeps_open and tape.head.status and header(tape.headers, "Connection") is None:
            tape = tape.with_head(replace(tape.head, headers=(*tape.headers, ("Connection", "close"))))
        plan = act.write(encode_head(tape.head, tape.head.headers)) if act.write is not None else None
        progress = SendProgress(tape, request.method)
        self.journal.add(replace(entry, played=Interaction(request, tape), progress=progress, recorded=False))
        return Outgoing(tape, None, progress, plan)

    def note(self, request: Request, source: str, **more: Unpack[Became]) -> int:
        """Note a request that is answered elsewhere; its number, by which ``journal.complete`` can tell the rest."""
        number = next(self._numbers)
        self.journal.add(Entry(number, _now(), request, source, **more))
        return number

    @property
    def name(self) -> str:
        """What people call what answers."""
        return self.shelf.name if self.stand_in is None else self.stand_in.name

    @property
    def unplayed_numbers(self) -> tuple[int, ...]:
        """The same by their numbers among all, from 1."""
        return tuple(number for number, plays in enumerate(self._selection.plays, 1) if not plays)

    @property
    def unplayed(self) -> tuple[str, ...]:
        """The interactions that were never handed out."""
        return tuple(self.shelf.where(index) for index, plays in enumerate(self._selection.plays) if not plays)

    @property
    def unapplied(self) -> tuple[tuple[str, str], ...]:
        """The faults that changed no answer so far, each with the reason."""
        return self._selection.unapplied

    def shown(self, request: Request) -> Request:
        """A request without secrets, to be shown."""
        return self._redactor.anew().request(request)

    def shown_interaction(self, interaction: Interaction) -> Interaction:
        """The same of a whole exchange."""
        return self._redactor.anew().interaction(interaction)

    def eraser(self) -> Callable[[str], str]:
        """What takes the secrets of what was asked out of a text."""
        redactor = self._redactor.anew()
        for each in self.journal.entries:
            redactor.request(each.request)
        return redactor.known_out

    def _select(self) -> None:
        settings = self.terms.settings
        self._interactions = tuple(each.in_dialect(settings.dialect) for each in self.shelf.interactions)
        self._origins = self.shelf.origins
        self._redactor = Redactor(settings.redaction or Redaction(), os.environ)
        self._said: dict[str, set[str]] = {}
        for each in self._interactions:
            said = self._said.setdefault(each.request.path, set())
            said.update(name for name in _SENT_UNASKED if chosen(name, each.request.headers))
        changes = Injection(settings.faults, settings.recut)
        redactor = self._redactor.anew()
        self._selection = Selection(
            self._interactions,
            settings,
            changes,
            lambda: redactor,
            steady=self.terms.steady,
            wanted=partial(self._shared.wanted, self.shelf, redactor),
        )

    def _choose(self, number: int, request: Request) -> tuple[int, Tape]:
        method = "GET" if request.method == "HEAD" and not self._has_head(request) else request.method
        unsaid = {*_SENT_UNASKED} - self._said.get(request.path, set())
        told = tuple(each for each in request.headers if each[0].lower() not in unsaid)
        request = request if len(told) == len(request.headers) else replace(request, headers=told)
        wanted = request if method == request.method else replace(request, method=method)
        ending = self._selection.refuse(number, wanted)
        if ending is not None:
            index = self._selection.changed[number][0]
            recorded = self._interactions[index].request.uri if not_connected(self._interactions[index]) else ""
            return index, unreachable(recorded, ending.note) if recorded else Tape(Head(0), (), ending)
        tape = self._selection.choose(number, wanted, records=False, went_live=False)
        if tape is None:
            raise self._selection.explain(request, self.shelf.name, self.terms.command)
        return self._selection.given[number], tape

    def _has_head(self, request: Request) -> bool:
        """Whether a HEAD of this path was recorded; else the recording of its GET tells the same."""
        return any(each.request.method == "HEAD" and each.request.path == request.path for each in self._interactions)


def as_problem(failure: Exception) -> FakeGptTestkitError:
    """Why a request has no answer; without the frames that would keep all that was looked at."""
    if isinstance(failure, FakeGptTestkitError):
        return failure.with_traceback(None)
    return FakeGptTestkitError(f"no answer could be chosen, since what chooses one raised {failure!r}")


def _now() -> str:
    return clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
