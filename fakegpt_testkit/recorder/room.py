"""Tells while it is recorded that a cassette grows too large to be read again, not only when it is to be saved.

Knows no file. It counts what the text will hold at least, so what it says is true; the writer counts exactly.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

from fakegpt_testkit import cassette as cassettes
from fakegpt_testkit.errors import FakeGptTestkitWarning, RecordingTooLarge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fakegpt_testkit.exchange import Head, Interaction, Request


class Room:
    """How much is in one cassette, and whether that was told to be too much; ``kept`` stays there."""

    def __init__(self, path: str, kept: Iterable[Interaction] = ()) -> None:
        self._path = path
        self._bytes = self._values = 0
        self._told = False
        self._lock = Lock()
        for each in kept:
            self.request(each.request)
            self.head(each.response.head)
            self.body(len(each.response.body))

    def request(self, request: Request) -> None:
        """A request comes to it."""
        self._add(len(request.uri) + len(request.body), cassettes.least_values(request.headers))

    def head(self, head: Head) -> None:
        """The head of an answer comes to it."""
        self._add(0, cassettes.least_values(head.headers))

    def body(self, size: int) -> None:
        """So many bytes of an answer come to it."""
        self._add(size, 0)

    def _add(self, size: int, values: int) -> None:
        with self._lock:
            self._bytes += size
            self._values += values
            if self._told:
                return
            pairs = (self._bytes, cassettes.MAX_BYTES, "bytes"), (self._values, cassettes.MAX_NODES, "values")
            problem = next((RecordingTooLarge(self._path, *each) for each in pairs if each[0] > each[1]), None)
            self._told = problem is not None
        if problem is not None:
            with suppress(FakeGptTestkitWarning):  # where warnings are errors: the client must not meet it
                warnings.warn(FakeGptTestkitWarning(problem), stacklevel=2)
