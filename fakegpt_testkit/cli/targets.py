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
    """Which file is written for which: itself, the one file that is named, or its place below the named folder."""
    if target is None:
        return [(each, each) for each in catalog.found(sources)]
    sources = tuple(sources)
    if len(sources) == 1 and not sources[0].is_dir():
        to_file = target.suffix in storage.SUFFIXES and not target.is_dir()
        return [
            (each, target if to_file else target / each.with_suffix(storage.SUFFIXES[0]).name)
            for each in catalog.found(sources)
        ]
    by_target: dict[Path, Path] = {}
    for source in sources:
        for each in catalog.found([source]):
            below = each.relative_to(source) if source.is_dir() else Path(each.name)
            written = target / below.with_suffix(storage.SUFFIXES[0])
            if written in by_target:
                raise BadSetting(
                    "--to", str(target), f"a place where {by_target[written]} and {each} do not become one file"
                )
            by_target[written] = each
    return [(each, written) for written, each in by_target.items()]


def chosen(there: Iterable[Leftover], journals: Iterable[Path] | None) -> list[Leftover]:
    """The journals that are named and lie there; all that can be recovered when None is given.

    Raises ``BadSetting`` for one that does not lie there, is still written, or holds nothing that can be read.
    """
    by_path = {each.path.resolve(): each for each in there}
    if journals is None:
        return [each for each in by_path.values() if not each.running and not each.problem]
    wanted = []
    for path in journals:
        leftover = by_path.get(path.resolve())
        if leftover is None or leftover.running or leftover.problem:
            why = "one of those that fakegpt-testkit recover lists"
            if leftover is not None:
                why = leftover.problem or "one whose recording has ended: this one is still written"
            raise BadSetting("journal", str(path), why)
        wanted.append(leftover)
    return wanted
