"""Record modes, and what each allows. Knows no cassette: whether there is one is handed in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RecordMode(StrEnum):
    """What happens to a request: is it played, recorded, or an error. The names are vcrpy's and pytest-recording's."""

    NONE = "none"
    """Play; a request that was not recorded is an error."""
    ONCE = "once"
    """Record when there is no cassette yet, otherwise play as with ``none``."""
    NEW_EPISODES = "new_episodes"
    """Play what was recorded, record the rest."""
    ALL = "all"
    """Record everything; a new recording takes the place of the one it matches, the others stay."""
    REWRITE = "rewrite"
    """Record everything into a new cassette; the old one goes when the new one is whole."""
    VERIFY = "verify"
    """Ask the live service for everything and compare it with the cassette, which stays as it is."""

    @property
    def asks_everything(self) -> bool:
        """Whether each request goes to the live service, so that the age of what was recorded does not matter."""
        return self in {RecordMode.ALL, RecordMode.REWRITE, RecordMode.VERIFY}


@dataclass(frozen=True, slots=True)
class ModeRules:
    """What a mode allows: recorded answers are played, requests go to the live service, answers are compared."""

    plays: bool
    records: bool
    verifies: bool = False


def rules_of(mode: RecordMode, *, missing: bool) -> ModeRules:
    """What a mode allows where a cassette is there, or missing. What there is nothing to verify against is refused."""
    match mode:
        case RecordMode.NONE:
            return ModeRules(plays=True, records=False)
        case RecordMode.ONCE:
            return ModeRules(plays=not missing, records=missing)
        case RecordMode.NEW_EPISODES:
            return ModeRules(plays=True, records=True)
        case RecordMode.VERIFY:
            return ModeRules(plays=missing, records=not missing, verifies=not missing)
    return ModeRules(plays=False, records=True)
