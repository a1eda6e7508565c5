"""Lets time pass under asyncio, anyio and trio, also where a test holds the clock that they go by.

Knows no tape.
"""

from __future__ import annotations

import asyncio
import sys
import time
from functools import partial
from typing import Any

from fakegpt_testkit import clock


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
