"""Writes OpenAI's chat completions.

Knows no other way of theirs than the first: one chunk for a text, and one for a call of a tool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects.writing.said import MODEL, Said, Writer, event

if TYPE_CHECKING:
    from fakegpt_testkit.dialects.json_values import Json

DONE: Final = b"data: [DONE]\n\n"
_TYPES: Final = {
    400: ("invalid_request_error", ""),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("permission_error", "insufficient_permissions"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


def _chunk(delta: Json, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return event(_head("chat.completion.chunk") | {"choices": [choice]})


def _head(kind: str) -> Json:
    return {"id": "chatcmpl-scripted", "object": kind, "created": 1, "model": MODEL}


def _usage(said: Said) -> Json:
    asked, answered = said.usage or (0, 0)
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def _call(number: int, call_id: str, name: str, arguments: str) -> Json:
    function = {"name": name, "arguments": arguments}
    return {"index": number, "id": call_id, "type": "function", "function": function}


def _finish(said: Said) -> str:
    return said.finish_or("stop", "tool_calls")


def _events(said: Said) -> list[bytes]:
    made = [_chunk({"role": "assistant", "content": ""})]
    made += [_chunk({"reasoning_content": said.reasoning})] if said.reasoning else []
    made += [_chunk({"content": text}) for text in said.texts]
    made += [_chunk({"tool_calls": [_call(*call)]}) for call in said.calls()]
    made.append(_chunk({}, _finish(said)))
    if said.usage is not None:
        made.append(event(_head("chat.completion.chunk") | {"choices": [], "usage": _usage(said)}))
    return [*made, DONE]


def _plain(said: Said) -> Json:
    message: Json = {"role": "assistant", "content": said.text or None, "refusal": None}
    if said.reasoning:
        message["reasoning_content"] = said.reasoning
    if said.tool_calls:
        message["tool_calls"] = [_call(*call) for call in said.calls()]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(said)}
    return _head("chat.completion") | {"choices": [choice], "usage": _usage(said)}


def error_body(status: int, message: str, word: str = "") -> Json:
    """What an answer with an error's status says, in both of OpenAI's dialects."""
    kind, code = _TYPES.get(status, ("server_error", "") if status >= 500 else ("invalid_request_error", ""))
    return {"error": {"message": message, "type": kind, "param": None, "code": word or code or None}}


def _error(message: str, code: str) -> bytes:
    return event({"error": {"message": message, "type": code or "server_error", "param": None, "code": code or None}})


def _usage_event(asked: int, answered: int) -> bytes:
    usage = _usage(Said(usage=(asked, answered)))
    return event(_head("chat.completion.chunk") | {"choices": [], "usage": usage})


CHAT: Final = Writer(
    site="https://api.openai.com/v1",
    path="/chat/completions",
    plain_path="/chat/completions",
    content_type="text/event-stream; charset=utf-8",
    events=_events,
    plain=_plain,
    error=_error,
    error_body=error_body,
    end=DONE,
    error_fields=(("x-request-id", "req_scripted"),),
    usage=_usage_event,
)
