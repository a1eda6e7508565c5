"""Connections of ``http.client`` and what stands on it: kept ones, pools, threads, TLS, proxies, unix sockets."""

from __future__ import annotations

import asyncio
import gc
import http.client
import sys
import threading
import urllib.request
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from functools import partial
from typing import TYPE_CHECKING

import aiohttp
import pytest
import requests
import requests.adapters
import urllib3
from support.behaviours import EVENTS, STREAM
from support.httpclient import UnixConnection, connection, pool, same, session, streaming_and_echoing
from support.patience import PATIENCE
from support.raw import RawServer, in_thread, raw_server
from support.servers import proxy
from support.tls import authority, client_tls, server_tls

from fakegpt_testkit.exchange import Chunk, Head, Interaction, Request, Tape
from fakegpt_testkit.recorder import RecordMode, load_cassette, use_cassette

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with streaming_and_echoing() as running:
        yield running


Client = Callable[[RawServer], AbstractContextManager[Callable[[], object]]]


@pytest.mark.parametrize("client", [session, pool, connection])
def test_a_connection_of_before_records_does_not_leak_and_goes_on_afterwards(client: Client, tmp_path: Path) -> None:
    with raw_server({"/stream": STREAM}) as server, client(server) as ask:
        live = ask()
        with use_cassette(tmp_path / "c.yaml", record_mode="all"):
            recorded = ask()
        assert server.seen == (1, 2)
        with use_cassette(tmp_path / "c.yaml"):
            replayed = ask()
        assert server.seen == (1, 2)
        afterwards = ask()
        assert server.seen == (1, 3)
    assert live == recorded == replayed == afterwards == b"".join(EVENTS)


@pytest.mark.parametrize("client", [session, pool, connection])
def test_a_connection_of_a_replay_asks_the_live_service_afterwards(client: Client, tmp_path: Path) -> None:
    with raw_server({"/stream": STREAM}) as server, client(server) as ask:
        with use_cassette(tmp_path / "c.yaml", record_mode="all"), client(server) as another:
            another()
        with use_cassette(tmp_path / "c.yaml"):
            ask()
        assert server.seen == (1, 1)
        assert ask() == b"".join(EVENTS)
        assert server.seen == (2, 2)


def test_twelve_threads_at_once_get_each_its_own_answer(server: RawServer, tmp_path: Path) -> None:
    session = requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=12))

    def program() -> object:
        with ThreadPoolExecutor(12) as threads:
            bodies = [b"%d" % number for number in range(36)]
            return list(threads.map(lambda body: session.post(f"{server.url}/echo", data=body).content, bodies))

    assert same(program, server, tmp_path / "c.yaml") == [b"POST %d" % number for number in range(36)]
    session.close()


def test_a_blocking_pool_is_as_full_as_live(tmp_path: Path) -> None:
    def program() -> object:
        pool = urllib3.HTTPConnectionPool("localhost", own.port, maxsize=1, block=True)
        held = pool.request("POST", "/stream", body=b"1", preload_content=False)
        seen: list[object] = []
        try:
            pool.request("POST", "/stream", body=b"2", pool_timeout=0.01, retries=False)
        except urllib3.exceptions.EmptyPoolError as full:
            seen.append(type(full))
        seen.append(held.data)
        seen.append(pool.request("POST", "/stream", body=b"2").data)
        seen.append((pool.num_connections, pool.num_requests))
        pool.close()
        return seen

    with raw_server({"/stream": STREAM}) as own:
        full, *_, counts = same(program, own, tmp_path / "c.yaml")
    assert full is urllib3.exceptions.EmptyPoolError
    assert counts == (1, 2)
    assert own.connections == 2


def read_twice(url: str) -> list[str]:
    """What two reads of a stream say that stands still, each with a timeout."""
    host, _, path = url.removeprefix("http://").partition("/")
    said = []
    with closing(http.client.HTTPConnection(host, timeout=0.2)) as asked:
        asked.request("GET", f"/{path}")
        answer = asked.getresponse()
        for _ in range(2):
            with pytest.raises(OSError, match="timed out") as failed:
                answer.read()
            said.append(repr(failed.value))
    return said


def test_a_read_after_a_timeout_fails_while_it_is_recorded_as_it_does_live(tmp_path: Path) -> None:
    still = (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", 9.0)
    with raw_server({"/still": still}) as server:
        live = read_twice(f"{server.url}/still")
        with use_cassette(tmp_path / "c.yaml", record_mode="once"):
            assert read_twice(f"{server.url}/still") == live
    assert live[1] == "OSError('cannot read from timed out object')"


def test_tls_replays_with_the_server_stopped(tmp_path: Path) -> None:
    tls = server_tls()
    ca = tmp_path / "ca.pem"
    authority().cert_pem.write_to_path(str(ca))
    context = client_tls()

    def program() -> object:
        with requests.Session() as session, urllib3.PoolManager(ca_certs=str(ca)) as pool:
            seen = [session.post(f"{url}/stream", verify=str(ca)).content, pool.request("GET", f"{url}/stream").data]
        with urllib.request.urlopen(f"{url}/stream", context=context) as answer:
            seen.append(answer.read())
        connection = http.client.HTTPSConnection("localhost", port, context=context)
        with closing(connection):
            connection.request("GET", "/stream")
            seen.append(connection.getresponse().read())
        return seen

    with raw_server({"/stream": STREAM}, tls=tls) as server:
        url, port = server.url, server.port
        with use_cassette(tmp_path / "c.yaml", record_mode="all"):
            recorded = program()
    assert recorded == [b"".join(EVENTS)] * 4
    with use_cassette(tmp_path / "c.yaml") as session:
        assert program() == recorded
    assert not session.unplayed


def test_an_unverified_connection_warns_replayed_as_it_does_live(tmp_path: Path) -> None:
    tls = server_tls()

    def program() -> object:
        with pytest.warns(urllib3.exceptions.InsecureRequestWarning), requests.Session() as session:
            return session.post(f"{own.url}/stream", verify=False).content

    with raw_server({"/stream": STREAM}, tls=tls) as own:
        same(program, own, tmp_path / "c.yaml")


def test_a_forward_proxy_and_a_tunnel_are_recorded_and_not_asked_again(server: RawServer, tmp_path: Path) -> None:
    tls = server_tls()
    ca = tmp_path / "ca.pem"
    authority().cert_pem.write_to_path(str(ca))
    with in_thread(proxy()) as between, raw_server({"/stream": STREAM}, tls=tls) as secure:

        def program() -> object:
            with requests.Session() as session:
                session.proxies = {"http": between.url.replace("://", "://me:word@"), "https": between.url}
                plain = session.get(f"{server.url}/stream").content
                return plain, session.post(f"{secure.url}/stream", data=b"x", verify=str(ca)).content

        with use_cassette(tmp_path / "c.yaml", record_mode="all"):
            recorded = program()
        asked = between.connections, server.seen, secure.seen
        with use_cassette(tmp_path / "c.yaml"):
            replayed = program()
        assert (between.connections, server.seen, secure.seen) == asked
    assert asked[0] == 2
    assert replayed == recorded == (b"".join(EVENTS), b"".join(EVENTS))
    uris = [each.request.uri for each in load_cassette(tmp_path / "c.yaml").interactions]
    assert uris == [f"{server.url}/stream", f"{secure.url}/stream"]
    assert "bWU6d29yZA" not in (tmp_path / "c.yaml").read_text()


def test_a_unix_socket_is_recorded_and_replayed(tmp_path: Path) -> None:
    UnixConnection.path = str(tmp_path / "s")

    def program() -> object:
        with closing(UnixConnection("localhost")) as connection:
            connection.request("GET", "/stream")
            return connection.getresponse().read()

    with raw_server({"/stream": STREAM}, path=UnixConnection.path) as server:
        assert same(program, server, tmp_path / "c.yaml") == b"".join(EVENTS)


@pytest.mark.parametrize("mode", ["all", "new_episodes", "none"])
def test_a_connection_goes_with_its_last_user(mode: RecordMode, server: RawServer, tmp_path: Path) -> None:
    def program() -> weakref.ref[http.client.HTTPConnection]:
        asking = http.client.HTTPConnection("localhost", server.port)
        asking.request("POST", "/stream", b"hello")
        asking.getresponse().read()
        asking.close()
        return weakref.ref(asking)

    with use_cassette(tmp_path / "c.yaml", record_mode="all"):
        program()
    with use_cassette(tmp_path / "c.yaml", record_mode=mode):
        gone = program()
        gc.collect()
        assert gone() is None


@pytest.mark.parametrize("client", ["urllib3", "aiohttp"])
def test_threads_that_take_turns_all_the_time_get_each_its_own_answer(
    client: str, request: pytest.FixtureRequest
) -> None:
    answers = [Tape(Head(200, "OK", (("Content-Length", "3"),)), (Chunk(0.0, b"%03d" % each),)) for each in range(96)]
    held = tuple(Interaction(Request("GET", "http://a.example/a"), tape) for tape in answers)
    seen: list[bytes] = []

    async def by_aiohttp() -> None:
        async with aiohttp.ClientSession() as session:
            seen.extend([await (await session.get("http://a.example/a")).read() for _ in range(12)])

    begun, asked = threading.Semaphore(0), list[Future[None]]()
    together = threading.Barrier(8, partial(sys.setswitchinterval, 1e-6), PATIENCE)

    def ask() -> None:
        begun.release()
        together.wait()
        if client == "aiohttp":
            asyncio.run(by_aiohttp())
            return
        with urllib3.PoolManager() as pool:
            seen.extend(pool.request("GET", "http://a.example/a").data for _ in range(12))

    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    with use_cassette(held) as session, ThreadPoolExecutor(8) as workers:
        for _ in range(8):  # one by one: CPython 3.11 kills one of two threads that begin at once to be traced
            asked.append(workers.submit(ask))
            assert begun.acquire(timeout=PATIENCE)
        for each in asked:
            each.result()
    assert sorted(seen) == [b"%03d" % each for each in range(96)]
    assert not session.unplayed
