"""HTTP/2 by httpx and httpx2: recorded from the client's own frames, replayed with the version that it had."""

from __future__ import annotations

import asyncio
import gzip
import threading
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest
import trio
from support.behaviours import EVENTS
from support.http2 import http2_server
from support.tls import client_tls

from fakegpt_testkit.exchange import EndingKind
from fakegpt_testkit.recorder import load_cassette, use_cassette

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

BOTH = pytest.mark.parametrize("lib", [httpx, httpx2], ids=lambda module: module.__name__)


@BOTH
def test_http_2_is_recorded_frame_by_frame_and_says_so_again(lib: ModuleType, tmp_path: Path) -> None:
    context = client_tls()

    def program() -> tuple[str, list[bytes]]:
        with lib.Client(http2=True, verify=context) as client, client.stream("POST", url, content=b"a") as response:
            return response.http_version, list(response.iter_raw())

    async def awaited() -> tuple[str, list[bytes]]:
        client = lib.AsyncClient(http2=True, verify=context)
        async with client, client.stream("POST", url, content=b"b") as response:
            return response.http_version, [part async for part in response.aiter_raw()]

    with http2_server() as url, use_cassette(tmp_path / "c.yaml", record_mode="all"):
        live = [program(), asyncio.run(awaited())]
    assert live == [("HTTP/2", list(EVENTS))] * 2
    with use_cassette(tmp_path / "c.yaml"):
        assert [program(), asyncio.run(awaited())] == live
    assert [each.request.body for each in load_cassette(tmp_path / "c.yaml").interactions] == [b"a", b"b"]


@BOTH
def test_an_http_2_stream_that_was_reset_is_so_again(lib: ModuleType, tmp_path: Path) -> None:
    context = client_tls()

    def program() -> str:
        with lib.Client(http2=True, verify=context) as client, pytest.raises(lib.RemoteProtocolError) as raised:
            client.post(url)
        return str(raised.value)

    with http2_server(resets_after=1) as url, use_cassette(tmp_path / "c.yaml", record_mode="all"):
        live = program()
    with use_cassette(tmp_path / "c.yaml"):
        assert program() == live


PACKED = gzip.compress(b"".join(EVENTS) * 9, mtime=12345)


@pytest.mark.parametrize(
    ("parts", "decoded", "raw"),
    [
        ((PACKED[:30], PACKED[30:]), EndingKind.COMPLETE, EndingKind.COMPLETE),
        (EVENTS, EndingKind.ABANDONED, EndingKind.COMPLETE),
        ((PACKED[:60], PACKED[60:-8] + bytes(8)), EndingKind.MALFORMED, EndingKind.MALFORMED),
    ],
    ids=["gzip", "no gzip", "another checksum"],
)
@BOTH
def test_a_coding_over_http_2_is_the_client_s_to_take_off(
    lib: ModuleType,
    parts: tuple[bytes, ...],
    decoded: EndingKind,
    raw: EndingKind,
    tmp_path: Path,
) -> None:
    context = client_tls()

    def program(reader: str) -> tuple[bytes, str]:
        seen = b""
        try:
            with lib.Client(http2=True, verify=context) as client, client.stream("POST", url) as response:
                for part in getattr(response, reader)():
                    seen += part
        except lib.DecodingError as failure:
            return seen, type(failure).__name__
        return seen, ""

    for reader, ending in (("iter_bytes", decoded), ("iter_raw", raw)):
        file = tmp_path / f"{reader}.yaml"
        with http2_server(parts=parts, coding="gzip") as url:
            live = program(reader)
            with use_cassette(file, record_mode="all"):
                assert program(reader) == live
        assert load_cassette(file).interactions[0].response.ending.kind is ending
        with use_cassette(file):
            assert program(reader) == live


def leave_after(lib: ModuleType, url: str, last: bytes) -> None:
    client = lib.Client(http2=True, verify=client_tls())
    with client, client.stream("POST", url, content=b"a") as response:
        next(part for part in response.iter_raw() if part == last)
        assert response.http_version == "HTTP/2"


async def leave_after_awaited(lib: ModuleType, url: str, last: bytes) -> None:
    client = lib.AsyncClient(http2=True, verify=client_tls())
    async with client, client.stream("POST", url, content=b"a") as response:
        parts = response.aiter_raw()
        async for part in parts:
            if part == last:
                break
        await parts.aclose()


INNER_GENERATORS = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <async_generator:pytest.PytestUnraisableExceptionWarning"
)
"""On trio httpx leaves its own, of a stream that is left early, to the collector, live as well."""
LEAVERS: dict[str, Callable[..., None]] = {
    "sync": leave_after,
    "asyncio": lambda *told: asyncio.run(leave_after_awaited(*told)),
    "trio": lambda *told: trio.run(leave_after_awaited, *told),
}


@INNER_GENERATORS
@pytest.mark.parametrize("way", LEAVERS)
@BOTH
def test_the_rest_of_a_stream_that_the_client_left(lib: ModuleType, way: str, tmp_path: Path) -> None:
    first, second = b"data: 1\n\n", b"data: 2\n\n"
    paused: Any = {"parts": (first, 0.08, second)}  # longer than we wait at once
    cases: dict[str, tuple[dict[str, Any], EndingKind]] = {
        "whole": (paused, EndingKind.COMPLETE),
        "reset": ({**paused, "resets_after": 3}, EndingKind.RESET),
    }
    for name, (told, ending) in cases.items():
        file = tmp_path / name
        with (
            http2_server(**told) as url,
            use_cassette(file, record_mode="all", after_leaving="read"),
        ):
            LEAVERS[way](lib, url, first)
        [only] = load_cassette(file).interactions
        tape = only.response
        assert (tape.ending.kind, tape.body, tape.head.version) == (ending, first + second, "2")
        assert tape.ending.left is not None
        assert [chunk.data for chunk in tape.chunks if chunk.at <= tape.ending.left] == [first]
        with use_cassette(file):
            LEAVERS[way](lib, url, second)
        with http2_server(**told) as url, use_cassette(file, record_mode="rewrite"):
            LEAVERS[way](lib, url, first)
        [only] = load_cassette(file).interactions
        assert (only.response.ending.kind, only.response.body) == (EndingKind.ABANDONED, first)


@INNER_GENERATORS
@pytest.mark.parametrize("way", LEAVERS)
def test_who_leaves_at_the_end_mark_records_a_whole_stream(way: str, tmp_path: Path) -> None:
    done = b"data: [DONE]\n\n"
    for ends in (True, False):
        with (
            http2_server(parts=(*EVENTS[:1] * 6, done, 0.01), ends=ends) as url,
            use_cassette(tmp_path / str(ends), record_mode="all"),
        ):
            LEAVERS[way](httpx2, url, done)
        [only] = load_cassette(tmp_path / str(ends)).interactions
        kind = EndingKind.COMPLETE if ends else EndingKind.ABANDONED
        assert (only.response.ending.kind, only.response.ending.left) == (kind, None)


def test_reading_on_leaves_the_other_streams_of_the_connection_alone(tmp_path: Path) -> None:
    parts = (b"data: 1\n\n", 0.12, b"data: 2\n\n")
    got: list[bytes] = []
    client = httpx2.Client(http2=True, verify=client_tls())
    with http2_server(parts=parts) as url, client:
        with use_cassette(tmp_path / "c.yaml", record_mode="all", after_leaving="read"):
            with client.stream("POST", url) as first, client.stream("POST", url) as second:
                reading = threading.Thread(target=lambda: got.extend(second.iter_raw()))
                next(first.iter_raw())
                reading.start()
                first.close()
                reading.join(5)
            assert len(client._transport._pool.connections) == 1  # type: ignore[attr-defined]
        assert client.post(url).content == b"data: 1\n\ndata: 2\n\n", "afterwards it is as good as it was"
    assert b"".join(got) == b"data: 1\n\ndata: 2\n\n"
    bodies = [each.response.body for each in load_cassette(tmp_path / "c.yaml").interactions]
    assert bodies == [b"data: 1\n\ndata: 2\n\n"] * 2
