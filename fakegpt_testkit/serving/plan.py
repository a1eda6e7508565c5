"""What is to be written for one answer: arrivals with their moments, and what happens to the connection then.

Knows no socket and no clock. The arrivals of a tape that is played again and again are kept, within a bound.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.exchange import EndingKind
from fakegpt_testkit.wire.reading import ResponseReader
from fakegpt_testkit.wire.writing import encode_breach, encode_tape, is_delimited, keeps_open

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fakegpt_testkit.exchange import Ending, Head, Tape
    from fakegpt_testkit.wire.writing import Frame

_FRAME: Final = 150
"""Bytes that an arrival takes beside its own."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``whole``: the end shows without closing. ``open``: the connection is then used again. ``breach``: bad bytes.

    ``spaced``: each arrival has a turn of its own, as long after the one before as they say, however late that was.
    """

    method: str
    frames: Iterable[Frame]
    ending: Ending
    whole: bool = True
    open: bool = True
    breach: bytes = b""
    spaced: bool = False


class Plans:
    """Makes plans, and keeps the encoded arrivals of at most so many bytes of tapes."""

    def __init__(self, most: int = 64 * 2**20) -> None:
        self._most = most
        self._held = 0
        self._kept: OrderedDict[tuple[int, str, Head], tuple[Tape, tuple[Frame, ...], int]] = OrderedDict()

    def plan(self, tape: Tape, method: str, recorded: Tape | None) -> Plan:
        """The plan of a tape; ``recorded`` is the cassette's own tape that it is, or None for one made just now."""
        return Plan(
            method,
            self._frames(tape, method, recorded),
            tape.ending,
            whole=tape.ending.kind is EndingKind.COMPLETE and is_delimited(tape, method),
            open=keeps_open(tape.head),
            breach=encode_breach(tape, method) if tape.ending.kind is EndingKind.MALFORMED else b"",
        )

    def _frames(self, tape: Tape, method: str, recorded: Tape | None) -> Iterable[Frame]:
        if recorded is None:
            return encode_tape(tape, method)
        key = id(recorded), method, tape.head
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][1]
        frames = tuple(encode_tape(tape, method))
        size = sum(len(data) + _FRAME for _, data, _ in frames)
        if size <= self._most:
            self._kept[key] = recorded, frames, size
            self._held += size
            while self._held > self._most:
                self._held -= self._kept.popitem(last=False)[1][2]
        return frames


class SendProgress:
    """How far an answer was written; a ``Playback``. A socket does not show what its client has read of that."""

    __slots__ = ("_method", "_tape", "left_early", "sent")

    def __init__(self, tape: Tape, method: str) -> None:
        self._tape = tape
        self._method = method
        self.sent = 0
        """How many bytes were written, with head and framing."""
        self.left_early = False
        """Whether the client left before all was written."""

    @property
    def fed(self) -> int:
        """How many bytes of the body were written, after content decoding."""
        reader, left, fed = ResponseReader(self._method), self.sent, 0
        for _, data, _ in encode_tape(self._tape, self._method) if self._tape.status else ():
            chunk = reader.take(data[:left], 0.0)
            fed += len(chunk.data) if chunk is not None else 0
            left -= min(left, len(data))
        return fed

    @property
    def read(self) -> int:
        """The same: nobody sees what the client has read."""
        return self.fed
