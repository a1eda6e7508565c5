"""What a recorded answer says, made another: other words, other calls of tools; ids, times and ending stay.

Knows where words stand by `dialects.editing`, and how a dialect writes a call by `dialects.writing`.
"""

from __future__ import annotations

import base64
import copy
import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects import dialect_of_tape, framing_of_tape, read_deltas, read_events
from fakegpt_testkit.dialects.deltas import ToolCall
from fakegpt_testkit.dialects.editing import spread
from fakegpt_testkit.dialects.editing.models import editor_of_model
from fakegpt_testkit.dialects.writing import WRITERS, Said
from fakegpt_testkit.dialects.writing.said import as_json
from fakegpt_testkit.effects import speaking
from fakegpt_testkit.effects.effect import Effect
from fakegpt_testkit.effects.surgery import Place, change_block, event_ends, insert, put, remove
from fakegpt_testkit.errors import EffectMisplaced
from fakegpt_testkit.framing import Framing, cut, framing_of
from fakegpt_testkit.sse import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fakegpt_testkit.dialects import Answer
    from fakegpt_testkit.dialects.editing import Editor, Slot
    from fakegpt_testkit.dialects.json_values import Json
    from fakegpt_testkit.exchange import Tape

_KEPT: Final = ("id", "model", "created", "created_at", "modelVersion", "responseId", "provider", "system_fingerprint")
"""What each event of an answer says alike: an event that is put in says it as the recorded ones do."""


def said(text: str) -> Effect:
    """The answer says another text, in its own dialect: in as many pieces, at the same times, with the same ids."""

    def change(tape: Tape) -> Tape:
        doc = _Doc.of("said", tape)
        slots = [slot for event in doc.events if event for slot in doc.editor.texts(event)]
        if not slots:
            raise EffectMisplaced("said", "the recorded answer has no text", "script an answer that has some")
        _say(slots, text, cumulative=doc.editor.cumulative)
        for event in doc.events:
            for number, slot in enumerate(doc.editor.wholes(event) if event else ()):
                slot.put("" if number else text)
        return _checked("said", doc.written(), lambda answer: answer.choices[0].text == text)

    return Effect("said(…)", change)


def called(*calls: ToolCall) -> Effect:
    """The answer makes these calls of tools in place of the recorded ones, or after its text where it made none.

    A call without an id takes the recorded one's in its place. The reason to finish becomes the one for calls.
    """
    if not calls:
        raise EffectMisplaced("called", "no call was given", 'called(ToolCall("get_weather", {"city": "Paris"}))')

    def change(tape: Tape) -> Tape:
        doc = _Doc.of("called", tape)
        if doc.editor.stripper is None or doc.editor.home is None:
            problem = f"no call can be written in {dialect_of_tape(tape).name}"
            raise EffectMisplaced("called", problem, "script an answer in a dialect that has calls")
        before = _answer_in(tape).choices[0].tool_calls
        ids = [*(call.id for call in before), *("" for _ in calls)]
        made = tuple(
            ToolCall(call.name, call.arguments, call.id or known) for call, known in zip(calls, ids, strict=False)
        )
        try:
            changed = _call_in_stream(doc, made) if doc.framing else _call_in_body(doc, made)
        except ValueError:
            wanted = "give a mapping, or JSON text"
            raise EffectMisplaced("called", "the arguments of a call are no JSON", wanted) from None
        names = [call.name for call in calls]
        return _checked("called", changed, lambda answer: [each.name for each in answer.choices[0].tool_calls] == names)

    return Effect(f"called({', '.join(call.name for call in calls)})", change)


# --- an answer's JSON ---


@dataclass(slots=True)
class _Doc:
    """The JSON of each event of an answer, or that of a plain one, to be changed in its place; None is no object.

    ``outer`` is what was written down, ``events`` the part of it that the editor knows. ``wraps`` holds where an
    event's bytes are another dialect's event.
    """

    name: str
    tape: Tape
    framing: Framing | None
    editor: Editor
    writer: str
    outer: list[Json | None]
    events: list[Json | None]
    wraps: bool

    @classmethod
    def of(cls, name: str, tape: Tape) -> _Doc:
        framing = framing_of_tape(tape)
        spoken = dialect_of_tape(tape)
        dialect = spoken.name
        editor = spoken.editor
        if editor is None:
            problem = f"nothing is known of how {dialect} says it"
            wanted = "name one that is known, with dialect= or --dialect, or script an answer in it"
            raise EffectMisplaced(name, problem, wanted)
        wraps = speaking.wraps_events(tape)
        outer = [_object(_unwrapped(payload) if wraps else payload) for payload in _payloads(tape, framing)]
        events = outer
        if any(event and "messageStart" in event for event in outer):  # a model on Bedrock that speaks as Converse does
            events = [next(iter(event.values()), None) if event else None for event in outer]
        elif wraps or (
            dialect == "bedrock" and framing is None and not any(event and "output" in event for event in outer)
        ):
            editor, dialect = editor_of_model({key for event in outer if event for key in event})
        return cls(name, tape, framing, editor, dialect, outer, events, wraps)

    def written(self) -> Tape:
        """The tape with the JSON of those events changed that were."""
        tape, ends = self.tape, (0, *event_ends(self.tape))
        for number in range(len(self.outer) - 1, -1, -1):
            new = self.outer[number]
            if new is None:
                continue
            if self.framing is None:
                return put(tape, 0, len(tape.body), _dumped(new, tape.body))
            start, end = ends[number], ends[number + 1]
            block = tape.body[start:end]
            changed = change_block(self.framing, block, partial(self._payload, new))
            tape = tape if changed == block else put(tape, start, end, changed)
        return tape

    def _payload(self, new: Json, old: bytes) -> bytes:
        """What an event carries, the old bytes where it says the same."""
        if not self.wraps:
            return old if _object(old.decode("utf-8", "replace")) == new else _dumped(new, old)
        around = json.loads(old)
        inner = base64.b64decode(around["bytes"])
        if _object(inner.decode("utf-8", "replace")) == new:
            return old
        around["bytes"] = base64.b64encode(_dumped(new, inner)).decode()
        return _dumped(around, old)

    def event(self, tape: Tape, name: str, said: Json) -> bytes:
        """A new event as the recorded ones are."""
        data = as_json(said)
        if self.wraps:
            inner = as_json({name: said}) if self.events is not self.outer else data
            name, data = "chunk", as_json({"bytes": base64.b64encode(inner.encode()).decode()})
        named = self.framing is Framing.AMAZON or speaking.names_events(self.tape)
        return speaking.framed(tape, Event(name if named else "message", data))


def _payloads(tape: Tape, framing: Framing | None) -> list[str]:
    if framing is None:
        return [tape.body.decode("utf-8", "replace")]
    return [event.data for event in cut(tape.body, framing).events]


def _object(data: str) -> Json | None:
    try:
        value = json.loads(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _unwrapped(payload: str) -> str:
    try:
        return base64.b64decode(json.loads(payload)["bytes"]).decode()
    except (ValueError, LookupError, TypeError):
        return ""


def _dumped(value: Json, old: bytes) -> bytes:
    """JSON as the recorded one was written: with spaces or without, with escapes or without."""
    return as_json(value, compact=b'": ' not in old, ascii_only=b"\\u" in old).encode("utf-8", "surrogatepass")


# --- words ---


def _say(slots: Sequence[Slot], text: str, *, cumulative: bool) -> None:
    old = [slot.text for slot in slots]
    if cumulative:
        total = len(old[-1]) or 1
        new = [text[: len(text) * min(len(each), total) // total] for each in old]
    else:
        new = spread(text, old)
    for slot, piece in zip(slots, new, strict=True):
        slot.put(piece)


# --- calls ---


def _call_in_body(doc: _Doc, calls: tuple[ToolCall, ...]) -> Tape:
    body = doc.events[0]
    if body is not None:
        _call_in(doc, body, calls)
        doc.editor.finish(body)
    return doc.written()


def _call_in(doc: _Doc, answer: Json, calls: tuple[ToolCall, ...]) -> None:
    """The calls of a plain answer made others."""
    home = doc.editor.home
    if home is None:
        return
    holder, key = home(answer)
    calling = doc.editor.calling
    made, made_key = home(calling(calls) if calling else WRITERS[doc.writer].plain(Said(tool_calls=calls)))
    kept = [item for item in holder.get(key) or () if not doc.editor.is_call(item)]
    holder[key] = [*kept, *(item for item in made[made_key] if doc.editor.is_call(item))]


def _call_in_stream(doc: _Doc, calls: tuple[ToolCall, ...]) -> Tape:
    """Each event of the recorded calls gives its place to one of the new; what is over comes at the last one's."""
    before = [copy.deepcopy(event) for event in doc.events]
    strip = doc.editor.stripper() if doc.editor.stripper else bool
    gone = [number for number, event in enumerate(doc.events) if event and strip(event)]
    ends = [number for number, event in enumerate(doc.events) if event and doc.editor.finish(event)]
    for event in doc.events:
        answer = doc.editor.repeated(event) if event else None
        if answer is not None:
            _call_in(doc, answer, calls)
    places = gone or [(ends or [len(doc.events)])[0] - 1]
    like = before[min(gone[0] if gone else places[0] + 1, len(before) - 1)] or {}
    new: dict[int, list[tuple[str, Json]]] = {place: [] for place in places}
    for number, (name, event) in enumerate(_events_of(doc, calls)):
        event |= {key: like[key] for key in _KEPT if key in like and key in event}
        new[places[min(number, len(places) - 1)]].append((name, event))
    _number(doc, new, gone)
    tape = doc.written()
    for place in sorted(places, reverse=True):
        for name, event in reversed(new[place]):
            tape = insert(tape, Place(doc.name, place + 1), speaking.element(tape, doc.event(tape, name, event)))
        if place in gone:
            tape = remove(tape, doc.name, place + 1)
    return tape


def _events_of(doc: _Doc, calls: tuple[ToolCall, ...]) -> list[tuple[str, Json]]:
    """The events by which the dialect's writer tells of calls, with their names."""
    if doc.editor.calling:
        return [("message", doc.editor.calling(calls))]
    body = b"".join(WRITERS[doc.writer].events(Said(tool_calls=calls)))
    strip = doc.editor.stripper() if doc.editor.stripper else bool
    told: list[tuple[str, Json]] = []
    for event in cut(body, framing_of(body) or Framing.SSE).events:
        said = _object(event.data)
        if said and strip(copy.deepcopy(said)):
            told.append((event.event, said))
    return told


def _number(doc: _Doc, new: dict[int, list[tuple[str, Json]]], gone: list[int]) -> None:
    """Numbers the blocks in the order in which they begin, and the events where they are numbered."""
    told: list[tuple[bool, Json]] = [(True, event) for _, event in new.get(-1, ())]
    for number, event in enumerate(doc.events):
        if event and number not in gone:
            told.append((False, event))
        told += [(True, event) for _, event in new.get(number, ())]
    key = doc.editor.numbered
    blocks: dict[tuple[bool, int], int] = {}
    for is_new, event in told:
        if key in event:
            event[key] = blocks.setdefault((is_new, event[key]), len(blocks))
    numbered = [event for is_new, event in told if "sequence_number" in event]
    first = next(
        (event["sequence_number"] for is_new, event in told if "sequence_number" in event and not is_new), None
    )
    for number, event in enumerate(numbered):
        if first is None:
            del event["sequence_number"]
        else:
            event["sequence_number"] = first + number


# --- whether it came out ---


def _answer_in(tape: Tape) -> Answer:
    dialect, framing = dialect_of_tape(tape), framing_of_tape(tape)
    if framing is None:
        return read_deltas(dialect.body(_object(tape.body.decode("utf-8", "replace")) or {}) or ())
    return read_events(cut(tape.body, framing).events, dialect)


def _checked(name: str, tape: Tape, says: Callable[[Answer], bool]) -> Tape:
    if not says(_answer_in(tape)):
        raise EffectMisplaced(name, "the recorded answer could not be made to say it", "script an answer that does")
    return tape
