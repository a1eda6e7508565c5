"""The server as programs of other languages meet it: what comes, how it ends, what is told of a miss."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support import programs
from support.browser import Tab, executable, opened
from support.pages import PAGES, Page, Reader, prepare
from support.raw import raw_server
from support.serving import LIVE, recorded, served, server_of, write

from fakegpt_testkit import serving as servers
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Tape
from fakegpt_testkit.recorder import Settings
from fakegpt_testkit.serving import MATCH_ON, RECORDED, Access, Door, Recorder, Terms, certificates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

pytestmark = [pytest.mark.once, pytest.mark.programs]

GAP = 0.01
EVENTS = [b"retry: 50\ndata: %d\n\n" % number for number in range(1, 21)]
LAST = GAP * len(EVENTS)
"""Seconds after which the last event was recorded."""
BROKEN = 5
"""Events before a stream breaks."""
PAUSE = 0.1
"""Seconds between the last of them and the break."""
TEXTS = ["Hel", "lo", "!"]
DELTAS = [json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() for text in TEXTS]
ANSWER = tuple(Chunk(GAP * nth, b"data: %b\n\n" % each) for nth, each in enumerate([*DELTAS, b"[DONE]"], 1))
ASKED = b'{"model": "m", "stream": true, "messages": [{"role": "user", "content": "Say hello"}]}'
ENDINGS = {
    "/reset": EndingKind.RESET,
    "/eof": EndingKind.EOF,
    "/malformed": EndingKind.MALFORMED,
    "/stalled": EndingKind.STALLED,
}


@pytest.mark.parametrize("page", [page for page in PAGES if page.needs_programs], ids=lambda page: page.name)
def test_a_page_does_what_it_says(
    page: Page, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for each in ("curl", "node", "npm"):
        programs.program(each)
    programs.modules()
    executable()
    prepare(monkeypatch, tmp_path)
    Reader(page, pytester).read()


def chunks(events: Sequence[bytes]) -> tuple[Chunk, ...]:
    return tuple(Chunk(GAP * nth, each, (len(each),)) for nth, each in enumerate(events, 1))


@pytest.fixture(scope="module")
def cassettes(tmp_path_factory: pytest.TempPathFactory) -> Any:
    broken = [
        recorded(path=path, chunks=chunks(EVENTS[:BROKEN]), ending=Ending(kind, GAP * BROKEN + PAUSE))
        for path, kind in ENDINGS.items()
    ]
    nothing = recorded(path="/nothing", chunks=(), ending=Ending(EndingKind.EOF, GAP))
    nothing = type(nothing)(nothing.request, Tape(Head(0), (), nothing.response.ending))
    chat = recorded("POST", "/v1/chat/completions", chunks=ANSWER, body=ASKED)
    folder = tmp_path_factory.mktemp("programs")
    away = (("Location", "https://api.example/home"), ("Content-Length", "0"))
    cookie = ("Set-Cookie", "sid=abc; Domain=api.example; Path=/; Secure; SameSite=None")
    login = recorded(path="/login", status=302, chunks=(), headers=(*away, cookie))
    home = recorded(path="/home", chunks=(Chunk(0.01, b"home"),), headers=(("Content-Length", "4"),))
    streams = [recorded(path="/stream", chunks=chunks(EVENTS)), *broken, nothing, chat]
    write(folder, "some.yaml", *streams, login, home)
    return folder


@contextmanager
def serving(cassettes: Any, *origins: str) -> Iterator[str]:
    terms = Terms(Settings(match_on=MATCH_ON), RECORDED, steady=True)
    with served(cassettes, terms=terms, access=Access(origins=origins)) as url:
        yield url


@pytest.fixture
def url(cassettes: Any) -> Iterator[str]:
    with serving(cassettes) as url:
        yield url


def came(told: dict[str, Any], most: int) -> None:
    """What a reader of pieces got: all events, no piece cut within one, and none before it was due.

    A stream that breaks throws away what its reader has not taken yet, by the rules of the web.
    """
    pieces = [text.encode() for _, text in told["pieces"]]
    events = b"".join(pieces).count(b"data: ") if told.get("error") else most
    assert events <= most
    assert b"".join(pieces) == b"".join(EVENTS[:events])
    ends = {*accumulate(map(len, EVENTS))}
    assert {*accumulate(map(len, pieces))} <= ends
    assert events == 0 or told["pieces"][-1][0] >= 1000 * GAP * events - 1
    assert all(later >= before for (before, _), (later, _) in pairwise(told["pieces"]))


def test_curl_meets_each_ending_as_such(url: str) -> None:
    curl = programs.program("curl")
    wanted = {"/stream": (0, 20), "/reset": (56, 5), "/eof": (18, 5), "/malformed": (56, 5), "/nothing": (52, 0)}
    for path, (code, events) in (wanted | {"/stalled": (28, 5)}).items():
        patience = ["--max-time", "0.5"] if path == "/stalled" else []
        done = subprocess.run([curl, "-sN", *patience, url + path], capture_output=True, check=False)
        assert (path, done.returncode, done.stdout) == (path, code, b"".join(EVENTS[:events]))
    done = subprocess.run([curl, "-s", url + "/missing"], capture_output=True, check=False)
    assert "GET /missing is not in" in json.loads(done.stdout)["error"]["message"]


def test_curl_meets_the_same_endings_through_a_recording_server(tmp_path: Path) -> None:
    curl = programs.program("curl")
    endings = {"whole": 0, "reset": 56, "early": 18, "malformed": 56, "nothing": 52, "gzip": 0, "json": 0}
    with raw_server(LIVE) as upstream:
        live = f"http://127.0.0.1:{upstream.port}"
        settings = Settings(match_on=MATCH_ON, record_mode="new_episodes")
        with servers.serving(server_of(recorder=Recorder(tmp_path / "made.yaml", live, settings))) as url:
            for path, code in endings.items():
                met = [
                    subprocess.run([curl, "-sN", f"{base}/{path}"], capture_output=True, check=False)
                    for base in (live, url)
                ]
                assert (path, met[0].returncode, met[0].stdout) == (path, code, met[1].stdout)
                assert met[1].returncode == code


def test_nodes_fetch_gets_the_pieces_when_they_are_due_and_each_ending(url: str) -> None:
    told = programs.node(url, "fetch")
    came(told["/stream"], 20)
    errors = {"/reset": "ECONNRESET", "/eof": "UND_ERR_SOCKET", "/malformed": "HPE_INVALID_CHUNK_SIZE"}
    for path, error in (errors | {"/stalled": "TimeoutError"}).items():
        came(told[path], BROKEN)
        # of a reset a busy machine's undici says now and then only that the other side has closed
        assert (path, told[path]["error"]) in {(path, error), ("/reset", "UND_ERR_SOCKET")}
    assert told["/nothing"] == {"pieces": [], "error": "UND_ERR_SOCKET"}
    assert told["/missing"]["status"] == 404
    assert "GET /missing is not in" in told["/missing"]["pieces"][0][1]


def test_openais_package_for_node_reads_the_stream_and_tells_its_user_what_differs(url: str) -> None:
    told = programs.node(url, "openai")
    assert told["whole"]["texts"] == TEXTS
    miss = told["miss"]
    assert (miss["error"], miss["status"]) == ("NotFoundError", 404)
    assert "recorded 'Say hello', asked 'Say hi'" in miss["message"]
    assert len(httpx.get(f"{url}/__fakegpt/unmatched").json()) == 1  # it does not ask again


def test_nodes_event_source_has_the_events_and_hears_of_the_end(url: str) -> None:
    told = programs.node(url, "eventsource")
    assert told["/stream"]["events"] == [str(number) for number in range(1, 21)]
    assert told["/reset"]["events"] == [str(number) for number in range(1, len(told["/reset"]["events"]) + 1)]
    assert len(told["/reset"]["events"]) <= BROKEN
    assert told["/reset"]["error"]


def test_programs_trust_the_certificate_of_the_run(cassettes: Any) -> None:
    curl = programs.program("curl")
    with certificates.made() as (tls, authority), served(cassettes, door=Door(tls=tls)) as url:
        trusting = dict.fromkeys(certificates.TRUSTING, str(authority))
        assert programs.run(curl, "-sN", f"{url}/stream", **trusting).encode() == b"".join(EVENTS)
        told = programs.node(url, "fetch", **trusting)["/stream"]
        assert "".join(text for _, text in told["pieces"]).encode() == b"".join(EVENTS)
        assert subprocess.run([curl, "-s", f"{url}/stream"], check=False).returncode == 60


def test_javas_client_reads_each_answer_to_its_end(url: str) -> None:
    lines = programs.run(programs.program("java"), "-Xshare:auto", programs.HERE / "Client.java", url).splitlines()
    told = {path: (int(status), int(events), error) for path, status, events, error in (e.split(" ") for e in lines)}
    assert told["/stream"] == (200, 20, "")
    for path in ("/reset", "/eof", "/malformed"):
        status, events, error = told[path]
        assert (path, status, error) == (path, 200, "IOException")
        assert events <= BROKEN  # what it had not handed on yet is lost
    assert told["/nothing"] == (0, 0, "IOException")
    assert told["/missing"][0] == 404


async def looked_at(tab: Tab, url: str) -> dict[str, Any]:
    """A login in a scenario, and the server's own page."""
    async with httpx.AsyncClient() as client:
        await client.put(f"{url}/__fakegpt/scenarios/login", json={})
    await tab.open(f"{url}/@login/login")
    home = await tab.value("({at: location.href, cookie: document.cookie})")
    async with httpx.AsyncClient() as client:
        asked = (await client.get(f"{url}/__fakegpt/scenarios/login/journal")).json()
    sent = dict(next(each for each in asked if each["url"].endswith("/home"))["headers"])
    assert sent["Cookie"].startswith("sid=")  # what stands behind it is a secret
    await tab.open(f"{url}/__fakegpt/")
    overview = await tab.value("document.body.innerText")
    assert all(words in overview for words in ("some.yaml", "Scenario /@login", "GET /missing is not in"))
    await tab.open(f"{url}/__fakegpt/streams/1")
    return {"home": home, "looked": await tab.value("document.querySelectorAll('svg *').length")}


async def test_a_page_in_a_browser_asks_as_pages_do(cassettes: Any) -> None:
    with programs.pages() as origin, serving(cassettes, origin) as url:
        async with opened(f"{origin}/page.html") as tab:
            told = await tab.value(f"ask({json.dumps(url)})")
            told |= await looked_at(tab, url)
            await tab.open(f"{origin}/page.html")
            told["refused"] = await tab.value(f"fetched({json.dumps(url + '/__fakegpt/health')})")
    came(told["/stream"], 20)
    assert "content-type" in told["/stream"]["fields"]
    for path in ("/reset", "/eof", "/malformed"):
        came(told[path], BROKEN)
        assert (path, told[path]["error"]) == (path, "TypeError: network error")
    assert told["/nothing"] == {"pieces": [], "error": "TypeError: Failed to fetch"}
    assert told["/missing"]["status"] == 404
    assert "GET /missing is not in" in told["/missing"]["pieces"][0][1]
    assert "".join(text for _, text in told["post"]["pieces"]).encode() == b"".join(each.data for each in ANSWER)
    assert told["events"] == {"events": [str(number) for number in range(1, 21)], "errors": 0}
    first = [str(number) for number in range(1, BROKEN + 1)]
    assert (len(told["again"]["events"]), {*told["again"]["events"]} <= {*first}) == (2 * BROKEN, True)
    assert told["again"]["errors"] > 0  # it asks again by itself
    assert told["home"] == {"at": f"{url}/@login/home", "cookie": "sid=abc"}
    assert told["looked"]
    assert told["refused"]["error"] == "TypeError: Failed to fetch"  # no page of elsewhere sees what is controlled
