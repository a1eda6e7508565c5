"""Providers' own SDKs as one table: each asks its service and says what it read, streamed or plain, sync or async.

Knows no cassette: who answers is the caller's affair.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import anthropic
import botocore.config
import botocore.session
import cohere
import groq
import ollama
import openai
from google import genai
from mistralai.client import Mistral

from support.sdk import Read, Sdk

if TYPE_CHECKING:
    from collections.abc import Callable

MESSAGES: Any = [{"role": "user", "content": "What weather is it?"}]
ONCE: Any = {"api_key": "k", "max_retries": 0}
AWS: Any = {"aws_access_key": "k", "aws_secret_key": "s", "aws_region": "us-east-1", "max_retries": 0}


def at(url: str, name: str = "base_url") -> dict[str, Any]:
    return {name: url} if url else {}


_clients: dict[object, Any] = {}


def made(client: type, url: str, **options: Any) -> Any:
    """A client; a synchronous one is made once, for that takes longer than to ask it."""
    if "Async" in client.__name__:
        return client(**(options or ONCE), **at(url))
    if (client, url) not in _clients:
        _clients[client, url] = client(**(options or ONCE), **at(url))
    return _clients[client, url]


def joined(pieces: dict[int, list[str]]) -> tuple[tuple[str, object], ...]:
    """The calls, of which each piece has a name or a part of the arguments."""
    return tuple((name, json.loads("".join(rest) or "{}")) for name, *rest in pieces.values())


# --- chat completions ---


def read_chat(chunks: list[Any]) -> Read:
    texts, thoughts, finish, usage = [], [], None, None
    calls: dict[int, list[str]] = {}
    for chunk in (getattr(each, "data", each) for each in chunks):
        counts = getattr(chunk, "usage", None)
        usage = (counts.prompt_tokens, counts.completion_tokens) if counts else usage
        for choice in (each for each in chunk.choices or () if not each.index):
            said = getattr(choice, "delta", None) or getattr(choice, "message", None)
            for thought, text in parts(getattr(said, "content", None) or ""):
                texts += [text] if text else []
                thoughts.append(thought)
            thoughts += [getattr(said, "reasoning_content", None) or getattr(said, "reasoning", None) or ""]
            for call in getattr(said, "tool_calls", None) or ():
                key = len(calls) if getattr(call, "index", None) is None else call.index
                calls.setdefault(key, [call.function.name or ""]).append(call.function.arguments or "")
            old = getattr(said, "function_call", None)
            if old:
                calls.setdefault(0, [old.name]).append(old.arguments or "")
            finish = choice.finish_reason or finish
    return Read(tuple(texts), "".join(thoughts), joined(calls), finish, usage)


def parts(content: Any) -> list[tuple[str, str]]:
    """Thinking and text; Mistral has them in a list, which OpenAI's SDK hands on as it is."""
    if isinstance(content, str):
        return [("", content)]
    told = [each if isinstance(each, dict) else each.model_dump() for each in content]
    return [("".join(inner["text"] for inner in each.get("thinking", ())), each.get("text", "")) for each in told]


def chat(client: type) -> Callable[[str, bool], Any]:
    return lambda url, stream: made(client, url).chat.completions.create(model="m", messages=MESSAGES, stream=stream)


@cache
def mistral(url: str) -> Any:
    return Mistral(api_key="k", **at(url.removesuffix("/v1"), "server_url"))


def ask_mistral(url: str, stream: bool) -> Any:
    client = mistral(url)
    return (client.chat.stream if stream else client.chat.complete)(model="m", messages=MESSAGES)


async def ask_mistral_async(url: str, stream: bool) -> Any:
    client = Mistral(api_key="k", **at(url.removesuffix("/v1"), "server_url"))
    return await (client.chat.stream_async if stream else client.chat.complete_async)(model="m", messages=MESSAGES)


# --- responses ---


def read_responses(events: list[Any]) -> Read:
    texts, thoughts, finish, usage = [], [], None, None
    calls: list[tuple[str, object]] = []
    for event in events:
        if event.type == "response.output_text.delta":
            texts.append(event.delta)
        elif event.type == "response.reasoning_summary_text.delta":
            thoughts.append(event.delta)
        elif event.type == "response.output_item.done" and event.item.type == "function_call":
            calls.append((event.item.name, json.loads(event.item.arguments)))
        elif event.type in ("response.completed", "response.incomplete"):
            finish = event.response.status
            counts = event.response.usage
            usage = (counts.input_tokens, counts.output_tokens) if counts else usage
    return Read(tuple(texts), "".join(thoughts), tuple(calls), finish, usage)


def read_response(answers: list[Any]) -> Read:
    if not answers or getattr(answers[0], "object", "") != "response":
        return read_responses(answers)
    (answer,) = answers
    by_kind = {item.type: item for item in answer.output}
    thought = by_kind["reasoning"].summary[0].text if "reasoning" in by_kind else ""
    calls = tuple((each.name, json.loads(each.arguments)) for each in answer.output if each.type == "function_call")
    usage = (answer.usage.input_tokens, answer.usage.output_tokens) if answer.usage else None
    return Read((answer.output_text,) if answer.output_text else (), thought, calls, answer.status, usage)


def responses(client: type) -> Callable[[str, bool], Any]:
    return lambda url, stream: made(client, url).responses.create(model="m", input="hi", stream=stream)


# --- messages ---


def read_messages(events: list[Any]) -> Read:
    texts, thoughts, finish, asked, answered = [], [], None, None, None
    calls: dict[int, list[str]] = {}
    for event in events:
        match event.type:
            case "message":
                blocks = event.content
                texts = [each.text for each in blocks if each.type == "text"]
                thoughts = [each.thinking for each in blocks if each.type == "thinking"]
                found = [(each.name, each.input) for each in blocks if each.type == "tool_use"]
                counts = (event.usage.input_tokens, event.usage.output_tokens)
                return Read(tuple(texts), "".join(thoughts), tuple(found), event.stop_reason, counts)
            case "message_start":
                asked = event.message.usage.input_tokens
            case "content_block_start" if event.content_block.type == "tool_use":
                calls[event.index] = [event.content_block.name]
            case "content_block_delta":
                delta = event.delta
                texts += [delta.text] if delta.type == "text_delta" else []
                thoughts += [delta.thinking] if delta.type == "thinking_delta" else []
                if delta.type == "input_json_delta":
                    calls[event.index].append(delta.partial_json)
            case "message_delta":
                finish = event.delta.stop_reason or finish
                asked = event.usage.input_tokens or asked
                answered = event.usage.output_tokens
    usage = None if asked is None or answered is None else (asked, answered)
    return Read(tuple(texts), "".join(thoughts), joined(calls), finish, usage)


def messages(client: type, options: Any) -> Callable[[str, bool], Any]:
    return lambda url, stream: made(client, url, **options).messages.create(
        model="m", max_tokens=9, messages=MESSAGES, stream=stream
    )


# --- the others ---


def read_gemini(chunks: list[Any]) -> Read:
    texts: list[str] = []
    thoughts: list[str] = []
    calls, finish, usage = [], None, None
    for chunk in chunks:
        counts = chunk.usage_metadata
        usage = (counts.prompt_token_count, counts.candidates_token_count) if counts else usage
        for candidate in (chunk.candidates or ())[:1]:
            finish = candidate.finish_reason.value if candidate.finish_reason else finish
            for part in (candidate.content and candidate.content.parts) or ():
                if part.function_call:
                    calls.append((part.function_call.name, part.function_call.args))
                elif part.text:
                    (thoughts if part.thought else texts).append(part.text)
    return Read(tuple(texts), "".join(thoughts), tuple(calls), finish, usage)


def genai_client(url: str) -> Any:
    return genai.Client(api_key="k", **({"http_options": {"base_url": url}} if url else {}))


genai_once = cache(genai_client)


def ask_gemini(url: str, stream: bool) -> Any:
    models = genai_once(url).models
    return (models.generate_content_stream if stream else models.generate_content)(model="m", contents="hi")


async def ask_gemini_async(url: str, stream: bool) -> Any:
    client = genai_client(url)  # held, for it closes when nobody does
    if not stream:
        return await client.aio.models.generate_content(model="m", contents="hi")
    return kept([each async for each in await client.aio.models.generate_content_stream(model="m", contents="hi")])


async def kept(items: list[Any]) -> Any:
    for each in items:
        yield each


def read_ollama(parts: list[Any]) -> Read:
    calls = [call.function for part in parts for call in part.message.tool_calls or ()]
    counts = [(part.prompt_eval_count, part.eval_count) for part in parts if part.eval_count is not None]
    return Read(
        tuple(part.message.content for part in parts if part.message.content),
        "".join(part.message.thinking or "" for part in parts),
        tuple((call.name, dict(call.arguments)) for call in calls),
        parts[-1].done_reason if parts else None,
        counts[-1] if counts else None,
    )


def read_cohere(events: list[Any]) -> Read:
    texts, thoughts, finish, usage = [], [], None, None
    calls: dict[int, list[str]] = {}
    for event in events:
        kind = getattr(event, "type", "")
        if kind in ("content-start", "content-delta"):
            content = event.delta.message.content
            texts += [content.text] if content.text else []
            thoughts += [content.thinking or ""]
        elif kind == "tool-call-start":
            calls[event.index] = [event.delta.message.tool_calls.function.name]
        elif kind == "tool-call-delta":
            calls[event.index].append(event.delta.message.tool_calls.function.arguments)
        elif kind == "message-end" or not kind:
            said = event.delta if kind else event
            finish = said.finish_reason
            tokens = said.usage.tokens if said.usage else None
            usage = (int(tokens.input_tokens), int(tokens.output_tokens)) if tokens else usage
        if not kind:
            for content in event.message.content or ():
                texts += [content.text] if content.type == "text" else []
                thoughts += [content.thinking] if content.type == "thinking" else []
            for number, call in enumerate(event.message.tool_calls or ()):
                calls[number] = [call.function.name, call.function.arguments]
    return Read(tuple(texts), "".join(thoughts), joined(calls), finish, usage)


@cache
def cohere_client(url: str) -> Any:
    return cohere.ClientV2(api_key="k", **at(url))


def ask_cohere(url: str, stream: bool) -> Any:
    client = cohere_client(url)
    ask: Any = client.chat_stream if stream else client.chat
    return ask(model="m", messages=MESSAGES, request_options={"max_retries": 0})


async def ask_cohere_async(url: str, stream: bool) -> Any:
    client = cohere.AsyncClientV2(api_key="k", **at(url))
    options: Any = {"model": "m", "messages": MESSAGES, "request_options": {"max_retries": 0}}
    return client.chat_stream(**options) if stream else await client.chat(**options)


def read_converse(events: list[Any]) -> Read:
    if events and "output" in events[0]:
        (answer,) = events
        blocks, usage = answer["output"]["message"]["content"], answer["usage"]
        return Read(
            tuple(each["text"] for each in blocks if "text" in each),
            "".join(each["reasoningContent"]["reasoningText"]["text"] for each in blocks if "reasoningContent" in each),
            tuple((each["toolUse"]["name"], each["toolUse"]["input"]) for each in blocks if "toolUse" in each),
            answer["stopReason"],
            (usage["inputTokens"], usage["outputTokens"]),
        )
    deltas = [(each["contentBlockDelta"]["contentBlockIndex"], each["contentBlockDelta"]["delta"])
              for each in events if "contentBlockDelta" in each]  # fmt: skip
    starts = [each["contentBlockStart"] for each in events if "contentBlockStart" in each]
    calls = {each["contentBlockIndex"]: [each["start"]["toolUse"]["name"]] for each in starts}
    for index, delta in deltas:
        if "toolUse" in delta:
            calls[index].append(delta["toolUse"]["input"])
    counts = [each["metadata"]["usage"] for each in events if "metadata" in each]
    return Read(
        tuple(delta["text"] for _, delta in deltas if delta.get("text")),
        "".join(delta["reasoningContent"].get("text", "") for _, delta in deltas if "reasoningContent" in delta),
        joined(calls),
        next((each["messageStop"]["stopReason"] for each in events if "messageStop" in each), None),
        (counts[-1]["inputTokens"], counts[-1]["outputTokens"]) if counts else None,
    )


@cache
def bedrock(url: str) -> Any:
    session = botocore.session.Session()
    session.set_credentials("k", "s")
    config = botocore.config.Config(retries={"total_max_attempts": 1})
    return session.create_client("bedrock-runtime", "us-east-1", config=config, **at(url, "endpoint_url"))


def ask_converse(url: str, stream: bool) -> Any:
    messages = [{"role": "user", "content": [{"text": "hi"}]}]
    if not stream:
        return bedrock(url).converse(modelId="a.b-v1:0", messages=messages)
    return list(bedrock(url).converse_stream(modelId="a.b-v1:0", messages=messages)["stream"])


SDKS: dict[str, Sdk] = {
    "openai": Sdk("openai-chat", "https://api.openai.com/v1", chat(openai.OpenAI), read_chat, chat(openai.AsyncOpenAI)),
    "openai responses": Sdk(
        "openai-responses",
        "https://api.openai.com/v1",
        responses(openai.OpenAI),
        read_response,
        responses(openai.AsyncOpenAI),
    ),
    "anthropic": Sdk(
        "anthropic",
        "https://api.anthropic.com",
        messages(anthropic.Anthropic, ONCE),
        read_messages,
        messages(anthropic.AsyncAnthropic, ONCE),
    ),
    "google-genai": Sdk(
        "gemini", "https://generativelanguage.googleapis.com", ask_gemini, read_gemini, ask_gemini_async
    ),
    "ollama": Sdk(
        "ollama",
        "http://127.0.0.1:11434",
        lambda url, stream: ollama.Client(host=url or None).chat(model="m", messages=MESSAGES, stream=stream),
        read_ollama,
        lambda url, stream: ollama.AsyncClient(host=url or None).chat(model="m", messages=MESSAGES, stream=stream),
    ),
    "cohere": Sdk("cohere", "https://api.cohere.com", ask_cohere, read_cohere, ask_cohere_async),
    "groq": Sdk("openai-chat", "https://api.groq.com/openai/v1", chat(groq.Groq), read_chat, chat(groq.AsyncGroq)),
    "mistralai": Sdk(
        "openai-chat",
        "https://api.mistral.ai/v1",
        ask_mistral,
        read_chat,
        ask_mistral_async,
        reads_reasoning=False,
    ),
    "botocore": Sdk("bedrock", "https://bedrock-runtime.us-east-1.amazonaws.com", ask_converse, read_converse),
    "anthropic bedrock": Sdk(
        "bedrock-invoke",
        "https://bedrock-runtime.us-east-1.amazonaws.com",
        messages(anthropic.AnthropicBedrock, AWS),
        read_messages,
        messages(anthropic.AsyncAnthropicBedrock, AWS),
    ),
}
ASYNC = {name: sdk for name, sdk in SDKS.items() if sdk.ask_async is not None}
