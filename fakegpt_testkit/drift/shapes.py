"""The shape of events and bodies: which kinds of events come, which fields they have, of which types.

Knows no requests and no responses; values of fields are none of its business.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.drift.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fakegpt_testkit.sse import Event

Graded = tuple[Severity, str]

PLAIN_TEXT: Final = "plain text"
"""The kind of an event whose data is no JSON; one with a name has that before it."""
NOISE: Final = frozenset({"ping", "keepalive"})
"""Kinds of events that come by the clock, or not."""

_TELLTALES: Final = ("type", "object")
"""Keys whose value says of what kind an event is, in the streams of several providers."""
_MOST_NAMED: Final = 8
_ALIKE: Final = 1 / 3


@dataclass(slots=True)
class Shape:
    """The fields of all events of one kind: at each path, how often it was there and with which types.

    ``part``: the client left before the end, so what is not here may still have come.
    """

    part: bool = False
    events: int = 0
    incidental: frozenset[str] = frozenset()
    counts: Counter[str] = field(default_factory=Counter)
    types: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, value: object) -> None:
        """Count one more event's fields."""
        self.events += 1
        paths: defaultdict[str, set[str]] = defaultdict(set)
        for path, kind in _paths(value, "", self.incidental):
            paths[path].add(kind)
        self.counts.update(paths.keys())
        for path, kinds in paths.items():
            self.types[path] |= kinds

    def lacks(self, path: str, other: Shape) -> bool:
        """Whether this path is not here, and would have to be, if all were as in the other shape."""
        if path in self.counts or _in_empty_list(path, self):
            return False
        return not self.part or other.counts[path] == other.events


def compare(what: str, old: Shape, new: Shape) -> Iterator[Graded]:
    """What is gone, what is new, what is of another type."""
    if gone := _outermost({path for path in old.counts if new.lacks(path, old)}):
        yield Severity.BROKEN, f"{what}: fields gone: {named(gone)}"
    if came := _outermost({path for path in new.counts if old.lacks(path, new)}):
        yield Severity.ADDED, f"{what}: new fields: {named(came)}"
    for path in [path for path in old.counts if path in new.counts]:
        if old.counts[path] == old.events and new.counts[path] < new.events and "[]" not in path:
            yield Severity.BROKEN, f"{what}: {path} was always there, and is missing in some"
        yield from _types(f"{what}: {path}", old.types[path], new.types[path], part=old.part)


def _types(what: str, old: set[str], new: set[str], *, part: bool) -> Iterator[Graded]:
    fresh = new - old
    if not fresh:
        return
    severity = Severity.ADDED if old == {"null"} else Severity.HARMLESS if part and new & old else Severity.BROKEN
    yield severity, f"{what} is of another type: {named(old)}, now {'also ' if new & old else ''}{named(fresh)}"


def kinds(
    events: Iterable[Event],
    seeds: list[frozenset[str]],
    *,
    part: bool,
    incidental: frozenset[str] = frozenset(),
) -> dict[str, Shape]:
    """A shape for each kind of event, without the fields that are incidental."""
    shapes: dict[str, Shape] = {}
    for event in events:
        value = json_of(event.data)
        shape = shapes.setdefault(_kind(event, value, seeds), Shape(part, incidental=incidental))
        if value is not NO_JSON:
            shape.add(value)
    return shapes


def _kind(event: Event, value: object, seeds: list[frozenset[str]]) -> str:
    """What an event is: its own type; of JSON, what it calls itself, or else the keys that it has.

    ``seeds`` are the sets of keys met so far: an event that shares enough of one's keys is of its kind, so a kind stays
    itself when a field comes or goes.
    """
    if event.event != "message":
        plain = value is NO_JSON and event.data and event.event not in NOISE
        return f"{event.event}, {PLAIN_TEXT}" if plain else event.event
    if event.data == "[DONE]":
        return "[DONE]"
    if value is NO_JSON:
        return PLAIN_TEXT
    if not isinstance(value, dict):
        return "JSON"
    for key in _TELLTALES:
        if isinstance(word := value.get(key), str):
            return word
    match value:
        case {"message": {"author": {"role": str(role)}}}:
            return f"message of {role}"
    keys = frozenset(value)
    seed = max(seeds, key=lambda seed: _alike(seed, keys), default=frozenset[str]())
    if _alike(seed, keys) < _ALIKE:
        seeds.append(seed := keys)
    return f"with {named(set(seed))}" if seed else "JSON"


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of keys that both have, 1 for equal sets."""
    return len(one & other) / len(one | other) if one or other else 1.0


def _in_empty_list(path: str, shape: Shape) -> bool:
    """Whether a path leads through a list that has no items here: then nobody knows what its items are like."""
    lists = [path[:at] for at in range(len(path)) if path.startswith("[]", at)]
    return any(each in shape.counts and f"{each}[]" not in shape.counts for each in lists)


def _outermost(paths: set[str]) -> set[str]:
    """The paths without those below another one of them."""
    return {path for path in paths if not _within(path, paths - {path})}


def _within(path: str, others: set[str]) -> bool:
    return any(path.startswith((f"{other}.", f"{other}[")) for other in others)


def _paths(value: object, path: str, passed: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Every field with its type; an item of a list counts as the list's ``[]``."""
    stack = [(path, value)]
    while stack:
        at, each = stack.pop()
        if at:
            yield at, _type(each)
        if isinstance(each, dict):
            stack += [(f"{at}.{key}" if at else key, item) for key, item in each.items() if key not in passed]
        elif isinstance(each, list):
            stack += [(f"{at}[]", item) for item in each]


def _type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return "list"
    return "object"


NO_JSON: Final = object()


def json_of(text: str) -> object:
    """The JSON in a text, ``NO_JSON`` when it is none."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return NO_JSON
    return value


def named(words: Iterable[str]) -> str:
    """The first of the words in order, and how many more there are."""
    some = sorted(words)
    more = len(some) - _MOST_NAMED
    return ", ".join(some[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
