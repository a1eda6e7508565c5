"""The same bytes in other chunks, so that a suite finds out whether its consumer leans on the cuts.

Knows no events but by `sse`, and nothing of who plays the chunks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, cycle
from random import Random
from typing import TYPE_CHECKING, TypeGuard

from fakegpt_testkit.dialects import framing_of_tape
from fakegpt_testkit.effects.effect import Effect, Target
from fakegpt_testkit.errors import EffectMisplaced
from fakegpt_testkit.exchange import Chunk, EndingKind, is_chunked
from fakegpt_testkit.framing import Framing, split
from fakegpt_testkit.wording import in_a_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fakegpt_testkit.exchange import Tape

_HOW = "give a seed, 'byte', 'event', 'line', or sizes such as [3, 5] (on the command line 3,5)"


def recut(how: int | str | Sequence[int]) -> Effect:
    """Every response's body in other chunks: the same bytes, and the same chunks each time.

    ``how`` is a seed for random sizes, ``"byte"``, ``"event"``, ``"line"``, or sizes, which begin again when they are
    used up. A text with a number is a seed, one with commas sizes. A chunk comes when its last byte came.
    """
    if isinstance(how, str):
        how = _cuts_in(how)
    kept = how if isinstance(how, str) or _is_whole(how) else _sizes(how)
    return Effect(f"recut({kept!r})", lambda tape: _recut(tape, _pieces(tape, kept)), Target(everything=True))


def _is_whole(number: object) -> TypeGuard[int]:
    return isinstance(number, int) and not isinstance(number, bool)


def _sizes(how: object) -> tuple[int, ...]:
    if not isinstance(how, Sequence) or isinstance(how, (bytes, bytearray)):
        raise EffectMisplaced(f"recut({in_a_line(how)})", "nothing is cut that way", _HOW)
    sizes = tuple(how)
    if not sizes or not all(_is_whole(each) and each >= 1 for each in sizes):
        raise EffectMisplaced(f"recut({in_a_line(sizes)})", "each size must be at least 1", _HOW)
    return sizes


def _cuts_in(how: str) -> int | str | tuple[int, ...]:
    if how in ("byte", "event", "line"):
        return how
    words = [word.strip() for word in how.split(",")]
    if not all(word.isascii() and word.isdigit() for word in words):
        raise EffectMisplaced(f"recut({how!r})", "nothing is cut that way", _HOW)
    numbers = tuple(map(int, words))
    return numbers if len(numbers) > 1 else numbers[0]


def _pieces(tape: Tape, how: int | str | tuple[int, ...]) -> Iterable[int]:
    match how:
        case "byte":
            return cycle((1,))
        case "event":
            return map(len, split(tape.body, framing_of_tape(tape) or Framing.SSE))
        case "line":
            return map(len, tape.body.splitlines(keepends=True))
        case int():
            return _dice(Random(how))  # noqa: S311 - wanted: the same each time
    return cycle(map(int, how))


def _dice(rng: Random) -> Iterator[int]:
    while True:
        yield rng.choice((1, 2, 3, rng.randint(1, 64), rng.randint(1, 2048)))


def _recut(tape: Tape, sizes: Iterable[int]) -> Tape:
    body = tape.body
    if not body:
        return tape
    chunked = is_chunked(tape.headers)
    came = [*accumulate(len(chunk.data) for chunk in tape.chunks)]
    chunks: list[Chunk] = []
    start = arrival = 0
    for size in sizes:
        end = min(start + size, len(body))
        arrival = bisect_left(came, end, arrival)
        chunks.append(Chunk(tape.chunks[arrival].at, body[start:end], (end - start,) if chunked else ()))
        start = end
        if start == len(body):
            break
    if tape.ending.kind is not EndingKind.COMPLETE and not _closes(tape):
        chunks[-1] = replace(chunks[-1], ends=())
    return replace(tape, chunks=tuple(chunks))


def _closes(tape: Tape) -> bool:
    """Whether the last HTTP chunk of a broken stream came to its end."""
    last = tape.chunks[-1]
    return last.ends[-1:] == (len(last.data),)
