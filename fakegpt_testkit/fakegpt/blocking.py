"""An event loop in a thread of its own, for synchronous code; and turns that tasks of several loops take.

Knows nothing of chats and of HTTP.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

T = TypeVar("T")


class Call(Protocol):
    """Runs a coroutine to its end in the other thread's loop, with this thread's context variables."""

    def __call__(self, coroutine: Coroutine[object, object, T]) -> T: ...


@contextmanager
def loop_in_a_thread(name: str) -> Iterator[Call]:
    """Run an event loop in a thread until the block ends; its tasks are cancelled and its generators closed then.

    It needs no event loop here and disturbs none that runs here, but waits for each call: a running loop stands still.
    """
    runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)  # a factory: this thread's own loop is left alone
    loop = runner.get_loop()
    stop = asyncio.Event()

    def work() -> None:
        with runner:
            runner.run(stop.wait())

    def call(coroutine: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    try:
        yield call
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


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
