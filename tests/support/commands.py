"""Runs the command line in this process."""

from __future__ import annotations

import inspect

from click.testing import CliRunner


def runner() -> CliRunner:
    """A runner that keeps stderr apart: since click 8.2 by itself, before that when asked."""
    older = "mix_stderr" in inspect.signature(CliRunner).parameters
    return CliRunner(**({"mix_stderr": False} if older else {}))
