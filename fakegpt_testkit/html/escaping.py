"""Texts that come from elsewhere, made fit to stand in a page. Knows no page."""

from __future__ import annotations

import re
from html import escape

_INVISIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
"""What HTML or UTF-8 cannot hold, or what would show a text in another order than it has."""


def as_html(text: str) -> str:
    """A text as HTML: markup escaped, what cannot be shown written as its code."""
    return escape(_INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\r", "\\r")))
