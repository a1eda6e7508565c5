"""The deck over one cassette: each request is answered from it, recorded into it, or refused.

Knows no client and no file; it keeps what a session shows and what is saved.
"""

from __future__ import annotations

import os
from copy import copy
from functools import partial
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING

from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.errors import CannotBeReplayed, CassetteMissing, FakeGptTestkitError, RequestStopped
from fakegpt_testkit.exchange import Request, header
from fakegpt_testkit.matching import matches
from fakegpt_testkit.recorder.forks import Forks
from fakegpt_testkit.recorder.injection import Injection
from fakegpt_testkit.recorder.modes import RecordMode, rules_of
from fakegpt_testkit.recorder.noting import Notes
from fakegpt_testkit.recorder.origins import canonical_request, origin_of
from fakegpt_testkit.recorder.passing import Passing
from fakegpt_testkit.recorder.recording import Recordings
from fakegpt_testkit.recorder.redacted import redacted_words
from fakegpt_testkit.recorder.room import Room
from fakegpt_testkit.recorder.selection import Selection, not_connected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fakegpt_testkit.exchange import Ending, Interaction, Tape
    from fakegpt_testkit.recorder.noting import Log
    from fakegpt_testkit.recorder.settings import Advice, Settings
    from fakegpt_testkit.redaction import Redaction, Redactor
    from fakegpt_testkit.wire.deck import ExchangeSink, OngoingPlayback


class _LateRedactor:
    """Makes a redactor for the environment of now, before the test changes it, when somebody first asks for it.

    Where all is played, nobody does: nothing is kept or shown.
    """

    def __init__(self, redaction: Redaction | None) -> None:
        self._redaction = redaction
        self._environment = dict(os.environ)
        self._made: Redactor | None = None
        self._lock = Lock()

    def __call__(self) -> Redactor:
        with self._lock:
            if self._made is None:
                from fakegpt_testkit.redaction import Redactor

                self._made = Redactor(self._redaction, self._environment)
            return self._made


class CassetteDeck:
    """A ``Deck`` over what was loaded, ``old``, which is None when there is no file.

    ``loaded`` is as the file has it, ``old`` in the dialect that the settings name. ``advice`` is for
    errors; ``open_log`` is called when the first recording begins.
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
        self.mode = mode
        self.pace = settings.pace
        self.missing = old is None
        self.allowed = rules_of(mode, missing=self.missing)
        self.loaded = old.interactions if old is not None else ()
        self.old = tuple(each.in_dialect(settings.dialect) for each in self.loaded)
        self.origins = settings.origins or {}
        self._redact = redact = _LateRedactor(settings.redaction)
        if settings.redaction is not None:
            self._redact()  # calls the functions of a suite's own when the block begins
        self._saving: Redactor | None = None
        """Numbers the secrets of what is saved anew, after those whose words stand in the file already."""
        if self.records and not self.allowed.verifies and self.old:
            redactor = self._redact()
            for each in self.old:
                redactor.response(each.response)  # from now on the words that stand there are taken
            self._saving = redactor.apart()
        self.recordings = Recordings(
            self.origins,
            lambda lose: Notes(redact(), open_log, lose),
            partial(Room, path, () if mode in {RecordMode.REWRITE, RecordMode.ALL} else self.old),
            reads_on=settings.after_leaving == "read",
            dialect=settings.dialect,
            forks=Forks() if self.records else None,
        )
        recordings = self.recordings  # and not self, so that a deck which nobody holds is freed at once

        def informed() -> Redactor:
            recordings.note()
            return redact()

        self._informed = informed
        self.selection = Selection(self.old, settings, Injection(settings.faults, settings.recut), informed)
        self.passing = Passing(settings.passthrough)
        self.players: dict[int, OngoingPlayback] = {}
        self.redacted: dict[str, int] = {}
        """How many words stand in what was saved, by name."""
        self.refused: list[FakeGptTestkitError] = []
        self._advice = advice
        self._numbers = count()
        self._counting = Lock()  # without a GIL a count may give a number twice

    @property
    def redactor(self) -> Redactor:
        """What takes the secrets out of all that is kept or shown; it has met all that has come."""
        return self._informed()

    def without_secrets(self, interactions: Iterable[Interaction]) -> tuple[Interaction, ...]:
        """What is to be saved; see ``Redactor.interactions``.

        Its secrets are numbered in the order in which they stand there, and not in that in which they were met: of a
        stream that may be another each time, since pieces that come shortly after each other are read together.
        """
        met = self._redact()
        self._saving = self._saving or met.anew()
        return self._saving.interactions(interactions, self.path, met)

    @property
    def plays(self) -> bool:
        return self.allowed.plays

    @property
    def records(self) -> bool:
        return self.allowed.records

    @property
    def command(self) -> str:
        """What to type to record what is missing, or to record again what has drifted."""
        if self.mode is RecordMode.VERIFY:
            return self._advice.record(RecordMode.ALL.value)
        return self._advice.record((RecordMode.ONCE if self.missing else RecordMode.NEW_EPISODES).value)

    def passes(self, uri: str, *, asks: bool) -> bool:
        found = self.passing.passes(uri)
        self.passing.count += found and asks
        return found

    def unreachable(self, number: int, method: str, uri: str, why: Ending | None, failure: BaseException) -> None:
        nobody = f"{origin_of(uri)} could not be reached"
        if self.allowed.verifies:
            said = f"{nobody}, so {self.path} could not be verified\n  to verify it against another URL"
        elif why is None:
            said = f"{nobody}, so nothing of this request was recorded\n  to record from another URL"
        else:
            self.recordings.begin(number).unconnected(Request(method, uri), why)
            said = f"{nobody}; {self.path} keeps that, unless what asked fails\n  to record from another URL"
        failure.add_note(f"{said}: {self._advice.elsewhere}")

    def stopped(self, client: str, method: str, uri: str) -> Exception:
        shown = self.redactor.request(Request(method, uri))
        self.refused.append(RequestStopped(self.path, client, shown.method, shown.uri))
        return self.refused[-1]

    def ask(self) -> int:
        with self._counting:
            return next(self._numbers)

    def refuse(self, number: int, method: str, uri: str) -> Ending | None:
        return self.selection.refuse(number, canonical_request(Request(method, uri), self.origins)[0])

    def play(self, number: int, request: Request) -> Tape | None:
        try:
            return self._play(number, canonical_request(request, self.origins)[0])
        except FakeGptTestkitError as refusal:
            # Many programs swallow what their client raises, and ask again. A copy holds no frame of the client's.
            self.refused.append(copy(refusal))
            raise

    def _play(self, number: int, asked: Request) -> Tape | None:
        tape = self.selection.choose(number, asked, records=self.records, went_live=bool(self.recordings))
        if tape is not None or self.records:
            return tape
        shown = self.redactor.request(asked)
        if (protocol := header(asked.headers, "Upgrade")) is not None:
            raise CannotBeReplayed(shown.method, shown.uri, protocol)
        if self.missing:
            raise CassetteMissing(self.path, f"{shown.method} {shown.uri}", self.command)
        raise self.selection.explain(asked, self.path, self.command)

    def answers_early(self, request: Request) -> bool:
        return self.selection.answers_early(canonical_request(request, self.origins)[0])

    def record(self, number: int) -> ExchangeSink:
        return self.recordings.begin(number)

    def follow(self, number: int, playback: OngoingPlayback) -> None:
        self.players[number] = playback

    @property
    def left_open(self) -> tuple[str, ...]:
        """The requests whose answers are neither at their end nor let go of, in the order they were asked."""
        playing = {
            number: self.old[self.selection.given[number]].request.title
            for number, each in self.players.items()
            if each.is_open and number in self.selection.given
        }
        titles = playing | self.recordings.left_open
        return tuple(titles[number] for number in sorted(titles))

    def name(self, number: int) -> str:
        return f"interaction {self.selection.given[number] + 1} of {self.path}"


def to_save(deck: CassetteDeck) -> Cassette:
    """What the file is to hold, redacted: what was recorded, and what the mode keeps of what was there."""
    recorded = deck.without_secrets(deck.recordings.interactions)
    deck.redacted = redacted_words(recorded)
    return Cassette((*_kept(deck, recorded), *recorded), deck.path)


def _kept(deck: CassetteDeck, recorded: Sequence[Interaction]) -> Sequence[Interaction]:
    match deck.mode:
        case RecordMode.REWRITE:
            return ()
        case RecordMode.ALL:
            gone = replaced(deck, recorded)
            return [each for each, old in zip(deck.loaded, deck.old, strict=True) if old not in gone]
    return deck.loaded


def replaced(deck: CassetteDeck, recorded: Sequence[Interaction]) -> list[Interaction]:
    """Those of the cassette whose place new ones take, in the mode that records all anew.

    Of a request that found no connection only the endpoint is known: whoever is there now takes its place.
    """
    if deck.mode is not RecordMode.ALL:
        return []
    there = [each.request for each in recorded if not not_connected(each)]
    return [
        each
        for each, wanted in zip(deck.old, deck.selection.wanted, strict=True)
        if any(matches(new.request, wanted, deck.selection.rules) for new in recorded)
        or (not_connected(each) and any(matches(new, wanted, deck.selection.endpoint) for new in there))
    ]
