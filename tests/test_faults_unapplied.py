"""A fault that changed no answer: the test that passes with it has shown nothing, and is told so."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import aiohttp
import pytest
from support.suites import INI

from fakegpt_testkit import FakeGpt, use_cassette
from fakegpt_testkit.effects import faults, script
from fakegpt_testkit.errors import BadSetting, EffectMisplaced, FakeGptTestkitWarning, FaultNeverApplied
from fakegpt_testkit.fakegpt.stand_in import Options, serve_in_thread

if TYPE_CHECKING:
    from pathlib import Path

    from fakegpt_testkit.effects import Effect
    from fakegpt_testkit.recorder.settings import Consequence, Mode

pytestmark = pytest.mark.usefixtures("own_state")

ANSWER = script("Hel", "lo ", "there", every=0.5)
CONVERSATION = "https://chat-shared2.zhile.io/api/conversation"


async def post(chunks: int | None = None) -> None:
    """Ask once and read so many chunks, or all; what goes wrong is nobody's business, as with a careless client."""
    with suppress(Exception):
        async with aiohttp.ClientSession() as client, client.post(CONVERSATION, json={}) as response:
            async for _ in response.content.iter_any():
                chunks = None if chunks is None else chunks - 1
                if chunks == 0:
                    break


NEVER = {
    "no such event": (faults.reset(after_event=400), "there is no event 400"),
    "no such byte": (faults.stop(after_byte=10**6), "the body has "),
    "no such event to change": (faults.swap(6), "there is no event 7"),
    "a call that never came": (faults.status(429).on(call=2), "it is for no answer that was played"),
    "a connection that was never made": (faults.refused().on(call=2), "it is for no answer that was played"),
    "an endpoint that nobody asked": (faults.status(500).on(path="/auth/login"), "it is for no answer"),
    "an interaction that is not there": (faults.reset(1).on(interaction=9), "it is for no answer"),
}


@pytest.mark.parametrize(("fault", "reason"), NEVER.values(), ids=NEVER.keys())
async def test_a_fault_without_its_place_fails_the_block(fault: Effect, reason: str) -> None:
    applied = faults.slow_start(0.001)
    with pytest.raises(FaultNeverApplied) as raised, use_cassette(ANSWER, faults=[applied, fault]) as session:
        await post()
    ((written, why),) = raised.value.faults
    assert (written, why.startswith(reason)) == (str(fault), True), why
    assert raised.value.path == "a script"
    assert session.unapplied == raised.value.faults


ONCE = {
    "at the last event": faults.reset(after_event=6),
    "at a time after the end": faults.reset(after_seconds=99),
    "at a place that the client never read up to": faults.close(after_event=5),
    "once of three times": faults.status(503).times(3),
    "before the connection": faults.dns(),
    "for every answer": faults.status(200).on(path="*"),
    "one of a sweep, for an answer that nobody asked": faults.everywhere(faults.reset).over(ANSWER + ANSWER)[-1],
}


@pytest.mark.parametrize("fault", ONCE.values(), ids=ONCE.keys())
async def test_a_fault_that_was_played_once_is_enough(fault: Effect) -> None:
    with use_cassette(ANSWER, faults=[fault]) as session:
        await post(chunks=1)
    assert session.unapplied == ()


async def test_the_error_says_what_was_played_and_what_to_do() -> None:
    chat: type[FakeGpt] = type("FakeGpt", (FakeGpt,), {})
    with pytest.raises(FaultNeverApplied) as raised, use_cassette(ANSWER, faults=[faults.status(429).on(call=2)]):
        [_ async for _ in chat.create_async_generator("", [{"role": "user", "content": "Say hello"}])]
    assert str(raised.value) == (
        "1 fault changed no answer of a script, so nothing was tested with it\n"
        "  status(429).on(call=2): it is for no answer that was played\n"
        "  played:\n"
        "    GET /api/loads\n"
        "    POST /auth/login\n"
        "    GET /api/auth/session\n"
        "    POST /api/conversation\n"
        "  give it a place that the stream has and a request that is made; or allow it with unapplied='ignore'"
    )
    nothing = pytest.raises(FaultNeverApplied, match=r"2 faults .*\n.*\n.*\n  played: nothing\n")
    with nothing, use_cassette(ANSWER, faults=[faults.reset(1), faults.reset(2)]):
        pass


def test_many_requests_are_not_all_listed() -> None:
    error = FaultNeverApplied("c.yaml", (("reset(1)", "why"),), tuple(f"GET /{number}" for number in range(13)))
    assert "    GET /9\n    and 3 more\n" in str(error)


async def test_a_misplaced_fault_is_named_as_it_is_written() -> None:
    misplaced = pytest.raises(
        EffectMisplaced, match=r"^reset\(after_event=9\)\.times\(2\) cannot be applied: there is "
    )
    with misplaced, use_cassette(ANSWER, faults=[faults.reset(9).times(2)]):
        async with aiohttp.ClientSession() as client, client.post(CONVERSATION, json={}):
            pass


def test_what_becomes_of_it_can_be_said() -> None:
    def use(then: Consequence) -> None:
        with use_cassette(ANSWER, faults=[faults.reset(1)], unapplied=then):
            pass

    use("ignore")
    with pytest.warns(FakeGptTestkitWarning, match="1 fault changed no answer") as caught:
        use("warn")
    assert caught[0].filename == __file__
    with pytest.raises(BadSetting, match="unapplied is 'often'; wanted: one of ignore, warn, fail"):
        use("often")  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="first"), use_cassette(ANSWER, faults=[faults.reset(1)]):
        raise RuntimeError("first")


@pytest.mark.parametrize("mode", ["once", "all", "rewrite", "new_episodes"])
def test_what_is_recorded_meets_no_fault(tmp_path: Path, mode: Mode) -> None:
    with serve_in_thread(Options(text="Hello")) as service:
        chat: type[FakeGpt] = type("FakeGpt", (FakeGpt,), {"url": service.url})
        with use_cassette(tmp_path / "nothing.yaml", record_mode="all", faults=[faults.reset(1)]):
            pass
        with use_cassette(tmp_path / "c.yaml", record_mode=mode, faults=[faults.reset(1)]):
            assert "".join(chat.create_completion("", [{"role": "user", "content": "Say hello"}])) == "Hello"


SUITE = """
import pytest
from fakegpt_testkit.effects import faults, script

ANSWER = script("Hel", "lo")
MISPLACED = faults.reset(after_event=400)

async def ask(chat):
    return [part async for part in chat.create_async_generator("", [{"role": "user", "content": "Say hello"}])]

@pytest.mark.fakegpt(ANSWER, faults=[MISPLACED])
async def test_believes_in_any_error(fakegpt):
    with pytest.raises(Exception):
        await ask(fakegpt)

@pytest.mark.fakegpt(ANSWER, faults=[MISPLACED])
def test_fails(): assert False, "so nothing more is said"

@pytest.mark.fakegpt(ANSWER, faults=[MISPLACED])
def test_skips(): pytest.skip("so nothing is said")

@pytest.mark.fakegpt(ANSWER, faults=[MISPLACED], unapplied="ignore")
def test_is_allowed_to(): pass

@pytest.mark.fakegpt(ANSWER, faults=[MISPLACED], unapplied="warn")
def test_is_warned(): pass

@pytest.mark.fakegpt(ANSWER, faults=[faults.reset(after_event=1)])
async def test_is_right(fakegpt):
    with pytest.raises(Exception, match="not completed"):
        await ask(fakegpt)

@pytest.mark.fakegpt(ANSWER, faults=faults.everywhere(faults.reset))
def test_sweeps(): pass

class TestOfASuiteThatIsFaultyThroughout:
    @pytest.fixture
    def fakegpt_config(self): return {"faults": [faults.slow_start(1)]}

    @pytest.mark.fakegpt(ANSWER)
    def test_asks_nothing(self): pass

    @pytest.mark.fakegpt(ANSWER, unapplied="fail")
    def test_means_it(self): pass
"""


def test_a_passing_test_whose_markers_fault_changed_nothing_is_an_error(pytester: pytest.Pytester) -> None:
    pytester.makeini(f"{INI}filterwarnings = default\n")
    pytester.makepyfile(test_it=SUITE)
    result = pytester.runpytest()
    swept = len(ANSWER[-1].response.chunks) - 1
    result.assert_outcomes(passed=6 + swept, failed=1, skipped=1, errors=2, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "1 fault changed no answer of a script, so nothing was tested with it",
            "  reset(after_event=400): there is no event 400",
            "  slow_start(1): it is for no answer that was played",
            "*FakeGptTestkitWarning: FaultNeverApplied: 1 fault changed no answer of a script*",
            "ERROR *::test_believes_in_any_error*",
            "ERROR *::test_means_it*",
        ]
    )
