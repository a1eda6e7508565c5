"""The newest SDKs of chat services, on clients made before any cassette: live, recorded and replayed they do the same.

Knows no HTTP client: which one an SDK stands on is its own affair.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import struct
import zlib
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import anthropic
import botocore.config
import botocore.session
import groq
import ollama
import openai
import pytest
from support.behaviours import answer_of, in_chunk, in_pieces
from support.raw import raw_server
from support.servers import CLOSE, HOLD, RESET

from fakegpt_testkit.recorder import load_cassette, use_cassette

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from support.raw import RawServer
    from support.servers import Answer, Answers, Asked

LOOPS = {"anyio", "asyncio", "trio"}
MESSAGES: Any = [{"role": "user", "content": "Say hello"}]
SSE = b"Content-Type: text/event-stream\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\n" + SSE + b"Transfer-Encoding: chunked\r\n"
END = b"0\r\n\r\n"


# What the services say.


def openai_events(*deltas: dict[str, Any], done: bool = True) -> list[bytes]:
    def chunk(delta: dict[str, Any], finish: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        told = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        return b"data: %s\n\n" % json.dumps(told).encode()

    return [*(chunk(each, None) for each in deltas), chunk({}, "stop"), *([b"data: [DONE]\n\n"] if done else [])]


def anthropic_events(*blocks: tuple[dict[str, Any], Sequence[dict[str, Any]]]) -> list[bytes]:
    def event(kind: str, **more: Any) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()

    usage = {"input_tokens": 1, "output_tokens": 1}
    message: dict[str, Any] = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
    }
    events = [event("message_start", message={**message, "stop_sequence": None, "usage": usage})]
    for index, (block, deltas) in enumerate(blocks):
        events.append(event("content_block_start", index=index, content_block=block))
        events += [event("content_block_delta", index=index, delta=delta) for delta in deltas]
        events.append(event("content_block_stop", index=index))
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    return [*events, event("message_delta", delta=ended, usage=usage), event("message_stop")]


WORDS = ("Hel", "lo", " wörld 😀")
OPENAI_TEXT = openai_events({"role": "assistant", "content": ""}, *({"content": word} for word in WORDS))
OPENAI_TOOLS = openai_events(
    {"tool_calls": [{"index": 0, "id": "t1", "type": "function", "function": {"name": "add", "arguments": ""}}]},
    *({"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in ('{"a": 1', ', "b": 2}')),
)
ANTHROPIC_TEXT = anthropic_events(
    ({"type": "text", "text": ""}, [{"type": "text_delta", "text": word} for word in WORDS])
)
ANTHROPIC_TOOLS = anthropic_events(
    (
        {"type": "tool_use", "id": "t1", "name": "add", "input": {}},
        [{"type": "input_json_delta", "partial_json": part} for part in ('{"a": 1', ', "b": 2}')],
    )
)


def behaviours(text: list[bytes], tools: list[bytes]) -> dict[str, Answer | Callable[[Asked], Answer]]:
    """What a service does with one request, by name."""
    head = CHUNKED + b"\r\n"
    whole = (head, *map(in_chunk, text), END)
    half = (head, *map(in_chunk, text[: len(text) // 2]))
    compressor = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    coded = [compressor.compress(event) + compressor.flush(zlib.Z_SYNC_FLUSH) for event in text]
    error = json.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}).encode()
    slow = answer_of(b"429 Slow Down", error, b"Content-Type: application/json", b"Retry-After-Ms: 1")
    turns = itertools.cycle([(slow,), whole])
    return {
        "text": whole,
        "tools": (head, *map(in_chunk, tools), END),
        "ragged": (head, *in_pieces(b"".join(map(in_chunk, text)) + END, 61)),
        "gzip": (
            CHUNKED + b"Content-Encoding: gzip\r\n\r\n", *map(in_chunk, coded), in_chunk(compressor.flush()), END,
        ),
        "400": (answer_of(b"400 Bad Request", error, b"Content-Type: application/json"),),
        "429": lambda _: next(turns),
        "reset": (*half, RESET),
        "bad chunk": (*half, b"no size\r\n", CLOSE),
        "cut chunk": (*half, b"40\r\ndata: half", CLOSE),
        "stall": (*half, HOLD),
        "no end": (*half, CLOSE),
        "no head": (CLOSE,),
    }  # fmt: skip


def frame(kind: str, payload: bytes) -> bytes:
    """One message of AWS's event stream, as Bedrock sends them."""

    def header(name: bytes, value: bytes) -> bytes:
        return struct.pack("!B", len(name)) + name + struct.pack("!BH", 7, len(value)) + value

    headers = (
        header(b":event-type", kind.encode())
        + header(b":content-type", b"application/json")
        + header(b":message-type", b"event")
    )
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack("!I", zlib.crc32(message))


BEDROCK = [
    frame("messageStart", b'{"role": "assistant"}'),
    *(
        frame("contentBlockDelta", json.dumps({"contentBlockIndex": 0, "delta": {"text": word}}).encode())
        for word in WORDS
    ),
    frame("messageStop", b'{"stopReason": "end_turn"}'),
]
BINARY = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\nTransfer-Encoding: chunked\r\n"
    b"x-amzn-RequestId: r1\r\n\r\n"
)
OLLAMA = [
    json.dumps({"model": "m", "message": {"role": "assistant", "content": word}, "done": False}).encode() + b"\n"
    for word in WORDS
] + [b'{"model": "m", "message": {"role": "assistant", "content": ""}, "done": true}\n']

OPENAI = behaviours(OPENAI_TEXT, OPENAI_TOOLS)
ANTHROPIC = behaviours(ANTHROPIC_TEXT, ANTHROPIC_TOOLS)


def path(behaviour: str) -> str:
    return "/" + behaviour.replace(" ", "-")


def answers() -> Answers:
    bedrock: Answer = (BINARY, *map(in_chunk, BEDROCK), END)
    cut: Answer = (BINARY, *map(in_chunk, BEDROCK[:2]), b"40\r\nhalf", CLOSE)
    throttled = answer_of(b"429 Too Many", b'{"message": "slow"}', b"x-amzn-ErrorType: ThrottlingException")
    turns = itertools.cycle([(throttled,), bedrock])
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    lines: Answer = (head, *map(in_chunk, OLLAMA), END)
    answers: Answers = {
        **{path(name) + "/chat/completions": each for name, each in OPENAI.items()},
        **{path(name) + "/v1/messages": each for name, each in ANTHROPIC.items()},
        **{path(name) + "/openai/v1/chat/completions": each for name, each in OPENAI.items()},
        "/text/api/chat": lines,
        "/text/model/m/converse-stream": bedrock,
        "/cut-chunk/model/m/converse-stream": cut,
        "/429/model/m/converse-stream": lambda _: next(turns),
        "/reset/model/m/converse-stream": (BINARY, *map(in_chunk, BEDROCK[:2]), RESET),
    }
    return answers


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with raw_server(answers()) as running:
        yield running


# What programs do with the SDKs.


class Seen(list[Any]):
    """What a program saw, its failure last: the class, and the classes of its causes down to the loop's own."""

    def fail(self, failure: BaseException) -> None:
        chain = []
        seen: BaseException | None = failure
        while seen is not None:
            if type(seen).__module__.partition(".")[0] not in LOOPS:
                chain.append(type(seen).__name__)
            seen = seen.__cause__ or seen.__context__
        assert not {"RequestNotRecorded", "ResponseNotRecorded", "CassetteMissing"} & set(chain), failure
        self.append(tuple(chain))


def limit_of(behaviour: str) -> float:
    return 0.3 if behaviour in {"stall", "bad chunk"} else 10.0


def options(behaviour: str, server: RawServer) -> dict[str, Any]:
    return {
        "base_url": server.url + path(behaviour), "api_key": "sk-test", "timeout": limit_of(behaviour),
        "max_retries": 1 if behaviour == "429" else 0,
    }  # fmt: skip


@contextmanager
def seeing() -> Iterator[Seen]:
    """What is appended, and the failure that ended it: the SDK's own, or the HTTP client's in the midst of a stream."""
    seen = Seen()
    try:
        yield seen
    except Exception as failure:
        seen.fail(failure)


def ask_chat(client: openai.OpenAI | groq.Groq) -> Seen:
    with seeing() as seen:
        for chunk in client.chat.completions.create(model="m", messages=MESSAGES, stream=True):
            seen.append(chunk.model_dump())
    return seen


def ask_anthropic(client: anthropic.Anthropic) -> Seen:
    with seeing() as seen:
        for event in client.messages.create(model="m", max_tokens=9, messages=MESSAGES, stream=True):
            seen.append(event.model_dump())
    return seen


async def read_openai(client: openai.AsyncOpenAI) -> Seen:
    with seeing() as seen:
        async for chunk in await client.chat.completions.create(model="m", messages=MESSAGES, stream=True):
            seen.append(chunk.model_dump())
    return seen


async def read_anthropic(client: anthropic.AsyncAnthropic) -> Seen:
    with seeing() as seen:
        async for event in await client.messages.create(model="m", max_tokens=9, messages=MESSAGES, stream=True):
            seen.append(event.model_dump())
    return seen


ASYNC: dict[str, tuple[Callable[..., Any], Callable[[Any], Any], Callable[[], Any] | None]] = {
    "openai async": (openai.AsyncOpenAI, read_openai, None),
    "openai on aiohttp": (openai.AsyncOpenAI, read_openai, openai.DefaultAioHttpClient),
    "anthropic async": (anthropic.AsyncAnthropic, read_anthropic, None),
    "anthropic on aiohttp": (anthropic.AsyncAnthropic, read_anthropic, anthropic.DefaultAioHttpClient),
}
SYNC: dict[str, tuple[Callable[..., Any], Callable[[Any], Seen]]] = {
    "openai sync": (openai.OpenAI, ask_chat),
    "anthropic sync": (anthropic.Anthropic, ask_anthropic),
    "groq": (groq.Groq, ask_chat),
}


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    """A socket that a test leaves open is that test's failure, not that of whichever test the collector runs in."""
    gc.freeze()  # what was there before is not looked at again: the SDKs' modules are large
    yield
    gc.collect()


def three_times(program: Callable[[], Seen], server: RawServer, file: Path) -> Seen:
    live = program()
    with use_cassette(file, record_mode="all") as session:
        recorded = program()
    assert session.recorded
    asked = server.seen
    with use_cassette(file) as session:
        replayed = program()
    assert server.seen == asked
    assert not session.unplayed
    assert recorded == live
    assert replayed == recorded
    return replayed


@pytest.mark.parametrize("behaviour", OPENAI)
@pytest.mark.parametrize("sdk", SYNC)
def test_a_sync_sdk_sees_the_same(sdk: str, behaviour: str, server: RawServer, tmp_path: Path) -> None:
    made, read = SYNC[sdk]
    with closing(made(**options(behaviour, server))) as client:
        check(behaviour, three_times(lambda: read(client), server, tmp_path / "c.yaml"))


@pytest.mark.parametrize("behaviour", OPENAI)
@pytest.mark.parametrize("sdk", ASYNC)
def test_an_async_sdk_sees_the_same(sdk: str, behaviour: str, server: RawServer, tmp_path: Path) -> None:
    if (sdk.endswith("aiohttp"), behaviour) == (True, "bad chunk"):
        pytest.skip("aiohttp's C parser hangs live on a bad chunk head after good ones")
    made, read, transport = ASYNC[sdk]
    with asyncio.Runner() as runner:

        async def make() -> Any:
            http_client = {} if transport is None else {"http_client": transport()}
            return made(**options(behaviour, server), **http_client)

        client = runner.run(make())
        seen = three_times(lambda: runner.run(read(client)), server, tmp_path / "c.yaml")
        runner.run(client.close())
    check(behaviour, seen)


def check(behaviour: str, seen: Seen) -> None:
    """A row that shows nothing would be no row."""
    fails = behaviour in {"400", "reset", "bad chunk", "cut chunk", "stall", "no end", "no head"}
    assert isinstance(seen[-1], tuple) is fails
    assert len(seen) > 1 or behaviour in {"400", "no head"}


def test_ollama_sees_the_same(server: RawServer, tmp_path: Path) -> None:
    client = ollama.Client(server.url + "/text")

    def program() -> Seen:
        return Seen(part.model_dump() for part in client.chat("m", MESSAGES, stream=True))

    with closing(client):
        check("text", three_times(program, server, tmp_path / "c.yaml"))


@pytest.mark.parametrize("behaviour", ["text", "429", "reset", "cut chunk"])
def test_bedrock_s_binary_frames_are_the_same(behaviour: str, server: RawServer, tmp_path: Path) -> None:
    client = botocore.session.get_session().create_client(
        "bedrock-runtime", "eu-west-1", endpoint_url=server.url + path(behaviour),
        aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="secret",
        config=botocore.config.Config(retries={"max_attempts": 2 if behaviour == "429" else 1, "mode": "standard"}),
    )  # fmt: skip

    def program() -> Seen:
        with seeing() as seen:
            answer = client.converse_stream(modelId="m", messages=[{"role": "user", "content": [{"text": "hi"}]}])
            with closing(answer["stream"]) as stream:
                seen.extend(stream)
        return seen

    with closing(client):
        check(behaviour, three_times(program, server, tmp_path / "c.yaml"))


def test_one_sdk_plays_what_another_recorded(server: RawServer, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    with use_cassette(file, record_mode="all"), openai.OpenAI(**options("text", server)) as client:
        recorded = ask_chat(client)

    async def play(transport: dict[str, Callable[[], Any]]) -> Seen:
        made = {name: kind() for name, kind in transport.items()}
        async with openai.AsyncOpenAI(**options("text", server), **made) as client:
            return await read_openai(client)

    for transport in ({}, {"http_client": openai.DefaultAioHttpClient}):
        with use_cassette(file):
            assert asyncio.run(play(transport)) == recorded


@pytest.mark.parametrize("sdk", SYNC)
def test_a_client_that_closes_at_the_end_mark_records_a_whole_stream(
    sdk: str, server: RawServer, tmp_path: Path
) -> None:
    made, read = SYNC[sdk]
    with use_cassette(tmp_path / "c.yaml", record_mode="all"), closing(made(**options("text", server))) as client:
        read(client)
    [only] = load_cassette(tmp_path / "c.yaml").interactions
    assert only.response.ending.kind == "complete"
