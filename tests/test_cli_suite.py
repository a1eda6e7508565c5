"""Orphans and prune, on suites that a real pytest collects."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import ran
from support.untraced import PROCESSES

from fakegpt_testkit import cassette as cassettes
from fakegpt_testkit import load_cassette, script
from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.errors import CassetteChanged
from fakegpt_testkit.maintenance import orphans

SUITE = """
import pytest

@pytest.mark.fakegpt
def test_own(): raise SystemExit("a test was run")

@pytest.mark.fakegpt("shared/login")
def test_named(): pass

@pytest.mark.fakegpt
class TestMany:
    @pytest.mark.parametrize("word", ["a", "b"])
    def test_each(self, word): pass

    @pytest.mark.fakegpt(cassette_dir="elsewhere")
    @pytest.mark.skip
    def test_elsewhere(self): pass

def test_unmarked(): pass
"""
USED = [
    "cassettes/shared/login.yaml",
    "cassettes/test_chat/TestMany.test_each[a].yaml",
    "cassettes/test_chat/test_own.yaml",
    "elsewhere/test_chat/TestMany.test_elsewhere.yaml",
]
ORPHANS = [
    "cassettes/test_chat/test_removed.yaml",
    "cassettes/test_chat/test_unmarked.yaml",
    "cassettes/test_gone/deep/test_it.yaml",
    "elsewhere/old.yaml",
]


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # other people's plugins take most of a collection's time
    monkeypatch.setenv("PYTEST_PLUGINS", "fakegpt_testkit.plugin")
    monkeypatch.delenv(PROCESSES, raising=False)  # other tests show more of a run than of the collections here
    Path("pytest.ini").write_text("[pytest]\n")
    Path("tests").mkdir()
    Path("tests/test_chat.py").write_text(SUITE)
    for name in (*USED, *ORPHANS):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(cassettes.dumps(Cassette()))
    Path("cassettes/test_gone/notes.yaml").write_text("no: cassette\n")
    return tmp_path


@pytest.mark.usefixtures("suite")
def test_orphans_are_the_cassettes_that_no_marked_test_would_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    monkeypatch.delenv("PYTEST_PLUGINS")
    result = ran("orphans")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [*ORPHANS, "6 tests, 4 orphans"]


@pytest.mark.once
@pytest.mark.parametrize("options", ["-k own", "-m 'not fakegpt'", "-p xdist -n 2", "-x -p no:cacheprovider"])
@pytest.mark.usefixtures("suite")
def test_what_a_suite_deselects_is_in_use_all_the_same(options: str) -> None:
    Path("pytest.ini").write_text(f"[pytest]\naddopts = {options}\n")
    said = json.loads(ran("orphans", "--json").stdout)
    assert [str(Path(each).relative_to(Path.cwd())) for each in said["orphans"]] == ORPHANS


@pytest.mark.once
@pytest.mark.usefixtures("suite")
def test_the_folder_is_what_pytest_is_told() -> None:
    Path("pytest.ini").write_text("[pytest]\nfakegpt_cassette_dir = recorded\n")
    Path("cassettes").rename("recorded")
    told = ran("orphans").stdout.splitlines()
    assert sorted(told[:-1]) == sorted(each.replace("cassettes", "recorded") for each in ORPHANS)
    Path("recorded").rename("else where")
    told = ran("orphans", "--folder", "else where").stdout.splitlines()
    assert sorted(told[:-1]) == sorted(each.replace("cassettes", "else where") for each in ORPHANS)


@pytest.mark.usefixtures("suite")
def test_prune_asks_and_removes_orphans_and_the_folders_they_leave_empty() -> None:
    refused = ran("prune", stdin="n\n")
    assert (refused.exit_code, "Remove 4 cassettes?" in refused.stdout) == (1, True)
    assert all(Path(each).exists() for each in (*USED, *ORPHANS))
    result = ran("prune", stdin="y\n")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "4 cassettes removed")
    assert sorted(str(each) for each in Path().glob("*/**/*.yaml") if each.parts[0] != "state") == sorted(
        [*USED, "cassettes/test_gone/notes.yaml"]
    )
    assert not Path("cassettes/test_gone/deep").exists()
    assert Path("elsewhere").is_dir()
    assert ran("prune").stdout == "0 cassettes removed\n"


@pytest.mark.once
@pytest.mark.usefixtures("suite")
def test_prune_for_programs_does_not_ask() -> None:
    assert ran("prune", "--json").exit_code == 2
    said = json.loads(ran("prune", "--yes", "--json").stdout)
    assert (said["tests"], [str(Path(each).relative_to(Path.cwd())) for each in said["removed"]]) == (6, ORPHANS)
    assert not any(Path(each).exists() for each in ORPHANS)


@pytest.mark.once
@pytest.mark.parametrize(
    ("broken", "text"),
    [
        pytest.param("import nothing_of_that_name", "failed; nothing was changed", id="no import"),
        pytest.param("", "found no test; nothing was changed", id="no test"),
    ],
)
@pytest.mark.usefixtures("suite")
def test_without_knowing_all_tests_nothing_is_an_orphan(broken: str, text: str) -> None:
    Path("tests/test_chat.py").write_text(broken)
    result = ran("prune", "--yes")
    assert (result.exit_code, text in result.stderr) == (2, True), result.stderr
    assert all(Path(each).exists() for each in (*USED, *ORPHANS))


@pytest.mark.once
@pytest.mark.parametrize("arguments", [["tests/test_chat.py"], ["--lf"]], ids=lambda words: words[0])
@pytest.mark.usefixtures("suite")
def test_a_part_of_the_suite_knows_no_orphans(arguments: list[str]) -> None:
    result = ran("prune", "--yes", "--", *arguments)
    assert (result.exit_code, "saw a part of the suite; nothing was changed" in result.stderr) == (2, True)
    assert all(Path(each).exists() for each in ORPHANS)


@pytest.mark.usefixtures("suite")
def test_what_this_machine_skips_or_ignores_keeps_its_cassettes() -> None:
    Path("tests/test_skips.py").write_text("import pytest\npytest.skip('not here', allow_module_level=True)\n")
    Path("tests/test_ignored.py").write_text("import nothing_of_that_name\n")
    Path("tests/slow").mkdir()
    Path("tests/slow/test_slow.py").write_text("import nothing_of_that_name\n")
    Path("tests/conftest.py").write_text("collect_ignore = ['test_ignored.py', 'slow']\n")
    for name in ("test_skips/test_a", "test_ignored/test_b", "slow/test_slow/test_c"):
        Path("cassettes", f"{name}.yaml").parent.mkdir(parents=True)
        Path("cassettes", f"{name}.yaml").write_bytes(cassettes.dumps(Cassette()))
    assert ran("orphans").stdout.splitlines() == [*ORPHANS, "6 tests, 4 orphans"]


@pytest.mark.once
@pytest.mark.usefixtures("suite")
def test_a_test_with_a_script_or_a_name_that_is_refused_uses_no_file() -> None:
    marked = "import pytest\n@pytest.mark.fakegpt([])\ndef test_script(): pass\n"
    marked += "@pytest.mark.fakegpt('../up')\ndef test_up(): pass\n"
    Path("tests/test_more.py").write_text(marked)
    assert ran("orphans").stdout.splitlines() == [*ORPHANS, "8 tests, 4 orphans"]


@pytest.mark.once
@pytest.mark.usefixtures("suite")
def test_arguments_go_to_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # shows that it waits for pytest
    Path("tests/test_more.py").write_text("import nothing_of_that_name")
    assert ran("orphans").exit_code == 2
    assert "6 tests, 4 orphans" in ran("orphans", "--", "--ignore=tests/test_more.py").stdout
    Path("below").mkdir()
    monkeypatch.chdir("below")
    assert "found no test; nothing was changed" in ran("orphans").stderr
    assert "6 tests, 4 orphans" in ran("orphans", "--", "--ignore=../tests/test_more.py", "..").stdout


@pytest.mark.usefixtures("suite")
def test_a_list_of_test_ids_is_enough() -> None:
    ids = "tests/test_chat.py::test_own\ntests/test_chat.py::TestMany::test_each[a]\n\n5 tests collected\n"
    result = ran("orphans", "--tests", "-", "--folder", "cassettes", stdin=ids)
    lines = result.stdout.splitlines()
    assert lines == ["cassettes/shared/login.yaml", *ORPHANS[:3], "2 tests, 4 orphans"]
    nothing = ran("prune", "--yes", "--tests", "-", "--folder", "cassettes", stdin="no id\n")
    assert (nothing.exit_code, "names no test" in nothing.stderr) == (2, True)
    Path("ids").write_bytes(b"tests/test_chat.py::test_\xff\n")
    unreadable = ran("orphans", "--tests", "ids", "--folder", "cassettes")
    assert (unreadable.exit_code, "ids is no list of tests: it is not UTF-8" in unreadable.stderr) == (2, True)
    assert ran("orphans", "--tests", "-", stdin=ids).exit_code == 2
    assert ran("orphans", "--tests", "-", "--folder", "cassettes", "tests", stdin=ids).exit_code == 2


# --- interactions that no test plays ---

PLAYS = """
import pytest

@pytest.mark.fakegpt("shared/login")
@pytest.mark.parametrize("times", [1, 2])
def test_asks(fakegpt, times):
    for _ in range(times):
        list(fakegpt.create_completion("", [{"role": "user", "content": "Say hello"}]))
"""
KEPT = (*script("1"), *script("2", steps=["conversation"]))
LEFT = "cassettes/shared/login.yaml, interaction 6: POST /api/conversation"


@pytest.fixture(scope="module")
def reported() -> dict[str, str]:
    """The report of the one full run that all tests of a report share, by the folder that it was made in."""
    return {}


@pytest.fixture
def figures(suite: Path, reported: dict[str, str]) -> Path:
    """The report of a full run that played five of the six interactions of its one cassette."""
    Path("tests/test_chat.py").write_text(PLAYS)
    for name in (*USED, *ORPHANS[1:]):
        Path(name).unlink()
    Path("cassettes/shared/login.yaml").write_bytes(cassettes.dumps(Cassette((*KEPT, KEPT[-1]))))
    report = Path("figures.json")
    for folder, text in reported.items():
        report.write_text(text.replace(folder, str(suite)))
        return report
    assert run_suite("--fakegpt-report=figures.json").returncode == 0
    reported[str(suite)] = report.read_text()
    return report


def run_suite(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "pytest", "-q", *arguments], capture_output=True)


def test_orphan_interactions_are_told_by_a_report_and_pruned(figures: Path) -> None:
    told = ran("orphans", "--report", "figures.json")
    assert (told.exit_code, told.stdout.splitlines()) == (
        1,
        [ORPHANS[0], LEFT, "2 tests, 1 orphan, 1 orphan interaction"],
    )
    refused = ran("prune", "--report", "figures.json", stdin="n\n")
    assert (refused.exit_code, "Remove 1 cassette and 1 interaction?" in refused.stdout) == (1, True)
    assert ran("prune", "--yes").stdout.splitlines() == [ORPHANS[0], "1 cassette removed"]
    file = Path("cassettes/shared/login.yaml")
    assert len(load_cassette(file).interactions) == 6
    said = json.loads(ran("prune", "--report", "figures.json", "--yes", "--json").stdout)
    assert said == {
        "tests": 2,
        "removed": [],
        "interactions": [{"path": str(file.resolve()), "number": 6, "request": "POST /api/conversation"}],
    }
    assert load_cassette(file).interactions == KEPT
    assert run_suite("--fakegpt-orphans=fail", "--fakegpt-report=figures.json").returncode == 0
    nothing = ran("orphans", "--report", "figures.json", "--json")
    assert (nothing.exit_code, json.loads(nothing.stdout)["interactions"]) == (0, [])


@pytest.mark.once
def test_an_orphan_cassette_is_not_pruned_interaction_by_interaction(figures: Path) -> None:
    Path("tests/test_chat.py").write_text("def test_plain(): pass\n")
    said = json.loads(ran("orphans", "--report", "figures.json", "--json").stdout)
    assert ([Path(each).name for each in said["orphans"]], said["interactions"]) == (
        ["login.yaml", "test_removed.yaml"],
        [],
    )
    ids = "tests/test_a.py::test_a\n"
    listed = ran("orphans", "--tests", "-", "--folder", "cassettes", "--report", "figures.json", stdin=ids)
    assert "1 test, 2 orphans, 0 orphan interactions" in listed.stdout


@pytest.mark.once
@pytest.mark.parametrize(
    ("report", "problem"),
    [
        ("no JSON", "it is no report of pytest --fakegpt-report"),
        ("[]", "it is no report of pytest --fakegpt-report"),
        ('{"orphan_interactions": [{}]}', "it is no report of pytest --fakegpt-report"),
        ('{"orphan_interactions": null}', "a part of the suite does not say what nobody uses"),
    ],
)
def test_a_report_that_does_not_know_is_refused(figures: Path, report: str, problem: str) -> None:
    figures.write_text(report)
    result = ran("prune", "--report", "figures.json", "--yes")
    assert (result.exit_code, problem in result.stderr) == (2, True), result.stderr
    assert Path(ORPHANS[0]).exists()


@pytest.mark.once
@pytest.mark.usefixtures("figures")
def test_a_cassette_that_has_changed_since_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    file = Path("cassettes/shared/login.yaml")
    (unused,) = orphans.unplayed(Path("figures.json"), orphans.Orphans(2, (), (), Path.cwd()))
    file.write_bytes(changed := cassettes.dumps(Cassette((*KEPT, *KEPT))))
    result = ran("prune", "--report", "figures.json", "--yes")
    assert (result.exit_code, "has changed since the run" in result.stderr) == (2, True)
    with pytest.raises(CassetteChanged, match="it was not changed"):
        orphans.take_out(unused)
    assert (file.read_bytes(), Path(ORPHANS[0]).exists()) == (changed, True)
