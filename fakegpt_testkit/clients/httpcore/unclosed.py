"""Tells of a connection to nowhere that nobody closed, as Python tells of a live one.

Knows no exchange. What outlives the last cassette is not told: its client closes it without us.
"""

from __future__ import annotations

import warnings
from typing import Any
from weakref import WeakSet


class Unclosed:
    """A connection that warns when it is freed and was never closed."""

    def __init__(self, kind: str, peer: tuple[str, int]) -> None:
        self.closed = False
        """Whether its client has closed it."""
        self._unclosed = f"unclosed {kind} to nowhere, raddr={peer}>"
        _open.add(self)

    def close_once(self) -> None:
        """It is closed, or nobody will tell us."""
        self._unclosed = ""
        _open.discard(self)

    def __del__(self, warn: Any = warnings.warn) -> None:
        if self._unclosed:
            warn(self._unclosed, ResourceWarning, source=self)


_open: WeakSet[Unclosed] = WeakSet()


def forget_all() -> None:
    """Nothing plays any more."""
    while _open:
        _open.pop().close_once()
