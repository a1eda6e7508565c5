"""Reads a stream of events as the texts that its events add up to, so that a secret in pieces is found whole.

Knows no secrets and does not parse: it cuts strings out of lines, and maps what is found in a text back to its pieces.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.redaction.large import stretches_of
from fakegpt_testkit.redaction.names import DELTA_KEYS, plain
from fakegpt_testkit.redaction.vault import Edit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakegpt_testkit.redaction.large import Latin

_LABEL: Final = re.compile(r"(?:\ufeff|\xef\xbb\xbf)?(data:?[ ]?)?.")
_USUAL: Final = "data: "
_ESCAPED: Final = re.compile(r"\\.", re.DOTALL)
_LANE: Final = re.compile(r'"(?:[a-z_]{0,40}index|item_id)"\s{0,8}:\s{0,8}"?([\w-]{1,80}+)', re.ASCII)
_LEAST_PIECES: Final = 3
_PIECE: Final = 24
_AT_ONCE: Final = 4096
_LONG_LINE: Final = 8192
_STREAM: Final = re.compile(r"(?:\xef\xbb\xbf)?[\r\n]*+(?:(?:data|event|id|retry)?:|\{[^\r\n]*\}\r?\n\{)")
_OUTSIDE: Final = re.compile(rb'[{}"]')
_IN_STRING: Final = re.compile(rb'["\\]')
_ARRAY: Final = re.compile(r"[ \t\r\n]*+[\[,][ \t\r\n]*+\{")


class Spans:
    """Where pieces stand in a body of less than 4 GiB, 8 bytes for each: a long stream has a hundred thousand."""

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts, self._ends = array("I"), array("I")

    def add(self, start: int, end: int) -> None:
        """One more piece."""
        self._starts.append(start)
        self._ends.append(end)

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._ends, strict=True)

    def __getitem__(self, number: int) -> tuple[int, int]:
        return self._starts[number], self._ends[number]

    def joined(self, text: str | Latin) -> str:
        """What the pieces add up to; some thousands at once, since each by itself takes more than its letters."""
        parts = []
        for first in range(0, len(self), _AT_ONCE):
            some = slice(first, first + _AT_ONCE)
            pairs = zip(self._starts[some], self._ends[some], strict=True)
            parts.append("".join([text[start:end] for start, end in pairs]))
        return "".join(parts)


@dataclass(slots=True)
class JoinedText:
    """A text that events add up to, and where its pieces stand in the body.

    They are in the body's order: one after the other, or, where it is ``cumulative``, each with all so far.
    """

    cumulative: bool
    pieces: Spans = field(default_factory=Spans)
    text: str = ""

    def edits(self, found: list[Edit]) -> Iterator[Edit]:
        """What to change in the body for edits of the text: the word goes where the secret begins, the rest goes."""
        if not found:
            return
        offsets = list(accumulate((end - start for start, end in self.pieces), initial=0))
        for edit in found:
            if self.cumulative:
                yield from self._in_each(edit)
                continue
            first = bisect_right(offsets, edit.start, hi=len(self.pieces)) - 1
            for index in range(first, len(self.pieces)):
                (piece, piece_end), offset = self.pieces[index], offsets[index]
                if offset >= edit.end:
                    break
                start = piece + max(0, edit.start - offset)
                end = min(piece_end, piece + edit.end - offset)
                if end > start:
                    yield Edit(start, end, edit.word if index == first else "")

    def _in_each(self, edit: Edit) -> Iterator[Edit]:
        for start, end in self.pieces:
            if end - start > edit.start:
                yield Edit(start + edit.start, min(end, start + edit.end), edit.word)


@dataclass(frozen=True, slots=True)
class JoinedEvents:
    """The joined texts of a body, and the rest of it: other strings, each once, and lines that are no JSON."""

    texts: tuple[JoinedText, ...]
    rest: str


def is_stream(text: str) -> bool:
    """Whether a body is server-sent events, JSON lines or an array of objects, by its start."""
    return (_STREAM.match(text) or _ARRAY.match(text)) is not None


def is_array(text: str) -> bool:
    """Whether a body is an array of objects, or goes on as one after some of them, by its start."""
    return _ARRAY.match(text) is not None


def stream(text: str | Latin, fixed: set[str]) -> JoinedEvents:
    """The texts that the events of a body add up to; without the values of keys that stay as they are."""
    spans: defaultdict[tuple[str, ...], Spans] = defaultdict(Spans)
    others: defaultdict[tuple[str, ...], Spans] = defaultdict(Spans)
    whole: set[tuple[str, ...]] = set()  # what is too long to be a piece
    rest: dict[str, None] = {}
    array = is_array(text if isinstance(text, str) else text.beginning())
    for start, end, label in _elements(text) if array else _lines(text):
        opens = text[start]
        if opens in "{[" and text[end - 1] in "}]":
            event = text[start:end]
            for key, place, own in _strings(event) if end - start < _LONG_LINE else _strings.__wrapped__(event):
                if key in fixed:
                    continue
                first, last = start + place[0], start + place[1]
                if plain(key) in DELTA_KEYS:
                    spans[own].add(first, last)
                    continue
                rest[text[first:last]] = None
                if own in whole:
                    continue
                if last - first > _PIECE:
                    whole.add(own)
                    others.pop(own, None)
                else:
                    others[own].add(first, last)
        elif label and opens == '"' == text[end - 1] and end - start > 1:
            spans["", "string"].add(start + 1, end - 1)
        elif label:
            spans["",].add(start, end)
        else:
            rest[text[start:end]] = None
    if not array:  # of any service's list, whose elements have nothing to do with each other
        spans.update((key, pieces) for key, pieces in others.items() if _grows(text, pieces))
    texts = [each for pieces in spans.values() for each in _runs(text, pieces)]
    return JoinedEvents(tuple(texts), "\n".join(rest))


def _lines(text: str | Latin) -> Iterator[tuple[int, int, str]]:
    """Where each line's own text stands, and the field that it is labelled as the data of."""
    for part in stretches_of(text):
        end = part.start - 1
        for line in part.text.replace("\r", "\n").split("\n"):  # in half an expression's time
            start = end + 1
            end = start + len(line)
            if not line:
                continue
            if line.startswith(_USUAL) and line != _USUAL:
                yield start + len(_USUAL), end, _USUAL
            elif found := _LABEL.match(line):
                yield start + found.end() - 1, end, found[1] or ""


def _elements(text: str | Latin) -> Iterator[tuple[int, int, str]]:
    """Where each object of an array stands; the last one may not be whole."""
    start = 0
    for end in ObjectEnds().feed(text.encode("latin-1") if isinstance(text, str) else text.body):
        yield text.find("{", start), end, ""
        start = end
    if (rest := text.find("{", start)) >= 0:
        yield rest, len(text), ""


class ObjectEnds:
    """Finds where the objects of an array end that comes in pieces; each byte is looked at once."""

    def __init__(self) -> None:
        self._depth = 0
        self._quoted = self._escaped = False

    def feed(self, data: bytes) -> Iterator[int]:
        """Where in the next piece an object ended."""
        at = 0
        while at < len(data):
            if self._escaped:
                self._escaped = False
                at += 1
                continue
            found = (_IN_STRING if self._quoted else _OUTSIDE).search(data, at)
            if found is None:
                return
            at = found.end()
            if found[0] == b'"':
                self._quoted = not self._quoted
            elif found[0] == b"\\":
                self._escaped = True
            else:
                self._depth += 1 if found[0] == b"{" else -1
                if not self._depth:
                    yield at


@lru_cache(maxsize=256)
def _strings(line: str) -> tuple[tuple[str, tuple[int, int], tuple[str, ...]], ...]:
    """The strings of an event that are values: the key, the place, and what tells the text it is a piece of.

    While a stream arrives its last events are read again with each new one, so that a line is cut up once.
    """
    index = tuple(_LANE.findall(line)) if 'index"' in line or '"item_id"' in line else ()
    key = ""
    seen: dict[str, int] = {}
    found = []
    before, *rest = (_ESCAPED.sub("__", line) if "\\" in line else line).split('"')
    end = -1
    for string, after in zip(rest[::2], rest[1::2], strict=False):  # one that is not closed is none
        start = end + len(before) + 2
        end = start + len(string)
        before = after
        if after[:1] == ":" or after.lstrip()[:1] == ":":
            key = line[start:end]
        else:
            seen[key] = number = seen.get(key, 0) + 1
            found.append((key, (start, end), (key, str(number), *index)))
    return tuple(found)


def _grows(text: str | Latin, spans: Spans) -> bool:
    """Whether short strings at one place of three or more events are pieces: no id or role, the same in each."""
    return len(spans) >= _LEAST_PIECES and len({text[start:end] for start, end in spans}) * 2 >= len(spans)


def _runs(text: str | Latin, spans: Spans) -> Iterator[JoinedText]:
    """One text of pieces one after the other, or one for each run in which every piece repeats the one before."""
    if not _mostly_cumulative(text, spans):
        yield JoinedText(cumulative=False, pieces=spans, text=spans.joined(text))
        return
    run = JoinedText(cumulative=True)
    for start, end in spans:
        so_far = text[start:end]
        if not so_far.startswith(run.text):
            yield run
            run = JoinedText(cumulative=True)
        run.pieces.add(start, end)
        run.text = so_far
    yield run


def _mostly_cumulative(text: str | Latin, spans: Spans) -> bool:
    """Whether most of what was said is said again at the beginning of the next, longer piece.

    Counted in characters and not in pieces: two short deltas may begin alike by chance, or be the same.
    """
    repeated = said = 0
    was = ""
    for start, end in spans:
        piece = text[start:end]
        if piece != was:  # the same once more tells nothing
            said += len(was)
            if piece.startswith(was):
                repeated += len(was)
            was = piece
    return repeated * 2 > said
