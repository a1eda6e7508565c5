"""What a full run says of interactions that no test plays, and what it says nothing of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.made_cassettes import LAST, grow
from support.suites import INI, summary

from fakegpt_testkit import storage
from fakegpt_testkit.cassette import Cassette, dumps
from fakegpt_testkit.effects import script
from fakegpt_testkit.plugin.report import Figures, Suite, Tally

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("own_state")

FULL = """
import os
import pytest

OUTCOME = os.environ.get("OUTCOME", "")

async def ask(chat):
    return [part async for part in chat.create_async_generator("", [{"role": "user", "content": "Say hello"}])]

@pytest.mark.fakegpt("shared")
@pytest.mark.parametrize("times", [1, 2])
async def test_shared(fakegpt, times):
    for _ in range(times):
        assert await ask(fakegpt)

@pytest.fixture
def tears():
    yield
    assert OUTCOME != "error"

@pytest.mark.skipif(OUTCOME == "skipif", reason="not today")
@pytest.mark.fakegpt("shared")
async def test_other(fakegpt, tears):
    assert OUTCOME != "fail"
    if OUTCOME in ("skip", "xfail"):
        getattr(pytest, OUTCOME)("not today")

@pytest.mark.fakegpt("own")
async def test_own(fakegpt):
    assert await ask(fakegpt)
"""
OWN, SHARED = "  orphan in cassettes/own.yaml: 5", "  orphan in cassettes/shared.yaml: 6"


@pytest.fixture
def full(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(f"{INI}testpaths = tests\nfilterwarnings = default\n")
    (pytester.mkdir("tests") / "test_chat.py").write_text(FULL)
    storage.write(pytester.path / "cassettes/shared.yaml", dumps(Cassette((*script("1"), *script("2", steps=LAST)))))
    storage.write(pytester.path / "cassettes/own.yaml", dumps(Cassette(script("1"))))
    grow(pytester.path / "cassettes/shared.yaml")
    grow(pytester.path / "cassettes/own.yaml")
    return pytester


def test_a_full_run_fails_for_interactions_that_no_test_plays(full: pytest.Pytester) -> None:
    result = full.runpytest("--fakegpt-orphans=fail")
    result.assert_outcomes(passed=4)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert summary(result) == ["fakegpt: 13 replayed, 0 recorded, 2 unplayed, 2 orphans, 0 blocked", OWN, SHARED]
    assert full.runpytest().ret == pytest.ExitCode.OK
    ignoring = full.runpytest("--fakegpt-orphans=ignore")
    assert summary(ignoring)[1:] == ["  unplayed in cassettes/own.yaml: 5", "  unplayed in cassettes/shared.yaml: 6"]


@pytest.mark.untraced
@pytest.mark.parametrize("outcome", ["fail", "skip", "xfail", "skipif", "error"])
def test_a_cassette_is_judged_when_all_its_tests_have_passed(
    full: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, outcome: str
) -> None:
    monkeypatch.setenv("OUTCOME", outcome)
    result = full.runpytest("--fakegpt-orphans=fail")
    assert [line for line in summary(result) if "orphan in " in line] == [OWN]
    (full.path / "tests/conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef fakegpt_config(): return {'cassette_dir': 'elsewhere'}\n"
    )
    (full.path / "cassettes").rename(full.path / "elsewhere")
    moved = full.runpytest("--fakegpt-orphans=fail")
    assert [line for line in summary(moved) if "orphan" in line][1:] == [OWN.replace("cassettes", "elsewhere")]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("-k own", "  orphan interactions were not looked for: 3 of the tests were deselected"),
        (
            "-m fakegpt --deselect tests/test_chat.py::test_own",
            "  orphan interactions were not looked for: 1 of the tests were deselected",
        ),
        (
            "tests/test_chat.py::test_own",
            "  orphans were not looked for: only tests/test_chat.py::test_own was asked for",
        ),
        ("--lf", "  orphans were not looked for: --last-failed leaves out tests"),
        ("--setup-only", "  orphans were not looked for: --setup-only runs no test"),
        ("-x", "fakegpt: 9 replayed, 0 recorded, 0 unplayed, 0 orphans, 0 blocked"),
    ],
    ids=lambda words: str(words).partition(" ")[0],
)
def test_a_part_of_a_run_says_nothing_of_interactions(
    full: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, words: str, why: str
) -> None:
    monkeypatch.setenv("OUTCOME", "fail" if words == "-x" else "")
    result = full.runpytest("--fakegpt-orphans=fail", *words.split())
    assert result.ret == (pytest.ExitCode.TESTS_FAILED if words == "-x" else pytest.ExitCode.OK)
    assert [line for line in summary(result) if "orphan in " in line] == []
    assert summary(result)[-1] == why


AGAIN = """
import pytest
from _pytest.runner import runtestprotocol

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    for number in range(2):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        for report in reports if LOGS_BOTH or number else []:
            item.ihook.pytest_runtest_logreport(report=report)
    return True
"""


@pytest.mark.parametrize("logs_both", [True, False], ids=["a test twice", "the last of two attempts"])
def test_a_test_that_is_run_again_counts_as_often_as_it_is_reported(full: pytest.Pytester, logs_both: bool) -> None:
    (full.path / "tests/conftest.py").write_text(AGAIN.replace("LOGS_BOTH", str(logs_both)))
    result = full.runpytest("--junitxml=junit.xml")
    replayed = 26 if logs_both else 13
    assert summary(result) == [
        f"fakegpt: {replayed} replayed, 0 recorded, 2 unplayed, 2 orphans, 0 blocked",
        OWN,
        SHARED,
    ]


@pytest.mark.parametrize("logs_both", [True, False], ids=["both reported", "one reported"])
def test_an_attempt_that_failed_is_forgotten_when_the_next_one_passes(full: pytest.Pytester, logs_both: bool) -> None:
    fails_first = FULL.replace("async def test_own(fakegpt):", "async def test_own(fakegpt, tried=[]):")
    fails_first += "    tried.append(1)\n    assert len(tried) > 1\n"
    (full.path / "tests/test_chat.py").write_text(fails_first)
    (full.path / "tests/conftest.py").write_text(AGAIN.replace("LOGS_BOTH", str(logs_both)))
    result = full.runpytest()
    result.assert_outcomes(passed=7 if logs_both else 4, failed=int(logs_both))
    assert summary(result)[1:] == [OWN, SHARED]


def test_nothing_is_known_of_a_cassette_that_was_recorded_into(tmp_path: Path) -> None:
    def tally(recorded: int) -> Tally:
        return Tally(tmp_path, [Figures("test", "c.yaml", "new_episodes", True, 2, 1, recorded, (2,))])

    assert (tally(0).orphan_interactions, tally(1).orphan_interactions) == ({"c.yaml": (2,)}, {})


def test_where_no_test_ran_a_report_says_nothing_of_interactions(full: pytest.Pytester) -> None:
    full.runpytest("--collect-only", "--fakegpt-report=collected.json")
    said = json.loads((full.path / "collected.json").read_text())
    assert (said["orphans"], said["orphan_interactions"], said["collected"]) == ([], None, 4)


def test_what_a_worker_collected_comes_whole_to_the_controller() -> None:
    suite = Suite({"a"}, {"x.yaml": {"test 1"}}, {"tests/slow/"}, "", 2)
    assert Suite.load(json.loads(json.dumps(suite.dump()))) == suite
    suite.add(Suite({"b"}, {"x.yaml": {"test 1", "test 2"}, "y.yaml": {"test 3"}}, {"test_c.py"}, "why", 2))
    both = {"x.yaml": {"test 1", "test 2"}, "y.yaml": {"test 3"}}
    assert suite == Suite({"a", "b"}, both, {"tests/slow/", "test_c.py"}, "why", 2)
    whole = Suite()
    whole.add(suite)
    assert whole == suite


def test_orphans_are_looked_for_where_the_nearest_marker_says(full: pytest.Pytester) -> None:
    code = "import pytest\npytestmark = pytest.mark.fakegpt(cassette_dir='far')\n"
    code += "@pytest.mark.fakegpt(cassette_dir='near')\ndef test_it(fakegpt_cassette): pass\n"
    (full.path / "tests/test_chat.py").write_text(code)
    for name in ("near/left", "near/test_chat/test_it", "far/of_others"):
        storage.write(full.path / f"{name}.yaml", dumps(Cassette()))
    assert summary(full.runpytest())[1:] == [
        "  orphan: cassettes/own.yaml",
        "  orphan: cassettes/shared.yaml",
        "  orphan: near/left.yaml",
    ]


def test_a_report_that_cannot_be_written_is_said(full: pytest.Pytester) -> None:
    full.mkdir("taken.md")
    early = full.runpytest("--fakegpt-report=taken.md")
    assert early.ret == pytest.ExitCode.USAGE_ERROR
    early.stderr.fnmatch_lines(["ERROR: report is 'taken.md'; wanted: the name of a file"])
    late = full.runpytest("--fakegpt-drift-report=taken.md")
    assert late.ret == pytest.ExitCode.USAGE_ERROR
    late.stdout.fnmatch_lines(["fakegpt: no report: *taken.md cannot be written: Is a directory; *"])
    assert summary(late)
