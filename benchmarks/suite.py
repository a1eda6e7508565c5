"""Runs a suite of 500 tests with 500 cassettes on two workers, and one of them, each in several ways, turn by turn.

``make benchmark`` installs the peers and runs it; it prints the table of docs/benchmarks-suite.md. The cassettes are
recorded from the stand-in, by the suite itself, before anything is measured.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from fakegpt_testkit.fakegpt.stand_in import Options, serve_in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

MODULES, EACH = 25, 20
SITE = "https://chat-shared2.zhile.io"
DELAY = 0.002
"""Seconds between two chunks while the cassettes are recorded, so that each chunk is one; none while it is measured."""

FLOW = '''
"""What each test does: the four requests of a chat, the answer read as it comes."""

import os

import aiohttp

SITE = os.environ.get("SITE", "{site}")


async def ask(question):
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{{SITE}}/api/loads?t=0") as response:
            token = (await response.json())["loads"][0]["token_id"]
        form = {{"token_key": token, "session_password": "abcdefgh12"}}
        async with session.post(f"{{SITE}}/auth/login", data=form) as response:
            await response.read()
        async with session.get(f"{{SITE}}/api/auth/session") as response:
            access = (await response.json())["accessToken"]
        message = {{"id": "1", "author": {{"role": "user"}}, "content": {{"parts": [question]}}}}
        body = {{"action": "next", "messages": [message], "parent_message_id": "2", "model": "any"}}
        headers = {{"Accept": "text/event-stream", "X-Authorization": f"Bearer {{access}}"}}
        got = b""
        async with session.post(f"{{SITE}}/api/conversation", json=body, headers=headers) as response:
            async for chunk in response.content.iter_any():
                got += chunk
    return got
'''

ASKING = """
import pytest
from flow import ask


{marker}
@pytest.mark.parametrize("number", range({each}))
async def test_asks(number):
    assert (await ask(f"Question {module}, {{number}}")).endswith(b"data: [DONE]\\n\\n")
"""

IDLE = """
import pytest


@pytest.mark.parametrize("number", range({each}))
async def test_asks(number):
    assert number >= 0
"""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run the suite: its tests, pytest's arguments, and more of the environment."""

    tests: str
    arguments: tuple[str, ...] = ()
    marker: str = ""
    served: bool = False


OURS = ("-p", "fakegpt_testkit")
WAYS = {
    "tests that do nothing, without our plugin": Way(IDLE),
    "the same tests, with our plugin": Way(IDLE, OURS),
    "tests that ask a server on loopback, without our plugin": Way(ASKING, served=True),
    "replayed by our plugin": Way(ASKING, OURS, marker="@pytest.mark.fakegpt"),
    "replayed by pytest-recording": Way(ASKING, ("-p", "recording"), marker="@pytest.mark.vcr"),
}


def write(folder: Path, way: Way) -> None:
    """The suite: its modules, the flow, its configuration."""
    (folder / "tests").mkdir(parents=True)
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    (folder / "flow.py").write_text(FLOW.format(site=SITE))
    for module in range(MODULES):
        test = way.tests.format(marker=way.marker, each=EACH, module=module)
        (folder / "tests" / f"test_{module:02}.py").write_text(test)


def run(folder: Path, arguments: tuple[str, ...], environment: Mapping[str, str], workers: int) -> tuple[float, float]:
    """Seconds of wall time and of CPU time of all processes, for a run in which every test passes.

    Without workers it is one test. A server's time is the benchmark's own, and is counted too.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "asyncio", *arguments]
    command += ["-p", "xdist", "-n", str(workers)] if workers else ["tests/test_00.py::test_asks[0]"]
    where = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(folder), "CI": "", **environment}
    where.pop("PYTHONDONTWRITEBYTECODE", None)  # with it pytest rewrites the asserts of plugins anew each time
    before, began = spent_so_far(), time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=where, capture_output=True, text=True, check=False)
    wall, cpu = time.perf_counter() - began, spent_so_far() - before
    assert f"{MODULES * EACH if workers else 1} passed" in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]
    return wall, cpu


def spent_so_far() -> float:
    """Seconds of CPU time of this process, in which the server runs, and of those that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def make(root: Path, url: str, workers: int) -> dict[str, Path]:
    """A folder for each way; the cassettes are recorded into ours, and given to pytest-recording under its names."""
    folders = {name: root / f"way{number}" for number, name in enumerate(WAYS)}
    for name, way in WAYS.items():
        write(folders[name], way)
    ours, theirs = folders["replayed by our plugin"], folders["replayed by pytest-recording"]
    record = ("--fakegpt-record-mode=once", f"--fakegpt-url={url}", *OURS)
    wall, _ = run(ours, record, {"SITE": url, "XDG_STATE_HOME": str(root / "state")}, workers)
    recorded = sorted(ours.glob("cassettes/**/*.yaml"))
    assert len(recorded) == MODULES * EACH, len(recorded)
    size = sum(path.stat().st_size for path in recorded)
    print(f"{len(recorded)} cassettes recorded in {wall:.1f} s; {size / len(recorded) / 1024:.0f} kB each\n")
    for path in recorded:
        copy = theirs / "tests" / path.relative_to(ours)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    return folders


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    names = ("aiohttp", "vcrpy", "pytest", "pytest-asyncio", "pytest-xdist", "pytest-recording")
    print(f"Python {platform.python_version()}, {', '.join(f'{name} {version(name)}' for name in names)}")
    with tempfile.TemporaryDirectory() as folder, serve_in_thread() as service:
        with serve_in_thread(Options(delay=DELAY)) as slower:
            folders = make(Path(folder), slower.url, options.workers)
        single = measure(folders, service.url, 3 * options.rounds, 0)
        spent = measure(folders, service.url, options.rounds, options.workers)
    print(f"One test, from start to finish; medians of {3 * options.rounds} rounds, lowest in brackets\n")
    show(single, 1)
    print(
        f"\n{MODULES * EACH} tests, {options.workers} workers; medians of {options.rounds} rounds, lowest in brackets\n"
    )
    show(spent, MODULES * EACH)


def measure(folders: Mapping[str, Path], url: str, rounds: int, workers: int) -> dict[str, list[tuple[float, float]]]:
    """Wall time and CPU time of each way, turn by turn."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    for turn in range(rounds + 1):
        for name, way in WAYS.items():
            taken = run(folders[name], way.arguments, {"SITE": url} if way.served else {}, workers)
            if turn:  # the first round writes what Python and the disk keep
                spent[name].append(taken)
    return spent


def show(spent: dict[str, list[tuple[float, float]]], tests: int) -> None:
    """The table; what a way's CPU time is to pytest-recording's is taken round by round."""
    print("| | wall time | CPU time | CPU time for each test | ÷ pytest-recording |\n|---|--:|--:|--:|--:|")
    peer = [cpu for _, cpu in spent["replayed by pytest-recording"]]
    for name, measured in spent.items():
        wall, cpu = [each[0] for each in measured], [each[1] for each in measured]
        middle = statistics.median(cpu)
        cells = f"{statistics.median(wall):.2f} s ({min(wall):.2f}) | {middle:.2f} s ({min(cpu):.2f})"
        ratio = statistics.median(own / other for own, other in zip(cpu, peer, strict=True))
        print(f"| {name} | {cells} | {middle / tests * 1000:.1f} ms | {ratio:.2f} |")


if __name__ == "__main__":
    main()
