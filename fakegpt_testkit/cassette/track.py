"""A tape's times and sizes as one short line of text: ``14.2 +0.8:120/ +50.1:64/30 +0.3``.

The first number is when the head came, in milliseconds since the request was sent. Then one word per chunk:
milliseconds since the word before, a colon, the chunk's size. A ``/`` stands where an HTTP chunk ended, so ``64/30`` is
a piece of 94 bytes with an HTTP chunk's end after 64. The last number is when the response ended. Knows no YAML.
"""

from __future__ import annotations

import re

from fakegpt_testkit.tape import Chunk, Tape

_TICKS_PER_SECOND = 10_000
_TIME = r"[+-]\d{1,12}\.\d"
_SIZES = r"(?:[1-9]\d{0,11}/)*(?:[1-9]\d{0,11})?"
_TRACK = re.compile(rf"-?\d{{1,12}}\.\d(?: {_TIME}:(?:{_SIZES}|0))* {_TIME}", re.ASCII)


class BadTrack(ValueError):  # noqa: N818 - never leaves the room
    """A track that is not of the form above."""


def write_track(tape: Tape) -> str:
    """The track of a tape; times are rounded to a tenth of a millisecond."""
    now = _ticks(tape.head.at)
    words = [f"{'-' if now < 0 else ''}{_milliseconds(now)}"]
    for chunk in tape.chunks:
        before, now = now, _ticks(chunk.at)
        words.append(f"{_step(now - before)}:{_sizes(chunk)}")
    words.append(_step(_ticks(tape.ending.at) - now))
    return " ".join(words)


def read_track(track: str, body: bytes) -> tuple[float, tuple[Chunk, ...] | None, float]:
    """When the head came, the chunks of the body, when the response ended.

    The chunks are None when their sizes do not add up to the body.
    """
    if _TRACK.fullmatch(track) is None:
        raise BadTrack(track)
    first, *words, last = track.split(" ")
    head = now = _read_ticks(first)
    chunks = []
    start = 0
    for word in words:
        step, _, sizes = word.partition(":")
        now += _read_ticks(step)
        plain = sizes.rstrip("/")
        if "/" in plain:
            size, ends = _read_sizes(sizes)
        else:
            size = int(plain)
            ends = (size,) if plain != sizes else ()
        chunks.append(Chunk(now / _TICKS_PER_SECOND, body[start : start + size], ends))
        start += size
    fits = start == len(body)
    ending = (now + _read_ticks(last)) / _TICKS_PER_SECOND
    return head / _TICKS_PER_SECOND, tuple(chunks) if fits else None, ending


def _sizes(chunk: Chunk) -> str:
    size = len(chunk.data)
    if chunk.ends == (size,):
        return f"{size}/"
    if not chunk.ends:
        return str(size)
    parts = []
    start = 0
    for end in chunk.ends:
        parts.append(f"{end - start}/")
        start = end
    rest = str(size - start) if size > start else ""
    return "".join(parts) + rest


def _read_sizes(sizes: str) -> tuple[int, tuple[int, ...]]:
    size = 0
    ends = []
    *complete, rest = sizes.split("/")
    for part in complete:
        size += int(part)
        ends.append(size)
    return size + int(rest or 0), tuple(ends)


def _ticks(seconds: float) -> int:
    return round(seconds * _TICKS_PER_SECOND)


def _milliseconds(ticks: int) -> str:
    whole, tenth = divmod(abs(ticks), 10)
    return f"{whole}.{tenth}"


def _step(ticks: int) -> str:
    return f"{'-' if ticks < 0 else '+'}{_milliseconds(ticks)}"


def _read_ticks(milliseconds: str) -> int:
    return int(milliseconds[:-2] + milliseconds[-1])
