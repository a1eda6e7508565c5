"""For tests that run pytest in suites of other people."""

import httpcore2  # noqa: F401 - the same: httpx2 imports it late, and keeps the errors of the first one

import fakegpt_testkit.recorder.block  # noqa: F401 - pytester takes back what an inner run imports first; this stays

INI = """[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
addopts = -p no:looptime_plugin
"""
"""looptime's hook asks for an event loop in each run and leaves it open, as this project's own options say."""
