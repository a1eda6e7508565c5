"""What models on Bedrock say in shapes of their own is read, and can be made to say something else."""

from __future__ import annotations

import base64
import json
import sys
from typing import TYPE_CHECKING

import pytest
from support import dialect_streams as given

from fakegpt_testkit.dialects import UNKNOWN, Failure, ToolCall, Usage, dialect_of_body
from fakegpt_testkit.dialects.json_values import obj
from fakegpt_testkit.drift import differences
from fakegpt_testkit.effects import faults
from fakegpt_testkit.errors import EffectMisplaced
from fakegpt_testkit.exchange import Chunk, Head, Interaction, Request, Tape
from fakegpt_testkit.framing.whole import TOLD_IN
from fakegpt_testkit.html import page
from fakegpt_testkit.recorder.changes import says_nothing
from fakegpt_testkit.timeline import Stream, describe, timeline_of

if TYPE_CHECKING:
    from fakegpt_testkit.effects import Effect
    from fakegpt_testkit.sse import Event

pytestmark = pytest.mark.once

SITE = "https://llm.example"
CALLS = (ToolCall("look_again", {"city": "Paris"}), ToolCall("stop", id="mine"))


def recorded(body: bytes, label: str = "") -> Interaction:
    head = Head(200, headers=(("Content-Type", label),) if label else ())
    return Interaction(Request("POST", SITE), Tape(head, (Chunk(0.0, body),)))


def changed(interaction: Interaction, effect: Effect) -> Stream:
    return Stream(Interaction(interaction.request, effect(interaction.response)))


def chat_model(**said: object) -> given.Json:
    return {"choices": [{"index": 0, **said}]}


def mistral(finish: str | None = None, **message: object) -> given.Json:
    known = {"role": "assistant", "content": "", "tool_calls": None, "index": None, "tool_call_id": None}
    choice = {"index": 0, "logprobs": None, "message": known | message, "stop_reason": finish}
    return {"id": "1", "object": "chat.completion.chunk", "choices": [choice], "usage": None, "p": None}


def command(kind: str, **said: object) -> given.Json:
    return {"event_type": kind, "is_finished": kind == "stream-end", **said}


METRICS = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 1, "outputTokenCount": 2}}
THROUGH_INVOKE: dict[str, list[given.Json]] = {
    "Nova": [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Hi"}}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "end_turn"}},
        METRICS,
    ],
    "OpenAI's": [
        chat_model(delta={"role": "assistant", "content": "Hi"}),
        chat_model(delta={}, finish_reason="stop") | METRICS,
    ],
    "Mistral's": [mistral(content="Hi"), mistral("stop") | METRICS],
    "DeepSeek's": [chat_model(text="Hi", stop_reason=None), chat_model(text="", stop_reason="stop") | METRICS],
    "Llama": [
        {"generation": "H", "prompt_token_count": 1, "generation_token_count": 1, "stop_reason": None},
        {"generation": "i", "prompt_token_count": None, "generation_token_count": 2, "stop_reason": "stop"},
    ],
    "Titan": [
        {"outputText": "Hi", "completionReason": "FINISH", "inputTextTokenCount": 1, "totalOutputTextTokenCount": 2}
    ],
    "Claude 2": [
        {"type": "completion", "completion": "Hi", "stop_reason": None},
        {"type": "completion", "completion": "", "stop_reason": "stop_sequence", "stop": "\n\nHuman:"} | METRICS,
    ],
    "Mistral's older": [
        {"outputs": [{"text": "Hi", "stop_reason": None}]},
        {"outputs": [{"text": "", "stop_reason": "stop"}]} | METRICS,
    ],
    "Command": [
        {"text": "Hi", "is_finished": False, "index": 0},
        {"text": "<EOS_TOKEN>", "is_finished": True, "finish_reason": "COMPLETE"} | METRICS,
    ],
    "Command R": [
        command("stream-start", generation_id="1"),
        command("text-generation", text="Hi"),
        command("stream-end", finish_reason="COMPLETE", response={"text": "Hi", "generation_id": "1"}) | METRICS,
    ],
}
CALLS_NOTHING = ("Llama", "Titan", "Claude 2", "Mistral's older", "Command")
FINISHED = ("end_turn", "stop", "FINISH", "stop_sequence", "COMPLETE")


@pytest.mark.parametrize("model", THROUGH_INVOKE)
def test_each_model_that_bedrock_streams_is_read_and_says_and_calls_what_is_asked_of_it(model: str) -> None:
    interaction = recorded(given.wrapped(*THROUGH_INVOKE[model]))
    before = Stream(interaction)
    assert (before.text, before.dialect, before.ended_properly) == ("Hi", "bedrock", True)
    assert before.finish_reason in FINISHED
    assert before.usage == Usage(1, 2)
    said = changed(interaction, faults.said("Bye"))
    assert (said.text, said.finish_reason, said.usage) == ("Bye", before.finish_reason, before.usage)
    assert b'"Hi"' not in b"".join(map(inner, said.events)), "also where it is repeated"
    if model in CALLS_NOTHING:
        with pytest.raises(EffectMisplaced, match="no call can be written in bedrock"):
            changed(interaction, faults.called(CALLS[0]))
        return
    called = changed(interaction, faults.called(*CALLS))
    assert (called.text, called.ended_properly) == ("Hi", True)
    assert [(call.name, json.loads(call.arguments)) for call in called.tool_calls] == [
        (call.name, json.loads(call.arguments)) for call in CALLS
    ]
    assert called.finish_reason == "COMPLETE" or called.finish_reason in ("tool_use", "tool_calls")


PIECES = ({"index": 0, "name": "look_up"}, {"index": 0, "parameters": '{"a":'}, {"index": 0, "parameters": "1}"})
WHOLE = {"tool_calls": [{"name": "look_up", "parameters": {"a": 1}}, {"name": "now", "parameters": {}}]}
PLANNED = command("tool-calls-chunk", text="I will look it up.")
COMMANDED: dict[str, list[given.Json]] = {
    "in pieces, then whole": [
        PLANNED,
        *(command("tool-calls-chunk", tool_call_delta=piece) for piece in (*PIECES, {"index": 1, "name": "now"})),
        command("tool-calls-generation", text="I will look it up.", **WHOLE),
        command("stream-end", finish_reason="COMPLETE", response={"text": "", **WHOLE}),
    ],
    "whole, with the plan": [
        command("tool-calls-generation", text="I will look it up.", **WHOLE),
        command("stream-end", finish_reason="COMPLETE", response={"text": "", **WHOLE}),
    ],
    "at the end alone": [PLANNED, command("stream-end", finish_reason="COMPLETE", response={"text": "", **WHOLE})],
    "cut within the first, and both at the end": [
        PLANNED,
        *(command("tool-calls-chunk", tool_call_delta=piece) for piece in PIECES),
        command("stream-end", finish_reason="MAX_TOKENS", response=WHOLE),
    ],
}


@pytest.mark.parametrize("told", COMMANDED.values(), ids=COMMANDED.keys())
def test_the_calls_of_command_r_are_told_once_however_they_come(told: list[given.Json]) -> None:
    interaction = recorded(given.wrapped(*told))
    before = Stream(interaction)
    assert (before.text, before.reasoning) == ("", "I will look it up.")
    assert [(call.name, json.loads(call.arguments)) for call in before.tool_calls] == [
        ("look_up", {"a": 1}),
        ("now", {}),
    ]
    called = changed(interaction, faults.called(CALLS[0]))
    assert [call.name for call in called.tool_calls] == [CALLS[0].name]
    assert b"look_up" not in b"".join(map(inner, called.events))


def inner(event: Event) -> bytes:
    return base64.b64decode(json.loads(event.data)["bytes"])


def test_an_error_of_command_r_is_one() -> None:
    failed = given.wrapped(command("text-generation", text="Hi"), command("stream-end", finish_reason="ERROR_TOXIC"))
    told = Stream(recorded(failed))
    assert (told.text, told.ended_properly, told.error) == ("Hi", False, Failure("ERROR_TOXIC", "ERROR_TOXIC"))


PLAIN_MODELS: dict[str, given.Json] = {
    "Llama": {"generation": "Hi", "prompt_token_count": 1, "generation_token_count": 2, "stop_reason": "stop"},
    "Titan": {
        "inputTextTokenCount": 1,
        "results": [{"tokenCount": 2, "outputText": "Hi", "completionReason": "FINISH"}],
    },
    "Mistral's older": {"outputs": [{"text": "Hi", "stop_reason": "stop"}]},
    "Claude 2": {"type": "completion", "completion": "Hi", "stop_reason": "stop_sequence", "stop": "\n\nHuman:"},
    "DeepSeek's": {"choices": [{"text": "Hi", "stop_reason": "stop"}]},
    "Command": {"id": "1", "generations": [{"id": "2", "text": "Hi", "finish_reason": "COMPLETE"}], "prompt": "Say"},
    "Mistral's": chat_model(message={"role": "assistant", "content": "Hi"}, stop_reason="stop"),
    "Command R": {
        "text": "Hi",
        "generation_id": "1",
        "response_id": "2",
        "finish_reason": "COMPLETE",
        "tool_calls": None,
    },
}
CALLS_WHOLE = ("Mistral's", "Command R")


ODD_WHOLE: tuple[given.Json, ...] = (
    {"object": "chat.completion"},
    {"object": "response", "output": []},
    {"type": "message", "content": []},
    {"candidates": []},
    {"promptFeedback": {"blockReason": "OTHER"}},
    {"usageMetadata": {"promptTokenCount": 1}},
    {"message": {"role": "assistant"}, "done": True},
    {"response": "Hi", "done": True},
    {"message": {"role": "assistant"}, "finish_reason": "COMPLETE"},
    {"output": {"message": {"role": "assistant"}}, "stopReason": "stop"},
)


def test_whole_answers_are_read_by_the_fields_that_the_recorder_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = [obj(body) for body in (*ODD_WHOLE, *PLAIN_MODELS.values())]
    module = sys.modules["fakegpt_testkit.dialects.known"]  # the package's name of that is a function
    assert [body for body in bodies if dialect_of_body(body) is UNKNOWN] == []
    for field in TOLD_IN:
        monkeypatch.setattr(module, "TOLD_IN", TOLD_IN - {field})
        assert any(dialect_of_body(body) is UNKNOWN for body in bodies), field


@pytest.mark.parametrize("model", PLAIN_MODELS)
def test_a_plain_answer_of_a_model_on_bedrock_is_read_and_says_another_text(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps(PLAIN_MODELS[model]).encode()
    interaction = recorded(body, "application/json")
    with monkeypatch.context() as unloaded:
        unloaded.delitem(sys.modules, "fakegpt_testkit.dialects.known")
        assert not says_nothing(interaction)
    before, after = Stream(interaction), changed(interaction, faults.said("Bye"))
    assert [(each.text, each.ended_properly) for each in (before, after)] == [("Hi", True), ("Bye", True)]
    assert before.finish_reason in FINISHED
    assert before.usage == (Usage(1, 2) if model in ("Llama", "Titan") else None)
    if model in CALLS_WHOLE:
        called = changed(interaction, faults.called(CALLS[0]))
        assert (called.text, [call.name for call in called.tool_calls]) == ("Hi", [CALLS[0].name])
        return
    with pytest.raises(EffectMisplaced, match=r"no call can be written in bedrock|could not be made to say it"):
        changed(interaction, faults.called(CALLS[0]))


OTHERS_OWN: dict[str, given.Json] = {
    "Cohere's first chat": {
        "text": "Hi",
        "generation_id": "1",
        "finish_reason": "COMPLETE",
        "meta": {"api_version": {}},
    },
    "Anthropic's old completion": {"completion": "Hi", "stop_reason": "stop_sequence", "model": "claude-2"},
    "OpenAI's old completion": {"object": "text_completion", "choices": [{"text": "Hi", "finish_reason": "stop"}]},
    "a list of results": {"results": [{"text": "Hi"}], "stop_reason": "stop"},
}


@pytest.mark.parametrize("body", OTHERS_OWN.values(), ids=OTHERS_OWN.keys())
def test_what_a_company_answers_itself_is_not_bedrocks(body: given.Json) -> None:
    assert Stream(recorded(json.dumps(body).encode())).dialect == "unknown"


def test_what_stands_in_base64_is_shown_and_found_as_what_it_is() -> None:
    stream = Stream(recorded(given.INVOKE + given.frame("throttlingException", {"message": "wait"}, "exception")))
    assert stream.has_in_order("message_start", "Hel", "message_stop", "wait")
    assert not stream.has_in_order("message_stop", "message_start")
    told = timeline_of(stream.interaction)
    assert [json.loads(each.event.data) for each in told.moments[:-1]] == list(given.ANTHROPIC_EVENTS)
    assert "message_stop" in describe(stream)
    assert "text_delta" in page("x.yaml", {1: told})
    junk = Stream(recorded(given.frames(("chunk", {"bytes": "no base64!"}), ("chunk", {"other": 1}))))
    assert [each.event for each in timeline_of(junk.interaction).moments] == list(junk.events), "what holds none stays"


def test_the_padding_the_ids_and_the_counts_of_another_turn_are_no_drift() -> None:
    def turn(number: int) -> Interaction:
        first, *rest = given.ANTHROPIC_EVENTS
        message = first["message"] | {"id": f"msg_{number}"}
        last = rest[-1] | ({} if number else METRICS)
        inner = [first | {"message": message}, *rest[:-1], last]
        return recorded(given.frames(*(("chunk", wrap(each) | {"p": "ab" * number}) for each in inner)))

    assert differences([turn(0)], [turn(1)]) == []


def wrap(event: given.Json) -> given.Json:
    return {"bytes": base64.b64encode(json.dumps(event).encode()).decode()}
