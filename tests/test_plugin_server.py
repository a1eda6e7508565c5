"""The fixture that serves a test's cassette to other processes."""

from __future__ import annotations

import pytest
from support.raw import raw_server
from support.serving import WHOLE, recorded, write
from support.suites import INI

from fakegpt_testkit import storage

BEGIN = """
import json, subprocess, sys, time, urllib.error, urllib.request
import httpx, pytest
from fakegpt_testkit import faults, script, use_cassette

PROGRAM = '''
import os, urllib.request
print(urllib.request.urlopen(os.environ["EVENTS_URL"]).read().decode())
'''

def run(server, below="/events"):
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, env=server.environment(EVENTS_URL=below), capture_output=True, text=True)

def get(url):
    return urllib.request.urlopen(url).read()
"""


def suite(pytester: pytest.Pytester, tests: str, *options: str, events: int = 1) -> pytest.RunResult:
    pytester.makeini(INI)
    write(pytester.path / "cassettes", "events.yaml", *[recorded()] * events)
    pytester.makepyfile(BEGIN + tests)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)


def test_code_in_another_process_gets_the_tests_cassette(pytester: pytest.Pytester) -> None:
    result = suite(
        pytester,
        """
@pytest.mark.fakegpt("events")
def test_it(fakegpt_server):
    done = run(fakegpt_server)
    assert "data: three" in done.stdout
    [asked] = fakegpt_server.requests
    assert (asked.method, asked.path) == ("GET", "/events")
    [stream] = fakegpt_server.streams
    assert [each.data for each in stream.events] == ["one", "two", "three"]
    assert stream.read == len(b"".join(each.data for each in stream.chunks))
    assert not stream.closed_early
    assert fakegpt_server.unmatched == ()
""",
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["fakegpt: 1 replayed, 0 recorded, 0 unplayed, 0 orphans, 0 blocked"])


def test_an_unmatched_request_fails_the_test_with_the_difference(pytester: pytest.Pytester) -> None:
    result = suite(
        pytester,
        """
@pytest.mark.fakegpt("events")
def test_it(fakegpt_server):
    run(fakegpt_server)
    run(fakegpt_server, "/events?page=2")
    [problem] = fakegpt_server.unmatched
    assert problem.differences[0][0] == "query.page"
""",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*GET /events is not in cassettes/events.yaml*", "*query.page: *asked '2'*"])


@pytest.mark.parametrize(("then", "warnings"), [("ignore", 0), ("warn", 1)])
def test_an_unmatched_request_may_be_none_of_the_tests_business(
    then: str, warnings: int, pytester: pytest.Pytester
) -> None:
    result = suite(
        pytester,
        f"""
@pytest.mark.fakegpt("events", refused={then!r})
def test_it(fakegpt_server):
    run(fakegpt_server, "/other")
""",
        "-W",
        "default",
    )
    result.assert_outcomes(passed=1, warnings=warnings)


def test_a_test_that_fails_by_itself_shows_what_was_unmatched_and_its_streams(pytester: pytest.Pytester) -> None:
    result = suite(
        pytester,
        """
@pytest.mark.fakegpt("events")
def test_it(fakegpt_server):
    run(fakegpt_server)
    run(fakegpt_server, "/other")
    assert False
""",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*fakegpt: refused*", "*GET /other is not in*", "*fakegpt: streams*", "*complete*"])


def test_the_markers_options_hold(pytester: pytest.Pytester) -> None:
    result = suite(
        pytester,
        """
@pytest.mark.fakegpt("events", faults=[faults.reset(after_event=2)])
def test_faults(fakegpt_server):
    with httpx.stream("GET", fakegpt_server.url + "/events") as answer, pytest.raises(httpx.ReadError):
        for piece in answer.iter_bytes():
            assert b"three" not in piece
    assert fakegpt_server.streams[0].ending.kind == "reset"

@pytest.mark.fakegpt("events", faults=[faults.reset(after_event=99)])
def test_faults_for_no_answer(fakegpt_server):
    pass

@pytest.mark.fakegpt("events", ignore=["query.page"])
def test_ignore(fakegpt_server):
    assert get(fakegpt_server.url + "/events?page=7")

@pytest.mark.fakegpt("events", unplayed="fail")
def test_unplayed(fakegpt_server):
    pass

@pytest.mark.fakegpt("events", allow_playback_repeats=True)
def test_again(fakegpt_server):
    assert get(fakegpt_server.url + "/events") == get(fakegpt_server.url + "/events")

@pytest.mark.fakegpt("events")
def test_is_a_service_like_any_other(fakegpt_server, tmp_path):
    with use_cassette(tmp_path / "a.yaml", record_mode="once") as session:
        get(fakegpt_server.url + "/events")
    assert (len(session.recorded), session.passed) == (1, 0)

@pytest.mark.fakegpt("events")
def test_each_is_played_once(fakegpt_server):
    get(fakegpt_server.url + "/events")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(fakegpt_server.url + "/events")

@pytest.mark.fakegpt("events", pace=100)
def test_pace(fakegpt_server):
    began = time.monotonic()
    get(fakegpt_server.url + "/events")
    assert time.monotonic() - began >= 3

SAID = script("Bonjour", steps=["conversation"])

@pytest.mark.fakegpt(SAID)
def test_script(fakegpt_server):
    body = json.dumps({"any": "body"}).encode()
    url = fakegpt_server.url + SAID[0].request.path
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    assert b"Bonjour" in urllib.request.urlopen(asked).read()
""",
    )
    result.assert_outcomes(failed=1, passed=8, errors=2)
    result.stdout.fnmatch_lines(
        ["FAILED *::test_each_is_played_once *", "ERROR *::test_faults_for_no_answer *", "ERROR *::test_unplayed *"]
    )


@pytest.mark.untraced
@pytest.mark.once
@pytest.mark.plugins("xdist")
def test_each_test_has_a_server_of_its_own_under_xdist_too(pytester: pytest.Pytester) -> None:
    result = suite(
        pytester,
        """
@pytest.mark.fakegpt("events")
@pytest.mark.parametrize("number", range(20))
def test_it(fakegpt_server, number):
    get(fakegpt_server.url + "/events")
    assert len(fakegpt_server.requests) == 1
""",
        "-n",
        "2",
    )
    result.assert_outcomes(passed=20)
    result.stdout.fnmatch_lines(["fakegpt: 20 replayed, 0 recorded, *"])


def test_an_unmarked_test_has_the_cassette_of_its_name(pytester: pytest.Pytester) -> None:
    write(pytester.path / "cassettes", "test_named.py/test_it.yaml", recorded())
    pytester.makeini(INI)
    pytester.makepyfile(
        test_named=BEGIN + "\ndef test_it(fakegpt_server):\n    assert b'one' in get(fakegpt_server.url + '/events')\n"
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["fakegpt: 1 replayed, 0 recorded, 0 unplayed, 0 orphans, 0 blocked"])


def test_a_cassette_that_is_not_there_is_told_with_the_way_to_record_it(pytester: pytest.Pytester) -> None:
    result = suite(
        pytester,
        """
@pytest.mark.fakegpt("nothing")
def test_it(fakegpt_server):
    pass
""",
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*cassettes/nothing.yaml, and there is no such cassette*", "*to record it: pytest *"])


def test_the_network_stays_closed_for_code_in_the_test(pytester: pytest.Pytester) -> None:
    result = suite(
        pytester,
        """
@pytest.mark.fakegpt("events")
def test_it(fakegpt_server):
    get(fakegpt_server.url + "/events")
    get("http://192.0.2.1/")
""",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*1 blocked"])


def test_a_client_in_the_tests_own_loop_can_ask_it(pytester: pytest.Pytester) -> None:
    result = suite(
        pytester,
        """
import aiohttp

@pytest.mark.fakegpt("events")
async def test_it(fakegpt_server):
    async with aiohttp.ClientSession() as session, session.get(fakegpt_server.url + "/events") as answer:
        assert b"three" in await answer.read()
    assert len(fakegpt_server.streams) == 1
""",
    )
    result.assert_outcomes(passed=1)


def test_in_a_mode_that_records_it_asks_the_live_service_and_later_plays_that(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    tests = """
@pytest.mark.fakegpt("made")
def test_it(fakegpt_server):
    assert "data: three" in run(fakegpt_server).stdout
    assert fakegpt_server.unmatched == ()
    assert [each.path for each in fakegpt_server.requests] == ["/events"]
    [stream] = fakegpt_server.streams
    assert [each.data for each in stream.events] == ["one", "two", "three"]
"""
    with raw_server({"/events": (WHOLE,)}) as upstream:
        options = ["--fakegpt-record-mode=once", f"--fakegpt-url=http://127.0.0.1:{upstream.port}"]
        result = suite(pytester, tests, *options)
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(["fakegpt: 0 replayed, 1 recorded, *"])
        result = suite(pytester, tests, *options)
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(["fakegpt: 1 replayed, 0 recorded, *"])
        assert len(upstream.requests) == 1
    suite(pytester, tests).assert_outcomes(passed=1)


def test_it_verifies_and_a_drift_fails_its_test_and_stands_in_the_runs_report(pytester: pytest.Pytester) -> None:
    tests = """
@pytest.mark.fakegpt("events")
def test_it(fakegpt_server):
    assert "data: three" in run(fakegpt_server).stdout
    assert fakegpt_server.recorded == ()


@pytest.mark.fakegpt("events")
def test_nobody(fakegpt_server):
    fakegpt_server.environment()


@pytest.mark.fakegpt("events", faults=[faults.reset(1)])
def test_faulty(fakegpt_server):
    raise AssertionError("never run")
"""
    before = write(pytester.path, "cassettes/events.yaml", recorded()).read_bytes()
    other = WHOLE.replace(b"200 OK", b"202 OK")
    for answer, outcome, said in [
        (WHOLE, {"passed": 2, "skipped": 1}, "fakegpt: 1 answer of 2 tests verified: 1 same, 1 not verified"),
        (other, {"passed": 2, "skipped": 1, "errors": 1}, "*broken * GET /events: *200*202*"),
    ]:
        with raw_server({"/events": (answer,)}) as upstream:
            live = f"http://127.0.0.1:{upstream.port}"
            result = suite(pytester, tests, "--fakegpt-record-mode=verify", f"--fakegpt-url={live}")
        result.assert_outcomes(**outcome)
        result.stdout.fnmatch_lines([said])
    result = suite(pytester, tests, "--fakegpt-record-mode=verify", f"--fakegpt-url={live}", "-k", "test_it")
    result.stdout.fnmatch_lines(["*could not be compared with 1 exchange*", "*GET /events: ConnectionRefused*"])
    assert (pytester.path / "cassettes/events.yaml").read_bytes() == before


def test_what_a_failing_test_recorded_answers_nobody(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    tests = """
@pytest.mark.fakegpt("{name}"{more})
def test_it(fakegpt_server):
    assert "data: three" not in run(fakegpt_server).stdout
"""
    cassettes = pytester.path / "cassettes"
    with raw_server({"/events": (WHOLE,)}) as upstream:
        live = f"--fakegpt-url=http://127.0.0.1:{upstream.port}"
        result = suite(pytester, tests.format(name="new", more=""), "--fakegpt-record-mode=once", live)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*Captured stderr teardown*", "*new.yaml is left as it was*new.yaml.failed"])
        assert [each.name for each in cassettes.glob("new.yaml*")] == ["new.yaml.failed"]
        write(cassettes, "events.yaml", recorded())
        before = (cassettes / "events.yaml").read_bytes()
        result = suite(pytester, tests.format(name="events", more=""), "--fakegpt-record-mode=all", live)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*events.yaml is unchanged: the test that recorded it failed"])
        assert (cassettes / "events.yaml").read_bytes() == before
        more = ", record_on_exception=True"
        suite(pytester, tests.format(name="kept", more=more), "--fakegpt-record-mode=once", live)
        assert (cassettes / "kept.yaml").exists()
    assert not [each for each in storage.leftovers() if str(pytester.path) in each.cassette]
