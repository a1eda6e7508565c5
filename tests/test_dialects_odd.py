"""What services write in odd ways is read as it is meant: numbers, arguments in parts, words that come whole alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support import dialect_streams as said
from support.dialect_reading import stream

from fakegpt_testkit.dialects import Failure, Usage

if TYPE_CHECKING:
    from fakegpt_testkit.timeline import Stream

pytestmark = pytest.mark.once


def calls_of(*deltas: said.Json) -> list[tuple[str, str, str]]:
    return [(call.name, call.arguments, call.id) for call in stream(said.sse(*map(said.chat, deltas))).tool_calls]


def test_calls_that_have_all_the_same_number_are_told_by_their_ids() -> None:
    first, second = said.chat_call('{"a":', id="1", name="f"), said.chat_call("{}", id="2", name="g")
    assert calls_of(first, said.chat_call("1}"), second) == [("f", '{"a":1}', "1"), ("g", "{}", "2")]
    assert calls_of({"tool_calls": [*first["tool_calls"], *second["tool_calls"]]}, said.chat_call("")) == [
        ("f", '{"a":', "1"),
        ("g", "{}", "2"),
    ]
    assert calls_of(first, said.chat_call("1}", id="1")) == [("f", '{"a":1}', "1")], (
        "an id that is repeated is the same"
    )
    assert calls_of(said.chat_call("{", name="f"), said.chat_call("}", id="late")) == [("f", "{}", "late")]


def part(path: str, **value: object) -> said.Json:
    return {"jsonPath": path, **value}


def vertex(*calls: said.Json) -> Stream:
    return stream(said.sse(*(said.content({"functionCall": call}) for call in calls), said.content(finish="STOP")))


CONTINUED = {"name": "f", "id": "1", "willContinue": True}
IN_PARTS: dict[str, tuple[list[said.Json], list[said.Json]]] = {
    "a text in pieces that are alike": (
        [
            {"partialArgs": [part("$.a", stringValue="ha", willContinue=True)], "willContinue": True},
            {"partialArgs": [part("$.a", stringValue="ha")], "willContinue": True},
            {},
        ],
        [{"a": "haha"}],
    ),
    "values of every type, and in each other": (
        [
            {
                "partialArgs": [
                    part("$.n", numberValue=1),
                    part("$.t", boolValue=True),
                    part("$.z", nullValue="NULL_VALUE"),
                    part("$.l[0].x", stringValue="a"),
                    part("$.l[1].x", stringValue="b"),
                    part("$['odd name'].y", stringValue="c"),
                ]
            }
        ],
        [{"n": 1, "t": True, "z": None, "l": [{"x": "a"}, {"x": "b"}], "odd name": {"y": "c"}}],
    ),
    "what does not fit": (
        [
            {
                "partialArgs": [part("$.a", stringValue="x"), part("$.a.b[999999].c", numberValue=1)],
                "willContinue": True,
            },
            {"partialArgs": [part("$", stringValue="x"), part("$[0]", numberValue=1), {}, 1]},
        ],
        [{"a": {"b": [{"c": 1}]}}],
    ),
    "another call before its end": (
        [{"partialArgs": [part("$.a", numberValue=1)], "willContinue": True}, {"name": "g", "args": {"b": 2}}],
        [{"a": 1}, {"b": 2}],
    ),
    "cut off": ([{"partialArgs": [part("$.a", stringValue="h")], "willContinue": True}], [{"a": "h"}]),
    "nothing but an end": ([{}, {}], [{}]),
}


@pytest.mark.parametrize(("parts", "wanted"), IN_PARTS.values(), ids=IN_PARTS.keys())
def test_the_arguments_of_a_call_on_vertex_may_come_in_parts(parts: list[said.Json], wanted: list[said.Json]) -> None:
    answer = vertex(CONTINUED, *parts)
    assert [json.loads(call.arguments) for call in answer.tool_calls] == wanted
    assert [(call.name, call.id) for call in answer.tool_calls] == [("f", "1"), ("g", "")][: len(wanted)]
    assert (answer.text, answer.finish_reason) == ("", "STOP")


def test_words_that_come_whole_alone_are_told_and_those_that_are_repeated_are_not() -> None:
    begun = said.respond("created", response={})
    done = [said.respond("output_text.done", output_index=at, text=text) for at, text in ((0, "a"), (1, "b"))]
    grown = said.respond("output_text.delta", output_index=0, delta="a")
    refused = said.respond("refusal.done", refusal="no")
    for events, wanted in (([*done], ("ab", "")), ([grown, *done], ("a", "")), ([grown, refused], ("a", "no"))):
        answer = stream(said.sse(begun, *events, named=True))
        assert (answer.text, answer.refusal) == wanted


OUTPUT = [
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
    {"type": "message", "content": [{"type": "output_text", "text": "Hi"}, {"type": "output_text", "text": "!"}]},
    {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed"},
]


def test_a_stream_that_begins_with_its_end_says_what_that_says() -> None:
    end = said.respond("completed", response={"status": "completed", "output": OUTPUT})
    answer = stream(said.sse(end, named=True))
    assert (answer.text, answer.reasoning, [call.name for call in answer.tool_calls]) == ("Hi!", "hm", ["f"])
    assert answer.ended_properly
    for before in (
        said.respond("output_text.delta", delta="Hi!"),
        said.respond("output_text.done", text="Hi!"),
        said.respond("reasoning_summary_text.delta", delta="hm"),
    ):
        assert stream(said.sse(before, end, named=True)).tool_calls == (), "what was told is not told again"


REFUSED: dict[str, tuple[int, said.Json, Failure | None]] = {
    "a code beside the words": (400, {"code": "invalid", "error": "bad key"}, Failure("bad key", "invalid")),
    "a type beside the words": (
        422,
        {"error": "too long", "error_type": "validation"},
        Failure("too long", "validation"),
    ),
    "Anthropic's, asked anywhere": (
        529,
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        Failure("Overloaded", "overloaded_error"),
    ),
    "a message that is an object": (
        422,
        {"object": "error", "message": {"detail": [{"msg": "bad"}]}, "code": "x"},
        Failure('{"detail": [{"msg": "bad"}]}', "x"),
    ),
    "no error's shape": (500, {"oops": 1}, None),
    "no error": (200, {"error": "only a word"}, None),
}


@pytest.mark.parametrize(("status", "body", "error"), REFUSED.values(), ids=REFUSED.keys())
def test_an_error_of_whatever_service_is_told(status: int, body: said.Json, error: Failure | None) -> None:
    answer = stream(json.dumps(body).encode(), label="application/json", status=status)
    assert (answer.dialect, answer.error) == ("unknown", error)


def test_tokens_that_are_written_as_12_0_count() -> None:
    answer = stream(said.COHERE.replace(b"12", b"12.0").replace(b": 5", b": 5.0"))
    assert repr(answer.usage) == repr(Usage(12, 5))
    for odd in (b"12.5", b"1e999", b'"12"', b"true"):
        usage = stream(said.OPENAI_CHAT.replace(b'"prompt_tokens": 12', b'"prompt_tokens": ' + odd)).usage
        assert usage == Usage(None, 5), odd
