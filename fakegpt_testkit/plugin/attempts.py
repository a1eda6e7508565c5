"""Takes back what a failed attempt of a test recorded, before a plugin that repeats tests runs it again.

Files are compared and moved as bytes. Storage is loaded when there is something to look at: the plugin loads with every
suite.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fakegpt_testkit.cassette import Cassette
    from fakegpt_testkit.recorder import Settings

_attempt = pytest.StashKey["_Attempt"]()


@dataclass(slots=True)
class _Attempt:
    """The file of an attempt, and what was in it."""

    path: Path
    before: bytes | None
    after: bytes | None = None


def begin(item: pytest.Item, source: Path | Cassette, settings: Settings) -> None:
    """Remember the file of an attempt whose recording would be kept in its place, and be played, if it fails."""
    mode = settings.mode.value
    if isinstance(source, Path) and settings.record_on_exception is True and mode in {"once", "new_episodes"}:
        from fakegpt_testkit import storage

        item.stash[_attempt] = _Attempt(source, storage.read(source))


def end(item: pytest.Item, *, failed: bool) -> None:
    """The attempt is over and its cassette closed."""
    attempt = item.stash.get(_attempt, None)
    if attempt is not None and failed:
        from fakegpt_testkit import storage

        attempt.after = storage.read(attempt.path)
    elif attempt is not None:
        del item.stash[_attempt]


def take_back(item: pytest.Item) -> None:
    """Before the next attempt: move what the failed one wrote aside, and put back what was there before it."""
    attempt = item.stash.get(_attempt, None)
    if attempt is None:
        return
    del item.stash[_attempt]
    path, after = attempt.path, attempt.after
    from fakegpt_testkit import storage

    with storage.lock(path):
        if after is None or after == attempt.before or storage.read(path) != after:
            return  # it wrote nothing, or somebody else has written since
        storage.write(path.with_name(f"{path.name}.failed"), after)
        if attempt.before is None:
            storage.remove(path)
        else:
            storage.write(path, attempt.before)
