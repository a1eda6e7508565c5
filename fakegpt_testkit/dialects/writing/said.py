"""What an answer is to say, and what a writer of a dialect makes of it.

Knows no provider; how an answer is sent in time is its caller's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fakegpt_testkit import sse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fakegpt_testkit.dialects.deltas import ToolCall
    from fakegpt_testkit.dialects.json_values import Json

MODEL = "scripted"
"""The model that a scripted answer says it is of."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer to write. ``usage`` is the tokens of input and output; no ``finish`` takes the dialect's usual word."""

    texts: tuple[str, ...] = ()
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: tuple[int, int] | None = None
    finish: str = ""

    @property
    def text(self) -> str:
        """All of its text."""
        return "".join(self.texts)

    def finish_or(self, plain: str, calling: str) -> str:
        """Why it ends: what was asked for, else the word for an answer with calls of tools or without."""
        return self.finish or (calling if self.tool_calls else plain)

    def calls(self, prefix: str = "call_") -> Iterator[tuple[int, str, str, str]]:
        """Number, id, name and arguments of each call; one without an id gets one."""
        for number, call in enumerate(self.tool_calls):
            yield number, call.id or f"{prefix}{number + 1}", call.name, call.arguments


@dataclass(frozen=True, slots=True)
class Writer:
    """How a dialect is written: where it is asked for, its events, its plain answer, its errors.

    A ``*`` in a path stands for any model. ``events`` are the bytes of each event, ``error`` those of the event that
    reports one. ``error_body`` is the JSON of an answer with an error's status, made of the status, the words and the
    provider's own code, or ``""`` for the one that goes with the status; ``error_fields`` go with it, and
    ``error_type_field`` names the type that stands in its JSON. ``usage`` is an event that tells the tokens of input
    and output and no more, where the dialect has one; ``ping`` says that the service is still there.
    ``fields`` go with every answer. ``streams_unasked`` is whether the service streams where a request's body has no
    ``"stream"``. ``listed`` makes the events' bytes those of an array's elements, as the service answers a request
    whose query is not the path's.
    """

    site: str
    path: str
    plain_path: str
    content_type: str
    events: Callable[[Said], list[bytes]]
    plain: Callable[[Said], Json]
    error: Callable[[str, str], bytes]
    error_body: Callable[[int, str, str], Json]
    end: bytes
    error_fields: tuple[tuple[str, str], ...] = ()
    error_type_field: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    usage: Callable[[int, int], bytes] | None = None
    ping: bytes = b": keep-alive\n\n"
    streams_unasked: bool = False
    listed: Callable[[Sequence[bytes]], list[bytes]] | None = None

    def error_answer(self, status: int, message: str, code: str = "") -> tuple[bytes, tuple[tuple[str, str], ...]]:
        """The JSON of an answer with an error's status, and the fields that go with it beside its type and length."""
        body = self.error_body(status, message, code)
        named = ((self.error_type_field, body["__type"]),) if self.error_type_field and "__type" in body else ()
        return json.dumps(body).encode(), (*self.fields, *self.error_fields, *named)


_LINE_ENDS: Final = str.maketrans({each: f"\\u{ord(each):04x}" for each in "\x85\u2028\u2029"})
"""What Python takes for the end of a line, and so some SDKs do, and neither JSON nor an event stream does."""


def as_json(value: object, *, compact: bool = True, ascii_only: bool = False) -> str:
    """JSON as most services write it, in a line whatever reads it."""
    separators = (",", ":") if compact else (", ", ": ")
    return json.dumps(value, ensure_ascii=ascii_only, separators=separators).translate(_LINE_ENDS)


def event(value: object, name: str = "message") -> bytes:
    """A server-sent event with JSON."""
    return sse.encode(sse.Event(name, as_json(value)))


def typed(value: Json) -> bytes:
    """A server-sent event with JSON, named as its JSON names it."""
    return event(value, value["type"])


def arguments_of(arguments: str) -> object:
    """The arguments of a call as an object, for the dialects that send one."""
    return json.loads(arguments or "{}")
