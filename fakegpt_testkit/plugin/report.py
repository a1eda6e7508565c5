"""What a run did with its cassettes: the figures of each test, of the run, and what no test uses.

Knows no recording and no network: each test's figures come in as a value that xdist can carry, text and JSON go out.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from dataclasses import fields as fields_of
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from fakegpt_testkit.errors import FakeGptTestkitError
from fakegpt_testkit.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

PROPERTY: Final = "fakegpt"
"""The JUnit property of a test that holds its figures, as JSON."""

_MOST_SHOWN: Final = 20


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
    refused: tuple[str, ...] = ()
    passed_through: int = 0
    redacted: dict[str, int] = field(default_factory=dict)

    def dump(self) -> str:
        """As the text of a JUnit property."""
        return json.dumps({each.name: getattr(self, each.name) for each in fields_of(self)})

    @staticmethod
    def load(text: str) -> Figures:
        """From the text of a JUnit property."""
        fields: dict[str, Any] = json.loads(text)
        lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
        return Figures(**(fields | lists))


@dataclass(slots=True)
class Suite:
    """What was collected: which cassettes its tests want, whether they ran or not, and whether it was all of it.

    ``folders`` hold cassettes; ``wanted`` are paths within them, without their folder, each with its tests as pytest
    names them; ``unseen`` are modules and folders of tests (these end with a slash) that could not be looked into here.
    ``part`` says why it was not the whole suite; empty when it was. ``deselected`` counts tests that are of the suite
    and do not run.
    """

    folders: set[str] = field(default_factory=set)
    wanted: dict[str, set[str]] = field(default_factory=dict)
    unseen: set[str] = field(default_factory=set)
    part: str = ""
    deselected: int = 0

    def want(self, path: str, tests: set[str]) -> None:
        """Note who wants a cassette."""
        self.wanted.setdefault(path, set()).update(tests)

    def add(self, other: Suite) -> None:
        """Join what another worker collected, which is the same."""
        self.folders |= other.folders
        for path, tests in other.wanted.items():
            self.want(path, tests)
        self.unseen |= other.unseen
        self.part = self.part or other.part
        self.deselected = max(self.deselected, other.deselected)

    def dump(self) -> dict[str, Any]:
        """As xdist carries it."""
        wanted = {path: sorted(tests) for path, tests in sorted(self.wanted.items())}
        return {**asdict(self), "folders": sorted(self.folders), "wanted": wanted, "unseen": sorted(self.unseen)}

    @staticmethod
    def load(said: dict[str, Any]) -> Suite:
        """As xdist brought it."""
        wanted = {path: set(tests) for path, tests in said["wanted"].items()}
        return Suite(**{**said, "folders": set(said["folders"]), "wanted": wanted, "unseen": set(said["unseen"])})


@dataclass
class Tally:
    """The whole run. paths are relative to ``root``; ``torn`` are the tests that failed after they had passed.

    ``ids`` are pytest's of the tests, by those that may be shown: to compare, never to write.
    """

    root: Path
    tests: list[Figures] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    torn: set[str] = field(default_factory=set)
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
    def exchanged(self) -> int:
        """How many requests were recorded, answered or refused."""
        return self.replayed + self.recorded + self.refused

    @property
    def passed_through(self) -> int:
        """How many requests were no part of a recording."""
        return sum(each.passed_through for each in self.tests)

    @property
    def refused(self) -> int:
        """How many requests were neither answered nor let out."""
        return sum(len(each.refused) for each in self.tests)

    @property
    def unplayed(self) -> dict[str, tuple[int, ...]]:
        """The interactions that none of the tests of a cassette asked for, where all of these passed."""
        passed = self._passed
        left: dict[str, set[int]] = {}
        for each in self.tests:
            if each.cassette:
                unplayed = set(each.unplayed) if each.test in passed else set()
                left[each.cassette] = left.get(each.cassette, unplayed) & unplayed
        return {cassette: tuple(sorted(numbers)) for cassette, numbers in sorted(left.items()) if numbers}

    @property
    def _passed(self) -> set[str]:
        """The tests that passed; of one that was run again the last time counts."""
        last = {each.test: each.passed for each in self.tests}
        return {test for test, passed in last.items() if passed}

    @cached_property
    def orphans(self) -> list[str] | None:
        """The cassettes that no test uses; None when only a part of the suite was there to ask. For the run's end."""
        if self.suite.part:
            return None
        from fakegpt_testkit import storage

        used = {each.cassette for each in self.tests}
        folders = [Path(folder) for folder in sorted(self.suite.folders)]
        unseen = [_place_of(folder, name) for folder in folders for name in self.suite.unseen]
        left = [
            path
            for folder in folders
            for path in storage.below(folder)
            if self.show(path) not in used
            and path.relative_to(folder).as_posix() not in self.suite.wanted
            and not any(path.is_relative_to(place) for place in unseen)
        ]
        return sorted({self.show(path) for path in left if _is_cassette(path)})

    @cached_property
    def orphan_interactions(self) -> dict[str, tuple[int, ...]] | None:
        """What no test played of the cassettes whose tests all ran and passed; None unless the whole suite ran.

        Of a cassette that was recorded into nothing is known before the next run.
        """
        if self.suite.part or self.suite.deselected:
            return None
        passed = {self.ids.get(test, test) for test in self._passed - self.torn}
        open_ends = [path for path, tests in self.suite.wanted.items() if not tests <= passed]
        grown = {each.cassette for each in self.tests if each.recorded}
        return {
            cassette: numbers
            for cassette, numbers in self.unplayed.items()
            if cassette not in grown and not any(f"/{cassette}".endswith(f"/{path}") for path in open_ends)
        }

    def show(self, path: Path) -> str:
        """A path as it is written in figures: relative to the root, with forward slashes."""
        with suppress(ValueError):  # once for each test: to ask first takes as long again
            path = path.relative_to(self.root)
        return path.as_posix()

    def summary(self) -> str:
        """One line for the end of the run."""
        unplayed = sum(map(len, self.unplayed.values()))
        counts = [f"{self.replayed} replayed", f"{self.recorded} recorded", f"{unplayed} unplayed"]
        if self.orphans is not None:
            orphans = len(self.orphans) + sum(map(len, (self.orphan_interactions or {}).values()))
            counts.append(counted(orphans, "orphan"))
        counts.append(f"{len(self.blocked)} blocked")
        if self.refused:
            counts.append(f"{self.refused} refused")
        if self.passed_through:
            counts.append(f"{self.passed_through} passed through")
        return f"fakegpt: {', '.join(counts)}"

    def table(self) -> Iterator[str]:
        """A line for each test that used a cassette."""
        yield f"{'replayed':>8} {'recorded':>8} {'unplayed':>8} {'blocked':>7}  test"
        for each in self.tests:
            counts = f"{each.replayed:8} {each.recorded:8} {len(each.unplayed):8} {len(each.blocked):7}"
            yield f"{counts}  {each.test}"

    def details(self, orphans: str) -> Iterator[str]:
        """What a person may have to look at; ``orphans`` says whether orphans are listed."""
        told = {} if orphans == "ignore" else self.orphan_interactions or {}
        for test, call in self.blocked:
            yield f"  blocked in {test}: {call}"
        for cassette, numbers in self.unplayed.items():
            if cassette not in told:
                yield f"  unplayed in {cassette}: {_listed(numbers)}"
        if orphans == "ignore":
            return
        lines = [f"  orphan: {path}" for path in self.orphans or ()]
        lines += [f"  orphan in {cassette}: {_listed(numbers)}" for cassette, numbers in told.items()]
        yield from lines[:_MOST_SHOWN]
        if more := len(lines[_MOST_SHOWN:]):
            yield f"  and {more} more"
        if orphans == "fail":
            yield from self._not_looked_for()

    def _not_looked_for(self) -> Iterator[str]:
        if self.suite.part:
            yield f"  orphans were not looked for: {self.suite.part}"
        elif self.suite.deselected:
            yield f"  orphan interactions were not looked for: {self.suite.deselected} of the tests were deselected"

    def dump(self, collected: int) -> str:
        """Everything, as JSON; ``collected`` is how many tests there were, with a cassette or without."""
        figures = {
            "replayed": self.replayed,
            "recorded": self.recorded,
            "refused": self.refused,
            "passed_through": self.passed_through,
            "unplayed": {cassette: list(numbers) for cassette, numbers in self.unplayed.items()},
            "orphans": self.orphans,
            "orphan_interactions": self._orphan_interactions(),
            "blocked": [{"test": test, "call": call} for test, call in self.blocked],
            "part": self.suite.part,
            "deselected": self.suite.deselected,
            "root": str(self.root),
            "folders": [self.show(Path(each)) for each in sorted(self.suite.folders)],
            "collected": collected,
            "tests": [asdict(each) for each in self.tests],
        }
        return json.dumps(figures, indent=2) + "\n"

    def _orphan_interactions(self) -> list[dict[str, object]] | None:
        """With each file's digest: who removes them later has to find the same file. None where no test ran."""
        if self.orphan_interactions is None or not self.tests:
            return None
        if not self.orphan_interactions:
            return []
        from fakegpt_testkit.maintenance import catalog

        return [
            {
                "cassette": cassette,
                "numbers": list(numbers),
                "sha256": catalog.digest(catalog.contents_of(self.root / cassette)),
            }
            for cassette, numbers in self.orphan_interactions.items()
        ]


def _listed(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))


def _place_of(folder: Path, name: str) -> Path:
    """Where the cassettes of a module's tests are, or of all modules of a folder."""
    from fakegpt_testkit import storage

    if name.endswith("/"):
        return storage.path_for(folder, f"{name}test_any.py::test").parents[1]
    return storage.path_for(folder, f"{name}::test").parent


def _is_cassette(path: Path) -> bool:
    from fakegpt_testkit.maintenance import catalog

    return catalog.is_cassette(path)


def write_report(session: pytest.Session, file: str, text: str) -> str:
    """Put the text into the file, relative to the rootdir; gives why that failed, for the run's end, or nothing."""
    from fakegpt_testkit import storage

    try:
        storage.write(Path(session.config.rootpath, file), text.encode())
    except FakeGptTestkitError as problem:
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
        return f"fakegpt: no report: {problem}"
    return ""
