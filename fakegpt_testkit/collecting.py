"""A pytest plugin that notes which cassette each collected test would use; ``fakegpt-testkit orphans`` loads it.

It runs no test. Tests that are deselected, and modules that are skipped or ignored on this machine, are noted too:
their cassettes are in use all the same.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakegpt_testkit import storage
from fakegpt_testkit.errors import CassetteNameRefused

if TYPE_CHECKING:
    from collections.abc import Generator

RESULT = "FAKEGPT_TESTKIT_COLLECTED"
"""The environment's variable that names the file for the result."""

_used = pytest.StashKey[list[str]]()
_unseen = pytest.StashKey[list[str]]()
_folders = pytest.StashKey[set[str]]()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Note the cassette of a marked test: its markers' name for it, or its own."""
    markers = list(item.iter_markers("fakegpt"))
    if not markers:
        return
    said = next((marker.kwargs["cassette_dir"] for marker in markers if "cassette_dir" in marker.kwargs), None)
    folder = _folder(item.config) if said is None else item.config.rootpath / str(said)
    item.config.stash.setdefault(_folders, set()).add(str(folder))
    named = next((marker.args[0] for marker in markers if marker.args), None)
    with suppress(CassetteNameRefused):  # running the test says so
        if named is None:
            _note(item.config, _used, storage.path_for(folder, item.nodeid))
        elif isinstance(named, str):  # otherwise it is a script, which has no file
            _note(item.config, _used, storage.inside(folder, named))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Remember a module that skips itself."""
    if report.skipped and report.nodeid.endswith(".py"):
        _skipped.append(report.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> Generator[None, bool | None, bool | None]:
    """Note a module or folder that the suite leaves out, by ``collect_ignore`` for instance."""
    ignored = yield
    if ignored and collection_path.is_relative_to(config.rootpath):
        name = collection_path.relative_to(config.rootpath).as_posix()
        if collection_path.is_dir():
            _note_unseen(config, f"{name}/test_any.py", above=2)
        elif name.endswith(".py"):
            _note_unseen(config, name, above=1)
    return ignored


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write what was noted."""
    config = session.config
    for module in _skipped:
        _note_unseen(config, module, above=1)
    said = {
        "tests": session.testscollected,
        "part": _part(config),
        "used": config.stash.get(_used, []),
        "unseen": config.stash.get(_unseen, []),
        "folders": sorted(config.stash.get(_folders, set()) | {str(_folder(config))}),
    }
    Path(os.environ[RESULT]).write_text(json.dumps(said), encoding="utf-8")


_skipped: list[str] = []


def _part(config: pytest.Config) -> str:
    """Why what was collected is not the whole suite; empty when it is."""
    if config.getoption("lf", default=False):
        return "--last-failed leaves out tests"
    above = any(config.rootpath.resolve().is_relative_to(Path(each).resolve()) for each in config.args)
    whole = above or config.args_source is pytest.Config.ArgsSource.TESTPATHS
    return "" if whole else f"only {' '.join(config.args)} was asked for"


def _folder(config: pytest.Config) -> Path:
    said = config.getoption("fakegpt_cassette_dir") or config.getini("fakegpt_cassette_dir") or "cassettes"
    return config.rootpath / str(said)


def _note_unseen(config: pytest.Config, module: str, *, above: int) -> None:
    """Note the folder in which the cassettes of a module's tests are, or the one above it."""
    with suppress(CassetteNameRefused):
        _note(config, _unseen, storage.path_for(_folder(config), f"{module}::test").parents[above - 1])


def _note(config: pytest.Config, key: pytest.StashKey[list[str]], path: Path) -> None:
    config.stash.setdefault(key, []).append(str(path))
