"""The pytest plugin: hooks, then fixtures. Wires; decides nothing.

Imported by every suite where the package is installed, so what is heavy is imported by the fixtures that use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakegpt_testkit.plugin import options
from fakegpt_testkit.plugin.options import LIVE_URL, MARKER

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from fakegpt_testkit.provider import FakeGpt
    from fakegpt_testkit.recorder import Session
    from fakegpt_testkit.upstream import Options, Service

_failed = pytest.StashKey[bool]()
_session = pytest.StashKey["Session"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    options.declare(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and settle what holds for the whole run."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(name=None, **options): record or replay this test's aiohttp traffic; the options are use_cassette's",
    )
    options.settle_cuts(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: options.Worker) -> None:
    """Give xdist's workers what was settled for the whole run."""
    node.workerinput["fakegpt_recut"] = options.for_run(node.config, "recut")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say with which cuts the run can be repeated."""
    how = options.for_run(config, "recut")
    return None if how is None else f"fakegpt: every body is cut again: --fakegpt-recut={how}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the cassette around all other fixtures of a marked test: what they ask is recorded too."""
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker(MARKER) is not None:
            item.fixturenames.insert(0, "fakegpt_cassette")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember whether the test failed: its cassette is closed after that. Show what its streams were."""
    report = yield
    item.stash[_failed] = item.stash.get(_failed, False) or report.failed
    session = item.stash.get(_session, None)
    if session is not None and report.failed and session.streams:
        report.sections.append(("fakegpt: streams", session.describe()))
    if session is not None and report.failed and (how := options.for_run(item.config, "recut")) is not None:
        again = f'pytest "{item.nodeid}" --fakegpt-recut={how}'
        report.sections.append(("fakegpt: cuts", f"the chunks were cut again; to repeat it: {again}"))
    return report


@pytest.fixture
def fakegpt_config() -> Mapping[str, object]:
    """What a suite wants of all its marked tests: options of ``use_cassette``, and our own. For overriding."""
    return {}


@pytest.fixture
def fakegpt_cassette(request: pytest.FixtureRequest, fakegpt_config: Mapping[str, object]) -> Iterator[Session]:
    """The cassette of this test, in use.

    Each option is what the nearest marker says, else the command line, else ``fakegpt_config``, else the ini file.
    """
    from fakegpt_testkit import recorder, storage

    markers = list(request.node.iter_markers(MARKER))
    said = options.for_test(request.config, fakegpt_config, markers)
    named = next((marker.args[0] for marker in markers if marker.args), None)
    folder = request.config.rootpath / str(said.pop("cassette_dir"))
    test = request.node.nodeid
    if named is None:
        path = storage.path_for(folder, test)
    else:
        path = storage.inside(folder, named) if isinstance(named, str) else named
    said.pop("url")
    recorder.check_options(said)
    said["origins"] = {_url(request): LIVE_URL, **said.get("origins", {})}
    command = f'pytest "{test}" --fakegpt-record-mode=new_episodes'
    try:
        with recorder.use_cassette(path, command=command, elsewhere=f"{command} --fakegpt-url=URL", **said) as session:
            request.node.stash[_session] = session
            yield session
            if request.node.stash.get(_failed, False):
                raise _TestFailed  # noqa: TRY301 - for use_cassette, which has to see it pass
    except _TestFailed as failure:
        for note in getattr(failure, "__notes__", ()):
            request.node.add_report_section("teardown", "fakegpt", note)


@pytest.fixture
def fakegpt(request: pytest.FixtureRequest) -> type[FakeGpt]:
    """A FakeGpt provider class of this test's own: no token or cookie passes from test to test."""
    from fakegpt_testkit.provider import FakeGpt

    return type("FakeGpt", (FakeGpt,), {"url": _url(request)})


@pytest.fixture
def fakegpt_upstream_options() -> Options:
    """How the stand-in of ``fakegpt_upstream`` answers. For overriding."""
    from fakegpt_testkit.upstream import Options

    return Options()


@pytest.fixture
def fakegpt_upstream(fakegpt_upstream_options: Options) -> Iterator[Service]:
    """A stand-in service of this test's own, running; ``fakegpt`` asks it."""
    from fakegpt_testkit.upstream import serve_in_thread

    with serve_in_thread(fakegpt_upstream_options) as service:
        yield service


class _TestFailed(Exception):  # noqa: N818 - never leaves the plugin
    """Tells a cassette that its block has failed."""


def _url(request: pytest.FixtureRequest) -> str:
    """Where this test's provider asks: the stand-in if the test has one, else what the options say."""
    if "fakegpt_upstream" in request.fixturenames:
        return str(request.getfixturevalue("fakegpt_upstream").url)
    return str(options.for_test(request.config, request.getfixturevalue("fakegpt_config"), [])["url"]).rstrip("/")
