"""Gives what a text says when it is decoded: HTML's and JSON's escapes, percent signs, base64, hexadecimal.

Knows no secrets. A view is to learn from: what is found in it is replaced in the text itself, as it is spelled.
"""

from __future__ import annotations

import binascii
import html
import re
from string import hexdigits
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from fakegpt_testkit.redaction.values import is_alphanumeric

if TYPE_CHECKING:
    from collections.abc import Iterator

_HTML: Final = re.compile(r"&(?:quot|apos|lt|#0{0,4}3[49]|#x0{0,4}2[27]);", re.IGNORECASE)
_PERCENT: Final = re.compile(r"%(?:25){0,2}(?:22|3A|3D|7B)", re.IGNORECASE)
_ESCAPE: Final = re.compile(r"\\{1,8}u00([2-7][0-9A-Fa-f])")
_QUOTE: Final = re.compile(r"\\u00(?:22|27|3[aA]|3[dD])")
_BASE64: Final = re.compile(r"(?<![A-Za-z0-9+/=._-])[A-Za-z0-9+/_-]{32,}+={0,2}(?![A-Za-z0-9+/=_-]|\.[A-Za-z0-9])")
_RUN: Final = b"r" * 32
_RUNS: Final = bytes(
    ord("r") if chr(each) in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=._-" else 0
    for each in range(256)
)
"""Makes of a text one in which to see where either of these two may stand."""
_PART: Final = 2**16
"""Characters of a large text that are looked at together."""
_HEX: Final = re.compile(r"(?<![A-Za-z0-9])(?:[0-9A-Fa-f]{2}){24,}+(?![A-Za-z0-9])")
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_SAMPLE: Final = 32
_TELLS: Final = re.compile(rb"[:=<]")
_UNREADABLE: Final = re.compile(rb"[^\t\r\n\x20-\x7e\x80-\xff]")
_REACH: Final = 512
_DEEPEST: Final = 2
_ID: Final = 256
_IDS: Final = 1024
_MOST: Final = 4
"""Times the text's length, that all of its views may have together."""


def views(text: str) -> Iterator[str]:
    """The text's views, and the views of these, as far as they are readable; not those of a token's parts."""
    left = _MOST * len(text)
    texts = [(text, 0)]
    while texts:
        outer, depth = texts.pop()
        for view in _decoded(outer):
            left -= len(view)
            if left < 0:
                return
            yield view
            if depth + 1 < _DEEPEST:
                texts.append((view, depth + 1))


def _decoded(text: str) -> Iterator[str]:
    if "&" in text and (near := _near(text, _HTML)):
        yield html.unescape(near).encode("utf-8", "ignore").decode("latin-1")
    if "%" in text and (near := _near(text, _PERCENT)):
        yield unquote_to_bytes(near.encode("latin-1")).decode("latin-1")
    if "\\u00" in text and (near := _near(text, _QUOTE)):
        yield _ESCAPE.sub(lambda found: chr(int(found[1], 16)), near)
    seen: set[str] = set()
    for run in _runs(text):
        if run in seen:  # each event of a stream has the same ids
            continue
        if len(run) <= _ID and len(seen) < _IDS:
            seen.add(run)
        whole = is_alphanumeric(run)  # then nothing in it parts two words
        for each in (run,) if whole else [found[0] for found in _BASE64.finditer(run)]:
            if _UNREADABLE.search(_from_base64(each[:_SAMPLE])) is None and _tells(said := _from_base64(each)):
                yield said.decode("latin-1")
        if whole and not (run[0] in hexdigits and run[-1] in hexdigits):  # the expression would look at each letter
            continue
        for found in _HEX.finditer(run):
            if _readable(bytes.fromhex(found[0][:_SAMPLE])) and _tells(said := bytes.fromhex(found[0])):
                yield said.decode("latin-1")


def _runs(text: str) -> Iterator[str]:
    """What stands between characters that neither base64 nor hexadecimal stops at, where it is long enough for one.

    By what bytes can do: the expressions take fifty times as long to see that a text has none.
    """
    at, size = 0, _PART
    while at < len(text):
        marks = text[at : at + size].encode("latin-1", "replace").translate(_RUNS)
        whole = marks.rfind(b"\0") + 1 if at + size < len(text) else len(marks)
        if not whole:  # it goes on
            size *= 2
            continue
        start = marks.find(_RUN, 0, whole)
        while start >= 0:
            end = marks.find(b"\0", start, whole)
            end = end if end >= 0 else whole
            yield text[at + start : at + end]
            start = marks.find(_RUN, end, whole)
        at, size = at + whole, _PART


def _near(text: str, escapes: re.Pattern[str]) -> str:
    """What stands around the escapes of a text: a name and its value are near to each other."""
    pieces: list[str] = []
    start = end = 0
    for found in escapes.finditer(text):
        if found.start() - _REACH > end:
            pieces.append(text[start:end])
            start = found.start() - _REACH
        end = found.end() + _REACH
    return "\n".join((*pieces, text[start:end])) if end else ""


def _from_base64(run: str) -> bytes:
    if len(run) % 4 == 0 and is_alphanumeric(run):  # by far the most
        return binascii.a2b_base64(run)
    plain = run.rstrip("=").encode().translate(_STANDARD)
    plain = plain[: len(plain) - (len(plain) % 4 == 1)]
    return binascii.a2b_base64(plain + b"=" * (-len(plain) % 4))


def _readable(sample: bytes) -> bool:
    return _UNREADABLE.search(sample) is None


def _tells(whole: bytes) -> bool:
    """Whether it is a text in which a value may stand beside its name."""
    return _TELLS.search(whole) is not None and _readable(whole)
