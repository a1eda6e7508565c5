"""What a run tells of its cassettes: the figures, what nobody asked for, what is too old, and what CI never does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from support.made_cassettes import LONG_AGO, grow, old
from support.suites import INI, summary

from fakegpt_testkit import load_cassette, storage
from fakegpt_testkit.cassette import Cassette, dumps
from fakegpt_testkit.effects import script
from fakegpt_testkit.fakegpt.stand_in import Options, serve_in_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakegpt_testkit.fakegpt.stand_in import Service

pytestmark = pytest.mark.usefixtures("own_state")

SUITE = """
import pytest

async def ask(chat, prompt="Say hello"):
    return [part async for part in chat.create_async_generator("", [{"role": "user", "content": prompt}])]

@pytest.mark.fakegpt
async def test_one(fakegpt):
    assert await ask(fakegpt)

@pytest.mark.fakegpt("shared")
@pytest.mark.parametrize("prompt", ["first", "second"])
async def test_shared(fakegpt, prompt):
    assert await ask(fakegpt, prompt)

def test_unmarked():
    pass
"""
ELSEWHERE = """
import pytest
pytest.importorskip("a_module_that_is_not_there")

@pytest.mark.fakegpt
def test_elsewhere():
    pass
"""


@pytest.fixture
def service() -> Iterator[Service]:
    with serve_in_thread(Options(text="Hello there")) as running:
        yield running


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(f"{INI}testpaths = tests\nfilterwarnings = default\n")
    tests = pytester.mkdir("tests")
    (tests / "test_chat.py").write_text(SUITE)
    return pytester


@pytest.mark.plugins("xdist")
def test_a_run_tells_what_it_did(suite: pytest.Pytester, service: Service) -> None:
    recording = suite.runpytest("--fakegpt-record-mode=all", f"--fakegpt-url={service.url}")
    assert summary(recording) == ["fakegpt: 0 replayed, 12 recorded, 0 unplayed, 0 orphans, 0 blocked"]

    (suite.path / "cassettes/old").mkdir()
    (suite.path / "cassettes/old/test_gone.yaml").write_text("interactions: []\nversion: 1\n")
    (suite.path / "cassettes/test_elsewhere").mkdir()
    (suite.path / "cassettes/test_elsewhere/test_elsewhere.yaml").write_text("interactions: []\nversion: 1\n")
    (suite.path / "tests/test_elsewhere.py").write_text(ELSEWHERE)
    grow(suite.path / "cassettes/shared.yaml")

    result = suite.runpytest("-v", "--fakegpt-report=out/figures.json", "--junitxml=junit.xml")
    result.assert_outcomes(passed=4, skipped=1)
    assert summary(result) == [
        "fakegpt: 12 replayed, 0 recorded, 1 unplayed, 2 orphans, 0 blocked",
        "  orphan: cassettes/old/test_gone.yaml",
        "  orphan in cassettes/shared.yaml: 6",
    ]
    result.stdout.fnmatch_lines(
        ["replayed recorded unplayed blocked  test", " *4 * 0 * 2 * 0  tests/test_chat.py::test_shared?first?"]
    )
    figures = json.loads((suite.path / "out/figures.json").read_text())
    assert {name: figures[name] for name in ("replayed", "recorded", "unplayed", "orphans", "blocked", "part")} == {
        "replayed": 12,
        "recorded": 0,
        "unplayed": {"cassettes/shared.yaml": [6]},
        "orphans": ["cassettes/old/test_gone.yaml"],
        "blocked": [],
        "part": "",
    }
    assert [(each["cassette"], each["numbers"]) for each in figures["orphan_interactions"]] == [
        ("cassettes/shared.yaml", [6])
    ]
    assert [each["unplayed"] for each in figures["tests"]] == [[], [5, 6], [1, 6]]
    properties = ET.parse(suite.path / "junit.xml").findall(".//testcase/properties/property")
    assert [each.get("name") for each in properties] == ["fakegpt"] * 3
    assert json.loads(properties[0].get("value") or "") == figures["tests"][0]

    failing = suite.runpytest("-n", "2", "--fakegpt-orphans=fail", "-q", "--fakegpt-report=2", "--junitxml=2.xml")
    assert failing.ret == pytest.ExitCode.TESTS_FAILED
    failing.assert_outcomes(passed=4, skipped=1)
    assert summary(failing) == summary(result)
    spread = json.loads((suite.path / "2").read_text())
    assert sorted(map(str, spread.pop("tests"))) == sorted(map(str, figures.pop("tests")))
    assert {**spread, "collected": 0} == {**figures, "collected": 0}
    assert len(ET.parse(suite.path / "2.xml").findall(".//testcase/properties/property[@name='fakegpt']")) == 3

    deselecting = suite.runpytest("--fakegpt-orphans=fail", "-k", "one", "--fakegpt-unplayed=fail")
    assert summary(deselecting)[0] == "fakegpt: 4 replayed, 0 recorded, 0 unplayed, 1 orphan, 0 blocked"

    leaving_out = suite.runpytest("--fakegpt-orphans=fail", "--ignore=tests/test_elsewhere.py")
    assert summary(leaving_out) == summary(result)

    part = suite.runpytest("--fakegpt-orphans=fail", "tests/test_chat.py::test_shared")
    assert part.ret == pytest.ExitCode.OK
    assert summary(part) == [
        "fakegpt: 8 replayed, 0 recorded, 1 unplayed, 0 blocked",
        "  unplayed in cassettes/shared.yaml: 6",
        "  orphans were not looked for: only tests/test_chat.py::test_shared was asked for",
    ]


def test_what_cannot_be_collected_and_many_orphans(suite: pytest.Pytester) -> None:
    code = "import pytest\n@pytest.mark.fakegpt('made', record_mode='all')\ndef test_it(): pass\n"
    (suite.path / "tests/test_chat.py").write_text(code)
    for number in range(22):
        storage.write(suite.path / f"cassettes/old{number:02}.yaml", dumps(Cassette()))
    shown = summary(suite.runpytest())
    assert (shown[1], shown[20:]) == (
        "  orphan: cassettes/old00.yaml",
        ["  orphan: cassettes/old19.yaml", "  and 2 more"],
    )
    (suite.path / "tests/test_broken.py").write_text("import nothing_of_this_name\n")
    result = suite.runpytest("--continue-on-collection-errors", "--fakegpt-orphans=fail")
    assert summary(result)[-1] == "  orphans were not looked for: tests/test_broken.py could not be collected"


def test_interactions_that_nobody_asked_for(suite: pytest.Pytester) -> None:
    code = """
import pytest

def test_fails(): assert False, "so nothing is said of what it left"
def test_skips(): pytest.skip("so nothing is said either")
def test_leaves(): pass
@pytest.mark.fakegpt(unplayed="ignore")
def test_may_leave(): pass
@pytest.mark.fakegpt(unplayed="warn")
def test_is_warned(): pass
@pytest.mark.fakegpt(cassette_dir="elsewhere")
def test_uses_another_folder(): pass
"""
    (suite.path / "tests/test_chat.py").write_text(f"{code}\npytestmark = pytest.mark.fakegpt('left')\n")
    storage.write(suite.path / "cassettes/left.yaml", dumps(Cassette(script("Hello"))))
    result = suite.runpytest("-o", "fakegpt_unplayed=fail", "-o", "fakegpt_orphans=ignore")
    result.assert_outcomes(passed=4, failed=1, skipped=1, errors=1, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "4 of 4 interactions of cassettes/left.yaml were not requested",
            "  1: GET /api/loads",
            "*FakeGptTestkitWarning: InteractionsUnplayed: 4 of 4 interactions of cassettes/left.yaml were not*",
            "*ERROR tests/test_chat.py::test_leaves - *4 of 4 *",
        ]
    )
    assert summary(result) == ["fakegpt: 0 replayed, 0 recorded, 0 unplayed, 0 orphans, 0 blocked"]


def test_a_run_without_marked_tests_says_nothing(suite: pytest.Pytester) -> None:
    (suite.path / "tests/test_chat.py").write_text("def test_plain(): pass\n")
    result = suite.runpytest("--fakegpt-orphans=fail")
    assert result.ret == pytest.ExitCode.OK
    assert "fakegpt:" not in result.stdout.str()


def test_ci_never_records(suite: pytest.Pytester, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    asked = suite.runpytest("--fakegpt-record-mode=all")
    assert asked.ret == pytest.ExitCode.USAGE_ERROR
    asked.stderr.fnmatch_lines(["*--fakegpt-record-mode is 'all'; wanted: none, since the environment says CI; *"])

    missing = suite.runpytest("-o", "fakegpt_record_mode=once", f"--fakegpt-url={service.url}", "-k", "one")
    missing.assert_outcomes(failed=1)
    missing.stdout.fnmatch_lines(["*CassetteMissing: GET https://*"])
    assert not list(suite.path.rglob("*.yaml"))

    allowed = ["--fakegpt-record-in-ci", "--fakegpt-record-mode=once", f"--fakegpt-url={service.url}", "-k", "one"]
    suite.runpytest(*allowed).assert_outcomes(passed=1)
    assert len(list(suite.path.rglob("*.yaml"))) == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["-o", "fakegpt_orphans=often"], "orphans is 'often'; wanted: one of ignore, warn, fail"),
        (["--fakegpt-orphans=often"], "*invalid choice: 'often'*"),
    ],
)
def test_a_wrong_option_of_a_run_is_a_usage_error(suite: pytest.Pytester, asked: list[str], said: str) -> None:
    result = suite.runpytest(*asked)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{said}*"])


# --- what is too old ---


def test_a_run_says_how_old_recordings_may_be_and_makes_them_anew(suite: pytest.Pytester, service: Service) -> None:
    path = old(suite.path / "cassettes/test_chat/test_one.yaml", LONG_AGO)
    warning = suite.runpytest("-k", "one", "--fakegpt-max-age=30d")
    warning.assert_outcomes(passed=1, deselected=3, warnings=1)
    warning.stdout.fnmatch_lines(
        [
            "*was recorded on 2020-02-02, which is longer ago than 30 days",
            '*to record it again: pytest "tests/test_chat.py::test_one" --fakegpt-record-mode=rewrite',
        ]
    )
    failing = suite.runpytest("-k", "one", "-o", "fakegpt_max_age=30d", "--fakegpt-stale=fail")
    failing.assert_outcomes(errors=1, deselected=3)
    recording = ["--fakegpt-record-mode=once", f"--fakegpt-url={service.url}", "--fakegpt-stale=record"]
    suite.runpytest("-k", "one", *recording, "--fakegpt-max-age=99999d").assert_outcomes(passed=1, deselected=3)
    assert LONG_AGO in path.read_text()
    suite.runpytest("-k", "one", *recording, "--fakegpt-max-age=30d").assert_outcomes(passed=1, deselected=3)
    assert LONG_AGO not in path.read_text()
    assert len(load_cassette(path).interactions) == 4
