"""The page of the command line: each of its commands runs, in its order, and none is missing; the hooks exist."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from commands import runner

from fakegpt_testkit.cli import main
from fakegpt_testkit.upstream import Options, serve_in_thread

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
LINES = [line for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
FINDS = {"orphans": 1}
"""The commands of the page that find something."""


def test_each_command_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("CI", raising=False)
    Path("tests").mkdir()
    Path("tests/test_chat.py").write_text("import pytest\n\n@pytest.mark.fakegpt\ndef test_greets(): pass\n")
    Path("pytest.ini").write_text("[pytest]\n")
    with serve_in_thread(Options()) as service:
        for line in LINES:
            assert line.startswith("$ ")
            before, _, command = line.removeprefix("$ ").rpartition("| ")
            words = shlex.split(command.replace("http://localhost:8080", service.url))
            assert words.pop(0) == "fakegpt-testkit"
            if words[0] == "upstream":
                main.commands["upstream"].make_context("upstream", words[1:])
                continue
            said = runner().invoke(main, words, input=" ".join(shlex.split(before)[1:]))
            assert said.exit_code == FINDS.get(words[0], 0), (line, said.output)
            if words[0] == "prune":
                assert not Path("cassettes/hello.yaml").exists()
                Path("cassettes").mkdir(exist_ok=True)
                Path("cassettes/other.yaml").write_text("interactions: []\nversion: 1\n")
    assert Path("hello.html").exists()
    assert Path("converted/hello.yaml").exists()


def test_each_command_has_its_place_on_the_page() -> None:
    named = {name for title in re.findall(r"^## (.*)$", PAGE, re.MULTILINE) for name in title.split(", ")}
    assert set(main.commands) == named - {"Shell completion"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shells_get_their_completion(shell: str) -> None:
    assert f"_FAKEGPT_TESTKIT_COMPLETE={shell}_source fakegpt-testkit" in PAGE
    environment = {**os.environ, "_FAKEGPT_TESTKIT_COMPLETE": f"{shell}_source"}
    command = [str(Path(sys.executable).with_name("fakegpt-testkit"))]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "_FAKEGPT_TESTKIT_COMPLETE" in shown.stdout


def test_the_hooks_run_commands_that_there_are_on_cassettes_only() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert {hook["id"] for hook in hooks} >= set(re.findall(r"- id: (\S+)", PAGE))
    for hook in hooks:
        program, command = hook["entry"].split()
        assert (program, command in main.commands) == ("fakegpt-testkit", True)
        assert re.search(hook["files"], "tests/cassettes/test_chat/test_greets.yaml")
        assert not re.search(hook["files"], "tests/other.yaml")
