"""An official SDK never goes live while a cassette plays: neither for what is there nor for what is not.

No guard is on: what keeps the SDK from its service is the cassette alone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anthropic
import httpx
import httpx2
import openai
import pytest
from support.behaviours import in_chunk
from support.raw import raw_server

from fakegpt_testkit.errors import RequestNotRecorded
from fakegpt_testkit.recorder import use_cassette

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from support.raw import RawServer
    from support.servers import Answer

    Ask = Callable[[Any, str], Awaitable[Any]]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CHAT: Answer = (
    HEAD,
    in_chunk(b'data: {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}\n\n'),
    in_chunk(b"data: [DONE]\n\n"),
    b"0\r\n\r\n",
)
MESSAGE: Answer = (HEAD, in_chunk(b'event: message_stop\ndata: {"type": "message_stop"}\n\n'), b"0\r\n\r\n")


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with raw_server({"/v1/chat/completions": CHAT, "/v1/messages": MESSAGE}) as running:
        yield running


def said(prompt: str) -> Any:
    return [{"role": "user", "content": prompt}]


async def openai_sync(client: openai.OpenAI, prompt: str) -> Any:
    return list(client.chat.completions.create(model="m", messages=said(prompt), stream=True))


async def openai_async(client: openai.AsyncOpenAI, prompt: str) -> Any:
    return [part async for part in await client.chat.completions.create(model="m", messages=said(prompt), stream=True)]


async def anthropic_sync(client: anthropic.Anthropic, prompt: str) -> Any:
    return list(client.messages.create(model="m", max_tokens=9, messages=said(prompt), stream=True))


async def anthropic_async(client: anthropic.AsyncAnthropic, prompt: str) -> Any:
    stream = await client.messages.create(model="m", max_tokens=9, messages=said(prompt), stream=True)
    return [event async for event in stream]


async def in_another_thread(client: openai.OpenAI, prompt: str) -> Any:
    return await asyncio.to_thread(lambda: asyncio.run(openai_sync(client, prompt)))


async def by_the_module(client: openai.OpenAI, prompt: str) -> Any:
    """As a program does that makes no client; the SDK makes its own once, for the process."""
    openai.api_key, openai.base_url = "k", str(client.base_url)
    try:
        return list(openai.chat.completions.create(model="m", messages=said(prompt), stream=True))
    finally:
        openai.api_key = openai.base_url = None


WAYS: dict[str, tuple[Callable[..., Any], str, Ask]] = {
    "openai": (openai.OpenAI, "/v1", openai_sync),
    "openai, given httpx": (lambda **o: openai.OpenAI(**o, http_client=httpx.Client()), "/v1", openai_sync),
    "openai, given httpx2": (lambda **o: openai.OpenAI(**o, http_client=httpx2.Client()), "/v1", openai_sync),
    "openai, in another thread": (openai.OpenAI, "/v1", in_another_thread),
    "openai, by the module": (openai.OpenAI, "/v1", by_the_module),
    "openai async": (openai.AsyncOpenAI, "/v1", openai_async),
    "openai on aiohttp": (
        lambda **o: openai.AsyncOpenAI(**o, http_client=openai.DefaultAioHttpClient()), "/v1", openai_async,
    ),
    "anthropic": (anthropic.Anthropic, "", anthropic_sync),
    "anthropic async": (anthropic.AsyncAnthropic, "", anthropic_async),
    "anthropic on aiohttp": (
        lambda **o: anthropic.AsyncAnthropic(**o, http_client=anthropic.DefaultAioHttpClient()), "", anthropic_async,
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_the_service_is_asked_nothing(way: str, server: RawServer, tmp_path: Path) -> None:
    make, base, ask = WAYS[way]
    file = tmp_path / "c.yaml"

    def made() -> Any:
        return make(base_url=server.url + base, api_key="k", max_retries=1)

    async def close(client: Any) -> None:
        if (closing := client.close()) is not None:
            await closing

    async def play(client: Any, mode: Any) -> None:
        with use_cassette(file, record_mode=mode) as session:
            assert await ask(client, "hi") == heard
            with pytest.raises((RequestNotRecorded, openai.APIError, anthropic.APIError)):
                await ask(client, "not recorded")  # and once more, by its own retry
        assert {type(each) for each in session.refused} == {RequestNotRecorded}, (
            "it is remembered, whatever the SDK made of it"
        )

    async def main() -> Any:
        early, fresh = made(), made()
        await ask(early, "before")  # its connection is kept alive
        with use_cassette(file, record_mode="once"):
            heard[:] = await ask(early, "hi")
        asked = server.seen
        await play(early, "none")
        await play(fresh, "once")
        await close(fresh)
        assert server.seen == asked
        again = await ask(early, "hi")
        assert server.seen[1] == asked[1] + 1, "afterwards it asks its service again"
        await close(early)
        return again

    heard: list[Any] = []
    assert asyncio.run(main()) == heard
    assert heard
