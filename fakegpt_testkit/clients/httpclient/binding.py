"""What is replaced in ``http.client`` and in urllib3's connections while a deck is in.

Knows neither when nor whether it is put in place: it gives the replacements, and calls what they replace.
"""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any

from fakegpt_testkit.clients.httpclient import exchanges
from fakegpt_testkit.clients.unmet import bind_urllib3_future

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from fakegpt_testkit.clients.binding import Replacement


def bind_http_client(module: ModuleType) -> list[Replacement]:
    """The replacements in ``http.client``."""
    plain = module.HTTPConnection
    return [
        (plain, "putrequest", replace_putrequest),
        (plain, "send", replace_send),
        *replace_connects(plain, module.HTTPSConnection),
    ]


def bind_urllib3(module: ModuleType) -> list[Replacement]:
    """The replacements in ``urllib3.connection``, whose connections connect by themselves.

    Another library that calls itself urllib3 has connections of its own kind: their requests are stopped.
    """
    if not issubclass(module.HTTPConnection, http.client.HTTPConnection):
        return bind_urllib3_future(module)
    return replace_connects(module.HTTPConnection, module.HTTPSConnection)


def bind_urllib3_pool(module: ModuleType) -> list[Replacement]:
    """The replacement in ``urllib3.connectionpool``."""
    pool = module.HTTPConnectionPool
    if not issubclass(pool.ConnectionCls, http.client.HTTPConnection):
        return bind_urllib3_future(module)
    return [(pool, "urlopen", replace_urlopen)]


def replace_urlopen(original: Callable[..., Any]) -> Callable[..., Any]:
    """A pool is asked: it may connect before the request begins."""

    def urlopen(self: Any, method: str, url: str, *args: Any, **options: Any) -> Any:
        token = exchanges.asking.set((method, url))
        try:
            return original(self, method, url, *args, **options)
        finally:
            exchanges.asking.reset(token)

    return urlopen


def replace_connects(*kinds: type) -> list[Replacement]:
    """The replacements of ``connect`` in those of these classes that have one of their own."""
    return [(kind, "connect", replace_connect) for kind in kinds if "connect" in vars(kind)]


def replace_putrequest(original: Callable[..., None]) -> Callable[..., None]:
    """The request line is written, and nothing is sent yet."""

    def putrequest(self: http.client.HTTPConnection, method: str, url: str, *args: Any, **options: Any) -> None:
        original(self, method, url, *args, **options)
        exchanges.begin(self, method, url)

    return putrequest


def replace_send(original: Callable[..., None]) -> Callable[..., None]:
    """Bytes are about to be sent."""

    def send(self: http.client.HTTPConnection, data: Any) -> None:
        exchanges.sending(self)
        original(self, data)

    return send


def replace_connect(original: Callable[..., None]) -> Callable[..., None]:
    """A connection is about to be made: urllib3 makes one for HTTPS before there is a request."""

    def connect(self: http.client.HTTPConnection) -> None:
        if not exchanges.connects_to_nowhere(self):
            with exchanges.connecting_live(self):
                original(self)

    return connect
