"""Compares a replayed FakeGpt flow with its peers: the same client, the same file, the same process, turn by turn.

Run it with `python benchmarks/replay.py`; it prints the tables that docs/benchmarks-replay.md shows, by CPU time.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.client_proto import ResponseHandler
from flows import (
    BODY,
    EVENTS,
    SITE,
    answer,
    answered_by_a_server,
    answered_by_nobody,
    make_answers,
    make_server,
    replayed_by_us,
    replayed_by_vcrpy,
    replayed_in_one_piece,
)

from fakegpt_testkit import cassette as cassettes
from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.recorder import load_cassette, use_cassette
from fakegpt_testkit.wire.writing import encode_tape

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from fakegpt_testkit.exchange import Interaction


def cpu(run: Callable[[], object]) -> float:
    """Milliseconds of CPU time, of all of this process's threads."""
    gc.collect()
    before = time.process_time()
    run()
    return (time.process_time() - before) * 1000


def turn_by_turn(runs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median of each, after one round that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            spent = cpu(run)
            if turn:
                taken[name].append(spent)
    return {name: statistics.median(times) for name, times in taken.items()}


def compare(path: Path, interactions: tuple[Interaction, ...], flows: int, rounds: int) -> dict[str, float]:
    size = sum(len(each.response.body) for each in interactions[-1:]) * flows

    def run(way: Callable[..., Awaitable[int]], what: object) -> Callable[[], None]:
        def once() -> None:
            got = asyncio.run(_await(way(what, flows)))
            assert got == size, f"{way.__name__} gave {got} bytes, not {size}"

        return once

    runs = {
        "fakegpt_testkit": run(replayed_by_us, path),
        "in one piece": run(replayed_in_one_piece, path),
        "aiohttp alone": run(answered_by_nobody, make_answers(interactions)),
        "vcrpy": run(replayed_by_vcrpy, path),
        "loopback server": lambda: run(answered_by_a_server, make_server(interactions))(),
    }
    return {name: spent / flows for name, spent in turn_by_turn(runs, rounds).items()}


async def _await(awaited: Awaitable[int]) -> int:
    return await awaited


class NoTransport(asyncio.Transport):
    """What a handler hangs on when its bytes are brought to it."""

    def close(self) -> None:
        """Nothing is open."""


def shares(path: Path, interactions: tuple[Interaction, ...], rounds: int) -> dict[str, float]:
    """Where our CPU time for one flow goes: what it costs alone, and the rest."""
    loop = asyncio.new_event_loop()

    def make_frames() -> list[bytes]:
        return [data for each in interactions for _, data, _ in encode_tape(each.response, each.request.method)]

    def parse() -> None:
        for each in interactions:
            handler = ResponseHandler(loop)
            handler.transport = asyncio.Transport()  # asked for nothing while the buffer has room
            handler.set_response_params(read_until_eof=True, read_bufsize=2**30)
            for data in frames[each.request.uri]:
                handler.data_received(data)

    frames = {
        each.request.uri: [data for _, data, _ in encode_tape(each.response, each.request.method)]
        for each in interactions
    }

    def enter() -> None:
        with use_cassette(path):
            pass

    def whole() -> None:
        asyncio.run(replayed_by_us(path, 1))

    def empty_loop() -> None:
        asyncio.run(asyncio.sleep(0))

    runs = {
        "file: read, parsed, made to interactions": lambda: load_cassette(path),
        "use_cassette without a request": enter,
        "tape to HTTP bytes": make_frames,
        "aiohttp's parser on these bytes": parse,
        "asyncio.run of nothing": empty_loop,
        "the whole flow": whole,
    }
    taken = turn_by_turn(runs, rounds)
    loop.close()
    return taken


# --- the marker ---

SUITE = """
import pytest

@pytest.mark.parametrize("number", range({tests}))
{marker}
async def test_nothing(number):
    pass
"""


def marker_costs(path: Path, rounds: int) -> dict[str, float]:
    """What a marked test that asks for nothing costs more than one without the marker, in milliseconds of CPU.

    Out of a short and a long suite, so that what a run pays once, imports above all, is not in it.
    """
    short, long = 50, 350
    markers = {
        "no marker": "",
        "a marker, this cassette": f"@pytest.mark.fakegpt({path.name!r})",
        "a marker, a script": "@pytest.mark.fakegpt(ANSWER)",
    }
    made = 'from fakegpt_testkit.effects import script\nANSWER = script("Hel", "lo")\n'
    suite = path.parent / "test_suite.py"
    each: dict[str, float] = {}
    for name, marker in markers.items():
        spent = []
        for tests in (short, long):
            suite.write_text(made + SUITE.format(tests=tests, marker=marker))
            spent.append(min(run_suite(suite) for _ in range(rounds)))
        each[name] = (spent[1] - spent[0]) / (long - short)
    return {name: spent - each["no marker"] for name, spent in each.items() if name != "no marker"}


def run_suite(suite: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "asyncio",
        "-p",
        "fakegpt_testkit",
        "-c",
        os.devnull,
    ]
    options = ["-o", "asyncio_mode=auto", "--rootdir", str(suite.parent), "--fakegpt-cassette-dir", ".", str(suite)]
    alone = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # the peers' plugins do not get on with each other
    subprocess.run([*command, *options], check=True, capture_output=True, env=alone)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


# --- many at once ---


@contextmanager
def counting_memory() -> Iterator[list[float]]:
    """How many MB the process grew by at its most, in a list that is filled at the end."""
    grown: list[float] = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield grown
    grown.append((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


async def hold(session: aiohttp.ClientSession, events: int, everybody: asyncio.Barrier) -> int:
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
    async with session.post(f"{SITE}/api/conversation", data=BODY, headers=headers) as response:
        size = 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            events -= 1
            if events == 0:
                await everybody.wait()
        return size


async def at_once(path: Path, streams: int) -> int:
    everybody = asyncio.Barrier(streams)
    with use_cassette(path, allow_playback_repeats=True):
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            return sum(await asyncio.gather(*(hold(session, EVENTS // 2, everybody) for _ in range(streams))))


def hold_open(path: Path, body: int, most: int) -> list[str]:
    """The rows of the table of memory."""
    rows = []
    for streams in (1, most // 10, most):
        with counting_memory() as grown:
            got = asyncio.run(at_once(path, streams))
        assert got == streams * body
        rows.append(f"| {streams} | 0 | {grown[0]:.0f} MB | {streams * body / 2**20:.0f} MB |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--streams", type=int, default=1000, help="how many are held open at once in the last table")
    options = parser.parse_args()
    interactions = answer()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flow.yaml"
        path.write_bytes(cassettes.dumps(Cassette(interactions)))
        body = len(interactions[-1].response.body)
        held = hold_open(path, body, options.streams)  # first: what a process has once had, its peak never forgets
        python = f"{platform.python_implementation()} {platform.python_version()}"
        print(
            f"{python}, aiohttp {version('aiohttp')}, vcrpy {version('vcrpy')}; 4 requests, {EVENTS} events, "
            f"{body / 1024:.0f} KB; medians of {options.rounds} rounds\n"
        )
        print(
            "| flows at once | ours | ours, in one piece | aiohttp alone | vcrpy | loopback server | ours / vcrpy | "
            "in one piece / vcrpy | in one piece / aiohttp alone | ours / server |"
        )
        print("|---" * 10 + "|")
        for flows in (1, 10, 100):
            spent = compare(path, interactions, flows, max(3, options.rounds // flows))
            ours, theirs, served = spent["fakegpt_testkit"], spent["vcrpy"], spent["loopback server"]
            whole, floor = spent["in one piece"], spent["aiohttp alone"]
            times = " | ".join(f"{each:.2f} ms" for each in (ours, whole, floor, theirs, served))
            ratios = (ours / theirs, whole / theirs, whole / floor, ours / served)
            print(f"| {flows} | {times} | {' | '.join(f'{each:.2f}' for each in ratios)} |", flush=True)
        print("\n| one flow, ours | CPU time |\n|---|---|")
        for name, milliseconds in shares(path, interactions, options.rounds).items():
            print(f"| {name} | {milliseconds:.2f} ms |", flush=True)
        print("\n| one test more | CPU time |\n|---|---|")
        for name, milliseconds in marker_costs(path, 7).items():
            print(f"| {name} | {milliseconds:.2f} ms |", flush=True)
        print("\n| streams held open at their middle | failures | memory grew by | their bodies together |")
        print("|---|---|---|---|", *held, sep="\n")


if __name__ == "__main__":
    main()
