"""What a recording process had received when it was killed, through the commands that a user has."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest
from support import dialect_streams as said
from support.commands import runner
from support.patience import PATIENCE
from support.raw import raw_server
from support.servers import HOLD, Answer

from fakegpt_testkit import EndingKind, load_cassette
from fakegpt_testkit.cli import main
from fakegpt_testkit.fakegpt.stand_in import Options, serve_in_thread
from fakegpt_testkit.framing import Framing
from fakegpt_testkit.sse import parse
from fakegpt_testkit.storage import read_journal
from fakegpt_testkit.timeline import Stream

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.once, pytest.mark.untraced]

RECORDING = """
import asyncio, os, signal, sys
from fakegpt_testkit import FakeGpt, use_cassette

async def main(url, how):
    provider = type("Mine", (FakeGpt,), {"url": url})
    pieces = 0
    async for _ in provider.create_async_generator("", [{"role": "user", "content": "Say hello"}]):
        pieces += 1
        if pieces == 7:
            print("reading", flush=True)
            os._exit(3) if how == "exit" else os.kill(os.getpid(), getattr(signal, how))
            await asyncio.sleep(30)

with use_cassette("killed.yaml", record_mode="once"):
    asyncio.run(main(*sys.argv[1:]))
"""
COMMAND = "from fakegpt_testkit.cli import main; main()"


@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM", "exit"])
def test_what_had_arrived_is_recovered(tmp_path: Path, how: str) -> None:
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    with serve_in_thread(Options(text="one two three four five six seven eight nine ten", delay=0.1)) as service:
        recording = [sys.executable, "-c", RECORDING, service.url, how]
        died = subprocess.run(recording, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert died.stdout == "reading\n", died.stderr
    assert died.returncode == (3 if how == "exit" else -getattr(signal, how))
    assert not (tmp_path / "killed.yaml").exists()
    (journal,) = (tmp_path / "state").rglob("*.journal")
    noted = repr([(each.request.uri, each.request.headers, each.request.body) for each in read_journal(journal)])
    noted += repr([(each.response.headers, each.response.body) for each in read_journal(journal)])
    sent = parse_qs(service.requests[1].body.decode())
    bearer = dict(service.requests[3].headers)["X-Authorization"].removeprefix("Bearer ")
    secrets = [sent["token_key"][0], sent["session_password"][0], bearer]
    assert [secret for secret in secrets if secret in noted] == []
    assert "Say hello" in noted, "the rest is there"

    recovering = [sys.executable, "-c", COMMAND, "recover", "--all"]
    done = subprocess.run(recovering, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    *login, asked = load_cassette(tmp_path / "killed.yaml").interactions
    assert len(login) == 3
    assert asked.response.ending.kind is EndingKind.KILLED
    assert len(parse(asked.response.body)) >= 5, "all but what was in flight"
    assert b"credential=REDACTED" in (tmp_path / "killed.yaml").read_bytes()


IN_EVERY_FRAMING = {
    "text/event-stream": (said.ANTHROPIC, "anthropic", Framing.SSE),
    "application/x-ndjson": (said.OLLAMA, "ollama", Framing.JSON_LINES),
    "application/json": (said.GEMINI_ARRAY, "gemini", Framing.JSON_ARRAY),
    "application/vnd.amazon.eventstream": (said.CONVERSE, "bedrock", Framing.AMAZON),
}
APART = 0.2
"""Seconds after which the next piece comes: it is read alone."""
READING = """
import os, signal, sys
import httpx
from fakegpt_testkit import use_cassette

with use_cassette("killed.yaml", record_mode="once"), httpx.Client() as client:
    streams = [(client.send(client.build_request("POST", url), stream=True), int(size)) for url, _, size in
               (each.partition("#") for each in sys.argv[1:])]
    readers = [(stream, stream.iter_raw(), size) for stream, size in streams]
    for _, pieces, _ in readers:
        next(pieces)
    for stream, pieces, size in readers:
        while stream.num_bytes_downloaded < size:
            next(pieces)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_stream_of_every_framing_is_recovered_as_far_as_it_came_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    answers: dict[str, Answer] = {}
    urls = []
    for number, (label, (body, _, _)) in enumerate(IN_EVERY_FRAMING.items()):
        first, within = body.index(b"Hel"), body.index(b'lo"')  # the second is in the middle of the next event
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {label}\r\nContent-Length: {len(body)}\r\n\r\n"
        answers[f"/{number}"] = [head.encode(), body[:first], APART, body[first:within], HOLD]
        urls.append(f"/{number}#{within}")
    with raw_server(answers) as server:
        reading = [sys.executable, "-c", READING, *(server.url + each for each in urls)]
        died = subprocess.run(reading, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert runner().invoke(main, ["recover", "--all"]).exit_code == 0
    streams = [Stream(each) for each in load_cassette(tmp_path / "killed.yaml").interactions]
    assert [(each.dialect, each.framing) for each in streams] == [each[1:] for each in IN_EVERY_FRAMING.values()]
    for stream in streams:
        assert (stream.text, stream.reasoning, stream.tool_calls) == ("Hel", "hm", ()), stream.dialect
        assert (stream.ending.kind, stream.ended_properly) == (EndingKind.KILLED, False)
