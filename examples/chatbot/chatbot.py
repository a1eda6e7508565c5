"""A chat bot for the console: it prints each answer as it comes, and keeps the conversation.

Run it with ``python -m chatbot http://localhost:8000``.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from typing import TYPE_CHECKING, Self
from uuid import uuid4

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

TIMEOUT = aiohttp.ClientTimeout(total=None, connect=10, sock_read=60)


class ChatError(Exception):
    """The service gave no answer, or not all of one; the pieces that came were handed on."""


class ChatBot:
    """One conversation with the service at a URL. It logs in when it is opened: ``async with ChatBot(url) as bot``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.history: list[str] = []

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(self.url, timeout=TIMEOUT, raise_for_status=True)
        try:
            self._token = await self._log_in()
        except BaseException:
            await self._session.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def answer(self, question: str) -> AsyncGenerator[str, None]:
        """The answer, piece by piece. Only when it came to its end, question and answer join the history."""
        asked = [*self.history, f"User: {question}"]
        text = ""
        try:
            async with await self._ask("\n".join([*asked, "Assistant:"])) as response:
                async for line in response.content:
                    if line.strip() == b"data: [DONE]":
                        break
                    so_far = text_in(line)
                    if len(so_far) > len(text):
                        yield so_far[len(text) :]
                        text = so_far
                else:
                    raise ChatError("the answer stopped before its end")
        except (aiohttp.ClientError, TimeoutError) as problem:
            raise ChatError(str(problem) or "the service was silent for too long") from problem
        self.history = [*asked, f"Assistant: {text}"]

    async def _log_in(self) -> str:
        async with self._session.get("/api/loads", params={"t": int(time.time())}) as response:
            account = next(load for load in (await response.json())["loads"] if load["count"] == 0)
        form = {"token_key": account["token_id"], "session_password": f"a1{secrets.token_hex(4)}"}
        async with self._session.post("/auth/login", data=form) as response:
            await response.read()
        async with self._session.get("/api/auth/session") as response:
            return str((await response.json())["accessToken"])

    async def _ask(self, prompt: str) -> aiohttp.ClientResponse:
        """The beginning of an answer. A busy service gets a second chance, when it says that it is ready again."""
        try:
            return await self._post(prompt)
        except aiohttp.ClientResponseError as refused:
            if refused.status != 429 or refused.headers is None:
                raise
            await asyncio.sleep(int(refused.headers.get("Retry-After", 1)))
        return await self._post(prompt)

    async def _post(self, prompt: str) -> aiohttp.ClientResponse:
        message = {"id": str(uuid4()), "author": {"role": "user"}, "content": {"parts": [prompt]}}
        body = {"action": "next", "messages": [message], "parent_message_id": str(uuid4()), "model": "any"}
        headers = {"Accept": "text/event-stream", "X-Authorization": f"Bearer {self._token}"}
        return await self._session.post("/api/conversation", json=body, headers=headers)


def text_in(line: bytes) -> str:
    """The answer so far, as a line of the stream tells it; empty when it is about something else."""
    if not line.startswith(b"data: {"):
        return ""
    event = json.loads(line.removeprefix(b"data: "))
    if event.get("error"):
        raise ChatError(f"the service gave up: {event['error']}")
    message = event.get("message") or {}
    return str(message["content"]["parts"][0]) if message.get("author", {}).get("role") == "assistant" else ""


async def talk(bot: ChatBot, questions: Iterable[str]) -> None:
    """Print the answer to each question while it comes."""
    for question in questions:
        try:
            async for piece in bot.answer(question.strip()):
                print(piece, end="", flush=True)
        except ChatError as problem:
            print(f" [{problem}]", end="")
        print()


async def main(url: str) -> None:
    """Answer what is typed, a question a line."""
    async with ChatBot(url) as bot:
        await talk(bot, sys.stdin)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
