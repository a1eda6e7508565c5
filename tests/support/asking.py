"""For tests of the FakeGpt client: one of the test's own, what a service may stream to it, and servers that say it."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web

from fakegpt_testkit.fakegpt.provider import FakeGpt
from fakegpt_testkit.fakegpt.stand_in import Options, Service, serve
from support.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ASK = [{"role": "user", "content": "Hi"}]
DONE = b"data: [DONE]\n\n"


def client_of(url: str, **state: Any) -> type[FakeGpt]:
    """A provider of this test's own."""
    return type("MyFakeGpt", (FakeGpt,), {"url": url, **state})


def say(text: str, message_id: str = "1", role: str = "assistant", *, final: bool = False, **changes: Any) -> bytes:
    """An event of the stream."""
    message = {
        "id": message_id,
        "author": {"role": role},
        "content": {"content_type": "text", "parts": [text]},
        "status": "finished_successfully" if final else "in_progress",
        "end_turn": True if final else None,
        "metadata": {"message_type": "next"},
        "recipient": "all",
        **changes,
    }
    return f"data: {json.dumps({'message': message, 'conversation_id': 'c', 'error': None})}\n\n".encode()


async def pieces_of(body: bytes | Options, **asked: Any) -> list[str]:
    """What comes out when a service streams these bytes."""
    options = body if isinstance(body, Options) else Options(body=body)
    async with serve(options) as service, asyncio.timeout(PATIENCE):
        return [piece async for piece in client_of(service.url).create_async_generator("", ASK, **asked)]


async def until_idle(service: Service) -> None:
    """Wait until the service has noticed that its clients left."""
    async with asyncio.timeout(PATIENCE):
        while service.streams:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def idle(service: Service) -> bool:
    """The same where no loop runs: whether it noticed in time."""
    until = time.monotonic() + PATIENCE
    while service.streams and time.monotonic() < until:
        time.sleep(0.001)
    return service.streams == 0


@asynccontextmanager
async def answering(**answers: Any) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that gives one answer to each step, and the steps it was asked."""
    asked: list[str] = []
    flow = {
        "loads": web.json_response({"loads": [{"token_id": "a", "count": 0}]}),
        "login": web.Response(),
        "session": web.json_response({"accessToken": "token"}),
        "conversation": web.Response(body=say("Hi", final=True) + DONE, content_type="text/event-stream"),
        **answers,
    }

    async def answer(request: web.Request) -> web.Response:
        step = request.path.rpartition("/")[2]
        asked.append(step)
        given = flow[step]
        if not isinstance(given, web.Response):
            answered: web.Response = await given(request)
            return answered
        return web.Response(body=given.body, status=given.status, headers=given.headers)

    runner = web.AppRunner(web.Application(), access_log=None)
    runner.app.router.add_route("*", "/{path:.*}", answer)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://localhost:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


def logins(service: Service) -> int:
    return sum(request.uri.endswith("/auth/login") for request in service.requests)
