"""Reads the frames of Amazon's event streams as lines of text, and makes frames of the changed lines again.

Knows no secret. What a frame carries may be an event of the model's own in base64: its line is the event.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.framing.amazon import TEXT, fields_in, frame_ends, frame_of, payload_of
from fakegpt_testkit.redaction.vault import Edit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WRAPPED: Final = re.compile(rb'("bytes"\s*:\s*")([A-Za-z0-9+/]*={0,2})"')
_BETWEEN: Final = b"\n\x1e\n"
"""A record separator in a line of its own, since JSON may have lines."""
_COMMON: Final = frozenset({":event-type", ":message-type", ":content-type"})


def unframed(body: bytes) -> tuple[bytes, Callable[[bytes], bytes]] | None:
    """A line for what each whole frame carries, then its texts beside that, then what follows; and the way back.

    None for a body that does not begin with a frame.
    """
    frames = list(whole_frames(body))
    if not frames:
        return None
    carried = [payload_of(frame) for frame in frames]
    events = [_event(payload) for payload in carried]
    beside = [_around(payload) for payload, event in zip(carried, events, strict=True) if event is not None]
    told = [value for frame in frames for value in _told(frame)]
    lines = [payload if event is None else event for payload, event in zip(carried, events, strict=True)]
    rest = body[sum(map(len, frames)) :]

    def framed(changed: bytes) -> bytes:
        count = len(lines) + len(beside) + len(told)
        *parts, behind = changed.split(_BETWEEN, count)
        around, said = iter(parts[len(lines) : len(lines) + len(beside)]), iter(parts[len(lines) + len(beside) :])
        made = []
        for frame, line, event in zip(frames, parts, events, strict=False):
            payload = line if event is None else _wrapped(next(around), line)
            fields = [(name, kind, next(said) if _tells(name, kind) else raw) for name, kind, raw in fields_in(frame)]
            made.append(frame_of(fields, payload))
        return b"".join((*made, behind))

    return _BETWEEN.join((*lines, *beside, *told, rest)), framed


def whole_frames(body: bytes) -> Iterator[bytes]:
    """The frames that a body begins with, their checksums right."""
    start = 0
    for end in frame_ends(body):
        yield body[start:end]
        start = end


def frame_edits(before: bytes, after: bytes) -> list[Edit]:
    """What makes the one body of the other, frame by frame, so that none of it moves to another chunk."""
    edits: list[Edit] = []
    old, new = list(whole_frames(before)), list(whole_frames(after))
    at = 0
    for was, now in zip(old, new, strict=False):
        if was != now:
            edits.append(Edit(at, at + len(was), now.decode("latin-1")))
        at += len(was)
    rest = after[sum(map(len, new)) :]
    if at < len(before) and before[at:] != rest:
        edits.append(Edit(at, len(before), rest.decode("latin-1")))
    return edits


def _event(payload: bytes) -> bytes | None:
    """The event that a payload holds in base64; None where it holds none."""
    found = _WRAPPED.search(payload)
    try:
        event = base64.b64decode(found[2], validate=True) if found else b""
    except binascii.Error:
        return None
    return event or None


def _around(payload: bytes) -> bytes:
    return _WRAPPED.sub(rb'\1"', payload, count=1)


def _wrapped(around: bytes, event: bytes) -> bytes:
    inner = base64.b64encode(event)
    return _WRAPPED.sub(lambda found: found[1] + inner + b'"', around, count=1)


def _told(frame: bytes) -> Iterator[bytes]:
    yield from (raw for name, kind, raw in fields_in(frame) if _tells(name, kind))


def _tells(name: str, kind: int) -> bool:
    return kind == TEXT and name not in _COMMON
