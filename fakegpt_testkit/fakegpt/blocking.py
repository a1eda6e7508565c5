"""Turns that tasks of several event loops take. Knows nothing of chats and of HTTP."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress


class Turns:
    """A lock for the tasks of any event loops and threads; the one who waits may be cancelled.

    An `asyncio.Lock` belongs to the first loop that has to wait for it, and a class outlives its loops.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    async def __aenter__(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with self._guard:
                if not self._taken:
                    self._taken = True
                    return
                turn = loop.create_future()
                self._waiting.append((loop, turn))
            await turn

    async def __aexit__(self, *_: object) -> None:
        with self._guard:
            self._taken = False
            waiting, self._waiting = self._waiting, []
        for loop, turn in waiting:
            with suppress(RuntimeError):  # its loop is closed, and nobody waits there any more
                loop.call_soon_threadsafe(_settle, turn)


def _settle(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)
