"""An event loop in a thread of its own, for synchronous code. Knows nothing of HTTP."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
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
