"""One answer on one socket: each arrival when it is due, then the ending as it was.

Knows no cassette and no request; it waits by the loop's timers, one at a time.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from functools import partial
from typing import TYPE_CHECKING, Final

from fakegpt_testkit import clock
from fakegpt_testkit.exchange import EndingKind

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from fakegpt_testkit.serving.plan import Plan, SendProgress
    from fakegpt_testkit.serving.timing import Timing

_AT_ONCE: Final = 32
"""Arrivals that are due and written before another connection has its turn."""
_AFTER_BREACH: Final = 1.0
"""Seconds for which a connection stays after bytes that are no HTTP: some clients wait for more, and then for ever."""
_POLL: Final = 0.005
_NO_LINGER: Final = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
_CLOSES: Final = frozenset({EndingKind.COMPLETE, EndingKind.EOF, EndingKind.ABANDONED, EndingKind.KILLED})
_RESETS: Final = frozenset({EndingKind.RESET, EndingKind.UNCONNECTED})


class PlanPlayer:
    """Plays a plan. ``done`` is called once all was written, with whether the connection can go on."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        plan: Plan,
        timing: Timing,
        progress: SendProgress,
        done: Callable[[bool], None],
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._plan = plan
        self._timing = timing
        self._progress = progress
        self._done = done
        self._frames = iter(plan.frames)
        self._next = next(self._frames, None)
        self._number = 0
        self._waiting = clock.waiting()
        self._began = self._waiting()
        self._handle: clock.Timer | None = None
        self._paused = False
        self._over = False
        self._holds = False
        self._step()

    @property
    def holds(self) -> bool:
        """Whether nothing more is written, and the connection stays until the client goes."""
        return self._holds

    def pause(self) -> None:
        """The client reads more slowly than it is sent: wait."""
        self._paused = True

    def resume(self) -> None:
        """It has read."""
        self._paused = False
        if self._handle is None and not self._over:
            self._step()

    def left(self) -> None:
        """The client has gone, or the server ends."""
        if not self._over:
            self._over = True
            self._progress.left_early = True
        if self._handle is not None:
            self._handle.cancel()

    def _step(self) -> None:
        self._handle = None
        now = self._waiting()
        for _ in range(1 if self._plan.spaced else _AT_ONCE):
            if self._over or self._paused:
                return
            at = self._next[0] if self._next is not None else self._plan.ending.at
            due = self._began + self._timing.due(at, self._number)
            if due > now:
                self._handle = clock.call_at(self._loop, due, self._step)
                return
            if self._plan.spaced:
                self._began += now - due
            self._number += 1
            if self._next is None:
                self._end()
                return
            self._write(self._next[1])
            self._next = next(self._frames, None)
            if self._next is None and self._plan.whole:
                self._finish(self._plan.open)
                return
        self._handle = self._loop.call_soon(self._step)

    def _write(self, data: bytes) -> None:
        self._progress.sent += len(data)
        self._transport.write(data)

    def _finish(self, can_go_on: bool) -> None:
        self._over = True
        self._done(can_go_on)

    def _end(self) -> None:
        kind = self._plan.ending.kind
        if kind in _CLOSES:
            self._finish(can_go_on=False)
        elif kind in _RESETS:
            self._reset()
        elif kind is EndingKind.MALFORMED:
            self._write(self._plan.breach)
            self._over = True
            self._handle = clock.call_later(self._loop, _AFTER_BREACH, partial(self._finish, can_go_on=False))
        else:
            self._holds = True

    def _reset(self) -> None:
        """Once what was written has reached the client's machine: a reset throws away what has not."""
        if self._transport.get_write_buffer_size() or unsent(self._transport):
            self._handle = clock.call_later(self._loop, _POLL, self._reset)
            return
        self._over = True
        reset(self._transport)


def unsent(transport: asyncio.Transport) -> int:
    """How many bytes this machine holds that the client's has not taken; 0 where the system does not tell."""
    held = transport.get_extra_info("socket")
    if held is None or not sys.platform.startswith("linux"):
        return 0
    import fcntl
    import termios

    waiting = bytearray(4)
    fcntl.ioctl(held.fileno(), termios.TIOCOUTQ, waiting)
    return int.from_bytes(waiting, sys.byteorder)


def reset(transport: asyncio.Transport) -> None:
    """Close a connection with a reset."""
    held = transport.get_extra_info("socket")
    if held is not None:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
