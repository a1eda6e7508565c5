"""Events that are not what they were: broken, grown, left out, repeated, swapped. `faults` gives them to users.

Knows no way for a stream to stop: every byte but those of the event stays as it was, and so does the ending.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from fakegpt_testkit.dialects import framing_of_tape
from fakegpt_testkit.effects.effect import Effect, check_positive
from fakegpt_testkit.effects.surgery import element_span, put, put_data, remove
from fakegpt_testkit.framing import Framing

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.exchange import Tape


def bad_json(event: int) -> Effect:
    """The JSON of an event breaks off in its middle; the stream goes on."""
    return _on_data("bad_json", event, _broken_json)


def bad_utf8(event: int) -> Effect:
    """A byte that no UTF-8 has stands in an event: in the answer's text where there is one, else in the middle."""
    return _on_data("bad_utf8", event, _with_bad_byte)


def huge(event: int, *, size: int = 1024 * 1024) -> Effect:
    """An event grows to ``size`` bytes, by spaces after its JSON: it says what it said."""
    check_positive("huge", size=size)
    return _on_data("huge", event, lambda data: data.ljust(size), f"size={size}")


def drop(event: int) -> Effect:
    """An event is left out."""

    def change(tape: Tape) -> Tape:
        return remove(tape, "drop", event)

    return Effect(f"drop(event={event})", change)


def repeat(event: int, *, times: int = 1) -> Effect:
    """An event comes again at once, ``times`` times more."""
    check_positive("repeat", times=times)

    def change(tape: Tape) -> Tape:
        start, end = element_span("repeat", tape, event)
        comma = b",\n" if framing_of_tape(tape) is Framing.JSON_ARRAY else b""
        for _ in range(times):
            tape = put(tape, end, end, comma + tape.body[start:end])
        return tape

    return Effect(f"repeat(event={event}, times={times})", change)


def swap(event: int, other: int | None = None) -> Effect:
    """Two events come in each other's place: an event and the next one, where no other is named."""
    first, second = sorted((event, event + 1 if other is None else other))

    def change(tape: Tape) -> Tape:
        start, end = element_span("swap", tape, first)
        later_start, later_end = element_span("swap", tape, second)
        if first == second:
            return tape
        early, late = tape.body[start:end], tape.body[later_start:later_end]
        return put(put(tape, later_start, later_end, early), start, end, late)

    return Effect(f"swap({first}, {second})", change)


def _on_data(name: str, event: int, change: Callable[[bytes], bytes], *options: str) -> Effect:
    def changed(tape: Tape) -> Tape:
        return put_data(tape, name, event, change)

    return Effect(f"{name}({', '.join([f'event={event}', *options])})", changed)


def _broken_json(data: bytes) -> bytes:
    half = data[: (len(data) + 1) // 2]
    try:
        json.loads(half)
    except ValueError:
        return half
    return half + b"{"


_ANSWER = re.compile(rb'"parts":\s*\["')


def _with_bad_byte(data: bytes) -> bytes:
    text = _ANSWER.search(data)
    place = text.end() if text else len(data) // 2
    return data[:place] + b"\xff" + data[place:]
