"""An effect: a change of a tape, and the responses that it is meant for.

Knows no player and no cassette: a tape in, a tape out; which request is being answered comes in as numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import reduce
from typing import TYPE_CHECKING

from fakegpt_testkit.dialects import is_stream
from fakegpt_testkit.errors import EffectMisplaced
from fakegpt_testkit.exchange import Ending, EndingKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fakegpt_testkit.exchange import Interaction, Tape


@dataclass(frozen=True, slots=True)
class Target:
    """Which responses an effect is for; what is None or empty decides nothing.

    Without ``everything`` and without a place of its own an effect is for event streams. ``call`` counts from 1 the
    requests to one endpoint, ``count`` says for how many of them, from there on.
    """

    interaction: int | None = None
    path: str = ""
    method: str = ""
    call: int = 1
    count: int | None = None
    everything: bool = False

    def holds(self, interaction: Interaction, index: int, played: int) -> bool:
        """Whether this answer is one of them; the numbers are those of ``select``."""
        if self.interaction is not None and self.interaction != index + 1:
            return False
        if self.path and not fnmatchcase(interaction.request.path, self.path):
            return False
        if self.method and self.method.upper() != interaction.request.method.upper():
            return False
        if played + 1 < self.call or (self.count is not None and played + 1 >= self.call + self.count):
            return False
        named = self.interaction is not None or self.path or self.method
        return self.everything or bool(named) or is_stream(interaction.response)


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """A change of a tape; calling it makes it. ``on`` and ``times`` give the same effect for other responses.

    ``swept``: it is one of many over a recording, and no mistake where its answer is not asked for.
    """

    name: str
    change: Callable[[Tape], Tape]
    target: Target = field(default_factory=Target)
    swept: bool = False

    def __call__(self, tape: Tape) -> Tape:
        try:
            return self.change(tape)
        except EffectMisplaced as problem:
            raise EffectMisplaced(str(self), problem.problem, problem.wanted) from None

    def on(
        self, *, interaction: int | None = None, path: str = "", method: str = "", call: int | None = None
    ) -> Effect:
        """The same effect for other responses than those of event streams.

        ``interaction`` is a number in the cassette, from 1; ``path`` a URL's path, ``*`` stands for anything; ``call``
        the one request to its endpoint that it is for, from 1: ``faults.status(429).on(call=2)``.
        """
        target = self.target
        _check(self.name, ("interaction", interaction), ("call", call))
        return replace(
            self,
            target=replace(
                target,
                interaction=interaction or target.interaction,
                path=path or target.path,
                method=method or target.method,
                call=call or target.call,
                count=target.count if call is None else 1,
            ),
        )

    def times(self, count: int) -> Effect:
        """The same effect for so many requests to an endpoint, then no more: the first call fails, the second works."""
        _check(self.name, ("times", count))
        return replace(self, target=replace(self.target, count=count))

    def __str__(self) -> str:
        target = self.target
        words = {"interaction": target.interaction, "path": target.path, "method": target.method}
        words |= {"call": target.call if target.call > 1 else None}
        on = ", ".join(f"{name}={value!r}" for name, value in words.items() if value)
        once = target.call > 1 and target.count == 1
        times = f".times({target.count})" if target.count is not None and not once else ""
        return self.name + (f".on({on})" if on else "") + times

    __repr__ = __str__


def select(effects: Sequence[Effect], interaction: Interaction, index: int, played: int) -> tuple[Effect, ...]:
    """The effects that are for this answer, in order.

    ``index`` is the interaction's place in its cassette, from 0; ``played`` how many requests to the same endpoint
    (method and path) were answered before.
    """
    return tuple(effect for effect in effects if effect.target.holds(interaction, index, played))


def apply(effects: Sequence[Effect], interaction: Interaction, index: int, played: int) -> Tape:
    """The response as the effects that are for it leave it; numbers as for ``select``."""
    chosen = select(effects, interaction, index, played)
    return reduce(lambda tape, effect: effect(tape), chosen, interaction.response)


def refuse(effects: Sequence[Effect], interaction: Interaction, index: int, played: int) -> Ending | None:
    """Why the effects let no connection be made for this request; None when they do. Numbers as for ``select``."""
    ending = apply(effects, interaction, index, played).ending
    return ending if ending.kind is EndingKind.UNCONNECTED else None


def _check(name: str, *counts: tuple[str, int | None]) -> None:
    for word, count in counts:
        if count is not None and count < 1:
            raise EffectMisplaced(name, f"{word}={count} means nothing", "interactions and calls are counted from 1")


def check_positive(name: str, **values: float) -> None:
    """Refuse a size, a time or a number that is 0 or less, for the effect of this name."""
    for word, value in values.items():
        if not value > 0:
            raise EffectMisplaced(name, f"{word}={value} means nothing", f"{word} must be more than 0")
