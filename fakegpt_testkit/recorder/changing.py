"""The effects of one use of a cassette: which answer is changed, counted by the endpoint that is asked.

Knows no request that is asked and no player: a recorded interaction in, the tape to play out.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fakegpt_testkit.effects import apply, recut, refuse, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakegpt_testkit.effects import Effect
    from fakegpt_testkit.tape import Ending, Interaction, Request, Tape


class Changes:
    """Other cuts first, then the faults in their order. ``cuts`` is what ``effects.recut`` takes, None for none."""

    def __init__(self, faults: Sequence[Effect] = (), cuts: int | str | Sequence[int] | None = None) -> None:
        self._faults = tuple(faults)
        self._effects = self._faults if cuts is None else (recut(cuts), *self._faults)
        self._answered: Counter[tuple[str, str]] = Counter()

    def __bool__(self) -> bool:
        return bool(self._effects)

    def refuse(self, interaction: Interaction, index: int) -> Ending | None:
        """Why no connection comes about for the request that this interaction would answer; then it is answered."""
        endpoint = endpoint_of(interaction.request)
        ending = refuse(self._effects, interaction, index, self._answered[endpoint])
        if ending is not None:
            self._answered[endpoint] += 1
        return ending

    def change(self, interaction: Interaction, index: int) -> tuple[Tape, bool]:
        """What is played for this interaction, and whether a fault is in it."""
        endpoint = endpoint_of(interaction.request)
        before = self._answered[endpoint]
        self._answered[endpoint] += 1
        faulty = bool(select(self._faults, interaction, index, before))
        return apply(self._effects, interaction, index, before), faulty


def endpoint_of(request: Request) -> tuple[str, str]:
    """What calls are counted by: the method and the path."""
    return request.method, urlsplit(request.uri).path
