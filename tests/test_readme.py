"""Every Python block of the README runs, as a newcomer would run it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fakegpt_testkit.upstream import Options, serve_in_thread

if TYPE_CHECKING:
    import pytest

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
FIRST, ANY_CLIENT, FAULTS, IN_A_SUITE = BLOCKS


def pytest_in(folder: Path, *args: str) -> str:
    """Run pytest in a folder of its own, as a user does; gives what it printed when it passed."""
    environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state"), "PYTHONSAFEPATH": "1", "CI": ""}
    command = [sys.executable, "-m", "pytest", "-q", "-o", "asyncio_mode=auto", *args]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_first_example_records_and_then_replays_with_the_service_gone(tmp_path: Path) -> None:
    folder = tmp_path / "a suite elsewhere"
    (folder / "tests").mkdir(parents=True)
    (folder / "tests/test_chat.py").write_text(f"import pytest\n\n{FIRST}", encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    with serve_in_thread(Options()) as service:
        assert "1 passed" in pytest_in(folder, "--fakegpt-record-mode=once", f"--fakegpt-url={service.url}")
    assert (folder / "cassettes/test_chat/test_greets.yaml").is_file()
    assert "1 passed" in pytest_in(folder)


def test_the_first_example_is_at_most_four_lines() -> None:
    lines = [line for line in FIRST.splitlines() if not line.startswith("#")]
    assert len(lines) <= 4


def test_the_example_with_any_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(ANY_CLIENT, "README.md", "exec"), names)
    record_and_replay = names["record_and_replay"]
    assert callable(record_and_replay)
    with serve_in_thread(Options()) as service:
        record_and_replay(f"{service.url}/api/auth/session")
    assert capsys.readouterr().out.startswith("200 [")


def test_the_examples_in_a_suite(tmp_path: Path) -> None:
    (tmp_path / "test_shared.py").write_text(IN_A_SUITE, encoding="utf-8")
    (tmp_path / "test_faults.py").write_text(FAULTS, encoding="utf-8")
    assert "2 passed" in pytest_in(tmp_path)


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)", README.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (README.parent / link).is_file()] == []
