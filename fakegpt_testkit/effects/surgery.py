"""Cuts tapes and puts other bytes into them, at a byte, an event or a time; chunks and times stay what they were.

Knows where events begin and end, and nothing of why a tape is cut.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from fakegpt_testkit import framing as framings
from fakegpt_testkit.dialects import framing_of_tape
from fakegpt_testkit.errors import EffectMisplaced
from fakegpt_testkit.exchange import Chunk, EndingKind, is_chunked
from fakegpt_testkit.framing import Framing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fakegpt_testkit.exchange import Headers, Tape


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a stream: after so many events, bytes or seconds. ``name`` is the effect that asks, for errors."""

    name: str
    event: int | None = None
    byte: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        given = [each for each in (self.event, self.byte, self.seconds) if each is not None]
        if len(given) != 1:
            raise EffectMisplaced(self.name, f"{len(given)} places were given", _ONE_PLACE)
        if given[0] < 0:
            raise EffectMisplaced(self.name, f"{given[0]} is before the beginning", _ONE_PLACE)

    def worded(self, *options: str) -> str:
        """The effect as it is written: ``reset(after_event=3)``."""
        values = {"after_event": self.event, "after_byte": self.byte, "after_seconds": self.seconds}
        given = [f"{word}={value}" for word, value in values.items() if value is not None]
        return f"{self.name}({', '.join([*given, *options])})"

    def find(self, tape: Tape) -> int:
        """The place as an offset in the tape's body."""
        if self.event is not None:
            return event_end(self.name, tape, self.event) if self.event else 0
        if self.byte is not None:
            if self.byte > len(tape.body):
                problem = f"the body has {len(tape.body)} bytes"
                raise EffectMisplaced(self.name, problem, "name a byte that it has")
            return self.byte
        return sum(len(chunk.data) for chunk in tape.chunks if chunk.at <= (self.seconds or 0.0))

    def moment(self, tape: Tape) -> float:
        """When the stream has come to this place."""
        reached = self.find(tape)
        sizes = accumulate((len(chunk.data) for chunk in tape.chunks), initial=0)
        at = max((chunk.at for chunk, start in zip(tape.chunks, sizes, strict=False) if start < reached), default=0.0)
        return max(at, tape.head.at, self.seconds or 0.0)


_ONE_PLACE = "name one of after_event=3, after_byte=100, after_seconds=0.5"


def event_ends(tape: Tape) -> tuple[int, ...]:
    """Where each event of a body ends, its blank line included."""
    framing = framing_of_tape(tape) or Framing.SSE
    pieces = framings.split(tape.body, framing)
    return tuple(accumulate(map(len, pieces[: len(framings.cut(tape.body, framing).events)])))


def event_end(name: str, tape: Tape, number: int) -> int:
    """Where an event ends, by its number from 1."""
    ends = event_ends(tape)
    if not 1 <= number <= len(ends):
        raise EffectMisplaced(name, f"there is no event {number}", f"the stream has {len(ends)} events, counted from 1")
    return ends[number - 1]


def event_span(name: str, tape: Tape, number: int) -> tuple[int, int]:
    """Where an event begins, with the comments before it, and where it ends."""
    end = event_end(name, tape, number)
    return (event_end(name, tape, number - 1) if number > 1 else 0), end


def element_span(name: str, tape: Tape, number: int) -> tuple[int, int]:
    """Where an event stands without what parts it from the one before, as a comma does in an array."""
    start, end = event_span(name, tape, number)
    if framing_of_tape(tape) is Framing.JSON_ARRAY:
        opening = _OPENING.match(tape.body, start, end)
        start = opening.end() if opening else start
    return start, end


def remove(tape: Tape, name: str, number: int) -> Tape:
    """The tape without an event; of an array's elements the first goes with the comma behind it."""
    start, end = event_span(name, tape, number)
    if number == 1 and framing_of_tape(tape) is Framing.JSON_ARRAY:
        start, _ = element_span(name, tape, 1)
        end = element_span(name, tape, 2)[0] if len(event_ends(tape)) > 1 else end
    return put(tape, start, end, b"")


def insert(tape: Tape, place: Place, event: bytes, *, element: bool = True) -> Tape:
    """The tape with an event more, which comes when the place does.

    It goes between two others wherever in one of them the place is, whose rest comes after it then; an ``element`` of
    an array has its comma.
    """
    ends = event_ends(tape)
    offset = between(tape, ends, place.find(tape))
    if framing_of_tape(tape) is Framing.JSON_ARRAY:
        if not offset:
            offset = element_span(place.name, tape, 1)[0] if ends else len(tape.body)
            event += b",\n" if element and ends else b""
        elif element:
            event = b",\n" + event
    elif framing_of_tape(tape) is Framing.JSON_LINES and tape.body[:offset][-1:] not in (b"", b"\n"):
        event = b"\n" + event
    tape = settle(tape)
    left, right = split(tape, offset)
    at = max(place.moment(tape), left[-1].at if left else 0.0)
    new = Chunk(at, event, (len(event),) if is_chunked(tape.headers) else ())
    right = tuple(replace(chunk, at=max(chunk.at, at)) for chunk in right)
    ending = replace(tape.ending, at=max(tape.ending.at, at))
    return replace(tape, chunks=(*left, new, *right), ending=ending)


def between(tape: Tape, ends: Sequence[int], offset: int) -> int:
    """The last place up to this one that is in no event, given where they end; in a plain body the place itself."""
    framing = framing_of_tape(tape)
    if framing is None:
        return offset
    before = bisect_right(ends, offset)
    end = ends[before - 1] if before else 0
    if framing is Framing.SSE and tape.body.startswith(_BOM):
        end = max(end, len(_BOM))
    nothing = _SAYS_NOTHING[framing].match(tape.body, end, max(end, offset)) if framing in _SAYS_NOTHING else None
    return nothing.end() if nothing else end


def settle(tape: Tape) -> Tape:
    """The tape with the HTTP chunks written down that a player would make of it where nothing says how they were."""
    complete = tape.ending.kind is EndingKind.COMPLETE
    if not (complete and is_chunked(tape.headers)) or any(chunk.ends for chunk in tape.chunks):
        return tape
    return replace(tape, chunks=tuple(replace(each, ends=(len(each.data),)) for each in tape.chunks if each.data))


def split(tape: Tape, offset: int) -> tuple[tuple[Chunk, ...], tuple[Chunk, ...]]:
    """The chunks before an offset and those after it; in a chunked body an HTTP chunk ends there."""
    chunked = is_chunked(tape.headers)
    left: list[Chunk] = []
    right: list[Chunk] = []
    start = 0
    for chunk in tape.chunks:
        cut = offset - start
        start += len(chunk.data)
        if cut <= 0:
            right.append(chunk)
        elif cut >= len(chunk.data):
            left.append(chunk)
        else:
            end = (cut,) if chunked else ()
            left.append(Chunk(chunk.at, chunk.data[:cut], tuple(at for at in chunk.ends if at < cut) + end))
            right.append(Chunk(chunk.at, chunk.data[cut:], tuple(at - cut for at in chunk.ends if at > cut)))
    if left and chunked:
        left[-1] = closed(left[-1])
    return tuple(left), tuple(right)


def closed(chunk: Chunk) -> Chunk:
    """The chunk with an HTTP chunk that ends where it does."""
    end = len(chunk.data)
    return chunk if chunk.ends[-1:] == (end,) else replace(chunk, ends=(*chunk.ends, end))


def put(tape: Tape, start: int, end: int, new: bytes) -> Tape:
    """The tape with other bytes in a place; they arrive when the last byte they replace did, else the one before."""
    tape = settle(tape)
    left, rest = split(tape, start)
    replaced, right = split(replace(tape, chunks=rest), end - start)
    at = replaced[-1].at if replaced else left[-1].at if left else tape.head.at
    ends = (len(new),) if is_chunked(tape.headers) else ()
    return replace(tape, chunks=(*left, *((Chunk(at, new, ends),) if new else ()), *right))


def shift(chunks: tuple[Chunk, ...], seconds: float) -> tuple[Chunk, ...]:
    """The same chunks, later."""
    return tuple(replace(chunk, at=chunk.at + seconds) for chunk in chunks)


def without(headers: Headers, *names: str) -> Headers:
    """The fields except those of these names, given in lower case."""
    return tuple(field for field in headers if field[0].lower() not in names)


def in_chunks(tape: Tape) -> Tape:
    """The tape as one whose body goes in HTTP chunks, one for each arrival where it was framed otherwise."""
    if is_chunked(tape.headers):
        return settle(tape)
    headers = (*without(tape.headers, "content-length"), ("Transfer-Encoding", "chunked"))
    chunks = tuple(replace(each, ends=(len(each.data),)) for each in tape.chunks if each.data)
    return replace(tape, head=replace(tape.head, headers=headers), chunks=chunks, coded=None)


def at_length(tape: Tape) -> Tape:
    """The tape as one whose body's length is announced; its content coding goes, for the length is the body's own."""
    headers = without(tape.headers, "transfer-encoding", "content-encoding", "content-length")
    headers = (*headers, ("Content-Length", str(len(tape.body))))
    chunks = tuple(replace(each, ends=()) for each in tape.chunks if each.data)
    return replace(tape, head=replace(tape.head, headers=headers), chunks=chunks)


_BOM: Final = b"\xef\xbb\xbf"
_SAYS_NOTHING: Final = {
    Framing.SSE: re.compile(rb"(?:(?::[^\r\n]*)?(?:\r\n|\r|\n))*"),
    Framing.JSON_LINES: re.compile(rb"(?:[ \t\r]*\n)*"),
}
"""The lines that belong to no event."""
_OPENING: Final = re.compile(rb"[ \t\r\n]*[\[,]?[ \t\r\n]*")
_DATA: Final = re.compile(rb"(?:(?<=[\r\n])|(?<=\xef\xbb\xbf)|\A)data(?::[ ]?([^\r\n]*))?(\r\n|\r|\n)")


def put_data(tape: Tape, name: str, number: int, change: Callable[[bytes], bytes]) -> Tape:
    """The tape with one event's data changed; its other lines stay, and the line ends. A frame is measured anew."""
    start, end = event_span(name, tape, number)
    return put(tape, start, end, change_block(framing_of_tape(tape) or Framing.SSE, tape.body[start:end], change))


def change_block(framing: Framing, block: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """An event's bytes with other data in them."""
    return _CHANGERS[framing](block, change)


def _server_sent(block: bytes, change: Callable[[bytes], bytes]) -> bytes:
    lines = list(_DATA.finditer(block))
    data = change(b"\n".join(line[1] or b"" for line in lines))
    line_end = lines[0][2]
    new = b"".join(b"data: " + line + line_end for line in data.split(b"\n"))
    out = bytearray(block[: lines[0].start()] + new)
    for line, following in zip(lines, [*lines[1:], None], strict=True):
        out += block[line.end() : following.start() if following else len(block)]
    return bytes(out)


def _line(block: bytes, change: Callable[[bytes], bytes]) -> bytes:
    data = block.strip()
    before, after = block.split(data, 1)
    return before + change(data) + after


def _element(block: bytes, change: Callable[[bytes], bytes]) -> bytes:
    opening = _OPENING.match(block)
    at = opening.end() if opening else 0
    return block[:at] + change(block[at:])


def _frame(block: bytes, change: Callable[[bytes], bytes]) -> bytes:
    return framings.with_payload(block, change(framings.payload_of(block)))


_CHANGERS: Final = {
    Framing.SSE: _server_sent,
    Framing.JSON_LINES: _line,
    Framing.JSON_ARRAY: _element,
    Framing.AMAZON: _frame,
}
