"""Chooses the tests of ``make quick``: those that need no server, no subprocess, no browser; and holds them to it.

Knows no test by name: a test is chosen by what its file imports and what its own lines and its fixtures
come to.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

OUTSIDE = frozenset(
    {
        *(
            f"support.{name}"
            for name in ("behaviours", "browser", "clients", "commands", "http2", "listening", "live_llm")
        ),
        *(f"support.{name}" for name in ("pages", "programs", "raw", "servers", "suites", "three_ways")),
        *("aiohttp.web", "aiohttp.test_utils", "http.server", "socket"),
        *("fakegpt_testkit.fakegpt.stand_in", "fakegpt_testkit.serving"),
    }
)
"""A file that imports one of these serves, or starts something."""
BEGINNINGS = frozenset({"subprocess", "start_server", "create_server"})
"""What every function that serves or starts something comes to."""
SUPPORT = Path(__file__).parent
FIXTURES = frozenset({"pytester", "fakegpt", "fakegpt_server", "fakegpt_upstream", "listener"})
REFUSED = {"subprocess.Popen": "started a process", "socket.bind": "opened a port", "os.fork": "forked"}


def is_quick(item: pytest.Item) -> bool:
    """Whether a test does all that it does inside its own process."""
    function = getattr(item, "function", None)
    return function is not None and _is_quick(function, item.path, frozenset(getattr(item, "fixturenames", ())))


@cache
def _is_quick(function: Callable[..., object], path: Path, fixtures: frozenset[str]) -> bool:
    if FIXTURES & fixtures or OUTSIDE & imported(path):
        return False
    return not (fixtures | set(re.findall(r"\w+", inspect.getsource(function)))) & starters(path)


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
    """The names in a file of what serves or starts something: functions that come to it, here or in ``support``."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    found = set(BEGINNINGS)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.update(alias.asname or alias.name for alias in node.names if begins(node.module, alias.name))
    functions = [each for each in tree.body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))]
    words = {each.name: set(re.findall(r"\w+", ast.get_source_segment(text, each) or "")) for each in functions}
    while more := {name for name, used in words.items() if used & found} - found:
        found |= more
    return frozenset(found)


def begins(module: str, name: str) -> bool:
    """Whether what a file imports serves or starts something."""
    if module in OUTSIDE or f"{module}.{name}" in OUTSIDE:
        return True
    path = SUPPORT.parent.joinpath(*module.split(".")).with_suffix(".py")
    return module.startswith("support.") and name in starters(path)


def hold_to_it() -> None:
    """From now on a quick test of this process fails that starts a process or opens a port."""
    sys.addaudithook(_refuse)


@contextmanager
def held(item: pytest.Item) -> Iterator[None]:
    """Within this block a test is held to what was taken from its file."""
    _HELD.append(is_quick(item))
    try:
        yield
    finally:
        _HELD.pop()


_HELD: list[bool] = []


def _refuse(event: str, _: tuple[object, ...]) -> None:
    if event in REFUSED and _HELD and _HELD[-1]:
        raise RuntimeError(f"a quick test {REFUSED[event]}: tests/support/quick.py has to see that it would")
