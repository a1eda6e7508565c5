"""The HTTP clients that no cassette meets, since their bytes never come by here: which are loaded, and what stops them.

Imports none of them. Those whose requests begin in Python are stopped there while a cassette is open; the others are
only named.
"""

from __future__ import annotations

import sys
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Final

from fakegpt_testkit.clients.active import find_deck
from fakegpt_testkit.guard.addresses import stays_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType

    from fakegpt_testkit.clients.binding import Replacement

    AskedWith = Callable[..., tuple[str, str]]
    """What tells a request's method and URI from the arguments of the method that begins it."""

_UNMET: Final = {
    "awscrt.http": "awscrt",
    "curl_cffi": "curl_cffi",
    "niquests": "niquests",
    "pycurl": "pycurl",
    "pyqwest": "pyqwest",
    "urllib3.backend": "urllib3-future in urllib3's place",
    "urllib3_future": "urllib3-future",
}
"""A module that is loaded where the client is used, and what people call that client."""


def find_unmet() -> tuple[str, ...]:
    """Those that this process has loaded, by the names that people know."""
    return tuple(name for module, name in _UNMET.items() if module in sys.modules)


def bind_curl_cffi(module: ModuleType) -> list[Replacement]:
    """What is replaced in ``curl_cffi.requests.session``."""
    stop = partial(stopping, "curl_cffi", lambda _, method, url, *__, **___: (method, url))
    return _places(module, ("Session", "AsyncSession"), "request", stop)


def bind_niquests(module: ModuleType) -> list[Replacement]:
    """What is replaced in ``niquests.sessions`` and ``niquests.async_session``."""
    stop = partial(stopping, "niquests", lambda _, request, **__: (request.method, request.url))
    return _places(module, ("Session", "AsyncSession"), "send", stop)


def bind_urllib3_future(module: ModuleType) -> list[Replacement]:
    """What is replaced in a module of urllib3-future's pools or connections, also where that is in urllib3's place."""
    pools, connections = ("HTTPConnectionPool", "AsyncHTTPConnectionPool"), ("HTTPConnection", "AsyncHTTPConnection")
    of_pool = partial(stopping, "urllib3-future", _asked_of_pool)
    of_connection = partial(stopping, "urllib3-future", _asked_of_plain_connection)
    return [
        *_places(module, pools, "urlopen", of_pool),
        *(place for name in ("request", "putrequest") for place in _places(module, connections, name, of_connection)),
    ]


def bind_awscrt(module: ModuleType) -> list[Replacement]:
    """What is replaced in ``awscrt.http`` and ``awscrt.aio.http``."""
    stop = partial(stopping, "awscrt", _asked_of_connection)
    kinds = ("HttpClientConnection", "Http2ClientConnection")
    awaited = ("AIOHttpClientConnectionUnified", "AIOHttpClientConnection", "AIOHttp2ClientConnection")
    return _places(module, (*kinds, *awaited), "request", stop)


def bind_pyqwest(module: ModuleType) -> list[Replacement]:
    """What is replaced in ``pyqwest``: its clients, and the transports that other clients are made of."""
    verbs = ("get", "post", "put", "patch", "delete", "head", "options")
    kinds = [vars(module)[name] for name in ("Client", "SyncClient") if name in vars(module)]
    by_verb = [
        (kind, verb, partial(stopping, "pyqwest", partial(_asked_by_verb, verb))) for kind in kinds for verb in verbs
    ]
    named = partial(stopping, "pyqwest", lambda _, method, url, *__, **___: (method, url))
    by_name = [(kind, name, named) for kind in kinds for name in ("execute", "stream")]
    whole = partial(stopping, "pyqwest", lambda _, request, *__, **___: (request.method, request.url))
    carried = [
        (vars(module)[kind], name, whole)
        for kind, name in (("HTTPTransport", "execute"), ("SyncHTTPTransport", "execute_sync"))
        if kind in vars(module)
    ]
    return [each for each in (*by_verb, *by_name, *carried) if each[1] in vars(each[0])]


def _asked_by_verb(verb: str, _: Any, url: str, *__: Any, **___: Any) -> tuple[str, str]:
    return verb, url


def _places(module: ModuleType, kinds: Iterable[str], method: str, stop: Callable[[Any], Any]) -> list[Replacement]:
    """The method of those of these classes that this version defines there; what it has elsewhere is warned of."""
    found = [vars(module)[kind] for kind in kinds if kind in vars(module)]
    return [(kind, method, stop) for kind in found if kind.__module__ == module.__name__ and method in vars(kind)]


def stopping(client: str, asked: AskedWith, original: Callable[..., Any]) -> Callable[..., Any]:
    """What takes the place of a method that begins a request: it raises, unless the request passes."""

    @wraps(original)
    def begin(*args: Any, **options: Any) -> Any:
        method, uri = asked(*args, **options)
        if (deck := find_deck(uri)) is not None:
            raise deck.stopped(client, method.upper(), uri)
        return original(*args, **options)

    return begin


def _asked_of_pool(pool: Any, method: str, url: str, *_: Any, **__: Any) -> tuple[str, str]:
    there = "" if "://" in url.partition("?")[0] else f"{pool.scheme}://{pool.host}:{pool.port}"
    return method, there + url


def _asked_of_plain_connection(connection: Any, method: str, url: str, *_: Any, **__: Any) -> tuple[str, str]:
    tunnel = connection._tunnel_host
    host, port = (tunnel, connection._tunnel_port) if tunnel else (connection.host, connection.port)
    scheme = "https" if connection.default_port == 443 else "http"
    return method, url if "://" in url.partition("?")[0] else f"{scheme}://{host}:{port}{url}"


def _asked_of_connection(connection: Any, request: Any, *_: Any, **__: Any) -> tuple[str, str]:
    # What stands for a connection does not tell whether there is TLS: it is taken for granted but where it is unusual.
    plain = connection.port == 80 or (connection.port != 443 and stays_here(connection.host_name))
    scheme = "http" if plain else "https"
    return request.method, f"{scheme}://{connection.host_name}:{connection.port}{request.path}"
