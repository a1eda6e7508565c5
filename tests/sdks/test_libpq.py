"""The guard stops what libpq opens in C, by psycopg and by psycopg2."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import psycopg
import psycopg2
import pytest

from fakegpt_testkit.guard import Guard, guarded

if TYPE_CHECKING:
    from collections.abc import Callable

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
