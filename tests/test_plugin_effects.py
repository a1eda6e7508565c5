"""Effects and scripts where a cassette is used: by the context manager, by the marker, for a whole run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from support.suites import INI

from fakegpt_testkit import FakeGpt, load_cassette, use_cassette
from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.effects import faults, script
from fakegpt_testkit.errors import RequestNotRecorded, RequestPlayedOut, TokenRefused
from fakegpt_testkit.exchange import EndingKind
from fakegpt_testkit.fakegpt.stand_in import Options, serve_in_thread
from fakegpt_testkit.plugin.options import OPTIONS
from fakegpt_testkit.sse import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakegpt_testkit.fakegpt.answers import AsyncGeneratorProvider

pytestmark = pytest.mark.untraced

ANSWER = script("Hel", "lo ", "there")
SITE = "https://chat-shared2.zhile.io"


def provider() -> type[AsyncGeneratorProvider]:
    return type("FakeGpt", (FakeGpt,), {"url": SITE})


async def ask(chat: Any, prompt: str = "Say hello") -> list[str]:
    return [part async for part in chat.create_async_generator("", [{"role": "user", "content": prompt}])]


async def chunks() -> list[bytes]:
    """What a client without any retries of its own gets, chunk by chunk."""
    async with aiohttp.ClientSession() as client, client.post(f"{SITE}/api/conversation", json={}) as response:
        return [chunk async for chunk in response.content.iter_any()]


@pytest.mark.parametrize("source", [ANSWER, Cassette(ANSWER, "made up")], ids=["interactions", "cassette"])
async def test_a_script_stands_where_a_cassette_does(source: Any, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with use_cassette(source, record_mode="all") as session:
        assert await ask(provider(), "whatever is asked") == ["Hel", "lo ", "there"]
    assert (session.unplayed, session.recorded) == ((), ())
    assert list(tmp_path.iterdir()) == []


async def test_a_script_answers_any_prompt_and_no_other_endpoint() -> None:
    with use_cassette(ANSWER) as session:
        assert session.path == "a script"
        async with aiohttp.ClientSession() as client:
            with pytest.raises(RequestNotRecorded, match="GET /api/elsewhere is not in a script"):
                await client.get(f"{SITE}/api/elsewhere")


async def test_two_answers_follow_each_other() -> None:
    chat = provider()
    with use_cassette(ANSWER + script("Bye", steps=["conversation"])):
        assert ["".join(await ask(chat, prompt)) for prompt in ("one", "two")] == ["Hello there", "Bye"]


@pytest.mark.parametrize(
    ("effects", "failure"),
    [
        ([faults.reset(after_event=2)], aiohttp.ClientError),
        ([faults.stall(after_event=1)], TimeoutError),
        ([faults.refused()], aiohttp.ClientConnectorError),
        ([faults.status(401)], TokenRefused),
    ],
    ids=str,
)
async def test_a_fault_reaches_the_client_as_on_a_wire(effects: Sequence[Any], failure: type[Exception]) -> None:
    timeout = aiohttp.ClientTimeout(sock_read=0.05)
    with use_cassette(ANSWER, faults=effects, pace=1, allow_playback_repeats=True), pytest.raises(failure):
        if failure is TokenRefused:
            await ask(provider())
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.post(f"{SITE}/api/conversation", json={}) as response,
        ):
            await response.read()


@pytest.mark.parametrize("fault", [faults.reset(after_event=2), faults.refused()], ids=str)
async def test_the_first_call_fails_and_the_second_works(fault: Any) -> None:
    with use_cassette(ANSWER, faults=[fault.times(1)]) as session:
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await chunks()
        assert b"".join(await chunks()) == ANSWER[-1].response.body
        with pytest.raises(RequestPlayedOut):
            await chunks()
    assert [each.ending.kind is EndingKind.COMPLETE for each in session.streams] == [False, True]


async def test_a_refused_connection_is_a_stream_without_an_answer_and_no_exchange() -> None:
    with use_cassette(ANSWER, faults=[faults.refused()]) as session, pytest.raises(aiohttp.ClientConnectorError):
        await chunks()
    assert [each.ending.kind for each in session.streams] == [EndingKind.UNCONNECTED]
    assert (session.exchanged, session.played) == ((), ())
    assert ANSWER[-1] not in session.unplayed


async def test_equal_requests_go_on_to_the_next_recording_after_a_fault_that_does_no_harm() -> None:
    answers = script("one") + script("two", steps=["conversation"])
    with use_cassette(answers, faults=[faults.slow_start(0.001)]):
        assert [b"".join(await chunks()) for _ in range(2)] == [each.response.body for each in (answers[3], answers[4])]


async def test_other_cuts_are_the_same_bytes() -> None:
    with use_cassette(ANSWER, recut="byte") as session:
        got = await chunks()
    assert got == [bytes([byte]) for byte in ANSWER[-1].response.body]
    assert [len(chunk.data) for chunk in session.streams[0].chunks] == [1] * len(got)


async def test_streams_tell_what_was_played_and_what_the_client_took() -> None:
    with use_cassette(ANSWER) as session:
        async with aiohttp.ClientSession() as client, client.post(f"{SITE}/api/conversation", json={}) as response:
            await response.content.readany()
        (stream,) = session.streams
        assert stream.closed_early
        assert stream.read == len(ANSWER[-1].response.chunks[0].data)
        assert stream.text == "Hello there"
        assert "closed early" in session.describe()


SUITE = """
import pytest
from fakegpt_testkit.effects import faults, script

ANSWER = script("Hel", "lo ", "there")

async def ask(chat):
    return [part async for part in chat.create_async_generator("", [{"role": "user", "content": "Say hello"}])]

@pytest.mark.fakegpt(ANSWER)
async def test_scripted(fakegpt, fakegpt_cassette):
    assert await ask(fakegpt) == ["Hel", "lo ", "there"]
    assert fakegpt_cassette.streams[0].ended_properly
    assert len(fakegpt_cassette.streams[0].chunks) == CHUNKS

@pytest.mark.fakegpt(ANSWER, faults=[faults.reset(after_event=3)])
async def test_reset(fakegpt):
    with pytest.raises(Exception, match="not completed"):
        await ask(fakegpt)

@pytest.mark.fakegpt(ANSWER, recut="byte")
async def test_own_cuts(fakegpt, fakegpt_cassette):
    await ask(fakegpt)
    assert {len(each.data) for each in fakegpt_cassette.streams[0].chunks} == {1}

@pytest.mark.fakegpt(script(events=['{"error": "token sk-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKL"}']))
async def test_fails(fakegpt):
    await ask(fakegpt)
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(INI)
    return pytester


def test_markers_change_streams_and_a_failed_test_shows_its_own(suite: pytest.Pytester) -> None:
    suite.makepyfile(SUITE.replace("CHUNKS", "6"))
    result = suite.runpytest()
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(
        ["*- fakegpt: streams -*", "*<Stream POST *1 events*", "*event 1 at 0.000 s: *error*", "*ended: complete*"]
    )
    assert "sk-abcdefghij" not in result.stdout.str().partition("fakegpt: streams")[2]
    assert "to cut them again" not in result.stdout.str()


@pytest.mark.once
@pytest.mark.plugins("xdist")
def test_a_whole_run_is_cut_otherwise_and_the_seed_reproduces_it(suite: pytest.Pytester) -> None:
    suite.makepyfile(SUITE.replace("CHUNKS", "-1"))  # no cut has as many: the test fails and shows it
    result = suite.runpytest("--fakegpt-recut=random", "-n", "2")
    result.assert_outcomes(passed=2, failed=2)
    header = next(line for line in result.outlines if line.startswith("fakegpt: "))
    seed = header.partition("--fakegpt-recut=")[2]
    assert seed.isdigit()
    result.stdout.fnmatch_lines([f'*the chunks were cut again; to repeat it: pytest "*::test_scripted" *={seed}'])
    cut = re.compile(r"assert (\d+) == -1")
    again = suite.runpytest("-o", f"fakegpt_recut={seed}", "-k", "scripted")
    assert cut.findall(again.stdout.str())
    assert set(cut.findall(again.stdout.str())) == set(cut.findall(result.stdout.str()))


def test_a_way_of_cutting_that_does_not_exist_is_a_usage_error(suite: pytest.Pytester) -> None:
    suite.makepyfile(SUITE)
    result = suite.runpytest("--fakegpt-recut=sideways")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: recut is 'sideways'; wanted: a seed, 'byte', 'event', 'line', or sizes*"])


def test_every_option_is_documented_and_has_an_ini_key(suite: pytest.Pytester) -> None:
    documented = (Path(__file__).parent.parent / "docs/plugin.md").read_text(encoding="utf-8")
    shown = suite.runpytest("--help").stdout.str()
    for name in OPTIONS:
        assert f"| `--fakegpt-{name.replace('_', '-')}` |" in documented
        assert re.search(rf"^\s+fakegpt_{name} \(", shown, re.MULTILINE)


SWEPT = """
import pytest
from fakegpt_testkit.effects import faults

async def ask(chat):
    return [part async for part in chat.create_async_generator("", [{"role": "user", "content": "Say hello"}])]

@pytest.mark.fakegpt("swept", faults=faults.everywhere(faults.close))
async def test_it_is_whole_or_an_error(fakegpt, fakegpt_fault, fakegpt_cassette):
    try:
        assert "".join(await ask(fakegpt)) == "Hello there"
    except Exception as problem:
        assert fakegpt_fault is not None
        assert "not completed" in str(problem)
    if fakegpt_fault is not None:
        assert fakegpt_cassette.streams[-1].ending.kind == "eof"
"""


@pytest.mark.once
@pytest.mark.plugins("xdist")
def test_a_sweep_is_one_test_for_each_event_of_the_recording(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    suite.makepyfile(SWEPT)
    missing = suite.runpytest()
    missing.assert_outcomes(failed=1)
    missing.stdout.fnmatch_lines(["*test_it_is_whole_or_an_error?not recorded?*"])
    with serve_in_thread(Options(text="Hello there")) as service:
        suite.runpytest("--fakegpt-record-mode=once", f"--fakegpt-url={service.url}").assert_outcomes(passed=1)
    events = len(parse(load_cassette(suite.path / "cassettes/swept.yaml").interactions[-1].response.body))
    assert events > 3
    suite.runpytest("-n", "2").assert_outcomes(passed=events)


def test_a_sweep_without_a_name_says_that_it_needs_one(suite: pytest.Pytester) -> None:
    suite.makepyfile(SWEPT.replace('"swept", ', ""))
    result = suite.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*faults is 'a sweep'; wanted: a cassette's name or a script beside it*"])
