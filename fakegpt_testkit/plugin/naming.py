"""Where the cassette of a test is that names none: under the test's id, without the secrets among its parameters.

Knows no cassette. A value may be known to be a secret where a test was recorded and not where it is replayed, or the
other way round; so a cassette of either name is found, and only a new one's name depends on the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakegpt_testkit.plugin import options, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from fakegpt_testkit.recorder import Session
    from fakegpt_testkit.serving import Served


def own(folder: Path, item: pytest.Item) -> Path:
    """The cassette of the test's own name; where it is not there, one that another machine or version named so.

    One with words in it is the test's name from then on: what a secret is there is none to show here.
    """
    from fakegpt_testkit import storage

    path = storage.path_for(folder, shown.shown_id(item))
    if "[" not in item.nodeid or path.exists():
        return path
    for found, test_id in others(folder, item):
        if test_id:
            shown.note(item, test_id)
        return found
    return path


def others(folder: Path, item: pytest.Item) -> Iterator[tuple[Path, str]]:
    """The cassettes under other names which the test has had, or has on another machine: these with the test's id."""
    from fakegpt_testkit import storage

    if "[" not in item.nodeid:
        return
    path = storage.path_for(folder, item.nodeid)
    for name in storage.worded_beside(path):
        from fakegpt_testkit.redaction import ids_with, words_in

        found = path.with_name(name)
        for each in ids_with(words_in(name), item.nodeid, shown.parameters(item)):
            if storage.path_for(folder, each) == found:
                yield found, each
                break
    if shown.shown_id(item) != item.nodeid:
        from fakegpt_testkit.redaction import former_id

        former = (path, storage.path_for(folder, former_id(item.nodeid)))
        yield from ((each, "") for each in former if each.exists())


def is_named(item: pytest.Item) -> bool:
    """Whether its marker says what the test plays."""
    return any(marker.args for marker in item.iter_markers(options.MARKER))


def renamed(item: pytest.Item, used: Session | Served, path: Path, cassette_dir: str) -> Path:
    """Where the recording is, once what it met as a secret is taken out of its name too."""
    from fakegpt_testkit import storage

    if not used.recorded or not shown.may_have(item) or is_named(item) or not shown.learn(item, used.eraser()):
        return path
    new = storage.path_for(item.config.rootpath / cassette_dir, shown.shown_id(item))
    if new != path and not new.exists():
        for suffix in ("", ".failed"):
            storage.move(path.with_name(path.name + suffix), new.with_name(new.name + suffix))
    return new
