"""When a player's next arrival comes: at the client's wish, or in its time.

Knows no tape and no aiohttp: a player is told when to take its next step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.clients.aiohttp.player import Player
    from fakegpt_testkit.wire.deck import Pace


class Lockstep:
    """An arrival comes when the client waits for one, and no time passes meanwhile."""

    takes_no_time: Final = True

    def __init__(self) -> None:
        self._all_wanted = False

    def begin(self, player: Player) -> None:
        """The head comes at once."""
        player.step_soon()

    def wanted(self, player: Player, *, all_of_it: bool) -> None:
        """The client waits, for all the rest where nothing else would make it come."""
        self._all_wanted = self._all_wanted or all_of_it
        player.step_soon()

    def fed(self, player: Player, *, belongs_to_it: bool) -> None:
        """An arrival was handed over; what comes next ``belongs_to_it`` where no client would ask for it."""
        if self._all_wanted:
            player.step_soon()
        elif belongs_to_it:
            player.step_next_round()

    def held_up(self) -> None:
        """The client has no room; it asks when it has."""

    def resumed(self, player: Player) -> None:
        """The client has room again; it asks when it waits."""


class Timed:
    """An arrival comes at its recorded moment, or at a multiple of it."""

    takes_no_time: Final = False

    def __init__(self, factor: float, began: float) -> None:
        self._factor = factor
        self._began = began
        self._held_up = False

    def begin(self, player: Player) -> None:
        """The next arrival comes when it is due."""
        player.step_at(self._began + player.due * self._factor)

    def wanted(self, player: Player, *, all_of_it: bool) -> None:  # noqa: ARG002 - all of it comes in its time
        """Nothing comes sooner; but who waits behind the last arrival hears of the end."""
        if player.waits_at_its_end:
            player.step_soon()

    def fed(self, player: Player, *, belongs_to_it: bool) -> None:  # noqa: ARG002 - it comes in its time
        """An arrival was handed over."""
        self.begin(player)

    def held_up(self) -> None:
        """The client has no room: backpressure stops the time of what follows."""
        self._held_up = True

    def resumed(self, player: Player) -> None:
        """The client has room again."""
        if self._held_up:
            self._held_up = False
            self.begin(player)


def pace_from(pace: Pace, clock: Callable[[], Callable[[], float]]) -> Lockstep | Timed:
    """The pace of this name, or of this factor, which begins now, by the loop's clock where it needs one."""
    if pace == "lockstep":
        return Lockstep()
    return Timed(1.0 if pace == "recorded" else float(pace), clock()())
