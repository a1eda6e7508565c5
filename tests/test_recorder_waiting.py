"""What is told of a stream in many small pieces: together, but before its client waits, whichever client it is."""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from threading import Thread
from typing import TYPE_CHECKING

import httpx2
import pytest
import requests
import trio
from support.behaviours import HEAD, in_chunk
from support.clients import WAYS, with_async_httpx
from support.http2 import http2_server
from support.raw import raw_server
from support.tls import authority, client_tls, server_tls

from fakegpt_testkit.errors import StorageError
from fakegpt_testkit.recorder import load_cassette, noting, use_cassette
from fakegpt_testkit.storage import leftovers, read_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.servers import Answer

    from fakegpt_testkit.exchange import Interaction

PIECES = [b"data: piece %d\n\n" % number for number in range(60)]
SILENCE = 0.5
PARTS: tuple[bytes | float, ...] = (*PIECES[:40], SILENCE, *PIECES[40:], SILENCE)
"""What waits is told twice."""


def with_trio(url: str, timeout: float) -> object:
    return with_async_httpx(httpx2, "aiter_raw", url, timeout, run=trio.run)


def by_http_2(url: str, timeout: float) -> None:
    with httpx2.Client(http2=True, verify=client_tls(), timeout=timeout) as client:
        assert client.post(url).http_version == "HTTP/2"


def by_http_2_awaited(url: str, timeout: float) -> None:
    async def main() -> None:
        async with httpx2.AsyncClient(http2=True, verify=client_tls(), timeout=timeout) as client:
            assert (await client.post(url)).http_version == "HTTP/2"

    asyncio.run(main())


def httpx2_with_tls(url: str, timeout: float) -> None:
    with httpx2.Client(verify=client_tls(), timeout=timeout) as client:
        client.post(url)


def requests_with_tls(url: str, timeout: float) -> None:
    with authority().cert_pem.tempfile() as trusted, requests.Session() as session:
        session.post(url, verify=trusted, timeout=timeout)


CLIENTS: dict[str, tuple[str, Callable[[str, float], object]]] = {
    **{
        name: ("plain", WAYS[name])
        for name in ("httpx iter_bytes", "httpx2 aiter_raw", "requests content", "aiohttp iter_any")
    },
    "httpx2 on trio": ("plain", with_trio),
    "httpx2 with TLS": ("TLS", httpx2_with_tls),
    "requests with TLS": ("TLS", requests_with_tls),
    "httpx2 by HTTP/2": ("HTTP/2", by_http_2),
    "httpx2 by HTTP/2, awaited": ("HTTP/2", by_http_2_awaited),
}


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, str]]:
    answers: dict[str, Answer] = {
        "/chunks": (HEAD, *(in_chunk(part) if isinstance(part, bytes) else part for part in PARTS), b"0\r\n\r\n"),
        "/fast": (HEAD, *map(in_chunk, PIECES), b"0\r\n\r\n"),
    }
    with (
        raw_server(answers) as plain,
        raw_server(answers, tls=server_tls()) as tls,
        http2_server(parts=PARTS) as http_2,
    ):
        yield {"plain": plain.url, "TLS": f"https://localhost:{tls.port}", "HTTP/2": http_2}


def noted() -> tuple[Interaction, int] | None:
    """What the journal has, and in how many lines its chunks are."""
    with suppress(StorageError, FileNotFoundError):  # it is being begun, or removed
        for each in leftovers():
            lines = each.path.read_bytes().count(b'{"chunks":')
            if kept := read_journal(each.path):
                return kept[0], lines
    return None


@pytest.mark.parametrize("way", CLIENTS)
def test_what_a_client_has_got_is_safe_while_it_waits_for_more(
    way: str, servers: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    found: tuple[Interaction, int] | None = None
    server, read = CLIENTS[way]
    with use_cassette(tmp_path / "a.yaml", record_mode="once"):
        reading = Thread(target=copy_context().run, args=(read, f"{servers[server]}/chunks", 30.0))
        reading.start()
        while reading.is_alive():
            found = found if found is not None and found[0].response.body == b"".join(PIECES) else noted()
            reading.join(0.02)
        assert found is not None
        kept, lines = found
        assert lines < len(PIECES) / 2, "noted together"
        assert kept.response.body == b"".join(PIECES)
        assert [chunk.data for chunk in kept.response.chunks] == PIECES
        assert kept.response.ending.kind.value == "killed", "it had not ended when this was looked at"
    [saved] = load_cassette(tmp_path / "a.yaml").interactions
    assert [chunk.data for chunk in saved.response.chunks] == PIECES
    assert saved.response.ending.kind.value == "complete"


@pytest.mark.untraced  # coverage cannot begin in a thread that so many others interrupt
@pytest.mark.parametrize("way", ["requests content", "httpx iter_bytes", "httpx2 aiter_raw", "aiohttp iter_any"])
def test_however_often_the_thread_wakes_up_each_piece_is_recorded_once(
    way: str, servers: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noting, "_PAUSE", 0.0005)
    monkeypatch.setattr(noting, "_GAP", 1e9)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with use_cassette(tmp_path / "a.yaml", record_mode="once"), ThreadPoolExecutor(5) as pool:
            contexts = [copy_context() for _ in range(10)]
            asked = [pool.submit(each.run, WAYS[way], f"{servers['plain']}/fast", 30.0) for each in contexts]
            for each in asked:
                each.result()
    finally:
        sys.setswitchinterval(before)
    recorded = load_cassette(tmp_path / "a.yaml").interactions
    assert [b"".join(PIECES)] * 10 == [each.response.body for each in recorded]
    assert {each.response.ending.kind.value for each in recorded} == {"complete"}
    assert all([chunk.data for chunk in each.response.chunks] == PIECES for each in recorded)
    assert not leftovers()
