"""The real time, whatever a test puts in the place of Python's clocks.

Knows freezegun and time-machine by what they keep of the real ones. The first replaces names in modules, so what was
there before stands in a mapping, where it does not look; the second changes the functions themselves, and has a way
out.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_AT_FIRST: Final[Mapping[str, Callable[[], float]]] = {"time": time.time, "monotonic": time.monotonic}
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_SECOND: Final = timedelta(seconds=1)


def now() -> datetime:
    """The real moment, in UTC."""
    return _EPOCH + seconds() * _SECOND


def seconds() -> float:
    """The real moment, in seconds since 1970."""
    hatch = getattr(sys.modules.get("time_machine"), "escape_hatch", None)
    if hatch is not None and hatch.is_travelling():
        return float(hatch.time.time())
    return _real("time")()


def monotonic() -> float:
    """Seconds since some moment, however clocks are set."""
    return _real("monotonic")()


def waiting() -> Callable[[], float]:
    """The clock by which a client waits: its loop's where one runs, which may be a virtual one; else ``monotonic``.

    A loop that goes by Python's own clock does by the real one here.
    """
    if (asyncio := sys.modules.get("asyncio")) is None:
        return monotonic
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return monotonic
    plain = getattr(type(loop), "time", None) is asyncio.BaseEventLoop.time
    return monotonic if plain else loop.time


def _real(name: str) -> Callable[[], float]:
    """Freezegun's own memory comes first: this room may have been opened while it froze."""
    real: Callable[[], float] = getattr(sys.modules.get("freezegun.api"), f"real_{name}", _AT_FIRST[name])
    return real
