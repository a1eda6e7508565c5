"""Which recorded interaction answers which request: chosen and marked in one step, whatever threads ask.

Knows no client, no file and no record mode; that requests go live too is handed in.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import chain
from threading import RLock
from typing import TYPE_CHECKING

from fakegpt_testkit.effects import answers_any_model, is_scripted
from fakegpt_testkit.exchange import PLACEHOLDER, EndingKind, Head, Request, Tape
from fakegpt_testkit.matching import Likeness, Rules, matches, named_by_vary, not_recorded
from fakegpt_testkit.recorder.injection import endpoint_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fakegpt_testkit.errors import RequestNotRecorded
    from fakegpt_testkit.exchange import Ending, Interaction
    from fakegpt_testkit.matching import Vary
    from fakegpt_testkit.recorder.injection import Changes
    from fakegpt_testkit.recorder.settings import Matching
    from fakegpt_testkit.redaction import Redactor


class Selection:
    """Interactions, and which of them were given for which request, by the number of the request.

    ``redactor`` makes one when the first request has to be read without its secrets; ``wanted`` gives the recorded
    ones so, where several share them. A ``steady`` one gives equal requests the same answer, whoever has asked before.
    """

    def __init__(
        self,
        interactions: Sequence[Interaction],
        matching: Matching,
        changes: Changes,
        redactor: Callable[[], Redactor],
        *,
        steady: bool = False,
        wanted: Callable[[], list[Request]] | None = None,
    ) -> None:
        self._read_wanted = wanted or self._without_secrets
        self.interactions = interactions
        self.rules = Rules(tuple(matching.match_on), (*matching.ignore, *matching.echo))
        self.plays = [0] * len(interactions)
        self.given: dict[int, int] = {}
        self.changed: dict[int, tuple[int, Interaction]] = {}
        self._endpoint = _endpoint(self.rules)
        self._repeats = matching.allow_playback_repeats
        self._steady = steady
        self._echo = tuple(matching.echo)
        self._changes = changes
        self._make_redactor = redactor
        self._spoilt: set[int] = set()
        self._unread: list[Request] = []
        self._any_unconnected = any(map(not_connected, interactions))
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
            self.changed[number] = index, replace(self.interactions[index], response=tape)
            return tape

    def _told(self, index: int, asked: Request) -> Interaction:
        if not self._echo:
            return self.interactions[index]
        from fakegpt_testkit.recorder.echo import echoed

        return echoed(self.interactions[index], asked, self._echo)

    def answers_early(self, asked: Request) -> bool:
        """Whether an answer that began before its request was whole can be given to what came of a request."""
        if not any(each.response.head.early for each in self.interactions):
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
            if index is None and self._changes:
                endpoint = endpoint_of(asked)
                index = self._next(lambda each: endpoint_of(self._asked_like(each, asked)) == endpoint)
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
        index = self._next(lambda each: matches(redacted, self.wanted[each], self._endpoint))
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
            rules = self._endpoint if scripted else self.rules
            missed = not_recorded(redacted, self.wanted, played, rules, self._vary, cassette=path, command=command)
            return replace(missed, scripted=True) if scripted else missed

    def read_on(self) -> None:
        """Learn the secrets of the requests that were answered as they were."""
        with self._lock:
            for each in self._unread:
                self._redactor.request(each)
            self._unread.clear()

    def forget(self, number: int) -> None:
        """Keep nothing of a request that was answered, so that one can answer for ever. What was played counts on."""
        with self._lock:
            self.given.pop(number, None)
            self.changed.pop(number, None)
            self._unread.clear()
            self._redactor = self._redactor.anew()

    @cached_property
    def _redactor(self) -> Redactor:
        return self._make_redactor()

    @cached_property
    def wanted(self) -> list[Request]:
        """The recorded requests without their secrets: another cassette's raw key and the asked one are one word."""
        return self._read_wanted()

    def _without_secrets(self) -> list[Request]:
        return without_secrets(self.interactions, self._redactor)

    @cached_property
    def _vary(self) -> list[Vary]:
        return [named_by_vary(each.response.headers) for each in self.interactions]

    def _find(self, asked: Request, *, records: bool, went_live: bool) -> int | None:
        """Which interaction answers; first among the requests as they are, since redaction costs more than all else.

        What is equal then is equal without secrets too. A suite's own matchers see no secret, and a recording keeps
        none: there the requests are compared redacted.
        """
        if not records and all(isinstance(each, str) for each in self.rules.match_on):
            plain = [each.request for each in self.interactions]
            index = self._answer(asked, plain, went_live=went_live, likeness=Likeness.EXACT)
            if index is not None:
                self._unread.append(asked)
                return index
        self.read_on()
        redacted = self._redactor.request(asked)
        found = (self._answer(redacted, self.wanted, went_live=went_live, likeness=each) for each in Likeness)
        return next((index for index in found if index is not None), None)

    def _answer(self, asked: Request, wanted: Sequence[Request], *, went_live: bool, likeness: Likeness) -> int | None:
        def answers(index: int) -> bool:
            each = self.interactions[index]
            if not_connected(each):
                return False  # ``refuse`` gave it, before the request was written
            rules = self._endpoint if is_scripted(each) else self.rules
            recorded = answers_any_model(wanted[index], asked) if is_scripted(each) else wanted[index]
            # where the answer came early, the rest of the request made no difference
            heard = replace(asked, body=asked.body[: len(recorded.body)]) if each.response.head.early else asked
            if not matches(heard, recorded, rules, self._vary[index], likeness=likeness):
                return False
            return not (went_live and holds_placeholder(each.response))

        return self._next(answers)

    def _next(self, answers: Callable[[int], bool]) -> int | None:
        """The first one that answers: of those not played yet, of those that a fault spoilt, of the last ones again.

        A client that asks again after a fault gets what it did not get whole.
        """
        indices = range(len(self.interactions))
        if self._steady:
            return next((each for each in indices if answers(each)), None)
        unplayed = (each for each in indices if not self.plays[each] and answers(each))
        spoilt = (each for each in indices if each in self._spoilt and answers(each))
        again = (each for each in reversed(indices) if self._repeats and answers(each))
        return next(chain(unplayed, spoilt, again), None)


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
