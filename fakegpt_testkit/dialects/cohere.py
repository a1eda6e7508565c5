"""Cohere's second chat: contents and tool calls that begin, grow and end, each in an object of its own.

Knows nothing of the first version.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects.deltas import End, Failure, Finish, Reasoning, Text, ToolPiece, Usage
from fakegpt_testkit.dialects.dialect import Dialect, failure_in, failure_of_body
from fakegpt_testkit.dialects.editing import blocks
from fakegpt_testkit.dialects.json_values import Object, as_json, number, obj, objects, parsed, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakegpt_testkit.dialects.deltas import Delta
    from fakegpt_testkit.sse import Event


class CohereReader:
    """Reads the events of one answer."""

    def __init__(self) -> None:
        self._ended = False

    def feed(self, event: Event) -> Sequence[Delta]:
        """What this event changed."""
        if event.data == "[DONE]":
            self._ended = True
            return (End(),)
        said = obj(parsed(event.data))
        delta = obj(said.get("delta"))
        message = obj(delta.get("message"))
        kind = said.get("type")
        if kind in ("content-start", "content-delta"):
            return _content(obj(message.get("content")))
        if kind in ("tool-call-start", "tool-call-delta"):
            call = obj(message.get("tool_calls"))
            function = obj(call.get("function"))
            index = f"{number(said.get('index')) or 0}"
            return (
                ToolPiece(index, text(function.get("name")), text(function.get("arguments")), text(call.get("id"))),
            )
        if kind == "tool-plan-delta":
            plan = text(message.get("tool_plan"))
            return (Reasoning(plan),) if plan else ()
        if kind == "message-end":
            self._ended = True
            return _end(delta)
        if event.event == "error":
            return (failure_in(said) or failure_of_body(event.data),)
        return ()

    def close(self, stray: str = "") -> Sequence[Delta]:
        """A line outside the events is an error's, where the answer did not end."""
        return (failure_of_body(stray),) if stray and not self._ended else ()


def _content(content: Object) -> list[Delta]:
    thinking, words = text(content.get("thinking")), text(content.get("text"))
    return [*([Reasoning(thinking)] if thinking else []), *([Text(words)] if words else [])]


def _end(said: Object) -> list[Delta]:
    deltas: list[Delta] = []
    reason = text(said.get("finish_reason"))
    if reason:
        deltas.append(Finish(reason))
    tokens = obj(obj(said.get("usage")).get("tokens"))
    if tokens:
        deltas.append(Usage(number(tokens.get("input_tokens")), number(tokens.get("output_tokens"))))
    if reason == "ERROR":
        deltas.append(Failure(text(said.get("error")) or reason, text(said.get("error_type")) or reason))
    return [*deltas, End()]


def _speaks(_event: Event, said: Object) -> bool:
    return said.get("type") == "message-start"


def _body(said: Object) -> Sequence[Delta] | None:
    message = obj(said.get("message"))
    if "finish_reason" not in said or not message:
        return None
    plan = text(message.get("tool_plan"))
    deltas: list[Delta] = [Reasoning(plan)] if plan else []
    for content in objects(message.get("content")):
        deltas += _content(content)
    for index, call in enumerate(objects(message.get("tool_calls"))):
        function = obj(call.get("function"))
        name, arguments = text(function.get("name")), as_json(function.get("arguments"))
        deltas.append(ToolPiece(f"{index}", name, arguments, text(call.get("id"))))
    return [*deltas, *_end(said)]


COHERE: Final = Dialect(
    "cohere",
    _speaks,
    CohereReader,
    re.compile(r"/v2/chat$"),
    _body,
    end_marks=(b"event: message-end",),
    editor=blocks.COHERE,
    end="message-end",
)
