"""An exchange as what happened on it, parsed once: a `Stream` to assert on, a `Timeline` to show.

Knows no file, no terminal and no clock.
"""

from fakegpt_testkit.timeline.moments import Gap, Moment, Timeline, described, timeline_of
from fakegpt_testkit.timeline.stream import Stream, describe

__all__ = ["Gap", "Moment", "Stream", "Timeline", "describe", "described", "timeline_of"]
