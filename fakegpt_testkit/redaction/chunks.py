"""Cuts a changed body into chunks again, so that each keeps its time and its size is true.

Knows no secrets: it is given the edits that made the new body of the old one.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from io import BytesIO
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from fakegpt_testkit.cuts import Cuts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fakegpt_testkit.exchange import Chunk, Headers
    from fakegpt_testkit.redaction.vault import Edit


def apply_edits(chunks: Sequence[Chunk], edits: list[Edit]) -> tuple[Chunk, ...]:
    """The chunks of the edited body. A word belongs to the chunk in which its secret began.

    A chunk that held nothing but the rest of a secret takes a byte from a neighbour, so that none is empty and their
    number stays; chunks go only when the new body has fewer bytes than there were chunks.
    """
    if not edits:
        return tuple(chunks)
    body = edited(b"".join([chunk.data for chunk in chunks]), edits)
    return moved(chunks, edits, len(body)).chunks(body)


def edited(body: bytes, edits: list[Edit]) -> bytes:
    """The body with the edits of its text made; nothing of it is held but the old one and the new one."""
    view, new, at = memoryview(body), BytesIO(), 0
    for edit in edits:
        new.write(view[at : edit.start])
        new.write(edit.word.encode("latin-1"))
        at = edit.end
    new.write(view[at:])
    return new.getvalue()


def moved(chunks: Iterable[Chunk], edits: list[Edit], size: int) -> Cuts:
    """Where the chunks of a body lie in the edited one, of this size; as ``apply_edits`` says."""
    to = _Moved(edits).to
    times, bounds = array("d"), array("Q", (0,))
    found: set[int] = set()
    for chunk in chunks:
        if chunk.data or chunk.ends:  # all of a coding's head may come by itself
            found.update(to(bounds[-1] + end) for end in chunk.ends)
            times.append(chunk.at)
            bounds.append(bounds[-1] + len(chunk.data))
    cuts, ends = array("Q", map(to, bounds)), array("Q", sorted(found))
    room = size >= len(times)
    for index in range(len(cuts) - 2, 0, -1):
        cuts[index] = max(index if room else 0, min(cuts[index], cuts[index + 1] - 1))
    new = Cuts()
    for at, (start, end) in zip(times, pairwise(cuts), strict=True):
        if end > start:
            here = ends[bisect_right(ends, start) : bisect_right(ends, end)]
            new.add(at, end - start, [each - start for each in here])
    return new


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
