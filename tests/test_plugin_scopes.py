"""Fixtures that outlive a test: what they ask is neither recorded nor played, whichever test needs them first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest
from support.servers import serve
from support.suites import INI

from fakegpt_testkit import load_cassette, use_cassette
from fakegpt_testkit.clients import paused
from fakegpt_testkit.clients.active import find_deck
from fakegpt_testkit.fakegpt.stand_in import serve_in_thread

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.untraced

SUITE = """
import aiohttp, asyncio, pytest, pytest_asyncio
from fakegpt_testkit import use_cassette

URL = {url!r}

async def ask(path="/"):
    async with aiohttp.ClientSession() as session, session.get(URL + path) as response:
        return response.status

@pytest.fixture(scope="session")
def database():
    return asyncio.run(ask("/?database"))

@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def account():
    return await ask("/?account")

@pytest.fixture(scope="class")
def recorded():
    with use_cassette("own.yaml", record_mode="once"):
        asyncio.run(ask("/?own"))

@pytest_asyncio.fixture
async def greeting():
    return await ask("/?greeting")

@pytest.mark.fakegpt
async def test_greets(database, account, recorded, greeting, fakegpt_cassette):
    assert (database, account, greeting, await ask("/?test")) == (200,) * 4
    asked = [each.request.uri.partition("?")[2] for each in fakegpt_cassette.exchanged]
    assert asked == ["greeting", "test"]
"""


def test_only_what_is_the_tests_own_is_in_its_cassette(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(pytester.path / "state"))
    pytester.makeini(INI)
    with serve_in_thread() as service:
        pytester.makepyfile(test_it=SUITE.format(url=service.url))
        pytester.runpytest("--fakegpt-record-mode=once").assert_outcomes(passed=1)
        pytester.runpytest().assert_outcomes(passed=1)
        asked = [each.uri.partition("?")[2] for each in service.requests]
    assert sorted(asked) == ["account", "account", "database", "database", "greeting", "own", "test"]
    (path,) = (pytester.path / "cassettes").rglob("*.yaml")
    assert len(load_cassette(path).interactions) == 2
    assert len(load_cassette(pytester.path / "own.yaml").interactions) == 1


def in_use() -> str | None:
    deck = find_deck()
    return None if deck is None else str(getattr(deck, "path", deck))


async def test_a_pause_is_for_every_context_and_for_those_that_were_in_before(tmp_path: Path) -> None:
    async def get(url: str) -> bytes:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return await response.read()

    async with serve({"/": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",)}) as server:
        gate = asyncio.Event()

        async def later() -> bytes:
            await gate.wait()
            return await get(server.url)

        with use_cassette(tmp_path / "a.yaml", record_mode="all") as outer:
            task = asyncio.create_task(later())
            await asyncio.sleep(0)
            with paused():
                gate.set()
                assert await task == await get(server.url) == b"ok"
                with use_cassette(tmp_path / "b.yaml", record_mode="all") as inner:
                    assert await get(server.url) == b"ok"
                    with paused():
                        assert in_use() is None
                    assert in_use() == inner.path
                assert in_use() is None
            assert in_use() == outer.path
            assert await get(server.url) == b"ok"
    with paused():
        assert in_use() is None
    assert (len(outer.recorded), len(inner.recorded), len(server.requests)) == (1, 1, 4)


def test_a_cassette_that_came_in_during_a_pause_stays(tmp_path: Path) -> None:
    with use_cassette(tmp_path / "a.yaml") as outer:
        with paused():
            staying = use_cassette(tmp_path / "b.yaml")
            inner = staying.__enter__()
        assert in_use() == inner.path
        staying.__exit__(None, None, None)
        assert in_use() == outer.path


WIDE = """
import os, urllib.request
import pytest
from fakegpt_testkit import use_cassette

def ask(what):
    with urllib.request.urlopen(os.environ["SERVICE"] + "/api/loads?t=" + what, timeout=5) as answer:
        return answer.status

@pytest.fixture(scope="{scope}")
def login():
    with use_cassette("login.yaml", record_mode=os.environ["MODE"]):
        yield ask("0")

@pytest.mark.fakegpt
@pytest.mark.parametrize("number", [1, 2, 3])
def test_asks(login, number):
    assert (login, ask(str(number))) == (200, 200)
"""


@pytest.mark.plugins("xdist")
@pytest.mark.parametrize("scope", ["session", "module", "class"])
def test_a_wider_fixtures_cassette_takes_what_the_fixture_asks_and_no_more(
    scope: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    pytester.makeini(INI)
    pytester.makepyfile(test_it=WIDE.format(scope=scope))
    tests = [f"test_it.py::test_asks[{number}]" for number in (1, 2, 3)]
    with serve_in_thread() as service:
        monkeypatch.setenv("SERVICE", service.url)
        monkeypatch.setenv("MODE", "once")
        pytester.runpytest("--fakegpt-record-mode=once").assert_outcomes(passed=3)
    monkeypatch.setenv("MODE", "none")
    for chosen in (tests, tests[::-1], tests[1:2]):
        pytester.runpytest(*chosen).assert_outcomes(passed=len(chosen))
    if scope == "session":  # two workers each have a fixture of their own
        pytester.runpytest("-n", "2").assert_outcomes(passed=3)
    recorded = {path.name: len(load_cassette(path).interactions) for path in pytester.path.rglob("*.yaml")}
    assert recorded == {"login.yaml": 1} | {f"test_asks[{number}].yaml": 1 for number in (1, 2, 3)}
