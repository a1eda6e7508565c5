"""Suites that verify their cassettes: what fails, what is reported, what is left alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.suites import INI

from fakegpt_testkit import use_cassette
from fakegpt_testkit.fakegpt.provider import FakeGpt
from fakegpt_testkit.fakegpt.stand_in import Options, serve_in_thread

pytestmark = [pytest.mark.untraced, pytest.mark.usefixtures("own_state")]

SUITE = """
import pytest
from fakegpt_testkit import faults, script

async def ask(chat, prompt="Say hello"):
    return [part async for part in chat.create_async_generator("", [{"role": "user", "content": prompt}])]

@pytest.mark.fakegpt
async def test_greets(fakegpt, fakegpt_cassette):
    assert await ask(fakegpt)

@pytest.mark.fakegpt("shared")
@pytest.mark.parametrize("prompt", ["first", "second"])
async def test_shares(fakegpt, prompt):
    assert await ask(fakegpt, prompt)
"""
DRIFTED = Options(drift=frozenset({"gone-field", "new-field", "other-text"}))


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(INI)
    add(pytester, SUITE)
    with serve_in_thread() as service:
        for cassette, prompts in (("test_chat/test_greets", ["Say hello"]), ("shared", ["first", "second"])):
            path = pytester.path / f"cassettes/{cassette}.yaml"
            with use_cassette(path, record_mode="all", origins={service.url: FakeGpt.url}):
                for prompt in prompts:
                    provider: type[FakeGpt] = type("Provider", (FakeGpt,), {"url": service.url})
                    assert [*provider.create_completion("", [{"role": "user", "content": prompt}])]
    return pytester


def add(suite: pytest.Pytester, code: str) -> None:
    (suite.path / "tests").mkdir(exist_ok=True)
    (suite.path / "tests/test_chat.py").write_text(code)


def run(suite: pytest.Pytester, *args: str, options: Options | None = None) -> pytest.RunResult:
    with serve_in_thread(options) as service:
        return suite.runpytest(f"--fakegpt-url={service.url}", *args)


def verify(suite: pytest.Pytester, *args: str, options: Options | None = None) -> pytest.RunResult:
    return run(suite, "--fakegpt-record-mode=verify", *args, options=options)


def cassettes(suite: pytest.Pytester) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in suite.path.rglob("*.yaml")}


def told(result: pytest.RunResult) -> list[str]:
    """What the end of the run says of drift."""
    lines = result.outlines
    start = next(at for at, line in enumerate(lines) if line.startswith("fakegpt: ") and "verified" in line)
    end = next(at for at in range(start + 1, len(lines)) if not lines[at].startswith("  "))
    return lines[start:end]


def test_a_service_as_it_was_passes_and_nothing_is_written(suite: pytest.Pytester) -> None:
    before = cassettes(suite)
    result = verify(suite, "-k", "greets")
    result.assert_outcomes(passed=1, deselected=2)
    assert told(result) == ["fakegpt: 4 answers of 1 test verified: 1 same"]
    result.stdout.fnmatch_lines(["fakegpt: 0 replayed, 0 recorded, 0 unplayed, *"])
    assert cassettes(suite) == before


GONE = "4 POST /api/conversation: events of the kind message of assistant: fields gone: message.weight"
AGAIN = 'pytest "tests/test_chat.py::test_greets" --fakegpt-record-mode=all'
NEW = "4 POST /api/conversation: events of the kind message of assistant: new fields: message.channel"


def test_a_drift_fails_the_test_and_is_told_redacted_in_each_report(suite: pytest.Pytester) -> None:
    before = cassettes(suite)
    result = verify(suite, "-k", "greets", "--fakegpt-drift-report=out/drift.md", options=DRIFTED)
    result.assert_outcomes(passed=1, errors=1, deselected=2)
    result.stdout.fnmatch_lines(
        [
            "the service no longer answers as in cassettes/test_chat/test_greets.yaml: broken",
            f"  broken   {GONE}",
            f"*copes with it, record it again: {AGAIN}",
        ]
    )
    assert told(result) == [
        "fakegpt: 4 answers of 1 test verified: 1 broken",
        "  tests/test_chat.py::test_greets (cassettes/test_chat/test_greets.yaml): broken",
        f"    broken   {GONE}",
        f"    added    {NEW}",
        f"    if your program copes with it, record it again: {AGAIN}",
    ]
    markdown = (suite.path / "out/drift.md").read_text()
    assert markdown.startswith("## Drift: broken\n\n4 answers of 1 test verified: 1 broken.\n")
    assert f"record it again: `{AGAIN}`" in markdown
    assert cassettes(suite) == before


@pytest.mark.once
@pytest.mark.plugins("xdist")
def test_workers_hand_on_what_they_found(suite: pytest.Pytester) -> None:
    report = ["--fakegpt-drift-report=drift.json", "--junitxml=junit.xml"]
    result = verify(suite, "-n", "2", "--fakegpt-drift=never", *report, options=DRIFTED)
    result.assert_outcomes(passed=3)
    said = json.loads((suite.path / "drift.json").read_text())
    assert (said["severity"], said["compared"]) == ("broken", 12)
    assert [each["test"].partition("::")[2] for each in said["cassettes"]] == [
        "test_greets",
        "test_shares[first]",
        "test_shares[second]",
    ]
    shared = said["cassettes"][1]
    assert shared["cassette"] == "cassettes/shared.yaml"
    assert {each["where"] for each in shared["unasked"]} <= {"POST /api/conversation", "GET /api/loads"} | {
        "POST /auth/login",
        "GET /api/auth/session",
    }
    assert {each["severity"] for each in shared["differences"]} == {"broken", "added", "harmless"}
    assert told(result)[0] == "fakegpt: 12 answers of 3 tests verified: 3 broken"
    assert not [line for line in told(result) if "harmless" in line or "not asked" in line]
    assert "fakegpt_drift" in (suite.path / "junit.xml").read_text()


def test_what_is_harmless_is_told_on_demand(suite: pytest.Pytester) -> None:
    other = Options(drift=frozenset({"other-text"}))
    quiet, loud = (verify(suite, "-k", "greets", *more, options=other) for more in ([], ["-v"]))
    assert told(quiet) == ["fakegpt: 4 answers of 1 test verified: 1 harmless"]
    assert told(loud)[2].startswith("    harmless 4 POST /api/conversation: the answer's text differs: from character ")


@pytest.mark.parametrize(
    ("marker", "option", "config", "ini", "errors"),
    [
        ("", None, {}, None, 0),
        ("", None, {}, "added", 1),
        ("", None, {"drift": "broken"}, "added", 0),
        ("", "added", {"drift": "broken"}, None, 1),
        ("(drift='never')", "added", {}, None, 0),
    ],
    ids=["default", "ini", "fixture before ini", "command line before fixture", "marker before command line"],
)
def test_who_decides_from_where_on_it_fails(
    suite: pytest.Pytester, marker: str, option: str | None, config: dict[str, str], ini: str | None, errors: int
) -> None:
    code = SUITE.replace("@pytest.mark.fakegpt\n", f"@pytest.mark.fakegpt{marker}\n")
    add(suite, f"{code}\n@pytest.fixture\ndef fakegpt_config():\n    return {config}\n")
    args = [f"--fakegpt-drift={option}"] * bool(option) + ["-o", f"fakegpt_drift={ini}"] * bool(ini)
    result = verify(suite, "-k", "greets", *args, options=Options(drift=frozenset({"new-field"})))
    result.assert_outcomes(passed=1, errors=errors, deselected=2)


def test_a_test_that_fails_shows_the_drift_that_may_be_why(suite: pytest.Pytester) -> None:
    add(suite, SUITE.replace("assert await ask(fakegpt)", "assert not await ask(fakegpt)"))
    result = verify(suite, "-k", "greets", options=DRIFTED)
    result.assert_outcomes(failed=1, deselected=2)
    result.stdout.fnmatch_lines(["*the service no longer answers as in *", f"*broken   {GONE}"])
    assert told(result)[0].endswith(": 1 broken")


OTHERS = (
    SUITE
    + """
@pytest.mark.fakegpt("shared", faults=[faults.reset(1)])
async def test_faulty(fakegpt):
    with pytest.raises(Exception):
        await ask(fakegpt, "first")

@pytest.mark.fakegpt(script("Hi"), faults=[faults.reset(1)])
async def test_scripted(fakegpt):
    with pytest.raises(Exception):
        await ask(fakegpt)

@pytest.mark.fakegpt
async def test_missing(fakegpt):
    await ask(fakegpt)

@pytest.mark.fakegpt("shared", record_mode="none")
async def test_replays(fakegpt):
    assert await ask(fakegpt, "first")
"""
)


def test_what_cannot_be_verified_is_skipped_played_or_an_error(suite: pytest.Pytester) -> None:
    add(suite, OTHERS)
    with serve_in_thread() as service:
        args = ["--fakegpt-record-mode=verify", f"--fakegpt-url={service.url}", "-k", "not greets and not shares"]
        result = suite.runpytest("-rs", *args)
        assert service.requests == ()
    result.assert_outcomes(passed=2, skipped=1, failed=1, deselected=3)
    result.stdout.fnmatch_lines(
        [
            "*CassetteMissing: GET https://*/api/loads* wants cassettes/test_chat/test_missing.yaml, *",
            '*to record it: pytest "tests/test_chat.py::test_missing" --fakegpt-record-mode=all',
            "SKIPPED * nothing to verify: what this test sees is made by its faults, not said by the service",
        ]
    )
    assert told(result) == ["fakegpt: nothing was verified"]


def test_a_service_that_is_not_there_is_named(suite: pytest.Pytester) -> None:
    result = suite.runpytest("--fakegpt-record-mode=verify", "--fakegpt-url=http://localhost:1", "-k", "greets")
    result.assert_outcomes(failed=1, deselected=2)
    result.stdout.fnmatch_lines(
        [
            "*localhost:1 could not be reached, so cassettes/test_chat/test_greets.yaml could not be verified",
            '*against another URL: pytest "tests/test_chat.py::test_greets" *-record-mode=verify --fakegpt-url=URL*',
        ]
    )


def test_ci_may_verify_since_nothing_is_written(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    before = cassettes(suite)
    verify(suite, "-k", "greets", options=DRIFTED).assert_outcomes(passed=1, errors=1, deselected=2)
    in_ini = run(suite, "-k", "greets", "-o", "fakegpt_record_mode=verify", options=DRIFTED)
    in_ini.assert_outcomes(passed=1, errors=1, deselected=2)
    assert cassettes(suite) == before


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            "--fakegpt-drift-report=drift.html",
            "*for the report of drift is 'drift.html'; wanted: a name that ends in *",
        ),
        ("--fakegpt-drift=some", "*invalid choice: 'some'*"),
    ],
)
def test_a_wrong_option_is_a_usage_error(pytester: pytest.Pytester, asked: str, said: Any) -> None:
    pytester.makeini(INI)
    result = pytester.runpytest(asked)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])
