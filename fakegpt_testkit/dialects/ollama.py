"""Ollama's chat and completion: a JSON line for each piece, the last with ``done``.

Knows none of its other lines, such as the progress of a download.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects.deltas import End, Finish, Reasoning, Text, ToolPiece, Usage
from fakegpt_testkit.dialects.dialect import Dialect, failure_in, failure_of_body
from fakegpt_testkit.dialects.editing import pieces
from fakegpt_testkit.dialects.json_values import Object, as_json, number, obj, objects, parsed, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakegpt_testkit.dialects.deltas import Delta
    from fakegpt_testkit.sse import Event


class LineReader:
    """Reads the lines of one answer."""

    def __init__(self) -> None:
        self._calls = 0

    def feed(self, event: Event) -> Sequence[Delta]:
        """What this line adds."""
        return self.deltas_of(obj(parsed(event.data)))

    def deltas_of(self, said: Object) -> list[Delta]:
        """What this line adds, from its JSON."""
        message = obj(said.get("message"))
        deltas: list[Delta] = []
        if thinking := text(message.get("thinking")) or text(said.get("thinking")):
            deltas.append(Reasoning(thinking))
        if words := text(message.get("content")) or text(said.get("response")):
            deltas.append(Text(words))
        for call in objects(message.get("tool_calls")):
            self._calls += 1
            function = obj(call.get("function"))
            name, arguments = text(function.get("name")), as_json(function.get("arguments"))
            deltas.append(ToolPiece(f"{self._calls}", name, arguments, text(call.get("id"))))
        if said.get("done") is True:
            if reason := text(said.get("done_reason")):
                deltas.append(Finish(reason))
            deltas.append(End())
        counts = number(said.get("prompt_eval_count")), number(said.get("eval_count"))
        if counts != (None, None):
            deltas.append(Usage(*counts))
        problem = failure_in(said)
        if problem is not None:
            deltas.append(problem)
        return deltas

    def close(self, stray: str = "") -> Sequence[Delta]:
        """A line outside the events is an error's."""
        return (failure_of_body(stray),) if stray else ()


def _is_answer(said: Object) -> bool:
    return isinstance(said.get("done"), bool) and ("message" in said or "response" in said)


def _speaks(_event: Event, said: Object) -> bool:
    return _is_answer(said)


def _body(said: Object) -> Sequence[Delta] | None:
    return LineReader().deltas_of(said) if _is_answer(said) else None


OLLAMA: Final = Dialect(
    "ollama",
    _speaks,
    LineReader,
    re.compile(r"/api/(?:chat|generate)$"),
    _body,
    end_marks=(b'"done":true', b'"done": true'),
    end='"done": true',
    editor=pieces.OLLAMA,
    incidental=frozenset({"context", "prompt_eval_count"}),
)
