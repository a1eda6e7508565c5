"""Reads the one form that our own writer gives a cassette, several times faster than a YAML parser.

Takes a line only when it has exactly that form, and otherwise gives up the whole text: a YAML parser reads it then. So
this accepts a small part of YAML, and a property holds it to libYAML's reading of all that it accepts.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from io import BytesIO
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from fakegpt_testkit.bodies import is_utf_8
from fakegpt_testkit.cassette.characters import PIECE, line_ends
from fakegpt_testkit.cassette.tree import MAX_NODES, Mapping

if TYPE_CHECKING:
    from collections.abc import Callable
    from mmap import mmap

    from fakegpt_testkit.cassette.tree import Node

_PLAIN = rb"[A-Za-z/][!-9;-~]*+(?:(?::(?![ \n])| (?![ #\n]))[!-9;-~]*+)*+"
_WORD = rb"%b|[0-9]++" % _PLAIN
_SCALAR = rb"%b|'[^'\t\n]*+(?:''[^'\t\n]*+)*+'" % _WORD
_LONG_SCALAR = rb"%b|'[^']*+(?:''[^']*+)*+'" % _WORD
"""The same in a fifth of the time, but with line ends and tabs too: who takes it has to look for them."""

_INDENTS = (2, 4, 6, 8)
_KEY = rb"[A-Za-z][A-Za-z0-9_-]{0,99}+"
_ENTRY = {
    indent: re.compile(
        rb" {%d}(%b):"
        rb"(?: (%b)\n|\n {%d}- (%b)\n(?! {%d}- )| (?:(\{\})|(\|2?[+-]?|>-)|(!!binary \|))\n|\n)"
        % (indent, _KEY, _LONG_SCALAR, indent, _SCALAR, indent)
    )
    for indent in _INDENTS
}
"""A key with its value on the same line, or with the one value of a list."""

_FIELDS = {
    indent: re.compile(rb"(?: {%d}%b:\n {%d}- (?:%b)\n(?! {%d}- ))++" % (indent, _KEY, indent, _SCALAR, indent))
    for indent in _INDENTS
}
"""As many keys as there are with the one value of a list each: what nearly all header fields are."""

_ITEM = {indent: re.compile(rb" {%d}- (%b)\n" % (indent, _SCALAR)) for indent in _INDENTS}
_BLOCK_END = {indent: re.compile(rb"\n(?! {%d}|\n)" % (indent + 2)) for indent in _INDENTS}
_BASE64_WIDTH = 76
_BASE64 = {
    indent: re.compile(
        rb"(?: {%d}[A-Za-z0-9+/]{%d}\n)*+(?: {%d}[A-Za-z0-9+/]{1,%d}={0,2}\n)?"
        % (indent + 2, _BASE64_WIDTH, indent + 2, _BASE64_WIDTH - 1)
    )
    for indent in _INDENTS
}
"""As many whole lines as there are, and one that is not."""

_NULLS = frozenset({"null", "Null", "NULL"})
_UNFOLDED = {indent: re.compile(rb"\n(?:\n| {%d}[\n \t])" % (indent + 2)) for indent in _INDENTS}
"""What is no space in a folded text."""

_WRITTEN = 2**18
"""Of a longer line so much is taken at once."""
_LONG = 400
"""From so many bytes per line on, it costs less to look at each line than to look at each byte twice."""

_OF_BODIES = frozenset({"body", "string"})
_FIRST_KEY = b"- request:\n"
_FIRST_LINE, _LAST_LINE = b"interactions:\n", b"version: 1\n"


class _OtherForm(Exception):
    """The text is not of our writer's form."""


class GivenBack(Protocol):
    """A large file's bytes, of which memory is given back while they are read; see ``storage.pages``."""

    memory: mmap

    def done(self, until: int) -> None:
        """Nothing before this is looked at again."""

    def again(self) -> bytes:
        """All of the file, once more; the memory is given back before."""


def read_canonical(data: bytes) -> Mapping | None:
    """The tree in ``data``, which is UTF-8; None when a line of it is not of the form.

    A text that goes over several lines is given as its bytes, a word as a str whether or not it is quoted.
    """
    return _tree_in(data, lambda _: None)


def read_pages(pages: GivenBack) -> Mapping | None:
    """The same of a file that is not held beside what is made of it; None also where it is no UTF-8."""
    return _tree_in(pages.memory, pages.done) if is_utf_8(pages.memory) else None


def _tree_in(data: bytes | mmap, done: Callable[[int], None]) -> Mapping | None:
    if data[: len(_FIRST_LINE)] != _FIRST_LINE or data[-len(_LAST_LINE) :] != _LAST_LINE:
        return None
    ends = line_ends(data)
    if ends is None:
        return None
    try:
        return _CanonicalText(data, ends, done).cassette()
    except _OtherForm:
        return None


class _CanonicalText:
    """The bytes, how far they have been read, and who is told of that."""

    def __init__(self, data: bytes | mmap, ends: list[int], done: Callable[[int], None]) -> None:
        self._data = data
        self._ends_before = [0, *accumulate(ends)]
        self._done = lambda until: done(until - PIECE)  # line ends are counted from where a piece begins
        self._at = len(_FIRST_LINE)
        self._values = len(("a mapping", "interactions", "a list", "version", "1"))
        self._long = len(data) > _LONG * self._ends_before[-1]

    def cassette(self) -> Mapping:
        interactions: list[Node] = []
        while self._data[self._at : self._at + len(_FIRST_KEY)] == _FIRST_KEY:
            self._at += len(_FIRST_KEY)
            self._count(3)
            interaction = Mapping()
            interaction["request"] = self._mapping(4, Mapping())
            interactions.append(self._mapping(2, interaction))
            _check_no_json(interaction)
        if not interactions or self._at != len(self._data) - len(_LAST_LINE):
            raise _OtherForm
        root = Mapping()
        root["interactions"] = interactions
        root["version"] = "1"
        return root

    def _count(self, values: int) -> None:
        """Count as the parser does, and leave it to that to say where there are too many."""
        self._values += values
        if self._values > MAX_NODES:
            raise _OtherForm

    def _count_ends(self, at: int) -> int:
        """How many line ends stand before a place."""
        piece = at // PIECE
        return self._ends_before[piece] + self._data[piece * PIECE : at].count(b"\n")

    def _mapping(self, indent: int, found: Mapping) -> Mapping:
        entry, data = _ENTRY[indent], self._data
        while (line := entry.match(data, self._at)) is not None:
            self._at = line.end()
            self._count(2)
            key = line[1].decode()
            if key in found:
                raise _OtherForm
            match line.lastindex:  # the number of the group that took the value
                case 2 if line.end(2) - line.start(2) > _WRITTEN and key in _OF_BODIES:
                    found[key] = _long_scalar(data, *line.span(2), self._done)
                case 2:
                    found[key] = _scalar(line[2].decode())
                case 3:
                    self._count(1)
                    found[key] = [_scalar(line[3].decode())]
                case 4:
                    found[key] = Mapping()
                case 5:
                    found[key] = self._block(indent, line[5])
                case 6:
                    found[key], self._at = _binary(self._data, self._at, indent + 2, self._done)
                case _:
                    found[key] = self._collection(indent)
        if not found:
            raise _OtherForm
        return found

    def _collection(self, indent: int) -> Node:
        item = _ITEM[indent]
        items: list[Node] = []
        while (match := item.match(self._data, self._at)) is not None:
            self._at = match.end()
            self._count(1)
            items.append(_scalar(match[1].decode()))
        if items:
            return items
        if indent + 2 not in _ENTRY:
            raise _OtherForm
        return self._mapping(indent + 2, self._fields(indent + 2))

    def _fields(self, indent: int) -> Mapping:
        found = Mapping()
        if (match := _FIELDS[indent].match(self._data, self._at)) is not None:
            self._at = match.end()
            self._count(match[0].count(b"\n") // 2 * 3)
            lines = match[0].decode().split("\n")
            for name, value in zip(lines[:-1:2], lines[1::2], strict=True):
                found[name[indent:-1]] = [_scalar(value[indent + 2 :])]
            if len(found) != len(lines) // 2:
                raise _OtherForm
        return found

    def _block(self, indent: int, header: bytes) -> bytes:
        """A block's text, with the indentation taken off each line."""
        less = int(header.endswith(b"-"))
        if header == b">-":
            lines, self._at = _folded(self._data, self._at, indent + 2, self._done)
        elif self._long:
            lines, self._at = _line_by_line(self._data, self._at, indent + 2, self._done)
        else:
            lines, self._at = _at_once(self._data, self._at, indent + 2, self._done, self._count_ends)
        lines.truncate(max(0, lines.tell() - less))
        text = lines.getvalue()
        if (not text and not less) or (text[:1] in b" \t\n" and b"2" not in header):
            raise _OtherForm
        if not header.endswith(b"+") and text.endswith(b"\n" if less else b"\n\n"):
            raise _OtherForm
        return text


def _check_no_json(interaction: Mapping) -> None:
    """Refuse JSON that is stored as nodes: for its numbers and truth values it matters which words are quoted."""
    for key, part in interaction.items():
        if isinstance(part, Mapping) and (
            "parsed_body" in part or (key == "request" and isinstance(part.get("body"), (list, Mapping)))
        ):
            raise _OtherForm


def _line_by_line(data: bytes | mmap, at: int, width: int, done: Callable[[int], None]) -> tuple[BytesIO, int]:
    """The lines from ``at`` that are indented by ``width`` or empty, without the indentation, and where they end.

    One find per line: with lines of kilobytes a load takes a fifth less than the other way, with those of 150 bytes
    more than twice as long.
    """
    margin = b" " * width
    text, view = BytesIO(), memoryview(data)  # which gives out what it holds, where a list of lines would be joined
    while True:
        start = at + width if data[at : at + width] == margin else at
        end = data.find(b"\n", start) + 1 if start > at else at
        while data[end : end + 1] == b"\n":
            end += 1
        if end == at:
            return text, at
        while end - start > _WRITTEN:
            text.write(view[start : start + _WRITTEN])
            start += _WRITTEN
            done(start)
        text.write(view[start:end])
        done(end)
        at = end


def _at_once(
    data: bytes | mmap, at: int, width: int, done: Callable[[int], None], ends_before: Callable[[int], int]
) -> tuple[BytesIO, int]:
    """The same, many lines at a time."""
    text = BytesIO()
    end = _end_of_lines(data, at, width, PIECE)
    if not end:
        at = _write_pieces(text, data, at, width, done, ends_before)
        end = _end_of_lines(data, at, width, len(data))
    _write_lines(text, data, at, end, width, b"\n", done)
    return text, end


def _write_pieces(
    text: BytesIO,
    data: bytes | mmap,
    at: int,
    width: int,
    done: Callable[[int], None],
    ends_before: Callable[[int], int],
) -> int:
    """Write such lines, without looking for their end, up to near it or to one of another kind; gives where that is.

    All of a piece is taken where each line end has the next line's margin after it, or an empty line and then that
    margin. Where a stream's events have a line each there is nothing but the latter, so that is tried first.
    """
    margin = b" " * width
    next_line, next_event = b"\n" + margin, b"\n\n" + margin
    while data[at : at + width] == margin:
        stop = data.find(next_line, at - at % PIECE + PIECE, at + _WRITTEN) + 1
        ends = ends_before(stop) - ends_before(at)
        piece = data[at + width : stop + width]
        parts, between = piece.split(next_event), b"\n\n"
        empty = found = len(parts) - 1
        if empty + found != ends:
            parts, between = piece.split(next_line), b"\n"
            found = len(parts) - 1
        if not stop or empty + found != ends:
            break
        text.write(between.join(parts))
        done(at)
        at = stop
    return at


def _folded(data: bytes | mmap, at: int, width: int, done: Callable[[int], None]) -> tuple[BytesIO, int]:
    """Such lines as one, with a space in the place of each line end but the last."""
    end = _end_of_lines(data, at, width, len(data))
    if _UNFOLDED[width - 2].search(data, at, end):
        raise _OtherForm
    text = BytesIO()
    _write_lines(text, data, at, end, width, b" ", done)
    return text, end


def _binary(data: bytes | mmap, at: int, width: int, done: Callable[[int], None]) -> tuple[bytes, int]:
    """What lines of base64 stand for, as our writer cuts them."""
    lines = _BASE64[width - 2].match(data, at)
    margin, end = b" " * width, lines.end() if lines else at
    if end == at or data[end : end + width] == margin or data[end : end + 1] == b"\n":
        raise _OtherForm
    step = (width + _BASE64_WIDTH + 1) * 1024
    text = BytesIO()
    try:
        for start in range(at, end, step):
            letters = data[start : min(start + step, end)].replace(b"\n", b"").replace(margin, b"")
            text.write(a2b_base64(letters, strict_mode=True))
            done(start)
    except Error:
        raise _OtherForm from None
    return text.getvalue(), end


def _end_of_lines(data: bytes | mmap, at: int, width: int, within: int) -> int:
    """Where such lines end; 0 when that is not within so many bytes."""
    last = _BLOCK_END[width - 2].search(data, at - 1, at + within)
    return last.end() if last and last.end() + width < at + within else 0


def _write_lines(
    text: BytesIO, data: bytes | mmap, at: int, end: int, width: int, line_end: bytes, done: Callable[[int], None]
) -> None:
    margin = b" " * width
    start = at + width if data[at : at + width] == margin else at
    while start < end:
        least, most = min(start + PIECE, end), min(start + _WRITTEN, end)
        stop = data.find(b"\n", least, most)
        stop = most if stop < 0 else stop
        text.write(data[start:stop].replace(b"\n" + margin, line_end))
        done(start)
        start = stop


def _long_scalar(data: bytes | mmap, start: int, end: int, done: Callable[[int], None]) -> bytes:
    """The bytes of a text of one line, of which as little as can be is held twice."""
    quoted = data[start : start + 1] == b"'"
    if quoted and (data.find(b"\n", start, end) >= 0 or data.find(b"\t", start, end) >= 0):
        raise _OtherForm
    start, end = start + quoted, end - quoted
    text = BytesIO()
    while start < end:
        stop = min(start + _WRITTEN, end)
        while quoted and stop < end and data[stop - 1 : stop] == b"'":  # two of them are one
            stop += 1
        piece = data[start:stop]
        text.write(piece.replace(b"''", b"'") if quoted else piece)
        done(start)
        start = stop
    return text.getvalue()


def _scalar(word: str) -> str | None:
    if word[0] == "'":
        if "\n" in word or "\t" in word:
            raise _OtherForm
        return word[1:-1].replace("''", "'")
    return None if word in _NULLS else word
