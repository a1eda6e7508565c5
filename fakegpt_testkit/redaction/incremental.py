"""Redacts a body while it arrives, whole events at a time, for what must be on the disk before the body is complete.

Knows no rules of its own: what a secret is, and whether one is still arriving, its redactor says.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.exchange import Chunk, media_type
from fakegpt_testkit.framing.amazon import begins_with_frame, frame_ends
from fakegpt_testkit.framing.cutting import Framing, framing_of_label
from fakegpt_testkit.redaction.joined import ObjectEnds, is_array, is_stream

if TYPE_CHECKING:
    from fakegpt_testkit.exchange import Headers
    from fakegpt_testkit.redaction.redactor import Redactor

_EVENT_END: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_LINE_END: Final = re.compile(rb"\n")
_NEVER: Final = re.compile(rb"(?!)")
_SPELLED: Final = {_EVENT_END: (b"\r\n\r\n", b"\n\n", b"\r\r"), _LINE_END: (b"\n",), _NEVER: ()}
"""The same, to be looked for from the end: an expression finds each of them."""
_FRAME_END: Final = re.compile(rb"\Z")
"""Of Amazon's frames: where they end, their lengths tell."""
_ELEMENT_END: Final = re.compile(rb"(?#object)\Z")
"""Of an array's elements: where they end, their braces tell."""
_BY_LABEL: Final[dict[Framing | None, re.Pattern[bytes]]] = {Framing.SSE: _EVENT_END, Framing.JSON_LINES: _LINE_END}
_LINES: Final = ("Content-Type", "application/x-ndjson")
_PACKED: Final = (b"\x1f\x8b", b"\x78\x01", b"\x78\x9c", b"\x78\xda")
"""gzip and zlib: nothing can be looked at before all of it is there."""
_ENOUGH_TO_TELL: Final = 16
_HELD_LIMIT: Final = 256 * 1024
_OFTEN: Final = 4096
"""Where more than that is held back, it is read again when it has grown by an eighth: else each event reads all."""
_LONG_WORD: Final = 64
"""Of what has no ends of lines: a word is held back until it is longer."""
_LONG_LINE: Final = 4096
"""What begins as JSON lines do is taken for something else where it has no end of a line in so many bytes."""
_WORD: Final = re.compile(rb"[A-Za-z0-9+/=_.@%~-]*\Z")
_REMEMBERED: Final = 2048
"""Of what was given out: a secret's name may have come some events before the secret."""


class StreamRedactor:
    """Chunks in as they arrive, chunks without secrets out: complete events, or complete lines of what has no events.

    Held back: an unfinished event; of what has no ends of lines, a word that may go on; and events in which a secret
    has begun and not ended, up to 256 KiB of them. All that went in comes out, changed like ``Redactor.body`` would
    have changed it, except the first letters of a secret that came in an event before, when nothing told yet that they
    were one. A chunk in which an event ends and another begins comes out in two.
    """

    def __init__(self, redactor: Redactor, headers: Headers = ()) -> None:
        self._redactor = redactor
        self._headers = headers
        self._held = bytearray()
        self._chunks: list[Chunk] = []  # of what is held
        self._before = b""
        self._searched = 0
        self._again = 0  # how much has to be held back before it is read again
        self._objects = ObjectEnds()
        self.taken = 0
        """How many of the bytes that went in are no longer held back."""
        self.changed = False
        """Whether what came out differs from what went in."""
        self._end = _BY_LABEL.get(framing_of_label(media_type(headers)))
        self._by_label = self._end is not None

    def feed(self, *chunks: Chunk) -> tuple[Chunk, ...]:
        """What can be shown of the body so far and was not given out before."""
        self._chunks += chunks
        self._held += b"".join([chunk.data for chunk in chunks])
        if self._end is None:
            if len(self._held) < _ENOUGH_TO_TELL:
                return ()
            self._end = _ending(bytes(self._held[:_ENOUGH_TO_TELL]))
        end = self._complete(self._end)
        if not end and self._end is _LINE_END and not self._by_label:
            end = _whole_words(self._held)
        self._searched = len(self._held)
        if not end or end < self._again:
            return ()
        complete, rest = _parted(self._chunks, end) if end < len(self._held) else (tuple(self._chunks), [])
        if not self._before and self._end is _LINE_END and _is_object(bytes(self._held[:end])):
            self._headers = (_LINES, *self._headers)  # that one came tells not yet whether it is one of several
        shown = self._redactor.events(self._before, complete, self._headers, last=end >= _HELD_LIMIT)
        if shown is None:
            self._again = 0 if end < _OFTEN else min(end + end // 8, _HELD_LIMIT)
            return ()
        self._again = 0
        given = self._before + self._took(complete, shown)
        self._chunks = rest
        del self._held[:end]
        self._searched = len(self._held)
        self._before = _last_of(given, self._end)
        return shown

    def _complete(self, ends: re.Pattern[bytes]) -> int:
        """How much of what is held back is whole events."""
        if ends is _FRAME_END:
            return max(frame_ends(bytes(self._held)), default=0)
        if ends is _ELEMENT_END:
            ends_here = self._objects.feed(bytes(self._held[self._searched :]))
            return max((self._searched + end for end in ends_here), default=0)
        start = max(0, self._searched - 3)
        return max((at + len(end) for end in _SPELLED[ends] if (at := self._held.rfind(end, start)) >= 0), default=0)

    def close(self) -> tuple[Chunk, ...]:
        """What was held back."""
        held, self._chunks = tuple(self._chunks), []
        self._held.clear()
        shown = self._redactor.events(self._before, held, self._headers, last=True) or ()
        self._took(held, shown)
        return shown

    def _took(self, held: tuple[Chunk, ...], shown: tuple[Chunk, ...]) -> bytes:
        was = b"".join([chunk.data for chunk in held])
        now = was if shown is held else b"".join([chunk.data for chunk in shown])
        self.taken += len(was)
        self.changed = self.changed or was != now
        return now


def _parted(chunks: list[Chunk], size: int) -> tuple[tuple[Chunk, ...], list[Chunk]]:
    """The chunks of so many bytes, and those of the rest."""
    for index, chunk in enumerate(chunks):
        if size <= len(chunk.data):
            first = Chunk(chunk.at, chunk.data[:size], tuple(end for end in chunk.ends if end <= size))
            rest = Chunk(chunk.at, chunk.data[size:], tuple(end - size for end in chunk.ends if end > size))
            return (*chunks[:index], first), [*([rest] if rest.data else []), *chunks[index + 1 :]]
        size -= len(chunk.data)
    return tuple(chunks), []


def _whole_words(held: bytearray) -> int:
    """How much of a body without ends of lines can be given out: all but a word at its end that may go on."""
    if held.startswith((b"{", b"[")) and len(held) < _LONG_LINE:
        return 0
    found = _WORD.search(held, max(0, len(held) - _LONG_WORD - 1))
    word = len(found[0]) if found else 0
    end = len(held) - word if word <= _LONG_WORD else len(held)
    return end if end >= _LONG_WORD else 0  # each look at it reads what was given out last again


def _is_object(lines: bytes) -> bool:
    """Whether the first of these lines is a JSON object."""
    first = lines.lstrip(b"\r\n").partition(b"\n")[0].strip()
    return first.startswith(b"{") and first.endswith(b"}")


def _last_of(given: bytes, ends: re.Pattern[bytes]) -> bytes:
    """The last whole events of what was given out, as many as are remembered."""
    too_much = len(given) - _REMEMBERED
    if too_much <= 0:
        return given
    if ends is _FRAME_END:
        return given[next((end for end in frame_ends(given) if end >= too_much), len(given)) :]
    if ends is _ELEMENT_END:
        return given[next((end for end in ObjectEnds().feed(given) if end >= too_much), len(given)) :]
    first = ends.search(given, too_much)
    if first is None and ends is _LINE_END:
        return given[too_much:]
    return given[first.end() :] if first else b""


def _ending(start: bytes) -> re.Pattern[bytes]:
    """What ends a part of a body that can be looked at by itself, by the body's first bytes."""
    if start.startswith(_PACKED):
        return _NEVER
    if begins_with_frame(start):
        return _FRAME_END
    text = start.decode("latin-1")
    if is_array(text):
        return _ELEMENT_END
    return _EVENT_END if is_stream(text) else _LINE_END
