"""Finds, rewrites and removes cassettes, one at a time and each under its lock.

Knows no pytest and no terminal; what the rewriting does to a cassette is a function of the caller's or of this room.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fakegpt_testkit import cassette as cassettes
from fakegpt_testkit import storage
from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.dialects import read_in
from fakegpt_testkit.errors import CassetteChanged, CassetteError, CassetteMissing, StorageError
from fakegpt_testkit.redaction import Redaction, Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fakegpt_testkit.exchange import Interaction
    from fakegpt_testkit.storage import Leftover, Pages


def found(paths: Iterable[Path]) -> list[Path]:
    """The files that are named, and every recording below the folders that are named, in order, each once.

    What is in JSON or packed counts by what it holds, since other files have such names too. Raises
    ``CassetteMissing`` for a path that is not there.
    """
    files: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            files.update((each, None) for each in _below(path) if _is_recording(each))
        elif path.exists():
            files[path] = None
        else:
            raise _missing(path)
    return list(files)


def passed_over(paths: Iterable[Path]) -> list[Path]:
    """The files below the folders that are named whose name a recording may have, and that are none."""
    return [each for path in paths if path.is_dir() for each in _below(path) if not _is_recording(each)]


def _below(folder: Path) -> list[Path]:
    return storage.below(folder, (*storage.SUFFIXES, *storage.OTHER_SUFFIXES))


def _is_recording(path: Path) -> bool:
    try:
        return path.suffix in storage.SUFFIXES or cassettes.is_recording(contents_of(path))
    except StorageError:
        return True  # whoever reads it says why that cannot be done


def load(path: Path) -> Cassette:
    """The cassette in a file, of any shape that can be read."""
    return cassettes.loads(pages_of(path), str(path))


def pages_of(path: Path) -> bytes | Pages:
    """The same as ``contents_of``, to be loaded once: a large file is not held beside what is in it."""
    data = storage.pages(path)
    if data is None:
        raise _missing(path)
    return data


def contents_of(path: Path) -> bytes:
    """The bytes of a file that must be there."""
    data = storage.read(path)
    if data is None:
        raise _missing(path)
    return data


def is_cassette(path: Path) -> bool:
    """Whether a file loads as one. One that cannot be read is none that anybody may remove."""
    try:
        load(path)
    except (CassetteError, CassetteMissing, StorageError):
        return False
    return True


def digest(data: bytes) -> str:
    """What tells whether a file is still the same."""
    return hashlib.sha256(data).hexdigest()


def redacted(cassette: Cassette, redaction: Redaction | None = None) -> Cassette:
    """The cassette without secrets, also those that a later response shows to be one."""
    return replace(
        cassette, interactions=Redactor(redaction, os.environ).interactions(cassette.interactions, cassette.path)
    )


def rewrite(path: Path, change: Callable[[Cassette], Cassette], known: str = "") -> bool:
    """Put the changed cassette in the file's place; whether it changed. What does not change is not touched.

    Raises ``CassetteChanged`` when the file is not the one whose ``digest`` is ``known``.
    """
    with storage.lock(path):
        data = contents_of(path)
        if known and digest(data) != known:
            raise CassetteChanged(str(path))
        old = cassettes.loads(data, str(path))
        new = change(old)
        if new.interactions == old.interactions:
            return False
        if not cassettes.is_yaml(data):
            raise CassetteError(str(path), None, "it is to be changed, and only plain YAML is written", _convert(path))
        storage.write(path, cassettes.pieces(new))
        return True


def convert(source: Path, target: Path, redaction: Redaction | None = None, dialect: str = "") -> tuple[int, bool]:
    """Write a cassette of any shape in ours, redacted: how many interactions it has, and whether the target changed.

    Streams that show no dialect are kept as of this one.
    """
    with storage.lock(target):
        old = cassettes.loads(contents_of(source), str(source), others=True)
        named = replace(old, interactions=tuple(read_in(each, dialect) for each in old.interactions))
        new = redacted(named, redaction)
        text = cassettes.dumps(new)
        changed = storage.read(target) != text
        if changed:
            storage.write(target, text)
        return len(new.interactions), changed


_ROOTS: Final = (".git", "pyproject.toml", "pytest.ini", "tox.ini", "setup.cfg")


def of_project(journals: Iterable[Leftover], folder: Path) -> list[Leftover]:
    """Those whose cassette lies in the project of a folder: below the next one up that has a project's file."""
    folder = folder.resolve()
    ways_up = (folder, *folder.parents)
    root = next((each for each in ways_up if any((each / name).exists() for name in _ROOTS)), folder)
    return [each for each in journals if each.cassette and Path(each.cassette).resolve().is_relative_to(root)]


def recover(leftover: Leftover, target: Path | None = None) -> list[tuple[Path, int]]:
    """Put what a killed recording had kept after what its cassette holds, and remove the journal.

    Gives the cassette and how many interactions came to it; more than one where they would be too large together. The
    journal is removed last: raises ``CassetteError`` and keeps it where one interaction alone is too large for a file.
    """
    path = target or Path(leftover.cassette)
    with storage.lock(path):
        data = storage.read(path)
        current = Cassette(path=str(path)) if data is None else cassettes.loads(data, str(path))
        kept = redacted(Cassette(tuple(storage.read_journal(leftover.path)), str(path))).interactions
        new = tuple(each for each in kept if each not in current.interactions)
        done = [(path, len(new))]
        try:
            if new:
                storage.write(path, cassettes.pieces(Cassette((*current.interactions, *new), str(path))))
        except CassetteError:
            done = _write_parts(path, new)
    storage.discard(leftover.path)
    return done


def _write_parts(path: Path, interactions: Iterable[Interaction]) -> list[tuple[Path, int]]:
    """Write what is too large for one cassette into several beside it; what fits into none is told at the end."""
    free = (each for n in count(2) if not (each := path.with_suffix(f".{n}{path.suffix}")).exists())
    done: list[tuple[Path, int]] = []
    misfit: CassetteError | None = None
    for part in cassettes.parted(interactions):
        beside = next(free)
        try:
            storage.write(beside, cassettes.pieces(Cassette(part, str(beside))))
            done.append((beside, len(part)))
        except CassetteError as failure:
            misfit = failure
    if misfit is not None:
        misfit.add_note("\n".join(f"{many} recovered into {each}" for each, many in done))
        raise misfit
    return done


def _convert(path: Path) -> str:
    return f"write it as YAML first: fakegpt-testkit convert {shlex.quote(str(path))}; it was not touched"


def _missing(path: Path) -> CassetteMissing:
    through = f"fakegpt-testkit serve --record --upstream URL {shlex.quote(str(path))}"  # for whatever service
    return CassetteMissing(str(path), "fakegpt-testkit", f"pytest TESTS --fakegpt-record-mode=once, or {through}")
