"""What a run tells of its cassettes: the figures, what nobody asked for, what is too old, and what CI never does."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from support.suites import INI

from fakegpt_testkit import load_cassette, storage, use_cassette
from fakegpt_testkit.cassette import Cassette, dumps
from fakegpt_testkit.effects import SCRIPTED, script
from fakegpt_testkit.errors import BadSetting, CassetteStale, FakeGptTestkitWarning, InteractionsUnplayed
from fakegpt_testkit.exchange import Provenance
from fakegpt_testkit.fakegpt.stand_in import Options, serve_in_thread
from fakegpt_testkit.plugin.report import Figures, Suite, Tally
from fakegpt_testkit.recorder import Advice, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fakegpt_testkit.fakegpt.scripting import Step
    from fakegpt_testkit.fakegpt.stand_in import Service
    from fakegpt_testkit.recorder.settings import Mode, Stale

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
LAST: list[Step] = ["conversation"]
ELSEWHERE = """
import pytest
pytest.importorskip("a_module_that_is_not_there")

@pytest.mark.fakegpt
def test_elsewhere():
    pass
"""


@pytest.fixture(autouse=True)
def outside_of_ci(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


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


def summary(result: pytest.RunResult) -> list[str]:
    """The lines that we print at the end of a run."""
    lines = result.outlines
    start = next((at for at, line in enumerate(lines) if line.startswith("fakegpt: ")), len(lines))
    end = next((at for at in range(start + 1, len(lines)) if not lines[at].startswith("  ")), len(lines))
    return lines[start:end]


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


# --- interactions that no test plays ---

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
def full(suite: pytest.Pytester) -> pytest.Pytester:
    (suite.path / "tests/test_chat.py").write_text(FULL)
    storage.write(suite.path / "cassettes/shared.yaml", dumps(Cassette((*script("1"), *script("2", steps=LAST)))))
    storage.write(suite.path / "cassettes/own.yaml", dumps(Cassette(script("1"))))
    grow(suite.path / "cassettes/shared.yaml")
    grow(suite.path / "cassettes/own.yaml")
    return suite


def grow(path: Path) -> None:
    """Give a cassette one more interaction, which no test plays."""
    storage.write(path, dumps(Cassette((*load_cassette(path).interactions, *script("new", steps=LAST)))))


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


def old(path: Path, at: str) -> Path:
    made = (replace(each, provenance=Provenance(at=at, server=SCRIPTED)) for each in script("Hello"))
    storage.write(path, dumps(Cassette(tuple(made))))
    return path


LONG_AGO = "2020-02-02T00:00:00Z"


@pytest.mark.parametrize(
    ("mode", "at", "stale", "outcome"),
    [
        ("none", LONG_AGO, "warn", FakeGptTestkitWarning),
        ("none", LONG_AGO, "fail", CassetteStale),
        ("once", LONG_AGO, "fail", CassetteStale),
        ("none", LONG_AGO, "record", FakeGptTestkitWarning),
        ("once", LONG_AGO, "record", "rewrite"),
        ("new_episodes", LONG_AGO, "record", "rewrite"),
        ("all", LONG_AGO, "fail", "all"),
        ("none", "", "fail", "none"),
        ("none", "some day", "fail", "none"),
        ("none", "2020-02-02T00:00:00", "fail", CassetteStale),
        pytest.param("none", datetime.now(UTC).isoformat(), "fail", "none", id="just now"),
    ],
)
def test_a_recording_can_be_too_old(tmp_path: Path, mode: Mode, at: str, stale: Stale, outcome: Any) -> None:
    path = old(tmp_path / "old.yaml", at)
    before = path.read_bytes()
    if isinstance(outcome, str):
        with use_cassette(path, record_mode=mode, max_age="30d", stale=stale) as session:
            assert session.record_mode == outcome
    elif issubclass(outcome, Warning):
        with pytest.warns(outcome, match="was recorded on 2020-02-02, which is longer ago than 30 days"):
            use_cassette(path, record_mode=mode, max_age=30, stale=stale).__enter__()
    else:
        advice = Advice(lambda how: f"pytest tests/test_new_episodes.py --mode={how}")
        with pytest.raises(outcome, match=r"to record it again: pytest tests/test_new_episodes.py --mode=rewrite$"):
            use_cassette(path, record_mode=mode, max_age="720h", stale=stale, advice=advice).__enter__()
    assert path.read_bytes() == before


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


@pytest.mark.parametrize(
    ("age", "wanted"),
    [
        ("12h", timedelta(hours=12)),
        ("1.5d", timedelta(hours=36)),
        ("8w", timedelta(weeks=8)),
        (30, timedelta(days=30)),
        (timedelta(days=2), timedelta(days=2)),
        ("30 days", None),
        ("-1d", None),
    ],
)
def test_an_age_is_read(age: Any, wanted: timedelta | None) -> None:
    if wanted is None:
        with pytest.raises(BadSetting, match="max_age"):
            Settings(max_age=age)
    else:
        assert Settings(max_age=age).oldest == wanted


@pytest.mark.parametrize("option", ["stale", "unplayed"])
def test_a_wrong_consequence_is_named(tmp_path: Path, option: str) -> None:
    path = old(tmp_path / "old.yaml", LONG_AGO)
    named: dict[str, Any] = {option: "perhaps"}
    wanted = pytest.raises(BadSetting, match=f"{option} is 'perhaps'; wanted: one of")
    with wanted, use_cassette(path, max_age=9999, **named):
        pass


def test_a_block_that_leaves_interactions_fails_where_it_plays(tmp_path: Path) -> None:
    path = old(tmp_path / "old.yaml", LONG_AGO)
    with pytest.raises(InteractionsUnplayed) as raised, use_cassette(path, unplayed="fail"):
        pass
    assert [number for number, _ in raised.value.unplayed] == [1, 2, 3, 4]
    with pytest.warns(FakeGptTestkitWarning, match="4 of 4 interactions"), use_cassette(path, unplayed="warn"):
        pass
    with use_cassette(path, unplayed="fail", record_mode="all"):
        pass
    with pytest.raises(RuntimeError, match="first"), use_cassette(path, unplayed="fail"):
        raise RuntimeError("first")
