"""An answer that does not stream says the same as one that does, in each dialect."""

from __future__ import annotations

import json
import sys

import pytest
from support import dialect_streams as said
from support.dialect_reading import stream

from fakegpt_testkit.dialects import Usage
from fakegpt_testkit.recorder.changes import says_nothing

pytestmark = pytest.mark.once

MESSAGE = {"role": "assistant", "content": "Hello"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": said.CITY}}
PLAIN: dict[str, said.Json] = {
    "openai-chat": {
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {**MESSAGE, "reasoning_content": "hm", "tool_calls": [CALL]},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 12, "completion_tokens": 5},
    },
    "openai-responses": {
        "object": "response",
        "status": "stop",
        "output": [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "message", "content": [{"type": "output_text", "text": "Hello"}]},
            {"type": "function_call", "id": "fc", "call_id": "call_1", "name": "get_weather", "arguments": said.CITY},
        ],
        "usage": {"input_tokens": 12, "output_tokens": 5},
    },
    "anthropic": {
        "type": "message",
        "content": [
            {"type": "thinking", "thinking": "hm"},
            {"type": "text", "text": "Hello"},
            {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"city": "Paris"}},
        ],
        "stop_reason": "stop",
        "usage": {"input_tokens": 12, "output_tokens": 5},
    },
    "gemini": said.content(
        {"text": "hm", "thought": True},
        {"text": "Hello"},
        {"functionCall": {"id": "call_1", "name": "get_weather", "args": {"city": "Paris"}}},
        finish="stop",
        counts=(12, 5),
    ),
    "ollama": {
        **said.said(
            True,
            content="Hello",
            thinking="hm",
            tool_calls=[{"id": "call_1", "function": {"name": "get_weather", "arguments": {"city": "Paris"}}}],
        ),
        "done_reason": "stop",
        "prompt_eval_count": 12,
        "eval_count": 5,
    },
    "cohere": {
        "message": {
            "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hello"}],
            "tool_calls": [CALL],
        },
        "finish_reason": "stop",
        "usage": {"tokens": {"input_tokens": 12, "output_tokens": 5}},
    },
    "bedrock": {
        "output": {
            "message": {
                "content": [
                    {"reasoningContent": {"reasoningText": {"text": "hm"}}},
                    {"text": "Hello"},
                    {"toolUse": {"toolUseId": "call_1", "name": "get_weather", "input": {"city": "Paris"}}},
                ]
            }
        },
        "stopReason": "stop",
        "usage": {"inputTokens": 12, "outputTokens": 5},
    },
}


@pytest.mark.parametrize("name", PLAIN)
def test_an_answer_that_does_not_stream_has_the_same_properties(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = stream(json.dumps(PLAIN[name]).encode(), label="application/json")
    with monkeypatch.context() as unloaded:
        unloaded.delitem(sys.modules, "fakegpt_testkit.dialects.known")
        assert not says_nothing(answer.interaction)
    assert (answer.dialect, answer.text, answer.reasoning, answer.events) == (name, "Hello", "hm", ())
    assert [(call.name, json.loads(call.arguments), call.id) for call in answer.tool_calls] == [
        ("get_weather", {"city": "Paris"}, "call_1")
    ]
    assert (answer.finish_reason, answer.usage, answer.ended_properly) == ("stop", Usage(12, 5), True)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[1]", b'[{"id":1},{"id":2}]', b"{", b'{"choices": 1}', b'{"choices":[{"message":null}]}', b"\xff"],
)
def test_what_is_no_answer_says_nothing_and_fails_nobody(body: bytes) -> None:
    answer = stream(body, label="application/json")
    assert (answer.text, answer.events, answer.usage, answer.tool_calls) == ("", (), None, ())
