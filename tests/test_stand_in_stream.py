"""The stand-in's stream as a raw socket gets it: chunks, cuts, line ends, noise, endings."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any, get_args

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.patience import PATIENCE
from support.visiting import BODY, Visitor, visiting

from fakegpt_testkit.fakegpt import conversation
from fakegpt_testkit.fakegpt.conversation import AnswerReader, Text
from fakegpt_testkit.fakegpt.stand_in import AnswerFinish, Options, StreamCuts, serve
from fakegpt_testkit.fakegpt.stand_in.answer import cut, events, text_for
from fakegpt_testkit.sse import Event, parse, split

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ACCENTED = Options(text="Señor 🙂 naïve ß, 短い文です。", seed=11)


async def chunks_of(options: Options) -> list[bytes]:
    """The HTTP chunks of an answer."""
    chunks, current = [], b""
    async with visiting(options) as (visitor, _), visitor.ask(await visitor.log_in()) as response:
        async for piece, whole in response.content.iter_chunks():
            current += piece
            if whole:
                chunks.append(current)
                current = b""
    assert current == b""
    return [chunk for chunk in chunks if chunk]


def told(body: bytes) -> str:
    """The answer's text, as the reader of the conversation has it."""
    reader = AnswerReader()
    for event in parse(body):
        reader.feed(event)
    assert reader.done
    return reader.text


@asynccontextmanager
async def raw(options: Options) -> AsyncIterator[asyncio.StreamReader]:
    """The bytes of an answer's response, head included, as they come."""
    async with serve(options) as service, aiohttp.ClientSession() as session:
        token = await Visitor(session, service.url).log_in()
        cookie = "; ".join(f"{cookie.key}={cookie.value}" for cookie in session.cookie_jar)
        body = json.dumps(BODY)
        head = (
            "POST /api/conversation HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
            f"Content-Type: application/json\r\nCookie: {cookie}\r\nX-Authorization: Bearer {token}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", int(service.url.rpartition(":")[2]))
        writer.write((head + body).encode())
        try:
            async with asyncio.timeout(PATIENCE):
                yield reader
        finally:
            writer.close()


# --- cuts ---


def in_its_own_chunk(chunks: list[bytes]) -> bool:
    return chunks == split(b"".join(chunks))


def cut_in_each_character(chunks: list[bytes]) -> bool:
    many = sum(byte >= 0xC2 for byte in b"".join(chunks))
    cut_ones = sum(chunk[-1] >= 0xC2 for chunk in chunks)
    return many == cut_ones > 0


def cut_in_each_data(chunks: list[bytes]) -> bool:
    cuts = [chunk for chunk in chunks if chunk in (b"d", b"da", b"dat", b"data", b"data:")]
    return len(cuts) == b"".join(chunks).count(b"data: ") and len(set(cuts)) > 2


def cut_in_each_crlf(chunks: list[bytes]) -> bool:
    body = b"".join(chunks)
    return (
        b"\r\n" in body and body.count(b"\n") == body.count(b"\r\n") and not any(b"\r\n" in chunk for chunk in chunks)
    )


def cut_anywhere(chunks: list[bytes]) -> bool:
    ends = sum(chunk.endswith(b"\n\n") for chunk in chunks)
    return max(map(len, chunks)) > 64 and min(map(len, chunks)) < 8 and ends < len(chunks) / 2


@pytest.mark.parametrize(
    ("cuts", "holds"),
    [
        ("event", in_its_own_chunk),
        ("byte", lambda chunks: all(len(chunk) == 1 for chunk in chunks)),
        ("random", cut_anywhere),
        ("utf8", cut_in_each_character),
        ("data", cut_in_each_data),
        ("crlf", cut_in_each_crlf),
    ],
)
async def test_the_stream_is_cut_where_it_was_wanted(cuts: StreamCuts, holds: Any) -> None:
    options = Options(text=ACCENTED.text, seed=11, cuts=cuts)
    chunks = await chunks_of(options)
    assert holds(chunks)
    assert told(b"".join(chunks)) == ACCENTED.text
    assert await chunks_of(options) == chunks


@given(
    body=st.lists(st.text("ab é🙂\r\n:data ", max_size=30).map(str.encode), max_size=8),
    cuts=st.sampled_from(get_args(StreamCuts)),
    seed=st.integers(0, 3),
)
def test_cuts_lose_nothing_and_leave_no_empty_chunk(body: list[bytes], cuts: StreamCuts, seed: int) -> None:
    chunks = cut([event for event in body if event], cuts, Random(seed))
    assert b"".join(chunks) == b"".join(body)
    assert all(chunks)


@pytest.mark.parametrize("cuts", ["event", "data"])
async def test_each_chunk_reaches_a_raw_reader_by_itself(cuts: StreamCuts) -> None:
    async with raw(Options(cuts=cuts, delay=0.02, text="Hello there")) as reader:
        head = await reader.readuntil(b"\r\n\r\n")
        reads = []
        while read := await reader.read(65536):
            reads.append(read)
            if read.endswith(b"0\r\n\r\n"):
                break
    assert b"Transfer-Encoding: chunked" in head
    framed = [read.partition(b"\r\n") for read in reads]
    assert len(reads) > 4
    assert all(int(size, 16) == len(rest) - 2 for size, _, rest in framed[:-1])
    assert framed[-1][2].endswith(b"[DONE]\n\n\r\n0\r\n\r\n")


async def test_the_head_comes_before_the_first_chunk_is_there() -> None:
    async with raw(Options(ending="stall", events=0)) as reader:
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)


async def test_the_delay_lies_between_the_chunks() -> None:
    options = Options(text="Hi", delay=0.03)
    begun = time.monotonic()
    chunks = await chunks_of(options)
    assert time.monotonic() - begun >= (len(chunks) - 1) * options.delay


# --- what is written ---


async def test_json_is_escaped_unless_raw_is_wanted() -> None:
    escaped = b"".join(await chunks_of(ACCENTED))
    plain = b"".join(await chunks_of(Options(text=ACCENTED.text, raw=True)))
    assert escaped.isascii()
    assert b"\\ud83d\\ude42" in escaped
    assert "🙂".encode() in plain
    assert told(escaped) == told(plain) == ACCENTED.text


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
async def test_the_line_end_is_the_one_that_was_wanted(newline: Any) -> None:
    body = b"".join(await chunks_of(Options(newline=newline, noise=frozenset({"ping"}))))
    assert body.endswith(f"data: [DONE]{newline}{newline}".encode())
    assert body.count(b"\n") == body.count(newline.encode())
    assert ("\r" in newline) == (b"\r" in body)


def messages(options: Options) -> list[Any]:
    return [json.loads(event.data) for event in parse(b"".join(events(options, "Hi", "m", "q"))[:-14])]


def test_the_text_grows_in_one_message_and_its_last_event_repeats_it() -> None:
    said = [event["message"] for event in messages(ACCENTED)]
    texts = [message["content"]["parts"][0] for message in said]
    assert texts[0] == ""
    assert texts[-2:] == [ACCENTED.text] * 2
    assert all(later.startswith(text) for text, later in pairwise(texts))
    assert len(set(texts)) == len(texts) - 1
    assert len({message["id"] for message in said}) == 1
    assert {message["status"] for message in said[:-1]} == {"in_progress"}
    assert said[-1]["end_turn"] is True
    assert said[0]["metadata"] == {"message_type": "next", "model_slug": "m", "parent_id": "q"}


@pytest.mark.parametrize("finish", get_args(AnswerFinish))
def test_the_last_event_says_why_the_answer_ends(finish: AnswerFinish) -> None:
    last = messages(Options(finish=finish))[-1]["message"]
    assert last["metadata"]["finish_details"] == {"type": finish}
    assert last["status"] == ("finished_successfully" if finish == "stop" else "finished_partial_completion")
    reader = AnswerReader()
    assert reader.feed(Event(data=json.dumps({"message": last})))[-1] == conversation.Finish(finish)


def authors(stream: list[Event]) -> list[str]:
    said = [json.loads(event.data) for event in stream if event.data.startswith("{")]
    return [event["message"]["author"]["role"] for event in said if "message" in event]


@pytest.mark.parametrize(
    ("noise", "many"),
    [
        ("system", lambda stream: authors(stream).count("system")),
        ("echo", lambda stream: authors(stream).count("user")),
        ("tool", lambda stream: authors(stream).count("tool")),
        ("tool", lambda stream: sum('"recipient": "browser"' in event.data for event in stream)),
        ("ping", lambda stream: sum(event.event == "ping" for event in stream) // 2),
        ("moderation", lambda stream: sum('"moderation_response"' in event.data for event in stream)),
    ],
)
def test_noise_is_added_and_the_answer_stays_the_same(noise: str, many: Any) -> None:
    plain = b"".join(events(Options(seed=4), "Hi", "m", "q"))
    noisy = b"".join(events(Options(seed=4, noise=frozenset({noise})), "Hi", "m", "q"))
    assert many(parse(plain)) == 0
    assert many(parse(noisy)) >= 1
    assert told(noisy) == told(plain) == text_for(Options(seed=4), "Hi")


def test_the_echo_is_the_prompt() -> None:
    first = messages(Options(noise=frozenset({"echo"})))[0]["message"]
    assert (first["id"], first["content"]["parts"]) == ("q", ["Hi"])


def test_a_made_answer_always_has_something_to_cut() -> None:
    for seed in range(50):
        text = text_for(Options(seed=seed), "Hi")
        assert not text.isascii()
        assert len(text) > 60


def test_a_long_text_does_not_make_a_stream_of_its_square() -> None:
    stream = events(Options(text="word " * 5_000), "Hi", "m", "q")
    assert len(stream) < 210
    assert told(b"".join(stream)) == "word " * 5_000


def test_an_empty_text_is_an_answer_too() -> None:
    assert [event["message"]["content"]["parts"] for event in messages(Options(text=""))] == [[""], [""]]


# --- endings ---


async def test_a_body_of_ones_own_is_sent_as_it_is() -> None:
    body = b": hi\n\ndata: a\r\n\r\nInternal Server Error"
    assert b"".join(await chunks_of(Options(body=body))) == body
    assert await chunks_of(Options(body=b"data: a\n\ndata: b\n\n", events=1)) == [b"data: a\n\n"]
    assert await chunks_of(Options(body=b"")) == []


async def test_the_end_mark_may_come_after_some_of_the_events() -> None:
    chunks = await chunks_of(Options(text="Hello", events=1))
    assert len(chunks) == 2
    assert chunks[-1] == b"data: [DONE]\n\n"


async def test_an_unmarked_stream_ends_in_good_order() -> None:
    chunks = await chunks_of(Options(text="Hello", ending="unmarked"))
    assert b"finished_successfully" in chunks[-1]


@pytest.mark.parametrize(
    ("ending", "tail"),
    [
        ("close", b"\n\n\r\n"),
        ("cut", b"\n\n\r\n1000\r\ndata: {"),
        ("malformed", b"\n\n\r\nzz\r\ndata: {\r\n"),
    ],
)
async def test_a_broken_stream_ends_with_the_connection(ending: Any, tail: bytes) -> None:
    async with raw(Options(text="Hello", ending=ending, events=2)) as reader:
        received = await reader.read()
    assert received.count(b"data: {") == 2 + tail.count(b"data")
    assert received.endswith(tail)


async def test_a_slow_reader_gets_all_that_came_before_the_break() -> None:
    large, small = b"data: " + b"a" * 8_000_000 + b"\n\n", b"data: " + b"b" * 50_000 + b"\n\n"
    framed = b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in (large, small))
    async with raw(Options(body=large + small, ending="close")) as reader:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.05)
        assert await reader.read() == framed


async def test_a_reset_stream_is_reset_after_its_events() -> None:
    received = b""
    async with raw(Options(text="Hello", ending="reset", events=2)) as reader:
        with pytest.raises(ConnectionResetError):
            while True:
                received += await reader.readexactly(1)
    assert received.count(b"data: {") == 2
    assert received.endswith(b"\n\n\r\n")


async def test_a_stalled_stream_stays_open_and_silent() -> None:
    async with raw(Options(text="Hello", ending="stall", events=2)) as reader:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readuntil(b"\n\n\r\n")
        await reader.readuntil(b"\n\n\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)


async def test_an_endless_stream_goes_on_with_pings() -> None:
    async with raw(Options(text="Hello", ending="endless", events=2)) as reader:
        for _ in range(3):
            await reader.readuntil(b"\n\n\r\n")
        pings = [await reader.readuntil(b"\n\n\r\n") for _ in range(3)]
    assert all(b"event: ping\ndata: 2023-10-05 12:0" in ping for ping in pings)
    assert len(set(pings)) == 3


@pytest.mark.parametrize("ending", ["close", "cut", "reset"])
async def test_a_client_gets_the_events_before_the_break(ending: Any) -> None:
    received = b""
    options = Options(ending=ending, events=3)
    async with visiting(options) as (visitor, _), visitor.ask(await visitor.log_in()) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            async for piece in response.content.iter_any():
                received += piece
    reader = AnswerReader()
    deltas = [delta for event in parse(received) for delta in reader.feed(event)]
    assert len(parse(received)) == 3
    assert all(isinstance(delta, Text) for delta in deltas)
