"""Which framing and which dialect a recorded answer is in.

Knows no reader's words: it says how to cut and who is to read, and reads nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fakegpt_testkit.dialects.json_values import obj, parsed
from fakegpt_testkit.dialects.known import UNKNOWN, dialect_named, dialect_of_body, dialect_of_events, dialect_shown
from fakegpt_testkit.exchange import EVENT_STREAM, media_type
from fakegpt_testkit.framing import Framing, cut, cut_chunks, framing_of

if TYPE_CHECKING:
    from fakegpt_testkit.dialects.dialect import Dialect
    from fakegpt_testkit.exchange import Interaction, Tape
    from fakegpt_testkit.framing import Frames


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer's events, or None where it has none, and its dialect."""

    frames: Frames | None
    dialect: Dialect


def hear(interaction: Interaction) -> Heard:
    """The answer's events, as they arrived, and its dialect, which is the one that somebody named where it is known."""
    tape, path = interaction.response, interaction.request.path
    framing = framing_of_tape(tape)
    frames = None if framing is None else cut_chunks([chunk.data for chunk in tape.pieces], framing)
    return Heard(frames, dialect_of_tape(tape, path) if frames is None else _of_events(tape, frames, path))


def dialect_of_tape(tape: Tape, path: str = "") -> Dialect:
    """The dialect of an answer: the one that somebody named for it, where it is known, else what it shows."""
    framing = framing_of_tape(tape)
    if framing is None:
        return dialect_of_body(obj(parsed(tape.body.decode("utf-8", "replace"))), path, tape.head.dialect)
    return _of_events(tape, cut(tape.body, framing), path)


def _of_events(tape: Tape, frames: Frames, path: str) -> Dialect:
    return dialect_of_events(frames.events, path, tape.head.dialect)


def framing_of_tape(tape: Tape) -> Framing | None:
    """How the body is cut into events; None where it has none. A list is a stream only where a dialect knows it."""
    label = media_type(tape.headers)
    framing = framing_of(tape.body, label)
    if framing is Framing.JSON_ARRAY and _of_events(tape, cut(tape.body, framing), "") is UNKNOWN:
        return Framing.SSE if label == EVENT_STREAM else None
    return framing


def read_in(interaction: Interaction, name: str) -> Interaction:
    """The same, to be read in the dialect of this name if it is a stream that shows none, and names none we know."""
    tape = interaction.response
    framing = framing_of_tape(tape) if name else None
    if framing is None or dialect_named(tape.head.dialect) is not UNKNOWN:
        return interaction
    shown = dialect_shown(cut_chunks([tape.body], framing).events)
    return interaction if shown is not None else interaction.in_dialect(name)


def is_stream(tape: Tape) -> bool:
    """Whether the answer has events, or says that it is a stream of them."""
    return framing_of_tape(tape) is not None
