"""When an answer's arrivals are due on a socket: at their recorded moments, at a multiple of these, or evenly.

Knows no clock; ``lockstep`` is not among them, since a socket does not show its reader.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from fakegpt_testkit.errors import BadSetting

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?|\.\d+) ?(ms|s)")
_LOCKSTEP: Final = (
    "'recorded' or a factor of the recorded times such as 0.5: a socket does not show when its reader is ready, so "
    "there is no lockstep; a gap of 5ms keeps the cuts and takes little time"
)


@dataclass(frozen=True, slots=True)
class Timing:
    """``factor`` of the recorded moments; with a ``gap``, so many seconds after the arrival before instead."""

    factor: float = 1.0
    gap: float | None = None

    def due(self, at: float, number: int) -> float:
        """Seconds from the answer's begin to arrival ``number``, from 0, which was recorded ``at`` a moment."""
        return at * self.factor if self.gap is None else number * self.gap

    def __str__(self) -> str:
        """As the command line takes it."""
        if self.gap is not None:
            return f"gap {self.gap * 1000:g}ms"
        return "recorded" if self.factor == 1 else f"{self.factor:g}"


RECORDED: Final = Timing()
QUICK: Final = Timing(gap=0.005)
"""Keeps the cuts for a reader that is not busy, and takes half a second for a hundred arrivals."""


def read_timing(pace: object = None, gap: object = None) -> Timing:
    """From what was written. Raises ``BadSetting``, for ``lockstep`` too."""
    if gap is not None:
        if pace is not None:
            raise BadSetting("gap", gap, "a pace or a gap, not both")
        return Timing(gap=read_gap(gap))
    if pace is None or pace == "recorded":
        return RECORDED
    if pace == "lockstep":
        raise BadSetting("pace", pace, _LOCKSTEP)
    try:
        factor = math.nan if isinstance(pace, bool) else float(str(pace))
    except ValueError:
        factor = math.nan
    if not 0 <= factor < math.inf:
        raise BadSetting("pace", pace, "'recorded', or a factor of the recorded times such as 0.5")
    return Timing(factor)


def read_gap(gap: object) -> float:
    """Seconds, from a number of them or from a text such as ``5ms``."""
    if isinstance(gap, str) and (words := _DURATION.fullmatch(gap.strip())):
        return float(words[1]) * {"ms": 0.001, "s": 1.0}[words[2]]
    if isinstance(gap, int | float) and not isinstance(gap, bool) and 0 <= gap < math.inf:
        return float(gap)
    raise BadSetting("gap", gap, "a time between two arrivals, such as 5ms or 0.1s")
