"""What the tests of a run verified: handed on with each test's report, told and written at the run's end.

Knows no test from the inside; on xdist's controller all of this is true as well.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from fakegpt_testkit.plugin import options
from fakegpt_testkit.plugin.report import write_report
from fakegpt_testkit.plugin.shown import shown_id

if TYPE_CHECKING:
    from fakegpt_testkit.drift import Drift
    from fakegpt_testkit.plugin.marker import Wanted

PROPERTY: Final = "fakegpt_drift"
"""The JUnit property of a test that holds what it found, as JSON."""

VERIFY: Final = "verify"


def skip_faulty(wanted: Wanted) -> None:
    """Skip a test whose faults would spoil what is verified; a script has no service, and plays."""
    if wanted.settings.mode == VERIFY and wanted.settings.faults and isinstance(wanted.source, Path):
        pytest.skip("nothing to verify: what this test sees is made by its faults, not said by the service")


def note(item: pytest.Item, found: Drift | None, cassette: str) -> None:
    """Keep what the test found where its report takes it along, to xdist's controller too."""
    if found is not None:
        said = {**found.dump(), "test": shown_id(item), "cassette": cassette}
        item.user_properties.append((PROPERTY, json.dumps(said)))


class Verification:
    """The whole run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._said: dict[str, str] = {}
        self._unwritten = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a test found; of one that is run again, what the last attempt found."""
        if report.when == "teardown":
            for value in (value for name, value in report.user_properties if name == PROPERTY):
                self._said[report.nodeid] = str(value)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the report."""
        file = options.for_run(self._config, "drift_report")
        if file is None or hasattr(self._config, "workeroutput"):
            return
        from fakegpt_testkit import drift

        self._unwritten = write_report(session, file, drift.report(self._drifts(), file))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what drifted; with ``-v`` what is harmless too."""
        if self._unwritten:
            terminalreporter.line(self._unwritten, red=True)
        if not self._said and self._config.getoption("fakegpt_record_mode") != VERIFY:
            return
        from fakegpt_testkit import drift

        summary, *details = drift.report_lines(self._drifts(), harmless=terminalreporter.verbosity > 0)
        for line in (f"fakegpt: {summary}", *details):
            terminalreporter.line(line)

    def _drifts(self) -> list[Drift]:
        """In the order of their tests' names: on xdist they come in any."""
        from fakegpt_testkit.drift import Drift

        return [Drift.load(json.loads(said)) for _, said in sorted(self._said.items())]
