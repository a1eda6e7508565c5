"""One cassette in use: which interaction answers which request, and what is recorded, in the order it was asked.

Knows no files: what lies on the disk comes in as a cassette, and what is to be saved goes out as one.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.effects import is_scripted
from fakegpt_testkit.errors import CassetteMissing
from fakegpt_testkit.exchange import Head, Request, Tape
from fakegpt_testkit.matching import FAKEGPT_VOLATILE, Rules, matches, not_recorded
from fakegpt_testkit.recorder.drift import find_drift
from fakegpt_testkit.recorder.injection import Changes, endpoint_of
from fakegpt_testkit.recorder.modes import RecordMode, rules_of
from fakegpt_testkit.recorder.origins import canonical_request, origin_of
from fakegpt_testkit.recorder.recording import Recording
from fakegpt_testkit.redaction import PLACEHOLDER, Redaction, Redactor
from fakegpt_testkit.streams import Stream, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fakegpt_testkit.clients.aiohttp import Player, Take
    from fakegpt_testkit.drift import Drift
    from fakegpt_testkit.exchange import Ending, Interaction
    from fakegpt_testkit.recorder.recording import Log
    from fakegpt_testkit.recorder.settings import Advice, Settings


class Session:
    """A cassette while it is in use; the deck that the seam asks.

    ``old`` is what was loaded, None when there is no file; ``advice`` is for errors; ``open_log`` is called when the
    first recording begins.
    """

    def __init__(
        self,
        path: str,
        old: Cassette | None,
        mode: RecordMode,
        settings: Settings,
        advice: Advice,
        open_log: Callable[[], Log],
    ) -> None:
        self.path = path
        self.record_mode = mode
        self.pace = settings.pace
        self._missing = old is None
        self._allowed = rules_of(mode, missing=self._missing)
        self._old = old.interactions if old is not None else ()
        self._rules = rules = Rules(tuple(settings.match_on), (*FAKEGPT_VOLATILE, *settings.ignore))
        self._any_body = replace(rules, match_on=tuple(each for each in rules.match_on if each != "body"))
        self._repeats = settings.allow_playback_repeats
        self._changes = Changes(settings.faults, settings.recut)
        self._origins = settings.origins or {}
        self._redactor = redactor = Redactor(settings.redaction or Redaction())
        self._advice = advice
        self._unread: list[Request] = []
        if self.records and not self.verifies:
            for each in self._old:
                redactor.response(each.response)  # the words that stand in for its secrets are taken
        self._plays = [0] * len(self._old)
        self._given: dict[int, int] = {}
        self._faulty: set[int] = set()
        self._changed: dict[int, tuple[int, Interaction]] = {}
        self._players: dict[int, Player] = {}
        self._takes: dict[int, Recording] = {}
        self._open_log = open_log
        self._log: Log | None = None
        self._asked = 0
        self._drift: Drift | None = None

    # What a test sees.

    @property
    def interactions(self) -> tuple[Interaction, ...]:
        """What was loaded and what was recorded since, in the order it was asked."""
        return (*self._old, *self.recorded)

    @property
    def loaded(self) -> Cassette:
        """What lay in the file when it was opened."""
        return Cassette(self._old, self.path)

    @property
    def recorded(self) -> tuple[Interaction, ...]:
        """What was recorded while the cassette was in use; nothing where it is verified."""
        return () if self.verifies else self._taken

    @property
    def _taken(self) -> tuple[Interaction, ...]:
        takes = (self._takes[number] for number in sorted(self._takes))
        return tuple(take.interaction for take in takes if take.interaction is not None)

    @property
    def lost(self) -> tuple[tuple[str, Exception], ...]:
        """The requests that could not be recorded, with the reason."""
        takes = (self._takes[number] for number in sorted(self._takes))
        return tuple(take.lost for take in takes if take.lost is not None)

    @property
    def exchanged(self) -> tuple[Interaction, ...]:
        """What this use of the cassette saw, played, recorded or verified, in the order it was asked."""
        by_number = {number: self._old[index] for number, index in self._given.items()}
        by_number |= {number: take.interaction for number, take in self._takes.items() if take.interaction is not None}
        return tuple(by_number[number] for number in sorted(by_number))

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The event streams that were played or recorded, in the order they were asked, and what the client read.

        What is played is there as the effects left it, also where they made something else of an event stream.
        """
        by_number = {
            number: Stream(changed, self._players.get(number))
            for number, (index, changed) in self._changed.items()
            if self._old[index].response.is_event_stream or changed.response.is_event_stream
        }
        by_number |= {
            number: Stream(take.interaction)
            for number, take in self._takes.items()
            if take.interaction is not None and take.interaction.response.is_event_stream
        }
        return tuple(by_number[number] for number in sorted(by_number))

    @property
    def drift(self) -> Drift | None:
        """What the live service said otherwise than the cassette, so far; None where nothing is verified."""
        if not self.verifies:
            return None
        if self._drift is not None:
            return self._drift
        return find_drift(self.path, self._old, self._taken, self._rules, self._redactor, self._command)

    @property
    def _command(self) -> str:
        again = RecordMode.ALL if self.record_mode is RecordMode.VERIFY else RecordMode.NEW_EPISODES
        return self._advice.record(again.value)

    def describe(self) -> str:
        """The streams' last events and endings for the report of a failed test, redacted."""
        self._read_on()
        lines = []
        for each in self.streams:
            lines.append(describe(Stream(self._redactor.interaction(each.interaction))))
            if each.reading is not None:
                left = ", and closed early" if each.closed_early else ""
                lines.append(f"  client read {each.read} of {len(each.interaction.response.body)} bytes{left}")
        return "\n".join(lines)

    @property
    def played(self) -> tuple[Interaction, ...]:
        """The loaded interactions that were handed out at least once."""
        return tuple(each for each, plays in zip(self._old, self._plays, strict=True) if plays)

    @property
    def unplayed(self) -> tuple[Interaction, ...]:
        """The loaded interactions that were never handed out, nor kept back by a fault."""
        return tuple(self._old[number - 1] for number in self.unplayed_numbers)

    @property
    def unplayed_numbers(self) -> tuple[int, ...]:
        """The numbers of these in the cassette, from 1."""
        given = {index for index, _ in self._changed.values()}
        return tuple(index + 1 for index in range(len(self._old)) if index not in given)

    @property
    def unapplied(self) -> tuple[tuple[str, str], ...]:
        """The faults that changed no answer so far, each with the reason; but for those of ``faults.everywhere``."""
        return self._changes.unapplied

    def __repr__(self) -> str:
        return (
            f"<Session {self.path} {self.record_mode.value}: {len(self._old)} loaded, {len(self.played)} played, "
            f"{len(self.recorded)} recorded>"
        )

    # What the seam asks.

    @property
    def plays(self) -> bool:
        """See ``Deck``."""
        return self._allowed.plays

    @property
    def records(self) -> bool:
        """See ``Deck``."""
        return self._allowed.records

    @property
    def verifies(self) -> bool:
        """Whether what the live service says is compared with the cassette, and not kept."""
        return self._allowed.verifies

    def unreachable(self, uri: str, failure: Exception) -> None:
        """See ``Deck``."""
        if self.verifies:
            failure.add_note(
                f"{origin_of(uri)} could not be reached, so {self.path} could not be verified\n"
                f"  to verify it against another URL: {self._advice.elsewhere}"
            )
            return
        kept = f"{self.path} was not written" if self._missing else f"{self.path} is unchanged"
        failure.add_note(
            f"{origin_of(uri)} could not be reached, so nothing of this request was recorded; {kept}\n"
            f"  to record from another URL: {self._advice.elsewhere}"
        )

    def ask(self) -> int:
        """See ``Deck``."""
        self._asked += 1
        return self._asked - 1

    def refuse(self, number: int, method: str, uri: str) -> Ending | None:
        """See ``Deck``. What was asked is not known yet: it is taken for the endpoint's next interaction."""
        if not self._changes:
            return None
        endpoint = endpoint_of(canonical_request(Request(method, uri), self._origins)[0])
        index = self._next(lambda each: endpoint_of(self._wanted[each]) == endpoint)
        ending = None if index is None else self._changes.refuse(self._old[index], index)
        if index is not None and ending is not None:
            self._changed[number] = index, replace(self._old[index], response=Tape(Head(0), (), ending))
        return ending

    def play(self, number: int, request: Request) -> Tape | None:
        """See ``Deck``. Equal requests are answered in the order they were recorded.

        Once a request has gone live, so does each whose recorded answer gives out a credential: what stands for it in
        the cassette opens no live service.
        """
        asked = canonical_request(request, self._origins)[0]
        index = self._answer(asked, [each.request for each in self._old]) if self._compares_unread else None
        if index is not None:
            self._unread.append(asked)
        else:
            self._read_on()
            asked = self._redactor.request(asked)
            index = self._answer(asked, self._wanted)
        if index is None:
            if self.records:
                return None
            raise self._refusal(asked)
        tape, faulty = self._changes.change(self._old[index], index)
        self._plays[index] += 1
        self._given[number] = index
        (self._faulty.add if faulty else self._faulty.discard)(index)
        self._changed[number] = index, replace(self._old[index], response=tape)
        return tape

    @property
    def _compares_unread(self) -> bool:
        """Whether a request may be compared before its secrets are taken out, which costs more than all the rest.

        What is equal then is equal without them too. A suite's own matchers see no secret, and a recording keeps none.
        """
        return not self.records and all(isinstance(each, str) for each in self._rules.match_on)

    def _read_on(self) -> None:
        """Learn the secrets of the requests that were answered as they were."""
        for each in self._unread:
            self._redactor.request(each)
        self._unread.clear()

    @cached_property
    def _wanted(self) -> list[Request]:
        """The recorded requests without their secrets: another cassette's raw key and the asked one are one word."""
        stored = Redactor(self._redactor.settings)
        return [stored.request(each.request) for each in self._old]

    def _answer(self, asked: Request, wanted: Sequence[Request]) -> int | None:
        def answers(index: int) -> bool:
            went_live = bool(self._takes)
            return matches(asked, wanted[index], self._rules_for(index)) and not (
                went_live and holds_placeholder(self._old[index].response)
            )

        return self._next(answers)

    def _next(self, answers: Callable[[int], bool]) -> int | None:
        """Which of those that answer: the first that did not play yet, one that a fault spoilt, the last again.

        A client that asks again after a fault gets what it did not get whole.
        """
        indices = range(len(self._old))
        unplayed = (each for each in indices if not self._plays[each] and answers(each))
        spoilt = (each for each in indices if each in self._faulty and answers(each))
        again = (each for each in reversed(indices) if self._repeats and answers(each))
        return next(chain(unplayed, spoilt, again), None)

    def _rules_for(self, index: int) -> Rules:
        return self._any_body if is_scripted(self._old[index]) else self._rules

    def _refusal(self, asked: Request) -> Exception:
        if self._missing:
            return CassetteMissing(self.path, f"{asked.method} {asked.uri}", self._command)
        played = [plays > 0 for plays in self._plays]
        rules = self._any_body if self._old and all(map(is_scripted, self._old)) else self._rules
        return not_recorded(asked, self._wanted, played, rules, cassette=self.path, command=self._command)

    def take(self, number: int) -> Take:
        """See ``Deck``."""
        if self._log is None:
            self._log = self._open_log()
        take = self._takes[number] = Recording(number, self._origins, self._redactor, self._log)
        return take

    def follow(self, number: int, player: Player) -> None:
        """See ``Deck``."""
        self._players[number] = player

    def name(self, number: int) -> str:
        """See ``Deck``."""
        return f"interaction {self._given[number] + 1} of {self.path}"

    # What is left at the end.

    def stop(self) -> None:
        """Take what still runs as it is now: nobody listens to it any more."""
        for take in self._takes.values():
            take.stop()
        self._drift = self.drift

    def cassette(self) -> Cassette:
        """What the file is to hold, redacted."""
        for each in self.recorded:
            self._redactor.interaction(each)  # what a later one tells to be a secret may stand in an earlier one
        recorded = tuple(self._redactor.interaction(each) for each in self.recorded)
        match self.record_mode:
            case RecordMode.REWRITE:
                kept: Sequence[Interaction] = ()
            case RecordMode.ALL:
                kept = [
                    each
                    for each, wanted in zip(self._old, self._wanted, strict=True)
                    if not any(matches(new.request, wanted, self._rules) for new in recorded)
                ]
            case _:
                kept = self._old
        return Cassette((*kept, *recorded), self.path)


def holds_placeholder(tape: Tape) -> bool:
    """Whether the answer gives out what was redacted: a token, a cookie."""
    texts = (*(value for _, value in tape.headers), tape.body.decode("latin-1"))
    return any(PLACEHOLDER.search(text) for text in texts)
