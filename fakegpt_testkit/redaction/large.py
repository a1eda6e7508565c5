"""A large body read as text part by part, so that it is not held twice: once as bytes, once as text.

Knows no secret. Parts end where lines do, since no value in a text goes on in another line, but for a few forms: these
are found where a part reaches over its end; where they go on beyond that, a part of twice the size is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGE = 2**22
"""From so many bytes on a body is read in parts."""
PART = 2**18
REACH = 20 * 1024
"""So much of what stands around a part is read with it."""
_NEAR = 16
_BETWEEN = " \t\r\n,"
_QUOTES = ("'", '"')


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part from ``first`` to ``last``; its text is that from ``start``, and goes on behind it."""

    text: str
    start: int
    first: int
    last: int
    goes_on: bool

    def is_cut_at(self, end: int) -> bool:
        """Whether what ends at this place of its text may go on in what was not read, or the text ends in a list."""
        if not self.goes_on:
            return False
        read = self.text.rstrip(_BETWEEN)
        last = read[read.rfind("\n") + 1 :].lstrip()
        return end + _NEAR >= len(read) or (last[:1] in _QUOTES and last[-1:] in _QUOTES)


@dataclass(frozen=True, slots=True)
class Latin:
    """Bytes read as Latin-1, as a str of them would be, but that only what is looked at is made one."""

    body: bytes

    def __len__(self) -> int:
        return len(self.body)

    def __str__(self) -> str:
        return self.body.decode("latin-1")

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> str: ...
    def __getitem__(self, at: int | slice) -> str:
        return self.body[at].decode("latin-1") if isinstance(at, slice) else chr(self.body[at])

    def startswith(self, text: str, start: int, end: int) -> bool:
        """As that of a str."""
        return self.body.startswith(text.encode("latin-1"), start, end)

    def find(self, text: str, start: int) -> int:
        """As that of a str."""
        return self.body.find(text.encode("latin-1"), start)

    def beginning(self) -> str:
        """Its first lines, or what there is of a long one."""
        return self[: min(self._line_end(PART) + 1, 2 * PART)]

    def stretches(self, reach: int) -> Iterator[Stretch]:
        """All of it in parts, each with about so much of what stands around it."""
        first = 0
        while first < len(self):
            part = self.stretch(first, reach=reach)
            yield part
            first = part.last

    def stretch(self, first: int, size: int | None = None, reach: int | None = None) -> Stretch:
        """The lines from one place on, some ``size`` of them, with about so much of what stands around them."""
        reach = REACH if reach is None else reach
        last = self._line_end(first + (PART if size is None else size))
        start = self.body.rfind(b"\n", 0, max(0, first - reach)) + 1 if reach else first
        end = self._line_end(last + reach) if reach else last
        return Stretch(self[start:end], start, first, last, end < len(self))

    def _line_end(self, at: int) -> int:
        return self.body.find(b"\n", at - 1) + 1 or len(self)


def stretches_of(text: str | Latin, reach: int = 0) -> Iterator[Stretch]:
    """A large text in parts; any other is one."""
    if isinstance(text, str):
        yield Stretch(text, 0, 0, len(text), goes_on=False)
    else:
        yield from text.stretches(reach)
