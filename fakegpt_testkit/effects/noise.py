"""What a service says between the events of an answer: events of its own, comments, heartbeats, counts of tokens.

Knows no answer: what was recorded stays as it is, and what is put between has its framing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fakegpt_testkit.dialects import framing_of_tape
from fakegpt_testkit.effects import speaking
from fakegpt_testkit.effects.effect import Effect, check_positive
from fakegpt_testkit.effects.surgery import Place, between, closed, event_ends, settle
from fakegpt_testkit.effects.surgery import insert as put_in
from fakegpt_testkit.errors import EffectMisplaced
from fakegpt_testkit.exchange import Chunk, is_chunked
from fakegpt_testkit.framing import Framing, cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakegpt_testkit.effects.scripting import ScriptedEvent
    from fakegpt_testkit.exchange import Tape


def insert(
    event: ScriptedEvent,
    after_event: int | None = None,
    *,
    after_byte: int | None = None,
    after_seconds: float | None = None,
) -> Effect:
    """An event more: its data, its JSON, a `sse.Event` with a name, or bytes as they go over the wire.

    It is framed as the recorded events are. JSON with a ``type`` is named by it where the recorded events have names;
    for Converse's frames it is one key, the event's name, with its content: ``{"contentBlockStop": {…}}``.
    """
    place = Place("insert", after_event, after_byte, after_seconds)
    return Effect(place.worded(), lambda tape: put_in(tape, place, speaking.framed(tape, event)))


def comment(
    text: str = "",
    after_event: int | None = None,
    *,
    after_byte: int | None = None,
    after_seconds: float | None = None,
) -> Effect:
    """A comment between server-sent events; no other framing has any."""
    place = Place("comment", after_event, after_byte, after_seconds)

    def change(tape: Tape) -> Tape:
        framing = framing_of_tape(tape)
        if framing is not Framing.SSE:
            problem = f"a stream of {framing.value} has no comments" if framing else "the answer has no events"
            raise EffectMisplaced("comment", problem, "use heartbeat for what says nothing in any framing")
        return put_in(tape, place, b"".join(b": %s\n" % line.encode() for line in text.splitlines() or [""]) + b"\n")

    return Effect(place.worded(), change)


def heartbeat(
    after_event: int | None = None,
    *,
    after_byte: int | None = None,
    after_seconds: float | None = None,
    every: float | None = None,
) -> Effect:
    """The service says that it is still there: in a place, or whenever nothing came for ``every`` seconds.

    It is the dialect's own ping, where it has one; else what says nothing in its framing: a comment, a blank line, a
    frame of a type that nobody knows.
    """
    if every is None:
        place = Place("heartbeat", after_event, after_byte, after_seconds)
        return Effect(place.worded(), lambda tape: put_in(tape, place, speaking.ping(tape), element=False))
    if (after_event, after_byte, after_seconds) != (None, None, None):
        raise EffectMisplaced("heartbeat", "every and a place were given", "give one of them")
    check_positive("heartbeat", every=every)

    def change(tape: Tape) -> Tape:
        tape = settle(tape)
        ping = speaking.ping(tape)
        moments = _silences(tape, every)
        if not moments:
            raise EffectMisplaced(
                "heartbeat", f"there is no silence of {every} s between events", "give a shorter time"
            )
        chunked = is_chunked(tape.headers)
        chunks: list[Chunk] = []
        for number, here in enumerate([*([chunk] for chunk in tape.chunks), []]):
            if number in moments and chunks and chunked:
                chunks[-1] = closed(chunks[-1])
            chunks += [Chunk(at, ping, (len(ping),) if chunked else ()) for at in moments.get(number, ())]
            chunks += here
        return replace(tape, chunks=tuple(chunks))

    return Effect(f"heartbeat(every={every})", change)


def usage(
    input_tokens: int,
    output_tokens: int,
    after_event: int | None = None,
    *,
    after_byte: int | None = None,
    after_seconds: float | None = None,
) -> Effect:
    """An event that tells how many tokens were used so far, and nothing else, as the dialect tells it."""
    place = Place("usage", after_event, after_byte, after_seconds)
    return Effect(place.worded(), lambda tape: put_in(tape, place, speaking.usage(tape, input_tokens, output_tokens)))


def _silences(tape: Tape, every: float) -> dict[int, list[float]]:
    """The moments at which nothing had come for so long and no event was half there, by the chunk that came then.

    The first silence begins with the head, the last one ends with the answer.
    """
    ends = event_ends(tape)
    found: dict[int, list[float]] = {}
    last, at = tape.head.at, 0
    for number, chunk in enumerate((*tape.chunks, Chunk(tape.ending.at, b""))):
        count = int((chunk.at - last) / every)
        if count and _is_between(tape, ends, at):
            moments = [round(last + every * each, 6) for each in range(1, count + 1)]
            if early := [moment for moment in moments if moment < round(chunk.at, 6)]:
                found[number] = early
        last = chunk.at
        at += len(chunk.data)
    return found


def _is_between(tape: Tape, ends: Sequence[int], at: int) -> bool:
    if between(tape, ends, at) == at:
        return True
    return at == len(tape.body) and not cut(tape.body, framing_of_tape(tape) or Framing.SSE).unfinished
