"""OpenAI's responses: items with parts, each told when it begins, grows and ends.

Knows nothing of the tools that the service runs itself: they are neither text nor calls.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects.deltas import End, Finish, Ping, Reasoning, Refusal, Text, ToolPiece, Usage
from fakegpt_testkit.dialects.dialect import Dialect, failure_in, failure_of_body
from fakegpt_testkit.dialects.editing import pieces
from fakegpt_testkit.dialects.json_values import Object, as_json, number, obj, objects, parsed, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakegpt_testkit.dialects.deltas import Delta
    from fakegpt_testkit.sse import Event

_GROWTH: Final[dict[str, type[Text | Reasoning | Refusal]]] = {
    "response.output_text.delta": Text,
    "response.refusal.delta": Refusal,
    "response.reasoning_summary_text.delta": Reasoning,
    "response.reasoning_text.delta": Reasoning,
}
_WHOLE: Final[dict[str, tuple[str, type[Text | Refusal]]]] = {
    "response.output_text.done": ("text", Text),
    "response.refusal.done": ("refusal", Refusal),
}
"""What repeats a part, or says it where nothing came in pieces."""
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
_ITEMS: Final = frozenset({"response.output_item.added", "response.output_item.done"})


class ResponsesReader:
    """Reads the events of one response."""

    def __init__(self) -> None:
        self._heard: set[str] = set()  # the calls whose arguments came, and whether words came whole
        self._grown: set[type] = set()  # of what pieces came
        self._ended = False

    def feed(self, event: Event) -> Sequence[Delta]:
        """What this event changed."""
        said = obj(parsed(event.data))
        kind = text(said.get("type")) or event.event
        growth = _GROWTH.get(kind)
        if growth is not None:
            words = text(said.get("delta"))
            self._grown.add(growth)
            return (growth(words),) if words else ()
        if kind in _WHOLE:
            key, whole = _WHOLE[kind]
            words = "" if whole in self._grown else text(said.get(key))
            self._heard.update(("words",) if words else ())
            return (whole(words),) if words else ()
        if kind.startswith("response.function_call_arguments."):
            return self._arguments(text(said.get("item_id")), text(said.get("delta")), said.get("arguments"))
        if kind in _ITEMS:
            return self._item(obj(said.get("item")))
        if kind in _ENDS:
            self._ended = True
            response = obj(said.get("response"))
            return [*([] if self._grown or self._heard else _output(response)), *_end(response)]
        if kind == "response.in_progress":
            return _usage(obj(said.get("response")))
        if kind == "error":
            return (failure_in(said) or failure_of_body(event.data),)
        return (Ping(),) if kind in ("keepalive", "ping") else ()

    def close(self, stray: str = "") -> Sequence[Delta]:
        """A line outside the events is an error's, where the response did not end."""
        return (failure_of_body(stray),) if stray and not self._ended else ()

    def _arguments(self, key: str, piece: str, whole: object) -> Sequence[Delta]:
        """A piece, or the whole where no piece came before it."""
        said = piece or ("" if key in self._heard else text(whole))
        if not said:
            return ()
        self._heard.add(key)
        return (ToolPiece(key, arguments=said),)

    def _item(self, item: Object) -> Sequence[Delta]:
        if item.get("type") not in ("function_call", "custom_tool_call"):
            return ()
        key = text(item.get("id")) or text(item.get("call_id"))
        begun = ToolPiece(key, text(item.get("name")), "", text(item.get("call_id")))
        whole = item.get("arguments") or item.get("input") if item.get("status") != "in_progress" else ""
        return (begun, *self._arguments(key, "", whole))


def _usage(response: Object) -> list[Delta]:
    usage = obj(response.get("usage"))
    return [Usage(number(usage.get("input_tokens")), number(usage.get("output_tokens")))] if usage else []


def _end(response: Object) -> list[Delta]:
    deltas: list[Delta] = []
    if status := text(response.get("status")):
        deltas.append(Finish(status))
    deltas += _usage(response)
    problem = failure_in(response)
    if problem is None and response.get("status") == "failed":
        problem = failure_of_body("failed")
    return [*deltas, *([problem] if problem else []), End()]


def _output(response: Object) -> list[Delta]:
    """What a whole response says."""
    reader = ResponsesReader()
    deltas: list[Delta] = []
    for item in objects(response.get("output")):
        kind = item.get("type")
        if kind == "reasoning":
            parts = (*objects(item.get("summary")), *objects(item.get("content")))
            deltas += [Reasoning(text(part.get("text"))) for part in parts]
        elif kind == "message":
            for part in objects(item.get("content")):
                deltas += [Refusal(text(part["refusal"]))] if "refusal" in part else [Text(text(part.get("text")))]
        else:
            deltas += reader._item({**item, "arguments": as_json(item.get("arguments") or item.get("input"))})
    return deltas


def _speaks(event: Event, said: Object) -> bool:
    return text(said.get("type")).startswith("response.") or event.event.startswith("response.")


def _body(said: Object) -> Sequence[Delta] | None:
    if said.get("object") != "response":
        return None
    return [*_output(said), *_end(said)]


OPENAI_RESPONSES: Final = Dialect(
    "openai-responses",
    _speaks,
    ResponsesReader,
    re.compile(r"/responses$"),
    _body,
    end_marks=(b"event: response.completed", b"event: response.incomplete", b"event: response.failed"),
    end="response.completed",
    editor=pieces.RESPONSES,
    incidental=frozenset({"obfuscation", "sequence_number", "encrypted_content", "completed_at"}),
)
