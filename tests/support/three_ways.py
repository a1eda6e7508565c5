"""Runs one program against a live server, while it is recorded in two ways, and replayed: what did it see each time?"""

from __future__ import annotations

import asyncio
import gc
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import uvloop
from aiohttp import BaseConnector

from fakegpt_testkit.recorder import load_cassette, use_cassette
from support.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fakegpt_testkit.cassette import Cassette
    from support.servers import Server

T = TypeVar("T")
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
CONNECT = BaseConnector.connect
DESCRIPTORS = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True)
class Views:
    """What a program saw: live, while recorded, while a new episode was added, and replayed from both recordings."""

    live: Any
    recorded: Any
    added: Any
    replayed: Any
    replayed_added: Any
    cassette: Cassette

    def __iter__(self) -> Any:
        return iter((self.live, self.recorded, self.added, self.replayed, self.replayed_added))


def run_in(loop: str, main: Awaitable[T]) -> T:
    """Run to the end in a fresh loop of this kind, and see that nothing is left: no task, no patch, no open socket."""

    async def watched() -> T:
        sockets = open_sockets()
        result = await asyncio.wait_for(main, PATIENCE)
        for _ in range(100):
            left = asyncio.all_tasks() - {asyncio.current_task()}
            if not left and open_sockets() <= sockets:
                break
            gc.collect()
            await asyncio.sleep(0.002)
        assert not left
        assert open_sockets() <= sockets
        assert BaseConnector.connect is CONNECT
        return result

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        return runner.run(watched())


def open_sockets() -> set[str]:
    """The sockets of this process, by the system's own count."""
    found = set()
    for link in DESCRIPTORS.iterdir() if DESCRIPTORS.exists() else ():
        with suppress(FileNotFoundError):  # the listing's own descriptor is in the list
            found.add(str(link.readlink()))
    return {each for each in found if each.startswith("socket:")}


async def view(
    program: Callable[[str], Awaitable[object]], serving: AbstractAsyncContextManager[Server], folder: Path
) -> Views:
    """The program's results in each way. Replays happen with the server still there, and must not ask it anything."""
    file, added = folder / "recorded.yaml", folder / "added.yaml"
    async with serving as server:
        seen = []
        for context in (
            nullcontext(),
            use_cassette(file, record_mode="all"),
            use_cassette(added, record_mode="new_episodes"),
        ):
            with context:
                seen.append(await program(server.url))
        asked, connected = len(server.requests), server.connections
        for path in (file, added):
            with use_cassette(path) as session:
                seen.append(await program(server.url))
            assert not session.unplayed
        assert (len(server.requests), server.connections) == (asked, connected)
    live, recorded, new, replayed, replayed_new = seen
    return Views(live, recorded, new, replayed, replayed_new, load_cassette(file))
