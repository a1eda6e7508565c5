"""Puts our replacements into the HTTP clients while a deck is in: into what is loaded, and what is imported meanwhile.

Imports no client. A client that nobody imports costs nothing, and a replacement that somebody else has replaced since
is left to them.
"""

from __future__ import annotations

import importlib
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from fakegpt_testkit.clients.active import active
from fakegpt_testkit.importing import Later, is_initializing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType

    from fakegpt_testkit.wire.deck import Deck

    Owner = type | ModuleType
    Replacement = tuple[Owner, str, Callable[[Any], Any]]
    """A class, the name of its method, and what makes of that method the one that takes its place."""

_CLIENTS: Final = {
    "aiohttp": ("aiohttp", "bind", "stop_all"),
    "httpcore": ("httpcore", "bind", "forget_all"),
    "httpcore2": ("httpcore", "bind", "forget_all"),
    "http.client": ("httpclient", "bind_http_client", "restore_all"),
    "urllib3.connection": ("httpclient", "bind_urllib3", None),
    "urllib3.connectionpool": ("httpclient", "bind_urllib3_pool", None),
    "urllib3_future.connection": ("unmet", "bind_urllib3_future", None),
    "urllib3_future._async.connection": ("unmet", "bind_urllib3_future", None),
    "urllib3._async.connection": ("unmet", "bind_urllib3_future", None),
    "urllib3_future.connectionpool": ("unmet", "bind_urllib3_future", None),
    "urllib3_future._async.connectionpool": ("unmet", "bind_urllib3_future", None),
    "urllib3._async.connectionpool": ("unmet", "bind_urllib3_future", None),
    "niquests.sessions": ("unmet", "bind_niquests", None),
    "niquests.async_session": ("unmet", "bind_niquests", None),
    "curl_cffi.requests.session": ("unmet", "bind_curl_cffi", None),
    "curl_cffi.curl": ("curl", "bind_curl_cffi", None),
    "curl_cffi.aio": ("curl", "bind_curl_cffi_multi", None),
    "pycurl": ("curl", "bind_pycurl", "forget_pycurl"),
    "pyqwest": ("unmet", "bind_pyqwest", None),
    "awscrt.http": ("unmet", "bind_awscrt", None),
    "awscrt.aio.http": ("unmet", "bind_awscrt", None),
}
"""The module that is bound once it is loaded, and the room beside this one that knows how: its function that gives the
replacements, and the one that is called when they are taken out, for what the client still holds of ours."""


class Bindings:
    """The replacements that are in place. One lock: threads open cassettes and import clients as they like."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._users = 0
        self._done: list[tuple[Owner, str]] = []
        self._bound: set[int] = set()
        self._afterwards: list[Callable[[], None]] = []
        self._pairs: dict[tuple[Owner, str], tuple[object, object]] = {}  # the client's own method, and ours
        self._finder = Later(_CLIENTS, self.bind)

    def enter(self) -> None:
        """The first user binds what is loaded."""
        with self._lock:
            self._users += 1
            if self._users > 1:
                return
            for name in _CLIENTS:
                if (module := sys.modules.get(name)) is not None and not is_initializing(module):
                    self.bind(name, module)
            sys.meta_path.insert(0, self._finder)

    def leave(self) -> None:
        """The last user takes out what is still ours."""
        with self._lock:
            self._users -= 1
            if self._users:
                return
            sys.meta_path.remove(self._finder)
            self._bound.clear()
            while self._done:
                owner, name = place = self._done.pop()
                original, ours = self._pairs[place]
                if vars(owner).get(name) is ours:
                    setattr(owner, name, original)
            while self._afterwards:
                self._afterwards.pop()()

    def bind(self, name: str, module: ModuleType) -> None:
        """Put the replacements into one module: once, though it may have two names (``httpx2.alias_httpx()``)."""
        with self._lock:
            if not self._users or id(module) in self._bound:
                return
            self._bound.add(id(module))
            room, function, afterwards = _CLIENTS[name]
            client = importlib.import_module(f"fakegpt_testkit.clients.{room}")
            if afterwards is not None:
                self._afterwards.append(getattr(client, afterwards))
            replacements: Callable[[ModuleType], Sequence[Replacement]] = getattr(client, function)
            for owner, attribute, replace in replacements(module):
                place, now = (owner, attribute), vars(owner)[attribute]
                if place not in self._pairs or now is not self._pairs[place][1]:  # it is when it was undone too late
                    self._pairs[place] = now, replace(now)
                setattr(owner, attribute, self._pairs[place][1])
                self._done.append(place)


_bindings = Bindings()


@contextmanager
def insert(deck: Deck) -> Iterator[None]:
    """Make a deck the active one for every client, as ``active`` does, until the block ends."""
    _bindings.enter()
    try:
        with active(deck):
            yield
    finally:
        _bindings.leave()
