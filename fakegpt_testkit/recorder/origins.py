"""Stores a service's addresses canonically: what was recorded from a stand-in replays for the live URL, and back.

Knows no cassette; an origin is a scheme, host and port, as in ``http://localhost:8080``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from fakegpt_testkit.exchange import Head, Headers, Request

Origins = Mapping[str, str]
"""Which origin stands for which: keys as they are asked, values as they are stored."""


@lru_cache(maxsize=1024)
def origin_of(uri: str) -> str:
    """Scheme, host and port of a URI, the port only where it is not the scheme's own."""
    parts = urlsplit(uri)
    host = parts.hostname or ""
    named = f"[{host}]" if ":" in host else host
    own = {"http": 80, "https": 443}.get(parts.scheme)
    port = "" if parts.port in {None, own} else f":{parts.port}"
    return f"{parts.scheme}://{named}{port}"


def canonical_request(request: Request, origins: Origins) -> tuple[Request, str]:
    """The request as it is stored, and the origin that was really asked; empty where it is stored as it was."""
    asked = origin_of(request.uri)
    stored = origins.get(asked, asked)
    if stored == asked:
        return request, ""
    parts = urlsplit(request.uri)
    uri = stored + request.uri[len(f"{parts.scheme}://{parts.netloc}") :]  # which may name the scheme's own port
    return replace(request, uri=uri, headers=_rename(request.headers, origins)), asked


def canonical_head(head: Head, origins: Origins) -> Head:
    """The head with other origins in its fields' values, a ``Location`` for instance."""
    return replace(head, headers=_rename(head.headers, origins)) if origins else head


def _rename(headers: Headers, origins: Origins) -> Headers:
    hosts = {asked.partition("://")[2]: stored.partition("://")[2] for asked, stored in origins.items()}
    renamed = []
    for name, value in headers:
        if name.lower() == "host":
            renamed.append((name, hosts.get(value, value)))
            continue
        for asked, stored in origins.items():
            if asked in value:
                value = _spelled(asked).sub(stored.replace("\\", r"\\"), value)
        renamed.append((name, value))
    return tuple(renamed)


@lru_cache(maxsize=64)
def _spelled(origin: str) -> re.Pattern[str]:
    """An origin in a text, also with its scheme's own port, and not the beginning of another one."""
    scheme, _, place = origin.partition("://")
    own = {"http": "(?::80)?", "https": "(?::443)?"}.get(scheme, "") if not _PORT.search(place) else ""
    return re.compile(rf"{re.escape(origin)}{own}(?![\w-]|[.:]\w)")


_PORT: Final = re.compile(r":\d+\Z")
