"""``fakegpt-testkit why``: what the last run of a test did, and where its settings came from."""

from __future__ import annotations

import json

import pytest
from support.commands import runner
from support.raw import raw_server
from support.suites import INI

from fakegpt_testkit.cli import main

pytestmark = pytest.mark.once
SUITE = """
import aiohttp, pytest, requests
from fakegpt_testkit import script

@pytest.fixture
def fakegpt_config():
    return {"ignore": ["query.t"], "origins": {"http://user:hunter2hunter2@a.example": "http://b.example"}}

@pytest.mark.fakegpt(script("hi", "there"), pace="recorded", url="http://me:hunter2hunter2@c.example")
def test_one():
    requests.get("http://a.example/unheard")

@pytest.mark.fakegpt(script("hi"), unplayed="ignore")
def test_other():
    pass
"""


def test_it_tells_the_settings_with_their_places_and_the_last_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    pytester.makeini(INI + "fakegpt_unplayed = warn\n")
    pytester.makepyfile(test_it=SUITE)
    result = pytester.runpytest("-p", "cacheprovider", "--fakegpt-refused=warn", "--junitxml=junit.xml")
    result.assert_outcomes(passed=1, failed=1)
    assert "fakegpt_why" not in (pytester.path / "junit.xml").read_text()
    monkeypatch.chdir(pytester.path)
    text = runner().invoke(main, ["why", "test_it.py::test_one"]).stdout
    for said in (
        "test_it.py::test_one failed when it ran last",
        "cassette: none",
        "pace = 'recorded', from the marker",
        "ignore = ['query.t'], from fakegpt_config",
        "refused = 'warn', from the command line",
        "unplayed = 'warn', from the ini file",
        "played 0, recorded 0, refused 1, passed through 0, blocked 0",
        "refused: GET /unheard is not in",
    ):
        assert said in text
    assert "hunter2" not in text
    told = json.loads(runner().invoke(main, ["why", "other", "--json"]).stdout)
    assert ["unplayed", "'ignore'", "the marker"] in told["settings"]
    assert told["passed"] is True
    elsewhere = pytester.path / ".cache" / "pytest"
    elsewhere.parent.mkdir()
    (pytester.path / ".pytest_cache").rename(elsewhere)
    assert runner().invoke(main, ["why", "other"]).exit_code == 2
    assert runner().invoke(main, ["why", "other", "--cache-dir", ".cache/pytest"]).exit_code == 0
    elsewhere.rename(pytester.path / ".pytest_cache")
    both = runner().invoke(main, ["why", "test_"])
    assert (both.exit_code, "is a part of 2 tests" in both.stderr) == (2, True)
    for asked, hint in {"test_none": '-k "test_none"', "no[a b]": '-k "no"', "a.py::t[a b]": '"a.py::t[a b]"'}.items():
        unknown = runner().invoke(main, ["why", asked])
        assert (unknown.exit_code, f"run it first: pytest {hint}\n" in unknown.stderr) == (2, True), unknown.stderr


def test_what_was_redacted_is_counted_in_the_run_and_not_in_the_file(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    pytester.makeini(INI)
    pytester.makepyfile(
        test_it="import pytest, requests, sys\n"
        "@pytest.mark.fakegpt\n"
        "@pytest.mark.parametrize('many', [1, 2])\n"
        "def test_asks(many, request):\n"
        "    for n in range(many):\n"
        "        token = {'Authorization': 'Bearer aXk9LmQ2RtY7WbC1'}\n"
        "        assert requests.get(f'{URL}/{n}', headers=token).status_code == 200\n"
    )
    monkeypatch.chdir(pytester.path)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with raw_server({"/0": (answer,), "/1": (answer,)}) as server:
        text = (pytester.path / "test_it.py").read_text()
        (pytester.path / "test_it.py").write_text(text.replace("{URL}", server.url))
        pytester.runpytest("-p", "cacheprovider", "--fakegpt-record-mode=once").assert_outcomes(passed=2)
    for mode in ("once", "none"):
        for many in (1, 2):
            told = json.loads(runner().invoke(main, ["why", f"test_asks[{many}]", "--json"]).stdout)
            assert (told["mode"], told["redacted"]) == (mode, {"authorization": many})
        if mode == "once":
            pytester.runpytest("-p", "cacheprovider", "--fakegpt-record-mode=none").assert_outcomes(passed=2)
    for each in (pytester.path / "cassettes").rglob("*.yaml"):
        each.unlink()
    said = runner().invoke(main, ["why", "test_asks[2]"]).stdout
    assert "redacted in what it played and recorded: authorization (2)" in said
