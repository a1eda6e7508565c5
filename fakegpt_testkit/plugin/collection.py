"""Which cassettes a suite's tests want, and whether all of the suite was collected.

Knows what leaves out tests without collecting them; what is deselected later was collected.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from fakegpt_testkit.errors import FakeGptTestkitError
from fakegpt_testkit.plugin import marker, naming, options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fakegpt_testkit.plugin.report import Suite

_LEAVE_OUT: Final = {"lf": "--last-failed leaves out tests", "setuponly": "--setup-only runs no test"}


def note_items(suite: Suite, config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Note where the tests' cassettes are, as far as markers, command line and ini file say it."""
    default = str(options.for_run(config, "cassette_dir"))
    suite.folders.add(str(config.rootpath / default))
    for item in items:
        markers = reversed([*item.iter_markers(options.MARKER)])  # the nearest comes last, and counts
        said = {name: value for each in markers for name, value in each.kwargs.items()}
        with suppress(FakeGptTestkitError):  # a name that is refused: the test will say so
            source, folder = marker.place(item, str(said.get("cassette_dir", default)))
            suite.folders.add(str(folder))
            others = () if naming.is_named(item) else naming.others(folder, item)
            for path in (source, *(path for path, _ in others)):
                if isinstance(path, Path) and path.is_relative_to(folder):
                    suite.want(path.relative_to(folder).as_posix(), {item.nodeid})


def note_report(suite: Suite, report: pytest.CollectReport) -> None:
    """Note a module that skips itself here: its cassettes are no orphans. What fails makes the suite a part."""
    if report.failed:
        suite.part = suite.part or f"{report.nodeid or 'something'} could not be collected"
    elif report.skipped and report.nodeid.endswith(".py"):
        suite.unseen.add(report.nodeid)


def note_ignored(suite: Suite, config: pytest.Config, path: Path) -> None:
    """Note a module or folder that is left out as a whole, by ``collect_ignore`` or ``--ignore`` for instance."""
    if path.is_relative_to(config.rootpath):
        name = path.relative_to(config.rootpath).as_posix()
        if path.is_dir():
            suite.unseen.add(f"{name}/")
        elif name.endswith(".py"):
            suite.unseen.add(name)


def part_of(config: pytest.Config) -> str:
    """Why the tests that are collected are not the whole suite; empty when they are."""
    for name, why in _LEAVE_OUT.items():
        if config.getoption(name, None):
            return why
    root = config.rootpath.resolve()
    above = any(root.is_relative_to(Path(config.invocation_params.dir, each).resolve()) for each in config.args)
    if above or config.args_source is pytest.Config.ArgsSource.TESTPATHS or _are_testpaths(config):
        return ""
    return f"only {' '.join(config.args)} was asked for"


def _are_testpaths(config: pytest.Config) -> bool:
    return [*config.args] == [*config.getini("testpaths")]
