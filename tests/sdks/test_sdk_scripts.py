"""Providers' own SDKs read what `script` writes, and the tests' own recordings, as their service's; sync and async.

Knows no HTTP client: which one an SDK stands on is its own affair.
"""

from __future__ import annotations

import json
from typing import Any

import cohere
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import dialect_streams as streams
from support.sdk import Read, Sdk
from support.sdks import ASYNC, MESSAGES, SDKS
from test_bedrock_models import COMMANDED
from test_dialects_plain import PLAIN
from test_dialects_reading import CALLS, CHAT_WAYS, WHOLE

from fakegpt_testkit.dialects import ToolCall
from fakegpt_testkit.effects import script
from fakegpt_testkit.exchange import Chunk, Head, Interaction, Request, Tape
from fakegpt_testkit.recorder import use_cassette
from fakegpt_testkit.strategies import answers
from fakegpt_testkit.timeline import Stream

# google-genai's own way with aiohttp
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

PARIS = ToolCall("get_weather", {"city": "Paris"})
NOW = ToolCall("now", id="mine")
OPTIONS: dict[str, tuple[dict[str, Any], Read]] = {
    "texts": ({}, Read(("Hel", "lo"), finish="plain")),
    "reasoning": ({"reasoning": "hm"}, Read(("Hel", "lo"), "hm", finish="plain")),
    "calls": (
        {"tool_calls": [PARIS, NOW]},
        Read(("Hel", "lo"), "", (("get_weather", {"city": "Paris"}), ("now", {})), "calling"),
    ),
    "usage": ({"usage": (12, 5)}, Read(("Hel", "lo"), finish="plain", usage=(12, 5))),
    "finish": ({"finish": "long"}, Read(("Hel", "lo"), finish="long")),
    "all": (
        {"reasoning": "hm", "tool_calls": [PARIS], "usage": (12, 5), "every": 0.01},
        Read(("Hel", "lo"), "hm", (("get_weather", {"city": "Paris"}),), "calling", (12, 5)),
    ),
}


def cases(sdk: Sdk) -> list[tuple[str, bool, tuple[Interaction, ...], Read]]:
    """Every option, streamed and plain: its name, the script, and what the SDK is to show of it."""
    made = []
    words = dict(zip(("plain", "calling", "long"), streams.FINISHES[sdk.dialect], strict=True))
    for name, (options, wanted) in OPTIONS.items():
        options = options | ({"finish": words["long"]} if name == "finish" else {})
        for stream in (True, False):
            read = Read(
                wanted.texts if stream else ("Hello",),
                wanted.reasoning if sdk.reads_reasoning else "",
                wanted.calls,
                words[wanted.finish or "plain"],
                wanted.usage,
            )
            url = "" if sdk.dialect == "ollama" else sdk.site
            made.append(
                (name, stream, script("Hel", "lo", dialect=sdk.dialect, stream=stream, **options, url=url), read)
            )
    return made


def same(got: Read, wanted: Read) -> bool:
    """Whether it is that; where no tokens were told some dialects have to say 0, and some SDKs too."""
    usage = got.usage == wanted.usage or (wanted.usage is None and got.usage == (0, 0))
    return usage and (got.texts, got.reasoning, got.calls, got.finish) == (
        wanted.texts,
        wanted.reasoning,
        wanted.calls,
        wanted.finish,
    )


@pytest.mark.parametrize("name", SDKS)
def test_every_option_of_a_script_is_read(name: str) -> None:
    sdk = SDKS[name]
    for option, stream, made, wanted in cases(sdk):
        with use_cassette(made):
            got = sdk.get(stream=stream)
        assert same(got, wanted), (option, stream, got, wanted)


@pytest.mark.parametrize("name", ASYNC)
async def test_every_option_of_a_script_is_read_async(name: str) -> None:
    sdk = SDKS[name]
    for option, stream, made, wanted in cases(sdk):
        with use_cassette(made):
            got = await sdk.get_async(stream=stream)
        assert same(got, wanted), (option, stream, got, wanted)


# openai's clients take a whole base URL; groq's adds a path to it, and mistralai's the version.
OWN_URLS = {"groq": ("https://mine.example", "https://mine.example/openai/v1")}


@pytest.mark.parametrize("name", SDKS)
def test_a_script_answers_at_the_base_url_that_the_sdk_is_given(name: str) -> None:
    sdk = SDKS[name]
    default = "https://mine.example/v1" if sdk.dialect.startswith("openai") else "https://mine.example"
    given_url, url = OWN_URLS.get(name, (default, default))
    with use_cassette(script("Hel", "lo", dialect=sdk.dialect, url=url)):
        assert sdk.get(given_url).text == "Hello"


@pytest.mark.parametrize("name", SDKS)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_each_sdk_reads_whatever_answers_are_made_up(name: str, data: st.DataObject) -> None:
    sdk = SDKS[name]
    written = data.draw(answers(sdk.dialect))
    url = "" if sdk.dialect == "ollama" else sdk.site
    made = script(events=[written.body], dialect=sdk.dialect, content_type=written.content_type, url=url)
    with use_cassette(made):
        got = sdk.get()
    said = written.said
    assert got.text == said.text
    assert got.reasoning == (said.reasoning if sdk.reads_reasoning else "")
    assert got.calls == tuple((each.name, json.loads(each.arguments)) for each in said.tool_calls)
    if said.usage is not None:
        assert got.usage == said.usage


# --- the recordings of the tests of reading, fed to each SDK: its values and ours ---

RECORDED: dict[str, bytes] = {
    **{name: body for name, (body, _) in WHOLE.items()},
    **{f"chat, {name}": body for name, (body, *_) in CHAT_WAYS.items()},
    **{f"calls, {name}": streams.sse(*map(streams.chat, deltas), "[DONE]") for name, (deltas, _) in CALLS.items()},
    **{f"plain, {name}": json.dumps(body).encode() for name, body in PLAIN.items()},
}
UNREADABLE = {
    ("google-genai", "gemini as an array"): "UnknownApiResponseError",
    **dict.fromkeys(
        [
            ("mistralai", name)
            for name in (
                "openai-chat",
                "chat, no space, no object",
                "chat, a first chunk that filters the prompt",
                "chat, a whole message beside the delta",
                "calls, no arguments at all",
                "calls, two that come mixed",
                "plain, openai-chat",
            )
        ],
        "ResponseValidationError",
    ),
}
"""What an SDK refuses to read, although its service's relatives send it, and the exception."""
OTHERWISE = {("mistralai", "calls, whole calls without an index"), ("mistralai", "calls, the old way")}
"""What mistralai reads as something else: calls without an index are all the first to it, and it knows no others."""


def ours(interaction: Interaction) -> Read:
    stream = Stream(interaction)
    calls = tuple((each.name, json.loads(each.arguments)) for each in stream.tool_calls)
    usage = (stream.usage.input_tokens or 0, stream.usage.output_tokens or 0) if stream.usage else None
    return Read(stream.deltas, stream.reasoning, calls, stream.finish_reason, usage)


@pytest.mark.parametrize("name", SDKS)
def test_each_sdk_reads_of_the_tests_recordings_what_we_read(name: str) -> None:
    sdk = SDKS[name]
    compared = 0
    for case, body in RECORDED.items():
        stream = not case.startswith("plain")
        (made,) = script(events=[body], dialect=sdk.dialect, stream=stream, url=sdk.site)
        inner = case == "bedrock with anthropic in it"
        if Stream(made).dialect != sdk.dialect.removesuffix("-invoke") or inner != (name == "anthropic bedrock"):
            continue
        compared += 1
        with use_cassette((made,)):
            if (name, case) in UNREADABLE:
                with pytest.raises(Exception) as refused:
                    sdk.get(stream=stream)
                assert type(refused.value).__name__ == UNREADABLE[name, case]
                continue
            if (name, case) in OTHERWISE:
                continue
            got, wanted = sdk.get(stream=stream), ours(made)
        finish = (got.finish or "").lower() == (wanted.finish or "").lower()
        assert finish, (case, got, wanted)
        assert (got.texts, got.reasoning, got.calls, got.usage) == (
            wanted.texts,
            wanted.reasoning,
            wanted.calls,
            wanted.usage,
        ), case
    assert compared


def test_openais_helpers_accumulate_what_a_script_says() -> None:
    client = openai.OpenAI(api_key="k")
    with (
        use_cassette(script("Hel", "lo", dialect="openai-chat", tool_calls=[PARIS])),
        client.chat.completions.stream(model="m", messages=MESSAGES) as chat,
    ):
        choice = chat.get_final_completion().choices[0]
    assert (choice.message.content, choice.finish_reason) == ("Hello", "tool_calls")
    with (
        use_cassette(script("Hel", "lo", dialect="openai-responses", reasoning="hm", tool_calls=[PARIS])),
        client.responses.stream(model="m", input="hi") as stream,
    ):
        texts = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert (texts, final.output_text) == (["Hel", "lo"], "Hello")


@pytest.mark.parametrize("name", COMMANDED)
def test_coheres_sdk_reads_of_command_r_on_bedrock_what_we_read(name: str) -> None:
    body = streams.wrapped(*COMMANDED[name])
    head = Head(200, "OK", (("Content-Type", "application/vnd.amazon.eventstream"), ("Content-Length", str(len(body)))))
    url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/cohere.command-r-v1:0/invoke-with-response-stream"
    interaction = Interaction(Request("POST", url, body=b'{"message":"Hi"}'), Tape(head, (Chunk(0.0, body),)))
    client = cohere.BedrockClient(aws_access_key="a", aws_secret_key="b", aws_region="us-east-1")
    with use_cassette([interaction]):
        events: list[Any] = list(client.chat_stream(message="Hi", model="cohere.command-r-v1:0"))
    told = Stream(interaction)
    assert events[-1].finish_reason == told.finish_reason
    whole = [event.tool_calls for event in events if event.event_type == "tool-calls-generation"]
    for calls in [*whole, events[-1].response.tool_calls]:
        assert [(call.name, call.parameters) for call in calls] == [
            (call.name, json.loads(call.arguments)) for call in told.tool_calls
        ]
