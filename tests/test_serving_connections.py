"""Connections to the server of cassettes: how requests may come, who leaves or reads late, and what is no request."""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING

import pytest
from support.served import CLOSE, POSTED, stream_page_and_post
from support.serving import EVENTS, HEAD, WHOLE, Line, ask, recorded, request, served, write

from fakegpt_testkit.exchange import Chunk, Ending, EndingKind
from fakegpt_testkit.recorder import Settings
from fakegpt_testkit.serving import MATCH_ON, Limits, Terms, Timing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.once


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with stream_page_and_post(tmp_path) as url:
        yield url


def test_a_connection_is_kept_for_requests_one_after_the_other(url: str) -> None:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
    connection.connect()
    first = connection.sock
    for _ in range(3):
        connection.request("GET", "/events")
        assert connection.getresponse().read() == b"".join(EVENTS)
        connection.request("POST", "/v1/chat", POSTED.request.body, {"Content-Type": "application/json"})
        assert connection.getresponse().read() == b"".join(EVENTS)
    assert connection.sock is first
    connection.close()


def test_requests_sent_in_one_go_are_answered_in_their_order(url: str) -> None:
    got, how = ask(url, request("/hello") + request("/events") + request("/hello", "GET", CLOSE))
    hello = got[: got.index(b"hello") + 5]
    assert (got, how) == (hello + WHOLE + hello, "closed")


def test_a_request_may_come_byte_by_byte(url: str) -> None:
    asked = request("/v1/chat", "POST", CLOSE, "Content-Type: application/json", body=POSTED.request.body)
    with Line(url) as line:
        for nth in range(len(asked)):
            line.send(asked[nth : nth + 1])
        assert line.rest() == (WHOLE, "closed")


def test_a_body_in_http_chunks_is_read(url: str) -> None:
    head = request("/v1/chat", "POST", CLOSE, "Content-Type: application/json", "Transfer-Encoding: chunked")
    body = POSTED.request.body
    with Line(url) as line:
        line.send(head + b"a;ext=1\r\n%b\r\n" % body[:10])
        line.send(b"%x\r\n%b\r\n0\r\nTrailer: x\r\n\r\n" % (len(body) - 10, body[10:]))
        assert line.rest() == (WHOLE, "closed")


def test_a_client_that_waits_to_be_told_is_told_to_send_its_body(url: str) -> None:
    asked = request("/v1/chat", "POST", CLOSE, "Expect: 100-continue", body=POSTED.request.body)
    with Line(url) as line:
        line.send(asked.removesuffix(POSTED.request.body))
        assert line.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.send(POSTED.request.body)
        assert line.rest() == (WHOLE, "closed")


def test_a_head_is_that_of_the_recorded_get_without_its_body(url: str) -> None:
    got, _ = ask(url, request("/events", "HEAD") + request("/hello", "GET", CLOSE))
    assert got.startswith(HEAD + b"HTTP/1.1 200 OK\r\ncontent-type: text/plain")


def test_http_1_0_gets_no_http_chunks_and_a_closed_connection(url: str) -> None:
    got, how = ask(url, request("/events", version="1.0"))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    assert (got, how) == (head + b"".join(EVENTS), "closed")


def test_a_client_that_says_no_more_after_its_request_is_answered_to_the_end(tmp_path: Path) -> None:
    write(tmp_path, "some.yaml", recorded())
    paced = Terms(Settings(match_on=MATCH_ON), Timing(gap=0.03), steady=True)
    with served(tmp_path, terms=paced) as url, Line(url) as line:
        line.send(request("/events"))
        line.socket.shutdown(socket.SHUT_WR)
        assert line.rest() == (WHOLE, "closed")


def test_a_client_that_reads_late_has_all_that_came_before_a_reset(tmp_path: Path) -> None:
    large = bytes(range(256)) * 65536  # more than the sockets of both sides hold
    write(
        tmp_path,
        "large.yaml",
        recorded(chunks=(Chunk(0.01, large),), headers=(), ending=Ending(EndingKind.RESET, 0.02)),
    )
    with served(tmp_path) as url, Line(url) as line:
        line.send(request("/events"))
        line.until(b"\r\n\r\n")
        line.socket.settimeout(0.2)
        line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        got = bytearray()
        while len(got) < len(large):
            got += line.socket.recv(65536)
        assert bytes(got) == large
        with pytest.raises(ConnectionResetError):
            line.socket.recv(1)


def test_a_head_of_what_is_not_recorded_has_no_body_that_the_next_answer_would_follow(url: str) -> None:
    got, _ = ask(url, request("/nothing", "HEAD") + request("/events", "GET", CLOSE))
    head, _, rest = got.partition(b"\r\n\r\n")
    assert (head[:12], rest) == (b"HTTP/1.1 404", WHOLE)


def test_a_client_that_leaves_is_no_harm_to_the_next(url: str) -> None:
    for reset in (False, True):
        line = Line(url)
        line.send(request("/events"))
        line.leave(reset=reset)
    assert ask(url, request("/events", "GET", CLOSE))[0] == WHOLE


def test_the_absolute_form_of_a_proxys_client_is_answered(url: str) -> None:
    assert ask(url, request(f"{url}/events", "GET", CLOSE))[0] == WHOLE


REFUSED = {
    "no HTTP": (b"hello there\r\n\r\n", 400),
    "TLS on a plain port": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400),
    "HTTP/2 by prior knowledge": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "two hosts": (request("/events", "GET", "Host: localhost"), 400),
    "no host": (b"GET /events HTTP/1.1\r\n\r\n", 400),
    "two lengths": (request("/events", "POST", "Content-Length: 1", "Content-Length: 2"), 400),
    "a length and HTTP chunks": (request("/events", "POST", "Transfer-Encoding: chunked", body=b"x"), 400),
    "a coding of requests": (request("/events", "POST", "Transfer-Encoding: gzip"), 501),
    "a length that is none": (request("/events", "POST", "Content-Length: -1"), 400),
    "a bad HTTP chunk": (request("/events", "POST", "Transfer-Encoding: chunked") + b"zz\r\n", 400),
    "a field without a name": (request("/events", "GET", ": x"), 400),
    "a zero byte in a field": (request("/events", "GET", "X: a\x00b"), 400),
    "a foreign host": (request("/events").replace(b"localhost", b"evil.example"), 421),
    "a body that is announced too large": (request("/v1/chat", "POST", "Content-Length: 5001"), 413),
    "a body that is too large in HTTP chunks": (
        request("/v1/chat", "POST", "Transfer-Encoding: chunked") + b"1389\r\n" + b"x" * 5001 + b"\r\n0\r\n\r\n",
        413,
    ),
    "a head that is too large": (request("/events", "GET", "X: " + "x" * 3000), 431),
    "a head without an end": (b"GET /events HTTP/1.1\r\nX: " + b"x" * 3000, 431),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_request_for_this_server_is_refused_in_words(name: str, tmp_path: Path) -> None:
    data, status = REFUSED[name]
    write(tmp_path, "some.yaml", recorded())
    with served(tmp_path, limits=Limits(head=2048, body=5000)) as url:
        got, how = ask(url, data)
        assert ask(url, request("/events", "GET", CLOSE))[0] == WHOLE
    assert got.startswith(b"HTTP/1.1 %d " % status)
    head, _, body = got.partition(b"\r\n\r\n")
    assert json.loads(body)["error"]["message"]
    assert (how, b"Connection: close" in head) == ("closed", True)


def test_a_refusal_arrives_although_more_is_being_sent(tmp_path: Path) -> None:
    write(tmp_path, "some.yaml", recorded())
    with served(tmp_path, limits=Limits(body=1000)) as url, Line(url) as line:
        line.send(request("/v1/chat", "POST", "Content-Length: 5000000") + b"x" * 5_000_000)
        line.socket.shutdown(socket.SHUT_WR)
        got, how = line.rest()
    assert (got[:12], how) == (b"HTTP/1.1 413", "closed")


HALF = {
    "nothing": b"",
    "half a head": b"GET /events HTTP/1.1\r\n",
    "half a body": request("/v1/chat", "POST", body=b"123")[:-1],
}


@pytest.mark.parametrize("name", HALF)
def test_a_request_that_does_not_come_ends_its_connection(name: str, tmp_path: Path) -> None:
    write(tmp_path, "some.yaml", recorded())
    with served(tmp_path, limits=Limits(head_seconds=0.05, body_seconds=0.05)) as url:
        got, how = ask(url, HALF[name])
    assert (got[:12], how) == (b"HTTP/1.1 408" if HALF[name] else b"", "closed")


def test_a_head_that_comes_in_drops_has_no_more_time_than_another(tmp_path: Path) -> None:
    write(tmp_path, "some.yaml", recorded())
    with served(tmp_path, limits=Limits(head_seconds=0.3)) as url, Line(url) as line:
        line.socket.settimeout(0.02)
        got = b""
        for _ in range(1000):
            try:
                line.send(b"GET /events HTTP/1.1\r\n" if not got else b"X: y\r\n")
                got = got or line.socket.recv(12)
            except TimeoutError:
                continue
            except OSError:
                break
            if got:
                break
    assert got == b"HTTP/1.1 408"


def test_more_connections_than_are_allowed_are_told_so(tmp_path: Path) -> None:
    write(tmp_path, "some.yaml", recorded())
    with served(tmp_path, limits=Limits(connections=2)) as url, Line(url) as one, Line(url) as two:
        for line in (one, two):
            line.send(request("/events"))
            assert line.until(b"0\r\n\r\n") == WHOLE
        got, _ = ask(url, request("/events"))
        assert got.startswith(b"HTTP/1.1 503 ")
