"""The recordings under ``cassettes/``, replayed with no service running; ``scripts/record_cassettes.py`` makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest

from fakegpt_testkit import EndingKind
from fakegpt_testkit.sse import parse

if TYPE_CHECKING:
    from fakegpt_testkit import FakeGpt, Session
    from fakegpt_testkit.wire.deck import Pace

HELLO = [{"role": "user", "content": "Say hello"}]


async def ask(provider: type[FakeGpt], messages: list[dict[str, str]] = HELLO) -> list[str]:
    return [part async for part in provider.create_async_generator("", messages)]


def paths(cassette: Session) -> list[str]:
    return [
        each.request.uri.removeprefix("https://chat-shared2.zhile.io").partition("?")[0] for each in cassette.exchanged
    ]


FLOW = ["/api/loads", "/auth/login", "/api/auth/session", "/api/conversation"]


@pytest.mark.fakegpt
async def test_plain(fakegpt: type[FakeGpt], fakegpt_cassette: Session) -> None:
    parts = await ask(fakegpt)
    assert "".join(parts) == "Hello! How can I help you today? 😀"
    assert paths(fakegpt_cassette) == FLOW
    stream = fakegpt_cassette.exchanged[-1].response
    assert stream.ending.kind is EndingKind.COMPLETE
    assert len(stream.chunks) == len(parse(stream.body)), "the service sends an event a chunk"


@pytest.mark.fakegpt
async def test_multi_message(fakegpt: type[FakeGpt], fakegpt_cassette: Session) -> None:
    messages = [
        {"role": "system", "content": "You are terse."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "And now?"},
    ]
    assert "".join(await ask(fakegpt, messages)) == "Now we talk."
    sent = fakegpt_cassette.exchanged[-1].request.body.decode()
    assert r"System: You are terse.\nUser: Hello\nAssistant: Hi.\nUser: And now?\nAssistant:" in sent


@pytest.mark.fakegpt
async def test_refused_token(fakegpt: type[FakeGpt], fakegpt_cassette: Session) -> None:
    assert "".join(await ask(fakegpt)) == "Hello again."
    assert paths(fakegpt_cassette) == [*FLOW, *FLOW]
    assert [each.response.status for each in fakegpt_cassette.exchanged if "conversation" in each.request.uri] == [
        401,
        200,
    ]


@pytest.mark.fakegpt
async def test_broken_stream(fakegpt: type[FakeGpt], fakegpt_cassette: Session) -> None:
    parts = []
    with pytest.raises(aiohttp.ClientPayloadError):
        async for part in fakegpt.create_async_generator("", HELLO):
            parts.append(part)  # noqa: PERF401 - what came before the break counts
    assert parts
    assert "This answer breaks off in the middle.".startswith("".join(parts))
    assert fakegpt_cassette.exchanged[-1].response.ending.kind is EndingKind.RESET


@pytest.mark.fakegpt
async def test_tool_noise(fakegpt: type[FakeGpt], fakegpt_cassette: Session) -> None:
    assert "".join(await ask(fakegpt)) == "The tool says 42."
    stream = fakegpt_cassette.exchanged[-1].response.body
    assert b'"role": "tool"' in stream
    assert b"event: ping" in stream
    assert b"moderation_response" in stream


@pytest.mark.parametrize("pace", ["recorded", 0.1, 0], ids=str)
async def test_every_pace_gives_the_same_answer(pace: Pace) -> None:
    from fakegpt_testkit import FakeGpt, use_cassette

    class Mine(FakeGpt):
        pass

    with use_cassette("cassettes/test_recordings/test_plain.yaml", pace=pace):
        assert "".join(await ask(Mine)) == "Hello! How can I help you today? 😀"
