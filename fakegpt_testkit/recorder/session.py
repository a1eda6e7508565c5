"""A cassette while it is in use, as a test sees it: what was asked, played, recorded, and what is left.

Knows no client and changes nothing: the deck decides, the file is saved elsewhere. What looks at streams is
loaded when a test looks at them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from fakegpt_testkit.cassette import Cassette

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.drift import Drift
    from fakegpt_testkit.errors import FakeGptTestkitError
    from fakegpt_testkit.exchange import Interaction
    from fakegpt_testkit.recorder.deck import CassetteDeck
    from fakegpt_testkit.recorder.modes import RecordMode
    from fakegpt_testkit.timeline import Stream
    from fakegpt_testkit.wire.deck import Pace


class Session:
    """What ``use_cassette`` gives to its block. It stays as it was at the block's end."""

    def __init__(self, deck: CassetteDeck) -> None:
        self._deck = deck
        self._drift: Drift | None = None
        self._left_open: tuple[str, ...] | None = None

    @property
    def path(self) -> str:
        """The cassette's path, as a person would write it."""
        return self._deck.path

    @property
    def record_mode(self) -> RecordMode:
        """The mode in use."""
        return self._deck.mode

    @property
    def pace(self) -> Pace:
        """The pace at which answers play."""
        return self._deck.pace

    @property
    def plays(self) -> bool:
        """Whether recorded answers are played."""
        return self._deck.allowed.plays

    @property
    def records(self) -> bool:
        """Whether a request without a recorded answer goes to the live service."""
        return self._deck.allowed.records

    @property
    def verifies(self) -> bool:
        """Whether what the live service says is compared with the cassette, and not kept."""
        return self._deck.allowed.verifies

    @property
    def interactions(self) -> tuple[Interaction, ...]:
        """What was loaded and what was recorded since, in the order it was asked."""
        return (*self._deck.old, *self.recorded)

    @property
    def loaded(self) -> Cassette:
        """What lay in the file when it was opened."""
        return Cassette(self._deck.loaded, self.path)

    @property
    def recorded(self) -> tuple[Interaction, ...]:
        """What was recorded while the cassette was in use; nothing where it is verified."""
        return () if self.verifies else self._deck.recordings.interactions

    @property
    def lost(self) -> tuple[tuple[str, Exception], ...]:
        """The requests that could not be recorded, with the reason."""
        return self._deck.recordings.lost

    @property
    def exchanged(self) -> tuple[Interaction, ...]:
        """What this use of the cassette saw, played, recorded or verified, in the order it was asked."""
        by_number = {number: self._deck.old[index] for number, index in self._deck.selection.given.items()}
        by_number |= self._deck.recordings.by_number
        return tuple(by_number[number] for number in sorted(by_number))

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The event streams that were played or recorded, in the order they were asked, and what the client read.

        What is played is there as the effects left it, also where they made something else of an event stream.
        """
        from fakegpt_testkit.dialects import is_stream
        from fakegpt_testkit.timeline import Stream

        by_number = {
            number: Stream(changed, self._deck.players.get(number))
            for number, (index, changed) in self._deck.selection.changed.items()
            if is_stream(self._deck.old[index].response) or is_stream(changed.response)
        }
        by_number |= {
            number: Stream(each) for number, each in self._deck.recordings.by_number.items() if is_stream(each.response)
        }
        return tuple(by_number[number] for number in sorted(by_number))

    @property
    def drift(self) -> Drift | None:
        """What the live service said otherwise than the cassette, so far; None where nothing is verified."""
        if not self.verifies:
            return None
        if self._drift is not None:
            return self._drift
        from fakegpt_testkit.recorder.drift import find_drift

        deck = self._deck
        new = deck.recordings.interactions
        return find_drift(deck.path, deck.old, new, deck.selection.rules, deck.redactor, deck.command)

    @property
    def played(self) -> tuple[Interaction, ...]:
        """The loaded interactions that were handed out at least once."""
        return tuple(each for each, plays in zip(self._deck.old, self._deck.selection.plays, strict=True) if plays)

    @property
    def unplayed(self) -> tuple[Interaction, ...]:
        """The loaded interactions that were never handed out, nor kept back by a fault."""
        return tuple(self._deck.old[number - 1] for number in self.unplayed_numbers)

    @property
    def unplayed_numbers(self) -> tuple[int, ...]:
        """The numbers of these in the cassette, from 1."""
        given = {index for index, _ in self._deck.selection.changed.values()}
        return tuple(index + 1 for index in range(len(self._deck.old)) if index not in given)

    @property
    def refused(self) -> tuple[FakeGptTestkitError, ...]:
        """Why requests were neither answered nor let out, in the order they were asked, whatever the client made of it.

        Each is a ``RequestNotRecorded``, ``RequestPlayedOut`` or ``CassetteMissing``; a client that asks again is
        refused again.
        """
        return tuple(self._deck.refused)

    @property
    def passed(self) -> int:
        """How many requests were no part of the recording: to servers of this process, and to hosts that pass."""
        return self._deck.passing.count

    @property
    def left_open(self) -> tuple[str, ...]:
        """The requests whose answers are neither at their end nor let go of by the client; later, those at the end."""
        return self._left_open if self._left_open is not None else self._deck.left_open

    @property
    def unapplied(self) -> tuple[tuple[str, str], ...]:
        """The faults that changed no answer so far, each with the reason; except those of ``faults.everywhere``."""
        return self._deck.selection.unapplied

    def describe(self, width: int = 200) -> str:
        """The streams' texts, last events and endings for the report of a failed test, redacted, in lines so long."""
        from fakegpt_testkit.timeline import describe

        self._deck.selection.read_on()
        lines = []
        for each in self.streams:
            shown = self._deck.redactor.interaction(each.interaction)
            lines.append(describe(replace(each, interaction=shown, reading=None), width))
            if each.reading is not None:
                left = ", and closed early" if each.closed_early else ""
                lines.append(f"  client read {each.read} of {len(each.interaction.response.body)} bytes{left}")
        return "\n".join(lines)

    @property
    def redacted(self) -> dict[str, int]:
        """How many words stand where secrets were, by name, in what this use played and, once it is saved, recorded."""
        from fakegpt_testkit.recorder.redacted import redacted_words

        played = (self._deck.old[index] for index in self._deck.selection.given.values())
        found = redacted_words(played)
        return dict(sorted((Counter(found) + Counter(self._deck.redacted)).items())) if self._deck.redacted else found

    @property
    def redacted_places(self) -> tuple[str, ...]:
        """Where redaction changed the text of an answer that was played: what the service said there was another."""
        from fakegpt_testkit.recorder.changes import redacted_places

        return tuple(redacted_places(self.exchanged))

    def eraser(self) -> Callable[[str], str]:
        """What takes out of a text the secrets that this use of the cassette has met."""
        self._deck.selection.read_on()
        return self._deck.redactor.known_out

    def close(self) -> None:
        """Take what still runs as it is now: nobody listens to it any more."""
        self._left_open = self._deck.left_open
        self._deck.recordings.stop()
        self._drift = self.drift

    def __repr__(self) -> str:
        return (
            f"<Session {self.path} {self.record_mode.value}: {len(self._deck.old)} loaded, {len(self.played)} played, "
            f"{len(self.recorded)} recorded>"
        )
