"""The pytest plugin: hooks, then fixtures. Wires; decides nothing.

Imported by every suite where the package is installed, so what is heavy is imported by the fixtures that use it.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, nullcontext
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING

import pytest

from fakegpt_testkit import errors, guard
from fakegpt_testkit.errors import FakeGptTestkitError
from fakegpt_testkit.fakegpt.site import LIVE_URL
from fakegpt_testkit.plugin import attempts, collection, drift, hints, hooks, marker, naming, options, shown, why
from fakegpt_testkit.plugin.options import MARKER
from fakegpt_testkit.plugin.report import PROPERTY, Figures, Tally
from fakegpt_testkit.plugin.summary import Run

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from contextlib import AbstractContextManager

    from fakegpt_testkit.effects import Effect
    from fakegpt_testkit.fakegpt.provider import FakeGpt
    from fakegpt_testkit.fakegpt.stand_in import Options, Service
    from fakegpt_testkit.recorder import Session
    from fakegpt_testkit.serving import Served

_outcomes = pytest.StashKey[set[str]]()
_wanted = pytest.StashKey["marker.Wanted"]()
_session = pytest.StashKey["Session | Served"]()
_tally = pytest.StashKey[Tally]()
_proxies = pytest.StashKey[frozenset[int]]()


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Make our own hooks known."""
    pluginmanager.add_hookspecs(hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    options.declare(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and settle what holds for the whole run."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(name=None, **options): record or replay this test's HTTP traffic; the options are use_cassette's",
    )
    options.settle(config, os.environ)
    config.stash[_tally] = tally = Tally(config.rootpath)
    config.pluginmanager.register(Run(config, tally), "fakegpt_run")
    config.pluginmanager.register(drift.Verification(config), "fakegpt_verification")
    config.stash[_proxies] = guard.read_proxies(os.environ)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: options.Worker) -> None:
    """Give xdist's workers what was settled for the whole run."""
    node.workerinput["fakegpt_recut"] = options.for_run(node.config, "recut")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say with which cuts the run can be repeated."""
    how = options.for_run(config, "recut")
    return None if how is None else f"fakegpt: every body is cut again: --fakegpt-recut={how}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test for each event of a recording, where a marker sweeps a fault over it."""
    over = marker.sweep_of(metafunc.definition)
    if over is not None:
        try:
            faults = marker.sweep(metafunc.definition, over)
        except FakeGptTestkitError as problem:
            raise pytest.fail.Exception(str(problem), pytrace=False) from None
        metafunc.fixturenames.append(marker.SWEPT)
        metafunc.parametrize(marker.SWEPT, faults, ids=lambda fault: str(fault or "not recorded"), indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the cassette around all other fixtures of a marked test: what they ask is recorded too."""
    functions = [item for item in items if isinstance(item, pytest.Function)]
    marked = [item for item in functions if item.get_closest_marker(MARKER) is not None]
    served = [item for item in functions if "fakegpt_server" in item.fixturenames]
    for item in marked:
        if item not in served:  # where the server plays the cassette
            item.fixturenames.insert(0, "fakegpt_cassette")
    if options.for_run(config, "block_network"):
        for item in functions:
            if item.get_closest_marker(MARKER) is None:
                item.fixturenames.insert(0, "fakegpt_guard")
    if any(name.startswith("fakegpt_") for item in functions for name in item.fixturenames):
        guard.watch()  # from now on: a fixture may serve before the first cassette is opened
    suite = config.stash[_tally].suite
    collection.note_items(suite, config, dict.fromkeys([*marked, *served]))
    suite.part = suite.part or collection.part_of(config)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Forget an earlier run of the same test: there are plugins that run one again."""
    item.stash[_outcomes] = set()
    attempts.take_back(item)
    if _session in item.stash:
        del item.stash[_session]
    if _wanted in item.stash:
        del item.stash[_wanted]
    item.user_properties[:] = [each for each in item.user_properties if each[0] != PROPERTY]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that was refused a request, so that ``xfail`` counts; what its fixtures ask later fails its end."""
    result = yield
    session, wanted = item.stash.get(_session, None), item.stash.get(_wanted, None)
    if session is not None and wanted is not None and wanted.refused == "fail" and session.refused:
        raise pytest.fail.Exception(str(session.refused[0]), pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
    """Let what outlives the test use the network, unrecorded: it is no part of what the cassette stands for."""
    if fixturedef.scope == "function":
        return (yield)
    with guard.lifted(), guard.services(), _paused():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember how the test ended: its cassette is closed after that. Show what its streams were."""
    if call.excinfo is not None:
        if "fakegpt_testkit.recorder" in sys.modules:  # else none of our frames holds a request
            shown.hide_frames()
        hints.cut(call, whole=item.config.getoption("fulltrace"))
    report = yield
    item.stash.setdefault(_outcomes, set()).add(report.outcome)
    session = item.stash.get(_session, None)
    if session is not None and report.failed and session.refused:
        refused = str(session.refused[0])
        if refused not in report.longreprtext:
            report.sections.append(("fakegpt: refused", refused))
    if session is not None and report.failed and session.streams:
        report.sections.append(("fakegpt: streams", session.describe(get_terminal_size((200, 24)).columns)))
    if session is not None and report.failed and (how := options.for_run(item.config, "recut")) is not None:
        again = hints.command(item, f"--fakegpt-recut={how}")
        report.sections.append(("fakegpt: cuts", f"the chunks were cut again; to repeat it: {again}"))
    if session is not None and report.when == "call" and (places := session.redacted_places):
        report.sections.append(("fakegpt: redaction", "\n".join(places)))
    if session is not None and report.failed:
        shown.take_out(report, session.eraser())
    if report.when == "teardown" and _session in item.stash:
        del item.stash[_session]  # nobody asks for it any more, and a run of thousands need not hold them all
    return report


@pytest.fixture
def fakegpt_config() -> Mapping[str, object]:
    """What a suite wants of all its marked tests: settings of ``use_cassette``, and our own. For overriding."""
    return {}


@pytest.fixture
def fakegpt_cassette(request: pytest.FixtureRequest) -> Iterator[Session]:
    """The cassette of this test, in use.

    Each setting is what the nearest marker says, else the command line, else ``fakegpt_config``, else the ini file.
    """
    from fakegpt_testkit import recorder

    item = request.node
    wanted = _wants(request)
    drift.skip_faulty(wanted)
    settings = wanted.settings.changed(origins={_url(request): LIVE_URL, **(wanted.settings.origins or {})})
    watched = _guard(item, wanted)
    attempts.begin(item, wanted.source, settings)
    try:
        with recorder.use_cassette(wanted.source, settings, advice=hints.advice(item, settings.mode)) as session:
            item.stash[_session] = session
            with nullcontext() if session.records or not wanted.own.block_network else guard.guarded(watched):
                yield session
            if "failed" in item.stash.get(_outcomes, ()):
                raise _TestFailed  # noqa: TRY301 - for use_cassette, which has to see it pass
    except _TestFailed as failure:
        for note in getattr(failure, "__notes__", ()):
            item.add_report_section("teardown", "fakegpt", note)
    except errors.Drifted as found:
        raise pytest.fail.Exception(str(found), pytrace=False) from None
    finally:
        used = item.stash.get(_session, None)
        if used is not None:
            _note(item, used, watched, wanted)
    _check(item, session, wanted)


@pytest.fixture
def fakegpt_server(request: pytest.FixtureRequest) -> Iterator[Served]:
    """A server of this test's cassette, for code in another process or language; ask it at its ``url``.

    The marker's settings hold. A request that the cassette has not fails the test.
    """
    from fakegpt_testkit.serving import serve_cassette

    item = request.node
    wanted = _wants(request)
    drift.skip_faulty(wanted)
    watched = _guard(item, wanted)
    attempts.begin(item, wanted.source, wanted.settings)
    is_there = not isinstance(wanted.source, Path) or wanted.source.exists()
    advice = hints.advice(item, wanted.settings.mode)
    record = advice.record("new_episodes" if is_there else "once")
    command = record if isinstance(wanted.source, Path) else ""
    served, problem = None, ""
    try:
        with ExitStack() as stack:
            served = stack.enter_context(
                serve_cassette(
                    wanted.source if isinstance(wanted.source, Path) else wanted.source.interactions,
                    wanted.settings,
                    command,
                    wanted.own.url,
                    advice,
                )
            )
            if served.plays:
                stack.enter_context(_guarded(request, wanted, watched))
            item.stash[_session] = served
            yield served
            if "failed" in item.stash.get(_outcomes, ()):
                served.failed()
    except FakeGptTestkitError as found:
        problem = str(found)
    if served is not None:
        _note(item, served, watched, wanted)
    if problem or served is None:
        raise pytest.fail.Exception(problem, pytrace=False)
    _check(item, served, wanted)


@pytest.fixture
def fakegpt_fault(request: pytest.FixtureRequest) -> Effect | None:
    """The one fault of this test, where a marker sweeps a fault over a recording; None while there is no recording."""
    fault: Effect | None = request.param
    return fault


@pytest.fixture
def fakegpt_guard(request: pytest.FixtureRequest) -> Iterator[None]:
    """No network for this test, which has no cassette: put around it by ``--fakegpt-block-network``."""
    watched = _guard(request.node, _wants(request))
    with guard.guarded(watched):
        yield
    if watched.blocked:
        figures = Figures(shown.shown_id(request.node), blocked=_told(watched))
        request.node.user_properties.append((PROPERTY, figures.dump()))


@pytest.fixture
def fakegpt(request: pytest.FixtureRequest) -> type[FakeGpt]:
    """A FakeGpt provider class of this test's own: no token or cookie passes from test to test."""
    from fakegpt_testkit.fakegpt.provider import FakeGpt

    return type("FakeGpt", (FakeGpt,), {"url": _url(request)})


@pytest.fixture
def fakegpt_upstream_options() -> Options:
    """How the stand-in of ``fakegpt_upstream`` answers. For overriding."""
    from fakegpt_testkit.fakegpt.stand_in import Options

    return Options()


@pytest.fixture
def fakegpt_upstream(fakegpt_upstream_options: Options) -> Iterator[Service]:
    """A stand-in service of this test's own, running; ``fakegpt`` asks it."""
    from fakegpt_testkit.fakegpt.stand_in import serve_in_thread

    with serve_in_thread(fakegpt_upstream_options) as service:
        yield service


class _TestFailed(Exception):
    """Tells a cassette that its block has failed."""


def _paused() -> AbstractContextManager[None]:
    """No cassette; where no client was ever met, there is none."""
    if "fakegpt_testkit.clients" not in sys.modules:
        return nullcontext()
    from fakegpt_testkit import clients

    return clients.wider()


def _guard(item: pytest.Item, wanted: marker.Wanted) -> guard.Guard:
    proxies = item.config.stash[_proxies]
    return guard.Guard(shown.shown_id(item), wanted.reached, proxies, subprocesses=not wanted.own.block_subprocesses)


def _guarded(
    request: pytest.FixtureRequest, wanted: marker.Wanted, watched: guard.Guard
) -> AbstractContextManager[object]:
    """No network for a test with a server, unless it may have it or is guarded already."""
    if not wanted.own.block_network or {"fakegpt_cassette", "fakegpt_guard"} & set(request.fixturenames):
        return nullcontext()
    return guard.guarded(watched)


def _check(item: pytest.Item, used: Session | Served, wanted: marker.Wanted) -> None:
    """See to what a passing test has left undone."""
    from fakegpt_testkit import recorder

    if item.stash.get(_outcomes, ()) == {"passed"}:
        try:
            recorder.check_refused(used, wanted.refused)
            recorder.check_unapplied(used, wanted.unapplied)
            recorder.check_unplayed(used, wanted.unplayed)
        except FakeGptTestkitError as left:
            raise pytest.fail.Exception(str(left), pytrace=False) from None


def _note(item: pytest.Item, session: Session | Served, watched: guard.Guard, wanted: marker.Wanted) -> None:
    """Keep the test's figures where its report takes them along, to xdist's controller too."""
    recorded = len(session.recorded)
    cassette = ""
    if isinstance(wanted.source, Path):
        path = naming.renamed(item, session, wanted.source, wanted.own.cassette_dir)
        cassette = item.config.stash[_tally].show(path)
    known_out = session.eraser() if session.refused and shown.may_have(item) else str
    if session.refused:
        shown.learn(item, known_out)
    figures = Figures(
        shown.shown_id(item),
        cassette,
        mode=session.record_mode.value,
        passed=item.stash.get(_outcomes, set()) == {"passed"},
        loaded=len(session.loaded.interactions),
        replayed=len(session.exchanged) - recorded if session.plays else 0,
        recorded=recorded,
        unplayed=session.unplayed_numbers if session.plays else (),
        blocked=_told(watched),
        refused=tuple(shown.without(str(each), known_out) for each in session.refused),
        passed_through=session.passed,
        redacted=session.redacted,
    )
    item.user_properties.append((PROPERTY, figures.dump()))
    attempts.end(item, failed="failed" in item.stash.get(_outcomes, ()))
    why.note(item, wanted.sources)
    drift.note(item, session.drift, cassette)


def _told(watched: guard.Guard) -> tuple[str, ...]:
    return tuple(f"{each.call} to {each.address}" for each in watched.blocked)


def _url(request: pytest.FixtureRequest) -> str:
    """Where this test's provider asks: the stand-in if the test has one, else what the settings say."""
    if "fakegpt_upstream" in request.fixturenames:
        return str(request.getfixturevalue("fakegpt_upstream").url)
    return _wants(request).own.url


def _wants(request: pytest.FixtureRequest) -> marker.Wanted:
    """The test's settings, resolved when they are first asked for. One that means nothing fails the test in a line."""
    stash = request.node.stash
    if _wanted not in stash:
        try:
            stash[_wanted] = marker.wanted_by(request.node, request.getfixturevalue("fakegpt_config"))
        except FakeGptTestkitError as problem:
            raise pytest.fail.Exception(str(problem), pytrace=False) from None
    wanted: marker.Wanted = stash[_wanted]
    return wanted
