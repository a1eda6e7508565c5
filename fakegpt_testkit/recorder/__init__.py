"""``use_cassette``: record what a client does, or play it what was recorded.

Knows no pytest. It is loaded when it is first used: settings alone need no HTTP client.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

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
    "Block": "block",
    "Session": "session",
    "check_refused": "checks",
    "check_unapplied": "checks",
    "check_unplayed": "checks",
    "load_cassette": "block",
    "use_cassette": "block",
}


def __getattr__(name: str) -> object:
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_FILES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
