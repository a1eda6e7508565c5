"""Where the words and the calls of tools stand in a recorded answer, so that they can be others.

Knows no bytes and no frame but by the JSON in it.
"""

from types import MappingProxyType
from typing import Final

from fakegpt_testkit.dialects.editing.blocks import COHERE, CONVERSE, MESSAGES
from fakegpt_testkit.dialects.editing.editor import Editor, Json, Slot, spread
from fakegpt_testkit.dialects.editing.models import editor_of_model
from fakegpt_testkit.dialects.editing.pieces import CHAT, GEMINI, OLLAMA, RESPONSES

EDITORS: Final = MappingProxyType(
    {
        "openai-chat": CHAT,
        "openai-responses": RESPONSES,
        "anthropic": MESSAGES,
        "gemini": GEMINI,
        "ollama": OLLAMA,
        "cohere": COHERE,
        "bedrock": CONVERSE,
    }
)
"""The dialects of `DIALECTS` that can be edited, by their names; one that is added brings its own."""

__all__ = ["EDITORS", "Editor", "Json", "Slot", "editor_of_model", "spread"]
