"""Anthropic's messages: blocks that begin, grow and end.

Knows no way that they come in: an event's own JSON says what it is, whatever frame or name it has.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects.deltas import End, Finish, Ping, Reasoning, Text, ToolPiece, Usage
from fakegpt_testkit.dialects.dialect import Dialect, failure_in, failure_of_body
from fakegpt_testkit.dialects.editing import blocks
from fakegpt_testkit.dialects.json_values import Object, as_json, number, obj, objects, parsed, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakegpt_testkit.dialects.deltas import Delta
    from fakegpt_testkit.sse import Event

_CALLS: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})


class MessageReader:
    """Reads the events of one message."""

    def __init__(self) -> None:
        self._held: dict[str, Delta] = {}  # what a block began with, until its deltas replace it or it ends
        self._ended = False

    def feed(self, event: Event) -> Sequence[Delta]:
        """What this event changed."""
        said = obj(parsed(event.data))
        kind = said.get("type")
        index = f"{number(said.get('index')) or 0}"
        if kind == "content_block_delta":
            return self._grow(obj(said.get("delta")), index)
        if kind == "content_block_start":
            return self._begin(obj(said.get("content_block")), index)
        if kind == "content_block_stop":
            held = self._held.pop(index, None)
            return () if held is None else (held,)
        if kind == "message_start":
            return _usage(obj(obj(said.get("message")).get("usage")))
        if kind == "message_delta":
            reason = text(obj(said.get("delta")).get("stop_reason"))
            return [*([Finish(reason)] if reason else []), *_usage(obj(said.get("usage")))]
        if kind == "message_stop":
            self._ended = True
            return [*self.close(), End()]
        if kind == "error" or event.event == "error":
            return (failure_in(said) or failure_of_body(event.data),)
        return (Ping(),) if "ping" in (kind, event.event) else ()

    def close(self, stray: str = "") -> Sequence[Delta]:
        """What a block began with and that no delta replaced; a line outside the events, as an error's."""
        held = list(self._held.values())
        self._held.clear()
        return [*held, failure_of_body(stray)] if stray and not self._ended else held

    def _begin(self, block: Object, index: str) -> Sequence[Delta]:
        kind = block.get("type")
        if kind in _CALLS:
            call = ToolPiece(index, text(block.get("name")), "", text(block.get("id")))
            if block.get("input"):
                self._held[index] = ToolPiece(index, arguments=as_json(block["input"]))
            return (call,)
        if kind == "text" and text(block.get("text")):
            self._held[index] = Text(text(block["text"]))
        elif kind == "thinking" and text(block.get("thinking")):
            self._held[index] = Reasoning(text(block["thinking"]))
        return ()

    def _grow(self, delta: Object, index: str) -> Sequence[Delta]:
        kind = delta.get("type")
        said: Delta | None = None
        if kind == "text_delta":
            said = Text(text(delta.get("text")))
        elif kind == "thinking_delta":
            said = Reasoning(text(delta.get("thinking")))
        elif kind == "input_json_delta" and delta.get("partial_json"):
            said = ToolPiece(index, arguments=text(delta["partial_json"]))
        if said is None:
            return ()
        self._held.pop(index, None)
        return (said,)


def _usage(usage: Object) -> Sequence[Delta]:
    return (Usage(number(usage.get("input_tokens")), number(usage.get("output_tokens"))),) if usage else ()


def speaks(_event: Event, said: Object) -> bool:
    """Whether this is how a message begins."""
    return said.get("type") == "message_start"


def body(said: Object) -> Sequence[Delta] | None:
    """What a message that does not stream says."""
    if said.get("type") != "message" or "content" not in said:
        return None
    deltas: list[Delta] = []
    for index, block in enumerate(objects(said["content"])):
        reader = MessageReader()
        deltas += [*reader._begin(block, f"{index}"), *reader.close()]
    reason = text(said.get("stop_reason"))
    return [*deltas, *([Finish(reason)] if reason else []), *_usage(obj(said.get("usage"))), End()]


ANTHROPIC: Final = Dialect(
    "anthropic",
    speaks,
    MessageReader,
    re.compile(r"/v1/messages$|:(?:streamR|r)awPredict$"),
    body,
    end_marks=(b"event: message_stop",),
    end="message_stop",
    editor=blocks.MESSAGES,
    incidental=frozenset({"signature", "request_id"}),
)
