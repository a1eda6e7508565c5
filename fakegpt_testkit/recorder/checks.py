"""What rots unseen: recordings that are too old, those that nobody asks for any more, faults that meet no answer.

Knows no clock: the moment comes in, warnings and errors go out.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.errors import (
    BadSetting,
    CassetteStale,
    FakeGptTestkitWarning,
    FaultNeverApplied,
    InteractionsUnplayed,
)
from fakegpt_testkit.matching import title

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fakegpt_testkit.exchange import Interaction
    from fakegpt_testkit.recorder.session import Session

_UNITS: Final = {"h": "hours", "d": "days", "w": "weeks"}
_CONSEQUENCES: Final = ("ignore", "warn", "fail")
_WHEN_STALE: Final = ("warn", "fail", "record")


def read_age(age: str | float | timedelta) -> timedelta:
    """A time from its text, such as ``30d``, ``12h`` or ``8w``, or from a number of days."""
    if isinstance(age, timedelta):
        return age
    said = re.fullmatch(r"(\d+(?:\.\d+)?)([hdw]?)", str(age).strip())
    if said is None:
        raise BadSetting("max_age", age, "a time such as 12h, 30d or 8w")
    return timedelta(**{_UNITS[said[2] or "d"]: float(said[1])})


@dataclass(frozen=True, slots=True)
class Age:
    """How old a recording may be, and what becomes of it then; ``records``: the run may make it anew."""

    oldest: timedelta
    stale: str
    records: bool

    def __post_init__(self) -> None:
        if self.stale not in _WHEN_STALE:
            raise BadSetting("stale", self.stale, f"one of {', '.join(_WHEN_STALE)}")

    def renews(self, path: str, interactions: Iterable[Interaction], now: datetime, command: str) -> bool:
        """Whether the cassette is to be recorded anew. If not, and it is stale: warns, or raises ``CassetteStale``.

        Of recordings that do not say when they were made, nobody knows.
        """
        made = [moment for each in interactions if (moment := _moment(each.provenance.at)) is not None]
        if not made or now - min(made) <= self.oldest:
            return False
        if self.stale == "record" and self.records:
            return True
        anew = command.replace("new_episodes", "rewrite")  # which would keep what is too old
        problem = CassetteStale(path, min(made).date().isoformat(), self.oldest.days, anew)
        if self.stale == "fail":
            raise problem
        warnings.warn(FakeGptTestkitWarning(problem), stacklevel=4)
        return False


def _moment(at: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def check_unplayed(session: Session, then: str) -> None:
    """Warn of interactions that were not asked for, or raise ``InteractionsUnplayed``, where the session plays."""
    _check_consequence("unplayed", then)
    numbers = session.unplayed_numbers
    if then == "ignore" or not numbers or not session.plays:
        return
    interactions = session.loaded.interactions
    titles = tuple((number, title(interactions[number - 1].request)) for number in numbers)
    _follow(then, InteractionsUnplayed(session.path, len(interactions), titles))


def check_unapplied(session: Session, then: str) -> None:
    """Warn of faults that changed no answer, or raise ``FaultNeverApplied``, where all that was asked was played."""
    _check_consequence("unapplied", then)
    if then == "ignore" or not session.unapplied or not session.plays or session.recorded:
        return
    played = tuple(title(each.request) for each in session.exchanged)
    _follow(then, FaultNeverApplied(session.path, session.unapplied, played))


def _check_consequence(option: str, then: str) -> None:
    if then not in _CONSEQUENCES:
        raise BadSetting(option, then, f"one of {', '.join(_CONSEQUENCES)}")


def _follow(then: str, problem: FaultNeverApplied | InteractionsUnplayed) -> None:
    if then == "fail":
        raise problem
    warnings.warn(FakeGptTestkitWarning(problem), stacklevel=5)  # points at the end of use_cassette's block
