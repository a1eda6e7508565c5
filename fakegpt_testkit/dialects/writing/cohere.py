"""Writes Cohere's second chat.

Knows no citations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects.writing.said import Said, Writer, typed

if TYPE_CHECKING:
    from fakegpt_testkit.dialects.json_values import Json

DONE: Final = b"data: [DONE]\n\n"


def _message(kind: str, index: int | None = None, **said: object) -> Json:
    place = {} if index is None else {"index": index}
    return {"type": kind, **place, "delta": {"message": said}}


def _call(call_id: str, name: str, arguments: str) -> Json:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _usage(said: Said) -> Json:
    if said.usage is None:
        return {}
    tokens = {"input_tokens": said.usage[0], "output_tokens": said.usage[1]}
    return {"usage": {"billed_units": tokens, "tokens": tokens}}


def _content(index: int, kind: str, texts: tuple[str, ...]) -> list[Json]:
    return [
        _message("content-start", index, content={"type": kind, kind: ""}),
        *(_message("content-delta", index, content={kind: text}) for text in texts),
        {"type": "content-end", "index": index},
    ]


def _finish(said: Said) -> str:
    return said.finish_or("COMPLETE", "TOOL_CALL")


def _events(said: Said) -> list[bytes]:
    told = [
        _message("message-start", role="assistant", content=[], tool_plan="", tool_calls=[], citations=[])
        | {"id": "scripted"}
    ]
    told += _content(0, "thinking", (said.reasoning,)) if said.reasoning else []
    told += _content(1 if said.reasoning else 0, "text", said.texts) if said.texts else []
    for number, call_id, name, arguments in said.calls():
        told += [
            _message("tool-call-start", number, tool_calls=_call(call_id, name, "")),
            _message("tool-call-delta", number, tool_calls={"function": {"arguments": arguments}}),
            {"type": "tool-call-end", "index": number},
        ]
    told.append({"type": "message-end", "delta": {"finish_reason": _finish(said), **_usage(said)}})
    return [*map(typed, told), DONE]


def _plain(said: Said) -> Json:
    content = [{"type": "thinking", "thinking": said.reasoning}] if said.reasoning else []
    content += [{"type": "text", "text": said.text}] if said.texts else []
    message: Json = {"role": "assistant", "content": content}
    if said.tool_calls:
        message["tool_calls"] = [_call(*call[1:]) for call in said.calls()]
    return {"id": "scripted", "message": message, "finish_reason": _finish(said), **_usage(said)}


def _error(message: str, code: str) -> bytes:
    delta = {"finish_reason": "ERROR", "error": message, "error_type": code or "server_error", "usage": {}}
    return typed({"type": "message-end", "delta": delta})


def _error_body(_status: int, message: str, _word: str) -> Json:
    return {"id": "scripted", "message": message}


COHERE: Final = Writer(
    site="https://api.cohere.com",
    path="/v2/chat",
    plain_path="/v2/chat",
    content_type="text/event-stream",
    events=_events,
    plain=_plain,
    error=_error,
    error_body=_error_body,
    end=typed({"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}) + DONE,
)
