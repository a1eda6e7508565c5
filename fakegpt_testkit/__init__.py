"""Record a streaming chat once, replay it offline: the same bytes, chunks, timing, endings and exceptions.

What ``__all__`` names is public. It is imported when it is first used: a test suite loads this package through pytest's
entry point even if it never uses it, and must not pay for aiohttp and vcrpy then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakegpt_testkit import profiles
from fakegpt_testkit.deferred import defer

if TYPE_CHECKING:
    from fakegpt_testkit import dialects, errors, sse
    from fakegpt_testkit.cassette import Cassette
    from fakegpt_testkit.drift import Drift, Severity
    from fakegpt_testkit.effects import Effect, faults, recut, script
    from fakegpt_testkit.errors import FakeGptTestkitError
    from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Interaction, Request, Tape
    from fakegpt_testkit.fakegpt.answers import AsyncGeneratorProvider
    from fakegpt_testkit.fakegpt.provider import FakeGpt
    from fakegpt_testkit.matching import Matcher
    from fakegpt_testkit.recorder import RecordMode, Session, Settings, load_cassette, use_cassette
    from fakegpt_testkit.redaction import Redaction
    from fakegpt_testkit.sse import Event, EventStreamParser
    from fakegpt_testkit.timeline import Stream
    from fakegpt_testkit.wire.deck import Pace

__all__ = [
    "AsyncGeneratorProvider",
    "Cassette",
    "Chunk",
    "Drift",
    "Effect",
    "Ending",
    "EndingKind",
    "Event",
    "EventStreamParser",
    "FakeGpt",
    "FakeGptTestkitError",
    "Head",
    "Interaction",
    "Matcher",
    "Pace",
    "RecordMode",
    "Redaction",
    "Request",
    "Session",
    "Settings",
    "Severity",
    "Stream",
    "Tape",
    "dialects",
    "errors",
    "faults",
    "load_cassette",
    "recut",
    "script",
    "sse",
    "use_cassette",
]

_ROOMS = {
    "cassette": ("Cassette",),
    "wire.deck": ("Pace",),
    "dialects": ("dialects",),
    "drift": ("Drift", "Severity"),
    "effects": ("Effect", "faults", "recut", "script"),
    "errors": ("errors", "FakeGptTestkitError"),
    "matching": ("Matcher",),
    "exchange": ("Chunk", "Ending", "EndingKind", "Head", "Interaction", "Request", "Tape"),
    "fakegpt.answers": ("AsyncGeneratorProvider",),
    "fakegpt.provider": ("FakeGpt",),
    "recorder": ("RecordMode", "Session", "Settings", "load_cassette", "use_cassette"),
    "redaction": ("Redaction",),
    "sse": ("sse", "Event", "EventStreamParser"),
    "timeline": ("Stream",),
}
__getattr__, __dir__ = defer(__name__, _ROOMS)
profiles.expect("fakegpt_testkit.fakegpt.profile", dialect="fakegpt_testkit.fakegpt.dialect")
