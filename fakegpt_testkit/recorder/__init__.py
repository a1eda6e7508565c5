"""``use_cassette``: record what a client does, or play it what was recorded.

Knows no pytest. It is loaded when it is first used: settings alone need no HTTP client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakegpt_testkit.deferred import defer
from fakegpt_testkit.recorder.modes import RecordMode
from fakegpt_testkit.recorder.settings import Advice, Settings

if TYPE_CHECKING:
    from fakegpt_testkit.recorder.block import Block, load_cassette, use_cassette
    from fakegpt_testkit.recorder.checks import check_refused, check_unapplied, check_unplayed
    from fakegpt_testkit.recorder.session import Session

__all__ = [
    "Advice",
    "Block",
    "RecordMode",
    "Session",
    "Settings",
    "check_refused",
    "check_unapplied",
    "check_unplayed",
    "load_cassette",
    "use_cassette",
]

_FILES = {
    "block": ("Block", "load_cassette", "use_cassette"),
    "checks": ("check_refused", "check_unapplied", "check_unplayed"),
    "session": ("Session",),
}
__getattr__, __dir__ = defer(__name__, _FILES, ("Advice", "RecordMode", "Settings"))
