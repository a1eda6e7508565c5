"""What a recording process had received when it was killed, through the commands that a user has."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from fakegpt_testkit import EndingKind, load_cassette
from fakegpt_testkit.fakegpt.stand_in import Options, serve_in_thread
from fakegpt_testkit.sse import parse
from fakegpt_testkit.storage import recover

if TYPE_CHECKING:
    from pathlib import Path

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
    noted = repr([(each.request.uri, each.request.headers, each.request.body) for each in recover(journal)])
    noted += repr([(each.response.headers, each.response.body) for each in recover(journal)])
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
