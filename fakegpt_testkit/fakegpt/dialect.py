"""What the package is told of FakeGpt's dialect. Importing this says it.

Knows not how an answer is read: the room that does it is imported when it is needed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fakegpt_testkit import dialects
from fakegpt_testkit.dialects.editing.editor import Editor, Slot, inner
from fakegpt_testkit.dialects.json_values import Object, obj
from fakegpt_testkit.fakegpt.site import CONVERSATION

if TYPE_CHECKING:
    from fakegpt_testkit.dialects import Reader
    from fakegpt_testkit.dialects.json_values import Json
    from fakegpt_testkit.sse import Event


def _speaks(_event: Event, said: Object) -> bool:
    message = obj(said.get("message"))
    return "moderation_response" in said or ("parts" in obj(message.get("content")) and "author" in message)


def _reader() -> Reader:
    from fakegpt_testkit.fakegpt.reading import FakeGptReader

    return FakeGptReader()


def _strange(event: Event) -> str:
    from fakegpt_testkit.fakegpt.reading import strange

    return strange(event)


def _texts(said: Json) -> list[Slot]:
    message = inner(said, "message")
    parts = inner(message, "content").get("parts")
    if inner(message, "author").get("role") != "assistant" or message.get("recipient") not in ("all", None):
        return []
    return [Slot(parts, 0)] if isinstance(parts, list) and parts and isinstance(parts[0], str) and parts[0] else []


dialects.add(
    dialects.Dialect(
        "fakegpt",
        _speaks,
        _reader,
        re.compile(rf"{CONVERSATION}$"),
        end_marks=(b"data: [DONE]",),
        end="data: [DONE]",
        error_is_end=False,
        strange=_strange,
        cut_counts=True,
        editor=Editor(_texts, cumulative=True),
    )
)
