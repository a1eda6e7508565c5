"""How numbers and long texts are put for people, in errors and wherever they are shown. Knows no thing it counts."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

LINES_SHOWN: Final = 10
"""How many lines of a list are shown; of a longer one, the rest is only counted."""

VALUE_SHOWN: Final = 80
"""How many characters of a value are shown."""

_LOGIN: Final = r"//[^/@\s]*@"


def counted(number: int, thing: str) -> str:
    """``1 request``, ``2 requests``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def choice(word: str, allowed: Collection[str]) -> str:
    """What may stand in a word's place: the nearest, where one is near, and all."""
    import difflib

    near = difflib.get_close_matches(word.lower(), allowed, n=1)
    return f"{f'perhaps {near[0]}; ' if near else ''}one of {', '.join(allowed)}"


def quoted(text: str) -> str:
    """A word of a command as a shell takes it: in double quotes, which every shell knows, unless it sees into them."""
    return shlex.quote(text) if set(text) & set('"$`\\!') else f'"{text}"'


def listed(lines: list[str], indent: str = "  ") -> str:
    """Each line on a line of its own, below what was written before; of many, the first and how many more."""
    more = len(lines) - LINES_SHOWN
    shown = [*lines[:LINES_SHOWN], f"and {more} more"] if more > 0 else lines
    return "".join(f"\n{indent}{line}" for line in shown)


def shortened(text: str, most: int = VALUE_SHOWN, start: int = 0) -> str:
    """At most so many characters of a text, from a place within it, with a mark where something is left out."""
    before = "…" if start else ""
    after = "…" if start + most < len(text) else ""
    return f"{before}{text[start : start + most]}{after}"


def in_a_line(value: object, most: int = 2 * VALUE_SHOWN) -> str:
    """A value as Python writes it, in one line, without the login of a URL; of one that cannot be written, its type."""
    try:
        written = repr(value)
    except Exception:  # whatever somebody else's class does
        written = f"a {type(value).__name__}"
    return shortened(re.sub(_LOGIN, "//…@", " ".join(written.split())), most)


def first_difference(one: Sequence[object], other: Sequence[object]) -> int:
    """The place, from 0, at which two texts or rows begin to differ; where one ends, at the latest."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, pair in pairs if pair[0] != pair[1]), min(len(one), len(other)))


def around_the_difference(one: str, other: str, most: int = VALUE_SHOWN) -> tuple[str, str]:
    """Both texts cut to the place where they begin to differ, with some of what comes before it."""
    if max(len(one), len(other)) <= most:
        return one, other
    start = max(0, first_difference(one, other) - most // 4)
    return shortened(one, most, start), shortened(other, most, start)
