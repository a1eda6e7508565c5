"""The server as a recording proxy: what the live service says passes through, to the byte, and is in the cassette."""

from __future__ import annotations

import gc
import gzip
import json
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from support.behaviours import in_chunk
from support.raw import raw_server
from support.recording_proxy import Proxy, recording
from support.servers import HOLD
from support.serving import EVENTS, FRAMED, LIVE, WHOLE, Line, ask, request, served, server_of
from support.tls import authority, server_tls

from fakegpt_testkit import storage
from fakegpt_testkit.cassette import loads
from fakegpt_testkit.errors import SecretStays
from fakegpt_testkit.exchange import EndingKind, Interaction, header
from fakegpt_testkit.recorder import Settings, use_cassette
from fakegpt_testkit.recorder.recording import RecordedExchange
from fakegpt_testkit.serving import MATCH_ON, Recorder, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.servers import Answer, Asked


pytestmark = pytest.mark.once

PASSED = [path for path in LIVE if path not in {"/hold", "/hints"}]
ENDED = {
    "/reset": EndingKind.RESET,
    "/early": EndingKind.EOF,
    "/malformed": EndingKind.MALFORMED,
    "/nothing": EndingKind.EOF,
    "/not-http": EndingKind.MALFORMED,
}


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    with recording(tmp_path / "made.yaml") as proxy:
        yield proxy


@pytest.mark.parametrize("path", PASSED)
def test_a_client_meets_what_it_would_meet_without_it(path: str, proxy: Proxy) -> None:
    asked = request(path, "GET", "Connection: close")
    direct = ask(f"http://127.0.0.1:{proxy.upstream.port}", asked)
    assert ask(proxy.url, asked) == direct
    assert len(proxy.upstream.requests) == 2  # one each: nothing is asked again
    [kept] = proxy.saved.interactions
    assert kept.request.uri == f"https://api.example{path}"
    assert kept.response.ending.kind is ENDED.get(path, EndingKind.COMPLETE)


@pytest.mark.parametrize("path", PASSED)
def test_what_was_recorded_is_served_as_it_came(path: str, tmp_path: Path) -> None:
    asked = request(path, "GET", "Connection: close", "Accept-Encoding: gzip")
    with recording(tmp_path / "made.yaml") as proxy:
        live = ask(proxy.url, asked)
    with served(tmp_path / "made.yaml") as url:
        played, how = ask(url, asked)
    if path == "/gzip":  # whose bytes are coded anew
        assert gzip.decompress(played.partition(b"\r\n\r\n")[2]) == b"".join(EVENTS)
    else:
        assert (played, how) == live


def test_bytes_after_the_end_do_not_hold_up_what_comes_after_the_answer(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    last = in_chunk(b"two") + b"0\r\n\r\nHTTP/1.1 200 OK\r\n"
    with recording(tmp_path / "made.yaml", answers={"/x": (head, *[in_chunk(b"one")] * 9, last, HOLD)}) as proxy:
        told, how = ask(proxy.url, request("/x", "GET", "Connection: close"))
    assert (told.endswith(last), how) == (True, "closed")


def test_what_cannot_be_redacted_is_given_up_and_the_rest_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "q8Rt5Kx2Wm9Zp4Lc7Vb1"
    monkeypatch.setenv("DOOR_KEY", secret)
    with recording(tmp_path / "made.yaml") as proxy:
        for _ in range(2):
            httpx.post(f"{proxy.url}/whole", json={"signature": secret})
            with pytest.raises(SecretStays, match="the request's body"):
                proxy.recorder.save()
            httpx.post(f"{proxy.url}/whole", json={"signature": "none"})
            assert proxy.saved.interactions
    kept = loads(proxy.path.read_bytes(), str(proxy.path)).interactions
    assert [json.loads(each.request.body) for each in kept] == [{"signature": "none"}] * 2
    assert [each for each in storage.leftovers() if "made" in str(each.path)] == []


def test_arrivals_and_http_chunks_are_recorded_as_they_came(proxy: Proxy) -> None:
    assert ask(proxy.url, request("/whole", "GET", "Connection: close")) == (WHOLE, "closed")
    [kept] = proxy.saved.interactions
    assert [(each.data, each.ends) for each in kept.response.chunks if each.data] == [
        (each, (len(each),)) for each in EVENTS
    ]


def test_what_is_open_when_it_ends_is_saved_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "made.yaml"
    with recording(path) as proxy:
        line = Line(proxy.url)
        line.send(request("/hold"))
        line.until(FRAMED[:16])
    line.leave()
    [kept] = loads(path.read_bytes(), "made.yaml").interactions
    assert (kept.response.ending.kind, kept.response.body) == (EndingKind.ABANDONED, EVENTS[0])


def test_credentials_pass_and_are_not_stored(proxy: Proxy) -> None:
    key = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"
    httpx.post(f"{proxy.url}/json", json={"password": key}, headers={"Authorization": f"Bearer {key}"})
    [passed] = proxy.upstream.requests
    assert (passed.header("Authorization"), key.encode() in passed.body) == (f"Bearer {key}", True)
    assert proxy.saved.interactions
    assert key not in proxy.path.read_text(encoding="utf-8")


def test_the_request_is_passed_on_without_what_was_about_its_connection(proxy: Proxy) -> None:
    fields = ["Connection: close, X-Mine", "X-Mine: 1", "Keep-Alive: 5", "TE: trailers", "X-kept: as It Is"]
    ask(proxy.url, request("/json?b=2&a=1", "POST", *fields, body=b"12345"))
    ask(
        proxy.url, request("/json", "POST", "Connection: close", "Transfer-Encoding: chunked") + b"2\r\nab\r\n0\r\n\r\n"
    )
    one, two = proxy.upstream.requests
    assert (one.method, one.target, one.body, two.body) == ("POST", "/json?b=2&a=1", b"12345", b"ab")
    assert one.headers == (
        ("Host", f"127.0.0.1:{proxy.upstream.port}"),
        ("X-kept", "as It Is"),
        ("Accept-Encoding", "identity"),
        ("Content-Length", "5"),
    )


def test_a_connection_is_kept_while_the_service_is_asked_anew(proxy: Proxy) -> None:
    got, _ = ask(proxy.url, request("/json") + request("/hints") + request("/whole", "GET", "Connection: close"))
    assert got.endswith(b'{"a": 1}HTTP/1.1 204 No Content\r\n\r\n' + WHOLE)
    assert len(proxy.saved.interactions) == 3


def left_after_one(proxy: Proxy, path: str, *, reset: bool = False) -> Interaction:
    """What is kept of a stream that its client left after the first event."""
    line = Line(proxy.url)
    line.send(request(path))
    line.until(b"one\n\n\r\n")
    line.leave(reset=reset)
    until = time.monotonic() + 20
    while not (proxy.path.exists() and proxy.saved.interactions):
        assert time.monotonic() < until
        httpx.post(f"{proxy.url}/__fakegpt/save")
    [kept] = proxy.saved.interactions
    return kept


@pytest.mark.parametrize("reset", [False, True], ids=["closing", "with a reset"])
def test_a_client_that_left_is_told_as_abandoned(reset: bool, proxy: Proxy) -> None:
    kept = left_after_one(proxy, "/hold", reset=reset)
    assert (kept.response.body, kept.response.ending.kind) == (EVENTS[0], EndingKind.ABANDONED)


@pytest.mark.parametrize("path", ["/whole", "/reset"])
def test_the_rest_of_what_a_client_left_is_read_where_it_is_wanted(path: str, tmp_path: Path) -> None:
    with recording(tmp_path / "made.yaml", after_leaving="read") as proxy:
        kept = left_after_one(proxy, path)
    ending = kept.response.ending
    assert (kept.response.body, ending.kind) == (b"".join(EVENTS), ENDED.get(path, EndingKind.COMPLETE))
    assert ending.left is not None
    assert ending.left < ending.at


def test_the_file_is_written_while_it_records_and_no_journal_is_left(proxy: Proxy) -> None:
    httpx.get(f"{proxy.url}/json")
    until = time.monotonic() + 20
    while not proxy.path.exists():
        assert time.monotonic() < until
    for number in range(1, 4):
        httpx.get(f"{proxy.url}/gzip")
        assert len(proxy.saved.interactions) == 1 + number
    assert [each for each in storage.leftovers() if "made" in str(each.path)] == []


def test_what_was_recorded_is_freed_once_it_is_saved(proxy: Proxy) -> None:
    def exchanges() -> list[RecordedExchange]:
        gc.collect()
        return [each for each in gc.get_objects() if isinstance(each, RecordedExchange)]

    others = exchanges()  # of tests before this one, whose failures or fixtures still hold them
    for path in ("/whole", "/reset", "/whole"):
        ask(proxy.url, request(path, "GET", "Connection: close"))
        assert len(proxy.saved.interactions)
    with Line(proxy.url) as line:
        line.send(request("/hold"))
        line.until(FRAMED[:16])
        held = [each for each in exchanges() if not any(each is other for other in others)]
        assert [each.interaction for each in held] == [None]
    while len(proxy.saved.interactions) < 4:
        time.sleep(0.01)


def test_the_journal_tells_of_what_is_recorded_while_it_comes(proxy: Proxy) -> None:
    with Line(proxy.url) as first, Line(proxy.url) as second:
        first.send(request("/hold"))
        first.until(FRAMED[:16])
        second.send(request("/whole"))
        second.until(WHOLE[-5:])
        told = httpx.get(f"{proxy.url}/__fakegpt/journal").json()
        assert [(each["played"], each.get("ending")) for each in told] == [
            ("the live service", None),
            ("the live service", "complete"),
        ]
        assert told[1]["sent"] == len(WHOLE)
    until = time.monotonic() + 20
    while not (entry := httpx.get(f"{proxy.url}/__fakegpt/journal").json()[0]).get("left_early"):
        assert time.monotonic() < until
    assert entry["ending"].startswith("abandoned")
    assert "abandoned" in httpx.get(f"{proxy.url}/__fakegpt/streams/{entry['number']}").text


def test_an_encrypted_service_is_recorded_and_its_certificate_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_server(LIVE, tls=server_tls()) as upstream:
        for trusted, status in ((False, b"502"), (True, b"200")):
            if trusted:
                authority().cert_pem.write_to_path(tmp_path / "ca.pem")
                monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
            settings = Settings(match_on=MATCH_ON, record_mode="new_episodes")
            recorder = Recorder(tmp_path / "made.yaml", upstream.url, settings)
            with serving(server_of(recorder=recorder)) as url:
                got, _ = ask(url, request("/whole", "GET", "Connection: close"))
            assert got.split()[1] == status
    assert got == WHOLE
    [kept] = loads((tmp_path / "made.yaml").read_bytes(), "made.yaml").interactions
    assert (kept.request.uri, kept.response.body) == (f"{upstream.url}/whole", b"".join(EVENTS))


@pytest.mark.parametrize(("host", "note"), [("127.0.0.1", "refused"), ("localhost", "refused"), ("x.invalid", "dns")])
def test_a_service_that_cannot_be_reached_is_recorded_as_that(host: str, note: str, tmp_path: Path) -> None:
    with raw_server({}) as gone:
        port = gone.port
    live, path = f"http://{host}:{port}", tmp_path / "a.yaml"
    said: list[str] = []
    recorder = Recorder(path, live, Settings(record_mode="once"))
    recorder.say = said.append
    with serving(server_of(recorder=recorder)) as url:
        recorded = httpx.post(f"{url}/a", content=b"hello")
    [kept] = loads(path.read_bytes(), "").interactions
    assert (kept.request.method, kept.request.uri) == ("POST", f"{live}/a")
    assert (kept.response.ending.kind, kept.response.ending.note) == (EndingKind.UNCONNECTED, note)
    assert said == [f"{live} could not be reached ({note}), and {path} keeps that"]
    assert (recorded.status_code, recorded.json()["error"]["type"]) == (502, "UpstreamUnreachable")
    assert f"{live} could not be reached: {note}" == recorded.json()["error"]["message"]
    with serving(server_of(path)) as url:
        served = httpx.post(f"{url}/a", content=b"hello")
    with serving(server_of(recorder=Recorder(path, live, Settings(record_mode="once")))) as url:
        again = httpx.post(f"{url}/a", content=b"hello")
    for each in (served, again):
        assert (each.status_code, each.headers["content-type"], each.content) == (
            502, recorded.headers["content-type"], recorded.content,
        )  # fmt: skip
    with use_cassette(path), pytest.raises(httpx.ConnectError):
        httpx.post(f"{live}/a", content=b"hello")


def test_a_redirect_and_a_login_stay_with_the_proxy(tmp_path: Path) -> None:
    def login(asked: Asked) -> Answer:
        fields = f"Location: http://{asked.header('Host')}/home\r\nSet-Cookie: s=1; Domain=api.example; Secure; Path=/"
        return (f"HTTP/1.1 302 Found\r\n{fields}\r\nContent-Length: 0\r\n\r\n".encode(),)

    with raw_server({"/login": login}) as upstream:
        live = f"http://127.0.0.1:{upstream.port}"
        recorder = Recorder(tmp_path / "a.yaml", live, Settings(record_mode="once"), "https://api.example")
        with serving(server_of(recorder=recorder)) as url:
            answer = httpx.get(f"{url}/login")
    assert answer.headers["location"] == f"{url}/home"
    assert answer.headers["set-cookie"] == "s=1; Path=/"
    [kept] = loads((tmp_path / "a.yaml").read_bytes(), "").interactions
    assert header(kept.response.headers, "Location") == "https://api.example/home"


def test_a_head_without_an_end_is_given_up(tmp_path: Path) -> None:
    said: list[str] = []
    endless: Answer = (b"HTTP/1.1 200 OK\r\n", *[b"X-%d: %b\r\n" % (nth, b"a" * 60_000) for nth in range(20)], HOLD)
    with recording(tmp_path / "made.yaml", answers={"/endless": endless, **LIVE}) as proxy:
        answer = httpx.get(f"{proxy.url}/endless")
        assert (answer.status_code, "larger than" in answer.json()["error"]["message"]) == (502, True)
        assert httpx.get(f"{proxy.url}/json").status_code == 201
        said += [each.request.path for each in proxy.saved.interactions]
    assert said == ["/json"]
    assert [request for request, _ in proxy.recorder.lost] == ["GET /endless"]
