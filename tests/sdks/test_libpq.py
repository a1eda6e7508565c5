"""The guard stops what libpq opens in C, by psycopg and by psycopg2."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import psycopg
import psycopg2
import pytest

from fakegpt_testkit.guard import Guard, guarded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FAR: Final = "192.0.2.1"


def by_psycopg(dsn: str) -> None:
    psycopg.connect(dsn, connect_timeout=1)


def by_async_psycopg(dsn: str) -> None:
    asyncio.run(psycopg.AsyncConnection.connect(dsn, connect_timeout=1))


def by_psycopg2(dsn: str) -> None:
    psycopg2.connect(dsn, connect_timeout=1)


@pytest.mark.parametrize("connect", [by_psycopg, by_async_psycopg, by_psycopg2])
@pytest.mark.parametrize(
    ("dsn", "address"),
    [
        (f"host={FAR} dbname=a", f"{FAR}:5432"),
        ("postgresql://u:p@db.example:6432/a", "db.example:6432"),
        (f"host=localhost,{FAR} port=1", f"{FAR}:1"),
        (f"host=localhost,localhost hostaddr=127.0.0.1,{FAR} port=1,2", f"{FAR}:2"),
        ("dbname=a", "pg.example:5432"),
        ("host=/nowhere", ""),
        ("host=127.0.0.1 port=1", ""),
    ],
)
def test_its_connections_are_stopped(
    connect: Callable[[str], None], dsn: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", "pg.example")
    with guarded(Guard("a test")) as guard, pytest.raises(Exception, match=r"a test|connection"):
        connect(dsn)
    assert [each.address for each in guard.blocked][:1] == [address] * bool(address)


SERVICES = f"""
# two services, and a directory of them
[near]
host=127.0.0.1
port=1
[far]
hostaddr={FAR}
[named]
host=db.example
port=6432
[asked]
ldap://ldap.example/dc=example,dc=com?uniqueMember?one?(cn=a)
"""


@pytest.mark.parametrize("connect", [by_psycopg, by_psycopg2])
@pytest.mark.parametrize(
    ("dsn", "environment", "address"),
    [
        ("service=far", "", f"{FAR}:5432"),
        ("service=named user=a", "", "db.example:6432"),
        ("service=named host=localhost", "", ""),
        ("service=near", "", ""),
        ("service=asked", "", "the service asked, whose host is not known"),
        ("service=other", "", "the service other, whose host is not known"),
        ("dbname=a", "far", f"{FAR}:5432"),
    ],
)
def test_a_service_is_looked_up_as_libpq_does(
    connect: Callable[[str], None],
    dsn: str,
    environment: str,
    address: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "pg_service.conf").write_text(SERVICES)
    monkeypatch.setenv("HOME", str(tmp_path / "without any"))
    monkeypatch.setenv("PGSYSCONFDIR", str(tmp_path))
    if environment:
        monkeypatch.setenv("PGSERVICE", environment)
    with guarded(Guard("a test")) as guard, pytest.raises(Exception, match=r"a test|connection|LDAP|ldap"):
        connect(dsn)
    assert [each.address for each in guard.blocked][:1] == [address] * bool(address)


LATE = f"""
from fakegpt_testkit.guard import Guard, guarded
with guarded(Guard("a test")) as guard:
    import LIBRARY
    try:
        LIBRARY.connect("host={FAR}", connect_timeout=1)
    except Exception as failure:
        print(type(failure).__name__, len(guard.blocked))
import LIBRARY
from psycopg import generators
print(hasattr(getattr(LIBRARY, "_connect", generators.connect), "__wrapped__"))
"""


@pytest.mark.parametrize("library", ["psycopg", "psycopg2"])
def test_what_is_imported_while_it_is_guarded_is_stopped_too(library: str) -> None:
    asked = [sys.executable, "-c", LATE.replace("LIBRARY", library)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.stdout == "NetworkBlocked 1\nFalse\n", done.stderr
