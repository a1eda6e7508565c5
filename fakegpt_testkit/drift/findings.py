"""What a comparison finds, as values: differences with a severity, and all those of one verified cassette.

Knows neither how they are found nor how they are shown.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from fakegpt_testkit.errors import BadSetting

if TYPE_CHECKING:
    from collections.abc import Sequence


class Severity(IntEnum):
    """What a difference means to a program that reads the answers."""

    SAME = 0
    """None."""
    HARMLESS = 1
    """The same shape says something else: another text, other ids, other times."""
    ADDED = 2
    """Something new: a field, a type of event, a request."""
    BROKEN = 3
    """Something that was there is gone or is of another type; another status, another ending."""

    @property
    def word(self) -> str:
        """Its name, as it is written in options and reports."""
        return self.name.lower()


NEVER: Final = "never"
THRESHOLDS: Final = (*(each.word for each in Severity if each), NEVER)
"""From which severity on a drift counts as a failure."""


def check_threshold(name: str, threshold: str) -> None:
    """Raise ``BadSetting`` for an unknown threshold."""
    if threshold not in THRESHOLDS:
        raise BadSetting(name, threshold, f"one of {', '.join(THRESHOLDS)}")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was. ``number`` counts the flow's requests from 1, ``where`` names the request."""

    severity: Severity
    number: int
    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Unasked:
    """A recorded request that was not asked again; ``why`` says why it could not be, empty when nobody wanted it."""

    number: int
    where: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Drift:
    """What the verification of one cassette found. ``compared`` is how many answers were compared.

    ``test`` is who asked, empty for the command line; ``command`` is what to type to record the cassette again.
    """

    cassette: str
    compared: int
    differences: tuple[Difference, ...] = ()
    unasked: tuple[Unasked, ...] = ()
    test: str = ""
    command: str = ""

    @property
    def severity(self) -> Severity:
        """The worst of it."""
        return worst(self.differences)

    @property
    def word(self) -> str:
        """The severity in a word; another one where not a single answer came."""
        return self.severity.word if self.compared or self.differences else "not verified"

    def fails(self, threshold: str) -> bool:
        """Whether something is at least as severe as the threshold says."""
        return threshold != NEVER and self.severity >= Severity[threshold.upper()]

    def dump(self) -> dict[str, Any]:
        """As values that JSON and pytest-xdist can carry."""
        found = [{**asdict(each), "severity": each.severity.word} for each in self.differences]
        unasked = [asdict(each) for each in self.unasked]
        return {**asdict(self), "severity": self.severity.word, "differences": found, "unasked": unasked}

    @staticmethod
    def load(said: dict[str, Any]) -> Drift:
        """Back from these values."""
        found = (Difference(**{**each, "severity": Severity[each["severity"].upper()]}) for each in said["differences"])
        unasked = tuple(Unasked(**each) for each in said["unasked"])
        return Drift(said["cassette"], said["compared"], tuple(found), unasked, said["test"], said["command"])


def worst(found: Sequence[Difference]) -> Severity:
    """The severity of all of it."""
    return max((each.severity for each in found), default=Severity.SAME)
