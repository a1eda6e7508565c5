"""The effects of one use of a cassette: which answer is changed, counted by the endpoint that is asked.

Knows no request that is asked and no player: a recorded interaction in, the tape to play out.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from fakegpt_testkit import effects
from fakegpt_testkit.errors import EffectMisplaced

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fakegpt_testkit.effects import Effect
    from fakegpt_testkit.exchange import Ending, Interaction, Request, Tape


class Injection:
    """Other cuts first, then the faults in their order. ``cuts`` is what ``effects.recut`` takes, None for none."""

    def __init__(self, faults: Sequence[Effect] = (), cuts: int | str | Sequence[int] | None = None) -> None:
        self._faults = tuple(faults)
        self._recut = None if cuts is None else effects.recut(cuts)
        self._cut: dict[int, tuple[Tape, Tape]] = {}
        self._answered: Counter[tuple[str, str]] = Counter()
        self._applied: set[Effect] = set()
        self._misplaced: dict[str, str] = {}

    @property
    def may_refuse(self) -> bool:
        """Whether a connection can fail by an effect: other cuts let all of them be made."""
        return bool(self._faults)

    def refuse(self, interaction: Interaction, index: int) -> Ending | None:
        """Why the connection fails for the request that this interaction would answer; then it is answered."""
        endpoint = endpoint_of(interaction.request)
        before = self._answered[endpoint]
        with self._noting():
            ending = effects.refuse(self._faults, self._in_other_cuts(interaction, index), index, before)
        if ending is not None:
            self._answered[endpoint] += 1
            self._applied.update(effects.select(self._faults, interaction, index, before))
        return ending

    def change(self, interaction: Interaction, index: int) -> tuple[Tape, bool]:
        """What is played for this interaction, and whether a fault is in it."""
        with self._noting():
            cut = self._in_other_cuts(interaction, index)
            if not self._faults:
                return cut.response, False
            endpoint = endpoint_of(interaction.request)
            before = self._answered[endpoint]
            self._answered[endpoint] += 1
            tape = effects.apply(self._faults, cut, index, before)
        if tape.head.dialect != interaction.response.head.dialect:  # a fault puts another answer in its place
            tape = tape.with_head(replace(tape.head, dialect=interaction.response.head.dialect))
        chosen = effects.select(self._faults, interaction, index, before)
        self._applied.update(chosen)
        return tape, bool(chosen)

    def _in_other_cuts(self, interaction: Interaction, index: int) -> Interaction:
        """The interaction with its answer cut anew: once, however often it is played."""
        if self._recut is None:
            return interaction
        told, cut = self._cut.get(index, (None, None))
        if cut is None or told is not interaction.response:
            cut = self._recut(interaction.response)
            self._cut[index] = interaction.response, cut
        return replace(interaction, response=cut)

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
