"""Counts what code does, for tests of cost that come out the same on a busy machine.

Knows no clock: what happens inside one call of C counts as one.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


def calls(work: Callable[[], object]) -> int:
    """How many calls, of Python's and of C's functions, ``work`` makes."""
    count = 0

    def on(_: FrameType, event: str, __: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(on)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count
