"""An error that a service tells in a stream, or instead of one, in each dialect."""

from __future__ import annotations

import json

import pytest
from support import dialect_streams as said
from support.dialect_reading import event, stream

from fakegpt_testkit.dialects import Failure

pytestmark = pytest.mark.once

ERRORS = {
    "openai, then its end mark": (
        said.sse(said.chat({"content": "Hi"}), {"error": {"message": "no", "type": "server_error"}}, "[DONE]"),
        "openai-chat",
        Failure("no", "server_error"),
    ),
    "an error that is a text": (
        said.sse(said.chat({"content": "Hi"}), {"error": "no"}),
        "openai-chat",
        Failure("no"),
    ),
    "an error beside choices": (
        said.sse({**said.chat({"content": ""}, "error"), "error": {"code": 502, "message": "no"}}),
        "openai-chat",
        Failure("no", "502"),
    ),
    "an event named error with words at its top": (
        said.sse(said.chat({"content": "Hi"})) + event({"message": "no"}, "error"),
        "openai-chat",
        Failure("no"),
    ),
    "a bare line": (said.sse(said.chat({"content": "Hi"})) + b"error: no\n\n", "openai-chat", Failure("no")),
    "responses, nested": (
        said.sse(said.respond("created", response={}), named=True)
        + event({"type": "error", "error": {"message": "no", "code": "rate_limit"}}, "error"),
        "openai-responses",
        Failure("no", "rate_limit"),
    ),
    "responses, flat": (
        said.sse(said.respond("created", response={}), named=True)
        + event({"type": "error", "message": "no", "code": "server_error"}, "error"),
        "openai-responses",
        Failure("no", "server_error"),
    ),
    "responses, failed": (
        said.sse(
            said.respond("failed", response={"status": "failed", "error": {"code": "c", "message": "no"}}), named=True
        ),
        "openai-responses",
        Failure("no", "c"),
    ),
    "anthropic": (
        said.sse({"type": "message_start", "message": {}}, named=True)
        + event({"type": "error", "error": {"type": "overloaded_error", "message": "no"}}, "error"),
        "anthropic",
        Failure("no", "overloaded_error"),
    ),
    "gemini": (
        said.sse(said.content({"text": "Hi"}), {"error": {"code": 503, "message": "no", "status": "UNAVAILABLE"}}),
        "gemini",
        Failure("no", "UNAVAILABLE"),
    ),
    "gemini, over several lines outside the events": (
        said.sse(said.content({"text": "Hi"})) + b'{\n  "error": {\n    "code": 503,\n    "message": "no"\n  }\n}\n',
        "gemini",
        Failure("no", "503"),
    ),
    "ollama": (said.lines(said.said(content="Hi"), {"error": "no"}), "ollama", Failure("no")),
    "cohere": (
        said.sse(
            said.cohere("message-start"),
            {"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "no", "usage": {}}},
            named=True,
        ),
        "cohere",
        Failure("no", "ERROR"),
    ),
    "bedrock": (
        said.frames(("messageStart", {"role": "assistant"}))
        + said.frame("throttlingException", {"message": "no"}, "exception"),
        "bedrock",
        Failure("no", "throttlingException"),
    ),
    "nobody's": (event({"x": 1}) + event({"message": "no"}, "error"), "unknown", Failure("no")),
}


@pytest.mark.parametrize(("body", "dialect", "error"), ERRORS.values(), ids=ERRORS.keys())
def test_an_error_within_a_stream_is_told_and_no_proper_end(body: bytes, dialect: str, error: Failure) -> None:
    answer = stream(body)
    assert (answer.dialect, answer.error, answer.ended_properly) == (dialect, error, False)


@pytest.mark.parametrize(
    ("path", "body", "dialect", "error"),
    [
        ("/v1/chat/completions", {"error": {"message": "no", "code": "c"}}, "openai-chat", Failure("no", "c")),
        ("/v1/responses", {"error": {"message": "no", "type": "t"}}, "openai-responses", Failure("no", "t")),
        ("/v1/messages", {"type": "error", "error": {"type": "t", "message": "no"}}, "anthropic", Failure("no", "t")),
        (
            "/v1beta/models/m:streamGenerateContent",
            {"error": {"code": 429, "message": "no"}},
            "gemini",
            Failure("no", "429"),
        ),
        ("/api/chat", {"error": "no"}, "ollama", Failure("no")),
        ("/v2/chat", {"message": "no"}, "cohere", Failure("no")),
        ("/model/a.b/converse-stream", {"message": "no"}, "bedrock", Failure("no")),
        ("/api/conversation", {"detail": "no"}, "fakegpt", Failure("no")),
    ],
)
def test_where_no_event_decides_the_path_does(path: str, body: said.Json, dialect: str, error: Failure) -> None:
    answer = stream(json.dumps(body).encode(), path, label="application/json", status=429)
    assert (answer.dialect, answer.error, answer.events) == (dialect, error, ())
