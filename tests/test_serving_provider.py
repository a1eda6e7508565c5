"""The stand-in for a provider: it answers as it was told, over a real socket, in every dialect."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import zlib
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest
from support.commands import runner
from support.patience import PATIENCE

from fakegpt_testkit.cli import main
from fakegpt_testkit.dialects import Failure
from fakegpt_testkit.dialects.writing import WRITERS
from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.exchange import Chunk, Head, Interaction, Request, Tape
from fakegpt_testkit.fakegpt.stand_in import Options
from fakegpt_testkit.fakegpt.stand_in.service import FakeGptStandIn
from fakegpt_testkit.framing import Framing
from fakegpt_testkit.serving import Library, Server, provider, serve
from fakegpt_testkit.serving.reading import Refused, content_of
from fakegpt_testkit.timeline import Stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.once
TOLD = {"text": "Hello there", "reasoning": "hm"}
CHAT = "/v1/chat/completions"


@asynccontextmanager
async def standing_in(dialect: str, said: object) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the stand-in's base URL."""
    server = Server(Library(lambda: ()), casting=provider(dialect, said))
    async with serve(server) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client


def answered(response: httpx.Response) -> Stream:
    """What came, to be read."""
    head = Head(response.status_code, headers=(("Content-Type", response.headers["Content-Type"]),))
    return Stream(Interaction(Request("POST", str(response.url)), Tape(head, (Chunk(0.0, response.content),))))


@pytest.mark.parametrize("dialect", WRITERS)
async def test_it_streams_or_not_as_it_is_asked_at_any_prefix_as_often_as_it_is_asked(dialect: str) -> None:
    writer = WRITERS[dialect]
    async with standing_in(dialect, TOLD) as client:
        for prefix in ("", "/v1", "/openai/v1", ""):
            for path, streams in ((writer.path, True), (writer.plain_path, False)):
                asked = prefix + path.replace("*", "m")
                answer = await client.post(asked, json={"any": "thing", "stream": streams})
                kind = answer.headers["Content-Type"]
                assert kind == (writer.content_type if streams else "application/json"), (asked, streams)
                stream = answered(answer)
                assert (stream.text, stream.reasoning, stream.ended_properly) == ("Hello there", "hm", True)
                plain_invoke = dialect == "bedrock-invoke" and not streams  # reads as what it holds
                assert stream.dialect == ("anthropic" if plain_invoke else dialect.removesuffix("-invoke"))


async def test_who_does_not_ask_gemini_for_events_gets_an_array() -> None:
    path = "/v1beta/models/m:streamGenerateContent"
    async with standing_in("gemini", TOLD) as client:
        for query, framing in (
            ("", Framing.JSON_ARRAY),
            ("?key=k", Framing.JSON_ARRAY),
            ("?key=k&alt=sse", Framing.SSE),
        ):
            answer = await client.post(path + query, json={})
            stream = answered(answer)
            assert (stream.framing, stream.dialect, stream.deltas) == (framing, "gemini", ("Hello ", "there"))
            assert (stream.reasoning, stream.ended_properly) == ("hm", True)
            if framing is Framing.JSON_ARRAY:
                assert (len(answer.json()), answer.headers["Content-Type"]) == (len(stream.events), "application/json")
    for fault, wanted in (("error_event(2)", "hm"), ("status(429)", ""), ("stop(2, end_mark=True)", "hm")):
        async with standing_in("gemini", TOLD | {"faults": [fault]}) as client:
            answer = await client.post(path, json={})
            stream = answered(answer)
            assert isinstance(answer.json(), list), fault
            assert (stream.reasoning, stream.error is None) == (wanted, fault.startswith("stop")), fault
            if fault.startswith("status"):
                assert stream.error == Failure("Too Many Requests", "429"), "the words, and not the list around them"


@pytest.mark.parametrize("said", [{}, {"stream": None}, {"stream": False}, {"stream": True}])
async def test_what_is_not_said_of_a_stream_is_the_service_s_default(said: dict[str, object]) -> None:
    for dialect, path, by_default in (("ollama", "/api/chat", True), ("openai-responses", "/v1/responses", False)):
        async with standing_in(dialect, TOLD) as client:
            answer = await client.post(path, json={"model": "m", **said})
            streams = (
                said["stream"] if said.get("stream") is not None else by_default if "stream" not in said else False
            )
            assert (answer.headers["Content-Type"] != "application/json") is streams, (dialect, said)


async def test_faults_cuts_and_delays_are_told() -> None:
    said = TOLD | {"faults": ["heartbeat(1)", "status(429).times(1)"], "cuts": "byte", "delay": 0.001}
    async with standing_in("openai-chat", said) as client:
        first, second = [await client.post(CHAT, json={"stream": True}) for _ in range(2)]
        assert (first.status_code, first.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert answered(second).text == "Hello there"
        assert b": keep-alive" in second.content
        plain = await client.post(CHAT, json={})
        assert answered(plain).text == "Hello there", "a heartbeat has no place in JSON"
    async with standing_in("anthropic", {"faults": ["refused()"]}) as client:
        with pytest.raises(httpx.TransportError):
            await client.post("/v1/messages", json={"stream": True})


ODD = (b"", b"[1]", b"\xff", b"{", b"[" * 100_000, b'{"a":' * 100_000)
FORM = "application/x-www-form-urlencoded."


@pytest.mark.parametrize(
    ("dialect", "said"),
    [
        ("openai-chat", lambda told: told["error"]["message"]),
        ("anthropic", lambda told: told["error"]["message"]),
        ("gemini", lambda told: told["error"]["message"]),
        ("ollama", lambda told: told["error"]),
        ("bedrock", lambda told: told["message"]),
    ],
)
async def test_what_it_is_not_asked_for_is_the_provider_s_own_error(dialect: str, said: object) -> None:
    assert callable(said)
    path = WRITERS[dialect].path.replace("*", "m")
    async with standing_in(dialect, {}) as client:
        nowhere = await client.post("/v1/embeddings", json={})
        other = await client.get(path)
        odd = [await client.post(path, content=each) for each in ODD]
    assert nowhere.status_code == 404
    assert "it answers POST …" in said(nowhere.json())
    assert (other.status_code, "not GET" in said(other.json())) == (405, True)
    assert [(each.status_code, said(each.json())) for each in odd] == [(400, "the body is no JSON object")] * len(ODD)


PACKED = gzip.compress(b'{"stream": true}')
CODED: dict[str, tuple[str, bytes, str]] = {
    "gzip": ("gzip", PACKED, ""),
    "gzip in two members": ("x-gzip", gzip.compress(b'{"stream":') + gzip.compress(b"true}"), ""),
    "deflate": ("deflate", zlib.compress(b'{"stream": true}'), ""),
    "deflate without its frame": ("deflate", zlib.compress(b'{"stream": true}', wbits=-15), ""),
    "two codings": ("deflate, gzip", gzip.compress(zlib.compress(b'{"stream": true}')), ""),
    "none": ("identity", b'{"stream": true}', ""),
    "a label alone": ("gzip", b'{"stream": true}', "400 the request's body is not in its Content-Encoding gzip"),
    "cut off": ("gzip", PACKED[:-9], "400 the request's body is not in its Content-Encoding gzip"),
    "followed by more": ("gzip", PACKED + b"x", "400 the request's body is not in its Content-Encoding gzip"),
    "the other way round": ("gzip, deflate", PACKED, "400 the request's body is not in its Content-Encoding deflate"),
    "unheard of": ("exi", PACKED, "415 the request's Content-Encoding exi is none that is read here"),
}


@pytest.mark.parametrize(("coding", "body", "refused"), CODED.values(), ids=CODED.keys())
def test_a_question_in_a_content_coding_is_read_in_it_or_refused_by_its_name(
    coding: str, body: bytes, refused: str
) -> None:
    fields = (("content-encoding", coding), ("Content-Type", "application/json"))
    asked = Request("POST", "http://stand-in.invalid/v1/chat/completions", fields, body)
    tape = provider("openai-chat", {"text": "Hello"})().act(asked, framed=True).tape
    if refused:
        assert f"{tape.status} {json.loads(tape.body)['error']['message']}" == refused
    else:
        assert Stream(Interaction(asked, tape)).deltas == ("Hello",)
    flow = FakeGptStandIn(Options()).act(replace(asked, uri="http://stand-in.invalid/auth/login"), framed=True).tape
    assert f"{flow.status} {json.loads(flow.body)['detail']}" == (refused or "415 The login is a form: " + FORM)


@pytest.mark.parametrize(
    ("coding", "body"), [("gzip", PACKED), ("deflate", zlib.compress(bytes(99)))], ids=["gzip", "deflate"]
)
def test_a_question_that_unpacks_to_more_than_the_bound_is_too_large(coding: str, body: bytes) -> None:
    asked = Request("POST", "http://stand-in.invalid/", (("Content-Encoding", coding),), body)
    with pytest.raises(Refused, match="larger than 9 bytes when it is unpacked") as large:
        content_of(asked, 9)
    assert large.value.status == 413


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ([], "an object with some of text, reasoning, delay, cuts, faults"),
        ({"txt": "x"}, "one of text"),
        ({"text": 5}, "str"),
        ({"text": ""}, "a text"),
        ({"delay": -1}, "seconds, 0 or more"),
        ({"delay": float("inf")}, "seconds, 0 or more"),
        ({"delay": True}, "int or float"),
        ({"cuts": "nowhere"}, "nowhere"),
        ({"faults": "reset(3)"}, "list"),
        ({"faults": ["explode()"]}, "explode"),
    ],
)
def test_what_means_nothing_is_refused_before_it_listens(said: object, problem: str) -> None:
    with pytest.raises(BadSetting, match=problem):
        provider("openai-chat", said)


def test_the_command_says_where_it_is_and_stops_on_ctrl_c() -> None:
    command = [sys.executable, "-m", "fakegpt_testkit", "stand-in", "--dialect", "openai-chat", "--port", "0", "--json"]
    with subprocess.Popen(
        [*command, "--fault", "heartbeat(1)", "--cuts", "7,3"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            ready = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
            assert ready["base_url"] == f"{ready['url']}/v1"
            asked = f"{ready['base_url']}/chat/completions"
            got = httpx.post(asked, json={"stream": True}, trust_env=False)
            assert answered(got).text == "Hello from the stand-in."
            assert b": keep-alive" in got.content
            process.send_signal(signal.SIGINT)
            _, problems = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert (process.returncode, problems) == (0, "")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["--fault", "reset(3)"], "--fault is for the other dialects, not for --dialect fakegpt"),
        (["--dialect", "ollama", "--accounts", "2"], "--accounts is for fakegpt, not for --dialect ollama"),
        (["--dialect", "gemini", "--json", "--raw"], "--raw is for fakegpt, not for --dialect gemini"),
        (["--cuts", "3,5"], "'3,5' is not one of event, random, byte"),
        (["--dialect", "cohere", "--fault", "explode()"], "explode"),
    ],
)
def test_an_option_that_would_not_be_looked_at_is_an_error(given: list[str], problem: str) -> None:
    ran = runner().invoke(main, ["stand-in", *given])
    assert ran.exit_code == 2
    assert problem in " ".join(ran.stderr.split())


async def test_who_wants_the_connection_closed_is_told_that_it_is() -> None:
    async with standing_in("openai-chat", {}) as client:
        for said, told in (("close", "close"), ("keep-alive", None)):
            bodies: tuple[object, ...] = ({"stream": True}, {}, [])
            for body in bodies:
                answer = await client.post(CHAT, json=body, headers={"Connection": said})
                assert answer.headers.get("Connection") == told
