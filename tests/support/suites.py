"""For tests that run pytest in suites of other people."""

import httpcore2  # noqa: F401 - the same: httpx2 imports it late, and keeps the errors of the first one
import pytest

import fakegpt_testkit.recorder.block  # noqa: F401 - pytester takes back what an inner run imports first; this stays

INI = """[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
addopts = -p no:looptime_plugin
"""
"""looptime's hook asks for an event loop in each run and leaves it open, as this project's own options say."""


def summary(result: pytest.RunResult) -> list[str]:
    """The lines that we print at the end of a run."""
    lines = result.outlines
    start = next((at for at, line in enumerate(lines) if line.startswith("fakegpt: ")), len(lines))
    end = next((at for at in range(start + 1, len(lines)) if not lines[at].startswith("  ")), len(lines))
    return lines[start:end]
