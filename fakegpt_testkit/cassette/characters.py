"""Which characters may stand in YAML text as they are, asked of UTF-8 bytes at the speed of memchr.

Knows no YAML beyond that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmap import mmap

_VISIBLE = bytes(code for code in range(0x20, 0x100) if code != 0x7F)
_PIECE = 2**18
"""Of a longer text: what is left of one takes as much as it, at first."""

_FORBIDDEN = (
    re.compile(rb"\xc2[\x80-\x9f]"),  # C1 controls, NEL among them
    re.compile(rb"\xe2\x80[\xa8\xa9]"),  # LS and PS, line ends to YAML 1.1
    re.compile(rb"\xef(?:\xbb\xbf|\xbf[\xbe\xbf])"),  # the byte order mark, two noncharacters
)
"""In UTF-8, each with a literal first byte. A regular expression over the text would take seven times as long."""


def white_space(data: bytes | mmap) -> int | None:
    """How many tabs and line feeds UTF-8 text has; None when it holds what only an escape can write."""
    many = 0
    for start in range(0, len(data), _PIECE):
        controls = data[start : start + _PIECE].translate(None, _VISIBLE)
        if controls.strip(b"\t\n"):
            return None
        many += len(controls)
    if not (isinstance(data, bytes) and data.isascii()) and any(pattern.search(data) for pattern in _FORBIDDEN):
        return None
    return many
