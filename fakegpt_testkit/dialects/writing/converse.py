"""Writes Bedrock's Converse as Amazon's binary frames.

Knows no model, and so not the streams that wrap a model's own events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects.writing.said import Said, Writer, arguments_of, as_json
from fakegpt_testkit.framing import encode_frame

if TYPE_CHECKING:
    from fakegpt_testkit.dialects.json_values import Json

_JSON: Final = (":content-type", "application/json")
_TYPES: Final = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}


def _event(name: str, value: Json) -> bytes:
    fields = [(":event-type", name), _JSON, (":message-type", "event")]
    return encode_frame(as_json(value).encode(), fields)


def _delta(index: int, **delta: object) -> bytes:
    return _event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})


def _usage(said: Said) -> Json:
    asked, answered = said.usage or (0, 0)
    usage = {"inputTokens": asked, "outputTokens": answered, "totalTokens": asked + answered}
    return {"usage": usage, "metrics": {"latencyMs": 1}}


def _finish(said: Said) -> str:
    return said.finish_or("end_turn", "tool_use")


def _events(said: Said) -> list[bytes]:
    made = [_event("messageStart", {"role": "assistant"})]
    index = 0
    grown = [{"reasoningContent": {"text": said.reasoning}}] if said.reasoning else []
    for deltas in (grown, [{"text": text} for text in said.texts]):
        if deltas:
            made += [_delta(index, **delta) for delta in deltas]
            made.append(_event("contentBlockStop", {"contentBlockIndex": index}))
            index += 1
    for number, call_id, name, arguments in said.calls("tooluse_"):
        at = index + number
        tool = {"toolUse": {"toolUseId": call_id, "name": name}}
        made += [
            _event("contentBlockStart", {"contentBlockIndex": at, "start": tool}),
            _delta(at, toolUse={"input": arguments}),
            _event("contentBlockStop", {"contentBlockIndex": at}),
        ]
    made.append(_event("messageStop", {"stopReason": _finish(said)}))
    return [*made, _event("metadata", _usage(said))] if said.usage is not None else made


def _plain(said: Said) -> Json:
    content: list[Json] = []
    if said.reasoning:
        content.append({"reasoningContent": {"reasoningText": {"text": said.reasoning, "signature": "scripted"}}})
    if said.texts:
        content.append({"text": said.text})
    for _, call_id, name, arguments in said.calls("tooluse_"):
        content.append({"toolUse": {"toolUseId": call_id, "name": name, "input": arguments_of(arguments)}})
    message = {"role": "assistant", "content": content}
    return {"output": {"message": message}, "stopReason": _finish(said), **_usage(said)}


def _error(message: str, code: str) -> bytes:
    fields = [(":exception-type", code or "serviceUnavailableException"), _JSON, (":message-type", "exception")]
    return encode_frame(as_json({"message": message}).encode(), fields)


def _error_body(status: int, message: str, word: str) -> Json:
    kind = word or _TYPES.get(status, "")
    return {"message": message, "__type": kind} if kind else {"message": message}


def _usage_event(asked: int, answered: int) -> bytes:
    return _event("metadata", _usage(Said(usage=(asked, answered))))


CONVERSE: Final = Writer(
    site="https://bedrock-runtime.us-east-1.amazonaws.com",
    path="/model/*/converse-stream",
    plain_path="/model/*/converse",
    content_type="application/vnd.amazon.eventstream",
    events=_events,
    plain=_plain,
    error=_error,
    error_body=_error_body,
    end=_event("messageStop", {"stopReason": "end_turn"}),
    fields=(("x-amzn-RequestId", "req-scripted"),),
    error_type_field="x-amzn-ErrorType",
    usage=_usage_event,
    ping=_event("heartbeat", {}),
)
