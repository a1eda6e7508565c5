"""A request that is not recorded fails its test, whatever the program made of the exception."""

from __future__ import annotations

import json
import urllib.request
from xml.etree import ElementTree as ET

import pytest
from support.suites import INI

from fakegpt_testkit import script, use_cassette
from fakegpt_testkit.errors import CassetteMissing, FakeGptTestkitWarning, RequestNotRecorded

SUITE = """
import threading, urllib.request
import aiohttp, httpx2, pytest, requests
from fakegpt_testkit import script

URL = "http://nobody.example/v1"

def with_urllib():
    urllib.request.urlopen(URL)

def with_requests():
    requests.get(URL)

def with_httpx2():
    httpx2.get(URL)

def swallowing(ask, times=1):
    for _ in range(times):
        try:
            ask()
        except Exception:
            pass

@pytest.mark.fakegpt(script("hi"))
@pytest.mark.parametrize("ask", [with_urllib, with_requests, with_httpx2])
def test_swallows(ask):
    swallowing(ask)

@pytest.mark.fakegpt(script("hi"))
async def test_swallows_awaited():
    async with aiohttp.ClientSession() as session:
        try:
            await session.get(URL)
        except Exception:
            pass

@pytest.mark.fakegpt(script("hi"), refused="ignore")
def test_says_so(fakegpt_cassette):
    swallowing(with_httpx2, 2)
    assert [type(each).__name__ for each in fakegpt_cassette.refused] == ["RequestNotRecorded"] * 2

@pytest.mark.xfail(strict=True)
@pytest.mark.fakegpt(script("hi"))
def test_is_to_fail():
    swallowing(with_requests)

@pytest.mark.fakegpt(script("hi"))
def test_asks_in_a_thread():
    thread = threading.Thread(target=swallowing, args=(with_requests, 3))
    thread.start()
    thread.join()

@pytest.fixture
def begun():
    swallowing(with_requests)

@pytest.fixture
def ended():
    yield
    swallowing(with_requests)

@pytest.mark.fakegpt(script("hi"))
def test_asks_in_a_fixture_before(begun):
    pass

@pytest.mark.fakegpt(script("hi"))
def test_asks_in_a_fixture_afterwards(ended):
    pass

@pytest.mark.fakegpt(script(events=["a"], request="GET http://nobody.example/v1"))
def test_asks_once_more():
    with_requests()
    swallowing(with_requests)

@pytest.mark.fakegpt(script("hi"), refused="warn")
def test_warns():
    swallowing(with_requests)

@pytest.mark.fakegpt(script("hi"))
def test_fails_otherwise():
    try:
        with_httpx2()
    except Exception:
        raise ValueError("its own failure") from None
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makefile(".ini", tox=INI)
    pytester.makepyfile(test_refused=SUITE)
    return pytester


@pytest.mark.parametrize("name", ["with_urllib", "with_requests", "with_httpx2", "awaited"])
def test_a_miss_that_the_program_swallows_fails_the_test(suite: pytest.Pytester, name: str) -> None:
    result = suite.runpytest("-k", f"swallows and {name}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["GET /v1 is not in a script*", "fakegpt: *, 1 refused"])


def test_it_does_wherever_it_was_asked(suite: pytest.Pytester) -> None:
    result = suite.runpytest("-k", "is_to_fail or asks_in or asks_once")
    result.assert_outcomes(xfailed=1, failed=3, passed=1, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_asks_in_a_fixture_afterwards*", "fakegpt: *, 7 refused"])
    assert "GET /v1 is in a script (1 interaction, 1 played)" in result.stdout.str()


def test_a_test_can_say_that_it_wants_the_error(suite: pytest.Pytester) -> None:
    suite.runpytest("-k", "says_so").assert_outcomes(passed=1)


def test_it_can_be_a_warning(suite: pytest.Pytester) -> None:
    result = suite.runpytest("-k", "test_warns", "-W", "default")
    result.assert_outcomes(passed=1, warnings=1)


def test_the_report_of_another_failure_shows_it(suite: pytest.Pytester) -> None:
    result = suite.runpytest("-k", "otherwise")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*its own failure*", "*fakegpt: refused*", "GET /v1 is not in a script*"])


def test_the_command_line_says_it_for_all(suite: pytest.Pytester) -> None:
    suite.runpytest("-k", "with_requests", "--fakegpt-refused=ignore").assert_outcomes(passed=1)


def test_the_reports_count_them(suite: pytest.Pytester) -> None:
    suite.runpytest("-k", "with_requests", "--fakegpt-report=run.json", "--junitxml=run.xml")
    told = json.loads((suite.path / "run.json").read_text())
    assert told["refused"] == 1
    assert told["tests"][0]["refused"][0].startswith("GET /v1 is not in a script")
    (figures,) = ET.parse(suite.path / "run.xml").getroot().iterfind(".//property")
    assert len(json.loads(figures.get("value", ""))["refused"]) == 1


def test_a_block_raises_it_again_where_it_is_told_to() -> None:
    with pytest.raises(RequestNotRecorded), use_cassette(script("hi"), refused="fail") as session:
        with pytest.raises(RequestNotRecorded):
            urllib.request.urlopen("http://nobody.example/v1")
        assert len(session.refused) == 1


def test_a_block_warns_where_it_is_told_to() -> None:
    warned = pytest.warns(FakeGptTestkitWarning, match="nobody")
    with warned, use_cassette(script("hi"), refused="warn"), pytest.raises(RequestNotRecorded):
        urllib.request.urlopen("http://nobody.example/v1")


def test_a_cassette_that_is_not_there_refuses_too(tmp_path: pytest.TempPathFactory) -> None:
    with use_cassette(f"{tmp_path}/none.yaml") as session, pytest.raises(CassetteMissing):
        urllib.request.urlopen("http://nobody.example/v1")
    assert [type(each) for each in session.refused] == [CassetteMissing]
