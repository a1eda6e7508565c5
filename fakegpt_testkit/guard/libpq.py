"""Connections that libpq opens, in C and unseen by Python: those of psycopg and of psycopg2.

Imports neither. A name that psycopg looks up is seen without this; an address, and all of psycopg2, is not.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fakegpt_testkit.guard.policy import Guard


def _check_psycopg(guard: Guard, call: str, conninfo: str = "", *_: Any, **__: Any) -> None:
    _check(guard, call, sys.modules["psycopg.conninfo"].conninfo_to_dict(conninfo))


def _check_psycopg2(guard: Guard, call: str, dsn: str, *_: Any, **__: Any) -> None:
    _check(guard, call, sys.modules["psycopg2.extensions"].parse_dsn(dsn))


DOORS: Final[dict[str, dict[str, Callable[..., None]]]] = {
    "psycopg.generators": {"connect": _check_psycopg},
    "psycopg2": {"_connect": _check_psycopg2},
}
"""Of each module, the function that opens a connection, with the check for it."""


def _check(guard: Guard, call: str, told: Mapping[str, object]) -> None:
    """Hosts and ports are lists with commas; ``hostaddr`` goes before ``host``; a path is a socket of this machine.

    What the connection says goes before what its service says, and that before the environment.
    """
    said = {key: str(value) for key, value in told.items() if value}
    if name := said.get("service") or os.environ.get("PGSERVICE"):
        service = _service(name, said.get("servicefile", ""))
        if service is None:
            guard.block(call, f"the service {name}, whose host is not known", "*")
        said = service | said
    hosts, addresses, ports = (
        (said.get(key) or os.environ.get(variable) or "").split(",")
        for key, variable in (("host", "PGHOST"), ("hostaddr", "PGHOSTADDR"), ("port", "PGPORT"))
    )
    for number in range(max(len(hosts), len(addresses))):
        host = (addresses[number : number + 1] or [""])[0] or (hosts[number : number + 1] or [""])[0]
        port = ports[number] if len(ports) > 1 and number < len(ports) else ports[0]
        if host and not host.startswith(("/", "@")):
            guard.check_address(call, host, int(port) if port.isdigit() else 5432)


def _service(name: str, file: str) -> dict[str, str] | None:
    """What the first file that has this service says of it; None where none has, or where it asks an LDAP server."""
    import configparser

    for path in _service_files(file):
        parser = configparser.RawConfigParser(allow_no_value=True, strict=False, delimiters=("=",), default_section="")
        try:
            parser.read_string(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, configparser.Error):
            continue
        if parser.has_section(name):
            said = {key: (value or "").strip() for key, value in parser.items(name)}
            return None if any(key.startswith("ldap:") for key in said) else said
    return None


def _service_files(file: str) -> Iterator[Path]:
    """Where libpq looks, in its order; the folder of the system's own file is set when libpq is built."""
    yield Path(file or os.environ.get("PGSERVICEFILE") or "~/.pg_service.conf").expanduser()
    folder = os.environ.get("PGSYSCONFDIR")
    yield from (Path(each, "pg_service.conf") for each in ([folder] if folder else _SYSTEM))


_SYSTEM: Final = ("/etc/postgresql-common", "/etc/sysconfig/pgsql", "/etc", "/usr/local/etc/postgresql")
