"""FakeGpt's conversation as one dialect among others: each event repeats the whole text so far.

Knows no more of the service than the reader that it wraps.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fakegpt_testkit import conversation
from fakegpt_testkit.dialects.deltas import End, Failure, Finish, Further, Ping, Rewrite, Text, Verdict
from fakegpt_testkit.dialects.dialect import Dialect
from fakegpt_testkit.dialects.json_values import Object, obj

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fakegpt_testkit.dialects.deltas import Delta
    from fakegpt_testkit.sse import Event


class AnswerReader:
    """Reads the events of one answer; the text that a message takes back is the whole answer's, as it then stands."""

    def __init__(self) -> None:
        self._reader = conversation.AnswerReader()

    def feed(self, event: Event) -> Sequence[Delta]:
        """What this event changed."""
        if event.event == "ping":
            return (Ping(),)
        return self._translated(self._reader.feed(event))

    def close(self, stray: str = "") -> Sequence[Delta]:
        """What was held back until now."""
        return self._translated(self._reader.close(stray))

    def _translated(self, deltas: Iterable[conversation.Delta]) -> list[Delta]:
        return [self._one(delta) for delta in deltas]

    def _one(self, delta: conversation.Delta) -> Delta:
        match delta:
            case conversation.Text(text):
                return Text(text)
            case conversation.Rewrite():
                return Rewrite(self._reader.text)
            case conversation.NewMessage():
                return Further()
            case conversation.End(reason):
                return Finish(reason)
            case conversation.Moderation():
                return Verdict()
            case conversation.Failure(message, code):
                return Failure(message, code)
            case conversation.Done():
                return End()


def _speaks(_event: Event, said: Object) -> bool:
    return "moderation_response" in said or (
        "parts" in obj(obj(said.get("message")).get("content")) and "author" in obj(said.get("message"))
    )


FAKEGPT: Final = Dialect(
    "fakegpt",
    _speaks,
    AnswerReader,
    re.compile(r"/api/conversation$"),
    end_marks=(b"data: [DONE]",),
    end="data: [DONE]",
)
