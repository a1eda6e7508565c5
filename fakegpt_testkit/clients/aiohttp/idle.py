"""Played connections that a live service would have kept open, in the pool of the client's own connector.

Knows no deck. The next request is told that it uses one again, and a connector that nobody closes says so, as live.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from aiohttp import BaseConnector
    from aiohttp.client_reqrep import ConnectionKey

_counts: WeakKeyDictionary[BaseConnector, defaultdict[ConnectionKey, int]] = WeakKeyDictionary()
"""How many there are; a pool's own clearing up may take out those that stand for them."""


class _Idle:
    """Stands in a pool for a connection. It is not connected, so a request that goes live passes it over."""

    transport = closed = None

    def is_connected(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing is open."""

    abort = close


_IDLE: Final = _Idle()


def put_idle(connector: BaseConnector, key: ConnectionKey) -> None:
    """A played connection is free again."""
    counts = _counts.get(connector)
    if counts is None:
        counts = _counts[connector] = defaultdict(int)
    counts[key] += 1
    pool = cast("dict[ConnectionKey, Any]", connector._conns)
    if key not in pool:
        pool[key] = deque() if hasattr(pool, "default_factory") else []  # a list until aiohttp 3.11
    pool[key].append((_IDLE, connector._loop.time()))


def take_idle(connector: BaseConnector, key: ConnectionKey) -> bool:
    """Use one again, if there is one."""
    counts = _counts.get(connector)
    if counts is None or not counts[key]:
        return False
    counts[key] -= 1
    pool = cast("dict[ConnectionKey, Any]", connector._conns)
    there = pool.get(key, ())
    for index, (each, _) in enumerate(there):
        if each is _IDLE:
            del there[index]
            break
    if key in pool and not there:
        del pool[key]
    return True
