"""An answer that begins before its request is whole: recorded with what had been sent, replayed at that point."""

from __future__ import annotations

import asyncio
import http.client
import socket
import time
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3
from support.listening import answering_each

from fakegpt_testkit.errors import RequestNotRecorded
from fakegpt_testkit.recorder import load_cassette, use_cassette

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

PART = b"x" * 1000
REFUSAL = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
BEGUN = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n"


@asynccontextmanager
async def answering(*parts: bytes, after: bytes = b"\r\n\r\n") -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A server that answers once so much of a request has come, with the rest of the answer once all has."""
    answered = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(after)
        writer.write(parts[0])
        await writer.drain()
        answered.set()
        if parts[1:]:
            await reader.readuntil(b"0\r\n\r\n")
            writer.write(b"".join(parts[1:]))
        while await reader.read(65_536):
            pass
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/up", answered


async def upload(url: str, answered: asyncio.Event, sent: list[int], **options: object) -> tuple[object, ...]:
    """What the client got, whose parts go on until it has its answer; ``sent`` counts them."""

    async def parts() -> AsyncIterator[bytes]:
        for number in range(20):
            sent.append(number)
            yield PART
            if number == 1:
                await asyncio.wait_for(answered.wait(), 5)
            await asyncio.sleep(0.01)

    async with aiohttp.ClientSession() as session, session.post(url, data=parts(), **options) as response:  # type: ignore[arg-type]
        return response.status, await response.read(), response.headers.get("Connection")


@pytest.mark.parametrize("answer", [(REFUSAL,), (BEGUN, b"3\r\nend\r\n0\r\n\r\n")], ids=["refused", "both at once"])
async def test_an_upload_that_is_answered_early_replays(answer: tuple[bytes, ...], tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    always = asyncio.Event()
    always.set()
    async with answering(*answer, after=PART) as (url, answered):
        live = await upload(url, answered, [])
        answered.clear()
        with use_cassette(file, record_mode="all"):
            assert await upload(url, answered, []) == live
    [only] = load_cassette(file).interactions
    assert only.response.head.early
    assert 0 < len(only.request.body) < 20 * len(PART)
    sent: list[int] = []
    with use_cassette(file) as session:
        assert await upload(url, always, sent) == live
    assert not session.unplayed
    with use_cassette(file):  # a client that sends all of it first gets the same
        async with httpx.AsyncClient() as client:
            assert (await client.post(url, content=PART * 20)).status_code == live[0]


async def test_another_upload_is_not_answered(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    async with answering(REFUSAL, after=PART) as (url, answered):
        with use_cassette(file, record_mode="all"):
            await upload(url, answered, [])
    with use_cassette(file, refused="ignore"), pytest.raises(RequestNotRecorded):
        async with aiohttp.ClientSession() as session:
            await session.post(url, data=b"y" * 20_000)


async def test_a_final_status_in_the_place_of_100_comes_without_a_100(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    nobody = asyncio.Event()
    sent: list[int] = []
    async with answering(REFUSAL) as (url, _):
        with use_cassette(file, record_mode="all"):
            recorded = await upload(url, nobody, sent, expect100=True)
    assert sent == []
    with use_cassette(file):
        assert await upload(url, nobody, sent, expect100=True) == recorded
    assert sent == [], "nobody told it to go on"
    assert load_cassette(file).interactions[0].request.body == b""


# Clients that send all of it before they read: an early answer reaches them where they can send no more.


@contextmanager
def refusing() -> Iterator[str]:
    """A server that answers once it has a part of a request, and closes the connection on what still comes."""

    def answer(taken: socket.socket) -> None:
        heard = b""
        while heard.count(b"x") < len(PART):
            heard += taken.recv(700)
        taken.sendall(REFUSAL)
        taken.shutdown(socket.SHUT_WR)  # told of the end first, every client's next part breaks a pipe

    with answering_each(answer) as port:
        yield f"http://127.0.0.1:{port}/up"


def parts(sent: list[int]) -> Iterator[bytes]:
    for number in range(200):
        sent.append(number)
        yield PART
        time.sleep(0.005)


async def awaited_parts(sent: list[int]) -> AsyncIterator[bytes]:
    for number in range(200):
        sent.append(number)
        yield PART
        await asyncio.sleep(0.005)


def by_async_httpx(url: str, sent: list[int]) -> tuple[int, bytes]:
    async def main() -> tuple[int, bytes]:
        async with httpx2.AsyncClient() as client:
            answer = await client.post(url, content=awaited_parts(sent))
            return answer.status_code, answer.content

    return asyncio.run(main())


def by_http_client(url: str, sent: list[int]) -> tuple[int, bytes]:
    there = urlsplit(url)
    with closing(http.client.HTTPConnection(there.hostname or "", there.port)) as connection:
        connection.request("POST", there.path, parts(sent), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
        answer = connection.getresponse()
        return answer.status, answer.read()


def by_urllib3(url: str, sent: list[int]) -> tuple[int, bytes]:
    with urllib3.PoolManager() as pool:
        answer = pool.request("POST", url, body=parts(sent), retries=False)
        return answer.status, answer.data


def by_sync(ask: Callable[..., Any], keyword: str, url: str, sent: list[int]) -> tuple[int, bytes]:
    answer = ask(url, **{keyword: parts(sent)})
    return answer.status_code, answer.content


SENDERS: dict[str, Callable[[str, list[int]], tuple[int, bytes]]] = {
    "httpx": partial(by_sync, httpx.post, "content"),
    "httpx2": partial(by_sync, httpx2.post, "content"),
    "httpx2 async": by_async_httpx,
    "requests": partial(by_sync, requests.post, "data"),
    "urllib3": by_urllib3,
    "http.client": by_http_client,
}


@pytest.mark.parametrize("client", SENDERS)
def test_who_sends_first_stops_where_it_had_to_stop(client: str, tmp_path: Path) -> None:
    def ask(sent: list[int]) -> object:
        try:
            return SENDERS[client](url, sent)
        except Exception as failure:
            return type(failure)

    file = tmp_path / "c.yaml"
    with refusing() as url:
        live = ask([])
        recorded: list[int] = []
        with use_cassette(file, record_mode="all"):
            assert ask(recorded) == live
    replayed: list[int] = []
    with use_cassette(file) as session:
        assert ask(replayed) == live
    assert not session.refused
    assert not session.unplayed
    assert replayed == recorded
    assert len(replayed) < 200
    assert load_cassette(file).interactions[0].response.head.early
