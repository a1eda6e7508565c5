"""Which cassettes a suite's tests want, and whether all of the suite was collected.

Knows the options that leave out tests without collecting them; what is deselected later was collected.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakegpt_testkit.errors import FakeGptTestkitError
from fakegpt_testkit.plugin import marked, options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fakegpt_testkit.plugin.tally import Suite


def note_items(suite: Suite, config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Note where the tests' cassettes are, as far as markers, command line and ini file say it."""
    default = str(options.for_run(config, "cassette_dir"))
    suite.folders.add(str(config.rootpath / default))
    for item in items:
        said = {name: value for each in item.iter_markers(options.MARKER) for name, value in each.kwargs.items()}
        with suppress(FakeGptTestkitError):  # a name that is refused: the test will say so
            source, folder = marked.place(item, str(said.get("cassette_dir", default)))
            suite.folders.add(str(folder))
            if isinstance(source, Path):
                suite.wanted.add(source.relative_to(folder).as_posix())


def note_skipped(suite: Suite, config: pytest.Config, report: pytest.CollectReport) -> None:
    """Note a module that skips itself here: its cassettes are no orphans. What fails makes the suite a part."""
    if report.failed:
        suite.part = suite.part or f"{report.nodeid or 'something'} could not be collected"
    elif report.skipped and report.nodeid.endswith(".py"):
        from fakegpt_testkit import storage

        folder = config.rootpath / str(options.for_run(config, "cassette_dir"))
        suite.skipped.add(str(storage.path_for(folder, f"{report.nodeid}::test").parent))


def part_of(config: pytest.Config) -> str:
    """Why the tests that are collected are not the whole suite; empty when they are."""
    for name in ("ignore", "ignore_glob", "lf", "last_failed"):
        if config.getoption(name, None):
            return f"--{name.replace('_', '-')} leaves out tests"
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS or config.rootpath in map(Path, config.args)
    if not whole and [*config.args] != [*config.getini("testpaths")]:
        return f"only {' '.join(config.args)} was asked for"
    return ""
