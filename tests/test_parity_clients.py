"""Responses of httpx, httpx2 and requests compared with their replay, look by look.

Each look sees one thing. What still differs over all of them is listed, with its reason.
"""

from __future__ import annotations

import contextlib
import copy
import gzip
import json
import logging
import pickle
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import httpx2
import pytest
import requests
from support.raw import raw_server
from support.servers import CLOSE, Answers

from fakegpt_testkit.recorder import use_cassette
from fakegpt_testkit.redaction import Redaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.raw import RawServer

pytestmark = pytest.mark.untraced

BODY = '{"text": "Grüße 😀"}'.encode()
CODED = gzip.compress(BODY, mtime=0)
ANSWERS: Answers = {
    "/json": (
        b"HTTP/1.1 200 Sehr gut\r\nContent-Type: application/json; charset=utf-8\r\nX-B: 1\r\nx-a: 2\r\nX-B: 3\r\n"
        b"Set-Cookie: a=1; Path=/; HttpOnly\r\nSet-Cookie: b=2\r\nLink: <https://a.example/2>; rel=next\r\n"
        b'Content-Disposition: attachment; filename="f.txt"\r\nETag: "x"\r\nX-Raw: \xe9\r\nX-Empty:\r\n'
        b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY),
    ),
    "/stream": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"9\r\ndata: %d\n\n\r\n" % number for number in range(4))
        + b"0\r\n\r\n",
    ),
    "/gzip": (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(CODED), CODED),
    ),
    "/moved": (b"HTTP/1.1 302 Found\r\nLocation: /json\r\nSet-Cookie: c=3\r\nContent-Length: 0\r\n\r\n",),
    "/refused": (b"HTTP/1.1 429 Slow Down\r\nRetry-After: 3\r\nContent-Length: 4\r\n\r\nslow",),
    "/latin": (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=latin-1\r\nContent-Length: 1\r\n\r\n\xe9",),
    "/none": (b"HTTP/1.1 204 No Content\r\n\r\n",),
    "/old": (b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nabc", CLOSE),
    "/cut": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", CLOSE),
}
"""Each in one piece, so that nothing a client sees of the live one depends on when the rest of it arrived."""
UNSETTLED = {
    "r.extensions['network_stream'].get_extra_info('is_readable')": {"/old", "/cut"},
    "r.raw.connection and r.raw.connection.is_connected": {"/old", "/cut"},
}
"""Looks at what a live server may or may not have done yet: whether it has closed the connection."""
READABLE = Redaction(keep=("Set-Cookie", "Cookie"))
"""The cookies are no secrets here: that a cookie's value is replaced is meant."""


def attempt(do: Callable[[], object]) -> object:
    """What it gives, or the class and the text of what it raises."""
    try:
        return do()
    except Exception as failure:
        return type(failure).__name__, str(failure)


def all_of(chunks: Iterator[object]) -> list[object]:
    """What an iterator gives, its failure last."""
    seen: list[object] = []
    try:
        seen.extend(chunks)
    except Exception as failure:
        seen.append((type(failure).__name__, str(failure)))
    return seen


NAMES = {"json": json, "copy": copy, "pickle": pickle, "attempt": attempt, "all_of": all_of}


def looks(*sources: str) -> dict[str, Callable[[Any], object]]:
    """Each expression over the response, ``r``; its text is its name."""

    def look(source: str) -> Callable[[Any], object]:
        return lambda r: eval(source, {**NAMES, "r": r})  # the texts stand below

    return {source: look(source) for source in sources}


OF_HTTPX = looks(
    "r.status_code", "r.reason_phrase", "r.http_version", "r.url", "r.headers", "r.headers.raw",
    "r.headers.multi_items()", "r.headers.get('x-b')", "r.headers.get_list('x-b')", "r.headers.get('absent')",
    "r.headers.encoding", "'X-Raw' in r.headers", "dict(r.headers)", "len(r.headers)", "r.cookies", "dict(r.cookies)",
    "list(r.cookies.jar)", "r.history", "[each.status_code for each in r.history]", "[each.url for each in r.history]",
    "[each.is_closed for each in r.history]", "r.next_request", "r.has_redirect_location", "r.is_redirect",
    "r.is_success", "r.is_error", "r.is_client_error", "r.is_server_error", "r.is_informational", "r.links",
    "r.encoding", "r.charset_encoding", "r.default_encoding", "r.is_closed", "r.is_stream_consumed",
    "r.num_bytes_downloaded", "repr(r)", "bool(r)", "hash(r) == hash(r)", "r.request.method", "r.request.url",
    "r.request.headers.raw", "sorted(r.extensions)", "r.extensions.get('http_version')",
    "r.extensions.get('reason_phrase')", "type(r.extensions['network_stream']).__name__",
    "r.extensions['network_stream'].get_extra_info('socket') is None",
    "r.extensions['network_stream'].get_extra_info('server_addr')[1] == r.url.port",
    "r.extensions['network_stream'].get_extra_info('ssl_object')",
    "r.extensions['network_stream'].get_extra_info('is_readable')",
    "r.extensions['network_stream'].get_extra_info('nothing')", "type(r.stream).__name__", "type(r).__mro__",
    "[name for name in dir(r) if name[0] != '_']", "attempt(lambda: r.text)", "attempt(lambda: r.content)",
    "attempt(lambda: r.elapsed)", "attempt(r.raise_for_status)", "attempt(lambda: pickle.dumps(r) and None)",
    "attempt(r.read), r.is_closed, r.is_stream_consumed, r.num_bytes_downloaded",
    "attempt(r.read), attempt(lambda: r.text), r.encoding", "attempt(r.read), attempt(r.json)",
    "attempt(r.read), attempt(lambda: r.elapsed >= r.elapsed)", "attempt(r.read), attempt(r.read)",
    "attempt(r.read), attempt(lambda: pickle.loads(pickle.dumps(r)).content)",
    "all_of(r.iter_bytes())", "all_of(r.iter_bytes(5))", "all_of(r.iter_raw())", "all_of(r.iter_raw(5))",
    "all_of(r.iter_text())", "all_of(r.iter_lines())", "all_of((len(c), r.num_bytes_downloaded) for c in r.iter_raw())",
    "all_of((len(c), r.num_bytes_downloaded) for c in r.iter_bytes())",
    "all_of(r.iter_raw()), attempt(lambda: next(r.iter_raw()))", "all_of(r.iter_bytes()), attempt(r.read)",
    "attempt(lambda: next(r.iter_raw())), r.is_closed, r.is_stream_consumed", "r.close(), r.is_closed, attempt(r.read)",
    "r.close(), attempt(lambda: next(r.iter_bytes()))", "attempt(lambda: next(r.aiter_raw()))",
    "attempt(r.read), r.extensions['network_stream'].get_extra_info('is_readable')",
)  # fmt: skip
OF_REQUESTS = looks(
    "r.status_code", "r.reason", "r.ok", "r.url", "r.encoding", "r.apparent_encoding and None", "r.headers",
    "list(r.headers.items())", "r.headers.get('x-b')", "r.headers.get('absent')", "'X-Raw' in r.headers",
    "r.headers.get('X-Raw')", "r.headers.get('X-Empty')", "len(r.headers)", "r.cookies", "r.cookies.get_dict()",
    "[(c.name, c.path, c.domain, c.has_nonstandard_attr('HttpOnly')) for c in r.cookies]", "r.history",
    "[each.status_code for each in r.history]", "[each.url for each in r.history]", "r.next", "r.is_redirect",
    "r.is_permanent_redirect", "r.links", "repr(r)", "bool(r)", "r.request.method", "r.request.url",
    "r.request.headers", "r.request.body", "r.connection is not None", "type(r).__mro__",
    "[name for name in dir(r) if name[0] != '_']",
    "r.elapsed >= r.elapsed", "r._content_consumed", "r.raw.status", "r.raw.reason", "r.raw.version", "r.raw.headers",
    "list(r.raw.headers.items())", "r.raw.headers.getlist('X-B')", "r.raw.chunked", "r.raw.length_remaining",
    "r.raw.tell()", "r.raw.closed", "r.raw.isclosed()", "r.raw.decode_content", "r.raw.retries",
    "r.raw.enforce_content_length", "r.raw.readable()", "r.raw.supports_chunked_reads()", "r.raw.getheader('ETag')",
    "attempt(lambda: r.raw.fileno() >= 0)", "type(r.raw).__name__", "type(r.raw._fp).__name__",
    "type(r.raw._original_response).__name__", "r.raw._original_response.will_close", "r.raw._original_response.length",
    "r.raw._original_response.isclosed()", "r.raw._original_response.version", "r.raw._original_response.msg.items()",
    "r.raw.connection is None", "r.raw.connection and type(r.raw.connection).__name__",
    "r.raw.connection and type(r.raw.connection.sock).__name__",
    "r.raw.connection and r.raw.connection.sock.getpeername()[1]",
    "r.raw.connection and r.raw.connection.sock.gettimeout()", "r.raw.connection and r.raw.connection.is_verified",
    "r.raw.connection and r.raw.connection.host", "r.raw.connection and r.raw.connection.is_connected",
    "attempt(lambda: r.text)", "attempt(lambda: r.content)", "attempt(r.json)", "attempt(r.raise_for_status)",
    "attempt(lambda: r.content), r.raw.closed, r.raw.tell(), r.raw.connection",
    "attempt(lambda: r.content), attempt(lambda: pickle.loads(pickle.dumps(r)).content)",
    "all_of(r.iter_content(None))", "all_of(r.iter_content(5))", "all_of(r.iter_content(1))", "all_of(r.iter_lines())",
    "all_of(r.iter_content(None, decode_unicode=True))", "all_of(iter(r))", "all_of(r.raw.stream(5))",
    "all_of(r.raw.stream(None, decode_content=False))", "attempt(r.raw.read)", "attempt(lambda: r.raw.read(3))",
    "attempt(lambda: r.raw.read(3, decode_content=False)), r.raw.tell()", "attempt(lambda: r.raw.read1(4))",
    "attempt(r.raw.drain_conn), r.raw.closed", "r.close(), attempt(lambda: r.content)", "r.close(), r.raw.closed",
    "attempt(lambda: r.content), attempt(lambda: next(r.iter_content(2)))",
    "attempt(lambda: (list(r.iter_content(None)), list(r.iter_content(None))))", "attempt(r.raw.release_conn)",
    "attempt(lambda: r.raw.readinto(bytearray(4)))",
)  # fmt: skip


@contextlib.contextmanager
def ask_httpx(module: Any, url: str) -> Iterator[Any]:
    with (
        module.Client(verify=False, trust_env=False, follow_redirects=True, timeout=5) as client,
        client.stream("GET", url) as response,
    ):
        yield response


@contextlib.contextmanager
def ask_requests(_: Any, url: str) -> Iterator[Any]:
    with requests.Session() as session, session.get(url, stream=True, timeout=5) as response:
        yield response


CLIENTS: dict[str, tuple[Any, Callable[[Any, str], Any], dict[str, Callable[[Any], object]]]] = {
    "httpx": (httpx, ask_httpx, OF_HTTPX),
    "httpx2": (httpx2, ask_httpx, OF_HTTPX),
    "requests": (requests, ask_requests, OF_REQUESTS),
}

_OF_HTTPX = {
    "type(r.extensions['network_stream']).__name__": "a stream without a socket",
    "r.extensions['network_stream'].get_extra_info('socket') is None": "there is no socket to give",
}
DIFFERS: dict[str, dict[str, str]] = {
    "httpx": _OF_HTTPX,
    "httpx2": _OF_HTTPX,
    "requests": {"r.raw.connection and type(r.raw.connection.sock).__name__": "a socket to nowhere"},
}
"""What a program can still tell apart, and why."""


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with raw_server(ANSWERS) as running:
        yield running


def see(client: str, look: Callable[[Any], object], url: str) -> str:
    module, ask, _ = CLIENTS[client]
    try:
        with ask(module, url) as response:
            seen = look(response)
    except Exception as failure:
        seen = type(failure), str(failure)
    return repr(seen)


def differing(client: str, url: str, server: RawServer, file: Path) -> dict[str, tuple[str, str]]:
    """Ask for a URL with each look, live and replayed; give what differs."""
    path = urlsplit(url).path
    looked = {name: look for name, look in CLIENTS[client][2].items() if path not in UNSETTLED.get(name, ())}
    live = {name: see(client, look, url) for name, look in looked.items()}
    with use_cassette(file, record_mode="all", redaction=READABLE):
        see(client, lambda r: all_of(r.iter_bytes() if hasattr(r, "iter_bytes") else r.iter_content(None)), url)
    asked = server.seen
    found = {}
    with use_cassette(file, allow_playback_repeats=True, redaction=READABLE):
        for name, look in looked.items():
            replayed = see(client, look, url)
            if replayed != live[name]:
                found[name] = live[name], replayed
    assert server.seen == asked
    return found


@pytest.mark.parametrize("path", ANSWERS)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_replayed_response_is_like_a_live_one(client: str, path: str, server: RawServer, tmp_path: Path) -> None:
    found = differing(client, f"{server.url}{path}?q=1", server, tmp_path / "c.yaml")
    assert {name: both for name, both in found.items() if name not in DIFFERS[client]} == {}


def test_what_differs_is_listed_and_little(server: RawServer, tmp_path: Path) -> None:
    for client, listed in DIFFERS.items():
        found = set()
        for path in ("/stream", "/gzip"):
            found |= set(differing(client, server.url + path, server, tmp_path / f"{client}{path[1:]}.yaml"))
        assert found == set(listed)
        assert len(CLIENTS[client][2]) >= 70


@pytest.mark.parametrize("client", ["httpx", "httpx2"])
def test_the_client_s_own_log_tells_the_same(
    client: str, server: RawServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def lines() -> list[str]:
        caplog.clear()
        see(client, lambda r: r.read(), f"{server.url}/stream")
        return [record.getMessage().partition(" ")[0] for record in caplog.records]

    caplog.set_level(logging.DEBUG, CLIENTS[client][0].__name__.replace("httpx", "httpcore"))
    live = lines()
    with use_cassette(tmp_path / "c.yaml", record_mode="all"):
        assert lines() == live
    with use_cassette(tmp_path / "c.yaml"):
        assert lines() == live
    assert live
