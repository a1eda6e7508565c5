"""Providers' own SDKs read what `script` writes as their service's, sync and async, streamed and plain.

Knows no HTTP client: which one an SDK stands on is its own affair.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anthropic
import botocore.config
import botocore.session
import groq
import ollama
import openai
import pytest

from fakegpt_testkit.dialects import ToolCall
from fakegpt_testkit.effects import script
from fakegpt_testkit.recorder import use_cassette

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fakegpt_testkit.exchange import Interaction

ASK: Any = [{"role": "user", "content": "What weather is it?"}]
CALL = ToolCall("get_weather", {"city": "Paris"})
Read = tuple[list[str], str, list[tuple[str, object]], object, object]
"""Texts, reasoning, calls, finish, usage: as an SDK shows them."""


def scripted(dialect: str, *, stream: bool = True, **more: Any) -> tuple[Interaction, ...]:
    return script("Hel", "lo", dialect=dialect, reasoning="hm", tool_calls=[CALL], usage=(12, 5), stream=stream, **more)


def wanted(finish: str) -> Read:
    return ["Hel", "lo"], "hm", [("get_weather", {"city": "Paris"})], finish, (12, 5)


# --- chat completions: openai and groq ---


def chat_chunks(chunks: list[Any]) -> Read:
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    calls = [call.function for delta in deltas for call in delta.tool_calls or ()]
    finishes = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason]
    usage = next(chunk.usage for chunk in chunks if chunk.usage)
    return (
        [delta.content for delta in deltas if delta.content],
        "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas),
        [(call.name, json.loads(call.arguments)) for call in calls],
        finishes[-1],
        (usage.prompt_tokens, usage.completion_tokens),
    )


def test_openai_reads_chat_completions() -> None:
    client = openai.OpenAI(api_key="k")
    with use_cassette(scripted("openai-chat")):
        chunks = list(client.chat.completions.create(model="m", messages=ASK, stream=True))
    assert chat_chunks(chunks) == wanted("tool_calls")


async def test_openai_reads_chat_completions_async() -> None:
    client = openai.AsyncOpenAI(api_key="k")
    with use_cassette(scripted("openai-chat")):
        stream = await client.chat.completions.create(model="m", messages=ASK, stream=True)
        assert chat_chunks([chunk async for chunk in stream]) == wanted("tool_calls")


def test_openais_helper_accumulates_a_completion() -> None:
    client = openai.OpenAI(api_key="k")
    with (
        use_cassette(scripted("openai-chat")),
        client.chat.completions.stream(model="m", messages=ASK) as stream,
    ):
        choice = stream.get_final_completion().choices[0]
    assert (choice.message.content, choice.finish_reason) == ("Hello", "tool_calls")


def test_openai_reads_a_plain_completion() -> None:
    client = openai.OpenAI(api_key="k")
    with use_cassette(scripted("openai-chat", stream=False)):
        completion = client.chat.completions.create(model="m", messages=ASK)
    assert completion.choices[0].message.content == "Hello"
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 5


def test_groq_reads_chat_completions_at_its_own_address() -> None:
    client = groq.Groq(api_key="k")
    with use_cassette(scripted("openai-chat", url="https://api.groq.com/openai/v1")):
        chunks: list[Any] = list(client.chat.completions.create(model="m", messages=ASK, stream=True))
    assert chat_chunks(chunks) == wanted("tool_calls")


async def test_groq_reads_chat_completions_async() -> None:
    client = groq.AsyncGroq(api_key="k")
    with use_cassette(scripted("openai-chat", url="https://api.groq.com/openai/v1")):
        stream: Any = await client.chat.completions.create(model="m", messages=ASK, stream=True)
        assert chat_chunks([chunk async for chunk in stream]) == wanted("tool_calls")


# --- responses ---


def response_of(texts: list[str], response: Any) -> Read:
    by_kind = {item.type: item for item in response.output}
    call = by_kind["function_call"]
    usage = (response.usage.input_tokens, response.usage.output_tokens)
    calls: list[tuple[str, object]] = [(call.name, json.loads(call.arguments))]
    return texts, by_kind["reasoning"].summary[0].text, calls, response.status, usage


def test_openai_reads_responses() -> None:
    client = openai.OpenAI(api_key="k")
    with use_cassette(scripted("openai-responses")), client.responses.stream(model="m", input="hi") as stream:
        texts = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert response_of(texts, final) == wanted("completed")


async def test_openai_reads_responses_async() -> None:
    client = openai.AsyncOpenAI(api_key="k")
    with use_cassette(scripted("openai-responses")):
        async with client.responses.stream(model="m", input="hi") as stream:
            texts = [event.delta async for event in stream if event.type == "response.output_text.delta"]
            final = await stream.get_final_response()
    assert response_of(texts, final) == wanted("completed")


def test_openai_reads_a_plain_response() -> None:
    client = openai.OpenAI(api_key="k")
    with use_cassette(scripted("openai-responses", stream=False)):
        response = client.responses.create(model="m", input="hi")
    assert response.output_text == "Hello"
    assert response_of(["Hel", "lo"], response) == wanted("completed")


# --- messages ---


def message_of(texts: list[str], message: Any) -> Read:
    by_kind = {block.type: block for block in message.content}
    call = by_kind["tool_use"]
    usage = (message.usage.input_tokens, message.usage.output_tokens)
    return texts, by_kind["thinking"].thinking, [(call.name, call.input)], message.stop_reason, usage


def test_anthropic_reads_messages() -> None:
    client = anthropic.Anthropic(api_key="k")
    with (
        use_cassette(scripted("anthropic")),
        client.messages.stream(model="m", max_tokens=9, messages=ASK) as stream,
    ):
        texts = list(stream.text_stream)
        message = stream.get_final_message()
    assert message_of(texts, message) == wanted("tool_use")


async def test_anthropic_reads_messages_async() -> None:
    client = anthropic.AsyncAnthropic(api_key="k")
    with use_cassette(scripted("anthropic")):
        async with client.messages.stream(model="m", max_tokens=9, messages=ASK) as stream:
            texts = [text async for text in stream.text_stream]
            message = await stream.get_final_message()
    assert message_of(texts, message) == wanted("tool_use")


def test_anthropic_reads_a_plain_message() -> None:
    client = anthropic.Anthropic(api_key="k")
    with use_cassette(scripted("anthropic", stream=False)):
        message = client.messages.create(model="m", max_tokens=9, messages=ASK)
    assert message_of(["Hel", "lo"], message) == wanted("tool_use")


# --- ollama ---


def lines_of(parts: list[Any]) -> Read:
    calls = [call.function for part in parts for call in part.message.tool_calls or ()]
    return (
        [part.message.content for part in parts if part.message.content],
        "".join(part.message.thinking or "" for part in parts),
        [(call.name, call.arguments) for call in calls],
        parts[-1].done_reason,
        (parts[-1].prompt_eval_count, parts[-1].eval_count),
    )


def test_ollama_reads_its_lines() -> None:
    client = ollama.Client(host="http://ollama.example")
    with use_cassette(scripted("ollama", url="http://ollama.example:80")):
        parts: list[Any] = list(client.chat(model="m", messages=ASK, stream=True))
    assert lines_of(parts) == wanted("stop")


async def test_ollama_reads_its_lines_async() -> None:
    client = ollama.AsyncClient(host="http://ollama.example")
    with use_cassette(scripted("ollama", url="http://ollama.example:80")):
        stream: Any = await client.chat(model="m", messages=ASK, stream=True)
        assert lines_of([part async for part in stream]) == wanted("stop")


def test_ollama_reads_a_plain_answer() -> None:
    client = ollama.Client(host="http://ollama.example")
    with use_cassette(scripted("ollama", url="http://ollama.example:80", stream=False)):
        answer = client.chat(model="m", messages=ASK)
    assert (answer.message.content, answer.message.thinking, answer.eval_count) == ("Hello", "hm", 5)


# --- bedrock ---


@pytest.fixture
def bedrock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    config = botocore.config.Config(retries={"total_max_attempts": 1})
    client = botocore.session.Session().create_client("bedrock-runtime", region_name="us-east-1", config=config)
    yield client
    client.close()


def test_botocore_reads_converse(bedrock: Any) -> None:
    messages = [{"role": "user", "content": [{"text": "hi"}]}]
    with use_cassette(scripted("bedrock")):
        events = list(bedrock.converse_stream(modelId="a.b-v1:0", messages=messages)["stream"])
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    usage = events[-1]["metadata"]["usage"]
    start = next(event["contentBlockStart"]["start"] for event in events if "contentBlockStart" in event)
    read = (
        [delta["text"] for delta in deltas if "text" in delta],
        "".join(delta["reasoningContent"]["text"] for delta in deltas if "reasoningContent" in delta),
        [(start["toolUse"]["name"], json.loads(each["toolUse"]["input"])) for each in deltas if "toolUse" in each],
        next(event["messageStop"]["stopReason"] for event in events if "messageStop" in event),
        (usage["inputTokens"], usage["outputTokens"]),
    )
    assert read == wanted("tool_use")


def test_botocore_reads_a_plain_answer(bedrock: Any) -> None:
    messages = [{"role": "user", "content": [{"text": "hi"}]}]
    with use_cassette(scripted("bedrock", stream=False)):
        answer = bedrock.converse(modelId="a.b-v1:0", messages=messages)
    assert [block["text"] for block in answer["output"]["message"]["content"] if "text" in block] == ["Hello"]
    assert answer["stopReason"] == "tool_use"


# --- errors within a stream, as each SDK tells them ---

ERRORS: dict[str, tuple[str, Callable[[], object], type[Exception]]] = {
    "openai": (
        "openai-chat",
        lambda: list(openai.OpenAI(api_key="k").chat.completions.create(model="m", messages=ASK, stream=True)),
        openai.APIError,
    ),
    "openai responses": (
        "openai-responses",
        lambda: list(openai.OpenAI(api_key="k").responses.create(model="m", input="hi", stream=True)),
        openai.APIError,
    ),
    "anthropic": (
        "anthropic",
        lambda: list(
            anthropic.Anthropic(api_key="k").messages.create(model="m", max_tokens=9, messages=ASK, stream=True)
        ),
        anthropic.APIStatusError,
    ),
    "ollama": (
        "ollama",
        lambda: list(ollama.Client(host="http://127.0.0.1:11434").chat(model="m", messages=ASK, stream=True)),
        ollama.ResponseError,
    ),
}


@pytest.mark.parametrize(("dialect", "ask", "failure"), ERRORS.values(), ids=ERRORS.keys())
def test_an_error_event_is_the_sdks_own_exception(
    dialect: str, ask: Callable[[], object], failure: type[Exception]
) -> None:
    from fakegpt_testkit.dialects.writing import WRITERS

    begun = [chunk.data for chunk in script("Hi", dialect=dialect)[0].response.chunks][:2]
    with (
        use_cassette(script(events=[*begun, WRITERS[dialect].error("the words", "")], dialect=dialect)),
        pytest.raises(failure, match="the words"),
    ):
        ask()
