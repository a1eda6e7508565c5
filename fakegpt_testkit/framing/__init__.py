"""Cuts a body into events: server-sent events, JSON lines, the elements of a JSON array, Amazon's binary frames.

Knows no HTTP but a media type, and nothing of what an event means: bytes go in, events and the places where they were
complete come out.
"""

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
