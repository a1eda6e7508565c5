"""Bedrock's streams: Converse's own events, and what a model says in its own way, wrapped in base64.

Knows no frame: each comes as an event with its type and its JSON.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects import anthropic
from fakegpt_testkit.dialects.deltas import End, Failure, Finish, Reasoning, Text, ToolPiece, Usage
from fakegpt_testkit.dialects.dialect import Dialect, failure_of_body
from fakegpt_testkit.dialects.editing import blocks
from fakegpt_testkit.dialects.json_values import Object, as_json, number, obj, objects, parsed, text
from fakegpt_testkit.dialects.models import ModelReader, read_whole
from fakegpt_testkit.sse import Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakegpt_testkit.dialects.deltas import Delta

_EVENTS: Final = frozenset({"messageStart", "contentBlockStart", "contentBlockDelta", "messageStop"})
_METRICS: Final = "amazon-bedrock-invocationMetrics"


class BedrockReader:
    """Reads the frames of one answer."""

    def __init__(self) -> None:
        self._message = anthropic.MessageReader()
        self._model = ModelReader()

    def feed(self, event: Event) -> Sequence[Delta]:
        """What this frame changed."""
        said = obj(parsed(event.data))
        if event.id in ("exception", "error"):
            return (Failure(failure_of_body(event.data).message, event.event),)
        if event.event == "chunk" or "bytes" in said:
            return self._inner(_unwrapped(said))
        return self._converse(event.event, said)

    def close(self, stray: str = "") -> Sequence[Delta]:
        """What the inner reader held."""
        failed = (failure_of_body(stray),) if stray else ()
        return [*self._message.close(), *failed]

    def _inner(self, data: str) -> Sequence[Delta]:
        """One event of the model's own, in whichever of the shapes that the models have."""
        said = obj(parsed(data))
        counts = obj(said.get(_METRICS))
        usage: list[Delta] = (
            [Usage(number(counts.get("inputTokenCount")), number(counts.get("outputTokenCount")))] if counts else []
        )
        name = next(iter(said), "")
        if name in _EVENTS or name == "metadata":
            heard = self._converse(name, obj(said[name]))
            return [*heard, *usage]
        if "type" in said and "completion" not in said:  # Claude 2 names its pieces, too
            return [*usage, *self._message.feed(Event(data=data))]
        return [*self._model.deltas_of(said), *usage]

    def _converse(self, name: str, said: Object) -> Sequence[Delta]:
        index = f"{number(said.get('contentBlockIndex')) or 0}"
        if name == "contentBlockDelta":
            return _grown(obj(said.get("delta")), index)
        if name == "contentBlockStart":
            tool = obj(obj(said.get("start")).get("toolUse"))
            return (ToolPiece(index, text(tool.get("name")), "", text(tool.get("toolUseId"))),) if tool else ()
        if name == "messageStop":
            return (Finish(text(said.get("stopReason"))), End())
        return _usage(said) if name == "metadata" else ()


def _grown(delta: Object, index: str) -> Sequence[Delta]:
    if words := text(delta.get("text")):
        return (Text(words),)
    if thought := text(obj(delta.get("reasoningContent")).get("text")):
        return (Reasoning(thought),)
    piece = text(obj(delta.get("toolUse")).get("input"))
    return (ToolPiece(index, arguments=piece),) if piece else ()


def _usage(said: Object) -> list[Delta]:
    usage = obj(said.get("usage"))
    return [Usage(number(usage.get("inputTokens")), number(usage.get("outputTokens")))] if usage else []


def unwrapped(event: Event) -> Event:
    """The event that stands in a frame in base64, whatever model's it is; any other event as it is."""
    if event.event != "chunk":
        return event
    data = _unwrapped(obj(parsed(event.data)))
    return Event(data=data) if isinstance(parsed(data), dict) else event


def _unwrapped(said: Object) -> str:
    try:
        return base64.b64decode(text(said.get("bytes"))).decode("utf-8", "replace")
    except ValueError:
        return ""


def _speaks(event: Event, said: Object) -> bool:
    return event.event in _EVENTS or (event.event == "chunk" and "bytes" in said)


def _body(said: Object) -> Sequence[Delta] | None:
    message = obj(obj(said.get("output")).get("message"))
    if not message or "stopReason" not in said:
        return read_whole(said)
    deltas: list[Delta] = []
    for index, block in enumerate(objects(message.get("content"))):
        tool = obj(block.get("toolUse"))
        if words := text(block.get("text")):
            deltas.append(Text(words))
        elif thought := text(obj(obj(block.get("reasoningContent")).get("reasoningText")).get("text")):
            deltas.append(Reasoning(thought))
        elif tool:
            name, arguments = text(tool.get("name")), as_json(tool.get("input"))
            deltas.append(ToolPiece(f"{index}", name, arguments, text(tool.get("toolUseId"))))
    return [*deltas, Finish(text(said["stopReason"])), *_usage(said), End()]


BEDROCK: Final = Dialect(
    "bedrock",
    _speaks,
    BedrockReader,
    re.compile(r"/model/[^/]+/(?:converse|converse-stream|invoke|invoke-with-response-stream)$"),
    _body,
    end="messageStop",
    editor=blocks.CONVERSE,
    incidental=frozenset({"p", "metrics", _METRICS}) | anthropic.ANTHROPIC.incidental,
)
