"""The file of a cassette in use: loaded, journalled while it is recorded, saved whole or not at all.

Knows no client and no request: what is to be saved comes in as a cassette.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fakegpt_testkit import cassette as cassettes
from fakegpt_testkit import storage
from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.errors import BadSetting, StorageError
from fakegpt_testkit.exchange import Interaction
from fakegpt_testkit.recorder.noting import NoLog, tell_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakegpt_testkit.recorder.noting import Log


def read_source(source: str | os.PathLike[str] | Cassette | Sequence[Interaction]) -> tuple[Path, Cassette | None]:
    """The file, and None; or a name for people, and what was given as values. Raises ``BadSetting`` for all else."""
    wanted = "a path, a Cassette, or interactions, such as those of script(…)"
    if isinstance(source, (str, os.PathLike)):
        named = os.fspath(source)
        if not named or "\0" in named:
            raise BadSetting("a cassette", source, wanted)
        return Path(named), None
    if not isinstance(source, Cassette):
        several = hasattr(source, "__iter__") and not isinstance(source, Mapping)
        given: tuple[object, ...] = tuple(source) if several else (source,)
        values = tuple(each for each in given if isinstance(each, Interaction))
        if len(values) < len(given):
            raise BadSetting("a cassette", source, wanted)
        source = Cassette(values)
    return Path(source.path or "a script"), source


class CassetteFile:
    """A cassette's place on the disk; ``shown`` is how a person would write it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shown = shorten(path)
        self._journals: list[storage.Journal] = []
        self._stamp: storage.Stamp | None = None

    def load(self) -> Cassette | None:
        """What is in the file; None when there is none. Raises ``CassetteError`` for what is no cassette."""
        self._stamp = storage.stamp_of(self.path)
        data = storage.pages(self.path)
        return None if data is None else cassettes.loads(data, str(self.path))

    def open_journal(self) -> Log:
        """Where a recording is noted while it runs; without a journal it goes on all the same."""
        try:
            test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0].partition("[")[0]  # no parameter
            self._journals.append(storage.Journal(self.path, test=test))
        except StorageError as failure:
            tell_of(f"{failure}; the recording goes on without")
            return NoLog()
        return self._journals[-1]

    def save(self, loaded: Cassette, mine: Cassette, *, replaces: bool) -> None:
        """Write the cassette; unless it ``replaces`` it, with what others have put there since it was ``loaded``."""
        with storage.lock(self.path):
            if not replaces:
                untouched = self._stamp is not None and storage.stamp_of(self.path) == self._stamp
                current = loaded if untouched else self.load()
                mine = mine if current is None else cassettes.merge(loaded, current, mine)
            storage.write(self.path, cassettes.pieces(mine))
            if self.aside.exists():
                storage.remove(self.aside)

    @property
    def aside(self) -> Path:
        """Where a recording is kept that nobody plays: it was made by what failed."""
        return self.path.with_name(f"{self.path.name}.failed")

    def save_aside(self, mine: Cassette) -> None:
        """Keep what was recorded where it answers nobody."""
        storage.write(self.aside, cassettes.pieces(mine))

    def close(self) -> bool:
        """Remove the journals: what they hold is saved, or is not wanted. Whether there were any."""
        journals, self._journals = self._journals, []
        for journal in journals:
            journal.remove()
        return bool(journals)

    def keep_journals(self, failure: BaseException) -> None:
        """Leave the journals of what could not be saved, and say so where it failed."""
        for journal in self._journals:
            journal.close()
            if journal.path.exists():  # none is left where it could not be written anew
                kept = f"what was recorded is kept in {journal.path}; to get it back: fakegpt-testkit recover"
                failure.add_note(kept)


def shorten(path: Path) -> str:
    """The path as a person would write it: relative to the current folder where that is shorter."""
    with suppress(ValueError):
        return str(path.absolute().relative_to(Path.cwd()))
    return str(path)
