"""Whether bytes come on a live socket: what a client that blocks would wait for, looked at before it does.

Knows no client and reads nothing.
"""

from __future__ import annotations

import select
from typing import Any, Final

PAUSE: Final = 0.05
"""Seconds after which a client that gets nothing waits."""
_SHORTEST: Final = 20 * PAUSE
"""A client that waits for less is not kept waiting by the look."""


class Look:
    """A look at one live socket; None is one that cannot be looked at."""

    def __init__(self, live: Any) -> None:
        self._live = live
        self._pending = getattr(live, "pending", None)  # of TLS, which may have read ahead
        self._poll: Any = None

    def arrives(self, limit: float | None) -> bool:
        """Whether there is something to read, or comes in ``PAUSE``; ``limit`` is for how long the client waits.

        False without a look where the client waits so shortly that the look would count.
        """
        if limit is not None and limit < _SHORTEST:
            return False
        try:
            if self._pending is not None and self._pending():
                return True
            return bool(self._poll(PAUSE * 1000)) if self._poll is not None else self._first()
        except (OSError, ValueError):  # whoever reads hears of it
            return True

    def _first(self) -> bool:
        if self._live is None:
            return False
        if not hasattr(select, "poll"):  # Windows
            return bool(select.select([self._live], [], [], PAUSE)[0])
        looks = select.poll()
        looks.register(self._live, select.POLLIN)
        self._poll = looks.poll
        return bool(looks.poll(PAUSE * 1000))
