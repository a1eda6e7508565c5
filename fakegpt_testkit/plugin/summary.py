"""The hooks of a whole run: figures come in with each test's report, and go out at its end.

Knows no test from the inside; on xdist's controller all of this is true as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakegpt_testkit.plugin import collection, options, why
from fakegpt_testkit.plugin.report import PROPERTY, Figures, Suite, write_report

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from fakegpt_testkit.plugin.report import Tally


class Run:
    """An object, since reports come without the configuration."""

    def __init__(self, config: pytest.Config, tally: Tally) -> None:
        self._config = config
        self._tally = tally
        self._unwritten = ""
        self._told: dict[str, tuple[str, str]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_ignore_collect(self, collection_path: Path) -> Generator[None, bool | None, bool | None]:
        """Note what the suite leaves out."""
        ignored = yield
        if ignored:
            collection.note_ignored(self._tally.suite, self._config, collection_path)
        return ignored

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected."""
        collection.note_report(self._tally.suite, report)

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Count what does not run."""
        self._tally.suite.deselected += len(items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a test's figures."""
        if report.when == "teardown":
            said = [str(value) for name, value in report.user_properties if name == PROPERTY]
            found = [Figures.load(each) for each in said]
            if not hasattr(self._config, "workeroutput") and (settings := why.take(report)) is not None:
                self._told[found[-1].test] = said[-1], settings
            self._tally.tests.extend(found)
            self._tally.ids.update((each.test, report.nodeid) for each in found)
            if report.failed:
                self._tally.torn.update(each.test for each in found)

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
        why.keep(self._config, self._told)
        fails = (
            self._orphans == "fail" and self._tally.tests and (self._tally.orphans or self._tally.orphan_interactions)
        )
        if fails and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if (report := options.for_run(self._config, "report")) is not None:
            self._unwritten = write_report(session, report, self._tally.dump(session.testscollected))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say in a line what became of the cassettes, and what a person may have to look at."""
        if self._unwritten:
            terminalreporter.line(self._unwritten, red=True)
        tally = self._tally
        if not tally.tests:
            return
        if terminalreporter.verbosity > 0:
            terminalreporter.section("fakegpt")
            for line in tally.table():
                terminalreporter.line(line)
        terminalreporter.line(tally.summary())
        if self._records and not tally.exchanged:
            met = "no request that a cassette sees was answered, so nothing was recorded"
            clients = "does the client stand on aiohttp, httpx, httpx2, urllib3 or http.client?"
            terminalreporter.line(f"  {met}; {clients}", yellow=True)
        for line in tally.details(self._orphans):
            terminalreporter.line(line)

    @property
    def _records(self) -> bool:
        """Whether this run was asked to record."""
        return self._config.getoption("fakegpt_record_mode") not in {None, "none", "verify"}

    @property
    def _orphans(self) -> str:
        return str(options.for_run(self._config, "orphans"))
