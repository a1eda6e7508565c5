"""Says which cassettes, and which interactions of cassettes, no test uses, and removes them.

Asks pytest, in a process of its own, and runs no test; what tests played is known from the report of a run. Knows
nothing of how the plugin finds it out, only what its report is called.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakegpt_testkit import cassette as cassettes
from fakegpt_testkit import storage
from fakegpt_testkit.errors import CassetteChanged, CollectionFailed, ReportRefused
from fakegpt_testkit.maintenance import catalog
from fakegpt_testkit.redaction import may_be, shown_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fakegpt_testkit.cassette import Cassette


@dataclass(frozen=True, slots=True)
class Orphans:
    """The cassettes that none of so many ``tests`` uses, and the folders where cassettes lie.

    ``root`` is where paths in the suite's reports begin.
    """

    tests: int
    orphans: tuple[Path, ...]
    folders: tuple[Path, ...]
    root: Path


@dataclass(frozen=True, slots=True)
class Unused:
    """Interactions of a cassette that no test of a run played: numbers from 1, and the requests.

    ``digest`` is the file's at the end of that run.
    """

    cassette: Path
    numbers: tuple[int, ...]
    requests: tuple[str, ...]
    digest: str


def collected(arguments: Sequence[str] = ()) -> Orphans:
    """What is not used by the tests that pytest collects with these arguments, in this folder.

    Raises ``CollectionFailed`` when pytest could not collect the whole suite, or found no test: nothing is known then.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "collected.json"
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", f"--fakegpt-report={report}", *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if ran.returncode != 0 or not report.exists():
            why = "found no test" if ran.returncode == pytest.ExitCode.NO_TESTS_COLLECTED else "failed"
            raise CollectionFailed(tuple(arguments), why, (ran.stdout + ran.stderr).strip())
        said = json.loads(report.read_text(encoding="utf-8"))
    if said["part"]:
        raise CollectionFailed(tuple(arguments), "saw a part of the suite", said["part"])
    root = Path(said["root"])
    orphans, folders = (tuple(root / each for each in said[name]) for name in ("orphans", "folders"))
    return Orphans(said["collected"], orphans, folders, root)


def listed(test_ids: Iterable[str], folder: Path) -> Orphans:
    """What is not used by the tests with these ids, each of which has a cassette of its own name."""
    ids = [each.strip() for each in test_ids if "::" in each]
    used = {storage.path_for(folder, shown_id(each)) for each in ids}
    by_test: dict[str, list[str]] = {}
    for path in {*used, *(storage.path_for(folder, each) for each in ids)}:
        by_test.setdefault(str(path).partition("[")[0], []).append(str(path))

    def is_used(path: Path) -> bool:
        if path in used or "REDACTED-" not in path.name:
            return path in used
        return any(may_be(str(path), each) for each in by_test.get(str(path).partition("[")[0], ()))

    orphans = (each for each in storage.below(folder) if not is_used(each) and catalog.is_cassette(each))
    return Orphans(len(ids), tuple(orphans), (folder,), Path.cwd())


def unplayed(report: Path, usage: Orphans) -> tuple[Unused, ...]:
    """What a run of the whole suite left of the cassettes that are used, by its report.

    Raises ``ReportRefused`` for one that does not know, and ``CassetteChanged`` when a cassette is not what it was.
    """
    try:
        said = json.loads(catalog.contents_of(report))["orphan_interactions"]
        whole = None if said is None else [(usage.root / each["cassette"], each) for each in said]
        found = [(path, tuple(map(int, each["numbers"])), str(each["sha256"])) for path, each in whole or ()]
    except (ValueError, TypeError, LookupError):
        raise ReportRefused(str(report), "it is no report of pytest --fakegpt-report") from None
    if whole is None:
        raise ReportRefused(str(report), "a part of the suite does not say what nobody uses")
    gone = {_same(path) for path in usage.orphans}
    return tuple(_unused(*each) for each in found if _same(each[0]) not in gone)


def prune(orphans: Iterable[Path], folders: Iterable[Path]) -> None:
    """Remove these cassettes, and the folders that they leave empty below the cassettes' own."""
    roots = {_same(folder) for folder in folders}
    for path in orphans:
        with storage.lock(path):
            storage.remove(path)
        parent = path.parent
        with suppress(OSError):  # not empty: something else lies there
            while _same(parent) not in roots:
                parent.rmdir()
                parent = parent.parent


def take_out(unused: Unused) -> None:
    """Take these interactions out of their cassette. Raises ``CassetteChanged`` when it is not what it was."""
    catalog.rewrite(unused.cassette, partial(_without, unused.numbers), unused.digest)


def _without(numbers: Sequence[int], cassette: Cassette) -> Cassette:
    kept = (each for number, each in enumerate(cassette.interactions, 1) if number not in numbers)
    return replace(cassette, interactions=tuple(kept))


def _unused(path: Path, numbers: tuple[int, ...], digest: str) -> Unused:
    data = catalog.contents_of(path)
    if catalog.digest(data) != digest:
        raise CassetteChanged(str(path))
    interactions = cassettes.loads(data, str(path)).interactions
    return Unused(path, numbers, tuple(interactions[number - 1].request.title for number in numbers), digest)


def _same(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))
