"""FakeGpt's conversation as one dialect among others: each event repeats the whole text so far.

Knows no HTTP and no path: events go in, what they changed and what is odd of them comes out.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects import End, Failure, Finish, Further, Ping, Rewrite, Text, Verdict
from fakegpt_testkit.fakegpt import conversation
from fakegpt_testkit.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fakegpt_testkit.dialects import Delta
    from fakegpt_testkit.sse import Event


class FakeGptReader:
    """Reads the events of one answer; the text that a message takes back is the whole answer's, as it then stands."""

    def __init__(self) -> None:
        self._reader = conversation.AnswerReader()

    def feed(self, event: Event) -> Sequence[Delta]:
        """What this event changed."""
        if event.event == "ping":
            return (Ping(),)
        deltas = self._reader.feed(event)
        if len(deltas) == 1 and type(deltas[0]) is conversation.Text:
            return (Text(deltas[0].text),)  # by far the most
        return self._translated(deltas)

    def close(self, stray: str = "") -> Sequence[Delta]:
        """What was held back until now."""
        return self._translated(self._reader.close(stray))

    def _translated(self, deltas: Iterable[conversation.MessageDelta]) -> list[Delta]:
        return [self._one(delta) for delta in deltas]

    def _one(self, delta: conversation.MessageDelta) -> Delta:
        match delta:
            case Text() | Failure() | Finish() | End():
                return delta
            case conversation.MessageRewrite():
                return Rewrite(self._reader.text)
            case conversation.NewMessage():
                return Further()
            case conversation.Moderation():
                return Verdict()


_KNOWN_KEYS: Final = frozenset(
    {"message", "conversation_id", "error", "detail", "moderation_response", "message_id", "is_completion"}
    | {"num_variants_in_stream", "display_treatment"}
)


def strange(event: Event) -> str:
    """What of this event the reader passes over without knowing it, in words; empty where it knows all."""
    if event.event == "ping" or event.data == "[DONE]":
        return ""
    if event.event != "message":
        return f"is of the unknown type {shortened(event.event)!r}"
    try:
        value = json.loads(event.data)
    except (ValueError, RecursionError):
        return f"is no JSON: {shortened(event.data)!r}"
    if not isinstance(value, dict):
        return f"is no JSON object: {shortened(event.data)!r}"
    unknown = sorted(value.keys() - _KNOWN_KEYS)
    return f"has unknown keys: {shortened(', '.join(unknown))!r}" if unknown else ""
