"""The service at https://llm.example, for pages whose reader has one: OpenAI's form of a stream, word by word."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from fakegpt_testkit.serving.threads import loop_in_a_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = "https://llm.example"


async def _complete(request: web.Request) -> web.StreamResponse:
    asked = await request.json()
    if not request.headers.get("Authorization", "").startswith("Bearer "):
        raise web.HTTPUnauthorized
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for word in ("Hello", ",", " you", " said", ": ", asked["messages"][-1]["content"]):
        event = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": word}}]}
        await response.write(f"data: {json.dumps(event)}\n\n".encode())
        await asyncio.sleep(0.002)  # so that words come one by one
    await response.write(b"data: [DONE]\n\n")
    return response


@contextmanager
def serving(port: int) -> Iterator[None]:
    """Serve on this port, in a thread."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", _complete)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)

    async def start() -> None:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()

    with loop_in_a_thread("llm") as call:
        call(start())
        try:
            yield
        finally:
            call(runner.cleanup())
