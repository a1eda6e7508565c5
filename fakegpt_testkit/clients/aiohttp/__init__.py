"""Where recording and replaying meet aiohttp: ``BaseConnector.connect``.

The one room that touches aiohttp's connector. Knows no cassette: what to play and where recordings go is a
``Deck``'s to say. Above a connection everything stays aiohttp's own: parser, response, cookies, redirects, timeouts,
tracing, errors.
"""

from __future__ import annotations

from fakegpt_testkit.clients.aiohttp.connector import Deck, insert, paused
from fakegpt_testkit.clients.aiohttp.player import Pace, Player
from fakegpt_testkit.clients.aiohttp.tap import Take

__all__ = ["Deck", "Pace", "Player", "Take", "insert", "paused"]
