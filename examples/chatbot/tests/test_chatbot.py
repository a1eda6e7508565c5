"""The chat bot's suite. The first test and the last have met the service; the others are made of these recordings."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
from chatbot import ChatBot, ChatError, talk

from fakegpt_testkit import Stream, faults, script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fakegpt_testkit import FakeGpt
    from fakegpt_testkit.recorder import Session


@pytest.fixture
async def bot(fakegpt: type[FakeGpt]) -> AsyncIterator[ChatBot]:
    """A bot that is logged in, at the service that `--fakegpt-url` names."""
    async with ChatBot(fakegpt.url) as bot:
        yield bot


async def ask(bot: ChatBot, question: str = "Say hello") -> list[str]:
    return [piece async for piece in bot.answer(question)]


@pytest.mark.fakegpt("greeting")
async def test_an_answer_comes_piece_by_piece(bot: ChatBot, fakegpt_cassette: Session) -> None:
    pieces = await ask(bot)
    stream = fakegpt_cassette.streams[0]
    assert tuple(pieces) == stream.deltas
    assert len(pieces) > 3
    assert stream.ended_properly
    assert bot.history == ["User: Say hello", f"Assistant: {stream.text}"]


@pytest.mark.fakegpt("greeting", recut="byte")
async def test_it_does_not_matter_how_the_network_cuts_an_answer(bot: ChatBot, fakegpt_cassette: Session) -> None:
    assert tuple(await ask(bot)) == fakegpt_cassette.streams[0].deltas


@pytest.mark.fakegpt("greeting", faults=[faults.status(429, retry_after=0).times(1)])
async def test_a_busy_service_is_asked_once_more(bot: ChatBot, fakegpt_cassette: Session) -> None:
    assert "".join(await ask(bot)) == fakegpt_cassette.streams[-1].text


@pytest.mark.fakegpt("greeting", faults=[faults.status(429, retry_after=0)])
async def test_a_service_that_stays_busy_gives_no_answer(bot: ChatBot) -> None:
    with pytest.raises(ChatError, match="429"):
        await ask(bot)


@pytest.mark.fakegpt("greeting", faults=[faults.reset(after_event=4)])
async def test_a_lost_connection_is_no_answer(bot: ChatBot, capsys: pytest.CaptureFixture[str]) -> None:
    await talk(bot, ["Say hello"])
    assert "[Response payload is not completed" in capsys.readouterr().out
    assert bot.history == []


@pytest.mark.fakegpt("greeting", faults=faults.everywhere(faults.stop))
async def test_a_stream_that_stops_anywhere_is_whole_or_no_answer(bot: ChatBot, fakegpt_cassette: Session) -> None:
    recorded = Stream(fakegpt_cassette.interactions[-1])
    try:
        pieces = await ask(bot)
    except ChatError:
        assert bot.history == []
    else:
        assert "".join(pieces) == recorded.text


@pytest.mark.fakegpt("greeting", record_mode="none")
async def test_a_user_who_has_read_enough_stops_the_stream(bot: ChatBot, fakegpt_cassette: Session) -> None:
    async with aclosing(bot.answer("Say hello")) as pieces:
        await anext(pieces)
    assert fakegpt_cassette.streams[0].closed_early


@pytest.mark.fakegpt(script(events=['{"error": "overloaded"}', "[DONE]"]))
async def test_a_service_that_gives_up_says_why(bot: ChatBot) -> None:
    with pytest.raises(ChatError, match="the service gave up: overloaded"):
        await ask(bot)


@pytest.mark.fakegpt
async def test_the_console_prints_a_conversation(
    bot: ChatBot, fakegpt_cassette: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    await talk(bot, ["Say hello\n", "And again\n"])
    first, second = fakegpt_cassette.streams
    assert capsys.readouterr().out == f"{first.text}\n{second.text}\n"
    assert f"User: Say hello\\nAssistant: {first.text[:5]}" in fakegpt_cassette.exchanged[-1].request.body.decode()
