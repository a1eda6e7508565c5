"""Where recording and replaying meet aiohttp: ``BaseConnector.connect``.

The one room that touches aiohttp's connector. Knows no cassette: what to play and where recordings go is a
``Deck``'s to say. Above a connection everything stays aiohttp's own: parser, response, cookies, redirects, timeouts,
tracing, errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakegpt_testkit.clients.aiohttp.connector import replace_connect
from fakegpt_testkit.clients.aiohttp.tap import replace_close, stop_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

__all__ = ["bind", "stop_all"]


def bind(module: ModuleType) -> list[tuple[type, str, Callable[[Any], Any]]]:
    """What is replaced in ``aiohttp``."""
    connector = module.BaseConnector
    return [(connector, "connect", replace_connect), (connector, "close", replace_close)]
