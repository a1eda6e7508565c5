"""Splits a request's URI into what is compared, in one of the spellings that the standard has as equal.

Knows no rules and no request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit


@dataclass(frozen=True, slots=True)
class UriParts:
    """What a URI says, as far as requests are compared by it."""

    scheme: str
    host: str
    port: int | None
    path: str
    query: tuple[tuple[str, str], ...]
    uri: str


@lru_cache(maxsize=4096)
def split_uri(uri: str) -> UriParts:
    """A URI in parts; one that cannot be split is all path."""
    try:
        parts = urlsplit(uri)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return UriParts("", "", None, uri, (), uri)
    query = tuple(parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape"))
    path = _ESCAPE.sub(_spelled, parts.path) or "/"
    return UriParts(
        parts.scheme, parts.hostname or "", port, path, query, parts._replace(path=path, fragment="").geturl()
    )


_ESCAPE: Final = re.compile("%[0-9A-Fa-f]{2}|[^!-~]+")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def _spelled(escape: re.Match[str]) -> str:
    """In one spelling of those that RFC 3986, 6.2.2 has as equal: clients differ in them, and tools write letters."""
    if not escape[0].startswith("%"):
        return quote(escape[0], errors="surrogateescape")
    letter = chr(int(escape[0][1:], 16))
    return letter if letter in _UNRESERVED else escape[0].upper()
