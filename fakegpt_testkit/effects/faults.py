"""What goes wrong on a wire and in a service, as effects: ``faults.reset(after_event=3)``.

Knows no player: a fault changes a tape, and the client meets what the tape then says. Events are counted from 1. A
fault with a place takes exactly one of ``after_event``, ``after_byte`` and ``after_seconds`` (since the request was
sent); the event's number may stand alone: ``reset(3)``. ``docs/effects.md`` shows what the client sees of each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fakegpt_testkit.dialects import is_stream
from fakegpt_testkit.effects import speaking
from fakegpt_testkit.effects.effect import Effect, check_positive
from fakegpt_testkit.effects.events import bad_json, bad_utf8, drop, huge, repeat, swap
from fakegpt_testkit.effects.noise import comment, heartbeat, insert, usage
from fakegpt_testkit.effects.replies import (
    challenge,
    connect_timeout,
    content_type,
    dns,
    no_reply,
    refused,
    status,
    tls,
)
from fakegpt_testkit.effects.rewording import called, said
from fakegpt_testkit.effects.surgery import (
    Place,
    at_length,
    event_ends,
    in_chunks,
    put,
    settle,
    shift,
    split,
    without,
)
from fakegpt_testkit.errors import EffectMisplaced
from fakegpt_testkit.exchange import SURPLUS, Breach, Chunk, Ending, EndingKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fakegpt_testkit.exchange import Interaction, Tape

__all__ = [
    "Sweep",
    "bad_chunk",
    "bad_json",
    "bad_utf8",
    "called",
    "challenge",
    "close",
    "comment",
    "connect_timeout",
    "content_type",
    "corrupt_gzip",
    "cut_chunk",
    "dns",
    "drip",
    "drop",
    "error_event",
    "everywhere",
    "heartbeat",
    "huge",
    "insert",
    "no_reply",
    "refused",
    "repeat",
    "reset",
    "said",
    "short_body",
    "short_length",
    "slow_start",
    "stall",
    "status",
    "stop",
    "swap",
    "tls",
    "usage",
]


# --- the stream stops at a place ---


def reset(
    after_event: int | None = None, *, after_byte: int | None = None, after_seconds: float | None = None
) -> Effect:
    """The connection is lost with an error (``ECONNRESET``)."""
    place = Place("reset", after_event, after_byte, after_seconds)
    return _stop(place, lambda tape: tape, Ending(EndingKind.RESET, note="ECONNRESET"))


def close(
    after_event: int | None = None, *, after_byte: int | None = None, after_seconds: float | None = None
) -> Effect:
    """The server closes the connection in order, between two HTTP chunks, and the body is not at its end.

    A body that is neither chunked nor of an announced length becomes chunked: closing would be its proper end.
    """
    place = Place("close", after_event, after_byte, after_seconds)
    return _stop(place, _framed, Ending(EndingKind.EOF))


def cut_chunk(
    after_event: int | None = None, *, after_byte: int | None = None, after_seconds: float | None = None
) -> Effect:
    """The server closes the connection inside an HTTP chunk, of which more was announced."""
    place = Place("cut_chunk", after_event, after_byte, after_seconds)
    return _stop(place, in_chunks, Ending(EndingKind.EOF), open_chunk=True)


def bad_chunk(
    after_event: int | None = None, *, after_byte: int | None = None, after_seconds: float | None = None
) -> Effect:
    """Bytes come that are no HTTP chunk's size, where one was to come."""
    place = Place("bad_chunk", after_event, after_byte, after_seconds)
    return _stop(place, in_chunks, Ending(EndingKind.MALFORMED))


def corrupt_gzip(
    after_event: int | None = None, *, after_byte: int | None = None, after_seconds: float | None = None
) -> Effect:
    """The body is sent with gzip, and from here on it is not gzip any more."""
    place = Place("corrupt_gzip", after_event, after_byte, after_seconds)
    return _stop(place, _in_gzip, Ending(EndingKind.MALFORMED, note=Breach.CODING.value))


def short_body(
    after_event: int | None = None, *, after_byte: int | None = None, after_seconds: float | None = None
) -> Effect:
    """``Content-Length`` announces the whole body, and the server closes the connection before its end."""
    place = Place("short_body", after_event, after_byte, after_seconds)
    return _stop(place, at_length, Ending(EndingKind.EOF))


def short_length(
    after_event: int | None = None, *, after_byte: int | None = None, after_seconds: float | None = None
) -> Effect:
    """``Content-Length`` announces only the body up to here: the client sees a whole response, nothing of the rest."""
    place = Place("short_length", after_event, after_byte, after_seconds)

    def change(tape: Tape) -> Tape:
        short = _stopped(place, tape, Ending(EndingKind.COMPLETE, note=SURPLUS))
        return at_length(short)

    return Effect(place.worded(), change)


def stop(
    after_event: int | None = None,
    *,
    after_byte: int | None = None,
    after_seconds: float | None = None,
    end_mark: bool = False,
) -> Effect:
    """The response ends here, in good order; ``end_mark`` says whether its dialect's end mark comes before that."""
    place = Place("stop", after_event, after_byte, after_seconds)

    def change(tape: Tape) -> Tape:
        stopped = _stopped(place, tape, Ending())
        end = len(stopped.body)
        return put(stopped, end, end, speaking.end_mark(tape, stopped.body)) if end_mark else stopped

    return Effect(place.worded(*(("end_mark=True",) if end_mark else ())), change)


# --- the stream takes its time ---


def stall(
    after_event: int | None = None,
    *,
    after_byte: int | None = None,
    after_seconds: float | None = None,
    seconds: float | None = None,
) -> Effect:
    """Nothing comes for so many ``seconds``; without them for ever, the connection open.

    In lockstep no time passes, so a stall that ends is not felt; one that does not end waits for the client's timeout.
    """
    place = Place("stall", after_event, after_byte, after_seconds)
    if seconds is None:
        return _stop(place, lambda tape: tape, Ending(EndingKind.STALLED))
    check_positive("stall", seconds=seconds)

    def change(tape: Tape) -> Tape:
        if place.find(tape) == len(tape.body):
            return _later_end(tape, seconds)
        left, right = split(settle(tape), place.find(tape))
        return _later_end(replace(tape, chunks=(*left, *shift(right, seconds))), seconds)

    return Effect(place.worded(f"seconds={seconds}"), change)


def slow_start(seconds: float) -> Effect:
    """The first byte, and all after it, comes so much later."""
    check_positive("slow_start", seconds=seconds)

    def change(tape: Tape) -> Tape:
        head = replace(tape.head, at=tape.head.at + seconds)
        return _later_end(replace(tape, head=head, chunks=shift(tape.chunks, seconds)), seconds)

    return Effect(f"slow_start({seconds})", change)


def drip(every: float, *, size: int = 1) -> Effect:
    """The body comes ``size`` bytes at a time, each ``every`` seconds after the one before or later."""
    check_positive("drip", every=every, size=size)

    def change(tape: Tape) -> Tape:
        tape = settle(tape)
        chunked = in_chunks(tape).headers == tape.headers
        chunks: list[Chunk] = []
        now = tape.head.at
        for chunk in tape.chunks:
            for start in range(0, len(chunk.data), size):
                data = chunk.data[start : start + size]
                now = max(now + every, chunk.at)
                chunks.append(Chunk(now, data, (len(data),) if chunked else ()))
        return replace(tape, chunks=tuple(chunks), ending=replace(tape.ending, at=max(tape.ending.at, now)))

    return Effect(f"drip({every}, size={size})", change)


# --- the service reports an error ---


def error_event(
    after_event: int | None = None,
    *,
    after_byte: int | None = None,
    after_seconds: float | None = None,
    message: str = "The server had an error while processing your request.",
    code: str = "",
) -> Effect:
    """The service reports an error within the stream, in its dialect, and ends the response without the end mark."""
    place = Place("error_event", after_event, after_byte, after_seconds)

    def change(tape: Tape) -> Tape:
        stopped = _stopped(place, tape, Ending())
        block = speaking.error_event(tape, stopped.body, message, code)
        return put(stopped, len(stopped.body), len(stopped.body), block)

    return Effect(place.worded(*((f"code={code!r}",) if code else ())), change)


# --- a fault at every event ---


@dataclass(frozen=True, slots=True)
class Sweep:
    """A fault for each event of recorded streams, one test each."""

    fault: Callable[[int], Effect]

    def over(self, interactions: Sequence[Interaction]) -> tuple[Effect, ...]:
        """One effect per event of each stream, on its own interaction.

        Raises `EffectMisplaced` where nothing has an event: a test that sweeps over nothing would test nothing.
        """
        effects = tuple(
            replace(self.fault(event).on(interaction=index + 1), swept=True)
            for index, interaction in enumerate(interactions)
            if is_stream(interaction.response)
            for event in range(1, len(event_ends(interaction.response)) + 1)
        )
        if not effects:
            asked = ", ".join(interaction.request.title for interaction in interactions) or "nothing"
            problem = f"no answer of the recording has events; it holds {asked}"
            raise EffectMisplaced("everywhere", problem, "sweep over a stream, or give the fault a place of its own")
        return effects


def everywhere(fault: Callable[[int], Effect]) -> Sweep:
    """A fault at every event: ``everywhere(faults.reset)``, or ``everywhere(partial(faults.huge, size=9999))``."""
    return Sweep(fault)


# --- how they are made ---


def _stop(place: Place, frame: Callable[[Tape], Tape], ending: Ending, *, open_chunk: bool = False) -> Effect:
    def change(tape: Tape) -> Tape:
        stopped = _stopped(place, frame(tape), ending)
        return _with_open_chunk(stopped) if open_chunk else stopped

    return Effect(place.worded(), change)


def _stopped(place: Place, tape: Tape, ending: Ending) -> Tape:
    left, _ = split(settle(tape), place.find(tape))
    return replace(tape, chunks=left, ending=replace(ending, at=place.moment(tape)))


def _with_open_chunk(tape: Tape) -> Tape:
    if not tape.chunks:
        return tape
    *before, last = tape.chunks
    opened = replace(last, ends=tuple(end for end in last.ends if end < len(last.data)))
    return replace(tape, chunks=(*before, opened))


def _framed(tape: Tape) -> Tape:
    has_length = any(name.lower() == "content-length" for name, _ in tape.headers)
    return tape if has_length else in_chunks(tape)


def _in_gzip(tape: Tape) -> Tape:
    tape = in_chunks(tape)
    headers = (*without(tape.headers, "content-encoding"), ("Content-Encoding", "gzip"))
    return replace(tape, head=replace(tape.head, headers=headers), coded=None)


def _later_end(tape: Tape, seconds: float) -> Tape:
    return replace(tape, ending=replace(tape.ending, at=tape.ending.at + seconds))
