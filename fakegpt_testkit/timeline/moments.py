"""Tells a recorded exchange as what happened when: chunks, the events they completed, the answer's growth, silences.

Knows no file and no terminal: an interaction goes in, values that can be shown, compared or searched come out.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.dialects import Answer, Reading, hear, unwrapped

if TYPE_CHECKING:
    from fakegpt_testkit.dialects import Delta
    from fakegpt_testkit.exchange import Interaction, Tape
    from fakegpt_testkit.framing import Frames, Framing
    from fakegpt_testkit.sse import Event

_LONG: Final = 5.0  # a silence is this many times as long as the middle one
_LEAST: Final = 0.05
_MOST_GAPS: Final = 10


@dataclass(frozen=True, slots=True)
class Moment:
    """An event at the time it was complete, in seconds since the request was sent.

    ``chunk`` is the number of the chunk that completed it, from 1; ``deltas`` is what it changed of a chat's answer. An
    event that came in a frame of Bedrock's, in base64, is that event.
    """

    at: float
    chunk: int
    event: Event
    deltas: tuple[Delta, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """A silence that is long for its stream; both ends in seconds since the request was sent."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long nothing came."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Timeline:
    """An interaction and what its stream says, event by event.

    ``answer`` is what the stream says in its ``dialect``. ``stray`` are lines that are no field of an event,
    ``unfinished`` what stood after the last whole event, ``too_large`` why reading stopped, if it did;
    ``outside`` says all of that in words, and the comments.
    """

    interaction: Interaction
    moments: tuple[Moment, ...] = ()
    answer: Answer = field(default_factory=Answer)
    gaps: tuple[Gap, ...] = ()
    stray: str = ""
    unfinished: str = ""
    too_large: str = ""
    dialect: str = "unknown"
    framing: Framing | None = None
    outside: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The answer's whole text."""
        return self.answer.choices[0].text

    @property
    def is_stream(self) -> bool:
        """Whether the response is a stream of events, by its bytes or its label."""
        return self.framing is not None

    @property
    def has_end_mark(self) -> bool:
        """Whether an event says that all was said, in the way of its dialect."""
        return self.answer.ended_at is not None


def timeline_of(interaction: Interaction) -> Timeline:
    """What happened when in this interaction; where an event is too large, up to that one."""
    tape = interaction.response
    gaps = _gaps(tape)
    heard = hear(interaction)
    frames = heard.frames
    if frames is None:
        return Timeline(interaction, gaps=gaps)
    reading = Reading(heard.dialect)
    times = [chunk.at for chunk in tape.pieces]
    moments = tuple(
        Moment(times[number], number + 1, unwrapped(event), tuple(reading.feed(event)))
        for number, event in zip(frames.completed, frames.events, strict=True)
    )
    return Timeline(
        interaction,
        moments,
        reading.close(frames.stray),
        gaps,
        frames.stray,
        frames.unfinished,
        "" if frames.too_large is None else str(frames.too_large),
        heard.dialect.name,
        frames.framing,
        tell_outside(tape, frames),
    )


def tell_outside(tape: Tape, frames: Frames) -> tuple[str, ...]:
    """What stood outside the events, each in words with the time at which it came, or the first and the last."""
    told = []
    for each in frames.outside:
        first, last = (tape.pieces[number].at * 1000 for number in (each.first, each.last))
        when = f"at {first:.1f} ms" if each.first == each.last else f"from {first:.1f} to {last:.1f} ms"
        told.append(f"{when}, {each.said}")
    return tuple(told)


def _gaps(tape: Tape) -> tuple[Gap, ...]:
    """The silences between head, chunks and ending that stand out, in their order."""
    times = [tape.head.at, *(chunk.at for chunk in tape.pieces), tape.ending.at]
    silences = [Gap(start, end) for start, end in pairwise(times)]
    usual = median(gap.seconds for gap in silences)
    long = [gap for gap in silences if gap.seconds >= max(_LEAST, _LONG * usual)]
    return tuple(sorted(sorted(long, key=lambda gap: -gap.seconds)[:_MOST_GAPS], key=lambda gap: gap.start))


def described(timeline: Timeline) -> dict[str, object]:
    """The interaction and its timeline as JSON values; bodies that are no UTF-8 text stand in base64."""
    request, tape = timeline.interaction.request, timeline.interaction.response
    provenance = timeline.interaction.provenance
    return {
        "request": {
            "method": request.method,
            "uri": request.uri,
            "headers": [list(field) for field in request.headers],
            "body": _readable(request.body),
        },
        "response": {
            "status": tape.status,
            "reason": tape.reason,
            "http": tape.head.version,
            "headers": [list(field) for field in tape.headers],
            "body": _readable(tape.body),
            "head_at": tape.head.at,
            "chunks": [{"at": chunk.at, "size": len(chunk.data)} for chunk in tape.chunks],
            "ending": {"kind": tape.ending.kind.value, "at": tape.ending.at, "note": tape.ending.note},
        },
        "recorded": {"at": provenance.at, "origin": provenance.origin, "server": provenance.server},
        "events": [
            {"at": one.at, "chunk": one.chunk, "event": one.event.event, "id": one.event.id, "data": one.event.data}
            for one in timeline.moments
        ],
        "dialect": timeline.dialect,
        "text": timeline.text,
        "gaps": [{"start": gap.start, "end": gap.end} for gap in timeline.gaps],
    }


def _readable(body: bytes) -> object:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
