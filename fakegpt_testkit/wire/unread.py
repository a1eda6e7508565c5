"""The notes of endings that keep what came and is no part of a body: a bad chunk's head, the half of one, a surplus.

Knows no framing: what was not read comes in as bytes, and goes out as it came.
"""

from __future__ import annotations

import re
from typing import Final

from fakegpt_testkit.exchange import SURPLUS, Breach

CUT_OFF: Final = "cut off"
"""The note where the connection ended in the midst of an HTTP chunk's head, or of a trailer."""
_KEEPS: Final = re.compile(rf"(?:{SURPLUS}|{Breach.CHUNK}|{CUT_OFF}): (.+)", re.DOTALL)
_MORE: Final = re.compile(r"(\d+) more")
_MOST: Final = 120
"""Bytes that are kept, so that a note stays one."""


def note_unread(word: str, unread: bytes) -> str:
    """A note of this word and of the bytes that were not read, at most the first 120."""
    return f"{word}: {unread[:_MOST].decode('latin-1').encode('unicode_escape').decode()}"


def unread_in(note: str) -> bytes:
    """The bytes that a note keeps; none where it keeps none, or where somebody wrote something else there."""
    kept = _KEEPS.fullmatch(note)
    try:
        return kept[1].encode("ascii").decode("unicode_escape").encode("latin-1") if kept else b""
    except UnicodeError:
        return b""


def note_more(size: int) -> str:
    """The note where so many bytes of an HTTP chunk did not come; it is 0 where only its end did not."""
    return f"{size} more"


def more_in(note: str) -> int | None:
    """How many bytes of an HTTP chunk did not come, where a note says it."""
    said = _MORE.fullmatch(note)
    return int(said[1]) if said else None
