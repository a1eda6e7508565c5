"""Compares two recordings of a flow as streams of events: is it the same, another text, a new field, a broken promise.

Knows no file and no clock. How a stream was cut into chunks, and when they came, is no difference here: two recordings
never agree in that.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from fakegpt_testkit.matching import Rules, compare, title
from fakegpt_testkit.tape import header
from fakegpt_testkit.timeline import media_type, tell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fakegpt_testkit.sse import Event
    from fakegpt_testkit.tape import Interaction, Tape
    from fakegpt_testkit.timeline import Timeline


class Severity(IntEnum):
    """What a difference means to a program that reads the answers."""

    SAME = 0
    """None."""
    HARMLESS = 1
    """The same shape says something else: another text, other ids, other times."""
    ADDED = 2
    """Something new: a field, a type of event, a request."""
    BROKEN = 3
    """Something that was there is gone or is of another type; another status, another ending."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was. ``number`` counts the flow's requests from 1, ``where`` names the request."""

    severity: Severity
    number: int
    where: str
    text: str


Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
_Found = tuple[Severity, str]

_TELLTALES: Final = ("type", "object")
"""Keys whose value says of what kind an event is, in the streams of several providers."""
_MOST_NAMED: Final = 8
_ALIKE: Final = 1 / 3


def differences(old: Sequence[Interaction], new: Sequence[Interaction]) -> list[Difference]:
    """Everything in which the new recording is not as the old one, request by request.

    The n-th request to a method and path is compared with the n-th one to the same.
    """
    found = []
    for number, one, other in _pairs(old, new):
        either = one or other
        assert either is not None
        where = title(either.request)
        if one is None:
            found.append(Difference(Severity.ADDED, number, where, "the request is new"))
        elif other is None:
            found.append(Difference(Severity.BROKEN, number, where, "the request is gone"))
        else:
            found += [Difference(severity, number, where, text) for severity, text in _compare(one, other)]
    return found


def worst(found: Sequence[Difference]) -> Severity:
    """The severity of all of it."""
    return max((each.severity for each in found), default=Severity.SAME)


def _pairs(
    old: Sequence[Interaction], new: Sequence[Interaction]
) -> Iterator[tuple[int, Interaction | None, Interaction | None]]:
    """What is to be compared with what, with its number in the recording that has it; the new requests come last."""
    waiting: defaultdict[str, list[tuple[int, Interaction]]] = defaultdict(list)
    for number, interaction in enumerate(new, 1):
        waiting[title(interaction.request)].append((number, interaction))
    for number, interaction in enumerate(old, 1):
        same = waiting[title(interaction.request)]
        yield number, interaction, same.pop(0)[1] if same else None
    rest = sorted((pair for pairs in waiting.values() for pair in pairs), key=lambda pair: pair[0])
    yield from ((number, None, interaction) for number, interaction in rest)


def _compare(old: Interaction, new: Interaction) -> Iterator[_Found]:
    for difference in compare(new.request, old.request, Rules()).differences:
        was_asked, is_asked = _short(difference.recorded), _short(difference.asked)
        yield Severity.HARMLESS, f"the question differs in {difference.path}: {was_asked}, now {is_asked}"
    was, now = old.response, new.response
    if was.status != now.status:
        yield Severity.BROKEN, f"status {was.status}, now {now.status}"
    if was.ending.kind is not now.ending.kind:
        yield Severity.BROKEN, f"the response ended as {was.ending.kind.value}, now as {now.ending.kind.value}"
    if (one := media_type(was.headers)) != (other := media_type(now.headers)):
        yield Severity.BROKEN, f"content type {one or 'none'}, now {other or 'none'}"
        return
    yield from _headers(was, now)
    before, after = tell(old), tell(new)
    if before.is_stream:
        yield from _streams(before, after)
    else:
        yield from _bodies(was, now)


def _headers(old: Tape, new: Tape) -> Iterator[_Found]:
    names = [{name.lower() for name, _ in tape.headers} for tape in (old, new)]
    gone, came = names[0] - names[1], names[1] - names[0]
    if gone:
        yield Severity.HARMLESS, f"headers gone: {_named(gone)}"
    if came:
        yield Severity.HARMLESS, f"new headers: {_named(came)}"
    for name in ("set-cookie", "location"):
        if (header(old.headers, name) is None) != (header(new.headers, name) is None):
            yield Severity.BROKEN, f"{name} {'is gone' if name in gone else 'is new'}"


def _bodies(old: Tape, new: Tape) -> Iterator[_Found]:
    if old.body == new.body:
        return
    before, after = _json(old.body.decode("utf-8", "replace")), _json(new.body.decode("utf-8", "replace"))
    if before is _NO_JSON or after is _NO_JSON:
        severity = Severity.HARMLESS if before is after else Severity.BROKEN
        yield severity, "the body differs" if before is after else "the body is no longer of the same kind, JSON or not"
        return
    shapes = (_Shape(), _Shape())
    shapes[0].add(before)
    shapes[1].add(after)
    yield from _shapes("the body", *shapes)
    if before != after:
        yield Severity.HARMLESS, "the body has other values"


def _streams(old: Timeline, new: Timeline) -> Iterator[_Found]:
    seeds: list[frozenset[str]] = []
    before, after = _kinds(old, seeds), _kinds(new, seeds)
    for kind in before.keys() - after.keys():
        severity = Severity.HARMLESS if kind in _NOISE else Severity.BROKEN
        yield severity, f"no event of the kind {kind} comes any more"
    for kind in after.keys() - before.keys():
        severity = Severity.HARMLESS if kind in _NOISE else Severity.ADDED
        yield severity, f"a new kind of event comes: {kind}"
    for kind in [kind for kind in before if kind in after]:
        yield from _shapes(f"events of the kind {kind}", before[kind], after[kind])
    if old.text != new.text:
        yield Severity.HARMLESS, f"the answer's text differs: {_around(old.text, new.text)}"
    elif [moment.event for moment in old.moments] != [moment.event for moment in new.moments]:
        counts = f"{len(old.moments)} events, now {len(new.moments)}"
        yield Severity.HARMLESS, f"the events differ in their values: {counts}"
    if bool(old.unfinished or old.stray) != bool(new.unfinished or new.stray):
        yield Severity.BROKEN, "what stands after the last whole event is other than it was"


_NOISE: Final = frozenset({"ping"})
"""Kinds of events that come by the clock, or not."""


@dataclass(slots=True)
class _Shape:
    """The fields of all events of one kind: at each path, how often it was there and with which types."""

    events: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    types: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, value: object) -> None:
        self.events += 1
        paths: defaultdict[str, set[str]] = defaultdict(set)
        for path, kind in _paths(value, ""):
            paths[path].add(kind)
        self.counts.update(paths.keys())
        for path, kinds in paths.items():
            self.types[path] |= kinds


def _shapes(what: str, old: _Shape, new: _Shape) -> Iterator[_Found]:
    gone = _outermost({path for path in old.counts.keys() - new.counts.keys() if not _in_empty_list(path, new)})
    if gone:
        yield Severity.BROKEN, f"{what}: fields gone: {_named(gone)}"
    came = _outermost({path for path in new.counts.keys() - old.counts.keys() if not _in_empty_list(path, old)})
    if came:
        yield Severity.ADDED, f"{what}: new fields: {_named(came)}"
    for path in [path for path in old.counts if path in new.counts]:
        if old.counts[path] == old.events and new.counts[path] < new.events and "[]" not in path:
            yield Severity.BROKEN, f"{what}: {path} was always there, and is missing in some"
        if fresh := new.types[path] - old.types[path]:
            were, are = _named(old.types[path]), _named(fresh)
            severity = Severity.ADDED if old.types[path] == {"null"} else Severity.BROKEN
            yield severity, f"{what}: {path} is of another type: {were}, now also {are}"


def _in_empty_list(path: str, shape: _Shape) -> bool:
    """Whether a path leads through a list that has no items here: then nobody knows what its items are like."""
    lists = [path[:at] for at in range(len(path)) if path.startswith("[]", at)]
    return any(each in shape.counts and f"{each}[]" not in shape.counts for each in lists)


def _outermost(paths: set[str]) -> set[str]:
    """The paths without those below another one of them."""
    return {path for path in paths if not _within(path, paths - {path})}


def _within(path: str, others: set[str]) -> bool:
    return any(path.startswith((f"{other}.", f"{other}[")) for other in others)


def _kinds(timeline: Timeline, seeds: list[frozenset[str]]) -> dict[str, _Shape]:
    shapes: dict[str, _Shape] = {}
    for moment in timeline.moments:
        value = _json(moment.event.data)
        shape = shapes.setdefault(_kind(moment.event, value, seeds), _Shape())
        if value is not _NO_JSON:
            shape.add(value)
    return shapes


def _kind(event: Event, value: object, seeds: list[frozenset[str]]) -> str:
    """What an event is: its own type; of JSON, what it calls itself, or else the keys that it has.

    ``seeds`` are the sets of keys met so far: an event that shares enough of one's keys is of its kind, so a kind stays
    itself when a field comes or goes.
    """
    if event.event != "message":
        return event.event
    if event.data == "[DONE]":
        return "[DONE]"
    if value is _NO_JSON:
        return "plain text"
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
    return f"with {_named(set(seed))}" if seed else "JSON"


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of keys that both have, 1 for equal sets."""
    return len(one & other) / len(one | other) if one or other else 1.0


def _paths(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Every field with its type; an item of a list counts as the list's ``[]``."""
    stack = [(path, value)]
    while stack:
        at, each = stack.pop()
        if at:
            yield at, _type(each)
        if isinstance(each, dict):
            stack += [(f"{at}.{key}" if at else key, item) for key, item in each.items()]
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


_NO_JSON: Final = object()


def _json(text: str) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return _NO_JSON
    return value


def _around(old: str, new: str) -> str:
    """Both texts from shortly before where they part."""
    shorter = min(len(old), len(new))
    at = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    start = max(0, at - 20)
    return f"from character {at + 1} on, {_short(repr(old[start:]))}, now {_short(repr(new[start:]))}"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"


def _named(words: set[str]) -> str:
    some = sorted(words)
    more = len(some) - _MOST_NAMED
    return ", ".join(some[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
