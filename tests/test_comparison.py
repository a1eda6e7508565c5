"""The page that compares tools: each tool that is probed has its row, and the tests that it names are there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks" / "comparison"))

from peers import PEERS
from sdk import PACKAGES

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")


def rows_of(page: str) -> list[str]:
    """The tools that have a row."""
    return re.findall(r"^\| (?P<tool>[a-z-]+) [0-9w]", page, re.MULTILINE)


def test_each_tool_has_its_rows() -> None:
    probes, _, sdk = PAGE.partition("## With the OpenAI SDK")
    rows = rows_of(probes)
    assert rows_of(sdk.partition("\n## ")[0]) == [name.partition(",")[0] for name in PACKAGES]
    probed = [tool.partition(",")[0] for tool in PEERS if tool != "nothing"]
    assert list(dict.fromkeys(rows)) == list(dict.fromkeys(probed))


def test_each_row_names_what_was_set_and_the_version_that_is_installed() -> None:
    for tool, peer in PEERS.items():
        assert peer.changed in PAGE, tool
        pinned = re.match(rf"{tool.partition(',')[0]}(?:\[.*\])?==(?P<version>.+)", peer.packages[0])
        assert pinned is None or f"| {tool.partition(',')[0]} {pinned['version']}" in PAGE, tool


def test_the_tests_that_it_names_are_there() -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", PAGE)
    assert named
    for module, test in named:
        assert f"def {test}(" in (ROOT / "tests" / module).read_text(encoding="utf-8")
