"""The editors of dialects whose events each add a piece: OpenAI's two, Gemini's, Ollama's.

Knows no frame; what else stands in an event stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects.editing.editor import Editor, Slot, inner, items, slots

if TYPE_CHECKING:
    from fakegpt_testkit.dialects.json_values import Json

# --- chat completions ---


def _first(said: Json, key: str) -> list[Json]:
    return [choice for choice in items(said, key) if not choice.get("index")]


def _chat_texts(said: Json) -> list[Slot]:
    found: list[Slot] = []
    for choice in _first(said, "choices"):
        found += slots(choice, "text")  # a model's on Bedrock
        for holder in (choice.get("delta"), choice.get("message")):
            found += slots(holder, "content")
            for part in items(holder, "content"):
                found += slots(part, "text") if part.get("type") == "text" else []
    return found


def _chat_strip(said: Json) -> bool:
    empty = False
    for choice in _first(said, "choices"):
        delta = inner(choice, "delta")
        had = [delta.pop(key) for key in ("tool_calls", "function_call") if key in delta]
        empty = any(had) and not any(delta.values()) and not choice.get("finish_reason") and not said.get("usage")
    return empty


def _chat_finish(said: Json) -> bool:
    ended = [
        (choice, key)
        for choice in _first(said, "choices")
        for key in ("finish_reason", "stop_reason")  # the latter a model's on Bedrock
        if choice.get(key)
    ]
    for choice, key in ended:
        choice[key] = "tool_calls"
    return bool(ended)


CHAT: Final = Editor(
    _chat_texts,
    lambda: _chat_strip,
    lambda said: (inner(next(iter(_first(said, "choices")), {}), "message"), "tool_calls"),
    _chat_finish,
)


# --- responses ---

_ENDS: Final = ("response.completed", "response.incomplete")


def _responses_texts(said: Json) -> list[Slot]:
    if said.get("type") == "response.output_text.delta":
        return slots(said, "delta")
    return _output_texts(said) if said.get("object") == "response" else []


def _output_texts(response: Json) -> list[Slot]:
    return [slot for item in items(response, "output") for slot in _item_texts(item)]


def _item_texts(item: Json) -> list[Slot]:
    return [
        slot for part in items(item, "content") if part.get("type") == "output_text" for slot in slots(part, "text")
    ]


def _responses_wholes(said: Json) -> list[Slot]:
    kind = said.get("type")
    if kind == "response.output_text.done":
        return slots(said, "text")
    if kind == "response.content_part.done":
        return slots(said.get("part"), "text") if inner(said, "part").get("type") == "output_text" else []
    if kind == "response.output_item.done":
        return _item_texts(inner(said, "item"))
    return _output_texts(inner(said, "response")) if kind in _ENDS else []


def _is_function(item: Json) -> bool:
    return item.get("type") in ("function_call", "custom_tool_call")


def _responses_strip(said: Json) -> bool:
    return _is_function(inner(said, "item")) or "_call_arguments." in str(said.get("type"))


RESPONSES: Final = Editor(
    _responses_texts,
    lambda: _responses_strip,
    lambda said: (said, "output"),
    lambda said: said.get("type") in _ENDS,
    _is_function,
    _responses_wholes,
    lambda said: inner(said, "response") if said.get("type") in _ENDS else None,
    numbered="output_index",
)


# --- Gemini ---


def _content(said: Json) -> Json:
    return inner(next(iter(_first(said, "candidates")), {}), "content")


def _gemini_texts(said: Json) -> list[Slot]:
    parts = items(_content(said), "parts")
    return [slot for part in parts if part.get("thought") is not True for slot in slots(part, "text")]


def _gemini_strip(said: Json) -> bool:
    content = _content(said)
    parts = items(content, "parts")
    kept = [part for part in parts if "functionCall" not in part]
    if len(kept) == len(parts):
        return False
    content["parts"] = kept
    return not kept and not any(candidate.get("finishReason") for candidate in items(said, "candidates"))


GEMINI: Final = Editor(
    _gemini_texts,
    lambda: _gemini_strip,
    lambda said: (_content(said), "parts"),
    lambda said: any(candidate.get("finishReason") for candidate in items(said, "candidates")),
    lambda part: "functionCall" in part,
)


# --- Ollama ---


def _ollama_texts(said: Json) -> list[Slot]:
    return [*slots(said.get("message"), "content"), *slots(said, "response")]


def _ollama_strip(said: Json) -> bool:
    message = inner(said, "message")
    called = message.pop("tool_calls", None)
    return bool(called) and not message.get("content") and not message.get("thinking") and said.get("done") is not True


OLLAMA: Final = Editor(
    _ollama_texts,
    lambda: _ollama_strip,
    lambda said: (inner(said, "message"), "tool_calls"),
    lambda said: said.get("done") is True,
)
