"""What happened on a stream, to be looked at: its events, its times, how it ended, and what the client read of it.

Knows no player and no clock: a recorded or played interaction comes in as a value, a client's progress as a `Playback`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from fakegpt_testkit.dialects import (
    UNKNOWN,
    Answer,
    failure_in,
    failure_of_body,
    hear,
    read_deltas,
    read_events,
    unwrapped,
)
from fakegpt_testkit.dialects.json_values import obj, parsed
from fakegpt_testkit.exchange import EndingKind
from fakegpt_testkit.framing import split
from fakegpt_testkit.timeline.moments import tell_outside
from fakegpt_testkit.wording import shortened

if TYPE_CHECKING:
    from fakegpt_testkit import dialects
    from fakegpt_testkit.dialects import Choice, EventKind, Heard, ToolCall, Usage
    from fakegpt_testkit.errors import EventTooLarge
    from fakegpt_testkit.exchange import Chunk, Ending, Interaction
    from fakegpt_testkit.framing import Framing
    from fakegpt_testkit.sse import Event
    from fakegpt_testkit.wire.deck import Playback

_SHOWN_EVENTS = 5
_SHOWN_TEXT = 40
_SHOWN_DATA = 200
_ERRORS = 400  # the statuses from here on


@dataclass(frozen=True)
class Stream:
    """One answer: what was sent, and how far the client came with it.

    ``interaction`` holds what was played, effects included, or what was recorded. ``reading`` is the client's progress;
    None where nobody saw it.
    """

    interaction: Interaction
    reading: Playback | None = field(default=None, compare=False)

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """The arrivals of the body, each with its time in seconds since the request was sent."""
        return self.interaction.response.chunks

    @property
    def ending(self) -> Ending:
        """How and when the response ended."""
        return self.interaction.response.ending

    @cached_property
    def framing(self) -> Framing | None:
        """How the body is cut into events, by its bytes; None for an answer that has none."""
        return None if self._heard.frames is None else self._heard.frames.framing

    @property
    def dialect(self) -> str:
        """Whose events these are: as named, by the first that shows it, by the request's path, else ``unknown``."""
        return self._heard.dialect.name

    @property
    def events(self) -> tuple[Event, ...]:
        """Every event of the stream, in order."""
        frames = self._heard.frames
        return () if frames is None else frames.events

    @cached_property
    def event_times(self) -> tuple[float, ...]:
        """When each event was complete, in seconds since the request was sent."""
        frames = self._heard.frames
        return () if frames is None else tuple(self.chunks[number].at for number in frames.completed)

    @property
    def choices(self) -> tuple[Choice, ...]:
        """Every alternative of the answer, by its number; most answers have only one."""
        return self._answer.choices

    @property
    def text(self) -> str:
        """What the answer says to the user, as far as it came."""
        return self._answer.choices[0].text

    @property
    def deltas(self) -> tuple[str, ...]:
        """The pieces that the answer's text grew by."""
        return self._answer.choices[0].deltas

    @property
    def reasoning(self) -> str:
        """The model's thinking, or the summary of it, as far as the service shows it."""
        return self._answer.choices[0].reasoning

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls that the model made: name, arguments as JSON text, id."""
        return self._answer.choices[0].tool_calls

    @property
    def refusal(self) -> str:
        """The words of a refusal, where the provider keeps them apart from the text."""
        return self._answer.choices[0].refusal

    @property
    def finish_reason(self) -> str | None:
        """Why the answer is complete, in the provider's own word; None where it did not say."""
        return self._answer.choices[0].finish_reason

    @property
    def usage(self) -> Usage | None:
        """The tokens of the input and the output, as the provider counts them; None where it did not say."""
        return self._answer.usage

    @property
    def error(self) -> dialects.Failure | None:
        """The error that the service reported, within the stream or with its status; None where it reported none."""
        return self._answer.error

    @property
    def order(self) -> tuple[EventKind, ...]:
        """What each event is: ``("text", "text", "end", "done")``."""
        return self._answer.order

    @cached_property
    def time_to_first_event(self) -> float | None:
        """Seconds from the request to the first event; None when there was none."""
        return self.event_times[0] if self.event_times else None

    @cached_property
    def gaps(self) -> tuple[float, ...]:
        """Seconds between each two arrivals of the body."""
        return tuple(later.at - earlier.at for earlier, later in pairwise(self.chunks))

    @property
    def longest_gap(self) -> float:
        """The longest time between two arrivals; 0 when there are fewer."""
        return max(self.gaps, default=0.0)

    @property
    def ended_properly(self) -> bool:
        """Whether the answer came to its dialect's own end, after which its client may leave, and reported no error."""
        whole = self.ending.kind is EndingKind.COMPLETE
        if self.framing is None:
            return whole
        if self.error is not None:
            return False
        if self._answer.ended_at is not None:
            return whole or self.ending.kind is EndingKind.ABANDONED
        dialect = self._heard.dialect
        return whole and (dialect is UNKNOWN or (dialect.finish_is_end and self.finish_reason is not None))

    @property
    def read(self) -> int | None:
        """How many bytes of the body the client took; None where nobody saw it."""
        return None if self.reading is None else self.reading.read

    @property
    def closed_early(self) -> bool:
        """Whether the client closed the connection before everything was played."""
        return self.reading is not None and self.reading.left_early

    @property
    def stopped_at_end_mark(self) -> bool:
        """Whether the client read as far as the end mark, and nothing that arrived after it."""
        if self.reading is None or self._end_mark is None:
            return False
        line, event = self._end_mark
        arrivals = accumulate(len(chunk.data) for chunk in self.chunks)
        return line <= self.reading.read <= next(end for end in arrivals if end >= event)

    def has_in_order(self, *words: str) -> bool:
        """Whether events with these words in their data come in this order, others between them or not."""
        data = map(unwrapped, self.events)
        return all(any(word in event.data for event in data) for word in words)

    def __repr__(self) -> str:
        request, tape = self.interaction.request, self.interaction.response
        if self._too_large is not None:
            return f"<Stream {request.method} {request.uri} → {tape.status}: {self._too_large}>"
        text = shortened(self.text, _SHOWN_TEXT)
        read = "" if self.reading is None else f", client read {self.reading.read} of {len(tape.body)} bytes"
        early = " and closed early" if self.closed_early else ""
        answer = f"{request.method} {request.uri} → {tape.status or 'no answer'}"
        ended = f"{self.ending} after {self.ending.at:.3f} s"
        return f"<Stream {answer}: {len(self.events)} events, text {text!r}, {ended}{read}{early}>"

    @property
    def _too_large(self) -> EventTooLarge | None:
        """Why there is no more to be had than what was asked: an event is larger than the parser takes."""
        frames = self._listened.frames
        return None if frames is None else frames.too_large

    @cached_property
    def _listened(self) -> Heard:
        return hear(self.interaction)

    @property
    def _heard(self) -> Heard:
        if self._too_large is not None:
            raise self._too_large
        return self._listened

    @cached_property
    def _answer(self) -> Answer:
        frames, dialect = self._heard.frames, self._heard.dialect
        if frames is not None:
            return read_events(frames.events, dialect, frames.stray)
        said = obj(parsed(_plain(self.interaction.response.body)))
        deltas = dialect.body(said)
        if deltas is not None:
            return read_deltas(deltas)
        if self.interaction.response.status < _ERRORS:
            return Answer()
        if dialect is UNKNOWN:  # nobody knows where it has its words, but in the shapes that all errors have
            return Answer(error=failure_in(said))
        return Answer(error=failure_of_body(_plain(self.interaction.response.body)))

    @cached_property
    def _end_mark(self) -> tuple[int, int] | None:
        """Where the end mark's line ends in the body, for clients that read lines, and its event; None without one."""
        number = self._answer.ended_at
        if number is None or self.framing is None:
            return None
        pieces = split(self.interaction.response.body, self.framing)[: number + 1]
        end = sum(map(len, pieces))
        return end - len(pieces[-1]) + len(pieces[-1].rstrip(b"\r\n")), end


def _plain(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def describe(stream: Stream, width: int = _SHOWN_DATA) -> str:
    """The stream's text, its last events and its ending, for the report of a failed test. Not redacted.

    No line of it is longer than ``width`` but the first, which says what was asked.
    """
    lines = [repr(stream)]
    if stream._too_large is not None:
        return lines[0]
    if stream.text:
        lines.append(f"  text: {shortened(stream.text, max(width - 11, _SHOWN_TEXT))!r}")
    first = max(0, len(stream.events) - _SHOWN_EVENTS)
    if first:
        lines.append(f"  … {first} events before")
    shown = zip(stream.event_times[first:], stream.events[first:], strict=True)
    for number, (at, raw) in enumerate(shown, first + 1):
        event = unwrapped(raw)
        kind = "" if event.event == "message" else f"{event.event}: "
        said = f"  event {number} at {at:.3f} s: {kind}"
        lines.append(said + shortened(event.data, max(width - len(said) - 1, _SHOWN_TEXT)))
    frames = stream._heard.frames
    outside = () if frames is None else tell_outside(stream.interaction.response, frames)
    lines += [f"  outside the events: {shortened(each, max(width - 23, _SHOWN_TEXT))}" for each in outside]
    lines.append(f"  ended: {stream.ending} after {stream.ending.at:.3f} s")
    return "\n".join(lines)
