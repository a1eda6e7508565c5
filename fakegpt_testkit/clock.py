"""The real time, whatever a test puts in the place of Python's clocks.

Knows freezegun and time-machine by what they keep of the real ones. The first replaces names in modules, so what was
there before stands in a mapping, where it does not look; the second changes the functions themselves, and has a way
out.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

_AT_FIRST: Final[Mapping[str, Callable[[], float]]] = {
    "time": time.time,
    "monotonic": time.monotonic,
    "perf_counter": time.perf_counter,
}
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_SECOND: Final = timedelta(seconds=1)


def now() -> datetime:
    """The real moment, in UTC."""
    return _EPOCH + seconds() * _SECOND


def seconds() -> float:
    """The real moment, in seconds since 1970."""
    hatch = _hatch()
    return float(hatch.time.time()) if hatch is not None else _real("time")()


def monotonic() -> float:
    """Seconds since some moment, however clocks are set."""
    if "freezegun.api" not in sys.modules and "time_machine" not in sys.modules:  # asked for each piece of a stream
        return _AT_FIRST["monotonic"]()
    hatch = getattr(sys.modules.get("time_machine"), "escape_hatch", None)
    # Also where it does not travel any more: before its version 3, Python's own tells another time from then on. Before
    # it ever travelled it has none to give, and asked for one it stops the process.
    real = getattr(hatch.time, "monotonic", None) if hatch is not None and _has_travelled(hatch) else None
    return float((real or _real("monotonic"))())


def ticking() -> Callable[[], float]:
    """The same for somebody who asks for each piece of a stream: Python's own where nothing that changes it is loaded.

    What is loaded later and changes it is not seen, so ask anew for each stream.
    """
    return monotonic if "freezegun.api" in sys.modules or "time_machine" in sys.modules else _AT_FIRST["monotonic"]


def _has_travelled(hatch: Any) -> bool:
    """Whether Python's own clock goes otherwise than the one beside it, which time-machine leaves alone."""
    return bool(hatch.is_travelling()) or abs(_real("monotonic")() - _real("perf_counter")()) > 1


def _hatch() -> Any:
    """What time-machine keeps of the real clocks; None where it does not travel."""
    hatch = getattr(sys.modules.get("time_machine"), "escape_hatch", None)
    return hatch if hatch is not None and hatch.is_travelling() else None


def waiting() -> Callable[[], float]:
    """The clock by which a client waits: its loop's where one runs, which may be a virtual one; else ``monotonic``.

    A loop that goes by Python's own clock does by the real one here.
    """
    if (loops := sys.modules.get("asyncio")) is None:
        return monotonic
    try:
        loop: asyncio.AbstractEventLoop = loops.get_running_loop()
    except RuntimeError:
        return monotonic
    plain = getattr(type(loop), "time", None) is loops.BaseEventLoop.time
    return monotonic if plain else loop.time


def stands_still() -> bool:
    """Whether freezegun holds the clock by which the running loop waits: none of its timers fires then."""
    if waiting() is not monotonic:
        return False
    held = time.monotonic is not _real("monotonic")
    return held or (_hatch() is not None and abs(time.monotonic() - monotonic()) > 1)


class Timer(Protocol):
    """A call that is to come."""

    def cancel(self) -> None: ...


def call_at(loop: asyncio.AbstractEventLoop, moment: float, callback: Callable[[], object]) -> Timer:
    """Call from the running loop at this moment of ``waiting``'s clock, also where that of the loop stands still."""
    if waiting() is not monotonic:
        return loop.call_at(moment, callback)
    if not stands_still():
        return loop.call_later(moment - monotonic(), callback)  # the loop's clock may have been set since it was read
    return _Waking(loop, max(0.0, moment - monotonic()), callback)


def call_later(loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], object]) -> Timer:
    """The same, so many seconds from now."""
    return call_at(loop, waiting()() + seconds, callback)


def call_each(seconds: float, callback: Callable[[], bool]) -> Callable[[], None] | None:
    """Call each time so many real seconds have passed, from a thread of its own, until that gives False.

    Gives what ends it before; None where no thread can begin.
    """
    import threading

    over = threading.Event()

    def run() -> None:
        while not over.wait(seconds) and callback():
            pass

    try:
        threading.Thread(target=run, name="fakegpt-testkit notes", daemon=True).start()
    except RuntimeError:  # the interpreter ends, or the system has no threads
        return None
    return over.set


class _Waking:
    """A thread that waits in the loop's place."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], object]) -> None:
        import threading

        self._loop = loop
        self._callback: Callable[[], object] | None = callback
        self._timer = threading.Timer(seconds, self._wake)
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        self._callback = None
        self._timer.cancel()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._call)

    def _call(self) -> None:
        if self._callback is not None:
            self._callback()


def _real(name: str) -> Callable[[], float]:
    """Freezegun's own memory comes first: this room may have been opened while it froze."""
    real: Callable[[], float] = getattr(sys.modules.get("freezegun.api"), f"real_{name}", _AT_FIRST[name])
    return real
