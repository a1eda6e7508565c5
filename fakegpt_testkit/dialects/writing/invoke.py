"""Writes Anthropic's messages as Bedrock sends them for `InvokeModelWithResponseStream`: in frames, in base64.

Knows no other model's events.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Final

from fakegpt_testkit import sse
from fakegpt_testkit.dialects.writing.converse import CONVERSE
from fakegpt_testkit.dialects.writing.messages import MESSAGES
from fakegpt_testkit.dialects.writing.said import Said, as_json
from fakegpt_testkit.framing import encode_frame


def wrapped(event: bytes) -> bytes:
    """The frame that carries a server-sent event's data."""
    data = sse.parse(event)[0].data
    fields = [(":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event")]
    return encode_frame(as_json({"bytes": base64.b64encode(data.encode()).decode()}).encode(), fields)


def _events(said: Said) -> list[bytes]:
    return [wrapped(event) for event in MESSAGES.events(said)]


def _usage_event(asked: int, answered: int) -> bytes:
    return wrapped(MESSAGES.usage(asked, answered)) if MESSAGES.usage else b""


INVOKE: Final = replace(
    CONVERSE,
    path="/model/*/invoke-with-response-stream",
    plain_path="/model/*/invoke",
    events=_events,
    plain=MESSAGES.plain,
    end=wrapped(MESSAGES.end),
    usage=_usage_event,
    ping=wrapped(MESSAGES.ping),
)
