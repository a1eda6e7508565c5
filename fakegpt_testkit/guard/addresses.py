"""Hosts as they are given to calls and options: is it an address, a name, this machine.

Knows no guard, and looks nothing up.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

from fakegpt_testkit import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_MEANT: Final = {"": "0.0.0.0", "<broadcast>": "255.255.255.255"}  # noqa: S104 - nothing is bound here
_LOOPBACK_NAMES: Final = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})

_NAME: Final = r"(?=.*[\w*?])[\w.*?!\[\]-]+"
"""A host's name, or a pattern of names as ``fnmatch`` has them."""


def text_of(host: object) -> str:
    """A host as text; some callers give bytes."""
    return host.decode("idna") if isinstance(host, (bytes, bytearray)) else str(host)


@functools.lru_cache(maxsize=1024)
def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is given by; None for a name."""
    try:
        address = ipaddress.ip_address(_MEANT.get(host, host).partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@functools.lru_cache(maxsize=1024)
def network_of(host: str) -> Network | None:
    """The network, or the one address, that a host is given by; None for a name."""
    try:
        return ipaddress.ip_network(host, strict=False)
    except ValueError:
        return None


def is_loopback_name(host: str) -> bool:
    """Whether a name stands for this machine wherever there is a hosts file."""
    return host.lower().rstrip(".") in _LOOPBACK_NAMES


def stays_here(host: str) -> bool:
    """Whether what is bound to this host can only reach this machine."""
    address = address_of(host)
    return is_loopback_name(host) if address is None else address.is_loopback


def read_hosts(said: str | Iterable[str]) -> tuple[str, ...]:
    """Hosts from a text with commas or spaces between them, or one by one. Raises ``BadSetting`` for anything else."""
    hosts = tuple(said.replace(",", " ").split()) if isinstance(said, str) else tuple(said)
    for host in hosts:
        if network_of(host) is None and not re.fullmatch(_NAME, host):
            raise errors.BadSetting(
                "allow_hosts", host, "names such as db.example or *.example, addresses, or 10.0.0.0/8"
            )
    return hosts


def read_proxies(environment: Mapping[str, str]) -> frozenset[int]:
    """The ports of this machine that the environment names as proxies: what is sent there goes on to the network."""
    ports = set()
    for name, value in environment.items():
        if name.lower().endswith("_proxy") and name.lower() != "no_proxy":
            with suppress(ValueError):
                url = urlsplit(value if "://" in value else f"http://{value}")
                address = address_of(url.hostname or "")
                if url.port and (is_loopback_name(url.hostname or "") or (address and address.is_loopback)):
                    ports.add(url.port)
    return frozenset(ports)
