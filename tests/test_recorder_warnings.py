"""A warning costs no recording and reaches no client, also where warnings are errors; a session does not grow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import warnings
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
import requests
from support.patience import PATIENCE
from support.raw import raw_server

from fakegpt_testkit import storage
from fakegpt_testkit.errors import BadSetting, FakeGptTestkitWarning, StorageError
from fakegpt_testkit.exchange import Chunk, Head, Interaction, Request, Tape
from fakegpt_testkit.recorder import load_cassette, use_cassette
from fakegpt_testkit.storage import Journal, leftovers

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.once
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def record(path: Path, told: str = "a server of this process") -> None:
    with (
        pytest.raises(FakeGptTestkitWarning, match=told),  # the first one at the end, after the save
        raw_server({"/a": (ANSWER,)}) as server,
        warnings.catch_warnings(action="error"),
        use_cassette(path, record_mode="once"),
    ):
        assert requests.get(f"{server.url}/a", timeout=5).content == b"ok"


def test_a_client_that_is_not_met_is_told_after_what_was_recorded_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyqwest", ModuleType("pyqwest"))
    record(tmp_path / "a.yaml", "pyqwest")
    assert len(load_cassette(tmp_path / "a.yaml").interactions) == 1
    assert [each for each in storage.leftovers() if each.cassette.startswith(str(tmp_path))] == []


def test_a_journal_that_cannot_be_made_stops_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        denied = PermissionError(13, "Permission denied")
        raise StorageError("a journal", "made", denied, "nothing is lost", "make room")

    monkeypatch.setattr(Journal, "__init__", refuse)
    record(tmp_path / "a.yaml")
    assert len(load_cassette(tmp_path / "a.yaml").interactions) == 1
    assert "goes on without" in capsys.readouterr().err


def test_a_journal_that_can_be_written_no_more_stops_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Journal.request

    def closes(self: Journal, number: int, *rest: object) -> None:
        self.close()  # as where the disk is full
        made(self, number, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Journal, "request", closes)
    record(tmp_path / "a.yaml")
    assert len(load_cassette(tmp_path / "a.yaml").interactions) == 1


def test_a_header_that_is_another_each_time_does_not_make_a_session_grow() -> None:
    told = Interaction(Request("GET", "http://a.example/a"), Tape(Head(200, "OK"), (Chunk(0, b"ok"),)))
    with use_cassette((told,), allow_playback_repeats=True) as session:
        selection = session._deck.selection
        for number in range(600):
            asked = Request("GET", "http://a.example/a", (("X-Trace", str(number)),))
            assert selection.choose(number, asked, records=False, went_live=False) is not None
        assert len(selection._unread) < 300


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system makes no copies of a process")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("leaves", ["exits", "goes on", "raises"])
def test_what_a_forked_copy_asked_is_told_and_spoils_no_recording(tmp_path: Path, leaves: str) -> None:
    path = tmp_path / "a.yaml"
    child = 1

    def ask(url: str) -> None:
        nonlocal child
        requests.get(f"{url}/a", timeout=5)
        if (child := os.fork()) > 0:
            assert os.waitpid(child, 0)[1] == 0
            return
        requests.get(f"{url}/b", timeout=5)
        if leaves == "exits":
            os._exit(0)
        if leaves == "raises":
            raise KeyError

    with (
        raw_server({"/a": (ANSWER,), "/b": (ANSWER,)}) as server,
        warnings.catch_warnings(record=True, action="always") as told,
    ):
        try:
            with use_cassette(path, record_mode="once"):
                ask(server.url)
        finally:
            if child == 0:
                os._exit(int(path.exists()))
    assert [each for each in told if "lacks what a forked copy of this process asked" in str(each.message)]
    (kept,) = load_cassette(path).interactions
    assert kept.request.uri.endswith("/a")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system makes no copies of a process")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*a forked copy of this process asked")
def test_a_copy_asks_though_it_was_made_while_something_was_noted(tmp_path: Path) -> None:
    def hold() -> None:
        with recordings._lock, recordings._notes._lock:
            held.set()
            assert copied.wait(PATIENCE)

    held, copied = threading.Event(), threading.Event()
    with (
        raw_server({"/a": (ANSWER,), "/b": (ANSWER,)}) as server,
        use_cassette(tmp_path / "a.yaml", record_mode="once") as session,
    ):
        requests.get(f"{server.url}/a", timeout=5)
        recordings = session._deck.recordings
        noting = threading.Thread(target=hold)
        noting.start()
        assert held.wait(PATIENCE)
        if (child := os.fork()) == 0:
            signal.alarm(int(PATIENCE))  # what waits for ever
            requests.get(f"{server.url}/b", timeout=5)
            os._exit(0)
        copied.set()
        noting.join()
        assert os.waitpid(child, 0)[1] == 0
    (kept,) = load_cassette(tmp_path / "a.yaml").interactions
    assert kept.request.uri.endswith("/a")
    assert not leftovers()


def test_a_copy_that_asks_nothing_is_not_told(tmp_path: Path) -> None:
    with warnings.catch_warnings(action="error"), use_cassette(tmp_path / "a.yaml", record_mode="once"):
        subprocess.run([sys.executable, "--version"], check=True, capture_output=True)


@pytest.mark.parametrize("source", [5, b"x", ["a.yaml"], None, {"a": 1}])
def test_what_is_no_cassette_is_refused_by_name(source: Any) -> None:
    with (
        pytest.raises(BadSetting, match=r"a cassette is .*; wanted: a path, a Cassette, or inter"),
        use_cassette(source),
    ):
        pass
