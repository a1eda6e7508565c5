"""Says which cassettes no test uses: asks pytest what it would run, in a process of its own, and looks what lies there.

Runs no test. A cassette that a test opens by ``use_cassette`` itself is not seen: give its folder a place elsewhere.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakegpt_testkit import collecting, storage, upkeep
from fakegpt_testkit.errors import CassetteError, CollectionFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Usage:
    """The cassettes that the tests use, whether they exist or not, and the folders where cassettes lie.

    ``unseen`` are folders of cassettes whose tests could not be asked here: all that lies there counts as used.
    """

    tests: int
    used: tuple[Path, ...]
    folders: tuple[Path, ...]
    unseen: tuple[Path, ...] = ()


def collected(arguments: Sequence[str] = ()) -> Usage:
    """What the tests use that pytest collects with these arguments, in this folder.

    Raises ``CollectionFailed`` when pytest could not collect the whole suite, or found no test: nothing is known then.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "collected.json"
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", collecting.__name__, *arguments]
        environment = {**os.environ, collecting.RESULT: str(result)}
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        if ran.returncode != 0 or not result.exists():
            why = "found no test" if ran.returncode == pytest.ExitCode.NO_TESTS_COLLECTED else "failed"
            raise CollectionFailed(tuple(arguments), why, (ran.stdout + ran.stderr).strip())
        said = json.loads(result.read_text(encoding="utf-8"))
    if said["part"]:
        raise CollectionFailed(tuple(arguments), "saw a part of the suite", said["part"])
    return Usage(said["tests"], *(tuple(map(Path, said[name])) for name in ("used", "folders", "unseen")))


def listed(test_ids: Iterable[str], folder: Path) -> Usage:
    """What the tests with these ids use, each by its own name."""
    ids = [each.strip() for each in test_ids if "::" in each]
    return Usage(len(ids), tuple(storage.path_for(folder, each) for each in ids), (folder,))


def orphans(usage: Usage) -> list[Path]:
    """The cassettes in the folders that no test uses. What does not load as a cassette is none, and left alone."""
    used = {_same(path) for path in usage.used}
    unseen = [Path(_same(folder)) for folder in usage.unseen]
    there = upkeep.found(folder for folder in usage.folders if folder.is_dir())
    return [
        path
        for path in there
        if (name := _same(path)) not in used
        and not any(Path(name).is_relative_to(folder) for folder in unseen)
        and _is_cassette(path)
    ]


def prune(paths: Iterable[Path], folders: Iterable[Path]) -> None:
    """Remove these cassettes, and the folders that they leave empty below the cassettes' own."""
    roots = {_same(folder) for folder in folders}
    for path in paths:
        with storage.lock(path):
            upkeep.remove(path)
        parent = path.parent
        with suppress(OSError):  # not empty: something else lies there
            while _same(parent) not in roots:
                parent.rmdir()
                parent = parent.parent


def _same(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))


def _is_cassette(path: Path) -> bool:
    try:
        upkeep.load(path)
    except CassetteError:
        return False
    return True
