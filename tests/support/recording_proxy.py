"""A server that records a live service which a test makes up, and the cassette it writes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from fakegpt_testkit.cassette import loads
from fakegpt_testkit.recorder import Settings
from fakegpt_testkit.serving import MATCH_ON, Recorder, Terms, serving
from support.raw import raw_server
from support.serving import AT_ONCE, LIVE, server_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fakegpt_testkit.cassette import Cassette
    from support.raw import RawServer
    from support.servers import Answer


class Proxy:
    """A recording server, what it asks, and the cassette it writes."""

    def __init__(self, url: str, upstream: RawServer, path: Path, recorder: Recorder) -> None:
        self.url = url
        self.upstream = upstream
        self.path = path
        self.recorder = recorder

    @property
    def saved(self) -> Cassette:
        """What is in the file, once that is said to be saved."""
        httpx.post(f"{self.url}/__fakegpt/save").raise_for_status()
        return loads(self.path.read_bytes(), str(self.path))


@contextmanager
def recording(
    path: Path, mode: str = "new_episodes", answers: dict[str, Answer] = LIVE, **more: str
) -> Iterator[Proxy]:
    with raw_server({**answers}) as upstream:
        live = f"http://127.0.0.1:{upstream.port}"
        recorder = Recorder(
            path, live, Settings(match_on=MATCH_ON).merged({"record_mode": mode, **more}), "https://api.example"
        )
        server = server_of(terms=Terms(Settings(match_on=MATCH_ON), AT_ONCE), recorder=recorder)
        with serving(server) as url:
            yield Proxy(url, upstream, path, recorder)
