"""What all tests share."""

from __future__ import annotations

import gc
import os
import pkgutil
import signal
from contextlib import nullcontext
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING

import certifi
import pytest
from hypothesis import given, settings
from hypothesis.strategies import none
from support import quick
from support.listening import listening
from support.untraced import untraced

import fakegpt_testkit

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from support.listening import Listener

pytest_plugins = ["pytester"]
collect_ignore = [] if find_spec("openai") else ["sdks"]  # they have an environment and a step of their own

# A suite that pytester runs in this process forgets what was imported meanwhile: nothing of ours may be there twice,
# nor the module that urllib and requests both take their cookies from, nor the one whose errors httpx knows by class.
for room in (
    "http.cookiejar",
    "httpcore",
    *(each.name for each in pkgutil.walk_packages(fakegpt_testkit.__path__, "fakegpt_testkit.")),
):
    if not room.endswith("__main__"):
        import_module(room)

# No test asserts a time. What decides a landing is repeatable; at home each run looks at other examples.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@given(none())
def use_hypothesis(_: None) -> None:
    """Do nothing with an example."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="only tests that need no server, no subprocess, no browser")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--quick"):
        left = [item for item in items if not quick.is_quick(item)]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]


def pytest_sessionstart() -> None:
    quick.hold_to_it()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """The rooms were imported above; what the files of tests do when they are read, their tests do too."""
    with untraced():
        return (yield)


def pytest_collection_finish() -> None:
    """What was collected stays to the end: no collection of garbage looks at it, and pytest makes five for each run."""
    use_hypothesis()  # an older one asks the collector who holds its random numbers: they are made before the freeze
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """What ``make quick`` would choose is held to that in each run, so that a landing shows what would fail there."""
    with quick.held(item), untraced() if item.get_closest_marker("untraced") else nullcontext():
        return (yield)


@pytest.fixture(scope="session", autouse=True)
def _state_of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Journals and locks of this run lie in a folder of its own, those of the processes that it starts too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test asks a server of the outside, and to load all authorities for each client takes a third of some tests."""
    end = "-----END CERTIFICATE-----\n"
    file = tmp_path_factory.mktemp("authorities") / "one.pem"
    file.write_text(certifi.contents().partition(end)[0] + end, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        patch.setattr(certifi, "where", lambda: str(file))
        yield


OTHERS = {each.name for each in entry_points(group="pytest11")} - {"asyncio", "fakegpt_testkit"}
"""The plugins of pytest that this environment has, but ours and the one it needs."""


@pytest.fixture
def pytester(
    request: pytest.FixtureRequest, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    """Its suites run without the environment's other plugins, half of the time of a run, but those of the marker."""
    wanted = request.node.get_closest_marker("plugins")
    left_out = OTHERS - set(wanted.args or OTHERS) if wanted else OTHERS
    monkeypatch.setenv("PYTEST_ADDOPTS", " ".join(f"-p no:{name}" for name in sorted(left_out)))
    return pytester


@pytest.fixture
def own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Journals and locks lie in a folder of the test's own, and it is no run of a CI, so that commands may record."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Stands for the network: its port is one behind which a proxy of the environment listens."""
    with listening() as running:
        yield running


@pytest.fixture
def ctrl_c_counts() -> Iterator[None]:
    """Whoever runs the tests in a shell's background has SIGINT ignored, and so would a command that they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
