"""The pytest plugin in suites of other people."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from support.suites import INI

from fakegpt_testkit import load_cassette
from fakegpt_testkit.fakegpt.stand_in import Options, serve_in_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakegpt_testkit.fakegpt.stand_in import Service

pytestmark = [pytest.mark.untraced, pytest.mark.usefixtures("own_state")]

ASK = """
import pytest

async def ask(provider, prompt="Say hello"):
    return [part async for part in provider.create_async_generator("", [{"role": "user", "content": prompt}])]
"""
GREETS = f"""{ASK}
@pytest.mark.fakegpt
async def test_greets(fakegpt):
    assert "".join(await ask(fakegpt)) == "Hello there"
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(INI)
    return pytester


@pytest.fixture
def service() -> Iterator[Service]:
    with serve_in_thread(Options(text="Hello there")) as running:
        yield running


def add(suite: pytest.Pytester, **modules: str) -> None:
    folder = suite.path / "tests"
    folder.mkdir(exist_ok=True)
    for name, code in modules.items():
        (folder / f"{name}.py").write_text(code, encoding="utf-8")


def record(suite: pytest.Pytester, service: Service, *args: str) -> pytest.RunResult:
    return suite.runpytest("--fakegpt-record-mode=once", f"--fakegpt-url={service.url}", *args)


def cassettes(suite: pytest.Pytester) -> list[str]:
    return sorted(path.relative_to(suite.path).as_posix() for path in suite.path.rglob("*.yaml"))


def test_one_marker_records_once_and_replays_offline(suite: pytest.Pytester) -> None:
    add(suite, test_chat=GREETS)
    with serve_in_thread(Options(text="Hello there")) as service:
        record(suite, service).assert_outcomes(passed=1)
    suite.runpytest().assert_outcomes(passed=1)
    assert cassettes(suite) == ["cassettes/test_chat/test_greets.yaml"]


def test_a_cassette_of_another_url_is_stored_for_the_live_one(suite: pytest.Pytester, service: Service) -> None:
    add(suite, test_chat=GREETS)
    record(suite, service)
    recorded = load_cassette(suite.path / "cassettes/test_chat/test_greets.yaml")
    assert {each.request.uri.split("/api")[0].split("/auth")[0] for each in recorded.interactions} == {
        "https://chat-shared2.zhile.io"
    }
    assert {each.provenance.origin for each in recorded.interactions} == {service.url}
    assert all("fakegpt-testkit-upstream" in each.provenance.server for each in recorded.interactions)
    suite.runpytest("--fakegpt-url=http://another.example").assert_outcomes(passed=1)


def test_a_missing_cassette_says_the_command_that_records_it(suite: pytest.Pytester, service: Service) -> None:
    add(suite, test_chat=GREETS)
    result = suite.runpytest()
    result.assert_outcomes(failed=1)
    said = re.search(r"to record it: pytest (\S+) (\S+)", result.stdout.str())
    assert said is not None
    suite.runpytest(said[1].strip('"'), said[2], f"--fakegpt-url={service.url}").assert_outcomes(passed=1)
    suite.runpytest().assert_outcomes(passed=1)


def test_another_prompt_is_an_error_that_says_what_differs(suite: pytest.Pytester, service: Service) -> None:
    add(suite, test_chat=GREETS)
    record(suite, service)
    add(suite, test_chat=GREETS.replace("ask(fakegpt)", "ask(fakegpt, 'Say hi')"))
    result = suite.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*RequestNotRecorded: POST /api/conversation is not in cassettes/test_chat/test_greets.yaml*",
            "*recorded 'Say hello', asked 'Say hi'*",
        ]
    )


def test_an_unreachable_service_is_named_and_the_old_cassette_stays(suite: pytest.Pytester, service: Service) -> None:
    add(suite, test_chat=GREETS)
    record(suite, service)
    path = suite.path / "cassettes/test_chat/test_greets.yaml"
    before = path.read_bytes()
    result = suite.runpytest("--fakegpt-record-mode=rewrite", "--fakegpt-url=http://localhost:1")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*http://localhost:1 could not be reached; * keeps that, unless what asked fails",
            '*to record from another URL: pytest "tests/*::test_greets" * --fakegpt-url=URL  # * stand-in has one',
            "  no request that a cassette sees was answered, so nothing was recorded; *",
        ]
    )
    assert "test_greets.yaml is unchanged" in result.stdout.str()
    assert path.read_bytes() == before


def test_a_failed_rerecording_leaves_the_old_cassette_and_says_so(suite: pytest.Pytester, service: Service) -> None:
    add(suite, test_chat=GREETS)
    record(suite, service)
    path = suite.path / "cassettes/test_chat/test_greets.yaml"
    before = path.read_bytes()
    add(suite, test_chat=GREETS.replace('"Hello there"', '"Something else"'))
    result = suite.runpytest("--fakegpt-record-mode=rewrite", f"--fakegpt-url={service.url}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*test_greets.yaml is unchanged*"])
    assert path.read_bytes() == before


NAMES = f"""{ASK}
class TestBot:
    @pytest.mark.parametrize("word", ["a", "b"])
    @pytest.mark.fakegpt
    async def test_says(self, fakegpt, word):
        assert await ask(fakegpt, word)

@pytest.mark.fakegpt("shared/one")
async def test_first(fakegpt):
    assert await ask(fakegpt)
"""


def test_cassettes_lie_where_the_test_is_or_where_the_marker_says(suite: pytest.Pytester, service: Service) -> None:
    add(suite, test_names=NAMES)
    record(suite, service, "--fakegpt-cassette-dir=tapes").assert_outcomes(passed=3)
    found = cassettes(suite)
    assert found[0] == "tapes/shared/one.yaml"
    assert found[1:] == ["tapes/test_names/TestBot.test_says[a].yaml", "tapes/test_names/TestBot.test_says[b].yaml"]
    suite.runpytest("--fakegpt-cassette-dir=tapes").assert_outcomes(passed=3)


PRECEDENCE = """
import pytest

@pytest.fixture
def fakegpt_config():
    return {config}

@pytest.mark.fakegpt{marker}
def test_mode(fakegpt_cassette):
    assert fakegpt_cassette.record_mode == "{expected}"
"""


@pytest.mark.parametrize(
    ("marker", "option", "config", "ini", "expected"),
    [
        ("", None, {}, None, "none"),
        ("", None, {}, "once", "once"),
        ("", None, {"record_mode": "all"}, "once", "all"),
        ("", "rewrite", {"record_mode": "all"}, "once", "rewrite"),
        ("(record_mode='new_episodes')", "rewrite", {"record_mode": "all"}, "once", "new_episodes"),
    ],
    ids=["default", "ini", "fixture before ini", "command line before fixture", "marker before command line"],
)
def test_who_decides(
    suite: pytest.Pytester, marker: str, option: str | None, config: dict[str, str], ini: str | None, expected: str
) -> None:
    add(suite, test_who=PRECEDENCE.format(marker=marker, config=config, expected=expected))
    overridden = ["-o", f"fakegpt_record_mode={ini}"] if ini else []
    asked = [f"--fakegpt-record-mode={option}"] if option else []
    suite.runpytest(*overridden, *asked).assert_outcomes(passed=1)


NEAREST = """
import pytest
pytestmark = pytest.mark.fakegpt("module", pace="recorded", record_mode="all")

@pytest.mark.fakegpt(record_mode="once")
class TestBot:
    def test_class(self, fakegpt_cassette):
        assert (fakegpt_cassette.record_mode, fakegpt_cassette.pace) == ("once", "recorded")
        assert fakegpt_cassette.path.endswith("module.yaml")

    @pytest.mark.fakegpt("own", pace=0.5)
    def test_function(self, fakegpt_cassette):
        assert (fakegpt_cassette.record_mode, fakegpt_cassette.pace) == ("once", 0.5)
        assert fakegpt_cassette.path.endswith("own.yaml")
"""


def test_the_nearest_marker_wins_for_each_option(suite: pytest.Pytester) -> None:
    add(suite, test_nearest=NEAREST)
    suite.runpytest().assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("record_mode='always'", "*record_mode is 'always'; wanted: one of none, once, new_episodes, all, rewrite*"),
        ("pace='fast'", "*pace is 'fast'; wanted: 'lockstep', 'recorded', or a factor*"),
        ("unplayed='often'", "*unplayed is 'often'; wanted: one of ignore, warn, fail*"),
        ("unapplied='often'", "*unapplied is 'often'; wanted: one of ignore, warn, fail*"),
        ("stale='often'", "*stale is 'often'; wanted: one of warn, fail, record*"),
        ("faults=['reset']", "*faults is 'reset'; wanted: a list of effects*"),
        ("url='localhost:80'", "*url is 'localhost:80'; wanted: a URL such as*"),
        ("allow_hosts=7", "*allow_hosts is 7; wanted: a list of hosts*"),
        ("block_network='no'", "*block_network is 'no'; wanted: True or False*"),
        ("cassette_dir=7", "*cassette_dir is 7; wanted: a folder*"),
        ("speed=2", "*a setting is 'speed'; wanted: one of *allow_hosts, allow_playback_repeats, *"),
        ("'../outside'", "*'../outside' cannot name a cassette in *"),
    ],
)
def test_a_wrong_option_is_named_with_what_is_possible(suite: pytest.Pytester, marker: str, message: str) -> None:
    code = f"import pytest\n@pytest.mark.fakegpt({marker})\ndef test_it(): pass\n"
    add(suite, test_wrong=code)
    result = suite.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["* ERROR at setup of test_it *", message], consecutive=True)
    result.stdout.no_fnmatch_line("*marker.py*")


ISOLATED = f"""{ASK}
seen = []

@pytest.mark.fakegpt
async def test_one(fakegpt, fakegpt_cassette):
    assert fakegpt._access_token is None
    await ask(fakegpt)
    assert fakegpt._access_token is not None
    assert len(fakegpt_cassette.interactions) == 4

@pytest.mark.fakegpt
async def test_two(fakegpt, fakegpt_cassette):
    assert fakegpt._access_token is None
    await ask(fakegpt)
    assert len(fakegpt_cassette.interactions) == 4
"""


def test_no_token_passes_from_test_to_test(suite: pytest.Pytester, service: Service) -> None:
    add(suite, test_isolated=ISOLATED)
    record(suite, service).assert_outcomes(passed=2)
    suite.runpytest().assert_outcomes(passed=2)


UPSTREAM = f"""{ASK}
from fakegpt_testkit.fakegpt.stand_in import Options

@pytest.fixture
def fakegpt_upstream_options():
    return Options(text="From the stand-in")

@pytest.mark.fakegpt
async def test_asks_it(fakegpt, fakegpt_upstream):
    assert fakegpt.url == fakegpt_upstream.url
    assert "".join(await ask(fakegpt)) == "From the stand-in"
"""


def test_the_stand_in_is_a_fixture_whose_port_never_matters(suite: pytest.Pytester) -> None:
    add(suite, test_stand_in_fixture=UPSTREAM)
    suite.runpytest("--fakegpt-record-mode=once").assert_outcomes(passed=1)
    before = (suite.path / "cassettes/test_stand_in_fixture/test_asks_it.yaml").read_bytes()
    suite.runpytest().assert_outcomes(passed=1)
    assert (suite.path / "cassettes/test_stand_in_fixture/test_asks_it.yaml").read_bytes() == before


FIXTURES = f"""{ASK}
import pytest_asyncio

@pytest_asyncio.fixture
async def answer(fakegpt):
    return "".join(await ask(fakegpt))

@pytest.mark.fakegpt
async def test_what_a_fixture_asked(answer, fakegpt_cassette):
    assert answer == "Hello there"
    assert len(fakegpt_cassette.interactions) == 4
"""


def test_what_fixtures_ask_is_recorded_too(suite: pytest.Pytester, service: Service) -> None:
    add(suite, test_fixtures=FIXTURES)
    record(suite, service).assert_outcomes(passed=1)
    suite.runpytest().assert_outcomes(passed=1)


UNMARKED = """
from aiohttp import BaseConnector

def test_nothing_is_patched(request):
    assert BaseConnector.connect.__module__ == "aiohttp.connector"
    assert "fakegpt_cassette" not in request.fixturenames
"""


def test_an_unmarked_test_is_left_alone(suite: pytest.Pytester) -> None:
    add(suite, test_unmarked=UNMARKED)
    suite.runpytest("--fakegpt-record-mode=all").assert_outcomes(passed=1)


STRICT = GREETS.replace("@pytest.mark.fakegpt\n", "@pytest.mark.fakegpt\n@pytest.mark.asyncio\n")
ANYIO = GREETS.replace("@pytest.mark.fakegpt\n", "@pytest.mark.fakegpt\n@pytest.mark.anyio\n") + (
    "\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
)
BOTH = f"""{GREETS}
import http.client

@pytest.mark.vcr
def test_of_another_kind(vcr):
    assert vcr is not None
"""


@pytest.mark.parametrize(
    ("code", "args", "passed"),
    [
        (STRICT, ["-o", "asyncio_mode=strict"], 1),
        (ANYIO, ["-o", "asyncio_mode=strict"], 1),
        (GREETS, ["-p", "no:cacheprovider"], 1),
        (GREETS, ["-n", "1"], 1),
        (BOTH, [], 2),
    ],
    ids=["asyncio strict", "anyio", "no cacheprovider", "xdist", "pytest-recording"],
)
@pytest.mark.plugins
def test_lives_together_with(suite: pytest.Pytester, service: Service, code: str, args: list[str], passed: int) -> None:
    add(suite, test_chat=code)
    record(suite, service, *args).assert_outcomes(passed=passed)
    suite.runpytest(*args).assert_outcomes(passed=passed)


@pytest.mark.plugins("xdist")
def test_two_workers_record_one_cassette_and_keep_everything(suite: pytest.Pytester, service: Service) -> None:
    prompts = [f"Say {number}" for number in range(6)]
    code = f"""{ASK}
@pytest.mark.parametrize("prompt", {prompts!r})
@pytest.mark.fakegpt("together", record_mode="new_episodes")
async def test_says(fakegpt, prompt):
    assert await ask(fakegpt, prompt)
"""
    add(suite, test_together=code)
    suite.runpytest("-n", "2", f"--fakegpt-url={service.url}").assert_outcomes(passed=6)
    kept = load_cassette(suite.path / "cassettes/together.yaml").interactions
    bodies = b"".join(each.request.body for each in kept)
    assert all(prompt.encode() in bodies for prompt in prompts)


def test_help_and_markers_name_what_there_is(suite: pytest.Pytester) -> None:
    suite.runpytest("--markers").stdout.fnmatch_lines(
        ["@pytest.mark.fakegpt(name=None, ??options): record or replay this test's HTTP traffic; *"]
    )
    suite.runpytest("--help").stdout.fnmatch_lines(["*--fakegpt-record-mode=*", "*fakegpt_pace*"])
