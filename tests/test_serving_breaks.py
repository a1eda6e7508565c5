"""An answer that breaks, met by the same program from the service and from its recording: the same events and error.

What these platforms promise of a broken body is only its error: what had come and was not taken yet may be thrown
away. By the Streams standard an error empties a stream's queue at once (fetch of browsers and of Node); EventSource
tells no event whose empty line was in such a queue; Java's client hands its reader the failure in the place of buffers
that wait. So a program that is not scheduled in time loses the last events before a break, live as replayed, and one
run may differ from the next. Each answer is therefore asked for until service and recording were met alike, a few
times at most; what is met is each time a beginning of what was sent.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx
import pytest
from support import programs
from support.browser import opened
from support.raw import raw_server
from support.servers import CLOSE, HOLD, RESET
from support.serving import ask, request, served, server_of

from fakegpt_testkit import serving, use_cassette
from fakegpt_testkit.cassette import loads
from fakegpt_testkit.exchange import EndingKind
from fakegpt_testkit.recorder import Settings
from fakegpt_testkit.serving import MATCH_ON, RECORDED, Recorder, Terms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.servers import Answer

pytestmark = [pytest.mark.once, pytest.mark.programs]

TRIES = 5
EVENTS = [f"data: {number}\n\n" for number in range(1, 6)]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nAccess-Control-Allow-Origin: *\r\n"
FRAMED = [b"%x\r\n%b\r\n" % (len(each), each.encode()) for each in EVENTS]
SENT = (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[part for each in FRAMED for part in (each, 0.01)], 0.1)
LIVE: dict[str, Answer] = {
    "/whole": (*SENT, b"0\r\n\r\n", CLOSE),
    "/reset": (*SENT, RESET),
    "/early": (*SENT, CLOSE),
    "/inside": (*SENT, b"10\r\ndata: ", 0.05, CLOSE),
    "/malformed": (*SENT, b"no size\r\n", 0.05, CLOSE),
    "/short": (HEAD + b"Content-Length: 100\r\n\r\n", *[each.encode() for each in EVENTS], 0.05, CLOSE),
    "/nothing": (CLOSE,),
    "/nothing-reset": (0.02, RESET),
    "/stalled": (*SENT, HOLD),
}
Met = dict[str, dict[str, str]]
"""By the program's way and the path, its ``text`` and ``end``."""
Asking = Callable[[list[str], list[str]], Awaitable[dict[str, Met]]]


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with raw_server(LIVE) as live:
        yield f"http://127.0.0.1:{live.port}"


@pytest.fixture(scope="module")
def recording(service: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of what another one has recorded of the service."""
    path = tmp_path_factory.mktemp("breaks") / "made.yaml"
    recorder = Recorder(path, service, Settings(match_on=MATCH_ON, record_mode="once"))
    with serving.serving(server_of(recorder=recorder)) as url:
        for each in LIVE:
            if each != "/stalled":
                ask(url, request(each, "GET", "Connection: close"))
    quiet = path.with_name("stalled.yaml")
    with use_cassette(quiet, record_mode="once"), httpx.Client(timeout=0.3) as client, suppress(httpx.ReadTimeout):
        client.get(f"{service}/stalled")
    made = loads(path.read_bytes(), str(path))
    assert {each.response.ending.kind for each in made.interactions} >= {EndingKind.RESET, EndingKind.MALFORMED}
    with served(path, quiet, terms=Terms(Settings(match_on=MATCH_ON), RECORDED, steady=True)) as url:
        yield url


async def alike(service: str, recording: str, met_by: Asking) -> dict[str, str]:
    """How each answer ended, once the program has met the service and its recording alike."""
    seen: dict[str, tuple[set[tuple[str, str]], set[tuple[str, str]]]] = defaultdict(lambda: (set(), set()))
    paths, ends = [*LIVE], dict[str, str]()
    for _ in range(TRIES):
        both = await met_by([service, recording], paths)
        for which, url in enumerate((service, recording)):
            for name, each in both[url].items():
                assert "".join(EVENTS).startswith(each["text"].removesuffix("data: ")), name
                seen[name][which].add((each["text"], each["end"]))
        ends = {name: max(live & played)[1] for name, (live, played) in seen.items() if live & played}
        paths = [path for path in paths if any(name.endswith(path) and name not in ends for name in seen)]
        if not paths:
            return ends
    pytest.fail(f"met otherwise than live: { {name: each for name, each in seen.items() if name not in ends} }")


async def test_nodes_fetch_and_event_source_meet_a_recorded_break_as_the_live_one(service: str, recording: str) -> None:
    modules = str(programs.modules().parent)

    async def met(urls: list[str], paths: list[str]) -> dict[str, Met]:
        command = [programs.program("node"), programs.HERE / "breaks.mjs", ",".join(urls), *paths]
        found: dict[str, Met] = json.loads(programs.run(*command, MODULES=modules))
        return found

    ends = await alike(service, recording, met)
    assert (ends["fetch /whole"], ends["fetch /stalled"], ends["EventSource /stalled"]) == (
        "whole",
        "AbortError",
        "quiet",
    )
    assert ends["fetch /malformed"] == "HPE_INVALID_CHUNK_SIZE"
    assert "whole" not in {end for name, end in ends.items() if name.startswith("fetch") and not name.endswith("whole")}


async def test_javas_client_meets_a_recorded_break_as_the_live_one(service: str, recording: str) -> None:
    java = programs.program("java")

    async def met(urls: list[str], paths: list[str]) -> dict[str, Met]:
        flags = ["-Xshare:auto", "-XX:TieredStopAtLevel=1"]
        found: dict[str, Met] = {url: {} for url in urls}
        for line in programs.run(java, *flags, programs.HERE / "Breaks.java", ",".join(urls), *paths).splitlines():
            url, path, end, text = line.split("\t")
            found[url][path] = {"end": end, "text": text.replace("|", "\n")}
        return found

    ends = await alike(service, recording, met)
    assert (ends.pop("/whole"), ends.pop("/stalled")) == ("whole", "quiet")
    assert {*ends.values()} == {"IOException"}


async def test_a_page_meets_a_recorded_break_as_the_live_one(service: str, recording: str) -> None:
    with programs.pages() as origin:
        async with opened(f"{origin}/breaks.html") as tab:

            async def met(urls: list[str], paths: list[str]) -> dict[str, Met]:
                return {url: await tab.value(f"ask({json.dumps(url)}, {json.dumps(paths)})") for url in urls}

            ends = await alike(service, recording, met)
    assert (ends["fetch /whole"], ends["EventSource /stalled"]) == ("whole", "quiet")
    assert ends["fetch /stalled"].startswith("AbortError")
    assert {ends[f"fetch {path}"] for path in ("/reset", "/early", "/malformed")} == {"TypeError: network error"}
    assert {ends[f"EventSource {path}"] for path in ("/reset", "/whole")} == {"error, connects again"}
