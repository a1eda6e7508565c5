"""Says when a text is like a recorded one in which placeholders stand for secrets.

Knows no request: two texts go in. Who replays may have another key, a dummy, or none of the variables of who recorded.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from fakegpt_testkit.exchange import PLACEHOLDER, placeholder_label

_OF_DIGITS: Final = re.compile(r"900+[0-9]{3}")
"""A placeholder of a number, which has no name."""
_MOST: Final = 8
"""Placeholders in a text for which anything may stand; with many, trying takes its time."""


class Likeness(Enum):
    """What may stand where a placeholder stands; tried in this order."""

    EXACT = auto()
    """The same placeholder."""
    NAMED = auto()
    """One of the same name: which number it has depends on what was met before."""
    ANY = auto()
    """Anything without spaces, slashes and quotes."""


def alike(asked: str, recorded: str, likeness: Likeness) -> bool:
    """Whether the asked text may be what was recorded."""
    numbers = len(asked) == len(recorded) and _OF_DIGITS.fullmatch(asked) and _OF_DIGITS.fullmatch(recorded)
    if likeness is not Likeness.EXACT and numbers:
        return True
    if likeness is Likeness.EXACT or not PLACEHOLDER.search(recorded):
        return asked == recorded
    if _unnumbered(asked) == _unnumbered(recorded):
        return True
    return likeness is Likeness.ANY and _standing_for(recorded).fullmatch(asked) is not None


def _unnumbered(text: str) -> str:
    return PLACEHOLDER.sub(lambda found: f"REDACTED-{placeholder_label(found[0])[0]}", text)


@lru_cache(maxsize=1024)
def _standing_for(text: str) -> re.Pattern[str]:
    pieces: list[str] = []
    at = 0
    for found in PLACEHOLDER.finditer(text):
        pieces.append(re.escape(text[at : found.start()]))
        at = found.end()
    anything = r"[^\s\"'/?&#<>]+" if len(pieces) <= _MOST else r"(?!)"
    return re.compile(anything.join((*pieces, re.escape(text[at:]))))
