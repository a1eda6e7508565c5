"""Writes answers and errors in the dialects of providers; the readers beside it read the same.

Knows no time and no HTTP but a path and a media type.
"""

from types import MappingProxyType
from typing import Final

from fakegpt_testkit.dialects.writing.chat import CHAT
from fakegpt_testkit.dialects.writing.cohere import COHERE
from fakegpt_testkit.dialects.writing.converse import CONVERSE
from fakegpt_testkit.dialects.writing.gemini import GEMINI
from fakegpt_testkit.dialects.writing.invoke import INVOKE
from fakegpt_testkit.dialects.writing.messages import MESSAGES
from fakegpt_testkit.dialects.writing.ollama import OLLAMA
from fakegpt_testkit.dialects.writing.responses import RESPONSES
from fakegpt_testkit.dialects.writing.said import Said, Writer

WRITERS: Final = MappingProxyType(
    {
        "openai-chat": CHAT,
        "openai-responses": RESPONSES,
        "anthropic": MESSAGES,
        "gemini": GEMINI,
        "ollama": OLLAMA,
        "cohere": COHERE,
        "bedrock": CONVERSE,
        "bedrock-invoke": INVOKE,
    }
)
"""The dialects that can be written, by their names."""

__all__ = ["WRITERS", "Said", "Writer"]
