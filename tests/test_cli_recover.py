"""The command that brings back what a killed recording had received: whose it is, and where it goes."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from support.commands import ran, written
from support.made_cassettes import CLEAN, TOKEN

from fakegpt_testkit import storage
from fakegpt_testkit.exchange import Chunk, EndingKind, Head, Provenance, Request
from fakegpt_testkit.recorder import load_cassette
from fakegpt_testkit.storage import Journal

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("own_state")


def journalled(cassette: Path, *bodies: bytes) -> Path:
    """What a recording leaves that was killed in the middle of its last response."""
    with Journal(cassette) as journal:
        for number, body in enumerate(bodies):
            journal.request(number, Request("GET", f"https://a.example/{number}"), Provenance())
            journal.head(number, Head(200, "OK"))
            journal.chunk(number, Chunk(0.1, body))
    return journal.path


def test_recover_lists_and_recovers_into_the_cassette_that_was_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cassette = written(tmp_path / "c.yaml", CLEAN)
    assert ran("recover").stdout == "Nothing to recover: every recording was saved.\n"
    journal = journalled(cassette, b"one", b"two")
    size = journal.stat().st_size
    told = f"{journal}\n  of {cassette}: 2 interactions, {size} bytes, 0 minutes old\nTo recover: "
    assert ran("recover").stdout.startswith(told)
    (listed,) = json.loads(ran("recover", "--json").stdout)["journals"]
    assert abs(listed.pop("at") - time.time()) < 3600
    assert (listed.pop("size"), listed.pop("test")) == (size, "")
    assert listed == {
        "path": str(journal),
        "cassette": str(cassette),
        "running": False,
        "interactions": 2,
        "problem": "",
    }
    assert ran("recover", "--all").stdout == f"2 interactions recovered into {cassette}\n"
    kept, *new = load_cassette(cassette).interactions
    assert kept == CLEAN
    assert [(each.response.body, each.response.ending.kind) for each in new] == [
        (b"one", EndingKind.KILLED),
        (b"two", EndingKind.KILLED),
    ]
    assert (storage.leftovers(), ran("recover", "--all").stdout) == ((), "Nothing to recover.\n")
    assert list(journal.parent.iterdir()) == []


def test_recover_lists_this_projects_journals_with_their_age_and_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mine", "theirs"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "pyproject.toml").write_text("")
        with Journal(tmp_path / name / "c.yaml", test=f"test_{name}.py::test_it"):
            pass
    monkeypatch.chdir(tmp_path / "mine" / "deep")
    said = ran("recover").stdout
    assert ", 0 minutes old, by test_mine.py::test_it\n" in said
    assert "theirs" not in said
    assert "1 journal of other projects: fakegpt-testkit recover --all-projects" in said
    both = ran("recover", "--all-projects").stdout
    assert "theirs" in both
    assert "To recover: fakegpt-testkit recover --all --all-projects; or" in both
    (journal,) = (each for each in storage.leftovers() if "mine" in each.cassette)
    assert (journal.test, journal.interactions) == ("test_mine.py::test_it", 0)
    assert json.loads(ran("recover", "--all", "--discard", "--json").stdout) == {"discarded": [str(journal.path)]}
    assert [each.test for each in storage.leftovers()] == ["test_theirs.py::test_it"]


def test_recover_says_so_where_no_answer_had_begun(tmp_path: Path) -> None:
    with Journal(tmp_path / "c.yaml") as asked:
        asked.request(1, CLEAN.request, CLEAN.provenance)
    said = ran("recover", asked.path).stdout
    assert said == f"nothing new for {tmp_path / 'c.yaml'}: no answer had begun, or all of it is there\n"
    assert (storage.leftovers(), (tmp_path / "c.yaml").exists()) == ((), False)


def test_recover_takes_one_journal_into_another_cassette_and_redacts(tmp_path: Path) -> None:
    journal = journalled(tmp_path / "c.yaml", json.dumps({"accessToken": TOKEN}).encode())
    other = journalled(tmp_path / "d.yaml", b"other")
    target = tmp_path / "new.yaml"
    said = json.loads(ran("recover", journal, "--into", target, "--json").stdout)
    assert said == {"recovered": [{"journal": str(journal), "cassette": str(target), "recovered": 1}]}
    assert TOKEN not in target.read_text()
    assert [each.path for each in storage.leftovers()] == [other]


def test_recover_does_not_take_what_is_still_written_or_is_no_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Journal(tmp_path / "c.yaml") as journal:
        assert "still recording" in ran("recover").stdout
        assert ran("recover", "--all").stdout == "Nothing to recover.\n"
        running = ran("recover", journal.path)
    assert (running.exit_code, "this one is still written" in running.stderr) == (2, True)
    damaged = journal.path.with_name("x.journal")
    damaged.write_text("?")
    wrong = ran("recover", damaged)
    assert (wrong.exit_code, "not that of a journal" in wrong.stderr) == (2, True)
    assert f"{damaged}\n  of an unknown cassette: " in ran("recover", "--all-projects").stdout
    assert str(damaged) not in ran("recover").stdout
    assert ran("recover", damaged, "--discard").stdout == "1 journal discarded\n"
    assert not damaged.exists()
    damaged.write_text("?")
    assert ran("recover", tmp_path / "none").exit_code == 2
    assert damaged.exists()


def test_a_recovery_that_cannot_be_written_keeps_the_journal(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    journal = journalled(tmp_path / "file" / "c.yaml", b"one")
    result = ran("recover", "--all", "--all-projects")
    assert (result.exit_code, journal.exists()) == (2, True)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("--all", __file__), "give one of them"),
        (("--discard",), "--discard wants journals, or --all"),
        (("--into", "c.yaml"), "--into wants journals, or --all"),
        (("--all", "--discard", "--into", "c.yaml"), "--into is for what is recovered"),
    ],
)
def test_recover_refuses_what_it_would_not_look_at(asked: tuple[str, ...], words: str) -> None:
    result = ran("recover", *asked)
    assert (result.exit_code, words in result.stderr) == (2, True)
