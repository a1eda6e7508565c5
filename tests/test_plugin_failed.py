"""What a failing test recorded answers nobody: it is kept aside and named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import requests
from support.suites import INI

from fakegpt_testkit import checks, load_cassette, use_cassette
from fakegpt_testkit.cassette import Cassette, dumps
from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.exchange import Chunk, Head, Interaction, Provenance, Request, Tape
from fakegpt_testkit.fakegpt.stand_in import serve_in_thread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUITE = """
import os, urllib.request
import pytest

@pytest.mark.fakegpt(SETTINGS)
def test_asks():
    with urllib.request.urlopen(os.environ["SERVICE"] + "/api/loads?t=1", timeout=5) as answer:
        assert answer.status == int(os.environ["WANTED"])
"""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with serve_in_thread() as running:
        monkeypatch.setenv("SERVICE", running.url)
        yield running.url


def run(pytester: pytest.Pytester, wanted: int, mode: str, settings: str = "") -> pytest.RunResult:
    pytester.makefile(".ini", tox=INI)
    pytester.makepyfile(test_suite=SUITE.replace("SETTINGS", settings))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CI", raising=False)
        patch.setenv("WANTED", str(wanted))
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", f"--fakegpt-record-mode={mode}")


def files(pytester: pytest.Pytester) -> list[str]:
    return sorted(each.name for each in pytester.path.glob("cassettes/**/*.yaml*"))


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("mode", ["once", "new_episodes", "all", "rewrite"])
def test_a_failed_first_recording_is_kept_aside_and_named_until_one_succeeds(
    mode: str, pytester: pytest.Pytester
) -> None:
    result = run(pytester, 500, mode)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "cassettes*test_asks.yaml is not written: what recorded it failed. *cassettes*test_asks.yaml.failed",
            "*to record it again: pytest *--fakegpt-record-mode=once*",
        ]
    )
    assert files(pytester) == ["test_asks.yaml.failed"]
    run(pytester, 200, "none").assert_outcomes(failed=1)  # nobody answers from it
    run(pytester, 200, mode).assert_outcomes(passed=1)
    assert files(pytester) == ["test_asks.yaml"]


@pytest.mark.usefixtures("service")
def test_it_is_kept_in_place_where_that_is_wanted(pytester: pytest.Pytester) -> None:
    run(pytester, 500, "once", "record_on_exception=True").assert_outcomes(failed=1)
    assert files(pytester) == ["test_asks.yaml"]


@pytest.mark.usefixtures("service")
def test_nothing_is_kept_where_that_is_wanted(pytester: pytest.Pytester) -> None:
    run(pytester, 500, "once", "record_on_exception=False").assert_outcomes(failed=1)
    assert files(pytester) == []


def test_what_was_there_stays_as_it_was(service: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with use_cassette(path, record_mode="once"):
        requests.get(f"{service}/api/loads?t=1", timeout=5)
    before = path.read_bytes()
    with (
        pytest.raises(KeyError) as failure,
        use_cassette(path, record_mode="new_episodes", record_on_exception="aside"),
    ):
        requests.get(f"{service}/robots.txt", timeout=5)
        raise KeyError
    assert path.read_bytes() == before
    assert "a.yaml is unchanged: what recorded it failed" in failure.value.__notes__[0]
    (tmp_path / "a.yaml.failed").rename(tmp_path / "b.yaml")
    assert f"{service}/robots.txt" in {each.request.uri for each in load_cassette(tmp_path / "b.yaml").interactions}


def test_an_attempt_in_the_same_run_does_not_see_the_one_before(service: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    for attempt in range(3):
        try:
            with use_cassette(path, record_mode="once", record_on_exception="aside") as session:
                requests.get(f"{service}/api/loads?t=1", timeout=5)
                assert (len(session.recorded), session.played) == (1, ())
                assert attempt == 2
        except AssertionError:
            assert attempt < 2
    assert [each.name for each in tmp_path.iterdir() if "yaml" in each.name and "lock" not in each.name] == ["a.yaml"]


AGAIN = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    for _ in range(2):
        runtestprotocol(item, nextitem=nextitem)
    return True
"""
ATTEMPTS = """
import os, urllib.request
import pytest

attempts = []

@pytest.mark.fakegpt(record_on_exception=True)
def test_asks(fakegpt_cassette):
    attempts.append(None)
    for path in ("/api/loads?t=1", "/api/loads?t=2")[: len(attempts)]:
        urllib.request.urlopen(os.environ["SERVICE"] + path, timeout=5).close()
    assert not fakegpt_cassette.played
    assert len(attempts) == 2
"""


@pytest.mark.parametrize("mode", ["once", "new_episodes"])
def test_an_attempt_that_is_kept_by_option_is_taken_back_before_the_next(
    mode: str, service: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    path = pytester.path / "cassettes" / "test_suite.py" / "test_asks.yaml"
    before: list[str] = []
    if mode == "new_episodes":
        with use_cassette(path, record_mode="once"):
            requests.get(f"{service}/robots.txt", timeout=5)
        before = [f"{service}/robots.txt"]
    pytester.makefile(".ini", tox=INI)
    pytester.makeconftest(AGAIN)
    pytester.makepyfile(test_suite=ATTEMPTS)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", f"--fakegpt-record-mode={mode}")
    result.assert_outcomes(failed=1, passed=1)
    asked = [each.request.uri for each in load_cassette(path).interactions]
    assert asked == [*before, f"{service}/api/loads?t=1", f"{service}/api/loads?t=2"]
    assert files(pytester) == ["test_asks.yaml"]


def test_another_word_is_refused() -> None:
    with pytest.raises(BadSetting, match="True, False or 'aside'"):
        use_cassette("a.yaml", record_on_exception="beside")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statuses", "found"),
    [
        ((401,), True),
        ((503, 429), True),
        ((403, 200), False),
        ((404,), False),
        ((302,), False),
        ((), False),
    ],
)
def test_check_knows_a_cassette_of_nothing_but_an_error(statuses: tuple[int, ...], found: bool) -> None:
    interactions = tuple(
        Interaction(Request("GET", "http://a.example/"), Tape(Head(each), (Chunk(0, b"x"),)), Provenance("2026-01-01"))
        for each in statuses
    )
    kinds = [each.kind for each in checks.inspect(dumps(Cassette(interactions)), "a", now=datetime.now(UTC))]
    assert (checks.Kind.ERROR in kinds) is found
