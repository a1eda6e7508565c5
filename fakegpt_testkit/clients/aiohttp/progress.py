"""What the client of a played answer did; it outlives the player, and keeps nothing of the client alive.

Knows no aiohttp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

if TYPE_CHECKING:
    from fakegpt_testkit.clients.aiohttp.player import Player


class Progress:
    """What the client of a player did, also when both are gone: a ``Playing`` that keeps neither alive."""

    __slots__ = ("_last", "_player")

    def __init__(self, player: Player) -> None:
        self._player = ref(player)
        self._last = (0, 0, False)

    def keep(self, player: Player) -> None:
        """Note what is so now, for when the player is gone."""
        self._last = player.fed, player.read, player.left_early

    @property
    def _now(self) -> tuple[int, int, bool]:
        if (player := self._player()) is not None:
            self.keep(player)
        return self._last

    @property
    def fed(self) -> int:
        """See ``Playback``."""
        return self._now[0]

    @property
    def read(self) -> int:
        """See ``Playback``."""
        return self._now[1]

    @property
    def left_early(self) -> bool:
        """See ``Playback``."""
        return self._now[2]

    @property
    def is_open(self) -> bool:
        """See ``Playing``."""
        player = self._player()
        return player is not None and player.is_open
