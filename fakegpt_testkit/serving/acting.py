"""What makes up its answers as it is asked, with a memory of its own, in the place of recordings.

Knows no service: a stand-in for one is handed in by those who know it, and is asked as any world is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fakegpt_testkit.exchange import Headers, Request, Tape
    from fakegpt_testkit.serving.plan import Plan
    from fakegpt_testkit.serving.reading import Refused


@dataclass(frozen=True, slots=True)
class Act:
    """An answer. ``write`` makes its plan from the encoded head, where that says more than the tape can."""

    tape: Tape
    write: Callable[[bytes], Plan] | None = None


class StandIn(Protocol):
    """Answers for a service that is not there."""

    @property
    def name(self) -> str:
        """What people call it."""

    def act(self, request: Request, *, framed: bool) -> Act:
        """The answer to a request; ``framed``: its client knows HTTP chunks."""

    def refused(self, refused: Refused) -> tuple[bytes, Headers]:
        """The answer to what cannot be read as a request, or is none for this server."""


Casting: TypeAlias = "Callable[[], StandIn]"
"""Makes a stand-in that was asked nothing yet."""

StandIns: TypeAlias = "Mapping[str, Callable[[object], Casting]]"
"""By its name, how a stand-in is made of what somebody wrote; raises ``BadSetting`` for what it does not know."""
