"""Cuts a body into events: server-sent events, JSON lines, the elements of a JSON array, Amazon's binary frames.

Knows no HTTP but a media type, and nothing of what an event means: bytes go in, events and the places where they were
complete come out. What cuts is loaded when it is first used: each replay in pytest asks ``whole``, and cuts nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakegpt_testkit.deferred import defer

if TYPE_CHECKING:
    from fakegpt_testkit.framing.amazon import FrameField, encode_frame, payload_of, with_payload
    from fakegpt_testkit.framing.cutting import Frames, Framing, Outside, cut, cut_chunks, framing_of, split

__all__ = [
    "FrameField",
    "Frames",
    "Framing",
    "Outside",
    "cut",
    "cut_chunks",
    "encode_frame",
    "framing_of",
    "payload_of",
    "split",
    "with_payload",
]

_FILES = {
    "amazon": ("FrameField", "encode_frame", "payload_of", "with_payload"),
    "cutting": ("Frames", "Framing", "Outside", "cut", "cut_chunks", "framing_of", "split"),
}
__getattr__, __dir__ = defer(__name__, _FILES)
