"""The stand-in for a provider: it answers as its flags say, over a real socket, in every dialect."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import httpx
import pytest

from fakegpt_testkit.cli.speak import speaking
from fakegpt_testkit.dialects.writing import WRITERS
from fakegpt_testkit.exchange import Chunk, Head, Interaction, Request, Tape
from fakegpt_testkit.serving import serve
from fakegpt_testkit.timeline import Stream

pytestmark = pytest.mark.once
FLAGS = {"text": "Hello there", "reasoning": "hm", "delay": 0.0, "cuts": None, "fault": (), "plain": False}


def answered(response: httpx.Response) -> Stream:
    """What came, to be read."""
    head = Head(response.status_code, headers=(("Content-Type", response.headers["Content-Type"]),))
    return Stream(Interaction(Request("POST", str(response.url)), Tape(head, (Chunk(0.0, response.content),))))


@pytest.mark.parametrize("dialect", WRITERS)
async def test_it_answers_in_its_dialect_at_any_prefix_as_often_as_it_is_asked(dialect: str) -> None:
    writer = WRITERS[dialect]
    async with (
        serve(speaking(dialect=dialect, **FLAGS)) as url,  # type: ignore[arg-type]
        httpx.AsyncClient(trust_env=False) as client,
    ):
        for prefix in ("", "/v1", "/openai/v1", ""):
            asked = f"{url}{prefix}{writer.path.replace('*', 'm')}"
            stream = answered(await client.post(asked, json={"any": "thing"}))
            assert (stream.text, stream.reasoning, stream.ended_properly) == ("Hello there", "hm", True)
            assert stream.dialect == dialect.removesuffix("-invoke")


async def test_faults_cuts_and_plain_answers_are_flags() -> None:
    flags = FLAGS | {"fault": ("heartbeat(1)", "status(429).times(1)"), "cuts": "byte"}
    async with (
        serve(speaking(dialect="openai-chat", **flags)) as url,  # type: ignore[arg-type]
        httpx.AsyncClient(trust_env=False) as client,
    ):
        first, second = [await client.post(f"{url}/v1/chat/completions", json={}) for _ in range(2)]
        assert (first.status_code, first.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert answered(second).text == "Hello there"
        assert b": keep-alive" in second.content
    async with (
        serve(speaking(dialect="anthropic", **FLAGS | {"plain": True})) as url,  # type: ignore[arg-type]
        httpx.AsyncClient(trust_env=False) as client,
    ):
        plain = await client.post(f"{url}/v1/messages", json={})
        assert plain.json()["content"][1]["text"] == "Hello there"


def test_the_command_says_where_it_is_and_stops_on_ctrl_c() -> None:
    command = [sys.executable, "-m", "fakegpt_testkit", "stand-in", "--dialect", "openai-chat", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
            assert ready["base_url"] == f"{ready['url']}/v1"
            asked = f"{ready['base_url']}/chat/completions"
            got = httpx.post(asked, json={}, trust_env=False)
            assert answered(got).text == "Hello from the stand-in."
            process.send_signal(signal.SIGINT)
            _, problems = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (process.returncode, problems) == (0, "")
