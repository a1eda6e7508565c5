"""Lets time pass under asyncio, anyio and trio, also where a test holds the clock that they go by.

Knows no tape.
"""

from __future__ import annotations

import asyncio
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from fakegpt_testkit import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


async def sleep(live: Any, seconds: float) -> None:
    """Sleep as the pool's own backend ``live`` does; for no time it is one round of the loop."""
    if not seconds or not clock.stands_still():
        await live.sleep(seconds)
    elif not is_asyncio():
        await sys.modules["trio"].to_thread.run_sync(time.sleep, seconds, abandon_on_cancel=True)
    else:
        loop = asyncio.get_running_loop()
        awake: asyncio.Future[None] = loop.create_future()
        call = clock.call_at(loop, clock.monotonic() + seconds, partial(_set, awake))
        try:
            await awake
        finally:
            call.cancel()


async def read_within(live: Any, size: int, seconds: float, timed_out: type[Exception]) -> bytes:
    """What a live stream gives, or this error after so many seconds."""
    if not clock.stands_still():
        data: bytes = await live.read(size, seconds)
        return data
    reading = partial(live.read, size, None)
    found = await (_first_in_asyncio if is_asyncio() else _first_in_trio)(reading, seconds)
    if found is None:
        raise timed_out
    return found


async def _first_in_asyncio(reading: Callable[[], Coroutine[Any, Any, bytes]], seconds: float) -> bytes | None:
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    task = loop.create_task(reading())
    call = clock.call_at(loop, clock.monotonic() + seconds, partial(_set, over))
    try:
        await asyncio.wait((task, over), return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        call.cancel()
        task.cancel()


async def _first_in_trio(reading: Callable[[], Coroutine[Any, Any, bytes]], seconds: float) -> bytes | None:
    trio = sys.modules["trio"]
    found: bytes | None = None
    async with trio.open_nursery() as nursery:

        async def give_up() -> None:
            await trio.to_thread.run_sync(time.sleep, seconds, abandon_on_cancel=True)
            nursery.cancel_scope.cancel()

        nursery.start_soon(give_up)
        found = await reading()
        nursery.cancel_scope.cancel()
    return found


def is_asyncio() -> bool:
    """Whether it is asyncio's loop that runs here, and not trio's."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _set(awake: asyncio.Future[None]) -> None:
    if not awake.done():
        awake.set_result(None)
