"""A body while it arrives: its bytes in one piece, and its cuts, so that nothing is to be joined and held twice.

Knows neither the client nor the file. Its chunks come from one thread, and others may look at what there is.
"""

from __future__ import annotations

from io import SEEK_END, BytesIO
from threading import Lock
from typing import TYPE_CHECKING

from fakegpt_testkit.cuts import Cuts
from fakegpt_testkit.exchange import Tape

if TYPE_CHECKING:
    from fakegpt_testkit.exchange import Chunk, Ending, Head


class Reel:
    """What has come of a body; ``last`` is when, and None before."""

    def __init__(self) -> None:
        self._body = BytesIO()
        self._cuts = Cuts()
        self._lock = Lock()
        self._is_whole = False
        self.last: float | None = None

    def add(self, *chunks: Chunk) -> None:
        """Some more chunks came; what comes when it was taken for whole is no part of it."""
        with self._lock:
            if self._is_whole or not chunks:
                return
            self._body.write(b"".join([chunk.data for chunk in chunks]))
            self._cuts.extend(chunks)
            self.last = chunks[-1].at

    def tape(self, head: Head, ending: Ending) -> Tape:
        """All of it, once it is whole: the bytes are not copied."""
        with self._lock:
            self._is_whole = True
            return Tape.of_body(head, self._body.getvalue(), self._cuts, ending)

    def first(self, size: int, head: Head, ending: Ending) -> Tape:
        """The first so many bytes."""
        with self._lock:
            self._body.seek(0)
            body = self._body.read(size)
            self._body.seek(0, SEEK_END)
            return Tape.of_body(head, body, self._cuts.first(size), ending)
