"""What was asked and what became of it: the last so many requests, and so many bytes of them, and of all journals.

Knows no connection. What it holds is as it was sent; whoever shows it takes the secrets out.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

if TYPE_CHECKING:
    from fakegpt_testkit.errors import FakeGptTestkitError
    from fakegpt_testkit.exchange import Interaction, Request
    from fakegpt_testkit.serving.plan import SendProgress

MOST_ENTRIES: Final = 1000
MOST_BYTES: Final = 16 * 2**20
MOST_TOGETHER: Final = 64 * 2**20
"""Bytes of all journals of one server."""
MOST_BODY: Final = 65_536
"""Bytes of a request's body that are kept."""
_ENTRY: Final = 1000
_CHUNK: Final = 200
"""Bytes that an entry and a chunk take beside their own."""


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
    progress: SendProgress | None = None
    problem: FakeGptTestkitError | None = None
    recorded: bool = True
    """Whether ``played`` is the cassette's own, and takes no memory of its own."""
    live: bool = False
    """Whether it was asked of the live service; ``played`` is then what that said, once it has said all."""

    @property
    def size(self) -> int:
        """About how many bytes it keeps."""
        fields = sum(len(name) + len(value) for name, value in self.request.headers)
        own = self.played is not None and not self.recorded
        tape = self.played.response if own and self.played else None
        answer = len(tape.body) + _CHUNK * len(tape.pieces) if tape else 0
        problem = len(str(self.problem)) if self.problem is not None else 0
        return _ENTRY + len(self.request.uri) + fields + len(self.request.body) + answer + problem


class Together:
    """What all journals of a server may keep: where it is too much, the fullest one forgets its oldest entry."""

    def __init__(self, most: int = MOST_TOGETHER) -> None:
        self._most = most
        self._parts: WeakSet[_Newest] = WeakSet()
        self._held = 0  # or more: what was forgotten since is looked at when it matters

    def join(self, part: _Newest) -> None:
        """Count this part too, for as long as there is one."""
        self._parts.add(part)

    def took(self, size: int) -> None:
        """A part has grown by so many bytes."""
        self._held += size
        if self._held <= self._most:
            return
        self._held = sum(each.size for each in self._parts)
        while self._held > self._most:
            fullest = max(self._parts, key=lambda each: each.size)
            if len(fullest.entries) <= 1:
                return
            self._held -= fullest.forget()


class RequestJournal:
    """The newest entries; of those without an answer, a share that others do not push out."""

    def __init__(
        self,
        most: int = MOST_ENTRIES,
        most_bytes: int = MOST_BYTES,
        together: Together | None = None,
        most_body: int = MOST_BODY,
    ) -> None:
        self._most_body = most_body
        together = together or Together()
        self._answered = _Newest(most, most_bytes, together)
        self._missed = _Newest(max(1, most // 10), max(1, most_bytes // 4), together)
        self.count = 0
        """How many requests there were."""
        self.missed = 0
        """How many of them had no answer."""

    def add(self, entry: Entry) -> None:
        """Note a request."""
        self.count += 1
        if len(entry.request.body) > self._most_body:
            entry = replace(entry, request=replace(entry.request, body=entry.request.body[: self._most_body]))
        if entry.problem is None:
            self._answered.add(entry)
        else:
            self.missed += 1
            self._missed.add(entry)

    def complete(self, number: int, played: Interaction, progress: SendProgress) -> None:
        """Say what became of a request that was noted when it came; nothing where that is forgotten."""
        self._answered.complete(number, played, progress)

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
    def __init__(self, most: int, most_bytes: int, together: Together) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._together = together
        together.join(self)
        self._sizes: deque[int] = deque()
        self.entries: deque[Entry] = deque()
        self.size = 0

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self._sizes.append(entry.size)
        self._grown(self._sizes[-1])

    def complete(self, number: int, played: Interaction, progress: SendProgress) -> None:
        for at in range(len(self.entries) - 1, -1, -1):
            if self.entries[at].number == number:
                self.entries[at] = replace(self.entries[at], played=played, progress=progress, recorded=False)
                before, self._sizes[at] = self._sizes[at], self.entries[at].size
                self._grown(self._sizes[at] - before)
                return

    def _grown(self, size: int) -> None:
        self.size += size
        while len(self.entries) > self._most or (self.size > self._most_bytes and len(self.entries) > 1):
            self.forget()
        self._together.took(size)

    def forget(self) -> int:
        """Forget the oldest entry; how many bytes that were."""
        self.entries.popleft()
        size = self._sizes.popleft()
        self.size -= size
        return size
