"""What a dialect is: which streams speak it, and how their events are read.

Knows no provider; a suite's own dialect is such a value, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from fakegpt_testkit.dialects.deltas import Failure
from fakegpt_testkit.dialects.json_values import Object, as_json, obj, objects, parsed, text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fakegpt_testkit.dialects.deltas import Delta
    from fakegpt_testkit.dialects.editing.editor import Editor
    from fakegpt_testkit.sse import Event


class Reader(Protocol):
    """Reads one answer, event by event."""

    def feed(self, event: Event) -> Sequence[Delta]:
        """What this event changed; nothing for what the dialect does not know."""

    def close(self, stray: str = "") -> Sequence[Delta]:
        """What was held back until the stream's end; ``stray`` is what stood outside its events."""


def _no_body(_body: Object) -> Sequence[Delta] | None:
    return None


@dataclass(frozen=True, slots=True)
class Dialect:
    """A provider's way to stream.

    ``speaks`` says whether an event with this JSON surely belongs to it, ``paths`` which request paths are its own:
    asked only where no event decides. ``reader`` begins to read an answer. ``body`` reads an answer that does not
    stream, or says None where the JSON is no such answer. ``end_marks`` are bytes that stand in no other event than the
    last. ``finish_is_end`` holds where a whole body with a finish reason ends properly without the dialect's end.
    ``error_is_end``: no end is owed after an error that the stream reported. ``end`` is what people call the end;
    ``incidental`` names fields that come or not and mean nothing. ``strange`` says in words what the reader passes over
    of an event without knowing it, or ``""``; None where nobody looks for that. ``cut_counts``: two recordings differ
    where the same text comes in other events. ``editor`` makes a recorded answer say something else.
    """

    name: str
    speaks: Callable[[Event, Object], bool]
    reader: Callable[[], Reader]
    paths: re.Pattern[str] = field(default_factory=lambda: re.compile(r"(?!)"))
    body: Callable[[Object], Sequence[Delta] | None] = _no_body
    finish_is_end: bool = False
    end_marks: tuple[bytes, ...] = ()
    end: str = ""
    incidental: frozenset[str] = frozenset()
    error_is_end: bool = True
    strange: Callable[[Event], str] | None = None
    cut_counts: bool = False
    editor: Editor | None = None


def failure_in(said: Object) -> Failure | None:
    """The error that this JSON reports, in any of the shapes in which services write one; None where it is none."""
    if said.get("object") == "error" or said.get("type") == "error":
        inner = said.get("error")
        return _failure(inner or said)
    problem = said.get("error")
    if isinstance(problem, str) and problem:
        return Failure(problem, text(said.get("code")) or text(said.get("error_type")))
    return _failure(problem) if problem else None


def _failure(problem: object) -> Failure:
    if isinstance(problem, str):
        return Failure(problem)
    known = obj(problem)
    code = known.get("code") or known.get("type") or known.get("status") or ""
    message = known.get("message") or known.get("detail") or code or known
    return Failure(as_json(message), str(code))


def failure_of_body(body: str) -> Failure:
    """What the body of an error answer, or a bare line where an event should be, says."""
    told = parsed(body)
    said = next(iter(objects(told)), {}) if isinstance(told, list) else obj(told)
    found = failure_in(said)
    if found is not None:
        return found
    message = said.get("message") or said.get("detail")
    return Failure(message if isinstance(message, str) else body.strip(), text(said.get("__type")))
