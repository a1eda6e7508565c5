"""Amazon's binary event-stream frames: lengths, named fields, a payload, and a checksum over each part.

Knows no JSON: a payload is text, and what the fields say of it becomes the event's type.

A frame is, big-endian: its length (4 bytes), the length of its fields (4), the CRC-32 of those eight bytes (4), the
fields, the payload, the CRC-32 of all before it (4). A field is its name's length (1), its name, its type (1) and its
value; a value of type 7 is text with its length (2) before it.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Final, TypeAlias

from fakegpt_testkit.sse import Event

if TYPE_CHECKING:
    from collections.abc import Iterable

FrameField: TypeAlias = tuple[str, str]
"""A field of a frame: ``(":event-type", "chunk")``."""

PRELUDE: Final = 12
_TEXT: Final = 7
_SIZES: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""The types of a value that have a fixed size, and that size; types 6 and 7 say theirs."""


def begins_with_frame(body: bytes) -> bool:
    """Whether the body begins with a prelude whose checksum is right."""
    return _length(body, 0) is not None


def frame_ends(body: bytes) -> list[int]:
    """Where each whole frame with right checksums ends, up to the first that is not one."""
    ends: list[int] = []
    start = 0
    while (size := _length(body, start)) is not None and start + size <= len(body):
        end = start + size
        if zlib.crc32(body[start : end - 4]) != struct.unpack_from(">I", body, end - 4)[0]:
            break
        ends.append(end)
        start = end
    return ends


def payloads_alone(body: bytes) -> bytes:
    """The body with line ends in place of all that is no payload, so that each payload is a line where it stands."""
    alone = bytearray(b"\n" * len(body))
    start = 0
    for end in frame_ends(body):
        first = start + PRELUDE + struct.unpack_from(">I", body, start + 4)[0]
        alone[first : end - 4] = body[first : end - 4]
        start = end
    return bytes(alone)


def _length(body: bytes, start: int) -> int | None:
    """The length that the prelude at ``start`` announces; None where none stands, or its checksum is wrong."""
    if len(body) - start < PRELUDE:
        return None
    size, fields, checksum = struct.unpack_from(">III", body, start)
    if zlib.crc32(body[start : start + 8]) != checksum or size < PRELUDE + fields + 4:
        return None
    return int(size)


def read_frame(frame: bytes) -> Event:
    """The event that a whole frame carries: its type is the event's or the exception's, ``error`` for an error.

    An error has its words in the fields; they become the data, as JSON has them in an exception.
    """
    fields = dict(_fields(frame[PRELUDE : PRELUDE + struct.unpack_from(">I", frame, 4)[0]]))
    payload = payload_of(frame).decode("utf-8", "replace")
    if fields.get(":message-type") == "error":
        return Event(fields.get(":error-code") or "error", fields.get(":error-message", ""), "error")
    if fields.get(":message-type") == "exception":
        return Event(fields.get(":exception-type") or "exception", payload, "exception")
    return Event(fields.get(":event-type") or "message", payload)


def _fields(block: bytes) -> Iterable[FrameField]:
    at = 0
    while at < len(block):
        try:
            name_end = at + 1 + block[at]
            name, kind = block[at + 1 : name_end].decode("utf-8", "replace"), block[name_end]
            at = name_end + 1
            if kind in _SIZES:
                at += _SIZES[kind]
                continue
            (size,) = struct.unpack_from(">H", block, at)
        except (IndexError, struct.error):
            return
        if kind == _TEXT:
            yield name, block[at + 2 : at + 2 + size].decode("utf-8", "replace")
        at += 2 + size


def encode_frame(payload: bytes, fields: Iterable[FrameField]) -> bytes:
    """The frame that carries this payload, with its lengths and checksums."""
    block = bytearray()
    for name, value in fields:
        label, content = name.encode(), value.encode()
        block += bytes([len(label)]) + label + bytes([_TEXT]) + struct.pack(">H", len(content)) + content
    return _frame(bytes(block), payload)


def payload_of(frame: bytes) -> bytes:
    """What a whole frame carries."""
    return frame[PRELUDE + struct.unpack_from(">I", frame, 4)[0] : -4]


def with_payload(frame: bytes, payload: bytes) -> bytes:
    """The frame with another payload: its fields stay, its lengths and checksums are made anew."""
    return _frame(frame[PRELUDE : PRELUDE + struct.unpack_from(">I", frame, 4)[0]], payload)


def _frame(block: bytes, payload: bytes) -> bytes:
    prelude = struct.pack(">II", PRELUDE + len(block) + len(payload) + 4, len(block))
    frame = prelude + struct.pack(">I", zlib.crc32(prelude)) + block + payload
    return frame + struct.pack(">I", zlib.crc32(frame))
