"""Which recorded requests may answer an asked one, so that its cost does not grow with the cassette.

Knows no answer and decides nothing: whatever it names is compared; what it does not name is another request.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import cached_property
from heapq import merge
from typing import TYPE_CHECKING

from fakegpt_testkit import profiles
from fakegpt_testkit.exchange import media_type
from fakegpt_testkit.matching import concerns, fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fakegpt_testkit.exchange import Request
    from fakegpt_testkit.matching import Rules


class Candidates:
    """Numbers of interactions, ascending; those at its beginning that were played are passed over once."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self.numbers = list(numbers)
        self._start = 0

    def unplayed(self, plays: Sequence[int]) -> Iterator[int]:
        """Those that were not played yet."""
        while self._start < len(self.numbers) and plays[self.numbers[self._start]]:
            self._start += 1
        for at in range(self._start, len(self.numbers)):
            if not plays[self.numbers[at]]:
                yield self.numbers[at]


def every(groups: Sequence[Candidates]) -> Iterator[int]:
    """All numbers of some groups, ascending."""
    yield from _once(merge(*(each.numbers for each in groups)))


def unplayed(groups: Sequence[Candidates], plays: Sequence[int]) -> Iterator[int]:
    """Those of them that were not played yet, ascending."""
    yield from _once(merge(*(each.unplayed(plays) for each in groups)))


def _once(numbers: Iterator[int]) -> Iterator[int]:
    last = -1
    for each in numbers:
        if each != last:
            yield each
        last = each


class Index:
    """Over requests as they are compared; ``always`` are the numbers of those that no key tells.

    Made when somebody first asks for what is not the next one, and once for each media type that is asked.
    """

    def __init__(self, requests: Callable[[], Sequence[Request]], rules: Rules, always: Sequence[int]) -> None:
        self._requests = requests
        self._rules = rules
        self._always = Candidates(always)
        self._by_media: dict[tuple[Rules, str], Mapping[bytes, Candidates]] = {}

    def find(self, asked: Request) -> tuple[Candidates, ...]:
        """Where those stand that may equal this request: as any, or as one of a service that we know."""
        media = media_type(asked.headers)
        unlabelled = asked.body and not media  # then a recorded request's own label says how to read both
        found = [self._always]
        for label in self._labels if unlabelled else (media,):
            for rules, numbers in self._groups.items():
                if (rules, label) not in self._by_media:
                    self._by_media[rules, label] = self._grouped(rules, numbers, label)
                group = self._by_media[rules, label].get(fingerprint(asked, rules, label))
                found += [] if group is None else [group]
        return tuple(found)

    @cached_property
    def _labels(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(("", *(media_type(each.headers) for each in self._requests()))))

    @cached_property
    def _groups(self) -> dict[Rules, list[int]]:
        """By which rules a request may be compared: those of the suite, and with what is volatile in it."""
        requests = self._requests()
        groups = {self._rules: [*range(len(requests))]}
        for number, each in enumerate(requests):
            volatile = profiles.owned(each)
            if volatile and ("path" not in self._rules.match_on or concerns(volatile, each.method, each.path)):
                groups.setdefault(replace(self._rules, ignored=self._rules.ignored + volatile), []).append(number)
        return groups

    def _grouped(self, rules: Rules, numbers: Sequence[int], media: str) -> Mapping[bytes, Candidates]:
        requests = self._requests()
        found: defaultdict[bytes, list[int]] = defaultdict(list)
        for number in numbers:
            found[fingerprint(requests[number], rules, media)].append(number)
        return {key: Candidates(each) for key, each in found.items()}
