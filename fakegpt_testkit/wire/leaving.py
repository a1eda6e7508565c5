"""A client that leaves before an answer has ended: how long it is still worth to read on, and the place where it left.

Knows no HTTP, and reads nothing itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.wire.capture import Moments
    from fakegpt_testkit.wire.deck import ExchangeSink

GRACE: Final = 0.1
"""Seconds that a client's leaving at the end mark takes longer at most: the end of the body is nearly always there."""
READ_ON: Final = 60.0
"""Seconds that the rest of an answer may take where it is wanted."""


class Leaving:
    """What is known of it for one exchange; ``at`` is the moment, once it has left what is read on."""

    def __init__(self, recording: ExchangeSink, clock: Callable[[], float], moments: Moments) -> None:
        from fakegpt_testkit.dialects import END_MARKS  # loads what knows all dialects: no replay needs it

        self._recording = recording
        self._clock = clock
        self._moments = moments
        self._end_marks = END_MARKS
        self._longest_mark = max(map(len, END_MARKS))
        self._tail = b""  # what may be the beginning of an end mark
        self._marked = False
        self._until: float | None = None
        self.at: float | None = None

    @property
    def begun(self) -> bool:
        """Whether the client has left, and it is we who read."""
        return self._until is not None

    def look(self, data: bytes) -> None:
        """A part of the body came: an end mark may be in it."""
        between = self._tail + data[: self._longest_mark]  # and not with all of it, which may be some MB
        self._marked = self._marked or any(mark in data or mark in between for mark in self._end_marks)
        self._tail = (self._tail + data[-self._longest_mark :])[-self._longest_mark :]

    def grace(self) -> float:
        """How many seconds it is still worth to read on: none, but at an end mark, or where the rest is wanted."""
        if self._until is None:
            if not self._marked and not self._recording.reads_on:
                return 0.0
            self._until = self._clock() + (GRACE if self._marked else READ_ON)
            self.at = None if self._marked else self._moments.next()
        return max(self._until - self._clock(), 0.0)
