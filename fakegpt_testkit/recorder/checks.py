"""What goes wrong unseen: old recordings, those that nobody asks for, faults that meet no answer, clients not met.

Knows no clock: the moment comes in, warnings and errors go out.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Protocol

from fakegpt_testkit.clients.unmet import find_unmet
from fakegpt_testkit.errors import (
    AnswerTextChanged,
    CassetteStale,
    ClientUnmet,
    FakeGptTestkitError,
    FakeGptTestkitWarning,
    FaultNeverApplied,
    ForkRecorded,
    InteractionsUnplayed,
    OwnServerRecorded,
    StreamLeftOpen,
)
from fakegpt_testkit.recorder.modes import RecordMode

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fakegpt_testkit.cassette import Cassette
    from fakegpt_testkit.exchange import Interaction
    from fakegpt_testkit.recorder.forks import Forks
    from fakegpt_testkit.recorder.settings import Advice, Checks, Consequence


class Used(Protocol):
    """What was made of a cassette: by a session in this process, or by a server."""

    @property
    def path(self) -> str:
        """The cassette, as a person would write it."""

    @property
    def plays(self) -> bool:
        """Whether it answers requests."""

    @property
    def loaded(self) -> Cassette:
        """What it answers from."""

    @property
    def recorded(self) -> tuple[Interaction, ...]:
        """What was recorded."""

    @property
    def exchanged(self) -> tuple[Interaction, ...]:
        """What was played and recorded."""

    @property
    def refused(self) -> tuple[FakeGptTestkitError, ...]:
        """Why requests were not answered."""

    @property
    def passed(self) -> int:
        """How many requests were no part of it."""

    @property
    def unplayed_numbers(self) -> tuple[int, ...]:
        """What was not asked for, from 1."""

    @property
    def unapplied(self) -> tuple[tuple[str, str], ...]:
        """The faults that changed no answer."""


def renews(
    wanted: Checks, mode: RecordMode, path: str, interactions: Iterable[Interaction], now: datetime, advice: Advice
) -> bool:
    """Whether the cassette is to be recorded anew. If not, and it is stale: warns, or raises ``CassetteStale``.

    Of recordings that do not say when they were made, nobody knows; of those that are asked again, it does not matter.
    """
    oldest = wanted.oldest
    if oldest is None or mode.asks_everything:
        return False
    made = [moment for each in interactions if (moment := each.provenance.moment) is not None]
    if not made or now - min(made) <= oldest:
        return False
    if wanted.stale == "record" and mode is not RecordMode.NONE:
        return True
    problem = CassetteStale(path, min(made).date().isoformat(), oldest.days, advice.record(RecordMode.REWRITE.value))
    if wanted.stale == "fail":
        raise problem
    warnings.warn(FakeGptTestkitWarning(problem), stacklevel=5)  # points at use_cassette's block
    return False


def check_unplayed(session: Used, then: Consequence) -> None:
    """Warn of interactions that were not asked for, or raise ``InteractionsUnplayed``, where the session plays."""
    numbers = session.unplayed_numbers
    if then == "ignore" or not numbers or not session.plays:
        return
    interactions = session.loaded.interactions
    titles = tuple((number, interactions[number - 1].request.title) for number in numbers)
    _follow(then, InteractionsUnplayed(session.path, len(interactions), titles))


def check_unapplied(session: Used, then: Consequence) -> None:
    """Warn of faults that changed no answer, or raise ``FaultNeverApplied``, where all that was asked was played."""
    if then == "ignore" or not session.unapplied or not session.plays or session.recorded:
        return
    played = tuple(each.request.title for each in session.exchanged)
    _follow(then, FaultNeverApplied(session.path, session.unapplied, played))


def check_refused(session: Used, then: Consequence) -> None:
    """Warn of requests that were refused, or raise the first one's error again: a program may have swallowed it."""
    if then == "ignore" or not session.refused:
        return
    _follow(then, session.refused[0])


def check_changed(session: Used, saved: Cassette) -> None:
    """Warn of answers whose text a replay will not give as the program heard it."""
    from fakegpt_testkit.recorder.changes import changed

    came = session.recorded
    if places := changed(came, saved.interactions[-len(came) :]):
        _follow("warn", AnswerTextChanged(session.path, places))


def check_unmet(session: Used) -> None:
    """Warn of clients that are loaded and that no cassette meets."""
    if unmet := find_unmet():
        _follow("warn", ClientUnmet(session.path, unmet))


def check_own(session: Used, servers: Iterable[str]) -> None:
    """Warn of servers of this process that were recorded: an app under test would not run on replay."""
    if session.recorded and (found := tuple(sorted(servers))):
        _follow("warn", OwnServerRecorded(session.path, found))


def check_forks(path: str, forks: Forks | None) -> None:
    """Warn of what copies of this process recorded."""
    if forks is not None and forks.recorded:
        _follow("warn", ForkRecorded(path))


def check_open(path: str, left_open: tuple[str, ...]) -> None:
    """Warn of answers that had not ended when the cassette was closed."""
    if left_open:
        _follow("warn", StreamLeftOpen(path, left_open))


def _follow(then: Consequence, problem: FakeGptTestkitError) -> None:
    if then == "fail":
        raise problem
    warnings.warn(FakeGptTestkitWarning(problem), stacklevel=5)  # points at the end of use_cassette's block
