"""Which recorded interaction answers which request: chosen and marked in one step, whatever threads ask.

Knows no client, no file and no record mode; that requests go live too is handed in.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from itertools import chain
from threading import RLock
from typing import TYPE_CHECKING, Final

from fakegpt_testkit import clock
from fakegpt_testkit.bodies import unpacked
from fakegpt_testkit.effects import answers_any_model, is_scripted
from fakegpt_testkit.exchange import PLACEHOLDER, EndingKind, Head, Request, Tape
from fakegpt_testkit.matching import Likeness, Rules, matches, named_by_vary, not_recorded
from fakegpt_testkit.recorder.index import Candidates, Index, every, unplayed
from fakegpt_testkit.recorder.injection import endpoint_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from fakegpt_testkit.errors import RequestNotRecorded
    from fakegpt_testkit.exchange import Ending, Headers, Interaction
    from fakegpt_testkit.matching import Vary
    from fakegpt_testkit.recorder.injection import Injection
    from fakegpt_testkit.recorder.settings import Matching
    from fakegpt_testkit.redaction import Redactor

_SOON: Final = timedelta(minutes=1)

_MOST: Final = 256
"""So many requests that were answered again are known by themselves."""

_SHORT: Final = 2**16
"""None of them with a longer body than this, in bytes."""


class Selection:
    """Interactions, and which of them were given for which request, by the number of the request.

    ``redactor`` makes one when the first request has to be read without its secrets; ``wanted`` gives the recorded
    ones so, where several share them. A ``steady`` one gives equal requests the same answer, whoever has asked before.
    ``today`` is what dates in answers are moved to.
    """

    def __init__(
        self,
        interactions: Sequence[Interaction],
        matching: Matching,
        changes: Injection,
        redactor: Callable[[], Redactor],
        *,
        steady: bool = False,
        wanted: Callable[[], list[Request]] | None = None,
        today: Callable[[], datetime] = clock.now,
    ) -> None:
        self._read_wanted = wanted
        self.interactions = interactions
        self.rules = Rules(tuple(matching.match_on), (*matching.ignore, *matching.echo))
        self.plays = [0] * len(interactions)
        self.given: dict[int, int] = {}
        self.changed: dict[int, tuple[int, Interaction]] = {}
        self.endpoint = _endpoint(self.rules)
        self._repeats = matching.allow_playback_repeats
        self._steady = steady
        self._echo = tuple(matching.echo)
        self._today = today
        self._moved: dict[int, tuple[datetime, Interaction]] = {}
        self._changes = changes
        self._make_redactor = redactor
        self._spoilt: set[int] = set()
        self._any_unconnected = any(map(not_connected, interactions))
        self._unread: dict[tuple[int, str, Headers], Request] = {}
        self._again: dict[Request, int] = {}
        self._sees_secrets = all(isinstance(each, str) for each in self.rules.match_on)
        self._lock = RLock()

    @property
    def unapplied(self) -> tuple[tuple[str, str], ...]:
        """The faults that changed no answer so far, each with the reason; except those of ``faults.everywhere``."""
        return self._changes.unapplied

    def choose(self, number: int, asked: Request, *, records: bool, went_live: bool) -> Tape | None:
        """The answer to a request, as the effects leave it, marked as given; None where none of them answers.

        Equal requests are answered in the order they were recorded. Once a request ``went_live``, so does each whose
        recorded answer gives out a credential: what stands for it in the cassette opens no live service.
        """
        with self._lock:
            index = self._find(asked, records=records, went_live=went_live)
            if index is None:
                return None
            told = self._told(index, asked)
            tape, faulty = self._changes.change(told, index)
            self.plays[index] += 1
            self.given[number] = index
            if faulty:
                self._spoilt.add(index)
            else:
                self._spoilt.discard(index)
            self.changed[number] = index, told if tape is told.response else replace(told, response=tape)
            return tape

    def _told(self, index: int, asked: Request) -> Interaction:
        """The interaction with its dates moved, and with what it repeats of the request."""
        today = self._on_this_day(index)
        if not self._echo:
            return today
        from fakegpt_testkit.recorder.echo import echoed

        return echoed(today, asked, self._echo)

    def _on_this_day(self, index: int) -> Interaction:
        """The interaction with its dates moved; the same one for a minute."""
        then, now = self.interactions[index].provenance.moment, self._today()
        if then is None or now - then < _SOON:
            return self.interactions[index]
        if index not in self._moved or now - self._moved[index][0] > _SOON:
            from fakegpt_testkit.recorder.days import moved

            self._moved[index] = now, moved(self.interactions[index], now)
        return self._moved[index][1]

    def answers_early(self, asked: Request) -> bool:
        """Whether an answer that began before its request was whole can be given to what came of a request."""
        if not self._are_early:
            return False
        with self._lock:
            index = self._find(asked, records=False, went_live=False)
            return index is not None and self.interactions[index].response.head.early

    def refuse(self, number: int, asked: Request) -> Ending | None:
        """Why the connection fails for a request of which only the endpoint is known; None when it is made.

        What else was asked is not known yet: it is taken for the endpoint's next interaction.
        """
        with self._lock:
            recorded = self._unconnected(number, asked) if self._any_unconnected else None
            index = recorded
            if index is None and self._changes.may_refuse:
                endpoint = endpoint_of(asked)
                index = self._next(lambda each: endpoint_of(self._asked_like(each, asked)) == endpoint, self._all)
            if index is None:
                return None
            ending = self._changes.refuse(self.interactions[index], index)
            if ending is not None:
                self.changed[number] = index, replace(self.interactions[index], response=Tape(Head(0), (), ending))
                if recorded is not None and self.given.get(number) != recorded:
                    self.plays[recorded] += 1
                    self.given[number] = recorded
            return ending

    def _unconnected(self, number: int, asked: Request) -> int | None:
        """The interaction that found no connection, if that is the next one for the URI; a retry's is its request's."""
        if (before := self.given.get(number)) is not None:
            return before if not_connected(self.interactions[before]) else None
        redacted = self._redactor.request(asked)
        index = self._next(lambda each: matches(redacted, self.wanted[each], self.endpoint), self._all)
        return index if index is not None and not_connected(self.interactions[index]) else None

    def _asked_like(self, index: int, asked: Request) -> Request:
        wanted = self.wanted[index]
        return answers_any_model(wanted, asked) if is_scripted(self.interactions[index]) else wanted

    def explain(self, asked: Request, path: str, command: str) -> RequestNotRecorded:
        """Why none of the interactions answers a request."""
        with self._lock:
            self.read_on()
            redacted = self._redactor.request(asked)
            played = [plays > 0 for plays in self.plays]
            scripted = self.interactions and all(map(is_scripted, self.interactions))
            rules = self.endpoint if scripted else self.rules
            found = self._alike.find(redacted)
            equal = sum(self._is_answer(redacted, self.wanted, each, Likeness.ANY) for each in every(found))
            told = {"cassette": path, "command": command}
            missed = not_recorded(redacted, self.wanted, played, rules, self._vary, **told, equal=equal)
            return replace(missed, scripted=True) if scripted else missed

    def read_on(self) -> None:
        """Learn the secrets of the requests that were answered as they were."""
        with self._lock:
            for each in self._unread.values():
                self._redactor.request(each)
            self._unread.clear()

    def forget(self, number: int) -> None:
        """Keep nothing of a request that was answered, so that one can answer for ever. What was played counts on."""
        with self._lock:
            self.given.pop(number, None)
            self.changed.pop(number, None)
            self._unread.clear()
            self._again.clear()
            self._redactor = self._redactor.anew()

    @cached_property
    def _redactor(self) -> Redactor:
        return self._make_redactor()

    @cached_property
    def wanted(self) -> list[Request]:
        """The recorded requests without their secrets: another cassette's raw key and the asked one are one word."""
        if self._read_wanted is not None:
            return self._read_wanted()
        return without_secrets(self.interactions, self._redactor)

    @cached_property
    def _plain(self) -> list[Request]:
        """The recorded requests as they are."""
        return [each.request for each in self.interactions]

    @cached_property
    def _are_early(self) -> bool:
        return any(each.response.head.early for each in self.interactions)

    @cached_property
    def _all(self) -> tuple[Candidates]:
        return (Candidates(range(len(self.interactions))),)

    @cached_property
    def _by_other_rules(self) -> list[int]:
        """What a request's key does not tell: those that answer any prompt, or a part of a request."""
        told = enumerate(self.interactions)
        return [index for index, each in told if each.response.head.early or is_scripted(each)]

    @cached_property
    def _as_they_are(self) -> Index:
        return Index(lambda: self._plain, self.rules, self._by_other_rules)

    @cached_property
    def _redacted(self) -> Index:
        return Index(lambda: self.wanted, self.rules, self._by_other_rules)

    @cached_property
    def _alike(self) -> Index:
        """Where a placeholder stands, other text may stand too: no key tells those."""
        loose = [at for at, each in enumerate(self.wanted) if _has_placeholder(each)]
        return Index(lambda: self.wanted, self.rules, sorted({*self._by_other_rules, *loose}))

    @cached_property
    def _vary(self) -> list[Vary]:
        return [named_by_vary(each.response.headers) for each in self.interactions]

    def _find(self, asked: Request, *, records: bool, went_live: bool) -> int | None:
        """Which interaction answers; first among the requests as they are, since redaction costs more than all else.

        What is equal then is equal without secrets too. A suite's own matchers see no secret, and a recording keeps
        none: there the requests are compared redacted.
        """
        if not records and self._sees_secrets:
            if (known := self._again.get(asked)) is not None and not self._spoilt:
                return known
            index = self._answer(asked, self._plain, went_live=went_live, likeness=Likeness.EXACT)
            if index is not None:
                body = self._plain[index].body  # one for all that are equal: no upload is kept for each request
                kept = replace(asked, body=body) if body == asked.body else asked
                self._unread.setdefault((index, asked.uri, asked.headers), kept)
                if len(self._unread) > _MOST:  # a client whose header is another each time must not grow
                    self.read_on()
                if self.plays[index] and not self._spoilt and len(kept.body) <= _SHORT and len(self._again) < _MOST:
                    self._again[kept] = index  # what was not played yet comes first, and did not answer
                return index
        self.read_on()
        redacted = self._redactor.request(asked)
        found = (self._answer(redacted, self.wanted, went_live=went_live, likeness=each) for each in Likeness)
        return next((index for index in found if index is not None), None)

    def _answer(self, asked: Request, wanted: Sequence[Request], *, went_live: bool, likeness: Likeness) -> int | None:
        def answers(index: int) -> bool:
            if not_connected(self.interactions[index]):
                return False  # ``refuse`` gave it, before the request was written
            if not self._is_answer(asked, wanted, index, likeness):
                return False
            return not (went_live and holds_placeholder(self.interactions[index].response))

        following = next(unplayed(self._all, self.plays), None)
        if following is not None and not self._steady and answers(following):
            return following  # as it was recorded: most suites ask so, and need no index
        exact = self._as_they_are if wanted is self._plain else self._redacted
        return self._next(answers, (exact if likeness is Likeness.EXACT else self._alike).find(asked))

    def _is_answer(self, asked: Request, wanted: Sequence[Request], index: int, likeness: Likeness) -> bool:
        each = self.interactions[index]
        rules = self.endpoint if is_scripted(each) else self.rules
        recorded = answers_any_model(wanted[index], asked) if is_scripted(each) else wanted[index]
        # where the answer came early, the rest of the request made no difference
        heard = replace(asked, body=asked.body[: len(recorded.body)]) if each.response.head.early else asked
        return matches(heard, recorded, rules, self._vary[index], likeness=likeness)

    def _next(self, answers: Callable[[int], bool], groups: Sequence[Candidates]) -> int | None:
        """The first one that answers: of those not played yet, of those that a fault spoilt, of the last ones again.

        A client that asks again after a fault gets what it did not get whole.
        """
        if self._steady:
            return next((each for each in every(groups) if answers(each)), None)
        for each in unplayed(groups, self.plays):
            if answers(each):
                return each
        if not self._spoilt and not self._repeats:
            return None
        indices = [*every(groups)]
        spoilt = (each for each in indices if each in self._spoilt and answers(each))
        again = (each for each in reversed(indices) if self._repeats and answers(each))
        return next(chain(spoilt, again), None)


def _has_placeholder(request: Request) -> bool:
    return any(PLACEHOLDER.search(text) for text in (request.uri, unpacked(request.body).decode("latin-1")))


def without_secrets(interactions: Sequence[Interaction], redactor: Redactor) -> list[Request]:
    """The recorded requests as one that has met none of them yet reads them."""
    stored = redactor.anew()
    return [stored.request(each.request) for each in interactions]


def holds_placeholder(tape: Tape) -> bool:
    """Whether the answer gives out what was redacted: a token, a cookie."""
    texts = (*(value for _, value in tape.headers), tape.body.decode("latin-1"))
    return any(PLACEHOLDER.search(text) for text in texts)


def not_connected(interaction: Interaction) -> bool:
    """Whether the request found no connection."""
    return interaction.response.ending.kind is EndingKind.UNCONNECTED


def _endpoint(rules: Rules) -> Rules:
    """The same for what answers any prompt."""
    return replace(rules, match_on=tuple(each for each in rules.match_on if each not in {"body", "choice"}))
