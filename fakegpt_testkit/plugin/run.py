"""The hooks of a whole run: figures come in with each test's report, and go out at its end.

Knows no test from the inside; on xdist's controller all of this is true as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakegpt_testkit.plugin import collecting, options
from fakegpt_testkit.plugin.tally import PROPERTY, Figures, Suite

if TYPE_CHECKING:
    from fakegpt_testkit.plugin.tally import Tally

_MOST_SHOWN = 20


class Run:
    """An object, since reports come without the configuration."""

    def __init__(self, config: pytest.Config, tally: Tally) -> None:
        self._config = config
        self._tally = tally

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected."""
        collecting.note_skipped(self._tally.suite, self._config, report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a test's figures."""
        if report.when == "teardown":
            found = (Figures.load(str(value)) for name, value in report.user_properties if name == PROPERTY)
            self._tally.tests.extend(found)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: options.Worker) -> None:
        """Take what one of xdist's workers collected; of one that crashed nothing is known."""
        suite = getattr(node, "workeroutput", {}).get(PROPERTY)
        self._tally.suite.add(Suite(part="a worker crashed") if suite is None else Suite.load(suite))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand on what a worker collected; or write the report, and fail for orphans."""
        worker = getattr(self._config, "workeroutput", None)
        if worker is not None:
            worker[PROPERTY] = self._tally.suite.dump()
            return
        if (report := options.for_run(self._config, "report")) is not None:
            path = Path(self._config.rootpath, report)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._tally.dump(), encoding="utf-8")
        fails = self._orphans == "fail" and self._tally.tests and self._tally.orphans
        if fails and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say in a line what became of the cassettes, and what a person may have to look at."""
        tally = self._tally
        if not tally.tests:
            return
        if terminalreporter.verbosity > 0:
            terminalreporter.section("fakegpt")
            for line in tally.table():
                terminalreporter.line(line)
        terminalreporter.line(tally.summary())
        for line in tally.details():
            terminalreporter.line(line)
        self._show_orphans(terminalreporter)

    def _show_orphans(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._orphans == "ignore":
            return
        orphans = self._tally.orphans
        if orphans is None:
            if self._orphans == "fail":
                terminalreporter.line(f"  orphans were not looked for: {self._tally.suite.part}")
            return
        for path in orphans[:_MOST_SHOWN]:
            terminalreporter.line(f"  orphan: {path}")
        if more := len(orphans[_MOST_SHOWN:]):
            terminalreporter.line(f"  and {more} more")

    @property
    def _orphans(self) -> str:
        return str(options.for_run(self._config, "orphans"))
