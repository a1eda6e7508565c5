"""Looks for the recorded request that comes nearest to the one that is asked, and words why none answers it.

Knows no cassette: it takes the recorded requests in their order, and which of them were played.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.errors import RequestNotRecorded, RequestPlayedOut
from fakegpt_testkit.matching.comparison import Comparison, Mismatch, Rules, compare, matches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakegpt_testkit.exchange import Request
    from fakegpt_testkit.matching.choosing import Vary


_MOST_COMPARED: Final = 500


@dataclass(frozen=True, slots=True)
class Nearest:
    """The candidate that differs least: its index, and the comparison with it."""

    index: int
    comparison: Comparison


def closest(
    asked: Request, candidates: Sequence[Request], rules: Rules, vary: Sequence[Vary] | None = None
) -> Nearest | None:
    """The candidate that differs least from the asked request, the first of equals; None without candidates.

    Same method and path first, then the fewest fields, then the least different text in them; of very many only the
    first hundreds are compared.
    ``vary`` has for each the fields that its answer's ``Vary`` names.
    """
    distances = [(asked.method != each.method) + (asked.path != each.path) for each in candidates]
    least = min(distances, default=0)
    near = [index for index, distance in enumerate(distances) if distance == least][:_MOST_COMPARED]
    nearest = [Nearest(index, compare(asked, candidates[index], rules, vary[index] if vary else ())) for index in near]
    return min(nearest, key=lambda each: _distance(each.comparison.differences), default=None)


def not_recorded(
    asked: Request,
    recorded: Sequence[Request],
    played: Sequence[bool],
    rules: Rules,
    vary: Sequence[Vary] | None = None,
    *,
    cassette: str,
    command: str,
    equal: int | None = None,
) -> RequestNotRecorded:
    """The error for a request that no unplayed interaction answers; ``played`` says of each recorded one if it was.

    ``equal`` says how many of them equal the asked one, where that is known;
    ``cassette`` is the path as people know it, ``command`` what to type to record the request. Both requests and rules
    must be redacted already: what differs is quoted.
    """
    if equal is None:
        equal = sum(matches(asked, each, rules, vary[index] if vary else ()) for index, each in enumerate(recorded))
    if equal:
        return RequestPlayedOut(asked.title, cassette, len(recorded), sum(played), equal=equal, command=command)
    nearest = closest(asked, recorded, rules, vary)
    if nearest is None:
        return RequestNotRecorded(asked.title, cassette, len(recorded), sum(played), command=command)
    return RequestNotRecorded(
        asked.title,
        cassette,
        len(recorded),
        sum(played),
        closest=nearest.index + 1,
        closest_request=recorded[nearest.index].title,
        differences=tuple((each.path, each.recorded, each.asked) for each in nearest.comparison.differences),
        ignored=nearest.comparison.ignored,
        command=command,
    )


def _distance(differences: tuple[Mismatch, ...]) -> tuple[int, float]:
    return len(differences), sum(_unlike(each.recorded, each.asked) for each in differences)


def _unlike(one: str, other: str) -> float:
    """0 for equal texts, 1 for texts without a common start or end. By prefix and suffix: a real diff is quadratic."""
    start = _shared(one, other)
    end = _shared(one[start:][::-1], other[start:][::-1])
    return 1 - (start + end) / max(len(one), len(other))


def _shared(one: str, other: str) -> int:
    """How many characters are the same at the start: halved, since to walk through long prompts takes seconds."""
    same, most = 0, min(len(one), len(other))
    while same < most:
        half = (same + most + 1) // 2
        if one[same:half] == other[same:half]:
            same = half
        else:
            most = half - 1
    return same
