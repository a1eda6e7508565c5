"""The page of the command line: no command is missing, the shells get their completion, the hooks exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fakegpt_testkit.cli import main

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))


def test_each_command_has_its_place_on_the_page_and_runs_there() -> None:
    titled = {name for title in re.findall(r"^## (.*)$", PAGE, re.MULTILINE) for name in title.split(", ")}
    assert set(main.commands) == titled - {"Shell completion"}
    assert set(re.findall(r"^\$.*fakegpt-testkit (\w[\w-]*)", PAGE, re.MULTILINE)) == set(main.commands)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shells_get_their_completion(shell: str) -> None:
    assert f"_FAKEGPT_TESTKIT_COMPLETE={shell}_source fakegpt-testkit" in PAGE
    environment = {**os.environ, "_FAKEGPT_TESTKIT_COMPLETE": f"{shell}_source"}
    command = [str(Path(sys.executable).with_name("fakegpt-testkit"))]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "_FAKEGPT_TESTKIT_COMPLETE" in shown.stdout


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_runs_a_command_that_there_is_on_cassettes_only(hook: dict[str, str]) -> None:
    program, command = hook["entry"].split()
    assert (program, command in main.commands) == ("fakegpt-testkit", True)
    assert re.search(hook["files"], "tests/cassettes/test_chat/test_greets.yaml")
    assert not re.search(hook["files"], "tests/other.yaml")


def test_the_documented_hooks_are_there() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))
    documented = set(re.findall(r"- id: (fakegpt-\S+)", pages))
    assert documented
    assert documented <= {hook["id"] for hook in HOOKS}
