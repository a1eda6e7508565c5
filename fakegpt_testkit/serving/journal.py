"""What was asked and what became of it: the last so many requests, and at most so many bytes of them.

Knows no connection. What it holds is as it was sent; whoever shows it takes the secrets out.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fakegpt_testkit.errors import FakeGptTestkitError
    from fakegpt_testkit.exchange import Interaction, Request
    from fakegpt_testkit.serving.plan import Progress

MOST_ENTRIES: Final = 1000
MOST_BYTES: Final = 16 * 2**20
_BODY: Final = 65_536
"""Bytes of a request's body that are kept."""
_ENTRY: Final = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One request.

    ``at`` is when it was whole, an ISO 8601 time; ``played`` what it was answered with, and ``source`` where that
    stands. ``problem`` is why there was no answer.
    """

    number: int
    at: str
    request: Request
    source: str = ""
    played: Interaction | None = None
    progress: Progress | None = None
    problem: FakeGptTestkitError | None = None
    recorded: bool = True
    """Whether ``played`` is the cassette's own, and takes no memory of its own."""

    @property
    def size(self) -> int:
        """About how many bytes it keeps."""
        fields = sum(len(name) + len(value) for name, value in self.request.headers)
        own = self.played is not None and not self.recorded
        answer = sum(len(each.data) for each in self.played.response.chunks) if own and self.played else 0
        problem = len(str(self.problem)) if self.problem is not None else 0
        return _ENTRY + len(self.request.uri) + fields + len(self.request.body) + answer + problem


class Journal:
    """The newest entries; of those without an answer, a share that others do not push out."""

    def __init__(self, most: int = MOST_ENTRIES, most_bytes: int = MOST_BYTES) -> None:
        self._answered = _Newest(most, most_bytes)
        self._missed = _Newest(max(1, most // 10), max(1, most_bytes // 4))
        self.count = 0
        """How many requests there were."""
        self.missed = 0
        """How many of them had no answer."""

    def add(self, entry: Entry) -> None:
        """Note a request."""
        self.count += 1
        if len(entry.request.body) > _BODY:
            entry = replace(entry, request=replace(entry.request, body=entry.request.body[:_BODY]))
        if entry.problem is None:
            self._answered.add(entry)
        else:
            self.missed += 1
            self._missed.add(entry)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All that are kept, in the order they were asked."""
        return tuple(sorted((*self._answered.entries, *self._missed.entries), key=lambda each: each.number))

    @property
    def unmatched(self) -> tuple[Entry, ...]:
        """Those without an answer."""
        return tuple(self._missed.entries)

    @property
    def size(self) -> int:
        """About how many bytes are kept."""
        return self._answered.size + self._missed.size


class _Newest:
    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._sizes: deque[int] = deque()
        self.entries: deque[Entry] = deque()
        self.size = 0

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self._sizes.append(entry.size)
        self.size += self._sizes[-1]
        while len(self.entries) > self._most or (self.size > self._most_bytes and len(self.entries) > 1):
            self.entries.popleft()
            self.size -= self._sizes.popleft()
