"""The guard around tests of other people's suites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.suites import INI

if TYPE_CHECKING:
    from support.listening import Listener

pytestmark = pytest.mark.usefixtures("own_state")

SUITE = """
import asyncio, os, socket, subprocess, sys
import aiohttp, pytest
from fakegpt_testkit import errors
from fakegpt_testkit.effects import script

ANSWER = script("Hello")
PORT = {port}

def reach():
    socket.create_connection(("127.0.0.1", PORT)).close()

@pytest.fixture(scope="session")
def database():
    reach()

@pytest.mark.fakegpt(ANSWER)
def test_replays(database):
    with pytest.raises(errors.NetworkBlocked) as raised:
        reach()
    assert raised.value.test == "test_suite.py::test_replays"
    assert raised.value.address == f"127.0.0.1:{{PORT}}, a proxy of the environment"
    subprocess.run([sys.executable, "-c", ""], check=True)

@pytest.mark.fakegpt(ANSWER, allow_hosts=["127.0.0.1"])
def test_allowed_by_marker():
    reach()

@pytest.mark.fakegpt(ANSWER, block_network=False)
def test_not_guarded():
    reach()

@pytest.mark.fakegpt(record_mode="once")
def test_records():
    reach()

@pytest.mark.fakegpt("damaged", record_mode="once")
def test_has_a_cassette_and_does_not_record():
    with pytest.raises(errors.NetworkBlocked):
        reach()

@pytest.mark.fakegpt(refused="ignore")
async def test_missing():
    async with aiohttp.ClientSession() as session:
        with pytest.raises(errors.CassetteMissing):
            await session.get(f"http://127.0.0.1:{{PORT}}/")

@pytest.mark.fakegpt(ANSWER, block_subprocesses=True)
def test_starts_no_program():
    with pytest.raises(errors.NetworkBlocked, match="may start no programs"):
        subprocess.run([sys.executable, "-c", ""])

@pytest.mark.fakegpt(ANSWER)
def test_swallows_it():
    try:
        reach()
    except Exception:
        pass

def test_unmarked():
    reach()
"""


@pytest.fixture
def listener(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> Listener:
    monkeypatch.setenv("HTTP_PROXY", f"http://localhost:{listener.port}")
    return listener


@pytest.fixture
def suite(pytester: pytest.Pytester, listener: Listener) -> pytest.Pytester:
    pytester.makeini(INI)
    pytester.makepyfile(test_suite=SUITE.format(port=listener.port))
    folder = pytester.mkdir("cassettes")
    (folder / "damaged.yaml").write_text("interactions: []\nversion: 1\n")
    return pytester


def test_a_replaying_test_reaches_nothing_that_is_not_allowed(suite: pytest.Pytester, listener: Listener) -> None:
    result = suite.runpytest()
    result.assert_outcomes(passed=9)
    assert listener.arrived == len(["database", "allowed_by_marker", "not_guarded", "records", "unmarked"])
    result.stdout.fnmatch_lines(
        [
            "fakegpt: * 4 blocked, 1 refused",
            "  blocked in test_suite.py::test_replays: socket.connect to 127.0.0.1:*",
            "  blocked in test_suite.py::test_starts_no_program: subprocess.Popen to *python*",
            "  blocked in test_suite.py::test_swallows_it: socket.connect to 127.0.0.1:*",
        ]
    )


def test_the_whole_run_can_be_kept_from_the_network(suite: pytest.Pytester, listener: Listener) -> None:
    result = suite.runpytest("--fakegpt-block-network", "-k", "unmarked or replays")
    result.assert_outcomes(passed=1, failed=1)
    assert listener.arrived == len(["database"])
    result.stdout.fnmatch_lines(
        [
            "*NetworkBlocked: socket.connect was to reach 127.0.0.1:*, and test_suite.py::test_unmarked may not use*",
            "*to allow it: --fakegpt-allow-hosts=127.0.0.1 or @pytest.mark.fakegpt(allow_hosts=['127.0.0.1'*",
            "  blocked in test_suite.py::test_unmarked: *",
        ]
    )


def test_hosts_are_allowed_for_the_whole_run(suite: pytest.Pytester, listener: Listener) -> None:
    two = ["-k", "unmarked or swallows"]
    result = suite.runpytest("--fakegpt-block-network", "--fakegpt-allow-hosts=127.0.0.1,db", *two)
    result.assert_outcomes(passed=2)
    assert listener.arrived == 2
    suite.runpytest("-o", "fakegpt_block_network=false", *two).assert_outcomes(passed=2)
    assert listener.arrived == 4


def test_a_host_that_is_none_is_named(suite: pytest.Pytester) -> None:
    result = suite.runpytest("--fakegpt-allow-hosts=http://db.example", "-k", "swallows")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: allow_hosts is 'http://db.example'; wanted: names such as db.example*"])
