"""What a stream says in each dialect, against values written by hand."""

from __future__ import annotations

import json

import pytest
from support import dialect_streams as said
from support.dialect_reading import CUT, LEFT, event, stream

from fakegpt_testkit import dialects
from fakegpt_testkit.dialects import Dialect, ToolCall, Usage
from fakegpt_testkit.sse import Event

pytestmark = pytest.mark.once


WHOLE = {
    "openai-chat": (said.OPENAI_CHAT, "tool_calls"),
    "openai-responses": (said.OPENAI_RESPONSES, "completed"),
    "anthropic": (said.ANTHROPIC, "tool_use"),
    "gemini": (said.GEMINI, "STOP"),
    "gemini as an array": (said.GEMINI_ARRAY, "STOP"),
    "ollama": (said.OLLAMA, "stop"),
    "cohere": (said.COHERE, "TOOL_CALL"),
    "bedrock": (said.CONVERSE, "tool_use"),
    "bedrock with anthropic in it": (said.INVOKE, "tool_use"),
}


@pytest.mark.parametrize("label", ["text/event-stream", "application/json", "application/octet-stream"])
@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_reads_the_same_in_every_dialect_whatever_its_label_and_path_say(name: str, label: str) -> None:
    body, finish = WHOLE[name]
    answer = stream(body, label=label)
    assert answer.dialect == name.split(" ", maxsplit=1)[0]
    assert (answer.text, answer.deltas, answer.reasoning) == ("Hello", ("Hel", "lo"), "hm")
    assert [(call.name, json.loads(call.arguments), call.id) for call in answer.tool_calls] == [
        ("get_weather", {"city": "Paris"}, "call_1")
    ]
    assert (answer.finish_reason, answer.usage, answer.error) == (finish, Usage(12, 5), None)
    assert answer.ended_properly
    assert len(answer.order) == len(answer.events) == len(answer.event_times)
    assert len(answer.choices) == 1


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_that_was_cut_before_its_end_did_not_end_properly(name: str) -> None:
    body, _ = WHOLE[name]
    end = {"openai-chat": b"data: [DONE]", "cohere": b"event: message-end", "anthropic": b"event: message_stop"}.get(
        name
    )
    cut = body[: body.index(end)] if end else body[: int(len(body) * 0.7)]
    assert not stream(cut, ending=CUT).ended_properly
    assert not stream(body, ending=CUT).ended_properly
    assert stream(body, ending=LEFT).ended_properly


@pytest.mark.parametrize("name", ["openai-responses", "anthropic", "gemini", "ollama", "bedrock"])
def test_a_whole_body_without_the_dialects_end_is_cut_off(name: str) -> None:
    body, _ = WHOLE[name]
    assert not stream(body[: int(len(body) * 0.7)]).ended_properly


@pytest.mark.parametrize("name", ["openai-chat", "anthropic", "ollama", "cohere"])
def test_a_client_that_stops_at_the_end_is_told_from_one_that_leaves_before_it(name: str) -> None:
    body, _ = WHOLE[name]
    assert stream(body, read=len(body)).stopped_at_end_mark
    assert not stream(body, read=len(body) // 2).stopped_at_end_mark


# --- OpenAI's chat, and the ways of those who speak it ---

CHAT_WAYS = {
    "no end mark, but a finish reason": (said.sse(said.chat({"content": "Hi"}), said.chat({}, "stop")), "Hi", "stop"),
    "an end mark without its blank line": (
        said.sse(said.chat({"content": "Hi"}), said.chat({}, "stop")) + b"data: [DONE]",
        "Hi",
        "stop",
    ),
    "a finish that carries content": (said.sse(said.chat({"content": "Hi"}, "eos")), "Hi", "eos"),
    "two finishes: the last counts": (
        said.sse(said.chat({"content": "Hi"}, "stop"), said.chat({}, "length")),
        "Hi",
        "length",
    ),
    "no space, no object": (b'data:{"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n', "Hi", "stop"),
    "comments and CRLF": (
        b": PROCESSING\r\n\r\n" + said.sse(said.chat({"content": "Hi"}, "stop"), end="\r\n"),
        "Hi",
        "stop",
    ),
    "content in parts": (
        said.sse(
            said.chat({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}),
            said.chat({"content": [{"type": "text", "text": "Hi"}]}, "stop"),
        ),
        "Hi",
        "stop",
    ),
    "a first chunk that filters the prompt": (
        said.sse({"choices": [], "object": "", "prompt_filter_results": []}, said.chat({"content": "Hi"}, "stop")),
        "Hi",
        "stop",
    ),
    "a whole message beside the delta": (
        said.sse({"choices": [{"delta": {"content": "Hi"}, "message": {"content": "Hi"}, "finish_reason": "stop"}]}),
        "Hi",
        "stop",
    ),
}


@pytest.mark.parametrize(("body", "text", "finish"), CHAT_WAYS.values(), ids=CHAT_WAYS.keys())
def test_the_ways_of_services_that_speak_openais_chat_are_read(body: bytes, text: str, finish: str) -> None:
    answer = stream(body)
    assert (answer.dialect, answer.text, answer.finish_reason) == ("openai-chat", text, finish)
    assert answer.ended_properly


def test_reasoning_that_is_said_twice_counts_once_and_encrypted_parts_are_none() -> None:
    twice = said.chat({"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]})
    alone = said.chat({"reasoning_details": [{"type": "reasoning.summary", "summary": "!"}]})
    hidden = said.chat({"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]})
    assert stream(said.sse(twice, alone, hidden)).reasoning == "hm!"


CALLS = {
    "pieces that repeat id and name": (
        [
            said.chat_call('{"a":', name="f", id="1"),
            said.chat_call("1}", name="f", id="1"),
        ],
        [ToolCall("f", '{"a":1}', "1")],
    ),
    "whole calls without an index": (
        [
            said.chat_call("{}", index=None, name="f", id="1"),
            said.chat_call('{"b":2}', index=None, name="g", id="2"),
        ],
        [ToolCall("f", "{}", "1"), ToolCall("g", '{"b":2}', "2")],
    ),
    "no arguments at all": ([said.chat_call(None, name="f", id="1")], [ToolCall("f", "{}", "1")]),
    "two that come mixed": (
        [
            said.chat_call("[", index=0, name="f", id="1"),
            said.chat_call("{", index=1, name="g", id="2"),
            said.chat_call("]", index=0),
            said.chat_call("}", index=1),
        ],
        [ToolCall("f", "[]", "1"), ToolCall("g", "{}", "2")],
    ),
    "the old way": (
        [{"function_call": {"name": "f", "arguments": "{"}}, {"function_call": {"arguments": "}"}}],
        [ToolCall("f", "{}")],
    ),
}


@pytest.mark.parametrize(("deltas", "calls"), CALLS.values(), ids=CALLS.keys())
def test_pieces_of_calls_are_joined(deltas: list[said.Json], calls: list[ToolCall]) -> None:
    assert list(stream(said.sse(*map(said.chat, deltas))).tool_calls) == calls


def test_every_choice_is_read_and_the_first_is_the_answer() -> None:
    body = said.sse(
        said.chat({"content": "b"}, index=1), said.chat({"content": "a"}), said.chat({"content": "B"}, "stop", index=1)
    )
    answer = stream(body)
    assert [choice.text for choice in answer.choices] == ["a", "bB"]
    assert (answer.text, answer.finish_reason) == ("a", None)
    assert not answer.ended_properly
    both = [said.content({"text": text})["candidates"][0] | {"index": at} for at, text in ((1, "b"), (0, "a"))]
    for body in (said.sse({"candidates": both}), json.dumps({"candidates": both}).encode()):
        candidates = stream(body, label="application/json")
        assert ([each.text for each in candidates.choices], candidates.text) == (["a", "b"], "a")


def test_all_blocks_and_messages_of_text_are_the_answers() -> None:
    blocks = [
        (at, {"type": "text", "text": ""}, {"type": "text_delta", "text": text}) for at, text in ((0, "a"), (2, "b"))
    ]
    told = [
        said.ANTHROPIC_EVENTS[0],
        *(each for at, block, delta in blocks for each in (said.block(at, **block), said.grow(at, **delta))),
    ]
    assert stream(said.sse(*told, named=True)).text == "ab"
    items = [said.respond("output_text.delta", output_index=at, delta=text) for at, text in ((0, "a"), (1, "b"))]
    assert stream(said.sse(*items, named=True)).text == "ab"
    parts = [{"text": "a"}, {"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": "b"}]
    whole = {"output": {"message": {"content": parts}}, "stopReason": "end_turn"}
    assert stream(json.dumps(whole).encode(), label="application/json").text == "ab"


def test_a_refusal_is_no_text() -> None:
    answer = stream(said.sse(said.chat({"refusal": "I can"}), said.chat({"refusal": "not"}), said.chat({}, "stop")))
    assert (answer.text, answer.refusal, answer.order) == ("", "I cannot", ("refusal", "refusal", "end"))


# --- the others' ways ---


def test_responses_take_whole_arguments_where_no_piece_came() -> None:
    body = said.sse(
        said.item("added", 0, id="fc", type="function_call", call_id="1", name="f", arguments="", status="in_progress"),
        said.item(
            "done", 0, id="fc", type="function_call", call_id="1", name="f", arguments='{"a":1}', status="completed"
        ),
        said.respond("incomplete", response={"status": "incomplete"}),
        named=True,
    )
    answer = stream(body)
    assert answer.tool_calls == (ToolCall("f", '{"a":1}', "1"),)
    assert (answer.finish_reason, answer.ended_properly, answer.usage) == ("incomplete", True, None)


def test_a_block_that_begins_with_its_text_says_it_once() -> None:
    start = {"type": "message_start", "message": {}}
    alone = said.sse(start, said.block(0, type="text", text="Hi"), said.stop(0), named=True)
    again = said.sse(
        start, said.block(0, type="text", text="Hi"), said.grow(0, type="text_delta", text="Hi"), named=True
    )
    whole = said.sse(start, said.block(0, type="tool_use", id="1", name="f", input={"a": 1}), said.stop(0), named=True)
    assert (stream(alone).text, stream(again).text) == ("Hi", "Hi")
    assert stream(whole).tool_calls == (ToolCall("f", '{"a": 1}', "1"),)


def test_later_figures_of_usage_win_field_by_field() -> None:
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 3, "output_tokens": 1}}}
    later = {"type": "message_delta", "delta": {"stop_reason": "refusal"}, "usage": {"output_tokens": 9}}
    answer = stream(said.sse(start, later, named=True))
    assert (answer.usage, answer.finish_reason) == (Usage(3, 9), "refusal")


def test_a_refused_prompt_ends_properly_without_a_text() -> None:
    answer = stream(event({"promptFeedback": {"blockReason": "SAFETY"}}))
    assert (answer.dialect, answer.text, answer.finish_reason, answer.ended_properly) == ("gemini", "", "SAFETY", True)


def test_ollamas_completion_says_its_text_elsewhere() -> None:
    body = said.lines({"response": "Hi", "done": False}, {"response": "", "done": True, "context": [1]})
    answer = stream(body, label="application/x-ndjson")
    assert (answer.dialect, answer.text, answer.ended_properly) == ("ollama", "Hi", True)


# --- which dialect ---


def test_remote_procedure_calls_are_nobodys_dialect_and_end_with_their_connection() -> None:
    answer = stream(event({"jsonrpc": "2.0", "id": 1, "result": {"candidates": 1}}, "message"), "/v1/messages")
    assert (answer.dialect, answer.text, answer.ended_properly) == ("unknown", "", True)


@pytest.mark.parametrize("first", [event({"type": "ping"}, "ping"), b": waiting\n\n", event({"error": "no"})])
def test_what_carries_no_data_decides_nothing(first: bytes) -> None:
    assert stream(first + said.ANTHROPIC, "/v1/chat/completions").dialect == "anthropic"


class ShoutReader:
    def feed(self, event: Event) -> list[dialects.Delta]:
        return [dialects.Text(event.data)]

    def close(self, stray: str = "") -> list[dialects.Delta]:  # noqa: ARG002 - what the protocol asks for
        return [dialects.Finish("tired")]


def test_a_suite_can_add_a_dialect_of_its_own() -> None:
    shout = Dialect("shout", lambda event, _: event.data.isupper(), ShoutReader, finish_is_end=True)
    body = b"data: HEY\n\ndata: YOU\n\n"
    dialects.add(shout)
    try:
        answer = stream(body)
        assert (answer.dialect, answer.deltas, answer.finish_reason) == ("shout", ("HEY", "YOU"), "tired")
        assert answer.ended_properly
    finally:
        dialects.remove("shout")
    assert stream(body).dialect == "unknown"


HOSTILE: list[object] = [
    1,
    None,
    "x",
    [],
    {},
    [None],
    [{}],
    {"delta": None},
    {"delta": []},
    [{"delta": 1}],
    [{"content": {"parts": 1}}],
]


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
@pytest.mark.parametrize("dialect", [*dialects.known(), dialects.UNKNOWN], ids=lambda each: each.name)
def test_a_value_of_another_shape_fails_no_reader(dialect: Dialect, value: object) -> None:
    keys = (
        "choices", "usage", "error", "type", "delta", "message", "candidates", "content_block", "response", "item",
        "index", "tool_calls", "contentBlockIndex", "start", "bytes", "done", "output", "content", "usageMetadata",
    )  # fmt: skip
    kinds = (
        "content_block_start",
        "content_block_delta",
        "response.completed",
        "content-delta",
        "message-end",
        "error",
    )
    for key in keys:
        for kind in kinds:
            for name in ("message", "error", "chunk", "contentBlockDelta", "messageStop"):
                data = json.dumps({"type": kind, key: value})
                dialect.reader().feed(Event(name, data))
                body = json.loads(data)
                dialect.body(body)
