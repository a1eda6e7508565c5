"""Compares two recordings request by request, their streams event by event, each difference with its severity.

Knows no file and no clock. How a stream was cut into chunks is no difference here, nor is what a client that left early
did not see: two recordings never agree in that.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects import dialect_named, framing_of_tape
from fakegpt_testkit.drift import shapes
from fakegpt_testkit.drift.findings import Difference, Drift, Severity, Unasked
from fakegpt_testkit.drift.shapes import NO_JSON, NOISE, PLAIN_TEXT, Shape, named
from fakegpt_testkit.exchange import Chunk, EndingKind, header, media_type
from fakegpt_testkit.framing import Framing
from fakegpt_testkit.matching import Rules, compare, matches
from fakegpt_testkit.timeline import timeline_of
from fakegpt_testkit.wording import first_difference, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fakegpt_testkit.dialects import Answer
    from fakegpt_testkit.drift.shapes import Graded
    from fakegpt_testkit.exchange import Interaction, Tape
    from fakegpt_testkit.timeline import Timeline

_LEFT: Final = frozenset({EndingKind.ABANDONED, EndingKind.CANCELLED, EndingKind.KILLED})
"""Endings that the client made: what the service would have sent after them is not known."""
_LEAST_ECHO: Final = 8
_LEAST_PAUSE: Final = 1.0
_SLOWER: Final = 3.0
_SHOWN: Final = 60
"""Dialects of which nothing is known to be another one each time, so that any other value is told."""


def differences(old: Sequence[Interaction], new: Sequence[Interaction], rules: Rules | None = None) -> list[Difference]:
    """Everything in which the new recording is not as the old one, request by request.

    A request is compared with the first one that asked the same by the rules, else the n-th request to a method and
    path with the n-th one to the same. Times are not compared.
    """
    rules = rules or Rules()
    found = []
    for number, one, other in _pairs(old, new, rules):
        if other is None:
            assert one is not None
            found.append(Difference(Severity.BROKEN, number, one.request.title, "the request is gone"))
        else:
            found += _differences(number, one, other, rules)
    return found


def drift_of(
    cassette: str, old: Sequence[Interaction], new: Sequence[Interaction], rules: Rules | None = None
) -> Drift:
    """What the live service says otherwise than the cassette. A recorded request that was not asked says nothing.

    Unlike ``differences`` this compares times too: an answer that takes seconds longer, or less, is harmless.
    """
    rules = rules or Rules()
    found: list[Difference] = []
    unasked = []
    compared = 0
    for number, one, other in _pairs(old, new, rules):
        if other is None:
            assert one is not None
            unasked.append(Unasked(number, one.request.title))
            continue
        found += _differences(number, one, other, rules)
        if one is not None:
            compared += 1
            found += [_difference(number, other, each) for each in _times(one.response, other.response)]
    return Drift(cassette, compared, tuple(found), tuple(unasked))


def _differences(number: int, old: Interaction | None, new: Interaction, rules: Rules) -> list[Difference]:
    found = [(Severity.ADDED, "the request is new")] if old is None else _compare(old, new, rules)
    return [_difference(number, new, each) for each in found]


def _difference(number: int, new: Interaction, found: Graded) -> Difference:
    severity, text = found
    printable = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)  # names come from a service
    return Difference(severity, number, new.request.title, printable)


def _pairs(
    old: Sequence[Interaction], new: Sequence[Interaction], rules: Rules
) -> Iterator[tuple[int, Interaction | None, Interaction | None]]:
    """What is to be compared with what, with its number in the recording that has it; the new requests come last."""
    waiting: defaultdict[str, list[tuple[int, Interaction]]] = defaultdict(list)
    for number, interaction in enumerate(new, 1):
        waiting[interaction.request.title].append((number, interaction))
    paired: dict[int, Interaction] = {}
    for number, interaction in enumerate(old, 1):
        like = waiting[interaction.request.title]
        for each in like:
            if matches(each[1].request, interaction.request, rules):
                like.remove(each)
                paired[number] = each[1]
                break
    for number, interaction in enumerate(old, 1):
        like = waiting[interaction.request.title]
        if number not in paired and like:
            paired[number] = like.pop(0)[1]
        yield number, interaction, paired.get(number)
    rest = sorted((pair for pairs in waiting.values() for pair in pairs), key=lambda pair: pair[0])
    yield from ((number, None, interaction) for number, interaction in rest)


def _compare(old: Interaction, new: Interaction, rules: Rules) -> Iterator[Graded]:
    for difference in compare(new.request, old.request, rules).differences:
        was_asked, is_asked = (shortened(each, _SHOWN) for each in (difference.recorded, difference.asked))
        yield Severity.HARMLESS, f"the question differs in {difference.path}: {was_asked}, now {is_asked}"
    new = replace(new, response=_as_asked_before(old, new))
    was, now = old.response, new.response
    if was.status != now.status:
        yield Severity.BROKEN, f"status {was.status}, now {now.status}"
    if was.ending.kind is not now.ending.kind:
        severity = Severity.HARMLESS if _left(was) or _left(now) else Severity.BROKEN
        yield severity, f"the response ended as {was.ending.kind.value}, now as {now.ending.kind.value}"
    if (one := media_type(was.headers)) != (other := media_type(now.headers)):
        yield Severity.BROKEN, f"content type {one or 'none'}, now {other or 'none'}"
        return
    yield from _headers(was, now)
    before, after = (
        timeline_of(old),
        timeline_of(new if new.response.head.dialect else new.in_dialect(old.response.head.dialect)),
    )
    if before.is_stream is not after.is_stream:
        yield (
            Severity.BROKEN,
            f"the answer {'no longer' if before.is_stream else 'now'} is a stream of events",
        )
    elif before.is_stream:
        yield from _streams(before, after)
    else:
        yield from _bodies(was, now)


def _left(tape: Tape) -> bool:
    return tape.ending.kind in _LEFT


def _part(timeline: Timeline) -> bool:
    """Whether the client left a stream before the end mark, so that what is not here may still have come."""
    return _left(timeline.interaction.response) and not timeline.has_end_mark


def _as_asked_before(old: Interaction, new: Interaction) -> Tape:
    """The new response; what the client asked otherwise, an id of its own, and got back, is as it was asked before."""
    tape = new.response
    body = tape.body
    if framing_of_tape(tape) is Framing.AMAZON:
        return tape  # other bytes in a frame would break its checksum
    for was, now in _asked_otherwise(old, new):
        body = body.replace(now.encode("utf-8", "replace"), was.encode("utf-8", "replace"))
    return tape if body == tape.body else replace(tape, chunks=(Chunk(tape.chunks[-1].at, body),))


def _asked_otherwise(old: Interaction, new: Interaction) -> Iterator[tuple[str, str]]:
    """The texts of two JSON questions that differ, of those that are long enough to be found by their value."""
    stack = [tuple(shapes.json_of(each.request.body.decode("utf-8", "replace")) for each in (old, new))]
    while stack:
        match stack.pop():
            case dict() as was, dict() as now:
                stack += [(was[key], now[key]) for key in was.keys() & now.keys()]
            case list() as was, list() as now:
                stack += zip(was, now, strict=False)
            case str() as was, str() as now if was != now and min(len(was), len(now)) >= _LEAST_ECHO:
                yield was, now


def _times(old: Tape, new: Tape) -> Iterator[Graded]:
    """Other times, where they are other by far: no two answers take the same."""
    if not old.ending.at:  # another tool's recording: nobody took the time
        return
    first = [tape.chunks[0].at if tape.chunks else tape.head.at for tape in (old, new)]
    whole = [] if _left(old) or _left(new) else [old.ending.at, new.ending.at]
    for what, times in (("the first bytes come", first), ("the end comes", whole)):
        if times and max(times) - min(times) >= _LEAST_PAUSE and max(times) >= _SLOWER * min(times):
            yield Severity.HARMLESS, f"{what} after {times[0]:.1f} s, now after {times[1]:.1f} s"
            return


def _headers(old: Tape, new: Tape) -> Iterator[Graded]:
    names = [{name.lower() for name, _ in tape.headers} for tape in (old, new)]
    gone, came = names[0] - names[1], names[1] - names[0]
    if gone:
        yield Severity.HARMLESS, f"headers gone: {named(gone)}"
    if came:
        yield Severity.HARMLESS, f"new headers: {named(came)}"
    for name in ("set-cookie", "location"):
        if (header(old.headers, name) is None) != (header(new.headers, name) is None):
            yield Severity.BROKEN, f"{name} {'is gone' if name in gone else 'is new'}"


def _bodies(old: Tape, new: Tape) -> Iterator[Graded]:
    if old.body == new.body:
        return
    if _left(old) or _left(new):
        yield Severity.HARMLESS, "the body differs, and the client did not read all of it"
        return
    before, after = (shapes.json_of(each.body.decode("utf-8", "replace")) for each in (old, new))
    if before is NO_JSON and after is NO_JSON and "json" in media_type(new.headers):
        yield Severity.BROKEN, "neither body can be read as the JSON that it is labelled as, and they differ"
        return
    if before is NO_JSON or after is NO_JSON:
        severity = Severity.HARMLESS if before is after else Severity.BROKEN
        yield severity, "the body differs" if before is after else "the body is no longer of the same kind, JSON or not"
        return
    both = (Shape(), Shape())
    both[0].add(before)
    both[1].add(after)
    yield from shapes.compare("the body", *both)
    if before != after:
        yield Severity.HARMLESS, "the body has other values"


def _streams(old: Timeline, new: Timeline) -> Iterator[Graded]:
    seeds: list[frozenset[str]] = []
    if old.dialect != new.dialect and "unknown" not in (old.dialect, new.dialect):
        yield Severity.BROKEN, f"the events were those of {old.dialect}, and are now those of {new.dialect}"
    dialects = dialect_named(old.dialect), dialect_named(new.dialect)
    incidental = dialects[0].incidental | dialects[1].incidental
    parts = _part(old), _part(new)
    before, after = (
        shapes.kinds((moment.event for moment in each.moments), seeds, part=part, incidental=incidental)
        for each, part in zip((old, new), parts, strict=True)
    )
    for kind in sorted(before.keys() - after.keys()):
        severity = Severity.HARMLESS if kind in NOISE or parts[1] else Severity.BROKEN
        yield severity, f"no event of the kind {kind} comes any more"
    for kind in sorted(after.keys() - before.keys()):
        strange = kind.endswith(PLAIN_TEXT) and bool(before.keys() - NOISE)
        severity = Severity.BROKEN if strange else Severity.ADDED
        yield Severity.HARMLESS if kind in NOISE or parts[0] else severity, f"a new kind of event comes: {kind}"
    for kind in [kind for kind in before if kind in after]:
        yield from shapes.compare(f"events of the kind {kind}", before[kind], after[kind])
    if old.text != new.text:
        yield Severity.HARMLESS, f"the answer's text differs: {_around(old.text, new.text)}"
    elif dialects[0].cut_counts and [one.event for one in old.moments] != [one.event for one in new.moments]:
        counts = f"{len(old.moments)} events, now {len(new.moments)}"
        yield Severity.HARMLESS, f"the events differ in their values: {counts}"
    if not any(parts):
        yield from _answers(old.answer, new.answer)
        yield from _unread(old, new)


def _unread(old: Timeline, new: Timeline) -> Iterator[Graded]:
    """What is no event of a stream, nor a comment, says nothing to us; a client may trip over it."""
    was, now = ((each.stray, each.unfinished, each.too_large) for each in (old, new))
    if any(was) != any(now):
        yield Severity.BROKEN, "what stands after the last whole event is other than it was"
    elif was != now:
        yield Severity.BROKEN, "what stands outside the events cannot be read, and is other than it was"


def _answers(old: Answer, new: Answer) -> Iterator[Graded]:
    """What was said beside the text. Ids, times, usage and how the answer came in pieces are other ones each time."""
    before, after = old.choices[0], new.choices[0]
    if before.finish_reason != after.finish_reason:
        yield Severity.BROKEN, f"the answer finished with {before.finish_reason!r}, now with {after.finish_reason!r}"
    if (old.ended_at is None) != (new.ended_at is None):
        yield Severity.BROKEN, f"the stream {'now comes' if old.ended_at is None else 'no longer comes'} to its end"
    if old.error is None and new.error is not None:
        yield Severity.BROKEN, f"the service reports an error: {shortened(new.error.message, _SHOWN)}"
    calls = [[(call.name, call.arguments) for call in choice.tool_calls] for choice in (before, after)]
    if calls[0] != calls[1]:
        yield (
            Severity.HARMLESS,
            f"the calls of tools differ: {named(name for name, _ in calls[0]) or 'none'}, now "
            + (named(name for name, _ in calls[1]) or "none"),
        )
    for what, was, now in (
        ("reasoning", before.reasoning, after.reasoning),
        ("refusal", before.refusal, after.refusal),
    ):
        if was != now:
            yield Severity.HARMLESS, f"the answer's {what} differs: {_around(was, now)}"


def _around(old: str, new: str) -> str:
    """Both texts from shortly before where they part."""
    at = first_difference(old, new)
    start = max(0, at - 20)
    was, now = (shortened(repr(each[start : start + _SHOWN]), _SHOWN) for each in (old, new))
    return f"from character {at + 1} on, {was}, now {now}"
