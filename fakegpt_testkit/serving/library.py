"""The cassettes that a server answers from, loaded and looked through; names for them, and whether they have changed.

Knows no request.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.dialects import read_in
from fakegpt_testkit.errors import BadSetting, CassetteMissing
from fakegpt_testkit.recorder.file import CassetteFile
from fakegpt_testkit.recorder.origins import origin_of
from fakegpt_testkit.serving.fitting import check_heads
from fakegpt_testkit.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fakegpt_testkit.exchange import Interaction


@dataclass(frozen=True, slots=True)
class Shelf:
    """Cassettes in a row, as one."""

    cassettes: tuple[Cassette, ...]

    @property
    def interactions(self) -> tuple[Interaction, ...]:
        """All of them."""
        return tuple(each for cassette in self.cassettes for each in cassette.interactions)

    @property
    def origins(self) -> tuple[str, ...]:
        """Where they were recorded from, each once."""
        return tuple(dict.fromkeys(origin_of(each.request.uri) for each in self.interactions))

    @property
    def name(self) -> str:
        """What people call it."""
        paths = [each.path for each in self.cassettes]
        return paths[0] if len(paths) == 1 else f"{len(paths)} cassettes"

    @property
    def told(self) -> str:
        """How much there is, for people."""
        return f"{counted(len(self.interactions), 'interaction')} from {counted(len(self.cassettes), 'cassette')}"

    def where(self, index: int) -> str:
        """Where an interaction stands, by its place among all, from 0."""
        for cassette in self.cassettes:
            if index < len(cassette.interactions):
                return f"interaction {index + 1} of {cassette.path}"
            index -= len(cassette.interactions)
        raise IndexError(index)

    def chosen(self, names: Sequence[str]) -> Shelf:
        """The cassettes of these names, in this order: a path as it is shown, or its end, with or without suffix."""
        return Shelf(tuple(self._named(each) for each in names))

    def renewed(self, before: Shelf, after: Shelf) -> Shelf:
        """The same cassettes after their shelf was read anew: without those that are gone; what is of no file stays."""
        files = {each.path: each for each in after.cassettes}
        read = {id(each) for each in before.cassettes}
        mine = (files.get(each.path) if id(each) in read else each for each in self.cassettes)
        return Shelf(tuple(each for each in mine if each is not None))

    def _named(self, name: str) -> Cassette:
        found = [each for each in self.cassettes if name in _names(each.path)]
        if len(found) != 1:
            there = ", ".join(each.path for each in self.cassettes) or "none"
            why = "it is the name of more than one" if found else "no cassette of that name is served"
            raise BadSetting("cassettes", name, f"one of {there}; {why}")
        return found[0]


def _names(path: str) -> set[str]:
    """``a/b/c.yaml`` answers to ``a/b/c.yaml``, ``b/c.yaml``, ``c.yaml``, and each without its suffix."""
    parts = Path(path).parts
    ends = {"/".join(parts[start:]) for start in range(len(parts))} | {path}
    return ends | {end[: -len(suffix)] for end in ends if (suffix := Path(end).suffix)}


class Library:
    """The files that ``find`` gives, read when they are first wanted and again when they have changed."""

    def __init__(
        self,
        find: Callable[[], Iterable[Path]],
        origin: str | None = None,
        shelf: Shelf | None = None,
        dialect: str = "",
    ) -> None:
        self._find = find
        self._origin = origin
        self._dialect = dialect  # of the streams that show none
        self._stamps: dict[Path, tuple[int, int]] = {}
        self.shelf = shelf or Shelf(())

    def load(self) -> Shelf:
        """Read all. Raises ``CassetteError`` and ``CassetteMissing``; what was loaded before stays then."""
        stamps, cassettes = {}, []
        for path in self._find():
            stamps[path] = _stamp(path)
            cassettes.append(self._load(path))
        self.shelf, self._stamps = Shelf(tuple(cassettes)), stamps
        return self.shelf

    def _load(self, path: Path) -> Cassette:
        loaded = load(path, self._origin)
        return replace(loaded, interactions=tuple(read_in(each, self._dialect) for each in loaded.interactions))

    def give_up(self) -> None:
        """Take what cannot be read as seen, so that it is tried again when it has changed once more."""
        self._stamps = {path: _stamp(path) for path in self._find()}

    def has_changed(self) -> bool:
        """Whether a file has changed, gone or come since they were loaded."""
        return {path: _stamp(path) for path in self._find()} != self._stamps


def load(path: Path, origin: str | None = None, command: str = "") -> Cassette:
    """The cassette in a file; with an ``origin``, only what was asked there."""
    file = CassetteFile(path)
    loaded = file.load()
    if loaded is None:
        raise CassetteMissing(file.shown, "the server", command or "run the test that uses it in a mode that records")
    cassette = Cassette(loaded.interactions, file.shown)
    check_heads(cassette)
    return cassette if origin is None else Cassette(_asked_at(cassette, origin), cassette.path)


def _asked_at(cassette: Cassette, origin: str) -> tuple[Interaction, ...]:
    wanted = origin_of(origin)
    return tuple(each for each in cassette.interactions if origin_of(each.request.uri) == wanted)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_mtime_ns, status.st_size
