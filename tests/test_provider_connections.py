"""FakeGpt's connections: how long it waits, by which way it asks, and what it leaves behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
from support.asking import ASK, client_of, idle, until_idle
from support.patience import PATIENCE

from fakegpt_testkit.fakegpt.stand_in import Options, serve, serve_in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.mark.parametrize("way", ["create_async", "create_completion"])
async def test_the_timeout_is_for_each_request(way: str) -> None:
    with serve_in_thread(Options(ending="stall", events=3)) as service:
        client = client_of(service.url)
        with pytest.raises(asyncio.TimeoutError):
            if way == "create_async":
                await client.create_async("", ASK, timeout=0.2)
            else:
                list(client.create_completion("", ASK, timeout=0.2))
        assert await client.create_async_generator("", ASK, timeout=None).__anext__()


async def test_what_the_connection_does_is_aiohttps_own_error() -> None:
    async with serve() as service:
        gone = service.url
    with pytest.raises(aiohttp.ClientConnectorError):
        await client_of(gone).create_async("", ASK)
    pieces = []
    async with serve(Options(ending="reset", events=4)) as service:
        with pytest.raises(aiohttp.ClientPayloadError):
            async for piece in client_of(service.url).create_async_generator("", ASK):
                pieces.append(piece)  # noqa: PERF401
    assert pieces


@asynccontextmanager
async def forward_proxy() -> AsyncIterator[tuple[str, list[str]]]:
    """An HTTP proxy that forwards one request per connection, and the request lines it got."""
    lines: list[str] = []

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, _, fields = head.partition("\r\n")
        lines.append(line)
        method, uri, version = line.split()
        host, _, path = uri.removeprefix("http://").partition("/")
        length = next((int(f.partition(":")[2]) for f in fields.splitlines() if f.lower().startswith("content-l")), 0)
        body = await reader.readexactly(length)
        back, forth = await asyncio.open_connection("127.0.0.1", int(host.partition(":")[2]))
        forth.write(f"{method} /{path} {version}\r\nConnection: close\r\n{fields}".encode() + body)
        while piece := await back.read(65536):
            writer.write(piece)
        forth.close()
        writer.close()

    async with await asyncio.start_server(forward, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", lines


@pytest.mark.parametrize("way", ["create_async_generator", "create_async"])
async def test_the_proxy_gets_all_four_requests(way: str) -> None:
    async with serve(Options(text="Hello")) as service, forward_proxy() as (proxy, lines):
        client = client_of(service.url)
        if way == "create_async":
            assert await client.create_async("", ASK, proxy) == "Hello"
        else:
            assert "".join([piece async for piece in client.create_async_generator("", ASK, proxy=proxy)]) == "Hello"
        assert len(service.requests) == 4
        assert [line.partition("?")[0] for line in lines] == [
            f"GET {service.url}/api/loads",
            f"POST {service.url}/auth/login HTTP/1.1",
            f"GET {service.url}/api/auth/session HTTP/1.1",
            f"POST {service.url}/api/conversation HTTP/1.1",
        ]


async def test_one_call_keeps_to_one_connection() -> None:
    peers = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(asyncio.current_task())
        back, forth = await asyncio.open_connection("127.0.0.1", int(service.url.rpartition(":")[2]))

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while piece := await source.read(65536):
                sink.write(piece)
            sink.close()
            await sink.wait_closed()

        await asyncio.gather(pump(reader, forth), pump(back, writer))

    async with serve(Options(text="Hello")) as service, await asyncio.start_server(note, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await client_of(f"http://localhost:{port}").create_async("", ASK) == "Hello"
    await asyncio.gather(*filter(None, peers))
    assert len(service.requests) == 4
    assert len(peers) == 1


async def test_nothing_is_left_running() -> None:
    async with serve(Options(ending="stall", events=3)) as service:
        answer = client_of(service.url).create_async_generator("", ASK)
        await anext(answer)
        task = asyncio.create_task(client_of(service.url).create_async("", ASK))
        async with asyncio.timeout(2):
            while service.streams < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await answer.aclose()
        await until_idle(service)
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_a_program_that_ends_with_an_answer_open_ends_without_a_sound() -> None:
    code = (
        "import asyncio, sys\n"
        "from fakegpt_testkit.fakegpt.provider import FakeGpt\n"
        "kept = []\n"
        "async def main():\n"
        "    asyncio.get_running_loop().slow_callback_duration = 60\n"  # a busy machine is no fault
        "    client = type('Mine', (FakeGpt,), {'url': sys.argv[1]})\n"
        "    answer = client.create_async_generator('', [{'role': 'user', 'content': 'Hi'}])\n"
        "    kept.append(answer)\n"
        "    print(await anext(answer))\n"
        "asyncio.run(main())\n"
    )
    with serve_in_thread(Options(text="Hello", ending="endless", events=3)) as service:
        command = [sys.executable, "-X", "dev", "-W", "error", "-c", code, service.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert idle(service)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()
