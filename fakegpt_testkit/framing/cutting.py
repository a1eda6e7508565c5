"""Which framing a body has, by its bytes before its label, and the events that it cuts the body into.

Knows no provider: whether a JSON array is a stream or a list is for those to say who know its elements.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from fakegpt_testkit import sse
from fakegpt_testkit.errors import EventTooLarge
from fakegpt_testkit.framing.amazon import begins_with_frame, frame_ends, read_frame
from fakegpt_testkit.sse import Event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Framing(StrEnum):
    """How a body is cut into events."""

    SSE = "server-sent events"
    JSON_LINES = "JSON lines"
    JSON_ARRAY = "JSON array"
    AMAZON = "Amazon event stream"


_LABELS: Final = {
    "text/event-stream": Framing.SSE,
    "application/x-ndjson": Framing.JSON_LINES,
    "application/ndjson": Framing.JSON_LINES,
    "application/jsonl": Framing.JSON_LINES,
    "application/jsonlines": Framing.JSON_LINES,
    "application/x-jsonlines": Framing.JSON_LINES,
    "application/stream+json": Framing.JSON_LINES,
    "application/vnd.amazon.eventstream": Framing.AMAZON,
}
_FIELD: Final = re.compile(rb"(?:\xef\xbb\xbf)?[\r\n]*(?:(?:data|event|id|retry):|:)")
_DATA: Final = re.compile(rb"(?:^|[\r\n])(?:\xef\xbb\xbf)?data(?:[:\r\n]|$)")
_LINE: Final = re.compile(rb"[^\r\n]+")
_MARK: Final = b"\xef\xbb\xbf"
_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_COMMA: Final = re.compile(rb"[ \t\r\n]*,?[ \t\r\n]*")
_KNOWN_FIELD: Final = re.compile(r"(?:data|event|id|retry)?(?::|$)")


@dataclass(frozen=True, slots=True)
class Outside:
    """What stood outside the events, in words; it came first and last with the chunks of these numbers, from 0."""

    said: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Frames:
    """A body's events; ``stray`` are lines that are no field of an event, ``unfinished`` is what follows the last.

    ``too_large`` is why no more was read, ``chunks`` what was cut, ``completed`` the number of the chunk, from 0, that
    completed each event.
    """

    framing: Framing
    events: tuple[Event, ...] = ()
    stray: str = ""
    unfinished: str = ""
    too_large: EventTooLarge | None = None
    chunks: tuple[bytes, ...] = field(default=(), repr=False, compare=False)
    completed: tuple[int, ...] = field(default=(), repr=False, compare=False)

    @property
    def comments(self) -> tuple[str, ...]:
        """The words of the comments between server-sent events; looked for when they are asked for."""
        return tuple(line[1:].removeprefix(" ") for line, _ in self._outside_lines() if line.startswith(":"))

    @property
    def outside(self) -> tuple[Outside, ...]:
        """What stood outside the events: comments, which are mostly heartbeats, lines, and what is left."""
        comments: dict[str, list[int]] = {}
        stray: list[Outside] = []
        known = self.stray.split("\n")
        for line, chunk in self._outside_lines():
            if line.startswith(":"):
                comments.setdefault(line[1:].removeprefix(" "), []).append(chunk)
            elif line in known:
                stray.append(Outside(f"no field of an event: {line}", chunk, chunk))
        times = {text: f", {len(found)} times" if len(found) > 1 else "" for text, found in comments.items()}
        last = len(self.chunks) - 1
        return (
            *(Outside(f"comment{times[text]}: {text}", found[0], found[-1]) for text, found in comments.items()),
            *stray,
            *((Outside(f"left at the end: {self.unfinished}", last, last),) if self.unfinished.strip() else ()),
            *((Outside(str(self.too_large), last, last),) if self.too_large is not None else ()),
        )

    def _outside_lines(self) -> Iterator[tuple[str, int]]:
        """The lines of server-sent events that are comments or no field, each with the chunk in which it was whole."""
        if self.framing is not Framing.SSE:
            return
        body = b"".join(self.chunks)
        start = _after_mark(body)
        arrived = list(accumulate(map(len, self.chunks)))
        for found in _LINE.finditer(body, start):
            line = found[0].decode("utf-8", "replace")
            if line.startswith(":") or not _KNOWN_FIELD.match(line):
                yield line, bisect_left(arrived, found.end())


def framing_of_label(label: str) -> Framing | None:
    """The framing that a media type names."""
    return _LABELS.get(label)


def framing_of(body: bytes, label: str = "") -> Framing | None:
    """The framing of a body, by how it begins; its media type decides only where the bytes do not. None has no events.

    One JSON object alone is a plain answer, unless its label says lines.
    """
    named = _LABELS.get(label)
    if begins_with_frame(body):
        return Framing.AMAZON
    if _FIELD.match(body) and _DATA.search(body):
        return Framing.SSE
    body = body.removeprefix(_MARK)
    first = body.lstrip()[:1]
    if first == b"[" and _is_array_of_objects(body):
        return Framing.JSON_ARRAY
    if first == b"{" and _is_lines(body):
        return Framing.JSON_LINES
    return named


def cut(body: bytes, framing: Framing) -> Frames:
    """The events of a body. Raises `EventTooLarge` as the parser of server-sent events does."""
    frames = cut_chunks((body,), framing)
    if frames.too_large is not None:
        raise frames.too_large
    return frames


def cut_chunks(chunks: Sequence[bytes], framing: Framing) -> Frames:
    """The events of a body that came in these chunks, up to one that is too large."""
    if framing is Framing.SSE:
        return _server_sent(chunks)
    body = b"".join(chunks)
    found = list(_READERS[framing](body))
    end = found[-1][1] if found else 0
    rest = body[end:].strip(b" \t\r\n,[]" if framing is Framing.JSON_ARRAY else b"\r\n").decode("utf-8", "replace")
    arrived = list(accumulate(map(len, chunks)))
    completed = tuple(bisect_left(arrived, end) for _, end in found)
    events = tuple(event for event, _ in found)
    return Frames(framing, events, unfinished=rest, chunks=tuple(chunks), completed=completed)


def split(body: bytes, framing: Framing) -> list[bytes]:
    """The body cut after each event; joined, the pieces are the body. What follows the last event is the last piece."""
    if framing is Framing.SSE:
        return sse.split(body)
    pieces: list[bytes] = []
    start = 0
    for _, end in _READERS[framing](body):
        if framing is Framing.JSON_LINES:
            end = body.find(b"\n", end - 1) + 1 or len(body)
        pieces.append(body[start:end])
        start = end
    return [*pieces, body[start:]] if start < len(body) else pieces


def _server_sent(chunks: Sequence[bytes]) -> Frames:
    parser = sse.EventStreamParser()
    events: list[Event] = []
    completed: list[int] = []
    begun: list[bytes] = []

    def one_by_one() -> Iterator[bytes]:
        for chunk in chunks:
            begun.append(chunk)
            yield chunk

    too_large = None
    try:
        for event in parser.read(one_by_one()):
            events.append(event)
            completed.append(len(begun) - 1)
    except EventTooLarge as error:
        too_large = error
    stray = _stray(b"".join(chunks)) if parser.stray and too_large is None else parser.stray
    unfinished = parser.dropped.data if parser.dropped is not None else parser.unfinished.decode("utf-8", "replace")
    return Frames(Framing.SSE, tuple(events), stray, unfinished, too_large, tuple(chunks), tuple(completed))


def _stray(body: bytes) -> str:
    """Every line that is no field; an error of several lines stays whole."""
    lines = re.split(r"\r\n|\r|\n", body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace"))
    return "\n".join(line for line in lines if not _KNOWN_FIELD.match(line))


def _lines(body: bytes) -> Iterator[tuple[Event, int]]:
    """The lines that are whole: with a line end, or JSON without one."""
    start = _after_mark(body)
    while start < len(body):
        end = body.find(b"\n", start) + 1
        line = body[start : end or len(body)].strip()
        if not end and not _is_json(line):
            return
        start = end or len(body)
        if line:
            yield Event("message", line.decode("utf-8", "replace")), start


def _elements(body: bytes) -> Iterator[tuple[Event, int]]:
    """The elements of an array that are whole; its end need not have come."""
    text = body.decode("latin-1")  # a character a byte, so that places are offsets
    decoder = json.JSONDecoder(strict=False)
    at = _end(_SPACE, body, _after_mark(body)) + 1
    at = _end(_SPACE, body, at)
    while at < len(body) and text[at] != "]":
        try:
            _, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        yield Event("message", body[at:end].decode("utf-8", "replace")), end
        at = _end(_COMMA, body, end)


def _after_mark(body: bytes) -> int:
    """Where a body begins that may have a byte order mark."""
    return len(_MARK) if body.startswith(_MARK) else 0


def _end(pattern: re.Pattern[bytes], body: bytes, at: int) -> int:
    found = pattern.match(body, at)
    return found.end() if found else at


def _frames(body: bytes) -> Iterator[tuple[Event, int]]:
    start = 0
    for end in frame_ends(body):
        yield read_frame(body[start:end]), end
        start = end


_READERS: Final = {Framing.JSON_LINES: _lines, Framing.JSON_ARRAY: _elements, Framing.AMAZON: _frames}


def _is_array_of_objects(body: bytes) -> bool:
    return body.lstrip()[1:].lstrip()[:1] == b"{"


def _is_lines(body: bytes) -> bool:
    """Whether the first two lines are a JSON object each; the second may be cut off."""
    first, _, rest = body.lstrip().partition(b"\n")
    return rest.strip() != b"" and _is_json(first) and rest.lstrip().startswith(b"{")


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
