"""Providers' own SDKs at the server's base URL: what they read, what they tell of a miss, how often they ask.

Knows no in-process cassette: each SDK asks over a real socket, with the HTTP client that it stands on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import anthropic
import botocore.config
import botocore.exceptions
import botocore.session
import cohere
import groq
import httpx
import ollama
import openai
import pytest
from google import genai

from fakegpt_testkit.effects import faults, script
from fakegpt_testkit.recorder import Settings
from fakegpt_testkit.serving import serve_cassette
from fakegpt_testkit.serving.variables import by_paths

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.effects import Effect
    from fakegpt_testkit.serving import Served

ASK: Any = [{"role": "user", "content": "What weather is it?"}]
GROQ = "https://api.groq.com/openai/v1"


def ask_openai(_: str) -> list[Any]:
    chunks = openai.OpenAI(api_key="k").chat.completions.create(model="m", messages=ASK, stream=True)
    return [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]


def ask_groq(_: str) -> list[Any]:
    chunks: Any = groq.Groq(api_key="k").chat.completions.create(model="m", messages=ASK, stream=True)
    return [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]


def ask_anthropic(_: str) -> list[Any]:
    client = anthropic.Anthropic(api_key="k")
    with client.messages.stream(model="m", max_tokens=9, messages=ASK) as stream:
        return list(stream.text_stream)


def ask_ollama(_: str) -> list[Any]:
    with ollama.Client() as client:
        parts: Any = client.chat(model="m", messages=ASK, stream=True)
        return [part.message.content for part in parts]


def ask_bedrock(_: str) -> list[Any]:
    secrets = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "k"}
    client = botocore.session.Session().create_client("bedrock-runtime", region_name="us-east-1", **secrets)
    messages = [{"role": "user", "content": [{"text": "hi"}]}]
    events = client.converse_stream(modelId="a.b-v1:0", messages=messages)["stream"]
    return [event["contentBlockDelta"]["delta"].get("text") for event in events if "contentBlockDelta" in event]


def ask_gemini(_: str) -> list[Any]:
    with genai.Client(api_key="k") as client:
        return [part.text for part in client.models.generate_content_stream(model="m", contents="hi")]


def ask_cohere(_: str) -> list[Any]:
    with httpx.Client() as http:
        # its SDK reads the variable once, when it is imported
        client = cohere.ClientV2(api_key="k", httpx_client=http, base_url=os.environ["CO_API_URL"])
        events: Any = client.chat_stream(model="m", messages=ASK)
        return [event.delta.message.content.text for event in events if event.type == "content-delta"]


CURL = """
import json, sys
import curl_cffi
answer = curl_cffi.post(sys.argv[1], json=json.loads(sys.argv[2]))
print(answer.text)
sys.exit(answer.status_code != 200)
"""


def ask_curl(url: str) -> list[Any]:
    """A client whose bytes never enter Python's own sockets; in a process of its own, since a loaded client stays."""
    asked = json.dumps({"model": "m", "stream": True, "messages": ASK})
    command = [sys.executable, "-c", CURL, f"{url}/v1/chat/completions", asked]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise RuntimeError(answer.stdout + answer.stderr)
    return [word for word in ("Hel", "lo") if f'"{word}"' in answer.stdout]


assert cohere.ClientV2  # imported now: no test's variable is its default

SDKS: dict[str, tuple[Callable[[str], list[Any]], dict[str, Any], type[Exception]]] = {
    "openai": (ask_openai, {"dialect": "openai-chat"}, openai.NotFoundError),
    "groq": (ask_groq, {"dialect": "openai-chat", "url": GROQ}, groq.NotFoundError),
    "anthropic": (ask_anthropic, {"dialect": "anthropic"}, anthropic.NotFoundError),
    "ollama": (ask_ollama, {"dialect": "ollama"}, ollama.ResponseError),
    "bedrock": (ask_bedrock, {"dialect": "bedrock"}, botocore.exceptions.ClientError),
    "gemini": (ask_gemini, {"dialect": "gemini"}, genai.errors.ClientError),
    "cohere": (ask_cohere, {"dialect": "cohere"}, cohere.NotFoundError),
    "curl_cffi": (ask_curl, {"dialect": "openai-chat"}, RuntimeError),
}


def tell(monkeypatch: pytest.MonkeyPatch, served: Served) -> None:
    """The variables that the command prints are all that the SDKs are told."""
    for name, value in by_paths((each.request.path for each in served.loaded.interactions), served.url).items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("name", SDKS)
def test_an_sdk_reads_the_answer_and_tells_of_a_miss_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ask, said, error = SDKS[name]
    with serve_cassette(script("Hel", "lo", **said), Settings(), "record it") as served:
        tell(monkeypatch, served)
        assert [text for text in ask(served.url) if text] == ["Hel", "lo"]
        with pytest.raises(error) as missed:
            ask(served.url)
        unmatched = served.unmatched
    assert len(unmatched) == 1
    assert str(unmatched[0]).splitlines()[0] in str(missed.value).replace("\\n", "\n")


BUSY: dict[str, tuple[Callable[[str], list[Any]], dict[str, Any]]] = {
    "openai": (ask_openai, {"dialect": "openai-chat"}),
    "anthropic": (ask_anthropic, {"dialect": "anthropic"}),
}


@pytest.mark.parametrize("name", BUSY)
def test_an_sdk_asks_a_busy_service_again(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ask, said = BUSY[name]
    busy: list[Effect] = [faults.status(429, retry_after=0).times(1)]
    with serve_cassette(script("Hel", "lo", **said), Settings(faults=busy), "record it") as served:
        tell(monkeypatch, served)
        assert [text for text in ask(served.url) if text] == ["Hel", "lo"]
        assert len(served.requests) == 2
        assert served.unmatched == ()
