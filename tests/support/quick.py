"""Chooses the tests of ``make quick``: those that need no server, no subprocess, no browser; and holds them to it.

Knows no test by name: a test is chosen by what its file imports and what its own lines and its fixtures are.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

OUTSIDE = frozenset(
    {
        *(f"support.{name}" for name in ("behaviours", "browser", "clients", "commands", "listening", "live_llm")),
        *(f"support.{name}" for name in ("pages", "programs", "raw", "servers", "suites", "three_ways")),
        *("aiohttp.web", "aiohttp.test_utils", "socket"),
        *("fakegpt_testkit.fakegpt.stand_in", "fakegpt_testkit.serving"),
    }
)
"""A file that imports one of these serves, or starts something."""
FIXTURES = frozenset({"pytester", "fakegpt", "fakegpt_server", "fakegpt_upstream"})
REFUSED = {"subprocess.Popen": "started a process", "socket.bind": "opened a port", "os.fork": "forked"}


def is_quick(item: pytest.Item) -> bool:
    """Whether a test does all that it does inside its own process."""
    function = getattr(item, "function", None)
    if function is None or FIXTURES & set(getattr(item, "fixturenames", ())):
        return False
    if OUTSIDE & imported(item.path):
        return False
    words = set(re.findall(r"\w+", inspect.getsource(function))) | set(getattr(item, "fixturenames", ()))
    return not words & starters(item.path)


@cache
def imported(path: Path) -> frozenset[str]:
    """The modules, and what is had from them, that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(found)


@cache
def starters(path: Path) -> frozenset[str]:
    """The name ``subprocess``, and the functions of a file that come to it."""
    text = path.read_text(encoding="utf-8")
    functions = [each for each in ast.parse(text).body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))]
    words = {each.name: set(re.findall(r"\w+", ast.get_source_segment(text, each) or "")) for each in functions}
    found = {"subprocess"}
    while more := {name for name, used in words.items() if used & found} - found:
        found |= more
    return frozenset(found)


def hold_to_it() -> None:
    """From now on a test of this process that starts a process or opens a port fails."""
    sys.addaudithook(_refuse)


def _refuse(event: str, _: tuple[object, ...]) -> None:
    if event in REFUSED:
        raise RuntimeError(f"a quick test {REFUSED[event]}: tests/support/quick.py has to see that it would")
