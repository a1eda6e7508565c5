"""The recording proxy in each record mode: what it asks anew, what it plays, what it verifies."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal

import httpx
import pytest
from support.raw import raw_server
from support.recording_proxy import recording
from support.serving import EVENTS, LIVE, WHOLE, ask, request, server_of

from fakegpt_testkit import faults, storage
from fakegpt_testkit.cassette import loads
from fakegpt_testkit.errors import BadSetting, CassetteMissing
from fakegpt_testkit.recorder import Settings
from fakegpt_testkit.serving import MATCH_ON, Recorder, serving

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.once


def test_what_was_recorded_is_played_when_it_is_asked_again_later(tmp_path: Path) -> None:
    path = tmp_path / "made.yaml"
    for mode, asked in [("once", 1), ("new_episodes", 0), ("once", 0), ("rewrite", 1)]:
        with recording(path, mode) as proxy:
            assert ask(proxy.url, request("/whole", "GET", "Connection: close"))[0] == WHOLE
            assert (mode, len(proxy.upstream.requests)) == (mode, asked)
        assert len(loads(path.read_bytes(), "").interactions) == 1


def test_once_a_cassette_is_there_nothing_is_added_to_it(tmp_path: Path) -> None:
    path = tmp_path / "made.yaml"
    with recording(path, "once") as proxy:
        assert [httpx.get(f"{proxy.url}/{name}").status_code for name in ("json", "gzip")] == [201, 200]
    with recording(path, "once") as proxy:
        assert httpx.get(f"{proxy.url}/whole").status_code == 404
        assert httpx.get(f"{proxy.url}/__fakegpt/unmatched").json()[0]["error"]["type"] == "RequestNotRecorded"
    assert len(loads(path.read_bytes(), "").interactions) == 2


def test_all_that_is_asked_anew_takes_the_place_of_what_it_matches(tmp_path: Path) -> None:
    path = tmp_path / "made.yaml"
    for mode in ("once", "all"):
        with recording(path, mode) as proxy:
            for asked in ("/whole", "/json", "/early") if mode == "once" else ("/json", "/reset", "/whole"):
                ask(proxy.url, request(asked, "GET", "Connection: close"))
                assert len(proxy.upstream.requests) <= 3
                kept = [each.request.path for each in proxy.saved.interactions]  # saved each time
    assert kept == ["/early", "/json", "/reset", "/whole"]


@pytest.mark.parametrize("mode", ["new_episodes", "all"])
def test_a_service_that_is_there_now_is_asked_again(mode: Literal["new_episodes", "all"], tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with raw_server({}) as gone:
        port = gone.port
    for answers in ((), LIVE):
        with ExitStack() as there:
            if answers:
                there.enter_context(raw_server(LIVE, port=port))
            recorder = Recorder(path, f"http://127.0.0.1:{port}", Settings(record_mode=mode, match_on=MATCH_ON))
            with serving(server_of(recorder=recorder)) as url:
                assert httpx.post(f"{url}/whole", content=b"hello").status_code == (200 if answers else 502)
    [kept] = loads(path.read_bytes(), "").interactions
    assert kept.response.body == b"".join(EVENTS)


def test_a_mode_that_only_plays_asks_nobody_and_needs_a_cassette(tmp_path: Path) -> None:
    path = tmp_path / "made.yaml"
    for mode in ("none", "verify"):
        with pytest.raises(CassetteMissing, match="to record it"):
            Recorder(path, "http://localhost:1", Settings(record_mode=mode))
    with recording(path, "once") as proxy:
        ask(proxy.url, request("/whole", "GET", "Connection: close"))
    with recording(path, "none") as proxy:
        assert ask(proxy.url, request("/whole", "GET", "Connection: close"))[0] == WHOLE
        assert httpx.get(f"{proxy.url}/json").status_code == 404
        assert proxy.upstream.requests == []
        assert proxy.recorder.told == f"{proxy.recorder.path} is played"


def test_verifying_passes_on_what_the_service_says_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "made.yaml"
    with recording(path, "once") as proxy:
        for asked in ("/whole", "/early", "/json", "/gzip"):
            ask(proxy.url, request(asked, "GET", "Connection: close"))
        assert proxy.recorder.told == f"http://127.0.0.1:{proxy.upstream.port} is recorded"
    written = path.read_bytes()
    with recording(path, "verify") as proxy:
        for asked in ("/whole", "/early", "/json"):
            direct = ask(f"http://127.0.0.1:{proxy.upstream.port}", request(asked, "GET", "Connection: close"))
            assert ask(proxy.url, request(asked, "GET", "Connection: close")) == direct
        assert httpx.post(f"{proxy.url}/__fakegpt/save").json() == {"saved": 0}
        assert proxy.recorder.told.endswith(" is verified")
    same = proxy.recorder.drift
    assert same is not None
    assert (same.compared, same.word, [each.where for each in same.unasked]) == (3, "same", ["GET /gzip"])
    assert (proxy.recorder.lost, path.read_bytes()) == ((), written)
    with recording(path, "verify", answers={**LIVE, "/json": LIVE["/early"], "/early": LIVE["/whole"]}) as proxy:
        for asked in ("/early", "/json", "/until-close"):
            ask(proxy.url, request(asked, "GET", "Connection: close"))
    other = proxy.recorder.drift
    assert other is not None
    assert {(each.severity.word, each.where) for each in other.differences} >= {
        ("broken", "GET /json"),
        ("added", "GET /until-close"),
    }
    assert path.read_bytes() == written
    assert not [each for each in storage.leftovers() if each.cassette == str(path)]


def test_what_cannot_be_verified_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "made.yaml"
    with recording(path, "once") as proxy:
        ask(proxy.url, request("/json", "GET", "Connection: close"))
    with raw_server({}) as gone:
        port = gone.port
    recorder = Recorder(path, f"http://127.0.0.1:{port}", Settings(match_on=MATCH_ON, record_mode="verify"))
    with serving(server_of(recorder=recorder)) as url:
        httpx.get(f"{url}/json?key=sk-proj-{'a1' * 20}")
    [(told, reason)] = recorder.lost
    assert (told, isinstance(reason, OSError)) == ("GET /json", True)
    with pytest.raises(BadSetting, match="none where the live service is verified"):
        Recorder(path, "http://localhost:1", Settings(record_mode="verify", faults=[faults.reset(1)]))
    monkeypatch.setattr("fakegpt_testkit.serving.recording.MOST_COMPARED", 2)
    with recording(path, "verify") as proxy:
        for _ in range(4):
            assert ask(proxy.url, request("/json", "GET", "Connection: close"))[0].endswith(b'{"a": 1}')
    found = proxy.recorder.drift
    assert found is not None
    assert [str(reason) for _, reason in proxy.recorder.lost] == ["2 answers are kept to be compared, and no more"] * 2
