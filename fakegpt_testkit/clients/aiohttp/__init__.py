"""Where recording and replaying meet aiohttp: ``BaseConnector.connect``.

The one room that touches aiohttp's connector. Knows no cassette: what to play and where recordings go is a
``Deck``'s to say. Above a connection everything stays aiohttp's own: parser, response, cookies, redirects, timeouts,
tracing, errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakegpt_testkit.clients.aiohttp.connector import replace_connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

__all__ = ["bind"]


def bind(module: ModuleType) -> list[tuple[type, str, Callable[[Any], Any]]]:
    """What is replaced in ``aiohttp``."""
    return [(module.BaseConnector, "connect", replace_connect)]
