"""Writes Ollama's chat as JSON lines.

Knows no completion without messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects.writing.said import MODEL, Said, Writer, arguments_of, as_json

if TYPE_CHECKING:
    from fakegpt_testkit.dialects.json_values import Json

_HEAD: Final[Json] = {"model": MODEL, "created_at": "2026-01-01T00:00:00Z"}


def _said(content: str, *, done: bool = False, **more: object) -> Json:
    return {**_HEAD, "message": {"role": "assistant", "content": content, **more}, "done": done}


def _calls(said: Said) -> list[Json]:
    calls: list[Json] = []
    for call in said.tool_calls:
        known = {"id": call.id} if call.id else {}
        calls.append({**known, "function": {"name": call.name, "arguments": arguments_of(call.arguments)}})
    return calls


def _end(said: Said) -> Json:
    end: Json = {"done_reason": said.finish_or("stop", "stop"), "total_duration": 1, "load_duration": 1}
    if said.usage is not None:
        asked, answered = said.usage
        end |= {"prompt_eval_count": asked, "prompt_eval_duration": 1, "eval_count": answered, "eval_duration": 1}
    return end


def _line(value: Json) -> bytes:
    return as_json(value).encode() + b"\n"


def _events(said: Said) -> list[bytes]:
    told = [_said("", thinking=said.reasoning)] if said.reasoning else []
    told += [_said(text) for text in said.texts]
    told += [_said("", tool_calls=[call]) for call in _calls(said)]
    return [_line(each) for each in (*told, _said("", done=True) | _end(said))]


def _plain(said: Said) -> Json:
    more: Json = {"thinking": said.reasoning} if said.reasoning else {}
    more |= {"tool_calls": _calls(said)} if said.tool_calls else {}
    return _said(said.text, done=True, **more) | _end(said)


def _error(message: str, _code: str) -> bytes:
    return _line({"error": message})


def _error_body(_status: int, message: str, _word: str) -> Json:
    return {"error": message}


def _usage_event(asked: int, answered: int) -> bytes:
    return _line(_said("") | {"prompt_eval_count": asked, "eval_count": answered})


OLLAMA: Final = Writer(
    site="http://127.0.0.1:11434",
    path="/api/chat",
    plain_path="/api/chat",
    streams_unasked=True,
    content_type="application/x-ndjson",
    events=_events,
    plain=_plain,
    error=_error,
    error_body=_error_body,
    end=_line(_said("", done=True) | _end(Said())),
    usage=_usage_event,
    ping=b"\n",
)
