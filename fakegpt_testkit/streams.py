"""What happened on a stream, to be looked at: its events, its times, how it ended, and what the client read of it.

Knows no player and no clock: a recorded or played interaction comes in as a value, a client's progress as a `Playback`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Literal

from fakegpt_testkit import sse
from fakegpt_testkit.conversation import AnswerReader, Done, End, Failure, Moderation, NewMessage, Rewrite, Text
from fakegpt_testkit.exchange import EndingKind
from fakegpt_testkit.wording import shortened

if TYPE_CHECKING:
    from fakegpt_testkit.conversation import Delta
    from fakegpt_testkit.exchange import Chunk, Ending, Interaction
    from fakegpt_testkit.sse import Event
    from fakegpt_testkit.wire.deck import Playback

_SHOWN_EVENTS = 5
_SHOWN_TEXT = 40
_SHOWN_DATA = 200


Kind = Literal["text", "rewrite", "message", "end", "moderation", "error", "done", "ping", "other"]
"""What an event is: growth of the answer, a text taken back, a further message, an answer's end, …, the end mark."""

_KINDS: dict[type[Delta], Kind] = {
    Failure: "error",
    Done: "done",
    End: "end",
    Moderation: "moderation",
    Rewrite: "rewrite",
    NewMessage: "message",
    Text: "text",
}
"""The kinds by what an event changed. An event that changed several things is of the first kind here."""


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
    def events(self) -> tuple[Event, ...]:
        """Every event of the stream, in order."""
        return tuple(sse.parse(self.interaction.response.body))

    @cached_property
    def event_times(self) -> tuple[float, ...]:
        """When each event was complete, in seconds since the request was sent."""
        parser = sse.EventStreamParser()
        return tuple(chunk.at for chunk in self.chunks for _ in parser.feed(chunk.data))

    @cached_property
    def text(self) -> str:
        """The answer's text, as far as it came."""
        return self._answer[0]

    @cached_property
    def order(self) -> tuple[Kind, ...]:
        """What each event is: ``("text", "text", "end", "done")``."""
        return self._answer[1]

    @cached_property
    def deltas(self) -> tuple[str, ...]:
        """The pieces that the answer's text grew by."""
        return self._answer[2]

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
        """Whether the response came to its end; an event stream's is the end mark, after which its client may leave."""
        if not self.interaction.response.is_event_stream:
            return self.ending.kind is EndingKind.COMPLETE
        marked = bool(self.events) and self.events[-1].data == "[DONE]"
        return marked and self.ending.kind in {EndingKind.COMPLETE, EndingKind.ABANDONED}

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
        data = iter(self.events)
        return all(any(word in event.data for event in data) for word in words)

    def __repr__(self) -> str:
        request, tape = self.interaction.request, self.interaction.response
        text = shortened(self.text, _SHOWN_TEXT)
        read = "" if self.reading is None else f", client read {self.reading.read} of {len(tape.body)} bytes"
        early = " and closed early" if self.closed_early else ""
        answer = f"{request.method} {request.uri} → {tape.status or 'no answer'}"
        ended = f"{self.ending} after {self.ending.at:.3f} s"
        return f"<Stream {answer}: {len(self.events)} events, text {text!r}, {ended}{read}{early}>"

    @cached_property
    def _answer(self) -> tuple[str, tuple[Kind, ...], tuple[str, ...]]:
        reader = AnswerReader()
        order: list[Kind] = []
        pieces: list[str] = []
        for event in self.events:
            deltas = reader.feed(event)
            pieces += [delta.text for delta in deltas if isinstance(delta, Text)]
            order.append("ping" if event.event == "ping" else _kind(deltas))
        pieces += [delta.text for delta in reader.close() if isinstance(delta, Text)]
        return reader.text, tuple(order), tuple(pieces)

    @cached_property
    def _end_mark(self) -> tuple[int, int] | None:
        """Where the end mark's line ends in the body, for clients that read lines, and its event; None without one."""
        end = 0
        for piece in sse.split(self.interaction.response.body):
            end += len(piece)
            if any(event.data == "[DONE]" for event in sse.parse(piece)):
                return end - len(piece) + len(piece.rstrip(b"\r\n")), end
        return None


def _kind(deltas: list[Delta]) -> Kind:
    changed = {type(delta) for delta in deltas}
    return next((kind for delta, kind in _KINDS.items() if delta in changed), "other")


def describe(stream: Stream) -> str:
    """The stream's last events and its ending, for the report of a failed test. Not redacted."""
    lines = [repr(stream)]
    first = max(0, len(stream.events) - _SHOWN_EVENTS)
    if first:
        lines.append(f"  … {first} events before")
    shown = zip(stream.event_times[first:], stream.events[first:], strict=True)
    for number, (at, event) in enumerate(shown, first + 1):
        data = shortened(event.data, _SHOWN_DATA)
        kind = "" if event.event == "message" else f"{event.event}: "
        lines.append(f"  event {number} at {at:.3f} s: {kind}{data}")
    lines.append(f"  ended: {stream.ending} after {stream.ending.at:.3f} s")
    return "\n".join(lines)
