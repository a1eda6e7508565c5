"""What it takes to make a recorded answer say something else: where its words and its calls of tools stand.

Knows no provider and no bytes: JSON objects come in, and are changed in their place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fakegpt_testkit.dialects.deltas import ToolCall
    from fakegpt_testkit.dialects.json_values import Json


@dataclass(frozen=True, slots=True)
class Slot:
    """A place that holds a text."""

    holder: Any
    key: str | int

    @property
    def text(self) -> str:
        """What stands there; nothing where it is no text."""
        said = self.holder[self.key]
        return said if isinstance(said, str) else ""

    def put(self, new: str) -> None:
        """Another text in its place."""
        self.holder[self.key] = new


def slots(holder: object, *keys: str) -> list[Slot]:
    """The places of these names in an object that hold a text that is not empty."""
    if not isinstance(holder, dict):
        return []
    return [Slot(holder, key) for key in keys if isinstance(holder.get(key), str) and holder[key]]


def inner(said: object, *path: str) -> Json:
    """The object at this path; a new one that nobody sees where there is none."""
    for key in path:
        said = said.get(key) if isinstance(said, dict) else None
    return said if isinstance(said, dict) else {}


def items(holder: object, key: str) -> list[Json]:
    """The objects of a list in an object."""
    found = holder.get(key) if isinstance(holder, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def none_of(_said: Json) -> list[Slot]:
    """For dialects that say no text twice."""
    return []


def nothing(_said: Json) -> Json | None:
    """For dialects that do not repeat their answer."""
    return None


@dataclass(frozen=True, slots=True)
class Editor:
    """Where the words and the calls of the first choice stand in a dialect's events and in its plain answer.

    ``texts`` are the places where the text grows, ``wholes`` those that repeat all of it. ``stripper`` begins to take
    calls out of events: it says of each whether nothing else was in it. ``home`` is the object and the key of the list
    that holds the calls of a plain answer, ``is_call`` which of its items are calls, ``repeated`` the plain answer
    within an event. ``finish`` puts the word for an answer with calls where a word stands, and says whether an event is
    where the content has ended. ``numbered`` is the key that numbers an event's block, ``cumulative`` says that each
    text is all of it so far. ``calling`` is the event that makes calls, where no writer of the dialect makes it.
    """

    texts: Callable[[Json], list[Slot]]
    stripper: Callable[[], Callable[[Json], bool]] | None = None
    home: Callable[[Json], tuple[Json, str]] | None = None
    finish: Callable[[Json], bool] = lambda _said: False
    is_call: Callable[[Json], bool] = lambda _item: True
    wholes: Callable[[Json], list[Slot]] = none_of
    repeated: Callable[[Json], Json | None] = nothing
    numbered: str = ""
    cumulative: bool = False
    calling: Callable[[Sequence[ToolCall]], Json] | None = None


def spread(text: str, before: Iterable[str]) -> list[str]:
    """The text in as many pieces as there were, each about as long a part of it as it was."""
    lengths = [len(piece) for piece in before]
    total, at, pieces = sum(lengths), 0, []
    for length in lengths:
        start, at = at, at + length
        pieces.append(text[len(text) * start // total : len(text) * at // total])
    return pieces
