"""The editors of dialects whose answers are blocks that begin, grow and end: Anthropic's, Converse's, Cohere's.

Knows no frame; a block's events are found by its number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects.editing.editor import Editor, Slot, inner, items, slots

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.dialects.json_values import Json


def _stripper(key: str, begins: Callable[[Json], bool]) -> Callable[[], Callable[[Json], bool]]:
    """Takes whole blocks out: from the event that begins a call to the last of its number."""

    def begin() -> Callable[[Json], bool]:
        calls: set[int] = set()

        def strip(said: Json) -> bool:
            number = said.get(key)
            if begins(said):
                calls.add(number or 0)
            elif "content_block" in said or "start" in said:
                calls.discard(number or 0)
            return number in calls

        return strip

    return begin


def _finisher(event: str, key: str, word: str) -> Callable[[Json], bool]:
    """Says by this word why an answer ended, where one says it: in that event, or in the whole of a plain one."""

    def finish(said: Json) -> bool:
        holder = inner(said, "delta") if said.get("type") == event else said
        if not isinstance(holder.get(key), str):
            return False
        holder[key] = word
        return True

    return finish


# --- Anthropic ---


def _message_texts(said: Json) -> list[Slot]:
    found: list[Slot] = []
    for block in (said.get("content_block"), said.get("delta"), *items(said, "content")):
        if isinstance(block, dict) and block.get("type") in ("text", "text_delta"):
            found += slots(block, "text")
    return found


def _is_tool_use(block: Json) -> bool:
    return block.get("type") == "tool_use"


MESSAGES: Final = Editor(
    _message_texts,
    _stripper("index", lambda said: _is_tool_use(inner(said, "content_block"))),
    lambda said: (said, "content"),
    _finisher("message_delta", "stop_reason", "tool_use"),
    _is_tool_use,
    numbered="index",
)


# --- Bedrock's Converse ---


def _converse_texts(said: Json) -> list[Slot]:
    found = slots(said.get("delta"), "text")
    for block in items(inner(said, "output", "message"), "content"):
        found += slots(block, "text")
    return found


def _converse_finish(said: Json) -> bool:
    if "stopReason" not in said:
        return False
    said["stopReason"] = "tool_use"
    return True


CONVERSE: Final = Editor(
    _converse_texts,
    _stripper("contentBlockIndex", lambda said: "toolUse" in inner(said, "start")),
    lambda said: (inner(said, "output", "message"), "content"),
    _converse_finish,
    lambda block: "toolUse" in block,
    numbered="contentBlockIndex",
)


# --- Cohere ---


def _cohere_texts(said: Json) -> list[Slot]:
    found = slots(inner(said, "delta", "message", "content"), "text")
    for content in items(inner(said, "message"), "content"):
        found += slots(content, "text")
    return found


COHERE: Final = Editor(
    _cohere_texts,
    lambda: lambda said: str(said.get("type")).startswith("tool-call-"),
    lambda said: (inner(said, "message"), "tool_calls"),
    _finisher("message-end", "finish_reason", "TOOL_CALL"),
)
