"""The effects of one use of a cassette: which answer is changed, counted by the endpoint that is asked.

Knows no request that is asked and no player: a recorded interaction in, the tape to play out.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fakegpt_testkit import effects
from fakegpt_testkit.errors import EffectMisplaced

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fakegpt_testkit.effects import Effect
    from fakegpt_testkit.exchange import Ending, Interaction, Request, Tape


class Changes:
    """Other cuts first, then the faults in their order. ``cuts`` is what ``effects.recut`` takes, None for none."""

    def __init__(self, faults: Sequence[Effect] = (), cuts: int | str | Sequence[int] | None = None) -> None:
        self._faults = tuple(faults)
        self._effects = self._faults if cuts is None else (effects.recut(cuts), *self._faults)
        self._answered: Counter[tuple[str, str]] = Counter()
        self._applied: set[Effect] = set()
        self._misplaced: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._effects)

    def refuse(self, interaction: Interaction, index: int) -> Ending | None:
        """Why the connection fails for the request that this interaction would answer; then it is answered."""
        endpoint = endpoint_of(interaction.request)
        before = self._answered[endpoint]
        with self._noting():
            ending = effects.refuse(self._effects, interaction, index, before)
        if ending is not None:
            self._answered[endpoint] += 1
            self._applied.update(effects.select(self._faults, interaction, index, before))
        return ending

    def change(self, interaction: Interaction, index: int) -> tuple[Tape, bool]:
        """What is played for this interaction, and whether a fault is in it."""
        if not self._effects:
            return interaction.response, False
        endpoint = endpoint_of(interaction.request)
        before = self._answered[endpoint]
        self._answered[endpoint] += 1
        with self._noting():
            tape = effects.apply(self._effects, interaction, index, before)
        chosen = effects.select(self._faults, interaction, index, before)
        self._applied.update(chosen)
        return tape, bool(chosen)

    @property
    def unapplied(self) -> tuple[tuple[str, str], ...]:
        """The faults that changed no answer, and why not; except those of a sweep.

        One that could not be applied stands for all: it held up the request that the others may have been for.
        """
        left = [str(each) for each in self._faults if not each.swept and each not in self._applied]
        misplaced = [(each, self._misplaced[each]) for each in left if each in self._misplaced]
        return tuple(misplaced or [(each, _NOT_ASKED) for each in left])

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Remember why a fault could not be applied: not every client lets its user see the error."""
        try:
            yield
        except EffectMisplaced as problem:
            self._misplaced[problem.effect] = problem.problem
            raise


_NOT_ASKED = "it is for no answer that was played"


def endpoint_of(request: Request) -> tuple[str, str]:
    """What calls are counted by: the method and the path."""
    return request.method, request.path
