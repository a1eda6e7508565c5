"""A tape as what a client that pulls gets next: seconds to wait, then bytes, the end, or what ends it otherwise.

Does no I/O and sleeps for nobody; the clock comes in. ``writing`` says what the bytes are.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.errors import ResponseNotRecorded
from fakegpt_testkit.exchange import SOCK_WRITE, EndingKind
from fakegpt_testkit.wire.reading import ResponseReader
from fakegpt_testkit.wire.writing import encode_breach, encode_tape, is_delimited, keeps_open

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.exchange import Ending, Tape
    from fakegpt_testkit.wire.deck import Pace

NEVER: Final = float("inf")
_HTTP_1: Final = frozenset({"1.0", "1.1"})
_WAITS: Final = frozenset({EndingKind.CANCELLED, EndingKind.STALLED, EndingKind.TIMEOUT})
_NOT_RECORDED: Final = frozenset({EndingKind.ABANDONED, EndingKind.KILLED, EndingKind.UNCONNECTED})


@dataclass(frozen=True, slots=True)
class Wait:
    """How long to wait for what comes next, in seconds, and whether the client's own timeout comes before it."""

    seconds: float
    times_out: bool = False


class Arrivals:
    """One tape while it plays; a ``Playing``. ``where`` is what an error calls the tape."""

    def __init__(self, tape: Tape, method: str, pace: Pace, where: str, clock: Callable[[], float]) -> None:
        self.version = tape.head.version
        if self.version not in _HTTP_1:  # HTTP/2 has no form here: its chunks play as HTTP/1.1 bytes
            tape = tape.with_head(replace(tape.head, version="1.1"))
        self._tape = tape
        self._method = method
        self._where = where
        self._clock = clock
        self._lockstep = pace == "lockstep"
        self._factor = {"lockstep": 0.0, "recorded": 1.0}[pace] if isinstance(pace, str) else pace
        self._frames = encode_tape(tape, method)
        self._next = next(self._frames, None)
        self._whole = tape.ending.kind is EndingKind.COMPLETE and is_delimited(tape, method)
        self._rest = b""
        self._began = clock()
        self._taken = 0
        self._breached = False
        self._over = False
        self.left_early = False

    @property
    def ending(self) -> Ending:
        """How the tape ends."""
        return self._tape.ending

    @property
    def breaks_off(self) -> bool:
        """Whether the server had closed the connection before the request was whole: no more of it can be sent."""
        open_still = self.ending.kind in _WAITS or (self._tape.status and keeps_open(self._tape.head))
        return self._tape.head.early and not open_still

    @property
    def blocks(self) -> bool:
        """Whether the server took no more of the request until the client had waited too long."""
        return self.ending.note == SOCK_WRITE and self.ending.kind is EndingKind.TIMEOUT and not self._tape.status

    @property
    def is_open(self) -> bool:
        """Whether more is to be played, and the client has not let go."""
        return not self._over

    @property
    def hung_up(self) -> bool:
        """Whether all has played and a live server would have closed the connection then."""
        return self._over and not (self._whole and keeps_open(self._tape.head))

    def wait(self, timeout: float | None = None) -> Wait:
        """The wait for what comes next, for a client that waits at most ``timeout`` seconds for bytes."""
        seconds = self._seconds()
        if seconds == NEVER and self._lockstep and self.ending.kind is EndingKind.TIMEOUT:
            return Wait(0.0, times_out=True)  # in lockstep no time passes, so the client's timer fires now
        if timeout is not None and seconds > timeout:
            return Wait(timeout, times_out=True)
        return Wait(seconds)

    def take(self, most: int) -> bytes:
        """The next bytes, at most so many, once they were waited for; none is the end of the connection.

        Raises ``OSError`` where the connection is lost, and ``ResponseNotRecorded`` where the recording ended before
        the response did.
        """
        if not self._rest and self._next is not None:
            self._rest = self._next[1]
            self._next = next(self._frames, None)
        if not self._rest:
            return self._end()
        given, self._rest = self._rest[:most], self._rest[most:]
        self._taken += len(given)
        if not self._rest and self._next is None and self._whole:
            self._over = True
        return given

    def stop(self) -> None:
        """Play nothing more. ``left_early`` says from then on whether the client left before all was played."""
        self.left_early = self.left_early or not self._over
        self._over = True

    @property
    def read(self) -> int:
        """How many bytes of the body the client has taken, after content decoding."""
        reader = ResponseReader(self._method)
        read, left = 0, self._taken
        for _, data, _ in encode_tape(self._tape, self._method):
            if left and (chunk := reader.take(data[:left], 0.0)) is not None:
                read += len(chunk.data)
            left -= min(left, len(data))
        return read

    @property
    def fed(self) -> int:
        """How many bytes of the body have arrived at the client."""
        return self.read

    def _seconds(self) -> float:
        if self._rest:
            return 0.0
        if self._next is None and self.ending.kind in _WAITS:
            return NEVER
        if self._lockstep:
            return 0.0
        at = self._next[0] if self._next is not None else self.ending.at
        return max(0.0, self._began + at * self._factor - self._clock())

    def _end(self) -> bytes:
        kind = self.ending.kind
        if kind is EndingKind.MALFORMED and not self._breached:
            self._breached = True
            return encode_breach(self._tape, self._method)
        self._over = True
        if kind in _NOT_RECORDED:
            raise ResponseNotRecorded(self._where, len(self._tape.pieces), kind.value)
        if kind is EndingKind.RESET:
            number = getattr(errno, self.ending.note, errno.ECONNRESET)
            raise OSError(number, os.strerror(number))
        return b""
