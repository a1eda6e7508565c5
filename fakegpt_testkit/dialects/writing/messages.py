"""Writes Anthropic's messages, block by block.

Knows no blocks but thinking, text and the use of tools.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects.writing.said import MODEL, Said, Writer, arguments_of, typed

if TYPE_CHECKING:
    from fakegpt_testkit.dialects.json_values import Json

_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def _finish(said: Said) -> str:
    return said.finish_or("end_turn", "tool_use")


def _message(said: Said, content: list[Json], finish: str | None, output: int) -> Json:
    asked, _ = said.usage or (0, 0)
    return {
        "id": "msg_scripted",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": content,
        "stop_reason": finish,
        "stop_sequence": None,
        "usage": {"input_tokens": asked, "output_tokens": output},
    }


def _blocks(said: Said) -> list[tuple[Json, list[Json]]]:
    """Each block as it begins, and what it grows by."""
    blocks: list[tuple[Json, list[Json]]] = []
    if said.reasoning:
        growth = [
            {"type": "thinking_delta", "thinking": said.reasoning},
            {"type": "signature_delta", "signature": "scripted"},
        ]
        blocks.append(({"type": "thinking", "thinking": "", "signature": ""}, growth))
    if said.texts:
        blocks.append(({"type": "text", "text": ""}, [{"type": "text_delta", "text": text} for text in said.texts]))
    for _, call_id, name, arguments in said.calls("toolu_"):
        begun = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
        blocks.append((begun, [{"type": "input_json_delta", "partial_json": arguments}]))
    return blocks


def _events(said: Said) -> list[bytes]:
    _, answered = said.usage or (0, 0)
    told: list[Json] = [{"type": "message_start", "message": _message(said, [], None, min(answered, 1))}]
    for index, (begun, growth) in enumerate(_blocks(said)):
        told.append({"type": "content_block_start", "index": index, "content_block": begun})
        told += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in growth]
        told.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": _finish(said), "stop_sequence": None}
    told.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": answered}})
    told.append({"type": "message_stop"})
    return [typed(each) for each in told]


def _plain(said: Said) -> Json:
    content: list[Json] = []
    if said.reasoning:
        content.append({"type": "thinking", "thinking": said.reasoning, "signature": "scripted"})
    if said.texts:
        content.append({"type": "text", "text": said.text})
    for _, call_id, name, arguments in said.calls("toolu_"):
        content.append({"type": "tool_use", "id": call_id, "name": name, "input": arguments_of(arguments)})
    return _message(said, content, _finish(said), (said.usage or (0, 0))[1])


def _error(message: str, code: str) -> bytes:
    return typed({"type": "error", "error": {"type": code or "overloaded_error", "message": message}})


def _error_body(status: int, message: str, word: str) -> Json:
    kind = _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": word or kind, "message": message}, "request_id": "req_scripted"}


def _usage_event(asked: int, answered: int) -> bytes:
    delta = {"stop_reason": None, "stop_sequence": None}
    usage = {"input_tokens": asked, "output_tokens": answered}
    return typed({"type": "message_delta", "delta": delta, "usage": usage})


MESSAGES: Final = Writer(
    site="https://api.anthropic.com",
    path="/v1/messages",
    plain_path="/v1/messages",
    content_type="text/event-stream; charset=utf-8",
    events=_events,
    plain=_plain,
    error=_error,
    error_body=_error_body,
    end=typed({"type": "message_stop"}),
    error_fields=(("request-id", "req_scripted"),),
    usage=_usage_event,
    ping=typed({"type": "ping"}),
)
