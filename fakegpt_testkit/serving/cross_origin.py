"""What a browser wants to hear before a page of another origin may read an answer (CORS).

Knows no connection: fields in, fields out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fakegpt_testkit.exchange import header

if TYPE_CHECKING:
    from collections.abc import Collection

    from fakegpt_testkit.exchange import Headers

ANY: Final = "*"
EXPOSED: Final = "Access-Control-Expose-Headers"
"""Which fields of the answer a page may read; ``fitting`` names them."""
_MAX_AGE: Final = "600"


def is_preflight(method: str, headers: Headers) -> bool:
    """Whether a browser asks if it may ask."""
    return method == "OPTIONS" and header(headers, "Access-Control-Request-Method") is not None


def fields(headers: Headers, allowed: Collection[str]) -> Headers:
    """What goes with each answer; nothing for a request that comes from no page, or from one that is not allowed."""
    origin = header(headers, "Origin")
    if origin is None or not ({origin, ANY} & set(allowed)):
        return ()
    named = (("Access-Control-Allow-Origin", origin), ("Vary", "Origin"))
    login = (("Access-Control-Allow-Credentials", "true"),) if origin in allowed else ()
    return (*named, *login, (EXPOSED, "*"))


def preflight_fields(headers: Headers, allowed: Collection[str]) -> Headers:
    """The answer to a preflight; ``*`` would not stand for ``Authorization``, so what is asked for is named."""
    granted = fields(headers, allowed)
    if not granted:
        return ()
    method = header(headers, "Access-Control-Request-Method") or "GET"
    names = header(headers, "Access-Control-Request-Headers")
    asked = (("Access-Control-Allow-Headers", names),) if names else ()
    near = header(headers, "Access-Control-Request-Private-Network") == "true"
    private = (("Access-Control-Allow-Private-Network", "true"),) if near else ()
    return (*granted, ("Access-Control-Allow-Methods", method), *asked, *private, ("Access-Control-Max-Age", _MAX_AGE))
