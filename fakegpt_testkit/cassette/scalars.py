"""Writes one text as a YAML scalar that every YAML 1.1 reader takes back to the same text.

Knows nothing of what the text is for; chooses the form that a person reads best. A body is written in pieces: as a text
of Python's a large one takes up to four times its size.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from fakegpt_testkit.bodies import is_utf_8
from fakegpt_testkit.cassette.characters import line_ends

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNPRINTABLE = re.compile("[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What may not stand in a block: YAML's unprintables, its other line ends (CR, NEL, LS, PS) and the byte order mark."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_PLAIN = re.compile(r"[A-Za-z/](?:[!-9;-~]|:(?![ ]|$)| (?![ #]|$))*")
_PLAIN_BYTES = re.compile(rb"[A-Za-z/](?:[!-9;-~]++|:(?![ ]|$)| (?![ #]|$))*+")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""Words that a YAML 1.1 reader takes for something else than a text."""

_FOLDED_FROM = 100
_FOLD = re.compile(rb'(?<=[^ ]), (?=["{\[])')
"""Where a folded block may break JSON: its reader puts the one space back."""

_ESCAPES = {"\0": "\\0", "\t": "\\t", "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_ESCAPED = re.compile('[\0\t\n\r"\\\\]|' + _UNPRINTABLE.pattern)
_LEADING_SPACE = re.compile(b"^ ")
_LINE_START = re.compile(rb"\n(?=[^\n])")
"""Where a line begins that is not empty: an empty one is not indented."""

_PIECE = 2**16
_WITHIN_LINE = re.compile(rb"(?<=[^\n])(?s:.)")
_NO_FOLD = re.compile(rb'[^, "{\[]')
_WHOLE_LETTER = re.compile(rb"[^\x80-\xbf\n]")
"""Where what is done to a text can go on in another piece: not between a line end and its line, within a fold, within a
letter or ``\\r\\n``."""

_BASE64_WIDTH = 76
_BINARY_PIECE = 57 * 1024
"""Of which each 57 bytes are one line."""


def inline(text: str) -> str:
    """The text on one line, for keys and for values in lists."""
    if _is_plain(text):
        return text
    if _SURROGATE.search(text):
        return f"!!binary '{base64.b64encode(text.encode('utf-8', 'surrogatepass')).decode()}'"
    if "\t" in text or "\n" in text or _UNPRINTABLE.search(text):
        return f'"{_ESCAPED.sub(_escape, text)}"'
    return "'" + text.replace("'", "''") + "'"


def block(data: bytes, indent: int) -> Iterator[bytes]:
    """A body as the value of a key that stands ``indent`` columns in, in pieces, without the final line end."""
    margin = b" " * (indent + 2)
    if not is_utf_8(data):
        return _binary(data, margin)
    if line_ends(data) is None:
        return _double_quoted(data, margin)
    if b"\n" in data:
        return _literal(data, margin)
    if len(data) <= _FOLDED_FROM or len(data[: 4 * _FOLDED_FROM].decode("utf-8", "ignore")) <= _FOLDED_FROM:
        return iter((inline(data.decode()).encode(),))
    if data[:1] in b"[{" and data[-1:] in b"]}" and b"\t" not in data:
        return _folded(data, margin)
    return _one_line(data)


def _is_plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None and text.lower() not in _WORDS


def _literal(data: bytes, margin: bytes) -> Iterator[bytes]:
    """A block scalar that keeps each line as it is.

    The digit is there when the first line does not show by itself how far the block is indented.
    """
    digit = b"2" if data[:1] in b" \t\n" else b""
    end = len(data) - data.endswith(b"\n")
    chomp = b"-" if end == len(data) else b"" if end and data[end - 1 : end] != b"\n" else b"+"
    yield b"|%b%b\n%b" % (digit, chomp, b"" if data.startswith(b"\n") else margin)
    for piece in _pieces(data, end, _WITHIN_LINE):
        yield _LINE_START.sub(b"\n" + margin, piece)


def _folded(data: bytes, margin: bytes) -> Iterator[bytes]:
    """JSON of one line on several."""
    yield b">-\n" + margin
    for piece in _pieces(data, len(data), _NO_FOLD):
        yield _FOLD.sub(b",\n" + margin, piece)


def _one_line(data: bytes) -> Iterator[bytes]:
    """As ``inline``, for a text of one line that has no unprintables and is none of the words."""
    if _PLAIN_BYTES.fullmatch(data):
        yield data
        return
    mark = b'"' if b"\t" in data else b"'"
    yield mark
    for piece in _pieces(data, len(data), _WHOLE_LETTER):
        yield piece.replace(b"'", b"''") if mark == b"'" else _ESCAPED.sub(_escape, piece.decode()).encode()
    yield mark


def _double_quoted(data: bytes, margin: bytes) -> Iterator[bytes]:
    """Every unprintable escaped; each line of the text on its own, after YAML's escaped line end."""
    yield b'"'
    line_ended = False
    for piece in _pieces(data, len(data), _WHOLE_LETTER):
        words = []
        for line in piece.decode().splitlines(keepends=True):
            word = _ESCAPED.sub(_escape, line).encode()
            words.append(b"\\\n" + margin + _LEADING_SPACE.sub(rb"\\ ", word) if line_ended else word)
            line_ended = line.splitlines()[0] != line
        yield b"".join(words)
    yield b'"'


def _binary(data: bytes, margin: bytes) -> Iterator[bytes]:
    yield b"!!binary |"
    for start in range(0, len(data), _BINARY_PIECE):
        text = base64.b64encode(data[start : start + _BINARY_PIECE])
        yield b"".join(b"\n" + margin + text[at : at + _BASE64_WIDTH] for at in range(0, len(text), _BASE64_WIDTH))


def _pieces(data: bytes, end: int, cut: re.Pattern[bytes]) -> Iterator[bytes]:
    """The data up to an end, in pieces of which each but the first begins where ``cut`` matches."""
    start = 0
    while start < end:
        found = cut.search(data, start + _PIECE, end)
        stop = end if found is None else found.start()
        yield data[start:stop]
        start = stop


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _ESCAPES:
        return _ESCAPES[character]
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
