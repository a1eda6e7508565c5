"""Effects: pure functions from tape to tape. Other cuts, faults, and answers made up without a recording.

Knows no player, no cassette and no clock.
"""

from __future__ import annotations

from fakegpt_testkit.effects import faults
from fakegpt_testkit.effects.effect import Effect, Target, apply, refuse, select
from fakegpt_testkit.effects.recutting import recut
from fakegpt_testkit.effects.scripting import SCRIPTED, answers_any_model, is_scripted, script

__all__ = [
    "SCRIPTED",
    "Effect",
    "Target",
    "answers_any_model",
    "apply",
    "faults",
    "is_scripted",
    "recut",
    "refuse",
    "script",
    "select",
]
