"""What a run did with its cassettes: the figures of each test, of the run, and the cassettes that no test uses.

Knows no recording and no network: each test's figures come in as a value that xdist can carry, text and JSON go out.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROPERTY: Final = "fakegpt"
"""The JUnit property of a test that holds its figures, as JSON."""

_SUFFIXES: Final = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Figures:
    """One test. ``unplayed`` are the numbers of the interactions, from 1, that it did not ask for."""

    test: str
    cassette: str = ""
    mode: str = ""
    passed: bool = False
    loaded: int = 0
    replayed: int = 0
    recorded: int = 0
    unplayed: tuple[int, ...] = ()
    blocked: tuple[str, ...] = ()

    def dump(self) -> str:
        """As the text of a JUnit property."""
        return json.dumps(asdict(self))

    @staticmethod
    def load(text: str) -> Figures:
        """From the text of a JUnit property."""
        said = json.loads(text)
        return Figures(**{**said, "unplayed": tuple(said["unplayed"]), "blocked": tuple(said["blocked"])})


@dataclass(slots=True)
class Suite:
    """What was collected: which cassettes its tests want, whether they ran or not, and whether it was all of it.

    ``folders`` hold cassettes; ``wanted`` are paths within them, without their folder; ``skipped`` are folders of tests
    that could not be collected on this machine. ``part`` says why it was not the whole suite; empty when it was.
    """

    folders: set[str] = field(default_factory=set)
    wanted: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    part: str = ""

    def add(self, other: Suite) -> None:
        """Join what another worker collected, which is the same."""
        self.folders |= other.folders
        self.wanted |= other.wanted
        self.skipped |= other.skipped
        self.part = self.part or other.part

    def dump(self) -> dict[str, Any]:
        """As xdist carries it."""
        return {name: sorted(value) if isinstance(value, set) else value for name, value in asdict(self).items()}

    @staticmethod
    def load(said: dict[str, Any]) -> Suite:
        """As xdist brought it."""
        return Suite(set(said["folders"]), set(said["wanted"]), set(said["skipped"]), said["part"])


@dataclass(slots=True)
class Tally:
    """The whole run. ``root`` is what paths are seen from."""

    root: Path
    tests: list[Figures] = field(default_factory=list)
    suite: Suite = field(default_factory=Suite)

    @property
    def replayed(self) -> int:
        """How many answers were played."""
        return sum(each.replayed for each in self.tests)

    @property
    def recorded(self) -> int:
        """How many answers were recorded."""
        return sum(each.recorded for each in self.tests)

    @property
    def blocked(self) -> list[tuple[str, str]]:
        """Each call that was stopped, with its test."""
        return [(each.test, call) for each in self.tests for call in each.blocked]

    @property
    def unplayed(self) -> dict[str, tuple[int, ...]]:
        """The interactions that none of the tests of a cassette asked for, where all of these passed."""
        left: dict[str, set[int]] = {}
        for each in self.tests:
            if each.cassette:
                unplayed = set(each.unplayed) if each.passed else set()
                left[each.cassette] = left.get(each.cassette, unplayed) & unplayed
        return {cassette: tuple(sorted(numbers)) for cassette, numbers in sorted(left.items()) if numbers}

    @property
    def orphans(self) -> list[str] | None:
        """The cassettes that no test uses; None when only a part of the suite was there to ask."""
        if self.suite.part:
            return None
        used = {each.cassette for each in self.tests}
        return sorted(
            shown
            for folder in map(Path, sorted(self.suite.folders))
            for path in _cassettes(folder)
            if (shown := self.show(path)) not in used
            and path.relative_to(folder).as_posix() not in self.suite.wanted
            and str(path.parent) not in self.suite.skipped
        )

    def show(self, path: Path) -> str:
        """A path as it is written in figures: seen from the root, with forward slashes."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.as_posix()

    def summary(self) -> str:
        """One line for the end of the run."""
        unplayed = sum(map(len, self.unplayed.values()))
        counts = [f"{self.replayed} replayed", f"{self.recorded} recorded", f"{unplayed} unplayed"]
        if (orphans := self.orphans) is not None:
            counts.append(f"{len(orphans)} orphan{'' if len(orphans) == 1 else 's'}")
        return f"fakegpt: {', '.join([*counts, f'{len(self.blocked)} blocked'])}"

    def table(self) -> Iterator[str]:
        """A line for each test that used a cassette."""
        yield f"{'replayed':>8} {'recorded':>8} {'unplayed':>8} {'blocked':>7}  test"
        for each in self.tests:
            counts = f"{each.replayed:8} {each.recorded:8} {len(each.unplayed):8} {len(each.blocked):7}"
            yield f"{counts}  {each.test}"

    def details(self) -> Iterator[str]:
        """What a person may have to look at."""
        for test, call in self.blocked:
            yield f"  blocked in {test}: {call}"
        for cassette, numbers in self.unplayed.items():
            yield f"  unplayed in {cassette}: {', '.join(map(str, numbers))}"

    def dump(self) -> str:
        """Everything, as JSON."""
        orphans = self.orphans
        figures = {
            "replayed": self.replayed,
            "recorded": self.recorded,
            "unplayed": {cassette: list(numbers) for cassette, numbers in self.unplayed.items()},
            "orphans": orphans,
            "blocked": [{"test": test, "call": call} for test, call in self.blocked],
            "part": self.suite.part,
            "tests": [asdict(each) for each in self.tests],
        }
        return json.dumps(figures, indent=2) + "\n"


def _cassettes(folder: Path) -> Iterable[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix in _SUFFIXES and path.is_file())
