"""Cuts a byte stream into server-sent events, by the WHATWG rules.

Knows no JSON and no HTTP, and does no I/O: feed it bytes as they come, take events as they complete.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING

from fakegpt_testkit.errors import EventNotEncodable, EventTooLarge

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator

MAX_EVENT_SIZE = 64 * 1024 * 1024
"""The default bound of one event, in bytes."""

_BOM = b"\xef\xbb\xbf"
_LF, _CR, _COLON = b"\n\r:"
_ENDS_NO_LINE = frozenset(bytes([code]) for code in range(256) if code not in (_LF, _CR))
_NO_MORE: Iterator[list[bytes]] = iter(())
_FIELDS = (b"data", b"event", b"id", b"retry")
_MAX_RETRY = 2**63 - 1
_SLICE, _SMALL, _MANY, _PIECES, _OVERHEAD = 64 * 1024, 4 * 1024, 1024, 512, 48
_LINE = re.compile(rb"([^\r\n]*)(?:\r\n|\r|\n)")


@dataclass(slots=True, unsafe_hash=True)
class Event:
    """One server-sent event: its type, its data, and the last event id that held when it was given.

    A value: treat it as immutable. It is no frozen dataclass only because building those takes three times as long.
    """

    event: str = "message"
    data: str = ""
    id: str = ""


_new_event = object.__new__  # and three assignments take half the time of a call of the event's __init__


class EventStreamParser:
    """Takes the bytes of an event stream in any pieces and gives each event as soon as it is complete.

    ``last_event_id`` and ``retry`` are what a client would reconnect with. ``stray`` is the last line that was no field
    of the standard's: a server that fails half-way writes its error there. The rest is filled in by `close`.

    An event's size is that of its lines, comments left out; a line that has not ended counts, a comment too. One above
    ``max_event_size`` bytes is an error, so that no more than that and one chunk is ever held.
    """

    def __init__(self, *, last_event_id: str = "", max_event_size: int = MAX_EVENT_SIZE) -> None:
        self.last_event_id = last_event_id
        self.retry: int | None = None
        self.stray = ""
        self.dropped: Event | None = None
        self.unfinished = b""
        self._line: list[bytes] = []  # a line whose end has not come; not a whole block, where comments would pile up
        self._line_looked = 0  # how many of these, from the first, were looked at
        self._line_size = 0  # of those
        self._line_enough = 0  # as many pieces, none above _SMALL, surely fit; none, while something is special
        self._more = _NO_MORE  # the line, once for each single byte that surely fits; nothing before one has come
        self._type = ""
        self._data: list[str] = []
        self._joined = 0  # how many of these, from the first, are many lines joined
        self._id = last_event_id
        self._max_event_size = max_event_size
        self._room = max_event_size  # what the event that is arriving may still grow by, the line that is held included
        self._enough = min(max_event_size // _SMALL, _PIECES)  # the same for a new event
        self._started = self._after_cr = self._too_large = False
        self._special = True  # one of the three above wants to be looked at before anything else

    def feed(self, data: bytes) -> tuple[Event, ...]:
        """The events that these bytes complete.

        Raises `EventTooLarge`, and nothing else. When events came before the large one, they are given, and the next
        call raises.
        """
        for line in self._more:
            if data in _ENDS_NO_LINE:
                line.append(data)
                return ()
            break
        line = self._line
        self._more = _NO_MORE
        if self._special or _CR in data:
            data = self._with_plain_line_ends(data)
        if _LF not in data:
            self._hold(data)
            self._raise_if_too_large()
            return ()
        lines, rest = data, b""
        if data[-1] != _LF:
            end = data.rfind(b"\n") + 1
            lines, rest = data[:end], data[end:]
        first = lines.find(b"\n") - len(lines)  # where the first line ends, seen from the end
        if line:
            line.append(lines)
            lines = self._take_line()
        fits = len(lines) <= _SLICE and len(lines) <= self._room
        if fits and first == -1:
            events = self._read_line(lines)
        elif fits and first == -2 and self._room == self._max_event_size and lines.startswith(b"data: "):
            # What nearly every chunk of nearly every stream is: one event, whole, of one data line.
            event = _new_event(Event)
            event.event = "message"
            event.data = lines[6:-2].decode("utf-8", "replace")
            event.id = self._id
            events = (event,)
            self._line_enough = 0 if self._special else self._enough
        else:
            events = self._read(lines)
        if rest:
            self._hold(rest)
        if self._too_large and not events:
            self._raise_if_too_large()
        return events

    def read(self, chunks: Iterable[bytes]) -> Iterator[Event]:
        """The events of a stream's chunks, each as soon as it is complete; after the last one the stream is closed."""
        line = self._line
        for new in chunks:
            if not (_LF in new or _CR in new) and len(new) <= _SMALL and len(line) < self._line_enough:
                line.append(new)  # in half the time of a call of feed
            else:
                self._more = _NO_MORE
                yield from self.feed(new)
        self.close()

    async def read_async(self, chunks: AsyncIterable[bytes]) -> AsyncGenerator[Event, None]:
        """The events of chunks that are waited for, each as soon as it is complete; the twin of `read`.

        An exception of the chunks' source passes; what came until then was given, and the stream is not closed.
        """
        line = self._line
        async for new in chunks:
            if not (_LF in new or _CR in new) and len(new) <= _SMALL and len(line) < self._line_enough:
                line.append(new)  # in half the time of a call of feed
            else:
                self._more = _NO_MORE
                for event in self.feed(new):
                    yield event
        self.close()

    def close(self) -> None:
        """End the stream: what is unfinished is dropped, as the standard says, and can be seen afterwards.

        ``dropped`` is the event that a line end and a blank line would have completed, or None; ``unfinished`` is the
        last line when it had no end.

        Raises `EventTooLarge` when the last call of `feed` had events to give before it could.
        """
        self._raise_if_too_large()
        kept = self.last_event_id, self.retry
        self.unfinished = self._take_line()
        events: list[Event] = []
        if not any(name.startswith(self.unfinished) and name != self.unfinished for name in _FIELDS):
            self._interpret(self.unfinished.decode("utf-8", "replace") + "\n", events)
        self._dispatch(events)
        self.dropped = events[0] if events else None
        self.last_event_id, self.retry = kept

    def _with_plain_line_ends(self, data: bytes) -> bytes:
        """The same without the BOM, and with LF for every line end.

        A CR is a whole line end at once: waiting for an LF would hold an event back. The LF that follows goes.
        """
        self._raise_if_too_large()
        if not self._started:
            data = self._take_line() + data
            if len(data) < len(_BOM) and _BOM.startswith(data):
                return data  # held as the beginning of a line, until it is known
            self._started = True
            data = data.removeprefix(_BOM)
        if data:
            if self._after_cr:
                data = data.removeprefix(b"\n")
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._special = self._after_cr
        return data

    def _read_line(self, line: bytes) -> tuple[Event, ...]:
        """Take one line that ends with LF."""
        events: list[Event] = []
        if line == b"\n":
            self._dispatch(events)
            self._room = self._max_event_size
        elif line[0] != _COLON:
            self._interpret(line.decode("utf-8", "replace"), events)
            self._room -= len(line)
            self._join_data()
        self._line_enough = 0 if self._special else min(self._room // _SMALL, _PIECES)
        return tuple(events)

    def _read(self, lines: bytes) -> tuple[Event, ...]:
        """Take lines that end with LF, no more at once than the processor's cache can hold."""
        events: list[Event] = []
        if len(lines) > self._room:
            lines = self._lines_that_fit(lines)
        for piece in _slices(lines) if len(lines) > _SLICE else (lines,):
            self._read_lines(piece, events)
        return tuple(events)

    def _read_lines(self, lines: bytes, events: list[Event]) -> None:
        """Take whole lines that end with LF."""
        if self._data or self._type or not lines.startswith(b"data: ") or not lines.endswith(b"\n\n"):
            self._interpret(lines.decode("utf-8", "replace"), events)
            self._count(lines)
            self._join_data()
        else:
            # Nearly every stream is events of one data line. Cutting at all of "\n\ndata: " finds them several times
            # faster than looking for each LF; a piece with an LF in it has other lines than that one.
            if len(lines) <= _SLICE:
                text = lines[6:-2].decode("utf-8", "replace")
            else:
                text = str(memoryview(lines)[6:-2], "utf-8", "replace")  # new memory is what megabytes cost
            for value in text.split("\n\ndata: ") if "\n" in text else (text,):
                if "\n" in value:
                    self._interpret(f"data: {value}\n\n", events)
                else:
                    event = _new_event(Event)
                    event.event = "message"
                    event.data = value
                    event.id = self._id
                    events.append(event)
            self.last_event_id = self._id
            self._room = self._max_event_size
            self._line_enough = 0 if self._special else self._enough

    def _join_data(self) -> None:
        """Join small lines: a string of three letters takes 52 bytes, and an event may have millions of them."""
        if len(self._data) - self._joined > _MANY:
            self._data[self._joined :] = ["\n".join(self._data[self._joined :])]
            self._joined += 1

    def _interpret(self, text: str, events: list[Event]) -> None:
        """The standard's steps, for lines that each end with LF."""
        start, size = 0, len(text)
        while start < size:
            end = text.find("\n", start)  # split("\n") looks at every character, find at sixteen at once
            if end == start:
                self._dispatch(events)
            elif text.startswith("data: ", start):
                self._data.append(text[start + 6 : end])
            elif not text.startswith(":", start):
                self._field(text[start:end])
            start = end + 1

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._type = value
        elif name == "id":
            if "\0" not in value:
                self._id = value
        elif name == "retry":
            if value.isascii() and value.isdigit():
                digits = value.lstrip("0") or "0"
                self.retry = min(int(digits[:20]), _MAX_RETRY)  # int() raises above some thousands of digits
        else:
            self.stray = line

    def _dispatch(self, events: list[Event]) -> None:
        self.last_event_id = self._id
        if self._data:
            events.append(Event(self._type or "message", "\n".join(self._data), self._id))
            self._data = []
            self._joined = 0
        self._type = ""

    def _hold(self, piece: bytes) -> None:
        self._line.append(piece)
        if len(self._line) > self._line_enough or len(piece) > _SMALL:
            self._look_at_line()
        if len(piece) == 1:
            self._more = repeat(self._line, self._line_enough - len(self._line))

    def _take_line(self) -> bytes:
        line = b"".join(self._line)
        self._line.clear()
        self._line_looked = self._line_size = self._line_enough = 0
        return line

    def _look_at_line(self) -> None:
        """See that the line still fits, and join its small pieces: one of three bytes takes twenty times its size."""
        recent = self._line[self._line_looked :]
        size = sum(map(len, recent))
        if size < _OVERHEAD * len(recent):
            self._line[self._line_looked :] = [b"".join(recent)]
        self._line_looked = len(self._line)
        self._line_size += size
        room = self._room - self._line_size
        if room < 0:
            self._special = self._too_large = True
        self._line_enough = 0 if self._special else self._line_looked + min(room // _SMALL, _PIECES)

    def _count(self, lines: bytes) -> None:
        """Take what these lines leave open from the room of the event that is arriving."""
        blank = lines.rfind(b"\n\n")
        if blank >= 0 or lines.startswith(b"\n"):
            self._room = self._max_event_size
            lines = lines[blank + 2 :]
        self._room -= len(lines)
        if lines.startswith(b":") or b"\n:" in lines:
            self._room += sum(len(line) + 1 for line in lines.split(b"\n") if line.startswith(b":"))
        self._line_enough = 0 if self._special else min(self._room // _SMALL, _PIECES)

    def _lines_that_fit(self, lines: bytes) -> bytes:
        """These lines up to the first one that makes its event too large."""
        room = self._room
        start = 0
        while start < len(lines):
            end = lines.find(b"\n", start)
            if end == start:
                room = self._max_event_size
            elif lines[start] != _COLON:
                room -= end + 1 - start
            if room < (end - start if lines[start] == _COLON else 0):
                self._special, self._too_large, self._line_enough = True, True, 0
                break
            start = end + 1
        return lines[:start]

    def _raise_if_too_large(self) -> None:
        if self._too_large:
            self._line.clear()
            self._data.clear()
            raise EventTooLarge(self._max_event_size)


def _slices(lines: bytes) -> Iterator[bytes]:
    """Pieces of whole lines, small enough for the processor's cache."""
    start = 0
    while start < len(lines):
        end = lines.find(b"\n", start + _SLICE) + 1 or len(lines)
        end += lines.startswith(b"\n", end)  # the blank line of the event that the line before it may have completed
        yield lines[start:end]
        start = end


def parse(body: bytes | Iterable[bytes], *, max_event_size: int = MAX_EVENT_SIZE) -> list[Event]:
    """The events of a whole body, or of its chunks."""
    return list(EventStreamParser(max_event_size=max_event_size).read((body,) if isinstance(body, bytes) else body))


def encode(event: Event, *, last_event_id: str = "") -> bytes:
    """The bytes that a parser reads back as this event, its blank line included.

    ``last_event_id`` is the id of the event before it in the same stream: where the two differ, an ``id`` line is
    written.

    Raises `EventNotEncodable` for what no stream can carry: a line end in the type or the id, a CR in the data, a NULL
    in the id, an empty type, half of a surrogate pair.
    """
    for name, text in (("event", event.event), ("data", event.data), ("id", event.id)):
        if problem := _unwritable(name, text):
            raise EventNotEncodable(name, text, problem)
    lines = [f"id: {event.id}"] if event.id != last_event_id else []
    lines += [f"event: {event.event}"] if event.event != "message" else []
    lines += [f"data: {line}" for line in event.data.split("\n")]
    return "\n".join([*lines, "", ""]).encode()


def _unwritable(name: str, text: str) -> str:
    if "\r" in text:
        return "with a CR, which a reader takes for a line end and gives back as LF"
    if "\n" in text and name != "data":
        return "with a line end, and this field has one line"
    if "\0" in text and name == "id":
        return "with a NULL, and a reader passes over such an id"
    if not text and name == "event":
        return "empty, and a reader gives 'message' for that"
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "with half of a surrogate pair, which UTF-8 cannot hold"
    return ""


def split(body: bytes) -> list[bytes]:
    """The body cut after each event's blank line; joined, the pieces are the body.

    Each piece holds one event, with the comments and the blocks without data before it. What follows the last event,
    finished or not, is the last piece; there is none when nothing follows.
    """
    pieces, start, has_data = [], 0, False
    for line in _LINE.finditer(body, len(_BOM) if body.startswith(_BOM) else 0):
        if line[1] == b"data" or line[1].startswith(b"data:"):
            has_data = True
        elif not line[1] and has_data:
            pieces.append(body[start : line.end()])
            start, has_data = line.end(), False
    return [*pieces, body[start:]] if start < len(body) else pieces
