"""Effects: pure functions from tape to tape. Other cuts, faults, and answers made up without a recording.

Knows no player, no cassette and no clock. Most replays have no effects, so a file is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakegpt_testkit.deferred import defer

if TYPE_CHECKING:
    from fakegpt_testkit.effects import faults
    from fakegpt_testkit.effects.effect import Effect, Target, apply, refuse, select
    from fakegpt_testkit.effects.recutting import recut
    from fakegpt_testkit.effects.scripted import SCRIPTED, answers_any_model, is_scripted
    from fakegpt_testkit.effects.scripting import script

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

_FILES = {
    "effect": ("Effect", "Target", "apply", "refuse", "select"),
    "faults": ("faults",),
    "recutting": ("recut",),
    "scripted": ("SCRIPTED", "answers_any_model", "is_scripted"),
    "scripting": ("script",),
}
__getattr__, __dir__ = defer(__name__, _FILES)
