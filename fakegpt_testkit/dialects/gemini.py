"""Gemini's content: each event a whole response, with the parts that are new.

Knows no framing: the same objects come as server-sent events, or as the elements of an array.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects.deltas import End, Failure, Finish, Reasoning, Text, ToolPiece, Usage
from fakegpt_testkit.dialects.dialect import Dialect, failure_in, failure_of_body
from fakegpt_testkit.dialects.editing import pieces
from fakegpt_testkit.dialects.json_values import Object, as_json, number, obj, objects, parsed, text
from fakegpt_testkit.dialects.partial_arguments import with_part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakegpt_testkit.dialects.deltas import Delta
    from fakegpt_testkit.sse import Event

_SIGNS: Final = ("candidates", "promptFeedback", "usageMetadata")


class ContentReader:
    """Reads the responses of one answer."""

    def __init__(self) -> None:
        self._calls = 0
        self._arguments: Object | None = None  # those so far of a call that goes on

    def feed(self, event: Event) -> Sequence[Delta]:
        """What this response adds."""
        return self.deltas_of(obj(parsed(event.data)))

    def deltas_of(self, said: Object) -> list[Delta]:
        """What this response adds, from its JSON."""
        deltas: list[Delta] = []
        ended = False
        for candidate in objects(said.get("candidates")):
            index = number(candidate.get("index")) or 0
            for part in objects(obj(candidate.get("content")).get("parts")):
                deltas += self._part(part, index)
            if reason := text(candidate.get("finishReason")):
                deltas.append(Finish(reason, index))
                ended = ended or index == 0
        blocked = text(obj(said.get("promptFeedback")).get("blockReason"))
        if blocked:
            deltas.append(Finish(blocked))
        usage = obj(said.get("usageMetadata"))
        if usage:
            deltas.append(Usage(number(usage.get("promptTokenCount")), number(usage.get("candidatesTokenCount"))))
        problem = failure_in(said)
        if problem is not None:
            status = text(obj(said.get("error")).get("status"))
            deltas.append(Failure(problem.message, status or problem.code))
        return [*deltas, End()] if ended or blocked else deltas

    def close(self, stray: str = "") -> Sequence[Delta]:
        """What came of a call that was cut off; an error stands outside the events at times, over several lines."""
        return [*self._closed(), *([failure_of_body(stray)] if stray else [])]

    def _part(self, part: Object, index: int) -> list[Delta]:
        if isinstance(part.get("functionCall"), dict):
            return self._call(part["functionCall"], index)
        said = text(part.get("text"))
        if not said:
            return []
        return [Reasoning(said, index) if part.get("thought") is True else Text(said, index)]

    def _call(self, call: Object, index: int) -> list[Delta]:
        """A call; on Vertex its arguments may come in parts, until one says no more that it will continue."""
        told: list[Delta] = []
        if call.get("name"):
            told += self._closed(index)
            self._calls += 1
            told.append(ToolPiece(f"{self._calls}", text(call["name"]), "", text(call.get("id")), index))
            self._arguments = {}
        if self._arguments is None:
            return []
        self._arguments = {**self._arguments, **obj(call.get("args"))}
        for part in objects(call.get("partialArgs")):
            self._arguments = with_part(self._arguments, part)
        return told if call.get("willContinue") is True else [*told, *self._closed(index)]

    def _closed(self, index: int = 0) -> list[Delta]:
        """The arguments of a call that is complete, or goes on no more."""
        arguments, self._arguments = self._arguments, None
        return [] if arguments is None else [ToolPiece(f"{self._calls}", "", as_json(arguments), "", index)]


def _speaks(_event: Event, said: Object) -> bool:
    return any(sign in said for sign in _SIGNS)


def _body(said: Object) -> Sequence[Delta] | None:
    return ContentReader().deltas_of(said) if any(sign in said for sign in _SIGNS) else None


GEMINI: Final = Dialect(
    "gemini",
    _speaks,
    ContentReader,
    re.compile(r":(?:streamGenerateContent|generateContent)$"),
    _body,
    end="a finishReason",
    editor=pieces.GEMINI,
    incidental=frozenset({"thoughtSignature", "avgLogprobs", "createTime"}),
)
