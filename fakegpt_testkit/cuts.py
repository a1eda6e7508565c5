"""Where the chunks of a body begin and when they came, apart from the body, so that no byte is held twice.

Knows no file and no clock: a chunk is cut from the body when somebody looks at it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, chain, islice, pairwise
from typing import TYPE_CHECKING, TypeAlias, overload

from fakegpt_testkit.exchange import Chunk, Coded, Tape, content_coding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator


Measure: TypeAlias = tuple[float, int, tuple[int, ...]]
"""When a chunk came, its size, and where HTTP chunks ended in it."""


class Cuts:
    """The times, sizes and ends of chunks: 32 bytes for each, where a chunk of its own takes five times as much."""

    def __init__(self) -> None:
        self._times = array("d")
        self._bounds = array("Q", (0,))
        self._ends_before = array("Q", (0,))
        self._ends = array("Q")

    @classmethod
    def of(cls, times: Iterable[float], sizes: Iterable[int], ends: Iterable[Iterable[int]]) -> Cuts:
        """Those of chunks that are known by these."""
        cuts = cls()
        cuts._times.extend(times)
        cuts._bounds.extend(_sums(0, sizes))
        for each in ends:
            cuts._ends.extend(each)
            cuts._ends_before.append(len(cuts._ends))
        return cuts

    def __len__(self) -> int:
        return len(self._times)

    @property
    def size(self) -> int:
        """Of the body."""
        return self._bounds[-1]

    def add(self, at: float, size: int, ends: Iterable[int] = ()) -> None:
        """One more chunk; as those of ``Chunk``."""
        self._times.append(at)
        self._bounds.append(self._bounds[-1] + size)
        self._ends.extend(ends)
        self._ends_before.append(len(self._ends))

    def extend(self, chunks: Collection[Chunk]) -> None:
        """Some more chunks."""
        many = [len(chunk.ends) for chunk in chunks]
        self._times.extend([chunk.at for chunk in chunks])
        self._bounds.extend(_sums(self._bounds[-1], [len(chunk.data) for chunk in chunks]))
        self._ends_before.extend(_sums(len(self._ends), many))
        self._ends.extend(chain.from_iterable([chunk.ends for chunk in chunks]))

    def first(self, size: int) -> Cuts:
        """Those of so many bytes, the last one as far as it goes."""
        many = bisect_left(self._bounds, size)
        cuts = Cuts()
        for number in range(min(many, len(self))):
            start, end = self._bounds[number], min(self._bounds[number + 1], size)
            first, last = self._ends_before[number], self._ends_before[number + 1]
            cuts.add(self._times[number], end - start, [each for each in self._ends[first:last] if each <= end - start])
        return cuts

    def chunk(self, body: bytes, number: int) -> Chunk:
        """The chunk of this number, from 0, or from the end; raises ``IndexError`` where there is none."""
        at = self._times[number]
        number %= len(self._times)
        ends = self._ends[self._ends_before[number] : self._ends_before[number + 1]]
        return Chunk(at, body[self._bounds[number] : self._bounds[number + 1]], tuple(ends))

    def each(self, body: bytes) -> Iterator[Chunk]:
        """All of a body's chunks, one by one."""
        parts = zip(self._times, pairwise(self._bounds), pairwise(self._ends_before), strict=True)
        for at, (start, end), (first, last) in parts:
            yield Chunk(at, body[start:end], tuple(self._ends[first:last]) if last > first else ())

    def measures(self) -> Iterator[Measure]:
        """When each came, its size, and where HTTP chunks ended in it."""
        parts = zip(self._times, pairwise(self._bounds), pairwise(self._ends_before), strict=True)
        for at, (start, end), (first, last) in parts:
            yield at, end - start, tuple(self._ends[first:last]) if last > first else ()

    def chunks(self, body: bytes) -> tuple[Chunk, ...]:
        """All of them, together."""
        return tuple(self.each(body))

    def pieces(self, body: bytes) -> Sequence[Chunk]:
        """The same, each cut anew when it is looked at."""
        return _Pieces(self, body)


def measures(tape: Tape) -> Iterator[Measure]:
    """Those of its chunks; what was recorded just now is not cut for it."""
    cut = vars(tape).get("_cut")
    if "chunks" not in vars(tape) and isinstance(cut, Cuts):
        return cut.measures()
    return map(_measure, tape.pieces)  # not in a loop, whose name would keep one beside the next


def _measure(chunk: Chunk) -> Measure:
    return chunk.at, len(chunk.data), chunk.ends


def _sums(before: int, numbers: Iterable[int]) -> Iterator[int]:
    """With what was before, each added to those before it."""
    return islice(accumulate(numbers, initial=before), 1, None)


class Received:
    """A body in its content coding, as it comes: each arrival, and what tells that its chunks are still of it."""

    def __init__(self) -> None:
        self._cuts = Cuts()
        self._chunks: list[Chunk] = []
        self._of: list[int] = []

    def __bool__(self) -> bool:
        return bool(self._chunks)

    def add(self, decoded: Chunk, coded: Chunk) -> None:
        """What came together, without its coding and in it; both have its time."""
        self._cuts.add(decoded.at, len(decoded.data), decoded.ends)
        self._of.append(hash(decoded.data))
        self._chunks.append(coded)

    def tape(self, tape: Tape) -> Tape:
        """The tape of the decoded body, with the body as it was received."""
        coded = Coded(content_coding(tape.headers), tuple(self._chunks), tuple(self._of))
        return Tape.of_body(tape.head, tape.body[: self._cuts.size], self._cuts, tape.ending, coded)


class _Pieces(Sequence[Chunk]):
    def __init__(self, cuts: Cuts, body: bytes) -> None:
        self._cuts, self._body = cuts, body

    def __len__(self) -> int:
        return len(self._cuts)

    def __iter__(self) -> Iterator[Chunk]:
        return self._cuts.each(self._body)

    @overload
    def __getitem__(self, index: int) -> Chunk: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Chunk]: ...
    def __getitem__(self, index: int | slice) -> Chunk | Sequence[Chunk]:
        if isinstance(index, slice):
            return [self._cuts.chunk(self._body, each) for each in range(*index.indices(len(self._cuts)))]
        return self._cuts.chunk(self._body, index)
