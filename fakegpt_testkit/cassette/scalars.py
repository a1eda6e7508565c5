"""Writes one text as a YAML scalar that every YAML 1.1 reader takes back to the same text.

Knows nothing of what the text is for; chooses the form that a person reads best.
"""

from __future__ import annotations

import base64
import re

from fakegpt_testkit.cassette.characters import white_space

_UNPRINTABLE = re.compile("[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What may not stand in a block: YAML's unprintables, its other line ends (CR, NEL, LS, PS) and the byte order mark."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_PLAIN = re.compile(r"[A-Za-z/](?:[!-9;-~]|:(?![ ]|$)| (?![ #]|$))*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""Words that a YAML 1.1 reader takes for something else than a text."""

_FOLDED_FROM = 100
_FOLD = re.compile(r'(?<=[^ ]), (?=["{\[])')
"""Where a folded block may break JSON: its reader puts the one space back."""

_JSON = re.compile(r"[\[{].*[\]}]")
_ESCAPES = {"\0": "\\0", "\t": "\\t", "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_ESCAPED = re.compile('[\0\t\n\r"\\\\]|' + _UNPRINTABLE.pattern)
_LEADING_SPACE = re.compile("^ ")
_LINE_START = re.compile(r"\n(?=[^\n])")
"""Where a line begins that is not empty: an empty one is not indented."""

_BASE64_WIDTH = 76


def inline(text: str) -> str:
    """The text on one line, for keys and for values in lists."""
    if _is_plain(text):
        return text
    if _SURROGATE.search(text):
        return f"!!binary '{base64.b64encode(text.encode('utf-8', 'surrogatepass')).decode()}'"
    if "\t" in text or "\n" in text or _UNPRINTABLE.search(text):
        return _double_quoted(text, "")
    return "'" + text.replace("'", "''") + "'"


def block(data: bytes, indent: int) -> str:
    """A body as the value of a key that stands ``indent`` columns in, without the final line end."""
    margin = " " * (indent + 2)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return _binary(data, margin)
    if white_space(data) is None:
        return _double_quoted(text, margin)
    if "\n" in text:
        return _literal(text, margin)
    if len(text) > _FOLDED_FROM and _JSON.fullmatch(text) and "\t" not in text:
        return ">-\n" + margin + _FOLD.sub(",\n" + margin, text)
    return inline(text)


def _is_plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None and text.lower() not in _WORDS


def _literal(text: str, margin: str) -> str:
    """A block scalar that keeps each line as it is.

    The digit is there when the first line does not show by itself how far the block is indented.
    """
    digit = "2" if text[0] in " \t\n" else ""
    chomp = "-"
    if text.endswith("\n"):
        text = text[:-1]
        chomp = "" if text and not text.endswith("\n") else "+"
    first = "" if text.startswith("\n") or not text else margin
    return f"|{digit}{chomp}\n{first}{_LINE_START.sub(chr(10) + margin, text)}"


def _double_quoted(text: str, margin: str) -> str:
    """Every unprintable escaped; with a margin, each line of the text on its own, after YAML's escaped line end."""
    if not margin:
        return f'"{_ESCAPED.sub(_escape, text)}"'
    first, *more = (_ESCAPED.sub(_escape, line) for line in text.splitlines(keepends=True))
    return '"' + f"\\\n{margin}".join([first, *(_LEADING_SPACE.sub(r"\\ ", line) for line in more)]) + '"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _ESCAPES:
        return _ESCAPES[character]
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _binary(data: bytes, margin: str) -> str:
    text = base64.b64encode(data).decode()
    lines = [margin + text[start : start + _BASE64_WIDTH] for start in range(0, len(text), _BASE64_WIDTH)]
    return "\n".join(["!!binary |", *lines])
