"""What is no part of a recording: the test's own servers, and the hosts that the suite names."""

from __future__ import annotations

import asyncio
import json
import urllib.request
import warnings
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler
from itertools import count
from typing import TYPE_CHECKING

import aiohttp
import httpx
import pytest
import requests
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.threaded import threaded

from fakegpt_testkit import Settings, load_cassette, use_cassette
from fakegpt_testkit.errors import BadSetting, FakeGptTestkitWarning, RequestNotRecorded
from fakegpt_testkit.fakegpt.stand_in import serve_in_thread
from fakegpt_testkit.recorder.passing import split_host

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractContextManager
    from pathlib import Path


OLDER = "(?s).*127.0.0.1:.*opened before the cassette.*passthrough=\\['own'\\]"


class _Handler(BaseHTTPRequestHandler):
    numbers: count[int]

    def do_GET(self) -> None:
        body = b"%d of %s" % (next(self.numbers), self.path.encode())
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def listening() -> AbstractContextManager[str]:
    """A server of this process, in a thread, that counts what it is asked."""
    return threaded(type("_Counting", (_Handler,), {"numbers": count(1)}))


def with_urllib(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())


def with_aiohttp(url: str) -> str:
    async def ask() -> str:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return await answer.text()

    return asyncio.run(ask())


async def _with_async_httpx(url: str) -> str:
    async with httpx.AsyncClient() as client:
        return (await client.get(url)).text


CLIENTS: dict[str, Callable[[str], str]] = {
    "urllib": with_urllib,
    "requests": lambda url: requests.get(url, timeout=5).text,
    "aiohttp": with_aiohttp,
    "httpx": lambda url: httpx.get(url).text,
    "asynchronous httpx": lambda url: asyncio.run(_with_async_httpx(url)),
}


@asynccontextmanager
async def app_client(service: str) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """A client of an app that asks the service for each page, and speaks over a WebSocket."""

    async def page(request: web.Request) -> web.Response:
        async with aiohttp.ClientSession() as session, session.get(f"{service}/data") as answer:
            return web.Response(text=f"page {request.path}: {await answer.text()}")

    async def talk(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("hello")
        await socket.close()
        return socket

    app = web.Application()
    app.router.add_get("/talk", talk)
    app.router.add_get("/{name}", page)
    async with TestClient(TestServer(app)) as client:
        yield client


async def told(service: str, page: str) -> str:
    async with app_client(service) as client, client.get(page) as answer:
        return await answer.text()


async def test_an_app_under_test_runs_and_only_its_service_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with listening() as service:
        with use_cassette(path, record_mode="once") as session:
            assert await told(service, "/one") == "page /one: 1 of /data"
        assert session.passed == 1
        with use_cassette(path) as session:
            assert await told(service, "/two") == "page /two: 1 of /data"  # another page: the app has run
        assert session.passed == 1
    assert [each.request.uri for each in load_cassette(path).interactions] == [f"{service}/data"]


@pytest.mark.parametrize("mode", ["none", "once", "new_episodes", "all"])
async def test_an_own_websocket_passes_in_every_mode(mode: str, tmp_path: Path) -> None:
    with use_cassette(tmp_path / "a.yaml", Settings().merged({"record_mode": mode})):
        async with app_client("") as client, client.ws_connect("/talk") as talk:
            assert (await talk.receive()).data == "hello"
    assert not (tmp_path / "a.yaml").exists()


@pytest.mark.parametrize("ask", CLIENTS.values(), ids=CLIENTS.keys())
def test_a_server_that_is_opened_meanwhile_passes_for_every_client(ask: Callable[[str], str], tmp_path: Path) -> None:
    with use_cassette(tmp_path / "a.yaml") as session, listening() as url:
        assert [ask(f"{url}/a"), ask(f"{url}/a")] == ["1 of /a", "2 of /a"]
    assert (session.passed, session.refused, session.exchanged) == (2, (), ())


@pytest.mark.parametrize("ask", CLIENTS.values(), ids=CLIENTS.keys())
def test_one_that_was_there_before_is_a_service_like_any_other(ask: Callable[[str], str], tmp_path: Path) -> None:
    with listening() as url:
        with use_cassette(tmp_path / "a.yaml", record_mode="once") as session:
            assert ask(url) == "1 of /"
        assert (len(session.recorded), session.passed) == (1, 0)
        with use_cassette(tmp_path / "a.yaml"):
            assert ask(url) == "1 of /"


def test_an_earlier_one_passes_where_the_own_do(tmp_path: Path) -> None:
    with listening() as url:
        for _ in range(2):
            with use_cassette(tmp_path / "a.yaml", record_mode="once", passthrough=["own"]) as session:
                with_urllib(url)
            assert (session.recorded, session.passed) == ((), 1)
        assert with_urllib(url) == "3 of /"


def test_a_closed_server_passes_no_more() -> None:
    with use_cassette([]):
        with listening() as url:
            with_urllib(url)
        with pytest.raises(RequestNotRecorded):
            requests.get(url, timeout=5)


def test_the_stand_in_is_a_service_also_where_it_is_opened_meanwhile(tmp_path: Path) -> None:
    with use_cassette(tmp_path / "a.yaml", record_mode="once") as session, serve_in_thread() as service:
        assert json.loads(with_urllib(f"{service.url}/api/loads?t=1"))
    assert (len(session.recorded), session.passed) == (1, 0)


def test_hosts_that_are_named_pass_and_others_do_not(tmp_path: Path) -> None:
    with listening() as url, listening() as other:
        port = url.rpartition(":")[2]
        with use_cassette([], passthrough=[f"127.0.0.*:{port}"]) as session:
            assert with_urllib(url) == "1 of /"
            with pytest.raises(RequestNotRecorded):
                requests.get(other, timeout=5)
        assert session.passed == 1
        with use_cassette(tmp_path / "a.yaml", passthrough="127.0.0.1, x.example:80"):
            assert with_urllib(other) == "1 of /"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("own", ("own", None)),
        ("*.Internal", ("*.internal", None)),
        ("localhost:6333", ("localhost", 6333)),
        ("[::1]:80", ("::1", 80)),
        ("::1", ("::1", None)),
        ("10.0.0.7:5", ("10.0.0.7", 5)),
    ],
)
def test_a_host_is_read_with_its_port(text: str, place: tuple[str, int | None]) -> None:
    assert split_host(text) == place


@pytest.mark.parametrize("hosts", [["http://a"], ["a:0"], ["a:65536"], [""], ["a/b"], [7], 7, [":80"]])
def test_what_is_no_host_is_refused(hosts: object) -> None:
    with pytest.raises(BadSetting, match="passthrough"):
        Settings().merged({"passthrough": hosts})


def test_recording_a_server_that_was_there_before_warns_and_names_the_way(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with listening() as app:
        with pytest.warns(FakeGptTestkitWarning, match=OLDER), use_cassette(path, record_mode="once"):
            assert with_urllib(app) == "1 of /"
        with warnings.catch_warnings(action="error"):
            with use_cassette(path) as session:  # which asks it no more
                assert with_urllib(app) == "1 of /"
            assert len(session.played) == 1
            with use_cassette(path, record_mode="all", passthrough=["own"]):
                assert with_urllib(app) == "2 of /"
            with serve_in_thread() as stand_in, use_cassette(tmp_path / "b.yaml", record_mode="all") as session:
                with_urllib(f"{stand_in.url}/")
            assert len(session.recorded) == 1
