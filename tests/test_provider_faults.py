"""The faults of the historical client, by number in the protocol's description: how it reads and ends an answer."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from support.asking import ASK, DONE, client_of, pieces_of, say, until_idle
from support.patience import PATIENCE

from fakegpt_testkit.errors import AnswerCutOff
from fakegpt_testkit.fakegpt.answers import Rewritten
from fakegpt_testkit.fakegpt.stand_in import Options, serve

# --- 1 ---


@pytest.mark.parametrize("line", ["data: [DONE]", "data:[DONE]"])
async def test_1_it_stops_at_the_end_mark_and_not_when_the_server_closes(line: str) -> None:
    body = say("Hello", final=True) + f"{line}\n\n".encode()
    async with serve(Options(body=body, ending="stall")) as service:
        async with asyncio.timeout(PATIENCE):
            assert await client_of(service.url).create_async("", ASK) == "Hello"
        await until_idle(service)


# --- 2 ---


async def test_2_closing_the_generator_closes_the_connection_without_a_sound(caplog: pytest.LogCaptureFixture) -> None:
    async with serve(Options(ending="endless", events=3)) as service:
        answer = client_of(service.url).create_async_generator("", ASK)
        await anext(answer)
        assert service.streams == 1
        await answer.aclose()
        await answer.aclose()
        await until_idle(service)
        with pytest.raises(StopAsyncIteration):
            await anext(answer)
    assert caplog.records == []


async def test_2_so_does_a_break_and_so_does_forgetting_it(caplog: pytest.LogCaptureFixture) -> None:
    async with serve(Options(ending="endless", events=3)) as service:
        async for _ in client_of(service.url).create_async_generator("", ASK):
            break
        await until_idle(service)
        forgotten = client_of(service.url).create_async_generator("", ASK)
        await anext(forgotten)
        assert service.streams == 1
        del forgotten
        gc.collect()
        await until_idle(service)
    assert caplog.records == []


async def test_2_an_exception_of_the_program_comes_out_as_it_is() -> None:
    async with serve(Options(ending="endless", events=3)) as service:
        answer = client_of(service.url).create_async_generator("", ASK)
        await anext(answer)
        with pytest.raises(KeyError, match="mine"):
            await answer.athrow(KeyError("mine"))
        await until_idle(service)


# --- 6 ---


async def test_6_a_text_that_was_rewritten_comes_again_as_a_whole() -> None:
    body = say("Hello wrold") + say("Hello world, ") + say("Hello world, all", final=True) + DONE
    pieces = await pieces_of(body)
    assert pieces == ["Hello wrold", "Hello world, ", "all"]
    assert [isinstance(piece, Rewritten) for piece in pieces] == [False, True, False]
    async with serve(Options(body=body)) as service:
        assert await client_of(service.url).create_async("", ASK) == "Hello world, all"


async def test_6_half_an_emoji_is_no_text() -> None:
    body = say("Hi \ufffd") + say("Hi 🙂") + say("Hi 🙂!", final=True) + DONE
    assert await pieces_of(body) == ["Hi ", "🙂", "!"]


async def test_6_a_second_message_comes_after_the_first() -> None:
    body = say("One. ", "1", final=True) + say("Tw", "2") + say("Two.", "2", final=True) + DONE
    assert await pieces_of(body) == ["One. ", "Tw", "o."]


async def test_6_a_rewrite_of_either_message_keeps_the_other() -> None:
    first = say("One. ", "1", final=True) + say("Two.", "2", final=True) + say("1. ", "1", final=True) + DONE
    second = say("One. ", "1", final=True) + say("Two.", "2") + say("2.", "2", final=True) + DONE
    assert await pieces_of(first) == ["One. ", "Two.", "1. Two."]
    assert await pieces_of(second) == ["One. ", "Two.", "One. 2."]


# --- 7 ---


async def test_7_only_the_assistant_speaking_to_the_user_is_the_answer() -> None:
    body = (
        say("be kind", "s", "system")
        + say("Hi", "u", "user")
        + say("search()", "t", recipient="browser")
        + say("a page", "r", "tool")
        + say("{}", "c", content={"content_type": "code", "text": "x"})
        + say("Hello", final=True)
        + DONE
    )
    assert await pieces_of(body) == ["Hello"]


async def test_7_the_stand_ins_noise_is_no_answer_either() -> None:
    noise = frozenset({"system", "echo", "tool", "ping", "moderation"})
    assert "".join(await pieces_of(Options(text="Hello", noise=noise))) == "Hello"


# --- 8 ---


async def test_8_an_empty_last_text_ends_the_answer() -> None:
    assert await pieces_of(say("Hello") + say("", final=True) + DONE) == ["Hello"]


# --- 9 ---


async def test_9_the_rest_of_an_answer_cut_by_its_length_is_told() -> None:
    rest: dict[str, Any] = {"metadata": {"message_type": "continue"}}
    body = say("Once upon ", final=True) + say("Once upon a time", **rest, final=True) + DONE
    assert "".join(await pieces_of(body)) == "Once upon a time"


async def test_9_a_variant_is_an_answer() -> None:
    variant: dict[str, Any] = {"metadata": {"message_type": "variant"}}
    assert await pieces_of(say("Hel", **variant) + say("Hello", **variant, final=True) + DONE) == ["Hel", "lo"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
async def test_9_lines_are_read_by_the_standard(end: bytes) -> None:
    compact = (say("Hel") + say("Hello", final=True) + DONE).replace(b"data: ", b"data:")
    several = say("Hel").replace(b', "conversation_id', b',\ndata: "conversation_id') + say("Hello", final=True) + DONE
    assert several.count(b"data:") == 4
    for body in (compact, several):
        assert await pieces_of(body.replace(b"\n", end)) == ["Hel", "lo"]


# --- 10 ---


async def test_10_a_line_beyond_half_a_mebibyte_is_read() -> None:
    text = "🙂" * 100_000
    body = say(text, final=True) + DONE
    assert len(body) > 1024 * 1024
    assert await pieces_of(body) == [text]


async def test_10_a_question_beyond_a_mebibyte_is_sent() -> None:
    async with serve(Options(text="Hello")) as service:
        asked = [{"role": "user", "content": "a" * 1_500_000}]
        assert await client_of(service.url).create_async("", asked) == "Hello"


# --- 12 ---


@pytest.mark.parametrize("cuts", ["event", "byte", "utf8", "random"])
async def test_12_no_piece_is_empty(cuts: Any) -> None:
    pieces = await pieces_of(Options(cuts=cuts, seed=2))
    assert all(pieces)
    assert len(pieces) > 5


async def test_12_nor_after_events_that_repeat_the_text() -> None:
    assert await pieces_of(say("") + say("Hi") + say("Hi") + say("Hi", final=True) + DONE) == ["Hi"]


# --- and what the list does not have ---


async def test_an_answer_that_ends_in_the_middle_is_an_error_after_its_text() -> None:
    pieces = []
    async with serve(Options(body=say("Hel") + say("Hello \ufffd"))) as service:
        with pytest.raises(AnswerCutOff, match="before the answer was complete"):
            async for piece in client_of(service.url).create_async_generator("", ASK):
                pieces.append(piece)  # noqa: PERF401
    assert "".join(pieces) == "Hello \ufffd"


async def test_an_answer_that_says_it_is_complete_needs_no_end_mark() -> None:
    assert await pieces_of(say("Hello", final=True)) == ["Hello"]
    with pytest.raises(AnswerCutOff):
        await pieces_of(say("Hello", "1", final=True) + say("And", "2"))
