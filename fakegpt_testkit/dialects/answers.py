"""All that an answer said, out of what its events changed: text, reasoning, calls, refusal, finish, usage, error.

Knows no dialect but by its reader, and no time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from fakegpt_testkit.dialects.deltas import (
    Choice,
    Delta,
    End,
    Failure,
    Finish,
    Further,
    Ping,
    Reasoning,
    Refusal,
    Rewrite,
    Text,
    ToolCall,
    ToolPiece,
    Usage,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fakegpt_testkit.dialects.dialect import Dialect
    from fakegpt_testkit.sse import Event

EventKind = Literal[
    "text",
    "reasoning",
    "tool_call",
    "refusal",
    "rewrite",
    "message",
    "end",
    "usage",
    "moderation",
    "error",
    "done",
    "ping",
    "other",
]
"""What an event is: growth of the answer's text, …, a text taken back, a further message, a finish, the end."""

_KINDS: Final[dict[type[Delta], EventKind]] = {
    Failure: "error",
    End: "done",
    Finish: "end",
    Verdict: "moderation",
    Rewrite: "rewrite",
    Further: "message",
    Text: "text",
    Refusal: "refusal",
    ToolPiece: "tool_call",
    Reasoning: "reasoning",
    Usage: "usage",
    Ping: "ping",
}
"""The kinds by what an event changed. An event that changed several things is of the first kind here."""


_END: Final = End()


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer said. ``order`` has a kind for each event; ``ended_at`` is the event that ended it, or None."""

    choices: tuple[Choice, ...] = (Choice(),)
    order: tuple[EventKind, ...] = ()
    usage: Usage | None = None
    error: Failure | None = None
    ended_at: int | None = None


@dataclass(slots=True)
class _Growing:
    """A choice that still grows."""

    pieces: list[str] = field(default_factory=list)
    text: str | None = None  # as it stood when it was last taken back, and what came since
    reasoning: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    calls: dict[str, tuple[list[str], list[str], list[str]]] = field(default_factory=dict)
    finish: str | None = None

    def call(self, piece: ToolPiece) -> None:
        names, arguments, ids = self.calls.setdefault(piece.key, ([], [], []))
        for known, new in ((names, piece.name), (ids, piece.id)):
            if new:
                known.append(new)
        arguments.append(piece.arguments)

    def choice(self) -> Choice:
        deltas = tuple(self.pieces)
        calls = tuple(
            ToolCall(names[0] if names else "", "".join(arguments) or "{}", ids[0] if ids else "")
            for names, arguments, ids in self.calls.values()
        )
        text = "".join(deltas) if self.text is None else self.text
        return Choice(text, deltas, "".join(self.reasoning), calls, "".join(self.refusal), self.finish)


class _Sum:
    """Adds up deltas."""

    def __init__(self) -> None:
        self.choices: dict[int, _Growing] = {}
        self.usage: Usage | None = None
        self.error: Failure | None = None

    def add(self, delta: Delta) -> None:
        if type(delta) is Text and (known := self.choices.get(delta.choice)) and known.text is None:
            known.pieces.append(delta.text)  # by far the most
        elif isinstance(delta, Usage):
            old = self.usage or delta
            self.usage = Usage(
                old.input_tokens if delta.input_tokens is None else delta.input_tokens,
                old.output_tokens if delta.output_tokens is None else delta.output_tokens,
            )
        elif isinstance(delta, Failure):
            self.error = self.error or delta
        elif not isinstance(delta, (End, Further, Verdict, Ping)):
            self._grow(delta)

    def _grow(self, delta: Text | Reasoning | Refusal | ToolPiece | Rewrite | Finish) -> None:
        choice = self.choices.get(delta.choice)
        if choice is None:
            choice = self.choices[delta.choice] = _Growing()
        match delta:
            case Text(text):
                choice.pieces.append(text)
                if choice.text is not None:
                    choice.text += text
            case Reasoning(text):
                choice.reasoning.append(text)
            case Refusal(text):
                choice.refusal.append(text)
            case ToolPiece():
                choice.call(delta)
            case Rewrite(text):
                choice.text = text
            case Finish(reason):
                choice.finish = reason


def kind_of(deltas: Sequence[Delta]) -> EventKind:
    """What an event is that changed these things."""
    if len(deltas) == 1:
        return _KINDS[type(deltas[0])]
    changed = {type(delta) for delta in deltas}
    return next((kind for delta, kind in _KINDS.items() if delta in changed), "other")


class Reading:
    """Reads an answer event by event, and knows at each what it has said so far."""

    def __init__(self, dialect: Dialect) -> None:
        self._reader = dialect.reader()
        self._total = _Sum()
        self._order: list[EventKind] = []
        self._ended_at: int | None = None

    def feed(self, event: Event) -> Sequence[Delta]:
        """What this event changed."""
        deltas = self._reader.feed(event)
        for delta in deltas:
            self._total.add(delta)
        kind = _KINDS[type(deltas[0])] if len(deltas) == 1 else kind_of(deltas)
        if self._ended_at is None and (kind == "done" or (len(deltas) > 1 and _END in deltas)):
            self._ended_at = len(self._order)
        self._order.append(kind)
        return deltas

    def close(self, stray: str = "") -> Answer:
        """All that was said; ``stray`` is what stood outside the events."""
        for delta in self._reader.close(stray):
            self._total.add(delta)
        return _answer(self._total, tuple(self._order), self._ended_at)


def read_events(events: Iterable[Event], dialect: Dialect, stray: str = "") -> Answer:
    """What a stream's events say in this dialect."""
    reading = Reading(dialect)
    for event in events:
        reading.feed(event)
    return reading.close(stray)


def read_deltas(deltas: Iterable[Delta]) -> Answer:
    """What an answer says that came in one piece."""
    total = _Sum()
    for delta in deltas:
        total.add(delta)
    return _answer(total, (), None)


def _answer(total: _Sum, order: tuple[EventKind, ...], ended_at: int | None) -> Answer:
    total.choices.setdefault(0, _Growing())
    choices = tuple(total.choices[index].choice() for index in sorted(total.choices))
    return Answer(choices, order, total.usage, total.error, ended_at)
