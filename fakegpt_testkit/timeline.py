"""Tells a recorded exchange as what happened when: chunks, the events they completed, the answer's growth, silences.

Knows no file and no terminal: an interaction goes in, values that can be shown, compared or searched come out.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.conversation import AnswerReader
from fakegpt_testkit.errors import EventTooLarge
from fakegpt_testkit.sse import EventStreamParser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakegpt_testkit.conversation import Delta
    from fakegpt_testkit.exchange import Interaction, Tape
    from fakegpt_testkit.sse import Event

_LONG: Final = 5.0  # a silence is this many times as long as the middle one
_LEAST: Final = 0.05
_MOST_GAPS: Final = 10


@dataclass(frozen=True, slots=True)
class Moment:
    """An event at the time it was complete, in seconds since the request was sent.

    ``chunk`` is the number of the chunk that completed it, from 1; ``deltas`` is what it changed of a chat's answer.
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

    ``text`` is the answer's whole text, for the chats that `conversation` reads. ``stray`` is a line that is no field
    of an event, ``unfinished`` what stood after the last whole event, ``too_large`` why reading stopped, if it did.
    """

    interaction: Interaction
    moments: tuple[Moment, ...] = ()
    text: str = ""
    gaps: tuple[Gap, ...] = ()
    stray: str = ""
    unfinished: str = ""
    too_large: str = ""

    @property
    def is_stream(self) -> bool:
        """Whether the response is an event stream, by its label."""
        return self.interaction.response.is_event_stream

    @property
    def has_end_mark(self) -> bool:
        """Whether an event says that all was said: ``[DONE]``."""
        return any(moment.event.data == "[DONE]" for moment in self.moments)


def tell(interaction: Interaction) -> Timeline:
    """What happened when in this interaction."""
    tape = interaction.response
    gaps = _gaps(tape)
    if not tape.is_event_stream:
        return Timeline(interaction, gaps=gaps)
    parser, reader = EventStreamParser(), AnswerReader()
    moments: list[Moment] = []
    too_large = ""
    try:
        moments.extend(_moments(tape, parser, reader))
        parser.close()
    except EventTooLarge as error:
        too_large = str(error)
    reader.close(parser.stray)
    unfinished = parser.dropped.data if parser.dropped is not None else parser.unfinished.decode("utf-8", "replace")
    return Timeline(interaction, tuple(moments), reader.text, gaps, parser.stray, unfinished, too_large)


def _moments(tape: Tape, parser: EventStreamParser, reader: AnswerReader) -> Iterator[Moment]:
    for number, chunk in enumerate(tape.chunks, 1):
        for event in parser.feed(chunk.data):
            yield Moment(chunk.at, number, event, tuple(reader.feed(event)))


def _gaps(tape: Tape) -> tuple[Gap, ...]:
    """The silences between head, chunks and ending that stand out, in their order."""
    times = [tape.head.at, *(chunk.at for chunk in tape.chunks), tape.ending.at]
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
        "text": timeline.text,
        "gaps": [{"start": gap.start, "end": gap.end} for gap in timeline.gaps],
    }


def _readable(body: bytes) -> object:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
