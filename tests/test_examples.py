"""The projects under ``examples/`` pass with this code, offline, from the cassettes that are kept with them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import runner

from fakegpt_testkit.cli import main

pytestmark = pytest.mark.once

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.untraced
@pytest.mark.parametrize("name", [path.parent.name for path in sorted(EXAMPLES.glob("*/pyproject.toml"))])
def test_the_suite_of_an_example_passes(name: str, tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "PYTHONSAFEPATH": "1", "CI": "true"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:looptime_plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=EXAMPLES / name, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 recorded, 0 unplayed, 0 orphans, 0 blocked" in done.stdout


def test_there_is_an_example() -> None:
    assert (EXAMPLES / "chatbot" / "pyproject.toml").is_file()


def test_the_cassettes_of_the_examples_are_in_order() -> None:
    said = runner().invoke(main, ["check", str(EXAMPLES)])
    assert said.exit_code == 0, said.output
