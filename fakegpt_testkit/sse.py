"""Cuts a byte stream into server-sent events, by the WHATWG rules.

Knows no JSON and no HTTP, and does no I/O: feed it bytes as they come, take events as they complete.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fakegpt_testkit.errors import EventNotEncodable, EventTooLarge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_EVENT_SIZE = 64 * 1024 * 1024
"""The default bound of one event, in bytes."""

_BOM = b"\xef\xbb\xbf"
_LF, _CR, _COLON = b"\n\r:"
_FIELDS = (b"data", b"event", b"id", b"retry")
_MAX_RETRY = 2**63 - 1
_MAX_RETRY_DIGITS = 18


@dataclass(slots=True, unsafe_hash=True)
class Event:
    """One server-sent event: its type, its data, and the last event id that held when it was given.

    A value: treat it as immutable. It is not a frozen dataclass only because building those takes three times as long,
    and building events is most of what a parser does.
    """

    event: str = "message"
    data: str = ""
    id: str = ""


class EventStreamParser:
    """Takes the bytes of an event stream in any pieces and gives each event as soon as it is complete."""

    def __init__(self, *, last_event_id: str = "", max_event_size: int = MAX_EVENT_SIZE) -> None:
        self.last_event_id = last_event_id
        self.retry: int | None = None
        self.stray = b""
        self.dropped: Event | None = None
        self.unfinished = b""
        self._max_event_size = max_event_size
        self._started = False
        self._swallow_lf = False
        self._line = bytearray()
        self._type = ""
        self._data: list[str] = []
        self._id = last_event_id
        self._size = 0
        self._failure: EventTooLarge | None = None

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete.

        Raises `EventTooLarge`, and nothing else; the events before the large one are given first, by the call before.
        """
        events: list[Event] = []
        if self._failure is not None:
            raise self._failure
        try:
            self._take(data, events)
        except EventTooLarge as error:
            self._failure = error
            self._line.clear()
            self._data.clear()
            if not events:
                raise
        return events

    def _take(self, data: bytes, events: list[Event]) -> None:
        if not self._started:
            data = bytes(self._line) + data
            self._line.clear()
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._line += data
                return
            self._started = True
            data = data.removeprefix(_BOM)
        if not data:
            return
        if self._swallow_lf:
            self._swallow_lf = False
            data = data.removeprefix(b"\n")
        if _CR in data:
            self._swallow_lf = data[-1] == _CR
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = data.split(b"\n")
        if not lines:
            self._line += rest
            self._check(len(self._line))
            return
        if self._line:
            lines[0] = bytes(self._line) + lines[0]
        self._line = bytearray(rest)
        for line in lines:
            self._check(len(line))
            if not line:
                self._dispatch(events)
            elif line[0] != _COLON:
                self._size += len(line) + 1
                self._check(0)
                self._field(line)
        self._check(len(rest))

    def close(self) -> None:
        """End the stream: what is unfinished is dropped, as the standard says, and can be seen afterwards.

        ``dropped`` is the event that a line end and a blank line would have completed, or None; ``unfinished`` is the
        last line when it had no end.
        """
        if self._failure is not None:
            raise self._failure
        self.unfinished = bytes(self._line)
        self._line.clear()
        kept = self.last_event_id, self.retry
        if self.unfinished and self.unfinished[0] != _COLON:
            self._field(self.unfinished)
        events: list[Event] = []
        self._dispatch(events)
        self.dropped = events[0] if events else None
        if any(name.startswith(self.stray) for name in _FIELDS):
            self.stray = b""
        self.last_event_id, self.retry = kept

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value.decode("utf-8", "replace"))
        elif name == b"event":
            self._type = value.decode("utf-8", "replace")
        elif name == b"id":
            if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
        elif name == b"retry":
            if value.isdigit():
                digits = value.lstrip(b"0")
                self.retry = int(digits or b"0") if len(digits) <= _MAX_RETRY_DIGITS else _MAX_RETRY
        else:
            self.stray = line

    def _dispatch(self, events: list[Event]) -> None:
        self.last_event_id = self._id
        if self._data:
            events.append(Event(self._type or "message", "\n".join(self._data), self._id))
        self._data = []
        self._type = ""
        self._size = 0

    def _check(self, more: int) -> None:
        if self._size + more > self._max_event_size:
            raise EventTooLarge(self._max_event_size)


def parse(body: bytes | Iterable[bytes], *, max_event_size: int = MAX_EVENT_SIZE) -> list[Event]:
    """The events of a whole body, or of its chunks."""
    parser = EventStreamParser(max_event_size=max_event_size)
    chunks = (body,) if isinstance(body, bytes) else body
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    parser.close()
    return events


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
    if event.event != "message":
        lines.append(f"event: {event.event}")
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
    pieces = []
    start = 0
    for end in _event_ends(body):
        pieces.append(body[start:end])
        start = end
    if start < len(body):
        pieces.append(body[start:])
    return pieces


_LINE = re.compile(rb"([^\r\n]*)(?:\r\n|\r|\n)")


def _event_ends(body: bytes) -> Iterator[int]:
    has_data = False
    for line in _LINE.finditer(body, len(_BOM) if body.startswith(_BOM) else 0):
        if line[1] == b"data" or line[1].startswith(b"data:"):
            has_data = True
        elif not line[1] and has_data:
            has_data = False
            yield line.end()
