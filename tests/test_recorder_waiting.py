"""What is told of a stream in many small pieces: together, but before its client waits, whichever client it is."""

from __future__ import annotations

from contextlib import suppress
from contextvars import copy_context
from socket import socketpair
from threading import Thread
from typing import TYPE_CHECKING

import httpx2
import pytest
import trio
from support.behaviours import HEAD, in_chunk
from support.clients import WAYS, with_async_httpx
from support.raw import raw_server

from fakegpt_testkit.clients.arriving import Look
from fakegpt_testkit.errors import StorageError
from fakegpt_testkit.recorder import load_cassette, use_cassette
from fakegpt_testkit.storage import leftovers, read_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.raw import RawServer

    from fakegpt_testkit.exchange import Interaction

PIECES = [b"data: piece %d\n\n" % number for number in range(60)]
SILENCE = 0.5


def with_trio(url: str, timeout: float) -> object:
    return with_async_httpx(httpx2, "aiter_raw", url, timeout, run=trio.run)


CLIENTS: dict[str, Callable[[str, float], object]] = {
    **{name: WAYS[name] for name in ("httpx iter_bytes", "httpx2 aiter_raw", "requests content", "aiohttp iter_any")},
    "httpx2 on trio": with_trio,
}


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    pieces = map(in_chunk, PIECES)
    with raw_server({"/chunks": (HEAD, *pieces, SILENCE, b"0\r\n\r\n")}) as running:
        yield running


def noted() -> Interaction | None:
    with suppress(StorageError, FileNotFoundError):  # it is being begun, or removed
        for each in leftovers():
            if kept := read_journal(each.path):
                return kept[0]
    return None


@pytest.mark.parametrize("way", CLIENTS)
def test_what_a_client_has_got_is_safe_while_it_waits_for_more(
    way: str, server: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    kept: Interaction | None = None
    with use_cassette(tmp_path / "a.yaml", record_mode="once"):
        reading = Thread(target=copy_context().run, args=(CLIENTS[way], f"{server.url}/chunks", 30.0))
        reading.start()
        while reading.is_alive():
            kept = kept if kept is not None and kept.response.body == b"".join(PIECES) else noted()
            reading.join(0.02)
        assert kept is not None
        assert kept.response.body == b"".join(PIECES)
        assert [chunk.data for chunk in kept.response.chunks] == PIECES
        assert kept.response.ending.kind.value == "killed", "it had not ended when this was looked at"
    [saved] = load_cassette(tmp_path / "a.yaml").interactions
    assert [chunk.data for chunk in saved.response.chunks] == PIECES
    assert saved.response.ending.kind.value == "complete"


def test_a_client_that_waits_shortly_is_not_kept_waiting_by_a_look() -> None:
    ours, theirs = socketpair()
    with ours, theirs:
        look = Look(ours)
        theirs.send(b"x")
        assert [look.arrives(0.05, limit) for limit in (None, 5.0, 0.5)] == [True, True, False]
        ours.recv(1)
        assert not look.arrives(0.001, None)
    assert not Look(None).arrives(0.05, None)
