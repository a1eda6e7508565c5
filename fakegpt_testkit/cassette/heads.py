"""Makes the head of another tool's recording true of the body that the tool stored.

Such tools store what a library gave them: a length of the packed body, a framing that was taken off, both at once. What
a client sent or got live, they do not say. Knows no nodes and no file; a head of our own recording never comes here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakegpt_testkit.exchange import is_chunked

if TYPE_CHECKING:
    from fakegpt_testkit.exchange import Headers

_BODILESS = frozenset({204, 304})


def framed(headers: Headers, method: str, status: int) -> Headers:
    """The fields with one framing, by RFC 9112, 6.3: ``chunked`` counts before a length, and one length is enough.

    A length that is not this body's stays: it is settled when the body is played.
    """
    chunked = is_chunked(headers)
    without_body = method == "HEAD" or 100 <= status < 200 or status in _BODILESS
    kept: list[tuple[str, str]] = []
    told = False
    for name, value in headers:
        match name.lower():
            case "transfer-encoding":
                if chunked and not told and not without_body:
                    kept.append((name, "chunked"))
                    told = True
            case "content-length":
                if (without_body or not chunked) and not told and _is_length(value):
                    kept.append((name, value))
                    told = True
            case _:
                kept.append((name, value))
    return tuple(kept)


def _is_length(value: str) -> bool:
    return value.isascii() and value.isdigit()
