"""Whether a request is meant for this server: by the host that it names, and by the page that it comes from.

A page elsewhere can have its own name point at this machine (DNS rebinding); its requests then still name its host.
Knows no connection.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection


def hostname(host: str) -> str:
    """The name in a ``Host`` field, without its port, in lower case; empty for what is no name."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_ours(host: str, address: str, allowed: Collection[str]) -> bool:
    """Whether a ``Host`` field names this machine as itself, the address that was reached, or an allowed name."""
    name = hostname(host)
    if name == "localhost" or name.endswith(".localhost") or name in allowed:
        return True
    try:
        named = ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return named.is_loopback or str(named) == address.partition("%")[0]


def is_own_page(origin: str | None, host: str, address: str, allowed: Collection[str]) -> bool:
    """Whether a request that changes something comes from no page, or from one of this server's own."""
    if origin is None:
        return True
    asked = origin.partition("://")[2]
    return asked == host and is_ours(asked, address, allowed)
