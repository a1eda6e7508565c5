"""How the stand-in service is started and stopped, in a loop, in a thread and from a shell, and what it keeps."""

from __future__ import annotations

import asyncio
import io
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from typing import Any

import aiohttp
import pytest
from support.patience import PATIENCE
from support.visiting import Visitor, visiting

from fakegpt_testkit import serving as servers
from fakegpt_testkit.fakegpt.stand_in import Options, serve, serve_in_thread, server_name
from fakegpt_testkit.fakegpt.stand_in.serving import stand_in
from fakegpt_testkit.serving import Limits


async def test_only_the_last_thousand_requests_are_kept() -> None:
    async with visiting() as (visitor, service):
        for number in range(1003):
            await visitor.loads(t=str(number))
        assert len(service.requests) == 1000
        assert service.requests[0].uri.endswith("t=3")


def left_behind() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


@pytest.mark.parametrize("ending", ["stall", "endless"])
async def test_stopping_ends_open_streams_at_once(ending: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with aiohttp.ClientSession() as session:
        async with serve(Options(ending=ending, events=2)) as service:
            visitor = Visitor(session, service.url)
            response = await visitor.ask(await visitor.log_in())
            await response.content.readany()
            assert service.streams == 1
        assert service.streams == 0
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    assert left_behind() == set()
    assert caplog.records == []


@pytest.mark.parametrize("ending", ["stall", "endless"])
async def test_a_client_that_leaves_ends_its_stream(ending: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with visiting(Options(ending=ending, events=2)) as (visitor, service):
        response = await visitor.ask(await visitor.log_in())
        await response.content.readany()
        response.close()
        async with asyncio.timeout(PATIENCE):
            while service.streams:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    assert caplog.records == []


async def test_what_it_remembers_of_requests_has_a_bound_in_bytes() -> None:
    async with visiting() as (visitor, service):
        for _ in range(6):
            await visitor.refused("token", io.BytesIO(b"[" * (3 * 1024 * 1024)))
        kept = service.requests
    assert 1 < len(kept) < 6
    assert sum(len(each.body) for each in kept) <= 16 * 1024 * 1024
    assert len(kept[-1].body) == 3 * 1024 * 1024


async def test_half_a_request_does_not_keep_its_connection_for_ever() -> None:
    server = stand_in(Options(), Limits(head_seconds=0.05))
    async with servers.serve(server) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(b"GET /api/loads HTTP/1.1\r\nHost: a")
        async with asyncio.timeout(PATIENCE):
            answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert server_name(Options()).encode() in answer
    assert server.connections == set()


def test_it_serves_synchronous_code_from_a_thread() -> None:
    before = threading.enumerate()
    with serve_in_thread(Options(seed=3)) as service:
        assert service.url.startswith("http://localhost:")
        with urllib.request.urlopen(f"{service.url}/api/loads?t=1") as response:
            assert response.headers["Server"] == service.name
        assert len(threading.enumerate()) == len(before) + 1
        assert [request.method for request in service.requests] == ["GET"]
    assert threading.enumerate() == before
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{service.url}/api/loads?t=1")


def test_the_thread_ends_when_the_block_fails_and_with_a_stream_open() -> None:
    before = threading.enumerate()
    with pytest.raises(ZeroDivisionError), serve_in_thread(Options(ending="endless")) as service:

        async def begin() -> None:
            async with aiohttp.ClientSession() as session:
                visitor = Visitor(session, service.url)
                async with visitor.ask(await visitor.log_in()) as response:
                    await response.content.readany()
                    raise ZeroDivisionError

        asyncio.run(begin())
    assert threading.enumerate() == before


def test_a_port_that_is_taken_is_told_where_the_service_was_started() -> None:
    before = threading.enumerate()
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="address already in use"),
        serve_in_thread(port=taken.getsockname()[1]),
    ):
        pass
    assert threading.enumerate() == before


async def test_a_host_is_named_as_it_was_given() -> None:
    async with serve(host="127.0.0.2") as service:
        assert service.url.startswith("http://127.0.0.2:")
    async with serve(host="127.0.0.1") as service:
        assert service.url.startswith("http://localhost:")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_serves_until_a_signal(number: signal.Signals) -> None:
    code = (
        "from fakegpt_testkit.fakegpt.stand_in import Options, run\n"
        "run(Options(seed=5), port=0, ready=lambda service: print(service.url, flush=True))\n"
        "print('stopped')\n"
    )
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with urllib.request.urlopen(f"{url}/") as response:
            assert response.headers["Server"].endswith("(seed 5)")
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    told = [each for each in err.splitlines() if not each.startswith("Executing ")]  # a busy machine's slow callback
    assert (process.returncode, out, told) == (0, "stopped\n", [])
