"""What models on Bedrock say through `invoke` in shapes of their own: piece by piece, and whole.

Knows no frame: each piece comes as its JSON. The shapes are those of AWS's user guide, "Inference request
parameters and response fields for foundation models", as the clients read them: langchain-aws (`llms/bedrock.py`),
litellm (`llms/bedrock/chat/`), and for Command R Cohere's SDK (`aws_client.py`, `types/streamed_chat_response.py`).

==============  ============================================================  =======================================
model           a piece                                                       the whole
==============  ============================================================  =======================================
Llama           ``generation``, ``stop_reason``, ``prompt_token_count``,      the same
                ``generation_token_count``
Titan           ``outputText``, ``completionReason``,                         ``inputTextTokenCount`` and in
                ``inputTextTokenCount``, ``totalOutputTextTokenCount``        ``results``: ``outputText``,
                                                                              ``completionReason``, ``tokenCount``
Mistral, older  in ``outputs``: ``text``, ``stop_reason``                     the same
Claude 2        ``completion``, ``stop_reason``                               the same
Command         ``text``, ``is_finished``, ``finish_reason``                  in ``generations``: ``text``,
                                                                              ``finish_reason``
Command R       ``event_type``, and what goes with it                         ``text``, ``tool_calls``,
                                                                              ``finish_reason``, ``generation_id``
DeepSeek        in ``choices``: ``text``, ``stop_reason``                     the same
Mistral's chat  in ``choices``: ``message``, ``stop_reason``                  the same
OpenAI's        a chunk of a chat completion                                  a chat completion
==============  ============================================================  =======================================

The last three are read by `openai_chat`, and whole the last two are of its dialect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects import openai_chat
from fakegpt_testkit.dialects.deltas import End, Failure, Finish, Reasoning, Text, ToolPiece, Usage
from fakegpt_testkit.dialects.json_values import Object, as_json, number, obj, objects, text
from fakegpt_testkit.sse import Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakegpt_testkit.dialects.deltas import Delta

TEXTS: Final = ("generation", "completion", "outputText", "text")
"""What the models call a text."""
LISTS: Final = ("outputs", "results", "generations", "choices")
"""What they call the list whose first item holds it."""
_REASONS: Final = ("stop_reason", "completionReason", "finish_reason")
_ASKED: Final = ("prompt_token_count", "inputTextTokenCount")
_ANSWERED: Final = ("generation_token_count", "totalOutputTextTokenCount", "tokenCount")
_END_OF_TEXT: Final = "<EOS_TOKEN>"
"""What Command may send as its last text, and means none."""


class ModelReader:
    """Reads the pieces of one answer."""

    def __init__(self) -> None:
        self._chat = openai_chat.ChatReader()
        self._called: set[int] = set()
        self._planned = False

    def deltas_of(self, said: Object) -> list[Delta]:
        """What this piece adds."""
        if "event_type" in said:
            return self._command(said)
        if "choices" not in said:
            return _told(said)
        choices = [_as_chunk(choice) for choice in objects(said["choices"])]
        heard = self._chat.feed(Event(data=as_json({**said, "choices": choices})))
        return [*heard, *(End() for each in heard if isinstance(each, Finish))]

    def _command(self, said: Object) -> list[Delta]:
        """An event of Command R's: its calls come in pieces with the plan behind them, and then whole once more."""
        kind, words = said["event_type"], text(said.get("text"))
        if kind == "text-generation":
            return [Text(words)] if words else []
        if kind == "tool-calls-chunk":
            piece = obj(said.get("tool_call_delta"))
            self._planned = self._planned or bool(words)
            return [*([Reasoning(words)] if words else ()), *(self._piece(piece) if piece else ())]
        if kind == "tool-calls-generation":
            return [*([Reasoning(words)] if words and not self._planned else ()), *self._calls(said)]
        if kind == "stream-end":
            return [*self._calls(obj(said.get("response"))), *_end(said)]
        return []

    def _piece(self, call: Object) -> Sequence[Delta]:
        index = number(call.get("index")) or 0
        self._called.add(index)
        return (ToolPiece(f"{index}", text(call.get("name")), text(call.get("parameters"))),)

    def _calls(self, said: Object) -> list[Delta]:
        """The calls that have not come in pieces."""
        new = [(index, call) for index, call in enumerate(objects(said.get("tool_calls"))) if index not in self._called]
        self._called.update(index for index, _ in new)
        return [_call(index, call) for index, call in new]


def _as_chunk(choice: Object) -> Object:
    """A choice as OpenAI's chat has it, whatever the model calls its parts."""
    delta = choice.get("delta") or choice.get("message") or {"content": choice.get("text")}
    return {**choice, "delta": delta, "finish_reason": choice.get("finish_reason") or choice.get("stop_reason")}


def _told(said: Object) -> list[Delta]:
    """What a piece says that is no event: text, why it ended, and what it counted."""
    said = {**said, **next((first for key in LISTS if (first := _first(said, key))), {})}
    words = next((text(said[key]) for key in TEXTS if key in said), "")
    usage = Usage(_count(said, _ASKED), _count(said, _ANSWERED))
    counted = [usage] if usage != Usage() else []
    return [*([Text(words)] if words and words != _END_OF_TEXT else ()), *counted, *_end(said)]


def _count(said: Object, keys: Sequence[str]) -> int | None:
    return next((found for key in keys if (found := number(said.get(key))) is not None), None)


def _end(said: Object) -> list[Delta]:
    reason = next((text(said[key]) for key in _REASONS if said.get(key)), "")
    if not reason:
        return []
    failed = [Failure(reason, reason)] if reason.startswith("ERROR") else []
    return [Finish(reason), *failed, End()]


def _call(index: int, call: Object) -> ToolPiece:
    return ToolPiece(f"{index}", text(call.get("name")), as_json(call.get("parameters")))


def _first(said: Object, key: str) -> Object:
    return next(iter(objects(said.get(key))), {})


def read_whole(said: Object) -> list[Delta] | None:
    """What a whole answer says; None where it is no answer of these models."""
    if not _is_whole(said):
        return None
    calls = [_call(index, call) for index, call in enumerate(objects(said.get("tool_calls")))]
    told = _told(said)
    told[1 if told and isinstance(told[0], Text) else 0 : 0] = calls
    return told


def _is_whole(said: Object) -> bool:
    """Whether only these models answer so: what the companies' own services add is not there."""
    if "stop_reason" in said:
        return "generation" in said or ("completion" in said and "model" not in said)
    if "api_version" in obj(said.get("meta")):
        return False  # Cohere's own
    return (
        ("inputTextTokenCount" in said and "results" in said)
        or "stop_reason" in _first(said, "outputs")
        or _first(said, "choices").keys() >= {"text", "stop_reason"}
        or _first(said, "generations").keys() >= {"text", "finish_reason"}
        or said.keys() >= {"text", "generation_id", "finish_reason"}
    )
