"""Where each HTTP client meets the wire, a room per library. None knows another, and none knows a cassette."""

from __future__ import annotations

from fakegpt_testkit.clients.active import paused, wider
from fakegpt_testkit.clients.binding import insert

__all__ = ["insert", "paused", "wider"]
