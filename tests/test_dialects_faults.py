"""Faults that say something say it in the dialect of what was recorded."""

from __future__ import annotations

import json

import pytest
from support import dialect_streams as said

from fakegpt_testkit.dialects import Failure
from fakegpt_testkit.dialects.writing import WRITERS
from fakegpt_testkit.effects import faults, script
from fakegpt_testkit.exchange import Chunk, Ending, Head, Interaction, Request, Tape
from fakegpt_testkit.timeline import Stream

pytestmark = pytest.mark.once

every_dialect = pytest.mark.parametrize("dialect", WRITERS)
CODES = {
    "openai-chat": "server_error",
    "openai-responses": "server_error",
    "anthropic": "overloaded_error",
    "gemini": "UNAVAILABLE",
    "ollama": "",
    "cohere": "server_error",
    "bedrock": "serviceUnavailableException",
    "bedrock-invoke": "serviceUnavailableException",
}


@every_dialect
def test_an_error_event_is_the_dialects_own_and_nothing_of_the_answer_follows(dialect: str) -> None:
    (interaction,) = script("Hel", "lo", dialect=dialect)
    before = Stream(interaction)
    number = before.order.index("text") + 1
    tape = faults.error_event(after_event=number, message="no")(interaction.response)
    stream = Stream(Interaction(interaction.request, tape))
    assert (stream.dialect, stream.error) == (dialect.removesuffix("-invoke"), Failure("no", CODES[dialect]))
    assert (stream.text, stream.ended_properly) == ("Hel", False)
    assert len(stream.events) == number + 1


@every_dialect
def test_a_stream_that_stops_at_an_end_mark_stops_at_its_dialects(dialect: str) -> None:
    (interaction,) = script("Hel", "lo", dialect=dialect)
    number = Stream(interaction).order.index("text") + 1

    def stopped(*, end_mark: bool) -> Stream:
        tape = faults.stop(number, end_mark=end_mark)(interaction.response)
        return Stream(Interaction(interaction.request, tape))

    assert (stopped(end_mark=True).text, stopped(end_mark=True).ended_properly) == ("Hel", True)
    assert (stopped(end_mark=False).text, stopped(end_mark=False).ended_properly) == ("Hel", False)


BODIES = {
    "openai-chat": {"error": {"message": "wait", "type": "requests", "param": None, "code": "rate_limit_exceeded"}},
    "openai-responses": {
        "error": {"message": "wait", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    },
    "anthropic": {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "wait"},
        "request_id": "req_scripted",
    },
    "gemini": {"error": {"code": 429, "message": "wait", "status": "RESOURCE_EXHAUSTED"}},
    "ollama": {"error": "wait"},
    "cohere": {"id": "scripted", "message": "wait"},
    "bedrock": {"message": "wait", "__type": "ThrottlingException"},
    "bedrock-invoke": {"message": "wait", "__type": "ThrottlingException"},
}


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "plain"])
@every_dialect
def test_a_status_has_the_providers_own_json(dialect: str, stream: bool) -> None:
    (interaction,) = script("Hi", dialect=dialect, stream=stream)
    tape = faults.status(429, retry_after=7, detail="wait")(interaction.response)
    assert (tape.status, json.loads(tape.body)) == (429, BODIES[dialect])
    assert ("Retry-After", "7") in tape.headers
    if dialect.startswith("bedrock"):
        assert ("x-amzn-ErrorType", "ThrottlingException") in tape.headers


def test_a_status_can_have_another_word_of_the_provider() -> None:
    (interaction,) = script("Hi", dialect="anthropic")
    tape = faults.status(529, error="api_error")(interaction.response)
    assert json.loads(tape.body)["error"]["type"] == "api_error"
    assert json.loads(faults.status(529)(interaction.response).body)["error"]["type"] == "overloaded_error"


def test_an_array_ends_as_one_after_an_error_and_after_an_end() -> None:
    tape = Tape(
        Head(200, "OK", (("Content-Type", "application/json"),)), (Chunk(0.0, said.GEMINI_ARRAY),), Ending(at=1.0)
    )
    request = Request("POST", "https://llm.example/m:streamGenerateContent")
    for number in range(4):
        failed = faults.error_event(after_event=number, message="no")(tape)
        assert json.loads(failed.body)[-1]["error"]["message"] == "no"
        stopped = faults.stop(number, end_mark=True)(tape)
        assert json.loads(stopped.body)[-1]["candidates"][0]["finishReason"] == "STOP"
        assert Stream(Interaction(request, stopped)).ended_properly
