"""httpcore and httpcore2, by the httpx and httpx2 that stand on them: pools, TLS, proxies, HTTP/2, tasks, threads."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import httpx2
import pytest
import requests
import trio
import vcr
from support.behaviours import EVENTS, HEAD, STREAM, echo, in_chunk
from support.httpclient import same
from support.raw import RawServer, in_thread, raw_server
from support.servers import HOLD, proxy
from support.tls import client_tls, server_tls

from fakegpt_testkit import faults
from fakegpt_testkit.errors import RequestNotRecorded
from fakegpt_testkit.exchange import EndingKind
from fakegpt_testkit.recorder import load_cassette, use_cassette

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType


pytestmark = pytest.mark.untraced

WHOLE = b"".join(EVENTS)
BOTH = pytest.mark.parametrize("lib", [httpx, httpx2], ids=lambda module: module.__name__)


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with raw_server({"/stream": STREAM, "/echo": echo, "/held": (HEAD, in_chunk(EVENTS[0]), HOLD)}) as running:
        yield running


@BOTH
def test_a_client_of_before_records_does_not_leak_and_goes_on_on_its_old_connection(
    lib: ModuleType, server: RawServer, tmp_path: Path
) -> None:
    with lib.Client() as client:
        assert client.get(f"{server.url}/echo").content == b"GET "
        with use_cassette(tmp_path / "c.yaml", record_mode="all"):
            assert client.post(f"{server.url}/echo", content=b"a").content == b"POST a"
        asked = server.seen
        with use_cassette(tmp_path / "c.yaml"):
            assert client.post(f"{server.url}/echo", content=b"a").content == b"POST a"
            assert server.seen == asked
        assert client.get(f"{server.url}/echo").content == b"GET "
        connections, requests_seen = server.seen
        assert requests_seen > asked[1]
        assert connections == asked[0], "the connection that it had"


@BOTH
def test_a_stream_left_early_is_recorded_as_left(lib: ModuleType, server: RawServer, tmp_path: Path) -> None:
    records = use_cassette(tmp_path / "c.yaml", record_mode="all")
    with records, lib.Client() as client, client.stream("GET", f"{server.url}/held") as response:
        assert next(response.iter_raw()) == EVENTS[0]
    (interaction,) = load_cassette(tmp_path / "c.yaml").interactions
    assert interaction.response.ending.kind is EndingKind.ABANDONED


@BOTH
def test_a_full_pool_makes_the_next_request_wait_as_live(lib: ModuleType, server: RawServer, tmp_path: Path) -> None:
    limits, timeout = lib.Limits(max_connections=1), lib.Timeout(5, pool=0.2)

    def program() -> list[str]:
        seen = []
        with lib.Client(limits=limits, timeout=timeout) as client:
            with client.stream("GET", f"{server.url}/stream") as held:
                seen.append(str(held.status_code))
                try:
                    client.get(f"{server.url}/echo")
                except lib.PoolTimeout as full:
                    seen.append(type(full).__name__)
            seen.append(client.get(f"{server.url}/echo").text)
        return seen

    assert same(program, server, tmp_path / "c.yaml") == ["200", "PoolTimeout", "GET "]


@BOTH
def test_twelve_threads_get_each_its_own_answer(lib: ModuleType, server: RawServer, tmp_path: Path) -> None:
    def program() -> list[bytes]:
        with lib.Client() as client, ThreadPoolExecutor(12) as threads:
            bodies = [b"%d" % number for number in range(12)]
            return list(threads.map(lambda body: client.post(f"{server.url}/echo", content=body).content, bodies))

    assert same(program, server, tmp_path / "c.yaml") == [b"POST %d" % number for number in range(12)]


@BOTH
def test_fifty_streams_at_once(lib: ModuleType, server: RawServer, tmp_path: Path) -> None:
    async def all_of_them() -> list[bytes]:
        async with lib.AsyncClient(limits=lib.Limits(max_connections=50)) as client:
            answers = [client.post(f"{server.url}/echo", content=b"%d" % number) for number in range(50)]
            return [answer.content for answer in await asyncio.gather(*answers)]

    assert same(lambda: asyncio.run(all_of_them()), server, tmp_path / "c.yaml") == [
        b"POST %d" % number for number in range(50)
    ]


@BOTH
@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_cancelled_stream_is_recorded_as_cancelled(
    lib: ModuleType, loop: str, server: RawServer, tmp_path: Path
) -> None:
    async def read(client: Any) -> None:
        async with client.stream("GET", f"{server.url}/held") as response:
            async for _ in response.aiter_raw():
                pass

    async def on_asyncio() -> None:
        async with lib.AsyncClient() as client:
            with suppress(TimeoutError):
                await asyncio.wait_for(read(client), 0.2)

    async def on_trio() -> None:
        async with lib.AsyncClient() as client:
            with trio.move_on_after(0.2):
                await read(client)

    def program() -> None:
        if loop == "trio":
            trio.run(on_trio)
        else:
            asyncio.run(on_asyncio())

    with use_cassette(tmp_path / "c.yaml", record_mode="all"):
        program()
    (interaction,) = load_cassette(tmp_path / "c.yaml").interactions
    assert interaction.response.ending.kind is EndingKind.CANCELLED
    with use_cassette(tmp_path / "c.yaml"):
        program()


@BOTH
def test_tls_replays_with_the_server_stopped(lib: ModuleType, tmp_path: Path) -> None:
    tls = server_tls()
    context = client_tls()

    def program() -> bytes:
        with lib.Client(verify=context) as client:
            content: bytes = client.get(f"{url}/stream").content
            return content

    with raw_server({"/stream": STREAM}, tls=tls) as server, use_cassette(tmp_path / "c.yaml", record_mode="all"):
        url = server.url
        assert program() == WHOLE
    with use_cassette(tmp_path / "c.yaml"):
        assert program() == WHOLE


@BOTH
def test_a_proxy_and_its_tunnel_are_recorded_and_not_asked_again(
    lib: ModuleType, server: RawServer, tmp_path: Path
) -> None:
    tls = server_tls()
    context = client_tls()
    with in_thread(proxy()) as between, raw_server({"/stream": STREAM}, tls=tls) as secure:

        def program() -> list[bytes]:
            with lib.Client(proxy=between.url.replace("://", "://me:word@"), verify=context) as client:
                return [client.get(f"{each.url}/stream").content for each in (server, secure)]

        with use_cassette(tmp_path / "c.yaml", record_mode="all"):
            assert program() == [WHOLE, WHOLE]
        asked = between.connections, server.seen, secure.seen
        with use_cassette(tmp_path / "c.yaml"):
            assert program() == [WHOLE, WHOLE]
        assert (between.connections, server.seen, secure.seen) == asked
    uris = [each.request.uri for each in load_cassette(tmp_path / "c.yaml").interactions]
    assert uris == [f"{server.url}/stream", f"{secure.url}/stream"]
    assert "bWU6d29yZA" not in (tmp_path / "c.yaml").read_text()


@BOTH
def test_a_unix_socket_is_recorded_and_replayed(lib: ModuleType, tmp_path: Path) -> None:
    with raw_server({"/stream": STREAM}, path=str(tmp_path / "s")) as server:

        def program() -> bytes:
            with lib.Client(transport=lib.HTTPTransport(uds=str(tmp_path / "s"))) as client:
                content: bytes = client.get("http://localhost/stream").content
                return content

        assert same(program, server, tmp_path / "c.yaml") == WHOLE


@BOTH
def test_what_was_not_recorded_goes_live_with_its_whole_body(
    lib: ModuleType, server: RawServer, tmp_path: Path
) -> None:
    def parts() -> Iterator[bytes]:
        yield b"a"
        yield b"b"

    with lib.Client() as client:
        with use_cassette(tmp_path / "c.yaml", record_mode="all"):
            client.post(f"{server.url}/echo", content=b"known")
        asked = server.seen
        with use_cassette(tmp_path / "c.yaml", record_mode="new_episodes"):
            assert client.post(f"{server.url}/echo", content=b"known").content == b"POST known"
            assert server.seen == asked
            assert client.post(f"{server.url}/echo", content=parts()).content == b"POST ab"
        with use_cassette(tmp_path / "c.yaml"):
            assert client.post(f"{server.url}/echo", content=parts()).content == b"POST ab"


@BOTH
def test_a_request_that_was_not_recorded_is_refused(lib: ModuleType, server: RawServer, tmp_path: Path) -> None:
    with lib.Client() as client:
        with use_cassette(tmp_path / "c.yaml", record_mode="all"):
            client.post(f"{server.url}/echo", content=b"one")
        asked = server.seen
        with use_cassette(tmp_path / "c.yaml"), pytest.raises(RequestNotRecorded):
            client.post(f"{server.url}/echo", content=b"two")
        assert server.seen == asked


@BOTH
@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (faults.refused(), "ConnectError"),
        (faults.dns(), "ConnectError"),
        (faults.connect_timeout(), "ConnectTimeout"),
        (faults.reset(after_event=1), "ReadError"),
        (faults.close(after_event=1), "RemoteProtocolError"),
        (faults.bad_chunk(after_event=1), "RemoteProtocolError"),
    ],
    ids=str,
)
def test_a_fault_is_the_client_s_own_exception(
    lib: ModuleType, fault: Any, raised: str, server: RawServer, tmp_path: Path
) -> None:
    with use_cassette(tmp_path / "c.yaml", record_mode="all"):
        assert lib.get(f"{server.url}/stream").content == WHOLE
    with use_cassette(tmp_path / "c.yaml", faults=[fault]), pytest.raises(getattr(lib, raised)):
        lib.get(f"{server.url}/stream")


def test_one_cassette_holds_several_clients_and_each_replays_another_s(server: RawServer, tmp_path: Path) -> None:
    async def with_aiohttp(body: bytes) -> bytes:
        async with aiohttp.ClientSession() as session, session.post(f"{server.url}/echo", data=body) as response:
            return await response.read()

    clients: list[Callable[[bytes], Any]] = [
        lambda body: asyncio.run(with_aiohttp(body)),
        lambda body: httpx.post(f"{server.url}/echo", content=body).content,
        lambda body: httpx2.post(f"{server.url}/echo", content=body).content,
        lambda body: requests.post(f"{server.url}/echo", data=body).content,
    ]
    with use_cassette(tmp_path / "c.yaml", record_mode="all"):
        for number, client in enumerate(clients):
            assert client(b"%d" % number) == b"POST %d" % number
    asked = server.seen
    with use_cassette(tmp_path / "c.yaml", allow_playback_repeats=True) as session:
        for client in clients:
            assert [client(b"%d" % number) for number in range(4)] == [b"POST %d" % number for number in range(4)]
    assert server.seen == asked
    assert not session.unplayed
    plain = vcr.VCR(record_mode="none", match_on=("method", "uri", "body"))
    with plain.use_cassette(str(tmp_path / "c.yaml"), allow_playback_repeats=True):
        assert [requests.post(f"{server.url}/echo", data=b"%d" % number).content for number in range(4)] == [
            b"POST %d" % number for number in range(4)
        ]


@BOTH
def test_a_request_that_gets_a_busy_connection_leaves_its_stream_alone(
    lib: ModuleType, server: RawServer, tmp_path: Path
) -> None:
    """A pool may give one idle connection to two threads: the second is refused by the connection and asks again."""
    with (
        use_cassette(tmp_path / "c.yaml", record_mode="all"),
        lib.Client() as client,
        client.stream("POST", f"{server.url}/stream") as first,
    ):
        [busy] = client._transport._pool.connections
        heard_by, turns = busy._connection._network_stream, iter([True])
        busy.is_available = lambda: next(turns, False)
        assert client.post(f"{server.url}/echo", content=b"a").content == b"POST a"
        assert next(turns, None) is None, "the pool gave the busy connection"
        assert busy._connection._network_stream is heard_by
        body = b"".join(first.iter_raw())
    assert {each.request.uri[-5:]: each.response.body for each in load_cassette(tmp_path / "c.yaml").interactions} == {
        "tream": body, "/echo": b"POST a",
    }  # fmt: skip
