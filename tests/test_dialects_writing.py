"""Answers that are written in each dialect, and read back by the readers, which know nothing of the writers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import aiohttp
import pytest
from support.dialect_streams import FINISHES

from fakegpt_testkit.dialects import ToolCall, Usage
from fakegpt_testkit.dialects.writing import WRITERS
from fakegpt_testkit.effects import faults, script
from fakegpt_testkit.errors import EffectMisplaced, RequestNotRecorded
from fakegpt_testkit.recorder import use_cassette
from fakegpt_testkit.timeline import Stream

if TYPE_CHECKING:
    from fakegpt_testkit.exchange import Interaction

pytestmark = pytest.mark.once

CALLS = (ToolCall("get_weather", {"city": "Paris"}), ToolCall("now", id="mine"))
SITES = {
    "openai-chat": "https://api.openai.com/v1/chat/completions",
    "openai-responses": "https://api.openai.com/v1/responses",
    "anthropic": "https://api.anthropic.com/v1/messages",
    "gemini": "https://generativelanguage.googleapis.com/v1*/models/*:streamGenerateContent?alt=sse",
    "ollama": "http://127.0.0.1:11434/api/chat",
    "cohere": "https://api.cohere.com/v2/chat",
    "bedrock": "https://bedrock-runtime.us-east-1.amazonaws.com/model/*/converse-stream",
    "bedrock-invoke": "https://bedrock-runtime.us-east-1.amazonaws.com/model/*/invoke-with-response-stream",
}
every_dialect = pytest.mark.parametrize("dialect", WRITERS)


def only(interactions: tuple[Interaction, ...]) -> Stream:
    (interaction,) = interactions
    return Stream(interaction)


def test_every_dialect_of_the_table_can_be_written() -> None:
    assert set(FINISHES) == set(SITES) == set(WRITERS)


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "plain"])
@every_dialect
def test_all_that_is_asked_for_is_said(dialect: str, stream: bool) -> None:
    answer = only(
        script("Hel", "lo", dialect=dialect, reasoning="hm", tool_calls=CALLS, usage=(12, 5), every=0.1, stream=stream)
    )
    assert answer.dialect == dialect if dialect != "bedrock-invoke" else ("bedrock" if stream else "anthropic")
    assert answer.deltas == (("Hel", "lo") if stream else ("Hello",))
    assert (answer.text, answer.reasoning) == ("Hello", "hm")
    assert [(call.name, json.loads(call.arguments)) for call in answer.tool_calls] == [
        ("get_weather", {"city": "Paris"}),
        ("now", {}),
    ]
    assert answer.tool_calls[1].id == "mine"
    assert (answer.finish_reason, answer.usage, answer.error) == (FINISHES[dialect][1], Usage(12, 5), None)
    assert answer.ended_properly
    assert bool(answer.events) is stream


@every_dialect
def test_a_text_alone_is_an_answer(dialect: str) -> None:
    answer = only(script("Hi", dialect=dialect, every=0.5))
    assert (answer.deltas, answer.finish_reason, answer.ended_properly) == (("Hi",), FINISHES[dialect][0], True)
    assert (answer.reasoning, answer.tool_calls) == ("", ())
    assert answer.event_times == pytest.approx([number * 0.5 for number in range(len(answer.events))])


@every_dialect
def test_a_call_alone_is_an_answer(dialect: str) -> None:
    answer = only(script(dialect=dialect, tool_calls=[ToolCall("now")]))
    assert (answer.text, [call.name for call in answer.tool_calls]) == ("", ["now"])


@every_dialect
def test_a_finish_is_the_providers_own_word(dialect: str) -> None:
    word = FINISHES[dialect][2]
    answer = only(script("Hi", dialect=dialect, finish=word))
    assert (answer.finish_reason, answer.ended_properly) == (word, True)


@every_dialect
def test_an_answer_has_the_providers_address_or_the_one_that_is_named(dialect: str) -> None:
    (public,) = script("Hi", dialect=dialect)
    (own,) = script("Hi", dialect=dialect, url="http://127.0.0.1:8000/base/")
    assert (public.request.method, public.request.uri) == ("POST", SITES[dialect])
    assert own.request.uri == "http://127.0.0.1:8000/base" + SITES[dialect].removeprefix(WRITERS[dialect].site)


@every_dialect
def test_an_error_and_an_end_are_the_dialects_own(dialect: str) -> None:
    writer = WRITERS[dialect]
    begun = script("Hi", dialect=dialect)[0].response.body
    failed = only(script(events=[*_events(dialect)[:2], writer.error("no", "")], dialect=dialect))
    assert failed.error is not None
    assert (failed.error.message, failed.ended_properly) == ("no", False)
    assert begun
    ended = only(script(events=[*_events(dialect)[:2], writer.end], dialect=dialect))
    assert ended.ended_properly


def _events(dialect: str) -> list[bytes]:
    return [chunk.data for chunk in script("Hi", dialect=dialect)[0].response.chunks]


def test_events_are_sent_as_they_are_to_any_service() -> None:
    (interaction,) = script(
        events=[{"a": 1}, b"\n"], request="post https://my.example/stream", content_type="application/x-mine"
    )
    assert (interaction.request.method, interaction.request.uri) == ("POST", "https://my.example/stream")
    assert interaction.response.body == b'data: {"a": 1}\n\n\n'
    assert interaction.response.headers[0] == ("Content-Type", "application/x-mine")


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        pytest.param(lambda: script(dialect="anthropic"), "one of texts and events", id="nothing"),
        pytest.param(lambda: script("a", dialect="nobody"), "no dialect 'nobody'", id="no such dialect"),
        pytest.param(lambda: script("a", reasoning="b"), "fakegpt has no reasoning", id="fakegpt says less"),
        pytest.param(lambda: script("a", stream=False), "fakegpt has no reasoning", id="fakegpt streams"),
        pytest.param(lambda: script("a", dialect="gemini", steps=["loads"]), "gemini has no steps", id="steps"),
        pytest.param(lambda: script("a", request="POST https://a.example/"), "request is for events", id="request"),
        pytest.param(lambda: script(events=["a"], request="https://a.example/"), "is no request", id="no method"),
        pytest.param(lambda: script(events=["a"], usage=(1, 2)), "one of texts and events", id="events and more"),
        pytest.param(
            lambda: script(dialect="ollama", tool_calls=[ToolCall("f", "{")]), "are no JSON", id="no arguments"
        ),
    ],
)
def test_what_a_script_cannot_say_is_told(make: object, problem: str) -> None:
    assert callable(make)
    with pytest.raises(EffectMisplaced, match=problem):
        make()


async def posted(url: str, **json_body: object) -> str:
    async with aiohttp.ClientSession() as session, session.post(url, json=json_body) as response:
        return f"{response.status} {await response.text()}"


MODEL_PATHS = {
    "gemini": "https://generativelanguage.googleapis.com/v1beta/models/{}:streamGenerateContent?alt=sse",
    "bedrock": "https://bedrock-runtime.us-east-1.amazonaws.com/model/{}/converse-stream",
    "bedrock-invoke": "https://bedrock-runtime.us-east-1.amazonaws.com/model/*/invoke-with-response-stream",
}


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "anthropic.claude-v2%3A1"])
@pytest.mark.parametrize("dialect", MODEL_PATHS)
async def test_where_the_model_stands_in_the_path_any_is_answered(dialect: str, model: str) -> None:
    with use_cassette(script("Hi", dialect=dialect)) as cassette:
        async with aiohttp.ClientSession() as session, session.post(MODEL_PATHS[dialect].format(model)) as response:
            await response.read()
        assert [stream.text for stream in cassette.streams] == ["Hi"]


async def test_another_endpoint_of_any_model_is_a_miss() -> None:
    with use_cassette(script("Hi", dialect="gemini")), pytest.raises(RequestNotRecorded):
        await posted("https://generativelanguage.googleapis.com/v1beta/models/m:countTokens")


async def test_a_connection_is_refused_whatever_the_model() -> None:
    with (
        use_cassette(script("Hi", dialect="gemini"), faults=[faults.refused()]),
        pytest.raises(aiohttp.ClientConnectorError),
    ):
        await posted(MODEL_PATHS["gemini"].format("m"))


async def test_a_conversation_of_several_turns_is_a_line_for_each() -> None:
    turns = (
        script(dialect="openai-chat", tool_calls=[ToolCall("get_weather", {"city": "Paris"})])
        + script("It is", " sunny", dialect="openai-chat")
    )  # fmt: skip
    url = SITES["openai-chat"]
    with use_cassette(turns) as cassette:
        await posted(url, messages=["What weather is it?"])
        await posted(url, messages=["What weather is it?", "sunny"])
        assert [stream.text for stream in cassette.streams] == ["", "It is sunny"]
        assert cassette.streams[0].tool_calls[0].name == "get_weather"
