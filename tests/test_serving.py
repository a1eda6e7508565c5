"""The server of cassettes over bare sockets: what is on the wire is what was recorded, to the byte."""

from __future__ import annotations

import gzip
import json
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from support.behaviours import CUT_OFF, IN_CHUNKS
from support.raw import raw_server
from support.served import CLOSE, HELLO, POSTED, stream_page_and_post
from support.servers import Act
from support.serving import (
    AT_ONCE,
    CHUNKED,
    EVENTS,
    FRAMED,
    HEAD,
    STREAM,
    WHOLE,
    Line,
    ask,
    recorded,
    request,
    served,
    write,
)

from fakegpt_testkit.cassette import loads
from fakegpt_testkit.effects import faults
from fakegpt_testkit.errors import CassetteError, CassetteMissing
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Interaction
from fakegpt_testkit.recorder import Settings, use_cassette
from fakegpt_testkit.serving import MATCH_ON, Terms, Timing
from fakegpt_testkit.wire.writing import NO_CHUNK_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with stream_page_and_post(tmp_path) as url:
        yield url


# --- what is on the wire ---


def test_a_stream_has_its_chunks_fields_and_end_mark_and_no_field_of_ours(url: str) -> None:
    assert ask(url, request("/events", "GET", CLOSE)) == (WHOLE, "closed")


def test_the_case_and_the_order_of_fields_are_kept(url: str) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nX-ODD-case: kept\r\nContent-Length: 5\r\n\r\n"
    assert ask(url, request("/hello", "GET", CLOSE)) == (head + b"hello", "closed")


CUT = {
    "an HTTP chunk over two arrivals": (
        (Chunk(0.01, b"data: o", ()), Chunk(0.02, b"ne\n\n", (4,)), Chunk(0.03, b"data: two\n\n", (11,))),
        b"b\r\ndata: one\n\n\r\nb\r\ndata: two\n\n\r\n0\r\n\r\n",
    ),
    "two HTTP chunks in one arrival": (
        (Chunk(0.01, b"data: one\n\n", (5, 11)),),
        b"5\r\ndata:\r\n6\r\n one\n\n\r\n0\r\n\r\n",
    ),
    "a cut inside of a character": (
        (Chunk(0.01, b"data: \xf0\x9f", (8,)), Chunk(0.02, b"\x8e\x89\n\n", (4,))),
        b"8\r\ndata: \xf0\x9f\r\n4\r\n\x8e\x89\n\n\r\n0\r\n\r\n",
    ),
}


@pytest.mark.parametrize("name", CUT)
def test_http_chunks_are_cut_as_recorded(name: str, tmp_path: Path) -> None:
    chunks, framed = CUT[name]
    write(tmp_path, "cut.yaml", recorded(chunks=chunks))
    with served(tmp_path) as url:
        assert ask(url, request("/events", "GET", CLOSE)) == (HEAD + framed, "closed")


ENDINGS = {
    "reset": (EndingKind.RESET, "", HEAD + FRAMED, "reset"),
    "an early end": (EndingKind.EOF, "", HEAD + FRAMED, "closed"),
    "a bad chunk": (EndingKind.MALFORMED, "", HEAD + FRAMED + b"this is no chunk size\r\n", "closed"),
    "its client left": (EndingKind.ABANDONED, "", HEAD + FRAMED, "closed"),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_a_stream_ends_as_it_did(name: str, tmp_path: Path) -> None:
    kind, note, got, how = ENDINGS[name]
    write(tmp_path, "ended.yaml", recorded(ending=Ending(kind, 0.04, note)))
    with served(tmp_path) as url:
        assert ask(url, request("/events")) == (got, how)


@pytest.mark.parametrize(("kind", "how"), [(EndingKind.EOF, "closed"), (EndingKind.RESET, "reset")], ids=str)
def test_a_request_that_got_no_head_gets_none(kind: EndingKind, how: str, tmp_path: Path) -> None:
    nothing = recorded(ending=Ending(kind, 0.01), chunks=(), headers=(), status=0, reason="")
    write(tmp_path, "none.yaml", nothing)
    with served(tmp_path) as url:
        assert ask(url, request("/events")) == (b"", how)


@pytest.mark.parametrize("path", sorted({*CUT_OFF} - {"/surplus"}))
def test_chunks_that_ended_oddly_end_so_and_no_head_has_them(path: str, tmp_path: Path) -> None:
    records = use_cassette(tmp_path / "c.yaml", record_mode="all")
    with raw_server({path: (IN_CHUNKS, *CUT_OFF[path], Act.CLOSE)}) as server, records, suppress(httpx.HTTPError):
        httpx.get(server.url + path)
    with served(tmp_path / "c.yaml") as url:
        assert ask(url, request(path)) == (IN_CHUNKS + b"".join(CUT_OFF[path]), "closed")
        assert ask(url, request(path, "HEAD", CLOSE))[0] in {IN_CHUNKS, IN_CHUNKS + NO_CHUNK_SIZE}


def test_a_stream_that_stalled_stays_open_until_its_client_goes(tmp_path: Path) -> None:
    write(tmp_path, "stalled.yaml", recorded(ending=Ending(EndingKind.STALLED, 0.04)))
    with served(tmp_path) as url, Line(url) as line:
        line.send(request("/events"))
        assert line.until(b"three\n\n\r\n") == HEAD + FRAMED
        line.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            line.socket.recv(1)
        line.socket.settimeout(20)
        line.socket.shutdown(socket.SHUT_WR)  # the client says that it has gone
        assert line.rest() == (b"", "closed")


def test_a_body_without_a_length_ends_with_its_connection(tmp_path: Path) -> None:
    write(tmp_path, "close.yaml", recorded(headers=CHUNKED[:1]))
    with served(tmp_path) as url:
        got, how = ask(url, request("/events"))
    assert (got, how) == (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + b"".join(EVENTS), "closed")


# --- pace ---


@pytest.mark.parametrize(
    "timing", [Timing(), Timing(factor=0.5), Timing(gap=0.03), AT_ONCE], ids=["recorded", "half", "gap", "at once"]
)
def test_nothing_comes_before_it_is_due_whatever_the_pace(timing: Timing, tmp_path: Path) -> None:
    import time

    write(tmp_path, "slow.yaml", recorded(chunks=tuple(Chunk(c.at * 10, c.data, c.ends) for c in STREAM)))
    with served(tmp_path, terms=Terms(Settings(match_on=MATCH_ON), timing)) as url, Line(url) as line:
        asked = time.monotonic()
        line.send(request("/events"))
        line.until(b"\r\n\r\n")
        for number, (each, at) in enumerate(zip(EVENTS, (0.1, 0.2, 0.3), strict=True), 1):
            line.until(each)
            assert time.monotonic() - asked >= timing.due(at, number)
        line.until(b"0\r\n\r\n")


# --- what is not recorded ---


def test_a_request_that_no_cassette_has_is_404_and_what_differs(tmp_path: Path) -> None:
    write(tmp_path, "some.yaml", POSTED)
    said: list[str] = []
    asked = json.loads(POSTED.request.body)
    asked["messages"][0]["content"] = "Say hi"
    with served(tmp_path, said=said) as url:
        answer = httpx.post(f"{url}/v1/chat", json=asked)
        again = httpx.post(f"{url}/v1/chat", content=POSTED.request.body, headers={"Content-Type": "application/json"})
    error = answer.json()["error"]
    assert (answer.status_code, answer.headers["x-should-retry"], again.status_code) == (404, "false", 200)
    assert error["type"] == "RequestNotRecorded"
    [difference] = error["differences"]
    assert difference["path"] == "body.messages[0].content"
    assert (difference["recorded"], difference["asked"]) == ("'Say hello'", "'Say hi'")
    assert "recorded 'Say hello', asked 'Say hi'" in error["message"]
    assert said == [error["message"]]


def test_what_is_told_of_a_request_holds_no_key(tmp_path: Path) -> None:
    write(tmp_path, "some.yaml", POSTED)
    said: list[str] = []
    key = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"
    with served(tmp_path, said=said) as url:
        answer = httpx.post(
            f"{url}/v1/chat?api_key={key}", json={"model": key}, headers={"Authorization": f"Bearer {key}"}
        )
    assert key not in answer.text + "".join(said)


# --- faults, equal requests ---


def test_a_fault_spoils_what_is_played(tmp_path: Path) -> None:
    write(tmp_path, "some.yaml", recorded())
    spoilt = Terms(Settings(match_on=MATCH_ON, faults=[faults.reset(after_event=1)]), AT_ONCE)
    with served(tmp_path, terms=spoilt) as url:
        got, how = ask(url, request("/events"))
    assert (got, how) == (HEAD + FRAMED[: FRAMED.index(b"two") - 9], "reset")


def numbered() -> list[Interaction]:
    return [
        recorded("GET", "/count", chunks=(Chunk(0.01, each),), headers=(("Content-Length", "1"),))
        for each in (b"1", b"2")
    ]


@pytest.mark.parametrize(("steady", "wanted"), [(True, ["1", "1", "1"]), (False, ["1", "2", "404"])])
def test_equal_requests_get_the_same_answer_unless_each_is_played_once(
    steady: bool, wanted: list[str], tmp_path: Path
) -> None:
    write(tmp_path, "some.yaml", *numbered())
    with served(tmp_path, terms=Terms(Settings(match_on=MATCH_ON), AT_ONCE, steady=steady)) as url:
        answers = [httpx.get(f"{url}/count") for _ in range(3)]
    assert [each.text if each.is_success else str(each.status_code) for each in answers] == wanted


# --- cassettes ---


def test_several_files_and_folders_are_served_at_once(tmp_path: Path) -> None:
    one = write(tmp_path, "one.yaml", HELLO)
    write(tmp_path, "folder/deep/two.yaml", recorded())
    with served(one, tmp_path / "folder") as url:
        assert httpx.get(f"{url}/hello").text == "hello"
        assert httpx.get(f"{url}/events").content == b"".join(EVENTS)


CASSETTES = sorted((ROOT / "cassettes").rglob("*.yaml")) + sorted((ROOT / "examples").rglob("*.yaml"))


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_each_answer_of_this_projects_cassettes_comes_over_the_socket(path: Path) -> None:
    cassette = loads(path.read_bytes(), str(path))
    terms = Terms(Settings(match_on=MATCH_ON), AT_ONCE)
    with served(path, terms=terms) as url, httpx.Client(timeout=20) as client:
        for each in cassette.interactions:
            target = "/".join([url, each.request.uri.split("/", 3)[3]])
            tape, got, problem = each.response, bytearray(), ""
            fields = [field for field in each.request.headers if field[0].lower() not in {"host", "content-length"}]
            asked = client.build_request(each.request.method, target, content=each.request.body or None, headers=fields)
            try:
                answer = client.send(asked, stream=True)
                for piece in answer.iter_bytes():
                    got += piece
            except httpx.TransportError as error:
                problem = type(error).__name__
            assert (answer.status_code, bytes(got)) == (tape.status, tape.body)
            assert bool(problem) is (tape.ending.kind is not EndingKind.COMPLETE)


def test_a_compressed_answer_is_compressed_for_a_client_that_takes_it(tmp_path: Path) -> None:
    write(tmp_path, "zip.yaml", recorded(headers=(*CHUNKED, ("Content-Encoding", "gzip"))))
    with served(tmp_path) as url:
        with httpx.stream("GET", f"{url}/events", headers={"Accept-Encoding": "gzip"}) as answer:
            assert answer.headers["content-encoding"] == "gzip"
            assert gzip.decompress(b"".join(answer.iter_raw())) == b"".join(EVENTS)
        with httpx.stream("GET", f"{url}/events", headers={"Accept-Encoding": "identity"}) as answer:
            assert "content-encoding" not in answer.headers
            assert b"".join(answer.iter_raw()) == b"".join(EVENTS)


def test_a_cassette_that_is_not_there_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(CassetteMissing), served(tmp_path / "gone.yaml"):
        pass


INJECTIONS = {
    "a line end in a value": (("X-Said", "a\r\nX-Injected: yes"),),
    "a line feed in a value": (("X-Said", "a\nX-Injected: yes"),),
    "a line end in a name": (("X-Said\r\nX-Injected", "yes"),),
    "a zero byte": (("X-Said", "a\x00b"),),
}


@pytest.mark.parametrize("name", INJECTIONS)
def test_a_cassette_with_a_head_that_makes_fields_is_refused_when_it_is_loaded(name: str, tmp_path: Path) -> None:
    write(tmp_path, "bad.yaml", HELLO, recorded(headers=(*CHUNKED, *INJECTIONS[name])))
    with pytest.raises(CassetteError, match="interaction 2 holds what no line of a head can"), served(tmp_path):
        pass
