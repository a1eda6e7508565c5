"""Requests that find no connection: recorded as that, and replayed as each client's own exception."""

from __future__ import annotations

import asyncio
import errno
import socket
import urllib.request
from contextlib import ExitStack, closing, suppress
from typing import TYPE_CHECKING, Any, Literal

import aiohttp
import httpx
import httpx2
import pytest
import requests
import requests.adapters
import trio
import urllib3
import vcr
from support.behaviours import answer_of
from support.clients import WAYS, chain, with_aiohttp
from support.httpclient import UnixConnection
from support.listening import answering_each
from support.raw import raw_server
from support.servers import HOLD, serve
from support.tls import server_tls

from fakegpt_testkit import guard
from fakegpt_testkit.clients.unconnected import connect_error, why_unconnected
from fakegpt_testkit.exchange import Ending, EndingKind
from fakegpt_testkit.recorder import load_cassette, use_cassette
from fakegpt_testkit.wire.capture import origins, reset_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HEARD = answer_of(b"200 OK", b"hello")


@pytest.fixture
def nobody() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def notes_of(failure: BaseException | None) -> list[str]:
    """The notes of a failure and of what it came from."""
    notes: list[str] = []
    while failure is not None:
        notes += getattr(failure, "__notes__", [])
        failure = failure.__cause__ or failure.__context__
    return notes


def the_same(read: Callable[[], object], file: Path, note: str) -> None:
    """What a program sees of a connection that fails, live, recorded and replayed, and what is kept of it."""
    live = read()
    with use_cassette(file, record_mode="all"):
        recorded = read()
    with use_cassette(file) as session:
        replayed = read()
    assert not session.unplayed
    assert not session.refused
    assert recorded == live
    assert replayed == live
    ending = load_cassette(file).interactions[0].response.ending
    assert (ending.kind, ending.note) == (EndingKind.UNCONNECTED, note)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_refused_connection_is_refused_again(way: str, scheme: str, nobody: int, tmp_path: Path) -> None:
    def read() -> object:
        seen = WAYS[way](f"{scheme}://127.0.0.1:{nobody}/x", 5.0)
        assert seen.failure
        return seen.view

    the_same(read, tmp_path / "c.yaml", "refused")


def test_each_client_replays_what_another_could_not_reach(nobody: int, tmp_path: Path) -> None:
    url, file = f"http://127.0.0.1:{nobody}/x", tmp_path / "c.yaml"
    with use_cassette(file, record_mode="all"):
        with_aiohttp(url, 5.0)
    for way, read in WAYS.items():
        with use_cassette(file):
            replayed = read(url, 5.0)
        assert replayed.view == read(url, 5.0).view, way


async def with_async(url: str) -> None:
    async with httpx2.AsyncClient() as client:
        await client.get(url)


async def with_aio(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        await session.get(url)


STRICT: dict[str, Callable[[str], object]] = {
    "httpx": httpx.get,
    "httpx2 async": lambda url: asyncio.run(with_async(url)),
    "httpx2 trio": lambda url: trio.run(with_async, url),
    "requests": requests.get,
    "urllib.request": urllib.request.urlopen,
    "aiohttp": lambda url: asyncio.run(with_aio(url)),
}
"""Clients that look at a certificate."""


def speak_plainly(taken: socket.socket) -> None:
    """As one who knows no TLS."""
    taken.recv(4096)
    taken.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, str]]:
    """Where a connection fails for each of these reasons."""
    with raw_server({}, tls=server_tls()) as unknown, answering_each(speak_plainly) as plain:
        yield {"certificate": unknown.url, "handshake": f"https://localhost:{plain}", "dns": "https://nobody.invalid"}


@pytest.mark.parametrize("client", STRICT)
@pytest.mark.parametrize("note", ["certificate", "handshake", "dns"])
def test_what_else_keeps_a_connection_from_coming_about(
    client: str, note: str, ports: dict[str, str], tmp_path: Path
) -> None:
    def read() -> object:
        try:
            return STRICT[client](ports[note])
        except Exception as failure:
            # an old anyio has looked whether the name is an address, and tells
            return [each for each in chain(failure) if each != "builtins.ValueError"]

    the_same(read, tmp_path / "c.yaml", note)


@pytest.mark.parametrize("client", ["aiohttp", "http.client"])
def test_a_socket_file_that_is_not_there(client: str, tmp_path: Path) -> None:
    path = str(tmp_path / "none")

    async def by_aiohttp() -> None:
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session:
            await session.get("http://localhost/")

    def by_http_client() -> None:
        connection = UnixConnection("localhost")
        connection.path = path
        with closing(connection):
            connection.request("GET", "/")

    ask: dict[str, Callable[[], object]] = {
        "aiohttp": lambda: asyncio.run(by_aiohttp()),
        "http.client": by_http_client,
    }

    def read() -> object:
        with pytest.raises(Exception, match=r".*") as caught:
            ask[client]()
        return list(chain(caught.value))

    the_same(read, tmp_path / "c.yaml", "ENOENT")


@pytest.mark.parametrize("client", ["aiohttp", "httpx", "requests"])
def test_a_proxy_that_is_not_there(client: str, nobody: int, tmp_path: Path) -> None:
    proxy = f"http://127.0.0.1:{nobody}"

    async def by_aiohttp(url: str) -> None:
        async with aiohttp.ClientSession() as session:
            await session.get(url, proxy=proxy)

    ask: dict[str, Callable[[str], object]] = {
        "aiohttp": lambda url: asyncio.run(by_aiohttp(url)),
        "httpx": lambda url: httpx.Client(proxy=proxy).get(url),
        "requests": lambda url: requests.get(url, proxies={"http": proxy, "https": proxy}),
    }

    def read() -> object:
        seen = []
        for scheme in ("http", "https"):
            with pytest.raises(Exception, match=r".*") as caught:
                ask[client](f"{scheme}://a.example/x")
            seen.append(list(chain(caught.value)))
        return seen

    the_same(read, tmp_path / "c.yaml", "refused")


def test_a_retry_finds_who_came_meanwhile(nobody: int, tmp_path: Path) -> None:
    def read() -> object:
        """Two attempts at a port on which nobody listens, then one with somebody there; the service goes again."""
        with requests.Session() as session, ExitStack() as later:
            seen: list[object] = []
            for number in range(3):
                if number == 2:
                    later.enter_context(guard.services())  # one that was there before, for the recording
                    later.enter_context(raw_server({"/x": (HEARD,)}, port=nobody))
                try:
                    seen.append(session.post(f"http://127.0.0.1:{nobody}/x", data=b"hello").content)
                except requests.ConnectionError as failure:
                    seen.append(type(failure))
            return seen

    the_same(read, tmp_path / "c.yaml", "refused")
    with use_cassette(tmp_path / "c.yaml"):
        retries = urllib3.Retry(3, backoff_factor=0)
        with requests.Session() as session:
            session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
            assert session.post(f"http://127.0.0.1:{nobody}/x", data=b"hello").content == b"hello"


def test_the_attempts_of_one_request_are_one(nobody: int, tmp_path: Path) -> None:
    def read() -> None:
        with httpx.Client(transport=httpx.HTTPTransport(retries=1)) as client, pytest.raises(httpx.ConnectError):
            client.get(f"http://127.0.0.1:{nobody}/x")

    the_same(read, tmp_path / "c.yaml", "refused")
    assert len(load_cassette(tmp_path / "c.yaml").interactions) == 1


def test_plain_vcrpy_loads_it(nobody: int, tmp_path: Path) -> None:
    with raw_server({"/x": (HEARD,)}) as server:
        with use_cassette(tmp_path / "c.yaml", record_mode="all"):
            with suppress(requests.ConnectionError):
                requests.get(f"http://127.0.0.1:{nobody}/x")
            requests.get(f"{server.url}/x")
        with vcr.use_cassette(str(tmp_path / "c.yaml"), record_mode="none"):
            assert requests.get(f"{server.url}/x").content == b"hello"


@pytest.mark.parametrize("on_exception", [True, "aside"])
def test_where_the_block_fails_it_is_not_kept(
    on_exception: Literal[True, "aside"], nobody: int, tmp_path: Path
) -> None:
    file = tmp_path / "c.yaml"
    with (
        pytest.raises(requests.ConnectionError) as caught,
        use_cassette(file, record_mode="once", record_on_exception=on_exception),
    ):
        requests.get(f"http://127.0.0.1:{nobody}/x")
    assert not [*tmp_path.iterdir()]
    assert f"http://127.0.0.1:{nobody} could not be reached" in str(notes_of(caught.value))


def test_a_new_episode_may_be_that_nobody_is_there(nobody: int, tmp_path: Path) -> None:
    def read() -> object:
        return [each(f"http://127.0.0.1:{nobody}/{number}", 5.0).view for number, each in enumerate(WAYS.values())]

    live = read()
    for mode in ("new_episodes", "new_episodes", "none"):
        with use_cassette(tmp_path / "c.yaml", record_mode=mode):
            assert read() == live


def test_failures_that_name_each_other_are_read_once() -> None:
    one, other = OSError(errno.EPIPE, "one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert list(origins(other)) == [other, one]
    assert (reset_name(other), why_unconnected(other)) == ("EPIPE", Ending(EndingKind.UNCONNECTED, note="EPIPE"))
    other.__cause__ = other
    assert reset_name(other) == "ECONNRESET"


@pytest.mark.parametrize("note", ["ENOSUCHNAME", "errorcode"])
def test_an_error_of_another_system_is_a_refusal_that_names_it(note: str) -> None:
    failure = connect_error(note)
    assert isinstance(failure, ConnectionRefusedError)
    assert note in str(failure)
    assert connect_error("ENETUNREACH").errno == errno.ENETUNREACH


async def test_a_full_pool_of_the_clients_own_is_no_failure_to_connect(tmp_path: Path) -> None:
    held = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    async with serve({"/held": (held, HOLD)}) as server:
        with use_cassette(tmp_path / "c.yaml", record_mode="all"):
            limits: dict[str, Any] = {"connector": aiohttp.TCPConnector(limit=1)}
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(connect=0.1), **limits) as session:
                first = await session.get(f"{server.url}/held")
                with pytest.raises(TimeoutError):
                    await session.get(f"{server.url}/other")
                first.close()
    assert [each.request.path for each in load_cassette(tmp_path / "c.yaml").interactions] == ["/held"]


def test_recorded_again_who_is_there_now_takes_its_place(nobody: int, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{nobody}/x"
    with use_cassette(tmp_path / "c.yaml", record_mode="all"), suppress(requests.ConnectionError):
        requests.post(url, data=b"hello")
    with raw_server({"/x": (HEARD,)}, port=nobody), use_cassette(tmp_path / "c.yaml", record_mode="all"):
        requests.post(url, data=b"hello")
    [only] = load_cassette(tmp_path / "c.yaml").interactions
    assert only.response.body == b"hello"
