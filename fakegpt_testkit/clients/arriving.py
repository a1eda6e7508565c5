"""Whether bytes come on a live socket: what a client that blocks would wait for, looked at before it does.

Knows no client and reads nothing.
"""

from __future__ import annotations

import select
from typing import Any, Final

_SHORTEST: Final = 20
"""A client that waits at most so many times as long as the look takes is not kept waiting by it."""


class Look:
    """A look at one live socket; None is one that cannot be looked at."""

    def __init__(self, live: Any) -> None:
        self._live = live
        self._pending = getattr(live, "pending", None)  # of TLS, which may have read ahead
        self._poll: Any = None

    def arrives(self, seconds: float, limit: float | None) -> bool:
        """Whether there is something to read, or comes in so many seconds; ``limit`` is for how long the client waits.

        False without a look where the client waits so shortly that the look would count.
        """
        if self._live is None or (limit is not None and limit < _SHORTEST * seconds):
            return False
        try:
            if self._pending is not None and self._pending():
                return True
            if self._poll is None:
                if not hasattr(select, "poll"):  # Windows
                    return bool(select.select([self._live], [], [], seconds)[0])
                self._poll = select.poll()
                self._poll.register(self._live, select.POLLIN)
            return bool(self._poll.poll(seconds * 1000))
        except (OSError, ValueError):  # whoever reads hears of it
            return True
