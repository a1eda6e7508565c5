"""A cassette's name holds no secret that is known, and is found where nobody knows it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.suites import INI

from fakegpt_testkit import checks, clock
from fakegpt_testkit.maintenance import orphans
from fakegpt_testkit.recorder.file import CassetteFile
from fakegpt_testkit.redaction import ids_with, may_be, shown_id
from fakegpt_testkit.storage import leftovers, path_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.once

SUITE = """
import os
import aiohttp, pytest
from fakegpt_testkit.redaction import Redaction

KEYS = [os.environ.get("SERVICE_PASSWORD") or os.environ.get("SOMETHING") or "dummy", "other"]

@pytest.fixture
def fakegpt_config():
    return {"redaction": Redaction(values=(lambda: os.environ.get("OF_THE_VAULT"),))}

@pytest.mark.fakegpt
@pytest.mark.parametrize("lang", ["de", "en"])
@pytest.mark.parametrize("key", KEYS)
async def test_asks(lang, key, fakegpt_upstream, fakegpt_cassette):
    headers = {os.environ.get("ITS_HEADER", "X-Plain"): key}
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{fakegpt_upstream.url}/health", params={"l": lang}, headers=headers) as answer:
            await answer.read()
    assert "FAILS" not in os.environ
"""
PLAIN = ("-p", "no:cacheprovider", "--fakegpt-report=run.json", "--fakegpt-orphans=fail")


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.delenv("CI", raising=False)
    pytester.makefile(".ini", tox=INI)
    pytester.makepyfile(test_suite=SUITE)
    return pytester


def names(suite: pytest.Pytester) -> list[str]:
    return sorted(each.name for each in suite.path.joinpath("cassettes").rglob("*.yaml*"))


HIDDEN = [
    "test_asks[REDACTED-key0-de].yaml",
    "test_asks[REDACTED-key1-en].yaml",
    "test_asks[other-de].yaml",
    "test_asks[other-en].yaml",
]


@pytest.mark.parametrize(
    ("shows", "secret"),
    [
        ({"SERVICE_PASSWORD": ""}, "pässwörter-9!"),
        ({"OF_THE_VAULT": "", "SOMETHING": ""}, "a-b]c[d-9!ef="),
        ({"ITS_HEADER": "X-Api-Key", "SOMETHING": ""}, "correct-hörse9!"),
    ],
    ids=["the environment", "the suite", "the traffic"],
)
def test_a_recorded_name_hides_what_is_known_and_is_found_without_it(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, shows: dict[str, str], secret: str
) -> None:
    for variable, value in shows.items():
        monkeypatch.setenv(variable, value or secret)
    suite.runpytest_inprocess("--fakegpt-record-mode=once", *PLAIN).assert_outcomes(passed=4)
    assert names(suite) == HIDDEN
    report = suite.path.joinpath("run.json").read_text("utf-8")
    assert [each["cassette"].rpartition("/")[2] for each in json.loads(report)["tests"]] == HIDDEN
    assert not any(each in report for each in (secret, shown_in_an_id(secret)))
    suite.runpytest_inprocess("--fakegpt-record-mode=none", *PLAIN).assert_outcomes(passed=4)
    for variable in shows:
        monkeypatch.delenv(variable)
    result = suite.runpytest_inprocess("--fakegpt-record-mode=none", *PLAIN)
    result.assert_outcomes(passed=4)
    assert result.ret == 0, "no orphan"
    assert [each["test"].rpartition("::")[2] for each in said(suite)["tests"]] == [each[:-5] for each in HIDDEN]
    assert names(suite) == HIDDEN


def shown_in_an_id(secret: str) -> str:
    return secret.encode("unicode_escape").decode()


def said(suite: pytest.Pytester) -> dict[str, list[dict[str, str]]]:
    read: dict[str, list[dict[str, str]]] = json.loads(suite.path.joinpath("run.json").read_text("utf-8"))
    return read


@pytest.mark.plugins("xdist")
def test_what_fails_or_has_an_old_name_is_found_and_told_without_the_secret(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By xdist too, whose workers name the same; an old cassette of the plain name is played, and ``check`` tells."""
    secret = "correct-horse9!"
    with monkeypatch.context() as only_asked_with:
        only_asked_with.setenv("SOMETHING", secret)
        only_asked_with.setenv("ITS_HEADER", "X-Api-Key")
        failed = suite.runpytest_inprocess("--fakegpt-record-mode=none", *PLAIN)
        failed.assert_outcomes(failed=4)
    commands = {line.partition("pytest ")[2] for line in failed.outlines if "  to record it: " in line}
    assert "test_suite.py::test_asks --fakegpt-record-mode=once" in {each.replace("'", "") for each in commands}
    assert not any("REDACTED" in each for each in commands)
    told = suite.path.joinpath("run.json").read_text("utf-8")
    assert "test_asks[REDACTED-key0-de]" in told
    assert secret not in told
    suite.runpytest_inprocess("--fakegpt-record-mode=once", *PLAIN).assert_outcomes(passed=4)
    monkeypatch.setenv("SERVICE_PASSWORD", secret)
    suite.runpytest_inprocess("--fakegpt-record-mode=none", *PLAIN).assert_outcomes(failed=2, passed=2)
    folder = suite.path / "cassettes"
    for lang in ("de", "en"):
        old = path_for(folder, f"test_suite.py::test_asks[dummy-{lang}]")
        old.rename(path_for(folder, f"test_suite.py::test_asks[{secret}-{lang}]"))
    result = suite.runpytest("--fakegpt-record-mode=none", "-n", "1", *PLAIN)
    result.assert_outcomes(passed=4)
    assert result.ret == 0, "no orphan"
    found = [
        finding.text
        for path in sorted(folder.rglob("*.yaml"))
        for finding in checks.inspect(path.read_bytes(), str(path), now=clock.now(), environment={"MY_TOKEN": secret})
    ]
    assert found == ["its name holds what looks like a secret; name the parameter by ids="] * 2


def test_of_ids_on_standard_input_the_worded_cassettes_are_used(tmp_path: Path) -> None:
    for name in ("REDACTED-key0-de", "REDACTED-key1-en", "other-de"):
        path = path_for(tmp_path, f"test_suite.py::test_asks[{name}]")
        path.parent.mkdir(exist_ok=True)
        path.write_text("version: 1\ninteractions: []\n")
    ids = ["test_suite.py::test_asks[dummy-de]", "test_suite.py::test_tells[dummy]"]
    assert [each.name for each in orphans.listed(ids, tmp_path).orphans] == [
        "test_asks[REDACTED-key1-en].yaml",
        "test_asks[other-de].yaml",
    ]


GIVEN = {"key": ("dummy", 3), "lang": ("de", 3), "what": ("", 3)}
NAMES = {
    "one word": (["REDACTED-key3"], ["t.py::test[REDACTED-key3-de-a-b]"]),
    "two": (["REDACTED-key3", "REDACTED-lang3"], ["t.py::test[REDACTED-key3-REDACTED-lang3-a-b]"]),
    "another test's": (["REDACTED-key2"], []),
    "another function's": (["REDACTED-token3"], []),
    "of a parameter that is in no id": (["REDACTED-what3"], []),
}


@pytest.mark.parametrize(("words", "ids"), NAMES.values(), ids=NAMES.keys())
def test_an_id_is_what_another_machine_made_of_it(words: list[str], ids: list[str]) -> None:
    assert [*ids_with(words, "t.py::test[dummy-de-a-b]", GIVEN)] == ids


def test_a_word_for_any_parameter_stands_for_any_part() -> None:
    found = {*ids_with(["REDACTED-parameter3_3_3"], "t.py::test[dummy-de-a-b]", GIVEN)}
    assert "t.py::test[dummy-de-REDACTED-parameter3_3_3]" in found
    assert "t.py::test[dummy-REDACTED-parameter3_3_3-a-b]" in found
    assert not any("dumREDACTED" in each for each in found)


def test_known_values_go_whole_and_words_and_numbers_stay() -> None:
    given = {"url": ("postgres://me:hunter2!x@db/x", 0), "n": ("12345678901", 0), "word": ("Switzerland", 0)}
    known = ("hunter2!x", "12345678901", "Switzerland", "short1!")
    test_id = "t.py::test[postgres://me:hunter2!x@db/x-12345678901-Switzerland-short1!]"
    assert shown_id(test_id, given, known) == "t.py::test[REDACTED-url0-12345678901-Switzerland-short1!]"
    assert may_be(shown_id(test_id, given, known), test_id)
    assert not may_be("t.py::test[REDACTED-url0]", "t.py::other[REDACTED-url0]")


def test_a_journal_names_the_test_without_its_parameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "test_suite.py::test_asks[correct-horse9!] (call)")
    file = CassetteFile(tmp_path / "a.yaml")
    file.open_journal()
    (left,) = (each for each in leftovers() if each.cassette == str(tmp_path / "a.yaml"))
    assert left.test == "test_suite.py::test_asks"
    assert b"horse" not in left.path.read_bytes()
    file.close()
