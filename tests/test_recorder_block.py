"""``use_cassette`` around a block and above a function of any kind: it holds for as long as that runs."""

from __future__ import annotations

import asyncio
import gc
import inspect
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from weakref import ref

import aiohttp
import pytest
import requests
from support.raw import raw_server

from fakegpt_testkit import Settings, load_cassette, script, storage, use_cassette
from fakegpt_testkit.clients.active import find_deck
from fakegpt_testkit.errors import BadSetting, InteractionsUnplayed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator
    from pathlib import Path

URL = "https://chat-shared2.zhile.io/api/conversation"
TOLD = script("Hello", steps=("conversation",))


async def ask() -> bytes:
    async with aiohttp.ClientSession() as session, session.post(URL, json={"messages": []}) as response:
        return await response.read()


def in_use() -> bool:
    return find_deck() is not None


@use_cassette(TOLD, Settings(unplayed="fail"))
async def in_a_coroutine() -> bytes:
    return await ask()


@use_cassette(TOLD)
async def in_an_async_generator() -> AsyncGenerator[bytes, None]:
    yield await ask()
    assert in_use()
    yield b"end"


@use_cassette(TOLD)
def in_a_generator() -> Iterator[bool]:
    yield in_use()
    yield in_use()


@use_cassette(TOLD)
def in_a_function(*, wanted: bool) -> bool:
    """A function."""
    return in_use() is wanted


async def test_a_coroutine_function_is_answered_from_the_cassette_each_time() -> None:
    for _ in range(2):
        assert b"Hello" in await in_a_coroutine()
        assert not in_use()


async def test_a_coroutine_that_is_not_awaited_uses_nothing() -> None:
    waiting = in_a_coroutine()
    assert not in_use()
    assert b"Hello" in await waiting


async def test_an_async_generator_is_answered_until_it_ends() -> None:
    items = in_an_async_generator()
    assert not in_use()
    assert b"Hello" in await anext(items)
    assert in_use()
    assert [item async for item in items] == [b"end"]
    assert not in_use()


def test_a_generator_has_the_cassette_until_it_ends() -> None:
    items = in_a_generator()
    assert not in_use()
    assert [*items] == [True, True]
    assert not in_use()


def test_a_function_has_the_cassette_while_it_runs() -> None:
    assert in_a_function(wanted=True)
    assert (in_a_function.__name__, in_a_function.__doc__) == ("in_a_function", "A function.")
    assert inspect.iscoroutinefunction(in_a_coroutine)
    assert inspect.isasyncgenfunction(in_an_async_generator)
    assert inspect.isgeneratorfunction(in_a_generator)


async def test_what_is_thrown_and_sent_into_a_generator_arrives() -> None:
    heard: list[object] = []

    @asynccontextmanager
    @use_cassette(TOLD)
    async def managed() -> AsyncIterator[str]:
        try:
            yield "here"
        except KeyError as thrown:
            heard.append(thrown)

    @contextmanager
    @use_cassette(TOLD)
    def plain() -> Iterator[str]:
        try:
            yield "here"
        except KeyError as thrown:
            heard.append(thrown)

    @use_cassette(TOLD)
    async def echo() -> AsyncGenerator[str, str]:
        heard.append((yield "first"))

    async with managed() as here:
        assert (here, in_use()) == ("here", True)
        lose("async")
    with plain():
        lose("plain")
    echoing = echo()
    await anext(echoing)
    with pytest.raises(StopAsyncIteration):
        await echoing.asend("sent")
    assert [str(each) for each in heard] == ["'async'", "'plain'", "sent"]
    assert not in_use()


def lose(key: str) -> None:
    raise KeyError(key)


async def test_a_generator_that_is_left_early_leaves_its_cassette() -> None:
    items = in_an_async_generator()
    await anext(items)
    await items.aclose()
    assert not in_use()


async def test_the_checks_at_the_end_hold_for_functions_too() -> None:
    @use_cassette(TOLD, unplayed="fail")
    async def asks_nothing() -> None:
        """Nothing."""

    with pytest.raises(InteractionsUnplayed):
        await asks_nothing()


def test_one_block_can_be_entered_again_and_within_itself() -> None:
    block = use_cassette(TOLD)
    with block as first:
        outer = find_deck()
        with block as second:
            assert first is not second
            assert find_deck() not in {None, outer}
        assert find_deck() is outer
    with block:
        assert find_deck() not in {None, outer}
    assert not in_use()


@pytest.mark.parametrize("read", ["whole", "chunk by chunk"])
def test_what_was_played_is_freed_with_its_block_and_leaves_nothing_to_be_collected(read: str) -> None:
    """A suite of thousands would pay for it: a collection looks at all that is there."""
    held: list[ref[object]] = []

    async def play() -> None:
        with use_cassette(TOLD) as session:
            async with aiohttp.ClientSession() as client, client.post(URL, json={"messages": []}) as response:
                held.extend((ref(session._deck), ref(session._deck.selection), ref(response.content._protocol)))
                if read == "whole":
                    await response.read()
                async for _ in response.content.iter_any():
                    pass
            await asyncio.sleep(0)
        assert session.streams[0].read == len(TOLD[-1].response.body)

    gc.disable()
    try:
        asyncio.run(play())
        assert [each() for each in held] == [None] * 3
    finally:
        gc.enable()


async def test_what_would_run_without_its_cassette_is_refused() -> None:
    class Chat:
        """Its methods would be called once the block is over."""

        @classmethod
        def asks(cls) -> None:
            """Is no function yet where the class is made."""

    for wrong in (Chat, vars(Chat)["asks"], "a text"):
        with pytest.raises(BadSetting, match="what use_cassette decorates"):
            use_cassette(TOLD)(wrong)  # type: ignore[arg-type]
    begins_later = use_cassette(TOLD)(lambda: in_a_coroutine())
    with pytest.raises(BadSetting, match="decorate the async def itself"):
        await begins_later()
    assert not in_use()


def test_a_file_is_read_again_where_somebody_wrote_it_meanwhile_and_only_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    pages = storage.pages

    def noted(path: Path) -> storage.Pages | bytes | None:
        read.append(path)
        return pages(path)

    monkeypatch.setattr(storage, "pages", noted)
    path = tmp_path / "a.yaml"
    names = ("first", "mine", "theirs", "again")
    with raw_server({f"/{name}": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",) for name in names}) as server:

        def record(*wanted: str) -> None:
            with use_cassette(path, record_mode="new_episodes"):
                requests.get(f"{server.url}/{wanted[0]}", timeout=20)
                if wanted[1:]:
                    record(*wanted[1:])

        record("first")
        read.clear()
        record("again")
        assert len(read) == 1
        record("mine", "theirs")
        assert len(read) == 4
    monkeypatch.undo()
    found = [urlsplit(each.request.uri).path[1:] for each in load_cassette(path).interactions]
    assert found == ["first", "again", "theirs", "mine"]
