"""Which files a command writes, and which journals it recovers, by what was typed. Knows nothing of what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fakegpt_testkit import storage
from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.maintenance import catalog

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fakegpt_testkit.storage import Leftover


def pairs(sources: Iterable[Path], target: Path | None) -> list[tuple[Path, Path]]:
    """Which file is written for which: itself, the one file that is named, or its place below the named folder.

    What is JSON or packed is written beside itself, as YAML.
    """
    if target is None:
        return _beside(catalog.found(sources))
    sources = tuple(sources)
    if len(sources) == 1 and not sources[0].is_dir():
        to_file = target.suffix in storage.SUFFIXES and not target.is_dir()
        return [(each, target if to_file else target / _as_yaml(each).name) for each in catalog.found(sources)]
    by_target: dict[Path, Path] = {}
    for source in sources:
        for each in catalog.found([source]):
            below = each.relative_to(source) if source.is_dir() else Path(each.name)
            written = target / _as_yaml(below)
            if written in by_target:
                raise _one_file(target, by_target[written], each)
            by_target[written] = each
    return [(each, written) for written, each in by_target.items()]


def _beside(sources: Iterable[Path]) -> list[tuple[Path, Path]]:
    found: dict[Path, Path] = {}
    for each in sources:
        written = each if each.suffix in storage.SUFFIXES else _as_yaml(each)
        if written in found or (written != each and written.exists()):
            raise _one_file(written.parent, found.get(written, written), each)
        found[written] = each
    return [(each, written) for written, each in found.items()]


def _as_yaml(path: Path) -> Path:
    """The path with the suffix of our cassettes in the place of its own."""
    return path.with_name(path.name.removesuffix(".gz")).with_suffix(storage.SUFFIXES[0])


def _one_file(target: Path, one: Path, other: Path) -> BadSetting:
    return BadSetting("--to", str(target), f"a place where {one} and {other} do not become one file")


def chosen(there: Iterable[Leftover], journals: Iterable[Path] | None, *, readable: bool = True) -> list[Leftover]:
    """The journals that are named and lie there; all that can be recovered when None is given.

    Raises ``BadSetting`` for one that does not lie there, is still written, or, where it is to be ``readable``, holds
    nothing that can be read.
    """
    by_path = {each.path.resolve(): each for each in there}
    if journals is None:
        return [each for each in by_path.values() if not each.running and not (readable and each.problem)]
    wanted = []
    for path in journals:
        leftover = by_path.get(path.resolve())
        if leftover is None or leftover.running or (readable and leftover.problem):
            why = "one of those that fakegpt-testkit recover lists"
            if leftover is not None:
                why = leftover.problem or "one whose recording has ended: this one is still written"
            raise BadSetting("journal", str(path), why)
        wanted.append(leftover)
    return wanted
