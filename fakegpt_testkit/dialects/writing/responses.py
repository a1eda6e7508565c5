"""Writes OpenAI's responses: each item as it begins, grows and ends, and all of them once more at the end.

Knows no tools that the service runs itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects.writing.chat import error_body
from fakegpt_testkit.dialects.writing.said import MODEL, Said, Writer, typed

if TYPE_CHECKING:
    from fakegpt_testkit.dialects.json_values import Json


def _response(said: Said, status: str, output: list[Json]) -> Json:
    usage = None
    if said.usage is not None and status != "in_progress":
        asked, answered = said.usage
        usage = {
            "input_tokens": asked,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": answered,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": asked + answered,
        }
    return {
        "id": "resp_scripted",
        "object": "response",
        "created_at": 1,
        "status": status,
        "model": MODEL,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "usage": usage,
    }


def _items(said: Said) -> list[Json]:
    """The items as they are in the end."""
    items: list[Json] = []
    if said.reasoning:
        summary = [{"type": "summary_text", "text": said.reasoning}]
        items.append({"id": "rs_1", "type": "reasoning", "summary": summary})
    if said.texts:
        content = [{"type": "output_text", "text": said.text, "annotations": []}]
        items.append({"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": content})
    for number, call_id, name, arguments in said.calls():
        call = {"id": f"fc_{number + 1}", "type": "function_call", "status": "completed", "call_id": call_id}
        items.append(call | {"name": name, "arguments": arguments})
    return items


_EMPTY: Final[dict[str, Json]] = {
    "reasoning": {"summary": []},
    "message": {"status": "in_progress", "content": []},
    "function_call": {"status": "in_progress", "arguments": ""},
}


def _growth(said: Said, item: Json, at: int) -> list[Json]:
    """What is told between an item's beginning and its end."""
    place: Json = {"item_id": item["id"], "output_index": at}
    match item["type"]:
        case "reasoning":
            place |= {"summary_index": 0}
            part = {"type": "summary_text", "text": said.reasoning}
            return [
                {"type": "response.reasoning_summary_part.added", **place, "part": part | {"text": ""}},
                {"type": "response.reasoning_summary_text.delta", **place, "delta": said.reasoning},
                {"type": "response.reasoning_summary_text.done", **place, "text": said.reasoning},
                {"type": "response.reasoning_summary_part.done", **place, "part": part},
            ]
        case "message":
            place |= {"content_index": 0}
            part = item["content"][0]
            deltas = [
                {"type": "response.output_text.delta", **place, "delta": text, "logprobs": []} for text in said.texts
            ]
            return [
                {"type": "response.content_part.added", **place, "part": part | {"text": ""}},
                *deltas,
                {"type": "response.output_text.done", **place, "text": said.text, "logprobs": []},
                {"type": "response.content_part.done", **place, "part": part},
            ]
    return [
        {"type": "response.function_call_arguments.delta", **place, "delta": item["arguments"]},
        {
            "type": "response.function_call_arguments.done",
            **place,
            "name": item["name"],
            "arguments": item["arguments"],
        },
    ]


def _events(said: Said) -> list[bytes]:
    items = _items(said)
    status = said.finish_or("completed", "completed")
    told: list[Json] = [
        {"type": f"response.{kind}", "response": _response(said, "in_progress", [])}
        for kind in ("created", "in_progress")
    ]
    for at, item in enumerate(items):
        told.append({"type": "response.output_item.added", "output_index": at, "item": item | _EMPTY[item["type"]]})
        told += _growth(said, item, at)
        told.append({"type": "response.output_item.done", "output_index": at, "item": item})
    told.append({"type": f"response.{status}", "response": _response(said, status, items)})
    return [typed({"type": each["type"], "sequence_number": number, **each}) for number, each in enumerate(told)]


def _plain(said: Said) -> Json:
    return _response(said, said.finish_or("completed", "completed"), _items(said))


def _error(message: str, code: str) -> bytes:
    problem = {"type": code or "server_error", "code": code or "server_error", "message": message, "param": None}
    return typed({"type": "error", "sequence_number": 0, "error": problem})


def _usage_event(asked: int, answered: int) -> bytes:
    response = _response(Said(usage=(asked, answered)), "completed", []) | {"status": "in_progress"}
    return typed({"type": "response.in_progress", "sequence_number": 0, "response": response})


RESPONSES: Final = Writer(
    site="https://api.openai.com/v1",
    path="/responses",
    plain_path="/responses",
    content_type="text/event-stream; charset=utf-8",
    events=_events,
    plain=_plain,
    error=_error,
    error_body=error_body,
    end=typed({"type": "response.completed", "sequence_number": 0, "response": _response(Said(), "completed", [])}),
    error_fields=(("x-request-id", "req_scripted"),),
    usage=_usage_event,
    ping=typed({"type": "keepalive", "sequence_number": 0}),
)
