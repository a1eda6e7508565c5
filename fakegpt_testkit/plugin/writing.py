"""Writes what a run reports to a file. A report that cannot be written fails the run, and takes nothing else along.

Knows nothing of what is in it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fakegpt_testkit.errors import FakeGptTestkitError


def write(session: pytest.Session, file: str, text: str) -> str:
    """Put the text into the file, seen from the rootdir; gives why that failed, for the run's end, or nothing."""
    from fakegpt_testkit import storage

    try:
        storage.write(Path(session.config.rootpath, file), text.encode())
    except FakeGptTestkitError as problem:
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
        return f"fakegpt: no report: {problem}"
    return ""
