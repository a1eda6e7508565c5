"""Runs the command line in this process, over cassettes that a test writes."""

from __future__ import annotations

import inspect
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from fakegpt_testkit import cassette as cassettes
from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.cli import main
from support.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from fakegpt_testkit.exchange import Interaction


def runner() -> CliRunner:
    """A runner that keeps stderr apart: since click 8.2 by itself, before that when asked."""
    options: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
    return CliRunner(**options)


def ran(*arguments: str | Path, stdin: str | None = None) -> Result:
    """A command, and what became of it."""
    return runner().invoke(main, list(map(str, arguments)), input=stdin)


def interrupted(*arguments: str | Path, when: Callable[[], object]) -> tuple[int, str, str]:
    """The status, output and problems of a command in a process of its own that Ctrl-C stopped at that moment."""
    command = [sys.executable, "-m", "fakegpt_testkit", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + PATIENCE
            while not when() and time.monotonic() < deadline:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            out, problems = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    return process.returncode, out, problems.strip()


def written(path: Path, *interactions: Interaction) -> Path:
    """A cassette of these, in a folder that is made for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cassettes.dumps(Cassette(interactions)))
    return path
