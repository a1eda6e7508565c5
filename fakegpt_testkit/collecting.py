"""A pytest plugin that notes which cassette each collected test would use; ``fakegpt-testkit orphans`` loads it.

It runs no test. Tests that are deselected are noted too: their cassettes are in use all the same.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakegpt_testkit import storage

if TYPE_CHECKING:
    from collections.abc import Mapping

RESULT = "FAKEGPT_TESTKIT_COLLECTED"
"""The environment's variable that names the file for the result."""

_used = pytest.StashKey[list[str]]()
_folders = pytest.StashKey[set[str]]()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Note the cassette of a marked test: its markers' name for it, or its own."""
    markers = list(item.iter_markers("fakegpt"))
    if not markers:
        return
    folder = item.config.rootpath / _cassette_dir(item.config, [marker.kwargs for marker in markers])
    name = next((marker.args[0] for marker in markers if marker.args), None)
    path = storage.path_for(folder, item.nodeid) if name is None else storage.inside(folder, name)
    item.config.stash.setdefault(_used, []).append(str(path))
    item.config.stash.setdefault(_folders, set()).add(str(folder))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write what was noted."""
    stash, config = session.config.stash, session.config
    folders = stash.get(_folders, set()) | {str(config.rootpath / _cassette_dir(config, []))}
    found = {"tests": session.testscollected, "used": stash.get(_used, []), "folders": sorted(folders)}
    Path(os.environ[RESULT]).write_text(json.dumps(found), encoding="utf-8")


def _cassette_dir(config: pytest.Config, markers: list[Mapping[str, object]]) -> str:
    said = [marker.get("cassette_dir") for marker in markers]
    said += [config.getoption("fakegpt_cassette_dir"), config.getini("fakegpt_cassette_dir"), "cassettes"]
    return str(next(value for value in said if value))
