"""The editors of what models on Bedrock say in shapes of their own, and how to tell whose a shape is.

Knows no frame and no base64; `dialects.models` has the shapes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects.editing.blocks import MESSAGES
from fakegpt_testkit.dialects.editing.editor import Editor, Slot, inner, items, slots
from fakegpt_testkit.dialects.editing.pieces import CHAT
from fakegpt_testkit.dialects.models import LISTS, TEXTS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from fakegpt_testkit.dialects.deltas import ToolCall
    from fakegpt_testkit.dialects.json_values import Json


def _texts(said: Json) -> list[Slot]:
    parts = (said, *(item for key in LISTS for item in items(said, key)))
    return [slot for part in parts for slot in slots(part, *TEXTS)]


PLAIN: Final = Editor(_texts)
"""Of models that say a text and no more."""


def _command_texts(said: Json) -> list[Slot]:
    return slots(said, "text") if said.get("event_type", "text-generation") == "text-generation" else []


def _command_calls(calls: Sequence[ToolCall]) -> Json:
    told = [{"name": call.name, "parameters": json.loads(call.arguments or "{}")} for call in calls]
    return {"event_type": "tool-calls-generation", "is_finished": False, "tool_calls": told}


COMMAND: Final = Editor(
    _command_texts,
    lambda: lambda said: str(said.get("event_type")).startswith("tool-calls-"),
    lambda said: (said, "tool_calls"),
    lambda said: said.get("event_type") == "stream-end",
    wholes=lambda said: slots(said.get("response"), "text"),
    repeated=lambda said: inner(said, "response") if "response" in said else None,
    calling=_command_calls,
)
"""Of Cohere's Command R."""

_SIGNS: Final = {
    "completion": (PLAIN, ""),
    "event_type": (COMMAND, ""),
    "generation_id": (COMMAND, ""),
    "choices": (CHAT, "openai-chat"),
    "type": (MESSAGES, "anthropic"),
}


def editor_of_model(keys: Collection[str]) -> tuple[Editor, str]:
    """The editor of a model whose JSON has these keys, and the dialect that writes its calls, or ``""``."""
    return next((found for key, found in _SIGNS.items() if key in keys), (PLAIN, ""))
