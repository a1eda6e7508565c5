"""The pytest plugin: hooks, then fixtures. Wires; decides nothing.

Imported by every suite where the package is installed, so what is heavy is imported by the fixtures that use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from fakegpt_testkit.provider import FakeGpt
    from fakegpt_testkit.recorder import Session
    from fakegpt_testkit.upstream import Options, Service

LIVE_URL = "https://chat-shared2.zhile.io"
"""Where the historical service was, and what its requests are stored as."""

MARKER = "fakegpt"

OPTIONS = {
    "record_mode": ("none", "what becomes of a marked test's requests: none, once, new_episodes, all or rewrite"),
    "url": (LIVE_URL, "the service to record from"),
    "cassette_dir": ("cassettes", "the folder of the cassettes, seen from the rootdir"),
    "pace": ("lockstep", "when a replayed chunk arrives: lockstep, recorded, or a factor of the recorded times"),
}
"""What the command line and the ini file can say: its default and its help, by its name in ``fakegpt_config``."""

_failed = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add each of our options, and an ini key with underscores for it."""
    group = parser.getgroup("fakegpt", "recording and replaying streaming chat")
    for name, (default, explained) in OPTIONS.items():
        flag = f"--fakegpt-{name.replace('_', '-')}"
        group.addoption(flag, dest=f"fakegpt_{name}", default=None, help=f"{explained} (default: {default})")
        parser.addini(f"fakegpt_{name}", explained, default=None)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(name=None, **options): record or replay this test's aiohttp traffic; the options are use_cassette's",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the cassette around all other fixtures of a marked test: what they ask is recorded too."""
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker(MARKER) is not None:
            item.fixturenames.insert(0, "fakegpt_cassette")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember whether the test failed: its cassette is closed after that."""
    report = yield
    item.stash[_failed] = item.stash.get(_failed, False) or report.failed
    return report


@pytest.fixture
def fakegpt_config() -> Mapping[str, object]:
    """What a suite wants of all its marked tests: options of ``use_cassette``, and ``OPTIONS``. For overriding."""
    return {}


@pytest.fixture
def fakegpt_cassette(request: pytest.FixtureRequest, fakegpt_config: Mapping[str, object]) -> Iterator[Session]:
    """The cassette of this test, in use.

    Each option is what the nearest marker says, else the command line, else ``fakegpt_config``, else the ini file.
    """
    from fakegpt_testkit import recorder, storage

    said = _said(request.config, fakegpt_config)
    markers = list(request.node.iter_markers(MARKER))
    for marker in reversed(markers):
        said.update(marker.kwargs)
    name = next((marker.args[0] for marker in markers if marker.args), None)
    folder = request.config.rootpath / str(said.pop("cassette_dir"))
    test = request.node.nodeid
    path = storage.path_for(folder, test) if name is None else storage.inside(folder, name)
    said.pop("url")
    recorder.check_options(said)
    said["origins"] = {_url(request): LIVE_URL, **said.get("origins", {})}
    command = f'pytest "{test}" --fakegpt-record-mode=new_episodes'
    try:
        with recorder.use_cassette(path, command=command, elsewhere=f"{command} --fakegpt-url=URL", **said) as session:
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


def _said(config: pytest.Config, configured: Mapping[str, object]) -> dict[str, Any]:
    """What the command line, the suite and the ini file say, in this order, and our defaults."""
    ours = {}
    for name, (default, _) in OPTIONS.items():
        sources = (config.getoption(f"fakegpt_{name}"), configured.get(name), config.getini(f"fakegpt_{name}"), default)
        ours[name] = next(value for value in sources if value is not None)
    return {**configured, **ours}


def _url(request: pytest.FixtureRequest) -> str:
    """Where this test's provider asks: the stand-in if the test has one, else what the options say."""
    if "fakegpt_upstream" in request.fixturenames:
        return str(request.getfixturevalue("fakegpt_upstream").url)
    return str(_said(request.config, request.getfixturevalue("fakegpt_config"))["url"]).rstrip("/")
