"""Interactions and their text form: a vcrpy cassette that plain vcrpy replays, and that a person can read.

Values in, bytes out, and back. Knows no files and no HTTP library.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fakegpt_testkit.cassette import canonical
from fakegpt_testkit.cassette.reading import interactions_of
from fakegpt_testkit.cassette.tree import MAX_BYTES, BadShape, parse
from fakegpt_testkit.cassette.writing import text_of
from fakegpt_testkit.errors import CassetteError

if TYPE_CHECKING:
    from fakegpt_testkit.exchange import Interaction

__all__ = ["Cassette", "dumps", "loads", "merge"]

_ADVICE = "repair the line, take the file from version control, or remove it and record it again; it was not touched"
_CONFLICT_MARKS = (b"<<<<<<< ", b"=======", b">>>>>>> ", b"||||||| ")


@dataclass(frozen=True, slots=True)
class Cassette:
    """Interactions in the order they were asked; ``path`` names the file they came from, for people."""

    interactions: tuple[Interaction, ...] = ()
    path: str = ""


def dumps(cassette: Cassette) -> bytes:
    """The text of a cassette, in UTF-8; what was loaded from it gives the same bytes again."""
    return text_of(cassette.interactions).encode()


def loads(data: bytes, source: str) -> Cassette:
    """The cassette in these bytes; ``source`` names them in errors. Anything else is a CassetteError, soon."""
    try:
        return Cassette(_load(data), source)
    except BadShape as wrong:
        raise CassetteError(source, wrong.line, wrong.problem, wrong.advice or _ADVICE) from None


def _load(data: bytes) -> tuple[Interaction, ...]:
    if len(data) > MAX_BYTES:
        raise BadShape(f"the file has {len(data)} bytes, and at most {MAX_BYTES} are read")
    _check_utf_8(data)
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in data:  # a checkout with CRLF line ends; to YAML they are the same
        data = data.replace(b"\r\n", b"\n")
    if (root := canonical.read(data)) is not None:
        with suppress(BadShape):  # a parser finds it again, with its line
            return interactions_of(root)
    try:
        return interactions_of(parse(data))
    except BadShape:
        _check_conflict(data)
        raise


def _check_utf_8(data: bytes) -> None:
    if data.isascii():
        return
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadShape(f"not UTF-8: {error.reason}", line, "save the file as UTF-8") from None


def _check_conflict(data: bytes) -> None:
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.startswith(_CONFLICT_MARKS):
            raise BadShape("a merge conflict was left in the file", number, "keep one side, or both in turn")


def merge(base: Cassette, current: Cassette, mine: Cassette) -> Cassette:
    """What two recordings of one cassette leave.

    ``base`` was read, ``current`` lies there now, ``mine`` was to be saved. Interactions that both kept come first,
    then the other's new ones, then mine.
    """
    was, there = Counter(base.interactions), Counter(current.interactions)
    others = _without(current.interactions, was)
    new = _without(mine.interactions, was)
    kept = _without(mine.interactions, Counter(new))
    return Cassette((*_within(kept, there), *others, *new), mine.path)


def _without(interactions: tuple[Interaction, ...], taken: Counter[Interaction]) -> tuple[Interaction, ...]:
    """The interactions that remain when each of ``taken`` is taken away once."""
    left = Counter(taken)
    rest = []
    for interaction in interactions:
        if left[interaction] > 0:
            left[interaction] -= 1
        else:
            rest.append(interaction)
    return tuple(rest)


def _within(interactions: tuple[Interaction, ...], there: Counter[Interaction]) -> tuple[Interaction, ...]:
    rest = _without(interactions, there)
    return _without(interactions, Counter(rest))
