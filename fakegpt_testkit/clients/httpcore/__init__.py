"""Where recording and replaying meet httpcore and httpcore2, on which httpx and httpx2 stand: sync and async alike.

Three places: a pool is asked for a request, a connection's HTTP/1.1 begins, an HTTP/2 stream has an event. Knows no
cassette, and whether the module is httpcore or httpcore2 is told by who binds it: the names within are the same.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from fakegpt_testkit.clients.httpcore import asynchronous, http2, synchronous
from fakegpt_testkit.clients.httpcore.unclosed import forget_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

__all__ = ["bind", "forget_all"]


def bind(module: ModuleType) -> list[tuple[type, str, Callable[[Any], Any]]]:
    """What is replaced in ``httpcore`` or ``httpcore2``."""
    places = [*synchronous.bind(module), *asynchronous.bind(module)]
    if find_spec("h2") is not None:
        places += http2.bind(module)
    return places
