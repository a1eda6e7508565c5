"""Visits a stand-in service, step by step."""

from __future__ import annotations

import io
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

from fakegpt_testkit.fakegpt.conversation import request_body
from fakegpt_testkit.fakegpt.stand_in import Options, Service, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PASSWORD = "abcdefgh12"
BODY = json.loads(request_body([{"role": "user", "content": "Hi"}], message_id="m", parent_message_id="p"))
STREAMED = {"Accept": "text/event-stream"}


class Visitor:
    """Asks one service, step by step, and keeps its cookies."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def loads(self, **params: str) -> tuple[int, Any]:
        async with self.session.get(f"{self.url}/api/loads", params=params or {"t": "1700000000"}) as response:
            return response.status, await response.json()

    async def login(self, form: Any) -> tuple[int, Any]:
        async with self.session.post(f"{self.url}/auth/login", data=form) as response:
            return response.status, await response.json()

    async def session_answer(self) -> dict[str, Any]:
        async with self.session.get(f"{self.url}/api/auth/session") as response:
            assert response.status == 200
            return dict(await response.json())

    async def log_in(self) -> str:
        _, loads = await self.loads()
        form = {"token_key": loads["loads"][0]["token_id"], "session_password": PASSWORD}
        async with self.session.post(f"{self.url}/auth/login", data=form) as response:
            assert response.status == 200
        return str((await self.session_answer())["accessToken"])

    def ask(self, token: str, body: Any = BODY, **headers: str) -> Any:
        sent = {**STREAMED, "X-Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers}
        data = body if isinstance(body, bytes | io.BytesIO) else json.dumps(body)
        return self.session.post(f"{self.url}/api/conversation", data=data, headers=sent)

    async def refused(self, token: str, body: Any = BODY, **headers: str) -> tuple[int, Any]:
        async with self.ask(token, body, **headers) as response:
            return response.status, (await response.json())["detail"]


@asynccontextmanager
async def visiting(options: Options | None = None) -> AsyncIterator[tuple[Visitor, Service]]:
    async with serve(options) as service, aiohttp.ClientSession() as session:
        yield Visitor(session, service.url), service
