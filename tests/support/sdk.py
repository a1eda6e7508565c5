"""What an SDK is to the tests of all of them: how it asks its service, and what it showed of the answer.

Knows no SDK.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Read:
    """What an SDK showed: the pieces of the text, the reasoning, the calls, why it ended, the tokens."""

    texts: tuple[str, ...] = ()
    reasoning: str = ""
    calls: tuple[tuple[str, object], ...] = ()
    finish: str | None = None
    usage: tuple[int, int] | None = None

    @property
    def text(self) -> str:
        return "".join(self.texts)


@dataclass(frozen=True)
class Sdk:
    """An SDK: its dialect, its service's base URL, how it asks, and how what it gave is read.

    ``ask`` and ``ask_async`` take a base URL, or ``""`` for the service's own; their second argument says whether the
    answer is streamed. ``reads_reasoning`` is false for one that passes over its dialect's usual way.
    """

    dialect: str
    site: str
    ask: Callable[[str, bool], Any]
    read: Callable[[list[Any]], Read]
    ask_async: Callable[[str, bool], Awaitable[Any]] | None = None
    reads_reasoning: bool = True

    def get(self, url: str = "", *, stream: bool = True) -> Read:
        answer = self.ask(url, stream)
        return self.read(list(answer) if stream else [answer])

    async def get_async(self, url: str = "", *, stream: bool = True) -> Read:
        assert self.ask_async is not None
        answer = await self.ask_async(url, stream)
        if not stream:
            return self.read([answer])
        assert isinstance(answer, AsyncIterable)
        return self.read([each async for each in answer])
