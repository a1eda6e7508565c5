"""Tells a session that copies of its process asked: what they recorded is theirs, and is lost with them.

Knows no request and no file: a byte of memory that a process and its copies share.
"""

from __future__ import annotations

import mmap
import os


class Forks:
    """Made before the process is copied. A copy notes that it recorded, and the first process reads it."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._shared = mmap.mmap(-1, 1)  # shared with copies, on every system that makes them

    @property
    def copied(self) -> bool:
        """Whether this process is a copy."""
        return os.getpid() != self._process

    def note(self) -> None:
        """Something is recorded in this copy."""
        self._shared[0] = 1

    @property
    def recorded(self) -> bool:
        """Whether a copy of this process has recorded something."""
        return bool(self._shared[0])
