"""Cuts a changed body into chunks again, so that each keeps its time and its size is true.

Knows no secrets: it is given the edits that made the new body of the old one.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from fakegpt_testkit.exchange import Chunk
from fakegpt_testkit.redaction.vault import Edit, applied

if TYPE_CHECKING:
    from fakegpt_testkit.exchange import Headers


def recut(chunks: tuple[Chunk, ...], edits: list[Edit]) -> tuple[Chunk, ...]:
    """The chunks of the edited body. A word belongs to the chunk in which its secret began.

    A chunk that held nothing but the rest of a secret takes a byte from a neighbour, so that none is empty and their
    number stays; chunks go only when the new body has fewer bytes than there were chunks.
    """
    if not edits:
        return chunks
    chunks = tuple(chunk for chunk in chunks if chunk.data or chunk.ends)  # all of a coding's head may come by itself
    body = applied(b"".join(chunk.data for chunk in chunks).decode("latin-1"), edits).encode("latin-1")
    bounds = list(accumulate((len(chunk.data) for chunk in chunks), initial=0))
    moved = _Moved(edits)
    ends = sorted({moved.to(start + end) for start, chunk in zip(bounds, chunks, strict=False) for end in chunk.ends})
    cuts = [moved.to(bound) for bound in bounds]
    room = len(body) >= len(chunks)
    for index in range(len(cuts) - 2, 0, -1):
        cuts[index] = max(index if room else 0, min(cuts[index], cuts[index + 1] - 1))
    return tuple(
        Chunk(chunk.at, body[start:end], tuple(each - start for each in ends if start < each <= end))
        for chunk, (start, end) in zip(chunks, pairwise(cuts), strict=True)
        if end > start
    )


class _Moved:
    """Where an offset of the old body lies in the new one; inside an edit, at the end of its word."""

    def __init__(self, edits: list[Edit]) -> None:
        self._starts = [edit.start for edit in edits]
        self._edits = edits
        growth = (len(edit.word) - (edit.end - edit.start) for edit in edits)
        self._shifts = list(accumulate(growth, initial=0))

    def to(self, offset: int) -> int:
        before = bisect_right(self._starts, offset - 1)  # edits that begin before the offset
        if before and offset < self._edits[before - 1].end:
            return self._edits[before - 1].end + self._shifts[before]
        return offset + self._shifts[before]


def sized(headers: Headers, was: int, now: int) -> Headers:
    """The headers with the body's new size, where they told the old one."""
    if was == now:
        return headers
    return tuple(
        (name, str(now)) if name.lower() == "content-length" and value.strip() == str(was) else (name, value)
        for name, value in headers
    )
