"""Connections that libpq opens, in C and unseen by Python: those of psycopg and of psycopg2, where they are loaded.

Imports neither. A name that psycopg looks up is seen without this; an address, and all of psycopg2, is not.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType

    from fakegpt_testkit.guard.policy import Guard


def doors() -> Iterator[tuple[ModuleType, str, Callable[..., None]]]:
    """The functions that open a connection, with the check for each."""
    for module, name, check in (
        ("psycopg.generators", "connect", _check_psycopg),
        ("psycopg2", "_connect", _check_psycopg2),
    ):
        if hasattr(loaded := sys.modules.get(module), name):  # a module may be loaded by half
            yield loaded, name, check  # type: ignore[misc]


def _check_psycopg(guard: Guard, call: str, conninfo: str = "", *_: Any, **__: Any) -> None:
    _check(guard, call, sys.modules["psycopg.conninfo"].conninfo_to_dict(conninfo))


def _check_psycopg2(guard: Guard, call: str, dsn: str, *_: Any, **__: Any) -> None:
    _check(guard, call, sys.modules["psycopg2.extensions"].parse_dsn(dsn))


def _check(guard: Guard, call: str, told: Mapping[str, object]) -> None:
    """Hosts and ports are lists with commas; ``hostaddr`` goes before ``host``; a path is a socket of this machine."""
    hosts, addresses, ports = (
        str(told.get(key) or os.environ.get(variable) or "").split(",")
        for key, variable in (("host", "PGHOST"), ("hostaddr", "PGHOSTADDR"), ("port", "PGPORT"))
    )
    for number in range(max(len(hosts), len(addresses))):
        host = (addresses[number : number + 1] or [""])[0] or (hosts[number : number + 1] or [""])[0]
        port = ports[number] if len(ports) > 1 and number < len(ports) else ports[0]
        if host and not host.startswith(("/", "@")):
            guard.check_address(call, host, int(port) if port.isdigit() else 5432)
