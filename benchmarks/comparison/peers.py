"""The tools that are compared: how each is installed, and how each is used to record and to replay.

By the first way that its documents show, with its defaults; where something had to be set, that is said. Imported in
each tool's own environment, so nothing but the standard library is imported up here.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    Use = Callable[["Run"], AbstractContextManager[Any]]

OURS = "fakegpt-testkit"


@dataclass(frozen=True, slots=True)
class Run:
    """One use of a tool: where it keeps things, and whether it records or replays."""

    folder: Path
    recording: bool


@dataclass(frozen=True, slots=True)
class Peer:
    """``use(run)`` gives a session for the client, None for the client's own, or a suite that asks in its stead.

    ``method`` is that of the streams: a cache stores GET alone, and mocket waits for ever when requests sends a POST.
    ``changed`` says what is not as the tool's defaults.
    """

    packages: tuple[str, ...]
    clients: tuple[str, ...]
    use: Use
    method: str = "POST"
    changed: str = ""


# --- those that patch a client, by a context manager ---


def fakegpt(run: Run, **options: Any) -> AbstractContextManager[Any]:
    from fakegpt_testkit import use_cassette

    return _quiet(
        use_cassette(run.folder / "cassette.yaml", record_mode="once" if run.recording else "none", **options)
    )


def fakegpt_paced(run: Run) -> AbstractContextManager[Any]:
    return fakegpt(run, pace="recorded")


def vcrpy(run: Run, **options: Any) -> AbstractContextManager[Any]:
    import vcr

    return _quiet(vcr.use_cassette(str(run.folder / "cassette.yaml"), **options))


def vcrpy_set(run: Run) -> AbstractContextManager[Any]:
    match_on = ("method", "scheme", "host", "port", "path", "query", "body")
    return vcrpy(run, match_on=match_on, filter_headers=["authorization"])


def cassetter(run: Run, **options: Any) -> AbstractContextManager[Any]:
    from cassetter import use_cassette

    mode = "once" if run.recording else "none"
    return _quiet(use_cassette(str(run.folder / "cassette.yaml"), record_mode=mode, **options))


def cassetter_set(run: Run) -> AbstractContextManager[Any]:
    return cassetter(run, match_on=["method", "uri", "json_body"], body_scrub_patterns=["accessToken"])


def dvd_rw(run: Run) -> AbstractContextManager[Any]:
    from dvd_rw.loader import DVDLoader
    from dvd_rw.models import Matcher

    match_on = [Matcher.host, Matcher.method, Matcher.path, Matcher.query]
    return _quiet(DVDLoader(file_path=str(run.folder / "calls.dvd.json"), match_on=match_on, extra_matchers=[]))


def replayx(run: Run, **options: Any) -> AbstractContextManager[Any]:
    from replayx import use_cassette

    return _quiet(use_cassette(str(run.folder / "cassette.json"), **options))


def replayx_set(run: Run) -> AbstractContextManager[Any]:
    return replayx(run, match_on=("method", "url", "body"), filter_headers=["authorization", "set-cookie"])


def promptecho(run: Run) -> AbstractContextManager[Any]:
    from promptecho import use_cassette

    return _quiet(use_cassette(str(run.folder / "cassette.yaml"), mode="once" if run.recording else "none"))


def cassettedeck(run: Run) -> AbstractContextManager[Any]:
    from cassettedeck import CassetteDeck

    return _quiet(CassetteDeck(cassette_library_dir=str(run.folder)).use_cassette("cassette.yaml"))


def httpretty(run: Run) -> AbstractContextManager[Any]:
    import httpretty

    path = str(run.folder / "calls.json")
    return _quiet(httpretty.HTTPretty.record(path) if run.recording else httpretty.HTTPretty.playback(path))


def mocket(run: Run) -> AbstractContextManager[Any]:
    from mocket import Mocketizer

    return _quiet(Mocketizer(namespace="calls", truesocket_recording_dir=str(run.folder)))


# --- those that give a session or a client ---


@contextmanager
def betamax(run: Run, **options: Any) -> Iterator[Any]:
    import requests
    from betamax import Betamax

    session = requests.Session()
    with Betamax(session, cassette_library_dir=str(run.folder)).use_cassette("cassette", **options):
        yield session


def betamax_set(run: Run) -> AbstractContextManager[Any]:
    return betamax(run, match_requests_on=["method", "uri", "body"])


@contextmanager
def responses(run: Run) -> Iterator[Any]:
    path = run.folder / "calls.yaml"
    if run.recording:
        from responses._recorder import Recorder

        recorder = Recorder()
        with recorder:
            yield None
            recorder.dump_to_file(path)
        return
    import responses as player

    with player.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock._add_from_file(file_path=str(path))
        yield None


@contextmanager
def requests_cache(run: Run) -> Iterator[Any]:
    from requests_cache import CachedSession

    with CachedSession(str(run.folder / "cache.sqlite")) as session:
        yield session


@contextmanager
def hishel(run: Run) -> Iterator[Any]:
    from hishel import SqliteStorage
    from hishel.httpx import CacheClient

    yield CacheClient(storage=SqliteStorage(database_path=run.folder / "cache.db"), timeout=30)


@contextmanager
def aiohttp_client_cache(run: Run) -> Iterator[Any]:
    from aiohttp_client_cache import CachedSession, SQLiteBackend

    def make(**options: Any) -> Any:
        return CachedSession(cache=SQLiteBackend(str(run.folder / "cache.sqlite")), **options)

    yield make


@contextmanager
def pytest_llm_vcr(run: Run) -> Iterator[Any]:
    import httpx
    from llm_vcr.cassette import Cassette
    from llm_vcr.transport import VCRTransport

    path = run.folder / "cassette.yaml"
    cassette = Cassette(name="cassette") if run.recording else Cassette.load(path)
    yield httpx.Client(transport=VCRTransport(cassette, record_mode=run.recording), timeout=30)
    if run.recording:
        cassette.save(path)


# --- those that are pytest plugins ---


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite of one test, in which the exchange happens."""

    folder: Path
    marker: str
    arguments: tuple[str, ...] = ()

    def exchange(self, client: str, request: dict[str, Any]) -> dict[str, Any]:
        """What the test's client heard, as a dictionary of ``exchange.Heard``."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "pytest.ini").write_text("[pytest]\n")
        told = self.folder / "heard.json"
        told.unlink(missing_ok=True)
        test = TEST.format(here=str(Path(__file__).parent), marker=self.marker, client=client, request=request)
        (self.folder / "test_it.py").write_text(test)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *self.arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=40)
        heard: dict[str, Any] = {"pieces": [], "error": "NoTest", "detail": done.stdout[-300:]}
        return json.loads(told.read_text()) if told.exists() else heard


TEST = """import json, sys
from dataclasses import asdict
from pathlib import Path

import pytest

sys.path.insert(0, {here!r})
from exchange import exchange

{marker}
def test_it():
    heard = exchange({client!r}, {request!r})
    Path(__file__).with_name("heard.json").write_text(json.dumps(asdict(heard)))
"""


def in_pytest(marker: str, *to_record: str) -> Use:
    """Use by a marker; ``to_record`` are arguments of pytest."""

    @contextmanager
    def use(run: Run) -> Iterator[Suite]:
        yield Suite(run.folder / "suite", marker, to_record if run.recording else ())

    return use


def pytest_httpx_recorder(run: Run) -> AbstractContextManager[Any]:
    from pytest_httpx_recorder.recorder import ResRecorder

    if not run.recording:
        kept = str(run.folder / "calls")
        marker = (
            "from pytest_httpx_recorder.recorder import ResSet\n\n@pytest.fixture(autouse=True)\n"
            f"def replayed(httpx_mock):\n    with ResSet.load({kept!r}).mock_context(httpx_mock):\n        yield\n"
        )
        return in_pytest(marker)(run)

    @contextmanager
    def record() -> Iterator[None]:
        recorder = ResRecorder()
        with recorder.record():
            yield
        recorder.to_resset().save(str(run.folder / "calls"))

    return record()


# --- those that stand between ---


def mitmproxy(*options: str) -> Use:
    @contextmanager
    def use(run: Run) -> Iterator[Any]:
        import requests

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        mode = (
            ["--save-stream-file", str(run.folder / "flows")]
            if run.recording
            else ["--server-replay", str(run.folder / "flows")]
        )
        program = str(Path(sys.executable).with_name("mitmdump"))
        command = [program, "--quiet", "--listen-host", "127.0.0.1", "--listen-port", str(port)]
        command += ["--set", f"confdir={run.folder / 'conf'}", *(options if run.recording else ()), *mode]
        proxy = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for(port)
            session = requests.Session()
            session.proxies = {"http": f"http://127.0.0.1:{port}"}
            yield session
        finally:
            time.sleep(0.3)
            proxy.terminate()
            proxy.wait(10)

    return use


def _wait_for(port: int) -> None:
    end = time.monotonic() + 15
    while time.monotonic() < end:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)


@contextmanager
def _quiet(entered: AbstractContextManager[Any]) -> Iterator[None]:
    with entered:
        yield None


REQUESTS, HTTPX, AIOHTTP = "requests==2.34.2", "httpx==0.28.1", "aiohttp==3.14.5"
ALL = (REQUESTS, HTTPX, AIOHTTP)
THREE = ("requests", "httpx", "aiohttp")

PEERS: dict[str, Peer] = {
    "nothing": Peer(ALL, THREE, lambda _: nullcontext()),
    OURS: Peer(ALL, THREE, fakegpt),
    f"{OURS}, pace": Peer(ALL, THREE, fakegpt_paced, changed='`pace="recorded"`'),
    "vcrpy": Peer(("vcrpy==9.4.2", *ALL), THREE, vcrpy),
    "vcrpy, set": Peer(
        ("vcrpy==9.4.2", *ALL), THREE, vcrpy_set, changed='`match_on` with `"body"`, `filter_headers=["authorization"]`'
    ),
    "pytest-recording": Peer(
        ("pytest-recording==0.14.1", *ALL), THREE, in_pytest("@pytest.mark.vcr", "--record-mode=once")
    ),
    "pytest-vcr": Peer(("pytest-vcr==1.0.2", *ALL), THREE, in_pytest("@pytest.mark.vcr")),
    "cassetter": Peer(("cassetter==0.16.1", *ALL), THREE, cassetter),
    "cassetter, set": Peer(
        ("cassetter==0.16.1", *ALL),
        THREE,
        cassetter_set,
        changed='`match_on` with `"json_body"`, `body_scrub_patterns=["accessToken"]`',
    ),
    "cassettedeck": Peer(("cassettedeck==3.0.0", "aiohttp==3.9.5", "vcrpy==6.0.1"), ("aiohttp",), cassettedeck),
    "betamax": Peer(("betamax==0.9.0", REQUESTS), ("requests",), betamax),
    "betamax, set": Peer(
        ("betamax==0.9.0", REQUESTS), ("requests",), betamax_set, changed='`match_requests_on` with `"body"`'
    ),
    "responses": Peer(("responses==0.26.3", REQUESTS), ("requests",), responses),
    "httpretty": Peer(("httpretty==1.1.4", REQUESTS), ("requests",), httpretty),
    "mocket": Peer(("mocket==3.15.0", REQUESTS), ("requests",), mocket, "GET"),
    "dvd-rw": Peer(("dvd-rw==0.1.6", HTTPX), ("httpx",), dvd_rw),
    "replayx": Peer(("replayx==0.4.3", HTTPX), ("httpx",), replayx),
    "replayx, set": Peer(
        ("replayx==0.4.3", HTTPX),
        ("httpx",),
        replayx_set,
        changed='`match_on` with `"body"`, `filter_headers=["authorization", "set-cookie"]`',
    ),
    "promptecho": Peer(("promptecho==0.1.3", HTTPX), ("httpx",), promptecho),
    "pytest-llm-vcr": Peer(("pytest-llm-vcr==0.6.0", HTTPX), ("httpx",), pytest_llm_vcr),
    "pytest-httpx-recorder": Peer(("pytest-httpx-recorder==0.0.1", "httpx==0.27.2"), ("httpx",), pytest_httpx_recorder),
    "pytest-http-cache": Peer(
        ("pytest-http-cache==0.1.1", *ALL),
        THREE,
        in_pytest("@pytest.mark.http_cache(local=True)"),
        changed="`local=True`, for a service on this machine",
    ),
    "requests-cache": Peer(("requests-cache==1.3.3", REQUESTS), ("requests",), requests_cache, "GET"),
    "hishel": Peer(("hishel[httpx]==2.0.0", HTTPX), ("httpx",), hishel, "GET"),
    "aiohttp-client-cache": Peer(
        ("aiohttp-client-cache[sqlite]==0.15.0", AIOHTTP), ("aiohttp",), aiohttp_client_cache, "GET"
    ),
    "mitmproxy": Peer(("mitmproxy==12.2.3", "requests"), ("requests",), mitmproxy()),
    "mitmproxy, set": Peer(
        ("mitmproxy==12.2.3", "requests"),
        ("requests",),
        mitmproxy("--set", "stream_large_bodies=1", "--set", "store_streamed_bodies=true"),
        changed="`stream_large_bodies=1`, `store_streamed_bodies=true` while it records",
    ),
}
"""In the order of the table. ``nothing`` is the client alone: what it hears is what a replay is measured by."""
