"""OpenAI's chat completions, and the many services that speak them in their own ways.

Knows no service by name: a way that one of them has is read wherever it stands.
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

END_MARK: Final = "[DONE]"


class ChatReader:
    """Reads the chunks of one completion."""

    def __init__(self) -> None:
        self._calls: dict[int, list[str]] = {}  # the ids of each choice's calls, in order
        self._numbered: dict[tuple[int, int], tuple[str, str]] = {}  # the id and the key of each number's last call
        self._ended = False

    def feed(self, event: Event) -> Sequence[Delta]:
        """What this chunk changed."""
        if event.data.startswith(END_MARK):
            self._ended = True
            return (End(),)
        said = obj(parsed(event.data))
        deltas: list[Delta] = []
        for choice in objects(said.get("choices")):
            self._hear(choice, number(choice.get("index")) or 0, deltas)
        usage = obj(said.get("usage") or obj(said.get("x_groq")).get("usage"))
        if usage:
            deltas.append(Usage(number(usage.get("prompt_tokens")), number(usage.get("completion_tokens"))))
        problem = failure_in(said)
        if problem is None and event.event == "error":
            problem = failure_of_body(event.data)
        if problem is not None:
            deltas.append(problem)
        return deltas or ((Ping(),) if event.event in ("ping", "keepalive") else ())

    def close(self, stray: str = "") -> Sequence[Delta]:
        """A line outside the events is an error's, where the answer did not end."""
        said = stray.removeprefix("error:").strip() if stray else ""
        return (failure_of_body(said),) if said and not self._ended else ()

    def _hear(self, choice: Object, index: int, deltas: list[Delta]) -> None:
        delta = obj(choice.get("delta"))
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(reasoning, str) and reasoning:
            deltas.append(Reasoning(reasoning, index))
        elif not reasoning and delta.get("reasoning_details"):
            deltas += [
                Reasoning(words, index)
                for detail in objects(delta["reasoning_details"])
                if (words := text(detail.get("text")) or text(detail.get("summary")))
            ]
        content = delta.get("content")
        if isinstance(content, str):
            if content:
                deltas.append(Text(content, index))
        elif content:
            deltas += parts(content, index)
        if refusal := text(delta.get("refusal")):
            deltas.append(Refusal(refusal, index))
        for call in objects(delta.get("tool_calls")):
            deltas.append(self._call(call, index))
        if old := obj(delta.get("function_call")):
            deltas.append(ToolPiece("function", text(old.get("name")), text(old.get("arguments")), "", index))
        if reason := text(choice.get("finish_reason")):
            deltas.append(Finish(reason, index))

    def _call(self, call: Object, choice: int) -> ToolPiece:
        """A piece of a call: which one is said by its index, else by its id, else it is the last one's."""
        function = obj(call.get("function"))
        call_id, name = text(call.get("id")), text(function.get("name"))
        known = self._calls.setdefault(choice, [])
        at = number(call.get("index"))
        if at is not None:
            key = self._key(choice, at, call_id)
        elif call_id and call_id not in known:
            known.append(call_id)
            key = f"id {call_id}"
        else:
            key = f"id {call_id or (known[-1] if known else '')}"
        arguments = function.get("arguments")
        return ToolPiece(key, name, "" if arguments is None else as_json(arguments), call_id, choice)

    def _key(self, choice: int, at: int, call_id: str) -> str:
        """The key of a numbered call; some services number all calls with 0, and only the ids tell them apart."""
        known, key = self._numbered.get((choice, at), ("", f"{at}"))
        if known and call_id and call_id != known:
            key = f"{at} {call_id}"
        self._numbered[choice, at] = (call_id or known, key)
        return key


def parts(content: object, choice: int = 0) -> list[Delta]:
    """A content that is a list of parts, thinking and text."""
    deltas: list[Delta] = []
    for part in objects(content):
        if part.get("type") == "thinking":
            words = part.get("thinking")
            said = words if isinstance(words, str) else "".join(text(inner.get("text")) for inner in objects(words))
            deltas.append(Reasoning(said, choice))
        elif part.get("type") == "reasoning":
            deltas += [Reasoning(text(inner.get("text")), choice) for inner in objects(part.get("summary"))]
        elif said := text(part.get("text")):
            deltas.append(Text(said, choice))
    return deltas


def _speaks(_event: Event, said: Object) -> bool:
    if said.get("object") == "chat.completion.chunk" or "prompt_filter_results" in said:
        return True
    return any("delta" in choice for choice in objects(said.get("choices")))


def _body(said: Object) -> Sequence[Delta] | None:
    choices = objects(said.get("choices"))
    if said.get("object") != "chat.completion" and not any("message" in choice for choice in choices):
        return None
    reader = ChatReader()
    deltas: list[Delta] = []
    for choice in choices:
        index = number(choice.get("index")) or 0
        message = dict(obj(choice.get("message")))
        calls = objects(message.get("tool_calls"))
        message["tool_calls"] = [{**call, "index": at} for at, call in enumerate(calls)]
        reason = choice.get("finish_reason") or choice.get("stop_reason")  # the latter Mistral's on Bedrock
        reader._hear({"delta": message, "finish_reason": reason}, index, deltas)
    usage = obj(said.get("usage"))
    if usage:
        deltas.append(Usage(number(usage.get("prompt_tokens")), number(usage.get("completion_tokens"))))
    return [*deltas, End()]


OPENAI_CHAT: Final = Dialect(
    "openai-chat",
    _speaks,
    ChatReader,
    re.compile(r"/chat/completions$"),
    _body,
    finish_is_end=True,
    end_marks=(b"data: [DONE]", b"data:[DONE]"),
    end="data: [DONE]",
    editor=pieces.CHAT,
    incidental=frozenset({"obfuscation", "p", "x_groq", "system_fingerprint", "service_tier"}),
)
