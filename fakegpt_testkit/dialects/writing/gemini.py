"""Writes Gemini's content as server-sent events, or as the elements of an array for a client that asks for no events.

Knows no request: who has asked for what is the caller's to tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects.writing.said import MODEL, Said, Writer, arguments_of, as_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakegpt_testkit.dialects.json_values import Json

_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def _content(parts: list[Json]) -> Json:
    return {"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}], "modelVersion": MODEL}


def _end(said: Said, content: Json) -> Json:
    content["candidates"][0]["finishReason"] = said.finish_or("STOP", "STOP")
    if said.usage is not None:
        asked, answered = said.usage
        counts = {"promptTokenCount": asked, "candidatesTokenCount": answered, "totalTokenCount": asked + answered}
        content["usageMetadata"] = counts
    return content


def _parts(said: Said) -> list[Json]:
    parts: list[Json] = [{"text": said.reasoning, "thought": True}] if said.reasoning else []
    parts += [{"text": text} for text in said.texts]
    for call in said.tool_calls:
        known = {"id": call.id} if call.id else {}
        parts.append({"functionCall": {**known, "name": call.name, "args": arguments_of(call.arguments)}})
    return parts


def _event(value: Json) -> bytes:
    return f"data: {as_json(value)}\r\n\r\n".encode()


def _events(said: Said) -> list[bytes]:
    told = [_content([part]) for part in _parts(said)]
    return [*map(_event, told), _event(_end(said, _content([{"text": ""}])))]


def _plain(said: Said) -> Json:
    whole = Said((said.text,) if said.texts else (), said.reasoning, said.tool_calls, said.usage, said.finish)
    return _end(said, _content(_parts(whole)))


def _error_body(status: int, message: str, word: str) -> Json:
    word = word or _STATUSES.get(status, "UNAVAILABLE" if status >= 500 else "FAILED_PRECONDITION")
    return {"error": {"code": status, "message": message, "status": word}}


def _error(message: str, code: str) -> bytes:
    known = {word: status for status, word in _STATUSES.items()}
    return _event({"error": {"code": known.get(code, 503), "message": message, "status": code or "UNAVAILABLE"}})


def _usage_event(asked: int, answered: int) -> bytes:
    counts = {"promptTokenCount": asked, "candidatesTokenCount": answered, "totalTokenCount": asked + answered}
    return _event({"usageMetadata": counts, "modelVersion": MODEL})


def _listed(events: Sequence[bytes]) -> list[bytes]:
    elements = [event.removeprefix(b"data: ").strip() for event in events]
    opened = [(b"\n,\r\n" if number else b"[") + each for number, each in enumerate(elements)]
    return [*opened[:-1], *(each + b"\n]\n" for each in opened[-1:])]


GEMINI: Final = Writer(
    site="https://generativelanguage.googleapis.com",
    path="/v1*/models/*:streamGenerateContent?alt=sse",
    plain_path="/v1*/models/*:generateContent",
    content_type="text/event-stream",
    events=_events,
    plain=_plain,
    error=_error,
    error_body=_error_body,
    end=_event(_end(Said(), _content([{"text": ""}]))),
    usage=_usage_event,
    listed=_listed,
)
