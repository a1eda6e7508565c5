"""A tape's times and sizes as one short line of text: ``14.2 +0.8:120/ +50.1:64/30 +0.3``.

The first number is when the head came, in milliseconds since the request was sent. Then one word per chunk:
milliseconds since the word before, a colon, the chunk's size. A ``/`` stands where an HTTP chunk ended, so ``64/30`` is
a piece of 94 bytes with an HTTP chunk's end after 64, and ``0/`` is the late end of an HTTP chunk whose bytes came
before. The last number is when the response ended. Knows no YAML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, chain
from math import fsum
from typing import TYPE_CHECKING

from fakegpt_testkit.cuts import Cuts, measures
from fakegpt_testkit.exchange import Chunk, Tape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    _Parts = tuple[Iterable[int], Iterable[int], Iterable[tuple[int, ...]]]
    """The head's time and the steps from it to the ending, in ticks; the chunks' sizes, and the HTTP chunks' ends."""

_TICKS_PER_SECOND = 10_000
_TIME = r"[+-]\d{1,12}+\.\d"
_SIZE = r"(?:0|[1-9]\d{0,11}+)"
_SIZES = r"(?=\d)(?:0/)?(?:[1-9]\d{0,11}/)*(?:[1-9]\d{0,11})?"
_UNFRAMED, _CHUNK_BY_CHUNK, _TRACK = (
    re.compile(rf"-?\d{{1,12}}\.\d(?: {_TIME}:{sizes})*+ {_TIME}", re.ASCII)
    for sizes in (_SIZE, f"{_SIZE}/", f"(?:0(?!/)|{_SIZES})")
)
"""No ends of HTTP chunks, one at the end of each piece, and any."""

_MOMENT = re.compile(r"\d{1,12}\.\d", re.ASCII)
_SHORT = 4096
"""Characters; a longer track takes less memory than its numbers, and may never be played."""
_COMMAS = bytes.maketrans(b" :", b",,")
_WORDS_ONLY, _NUMBERS_ONLY = str.maketrans(":", " ", "."), str.maketrans(":", " ", "./")


class BadTrack(ValueError):
    """A track that is not of the form above."""


def write_track(tape: Tape) -> str:
    """The track of a tape; times are rounded to a tenth of a millisecond."""
    now = _ticks(tape.head.at)
    words = [f"{'-' if now < 0 else ''}{_milliseconds(now)}"]
    for at, size, ends in measures(tape):  # spelled out, since a long stream has ten thousand of them
        tick = round(at * _TICKS_PER_SECOND)
        step, now = tick - now, tick
        if step >= 0 and ends == (size,):
            words.append(f"+{step // 10}.{step % 10}:{size}/")
        else:
            words.append(f"{_step(step)}:{_sizes(size, ends)}")
    words.append(_step(_ticks(tape.ending.at) - now))
    return " ".join(words)


def write_moment(seconds: float) -> str:
    """A moment in a track's unit, milliseconds."""
    return _milliseconds(_ticks(seconds))


def read_moment(text: str) -> float:
    """A moment that was written so, in seconds. Raises ``BadTrack`` for any other text."""
    if not _MOMENT.fullmatch(text):
        raise BadTrack(text)
    return int(text.replace(".", "")) / _TICKS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Track:
    """A track that was read: ``at`` when the head came, ``ended`` when the response ended, ``size`` of the body.

    ``at`` and ``ended`` are in seconds since the request was sent, ``size`` is in bytes.
    """

    at: float
    ended: float
    size: int
    _text: str
    _kept: _Parts | None = field(compare=False, repr=False)
    """What was read of a short one: its chunks need not read it again."""

    def chunks(self, body: bytes) -> tuple[Chunk, ...]:
        """The body, which has ``size`` bytes, cut as it arrived: for a long stream most of what a load costs."""
        steps, sizes, ends = self._kept or _parts(self._text)
        _, *times, _ = accumulate(steps)
        chunks = []
        start = 0
        for time, size, inner in zip(times, sizes, ends, strict=True):
            chunk = _new_chunk(Chunk)
            chunk.at = time / _TICKS_PER_SECOND
            chunk.data = body[start : start + size]
            chunk.ends = inner
            chunks.append(chunk)
            start += size
        return tuple(chunks)

    def pieces(self, body: bytes) -> Sequence[Chunk]:
        """The same, each cut when it is looked at."""
        steps, sizes, ends = self._kept or _parts(self._text)
        _, *times, _ = accumulate(steps)
        return Cuts.of((time / _TICKS_PER_SECOND for time in times), sizes, ends).pieces(body)


_new_chunk = object.__new__
"""Three assignments to a new chunk take less time than a call of its ``__init__``."""


def read_track(track: str) -> Track:
    """What a track says. Raises ``BadTrack`` for any other text."""
    if len(track) >= _SHORT and (numbers := _numbers(track)):
        at, ended = (round(each * 10) for each in (numbers[0], numbers[0] + fsum(numbers[1::2])))
        return Track(at / _TICKS_PER_SECOND, ended / _TICKS_PER_SECOND, int(sum(numbers[2::2])), track, None)
    parts = _parts(track)
    kept: _Parts | None = None
    if len(track) < _SHORT:
        parts = kept = [*parts[0]], [*parts[1]], [*parts[2]]
    steps = iter(parts[0])
    at = next(steps)
    return Track(at / _TICKS_PER_SECOND, sum(steps, at) / _TICKS_PER_SECOND, sum(parts[1]), track, kept)


def _numbers(track: str) -> list[float]:
    """The words of a long track in milliseconds and bytes, in a third of the time; none where it is in other words."""
    if not (_UNFRAMED.fullmatch(track) or _CHUNK_BY_CHUNK.fullmatch(track)):
        return []
    from msgspec import DecodeError, json  # most cassettes have no such track

    try:
        return json.decode(b"[%s]" % track.encode().translate(_COMMAS, b"+/"), type=list[float])
    except DecodeError:  # zeros in front, which our own writer does not write
        return []


def _parts(track: str) -> _Parts:
    # Lists and maps, not a loop over the words: a long stream has ten thousand of them.
    if (unframed := _UNFRAMED.fullmatch(track)) or _CHUNK_BY_CHUNK.fullmatch(track):
        words = track.translate(_NUMBERS_ONLY).split(" ")
        sizes = words[2::2]
        ends = [()] * len(sizes) if unframed else zip(map(int, sizes), strict=True)
        return _steps(words), map(int, sizes), ends
    if _TRACK.fullmatch(track):
        words = track.translate(_WORDS_ONLY).split(" ")
        both = [_size_and_ends(word) for word in words[2::2]]
        return _steps(words), [size for size, _ in both], [ends for _, ends in both]
    raise BadTrack(track)


def _steps(words: list[str]) -> Iterator[int]:
    return map(int, chain(words[:1], words[1::2]))


def _sizes(size: int, ends: tuple[int, ...]) -> str:
    if not ends:
        return str(size)
    parts: list[str] = []
    start = 0
    for end in ends:
        if not start < end <= size and (parts or end):
            raise ValueError(f"a chunk of {size} bytes cannot have HTTP chunks that end at {ends}")
        parts.append(f"{end - start}/")
        start = end
    rest = str(size - start) if size > start else ""
    return "".join(parts) + rest


@lru_cache(maxsize=256)
def _size_and_ends(word: str) -> tuple[int, tuple[int, ...]]:
    *complete, rest = word.split("/")
    ends = tuple(accumulate(map(int, complete)))
    return (ends[-1] if ends else 0) + int(rest or 0), ends


def _ticks(seconds: float) -> int:
    return round(seconds * _TICKS_PER_SECOND)


def _milliseconds(ticks: int) -> str:
    whole, tenth = divmod(abs(ticks), 10)
    return f"{whole}.{tenth}"


def _step(ticks: int) -> str:
    return f"{'-' if ticks < 0 else '+'}{_milliseconds(ticks)}"
