"""What a recording of the provider keeps, whatever cuts the network makes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.test_utils import TestServer

from fakegpt_testkit import EndingKind, FakeGpt, use_cassette
from fakegpt_testkit.fakegpt.stand_in import Options, make_app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


@web.middleware
async def late_bodies(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    answer = await handler(request)
    if request.path != "/auth/login":
        return answer
    assert isinstance(answer, web.Response)
    late = web.StreamResponse(status=answer.status, headers=answer.headers)
    late.cookies.update(answer.cookies)
    await late.prepare(request)
    await asyncio.sleep(0.05)
    assert isinstance(answer.body, bytes)
    await late.write(answer.body)
    await late.write_eof()
    return late


async def test_a_login_is_recorded_whole_when_its_body_comes_after_its_head(tmp_path: Path) -> None:
    app = make_app(Options(text="Hello"))
    app.middlewares.append(late_bodies)
    async with TestServer(app, host="localhost") as server:
        provider: type[FakeGpt] = type("Mine", (FakeGpt,), {"url": str(server.make_url("")).rstrip("/")})
        with use_cassette(tmp_path / "login.yaml", record_mode="once") as cassette:
            assert await provider.create_async("", [{"role": "user", "content": "Hi"}]) == "Hello"
    assert [each.response.ending.kind for each in cassette.recorded] == [EndingKind.COMPLETE] * 4
