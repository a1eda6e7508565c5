"""What a cassette can do besides playing, once for each client: modes, effects, paces, scripts, redaction, reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.behaviours import in_chunk
from support.clients import WAYS
from support.raw import raw_server

from fakegpt_testkit import faults, load_cassette, recut, script, use_cassette

if TYPE_CHECKING:
    from pathlib import Path

    from support.clients import Seen
    from support.servers import Answer

CLIENTS = (
    *("httpx iter_raw", "httpx2 aiter_raw", "httpx2 trio", "requests content"),
    *("urllib3 stream", "http.client read1", "urllib.request", "aiohttp iter_any"),
)
KEY = "kX9vQ2mR7tB4nW8zL3pY6cJ1"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENTS = (*(b'data: {"n": %d, "who": "%s"}\n\n' % (number, KEY.encode()) for number in range(3)), b"data: [DONE]\n\n")
STREAM: Answer = (HEAD, *map(in_chunk, EVENTS), b"0\r\n\r\n")
OTHER: Answer = (HEAD, *map(in_chunk, (b'data: {"n": "none"}\n\n', *EVENTS[1:])), b"0\r\n\r\n")


@pytest.mark.parametrize("way", CLIENTS)
def test_each_client_has_all_of_it(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOOR_API_KEY", KEY)
    file = tmp_path / "c.yaml"

    def read() -> Seen:
        return WAYS[way](url, 5.0)

    with raw_server({"/x": STREAM}) as server:
        url = f"{server.url}/x"
        for mode in ("once", "rewrite"):
            with use_cassette(file, record_mode=mode):
                live = read()
            assert (b"".join(live.chunks), live.failure) == (b"".join(EVENTS), "")
        with use_cassette(file, record_mode="verify") as session:
            read()
        assert session.drift is not None
        assert not session.drift.differences
        port = server.port
    assert KEY.encode() not in file.read_bytes(), "taken out"
    with raw_server({"/x": OTHER}, port=port), use_cassette(file, record_mode="verify", drift="never") as session:
        read()
    assert session.drift is not None
    assert session.drift.differences, "the answer is another one"

    [held] = load_cassette(file).interactions
    with use_cassette(file, pace=0.5) as session:
        played = read()
    assert played.chunks == [chunk.data for chunk in held.response.chunks]
    assert [stream.read for stream in session.streams] == [len(held.response.body)]
    for how in (4, "event", [30, 5]):
        with use_cassette(file, recut=how):
            assert read().chunks == [chunk.data for chunk in recut(how)(held.response).chunks], how
    with use_cassette(file, faults=[faults.reset(2)]):
        broken = read()
    assert broken.chunks == played.chunks[:2]
    assert broken.failure
    with use_cassette(script("hi", "there", dialect="openai-chat", url=url)):
        url += "/chat/completions"
        scripted = read()
    assert b'"content":"there"' in b"".join(scripted.chunks)


EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"


@pytest.mark.parametrize("way", CLIENTS)
def test_an_interim_answer_is_what_the_client_takes_it_for(way: str, tmp_path: Path) -> None:
    """Some pass over it, and ``http.client`` takes it for the answer."""
    answers: dict[str, Answer] = {
        "/together": (EARLY_HINTS + b"".join(STREAM),),  # type: ignore[arg-type] # all of it is bytes
        "/apart": (PROCESSING, 0.03, EARLY_HINTS, 0.03, *STREAM),
        "/continue": (b"HTTP/1.1 100 Continue\r\n\r\n", *STREAM),
    }

    def read() -> list[Seen]:
        return [WAYS[way](f"{server.url}{path}", 5.0) for path in answers]

    with raw_server(answers) as server:
        live = read()
        with use_cassette(tmp_path / "c.yaml", record_mode="once"):
            recorded = read()
        with use_cassette(tmp_path / "c.yaml"):
            replayed = read()
    assert [(seen.status, seen.failure) for seen in live] == [(seen.status, seen.failure) for seen in recorded]
    assert replayed == recorded
    passes_over = way.startswith(("httpx", "aiohttp"))
    assert [seen.status for seen in live] == ([200, 200, 200] if passes_over else [103, 102, 200])
    held = load_cassette(tmp_path / "c.yaml").interactions
    assert {each.response.ending.kind.value for each in held} == {"complete"}
