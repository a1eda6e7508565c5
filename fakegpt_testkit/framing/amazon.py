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
    from collections.abc import Iterable, Iterator

FrameField: TypeAlias = tuple[str, str]
"""A field of a frame: ``(":event-type", "chunk")``."""
RawField: TypeAlias = tuple[str, int, bytes]
"""Its name, its type and its value's bytes."""

PRELUDE: Final = 12
TEXT: Final = 7
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
    fields = dict(_fields(_block(frame)))
    payload = payload_of(frame).decode("utf-8", "replace")
    if fields.get(":message-type") == "error":
        return Event(fields.get(":error-code") or "error", fields.get(":error-message", ""), "error")
    if fields.get(":message-type") == "exception":
        return Event(fields.get(":exception-type") or "exception", payload, "exception")
    return Event(fields.get(":event-type") or "message", payload)


def _fields(block: bytes) -> Iterator[FrameField]:
    return ((name, raw.decode("utf-8", "replace")) for name, kind, raw in _raw_fields(block) if kind == TEXT)


def fields_in(frame: bytes) -> list[RawField]:
    """All fields of a whole frame, whatever their type."""
    return list(_raw_fields(_block(frame)))


def _raw_fields(block: bytes) -> Iterator[RawField]:
    at = 0
    while at < len(block):
        try:
            name_end = at + 1 + block[at]
            name, kind = block[at + 1 : name_end].decode("utf-8", "replace"), block[name_end]
            at = name_end + 1
            size = _SIZES.get(kind)
            if size is None:
                (size,) = struct.unpack_from(">H", block, at)
                at += 2
        except (IndexError, struct.error):
            return
        yield name, kind, block[at : at + size]
        at += size


def encode_frame(payload: bytes, fields: Iterable[FrameField]) -> bytes:
    """The frame that carries this payload, with its lengths and checksums."""
    return frame_of(((name, TEXT, value.encode()) for name, value in fields), payload)


def frame_of(fields: Iterable[RawField], payload: bytes) -> bytes:
    """The same of fields of any type."""
    block = bytearray()
    for name, kind, value in fields:
        label = name.encode()
        block += bytes([len(label)]) + label + bytes([kind])
        block += (b"" if kind in _SIZES else struct.pack(">H", len(value))) + value
    return _frame(bytes(block), payload)


def payload_of(frame: bytes) -> bytes:
    """What a whole frame carries."""
    return frame[PRELUDE + struct.unpack_from(">I", frame, 4)[0] : -4]


def with_payload(frame: bytes, payload: bytes) -> bytes:
    """The frame with another payload: its fields stay, its lengths and checksums are made anew."""
    return _frame(_block(frame), payload)


def _block(frame: bytes) -> bytes:
    return frame[PRELUDE : PRELUDE + struct.unpack_from(">I", frame, 4)[0]]


def _frame(block: bytes, payload: bytes) -> bytes:
    prelude = struct.pack(">II", PRELUDE + len(block) + len(payload) + 4, len(block))
    frame = prelude + struct.pack(">I", zlib.crc32(prelude)) + block + payload
    return frame + struct.pack(">I", zlib.crc32(frame))
