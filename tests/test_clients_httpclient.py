"""``http.client`` and what stands on it (urllib3, requests, botocore, urllib.request): live, recorded and replayed."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
import requests
import requests.adapters
import urllib3
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session
from support.behaviours import EVENTS, HEAD, STREAM, answer_of, echo, in_chunk
from support.httpclient import in_turn, same, streaming_and_echoing
from support.patience import PATIENCE
from support.raw import RawServer, raw_server
from support.servers import CLOSE, RESET

from fakegpt_testkit import script
from fakegpt_testkit.exchange import EndingKind
from fakegpt_testkit.recorder import RecordMode, load_cassette, use_cassette

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.servers import Answer

    from fakegpt_testkit.wire.deck import Pace

PUTREQUEST, SEND, CONNECT = (http.client.HTTPConnection.__dict__[name] for name in ("putrequest", "send", "connect"))


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with streaming_and_echoing() as running:
        yield running


def test_nothing_stays_patched(server: RawServer, tmp_path: Path) -> None:
    with use_cassette(tmp_path / "c.yaml", record_mode="all"):
        assert http.client.HTTPConnection.putrequest is not PUTREQUEST
        requests.get(f"{server.url}/stream")
    found = [http.client.HTTPConnection.__dict__[name] for name in ("putrequest", "send", "connect")]
    assert found == [PUTREQUEST, SEND, CONNECT]


def test_a_patch_that_came_meanwhile_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def theirs(*_: object) -> None: ...

    with use_cassette(tmp_path / "c.yaml", record_mode="all"):
        monkeypatch.setattr(http.client.HTTPConnection, "putrequest", theirs)
    assert http.client.HTTPConnection.putrequest is theirs


LATER = """
import sys
import threading
from fakegpt_testkit.recorder import use_cassette
url, file = sys.argv[1:]
for mode in ("all", "none"):
    assert not {"urllib3", "requests"} & set(sys.modules) or mode == "none"
    with use_cassette(file, record_mode=mode) as session:
        import requests
        print(requests.post(url, data=b"hello").text)
    assert len(session.recorded) == (mode == "all")
"""


def test_a_client_imported_inside_the_block_is_recorded_and_replayed(server: RawServer, tmp_path: Path) -> None:
    asked = len(server.requests)
    command = [sys.executable, "-c", LATER, f"{server.url}/echo", str(tmp_path / "c.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.stdout.split("\n")[:2], done.stderr) == (["POST hello", "POST hello"], "")
    assert len(server.requests) == asked + 1


# Requests.


def test_redirects_are_followed_with_their_cookies(server: RawServer, tmp_path: Path) -> None:
    def program() -> object:
        with requests.Session() as session:
            answer = session.get(f"{server.url}/moved")
            return answer.content, [each.status_code for each in answer.history], list(session.cookies.keys())

    assert same(program, server, tmp_path / "c.yaml") == (b"GET ", [302], ["seen"])
    assert [each.response.status for each in load_cassette(tmp_path / "c.yaml").interactions] == [302, 200]


def test_a_generator_s_body_is_recorded_whole(server: RawServer, tmp_path: Path) -> None:
    def program() -> object:
        with urllib3.PoolManager() as pool:
            first = requests.post(f"{server.url}/echo", data=iter([b"one ", b"two"])).content
            return first, pool.request("PUT", f"{server.url}/echo", body=iter([b"three"]), chunked=True).data

    assert same(program, server, tmp_path / "c.yaml") == (b"POST one two", b"PUT three")
    bodies = [each.request.body for each in load_cassette(tmp_path / "c.yaml").interactions]
    assert bodies == [b"one two", b"three"]


@pytest.mark.parametrize("record_mode", [RecordMode.ALL, RecordMode.NEW_EPISODES])
def test_a_readable_s_body_is_recorded_whole(server: RawServer, record_mode: RecordMode, tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(b"0123456789" * 2000)

    def program() -> object:
        with upload.open("rb") as file:
            return len(requests.post(f"{server.url}/echo", data=file).content)

    with use_cassette(tmp_path / "c.yaml", record_mode=record_mode):
        recorded = program()
    with use_cassette(tmp_path / "c.yaml"):
        assert program() == recorded == 20_005


@pytest.mark.parametrize("first", ["503", "reset", "no head"])
def test_what_is_tried_again_is_recorded_each_time(first: str, tmp_path: Path) -> None:
    failing: dict[str, Answer] = {
        "503": (answer_of(b"503 Busy", b"later", b"Retry-After: 0"),),
        "reset": (RESET,),
        "no head": (CLOSE,),
    }
    retries = urllib3.Retry(2, status_forcelist=[503], backoff_factor=0, allowed_methods=None)

    def program() -> object:
        with requests.Session() as session:
            session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
            answer = session.post(f"{own.url}/stream", data=b"hello")
            tried: Any = answer.raw.retries
            return answer.content, len(tried.history)

    for mode in (RecordMode.ALL, RecordMode.NONE):
        with (
            raw_server({"/stream": in_turn(failing[first], STREAM)}) as own,
            use_cassette(tmp_path / "c.yaml", record_mode=mode, origins={own.url: "http://retry.example"}),
        ):
            assert program() == (b"".join(EVENTS), 1)
            assert len(own.requests) == (2 if mode is RecordMode.ALL else 0)


def test_expect_100_continue_waits_for_no_server_replayed(server: RawServer, tmp_path: Path) -> None:
    def program() -> object:
        session = URLLib3Session()
        headers = {"Expect": b"100-continue", "Content-Type": "text/plain"}
        request = AWSRequest("PUT", f"{server.url}/echo", headers=headers, data=b"hello")
        try:
            return session.send(request.prepare()).content
        finally:
            session.close()

    assert same(program, server, tmp_path / "c.yaml") == b"PUT hello"


def test_what_was_not_recorded_goes_live_on_the_same_connection(tmp_path: Path) -> None:
    with raw_server({"/echo": echo}) as server, requests.Session() as session:

        def ask(*bodies: bytes) -> list[bytes]:
            return [session.post(f"{server.url}/echo", data=body).content for body in bodies]

        with use_cassette(tmp_path / "c.yaml", record_mode="all"):
            ask(b"1")
        with use_cassette(tmp_path / "c.yaml", record_mode="new_episodes"):
            assert ask(b"1", b"2", b"3") == [b"POST 1", b"POST 2", b"POST 3"]
        assert server.seen == (1, 3)
    with use_cassette(tmp_path / "c.yaml"):
        assert ask(b"3", b"2", b"1") == [b"POST 3", b"POST 2", b"POST 1"]


def test_a_request_that_was_not_recorded_is_refused_at_once(tmp_path: Path) -> None:
    from fakegpt_testkit.errors import RequestNotRecorded

    retries = urllib3.Retry(5, backoff_factor=0, allowed_methods=None)
    with raw_server({"/echo": echo}) as server, requests.Session() as session:
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
        with use_cassette(tmp_path / "c.yaml", record_mode="all"):
            session.post(f"{server.url}/echo", data=b"1")
        with use_cassette(tmp_path / "c.yaml"), pytest.raises(RequestNotRecorded, match="recorded '1', asked '2'"):
            session.post(f"{server.url}/echo", data=b"2")
        assert server.seen == (1, 1)


# Leaving.


def test_a_stream_left_early_is_recorded_as_left(server: RawServer, tmp_path: Path) -> None:
    def program() -> object:
        with requests.post(f"{server.url}/stream", stream=True) as answer:
            return next(answer.iter_content(None))

    assert same(program, server, tmp_path / "c.yaml") == EVENTS[0]
    [only] = load_cassette(tmp_path / "c.yaml").interactions
    assert only.response.ending.kind is EndingKind.ABANDONED


def test_a_client_that_leaves_at_the_end_mark_records_a_whole_stream(tmp_path: Path) -> None:
    done = (HEAD, in_chunk(b"data: {}\n\n"), in_chunk(b"data: [DONE]\n\n"), 0.01, b"0\r\n\r\n")
    with raw_server({"/stream": done}) as server:

        def program() -> object:
            seen = b""
            with requests.post(f"{server.url}/stream", stream=True) as answer:
                for chunk in answer.iter_content(None):
                    seen += chunk
                    if seen.endswith(b"[DONE]\n\n"):
                        return seen
            return None

        same(program, server, tmp_path / "c.yaml")
    [only] = load_cassette(tmp_path / "c.yaml").interactions
    assert only.response.ending.kind is EndingKind.COMPLETE


@pytest.mark.parametrize("pace", ["lockstep", "recorded", 0.5])
def test_each_pace_plays_all(server: RawServer, pace: Pace, tmp_path: Path) -> None:
    with use_cassette(tmp_path / "c.yaml", record_mode="all"):
        requests.post(f"{server.url}/stream")
    with use_cassette(tmp_path / "c.yaml", pace=pace), requests.post(f"{server.url}/stream", stream=True) as answer:
        assert list(answer.iter_content(None)) == list(EVENTS)


def test_a_read_timeout_comes_before_a_late_chunk(tmp_path: Path) -> None:
    late = (HEAD, in_chunk(EVENTS[0]), 0.4, in_chunk(EVENTS[1]), b"0\r\n\r\n")
    with raw_server({"/stream": late}) as server, use_cassette(tmp_path / "c.yaml", record_mode="all"):
        requests.post(f"{server.url}/stream")
    with (
        use_cassette(tmp_path / "c.yaml", pace="recorded"),
        requests.post(f"{server.url}/stream", stream=True, timeout=0.05) as answer,
        pytest.raises(requests.exceptions.ConnectionError, match="Read timed out"),
    ):
        list(answer.iter_content(None))


def notes_of(failure: BaseException | None) -> list[str]:
    """The notes of a failure and of all that are behind it: urllib3 and requests keep them as reasons."""
    notes: list[str] = []
    while failure is not None:
        notes += getattr(failure, "__notes__", [])
        inner = [getattr(failure, "reason", None), *failure.args[:1], failure.__cause__]
        failure = next((each for each in inner if isinstance(each, BaseException)), None)
    return notes


def test_a_live_service_that_is_not_there_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for ask in (
        lambda: requests.get(f"http://localhost:{port}/x"),
        lambda: urllib.request.urlopen(f"http://localhost:{port}/x"),
    ):
        with use_cassette(tmp_path / "c.yaml", record_mode="all"), pytest.raises(OSError) as caught:
            ask()
        assert any(f"localhost:{port}" in note for note in notes_of(caught.value))


@pytest.mark.parametrize("kind", [TypeError, KeyError])
def test_what_a_suites_matcher_raises_is_what_its_test_gets(kind: type[Exception]) -> None:
    """http.client takes a TypeError for one of its own."""

    def wrong(*_: object) -> bool:
        raise kind("it takes one request")

    with (
        use_cassette(script("hi"), match_on=[wrong], unplayed="ignore"),
        pytest.raises(kind, match="it takes one request"),
    ):
        requests.get("https://a.example/", timeout=5)
