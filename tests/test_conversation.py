"""Messages → body, events → deltas: each trap of the historical client as a case."""

from __future__ import annotations

import json
from typing import Any, TypedDict

import msgspec
import pytest

from fakegpt_testkit.dialects import payloads
from fakegpt_testkit.errors import BadMessages, FakeGptTestkitError, PayloadUnreadable
from fakegpt_testkit.fakegpt.conversation import (
    AnswerReader,
    End,
    Failure,
    Finish,
    MessageDelta,
    MessageRewrite,
    Moderation,
    NewMessage,
    Text,
    failure,
    prompt,
    request_body,
)
from fakegpt_testkit.sse import Event, parse

pytestmark = pytest.mark.once

FINISHED: dict[str, Any] = {
    "status": "finished_successfully",
    "end_turn": True,
    "metadata": {"finish_details": {"type": "stop"}},
}


def said(text: object, message_id: str = "1", role: str = "assistant", **fields: Any) -> Event:
    """An event as the service sends it, with the fields that matter to the case replaced."""
    parts = text if isinstance(text, list) else [text]
    message = {
        "id": message_id,
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": 1697000000.5,
        "update_time": None,
        "content": {"content_type": "text", "parts": parts},
        "status": "in_progress",
        "end_turn": None,
        "weight": 1.0,
        "metadata": {"message_type": "next", "model_slug": "text-davinci-002-render-sha", "parent_id": "0"},
        "recipient": "all",
    }
    return Event(data=json.dumps({"message": message | fields, "conversation_id": "c", "error": None}))


def kind(message_type: str | None) -> dict[str, Any]:
    return {"metadata": {"message_type": message_type}}


def read(*events: Event | str) -> list[MessageDelta]:
    reader = AnswerReader()
    deltas = []
    for event in events:
        deltas += reader.feed(Event(data=event) if isinstance(event, str) else event)
    return deltas + reader.close()


CASES: dict[str, tuple[list[Event | str], list[MessageDelta]]] = {
    "cumulative text becomes its growth": (
        [said(""), said("Hel"), said("Hello"), said("Hello", **FINISHED), "[DONE]"],
        [Text("Hel"), Text("lo"), Finish("stop"), End()],
    ),
    "an event that repeats the text adds nothing": ([said("a"), said("a"), said("a")], [Text("a")]),
    "a rewritten text is told whole": (
        [said("Hello wrld"), said("Hello world, yes"), said("Hello world, yes!")],
        [Text("Hello wrld"), MessageRewrite("Hello world, yes", "1"), Text("!")],
    ),
    "a rewritten text that grew to the same length is a rewrite": (
        [said("abc"), said("xyz")],
        [Text("abc"), MessageRewrite("xyz", "1")],
    ),
    "a shortened text is a rewrite": ([said("abc"), said("ab")], [Text("abc"), MessageRewrite("ab", "1")]),
    "half an emoji waits for the whole": (
        [said("Hi \ufffd"), said("Hi \ufffd\ufffd"), said("Hi 🎉"), said("Hi 🎉!")],
        [Text("Hi "), Text("🎉"), Text("!")],
    ),
    "a replacement character that was meant comes with what follows it": (
        [said("a\ufffd"), said("a\ufffdb")],
        [Text("a"), Text("\ufffdb")],
    ),
    "a replacement character at the end of the answer comes with the end": (
        [said("a\ufffd"), said("a\ufffd", **FINISHED)],
        [Text("a"), Text("\ufffd"), Finish("stop")],
    ),
    "a replacement character at the end of a broken stream comes with its close": (
        [said("a\ufffd")],
        [Text("a"), Text("\ufffd")],
    ),
    "a text that shrinks into half a character is not yet a rewrite": (
        [said("ab"), said("a\ufffd"), said("ab🎉")],
        [Text("ab"), Text("🎉")],
    ),
    "a replacement character within the text that becomes an emoji is a rewrite": (
        [said("a\ufffdb"), said("a🎉b")],
        [Text("a\ufffdb"), MessageRewrite("a🎉b", "1")],
    ),
    "a surrogate pair in escapes is one character": (
        [said("@").data.replace("@", r"\ud83d\ude00")],
        [Text("😀")],
    ),
    "half a surrogate pair waits for the other half": (
        [said("@").data.replace("@", r"a\ud83d"), said("@").data.replace("@", r"a\ud83d\ude00")],
        [Text("a"), Text("😀")],
    ),
    "an escaped backslash before a surrogate's letters is text": (
        [said("@").data.replace("@", r"\\ud83d")],
        [Text(r"\ud83d")],
    ),
    "a second message comes after the first, not spliced": (
        [said("One.", **FINISHED), said("Tw", "2"), said("Two.", "2", **FINISHED), "[DONE]"],
        [Text("One."), Finish("stop"), NewMessage("2"), Text("Tw"), Text("o."), Finish("stop"), End()],
    ),
    "two variants side by side come one after the other": (
        [
            '{"num_variants_in_stream": 2, "display_treatment": "side_by_side"}',
            said("A", "1"),
            said("x", "2", **kind("variant")),
            said("AB", "1"),
            said("xy", "2", **kind("variant")),
            said("AB", "1", **FINISHED),
            said("xyz", "2"),
        ],
        [Text("A"), Text("B"), Finish("stop"), NewMessage("2"), Text("xy"), Text("z")],
    ),
    "a second message that waits comes with the end mark": (
        [said("A", "1"), said("x", "2"), "[DONE]"],
        [Text("A"), NewMessage("2"), Text("x"), End()],
    ),
    "the first message changed after the second began": (
        [said("A", "1", **FINISHED), said("x", "2"), said("A", "1", **FINISHED), said("B", "1", **FINISHED)],
        [Text("A"), Finish("stop"), NewMessage("2"), Text("x"), MessageRewrite("B", "1")],
    ),
    "the rest of a cut answer, under its own id": (
        [said("One,", status="finished_partial_completion", end_turn=True), said(" two.", "2", **kind("continue"))],
        [Text("One,"), Finish("finished_partial_completion"), NewMessage("2"), Text(" two.")],
    ),
    "the rest of a cut answer, under the same id, counted from the cut": (
        [
            said("One,", **FINISHED),
            said("", **kind("continue")),
            said(" tw", **kind("continue")),
            said(" two.", **kind("continue")),
        ],
        [Text("One,"), Finish("stop"), NewMessage("1"), Text(" tw"), Text("o.")],
    ),
    "the rest of a cut answer, under the same id, counted from the start": (
        [said("One,", **FINISHED | {"finish_details": {"type": "max_tokens"}}), said("One, two.", **kind("continue"))],
        [Text("One,"), Finish("max_tokens"), Text(" two.")],
    ),
    "several parts are one text": ([said(["a", "b"]), said(["a", "bc"])], [Text("ab"), Text("c")]),
    "parts that are not text are passed over": ([said(["a", {"asset_pointer": "x"}, "b"])], [Text("ab")]),
    "parts of a multimodal answer": (
        [said("", content={"content_type": "multimodal_text", "parts": [{"x": 1}, "a"]})],
        [Text("a")],
    ),
    "an empty last text keeps the answer": ([said("abc"), said("", **FINISHED)], [Text("abc"), Finish("stop")]),
    "a last event without parts keeps the answer": (
        [said("abc"), said([], **FINISHED)],
        [Text("abc"), Finish("stop")],
    ),
    "an empty answer ends": ([said(""), said("", **FINISHED)], [Finish("stop")]),
    "an end without details has the status for its reason": (
        [said("a", status="finished_partial_completion")],
        [Text("a"), Finish("finished_partial_completion")],
    ),
    "a turn that ended is an end whatever the status": (
        [said("a", end_turn=True, status=None)],
        [Text("a"), Finish("")],
    ),
    "an end is told once": ([said("a", **FINISHED), said("a", **FINISHED)], [Text("a"), Finish("stop")]),
    "an echo and the system are not the answer": (
        [said("sys", "s", role="system", **kind(None)), said("Hi?", "u", role="user", **kind(None)), said("Yo")],
        [Text("Yo")],
    ),
    "tools are not the answer": ([said("out", "t", role="tool"), said("Yo")], [Text("Yo")]),
    "what the assistant says to a tool is not the answer": ([said("query", "t", recipient="browser")], []),
    "code is not the answer": ([said("", content={"content_type": "code", "text": "1+1"})], []),
    "an assistant's message of no type is the answer": (
        [said("a", **kind(None)), said("ab", metadata=None)],
        [Text("a"), Text("b")],
    ),
    "a message with nothing but a role and a text": (
        ['{"message": {"author": {"role": "assistant"}, "content": {"parts": ["a"]}}}'],
        [Text("a")],
    ),
    "messages without an author or a content": ([said("a", author=None), said("a", content=None)], []),
    "pings": ([Event("ping", "2023-10-11T12:00:00.000000")], []),
    "the question is moderated": (
        [
            (
                '{"conversation_id": "c", "message_id": "u", "is_completion": false, '
                '"moderation_response": {"flagged": true, "blocked": false}}'
            )
        ],
        [Moderation(flagged=True, blocked=False, is_completion=False, message_id="u")],
    ),
    "the answer is moderated": (
        ['{"moderation_response": {"flagged": false, "blocked": true}, "message_id": null, "is_completion": true}'],
        [Moderation(flagged=False, blocked=True, is_completion=True, message_id="")],
    ),
    "an error event": ([said("a"), '{"error": "Too many requests"}'], [Text("a"), Failure("Too many requests")]),
    "an error object": (['{"error": {"message": "No", "code": "token_expired"}}'], [Failure("No", "token_expired")]),
    "an error beside a message of another shape": (['{"message": "text", "error": "No"}'], [Failure("No")]),
    "a detail": (['{"detail": {"message": "No", "type": "x"}}'], [Failure("No", "x")]),
    "an error of no known shape": (['{"error": [1]}'], [Failure("[1]")]),
    "a bare error": (["Internal Server Error"], [Failure("Internal Server Error")]),
    "a bare error in an error event": ([Event("error", "overloaded")], [Failure("overloaded")]),
    "text in an event of an unknown type": ([Event("delta_encoding", "v1")], []),
    "JSON that says nothing": (
        ["{}", "[]", '"v1"', "1", "null", '{"message": null}', '{"message": "x"}', '{"message": []}'],
        [],
    ),
    "blank data": ([" ", ""], []),
    "a number too long to be one is passed over": (['{"weight": %s}' % ("1" * 5000)], []),
    "JSON nested too deeply is no JSON": (["[" * 100_000], [Failure("[" * 100_000)]),
}


@pytest.mark.parametrize(("events", "deltas"), CASES.values(), ids=CASES)
def test_what_each_event_changed(events: list[Event | str], deltas: list[MessageDelta]) -> None:
    assert read(*events) == deltas


@pytest.mark.parametrize(("events", "deltas"), CASES.values(), ids=CASES)
def test_no_text_is_empty(events: list[Event | str], deltas: list[MessageDelta]) -> None:
    assert all(delta.text for delta in read(*events) if isinstance(delta, Text))


def test_the_reader_knows_the_whole_text_and_the_end_mark() -> None:
    reader = AnswerReader()
    for event in said("One", **FINISHED), said("Tow", "2"), said("Two", "2"):
        reader.feed(event)
    assert (reader.text, reader.done) == ("OneTwo", False)
    reader.feed(Event(data="[DONE]"))
    assert (reader.text, reader.done) == ("OneTwo", True)


@pytest.mark.parametrize(
    ("events", "deltas"),
    [
        pytest.param([], [Failure("Internal Server Error")], id="instead of an answer"),
        pytest.param([said("a")], [Failure("Internal Server Error")], id="in the middle of an answer"),
        pytest.param([said("a", **FINISHED)], [], id="after the answer"),
        pytest.param([Event(data="[DONE]")], [], id="after the end mark"),
    ],
)
def test_a_stray_line_is_a_failure_where_no_answer_ended(events: list[Event], deltas: list[MessageDelta]) -> None:
    reader = AnswerReader()
    for event in events:
        reader.feed(event)
    assert reader.close("Internal Server Error") == deltas


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        pytest.param('{"detail": "Unauthorized"}', Failure("Unauthorized"), id="a text"),
        pytest.param(
            '{"detail": {"message": "Expired", "code": "expired_session_key", "clears_in": 5}}',
            Failure("Expired", "expired_session_key"),
            id="an object",
        ),
        pytest.param('{"error": {"code": "x"}}', Failure("x", "x"), id="nothing but a code"),
        pytest.param('{"error": {"why": 1}}', Failure("{'why': 1}"), id="an object of no known shape"),
        pytest.param("{}", Failure("{}"), id="JSON that says nothing"),
        pytest.param(" Bad Gateway\n", Failure("Bad Gateway"), id="no JSON"),
    ],
)
def test_what_the_body_of_an_error_says(body: str, wanted: Failure) -> None:
    assert failure(body) == wanted


USER = {"role": "user", "content": "Hello"}


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        pytest.param([{"role": "user", "content": " Hé\n"}], " Hé\n", id="one message is sent as it is"),
        pytest.param([{"role": "system", "content": "x"}], "x", id="also when the system says it"),
        pytest.param(
            [{"role": "system", "content": "Be brief."}, USER, {"role": "assistant", "content": "Hi"}, USER],
            "System: Be brief.\nUser: Hello\nAssistant: Hi\nUser: Hello\nAssistant:",
            id="several have their roles",
        ),
    ],
)
def test_the_prompt(messages: list[dict[str, str]], text: str) -> None:
    assert prompt(messages) == text


@pytest.mark.parametrize(
    ("messages", "problem", "index"),
    [
        pytest.param([], "empty", None, id="none"),
        pytest.param([USER, {"role": "user"}], "no text under 'content'", 1, id="no content"),
        pytest.param([{"content": "x"}], "no text under 'role'", 0, id="no role"),
        pytest.param([{"role": "user", "content": None}], "no text under 'content'", 0, id="content that is no text"),
        pytest.param(["Hello"], "no text under 'role' in 'Hello'", 0, id="a bare text"),
    ],
)
def test_messages_that_cannot_be_sent(messages: list[Any], problem: str, index: int | None) -> None:
    with pytest.raises(BadMessages, match=problem) as raised:
        request_body(messages, message_id="m", parent_message_id="p")
    assert raised.value.index == index
    assert isinstance(raised.value, FakeGptTestkitError)
    assert isinstance(raised.value, ValueError)


def test_the_request_body_is_the_historical_clients() -> None:
    assert request_body([USER], model="m", message_id="1", parent_message_id="0") == (
        b'{"action": "next", "messages": [{"id": "1", "author": {"role": "user"}, "content": {"content_type": "text", '
        b'"parts": ["Hello"]}, "metadata": {}}], "parent_message_id": "0", "model": "m", "plugin_ids": [], '
        b'"timezone_offset_min": -120, "suggestions": [], "history_and_training_disabled": true, "arkose_token": "", '
        b'"force_paragen": false}'
    )
    assert b'"model": "text-davinci-002-render-sha"' in request_body([USER], message_id="1", parent_message_id="0")


class Named(TypedDict):
    name: str


class Sized(msgspec.Struct):
    size: int = 0


@pytest.mark.parametrize(
    ("data", "shape", "wanted"),
    [
        pytest.param('{"a": [1, null]}', dict, {"a": [1, None]}, id="a dict"),
        pytest.param("[1]", object, [1], id="anything"),
        pytest.param('{"name": "x", "more": 1}', Named, {"name": "x"}, id="a declared dict, other keys passed over"),
        pytest.param('{"size": 3, "more": 1}', Sized, Sized(3), id="a struct"),
        pytest.param('{"name": "a\\ud83d"}', Named, {"name": "a\ufffd"}, id="half of an escaped surrogate pair"),
        pytest.param('{"name": "\\ud83d\\ude00"}', Named, {"name": "😀"}, id="a whole one"),
        pytest.param("1" + "0" * 30, object, 10**30, id="a large number"),
    ],
)
def test_any_providers_json_is_read(data: str, shape: type[object], wanted: object) -> None:
    assert list(payloads([Event(data=data)], shape)) == [wanted]


def test_payloads_end_at_the_end_mark_and_pass_over_empty_events() -> None:
    stream = b"data: 1\n\ndata:\n\nevent: x\ndata: 2\n\ndata: [DONE]\n\ndata: 3\n\n"
    assert list(payloads(parse(stream), int)) == [1, 2]
    assert list(payloads(parse(stream[:9]), int)) == [1]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param("Internal Server Error", "malformed", id="no JSON"),
        pytest.param('{"size": 1', "truncated", id="cut off"),
        pytest.param('{"size": "1"}', r"got `str` - at `\$.size`", id="another shape"),
        pytest.param('"\ud83d"', "surrogates", id="half of a surrogate pair that is no escape"),
    ],
)
def test_a_payload_that_cannot_be_read_is_named(data: str, problem: str) -> None:
    read_so_far = []
    with pytest.raises(PayloadUnreadable, match=problem) as raised:
        for payload in payloads([Event(data='{"size": 1}'), Event(data=data)], Sized):
            read_so_far.append(payload)  # noqa: PERF402 - what came before the error counts
    assert read_so_far == [Sized(1)]
    assert raised.value.data == data
    assert isinstance(raised.value, FakeGptTestkitError)
    assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize("data", ["NaN", '{"size": NaN}', "[Infinity]", '["\\ud83d", -Infinity]', "[1e999]"])
def test_a_number_that_json_does_not_have_is_no_payload(data: str) -> None:
    with pytest.raises(PayloadUnreadable):
        list(payloads([Event(data=data)], object))


def test_a_payload_that_is_nested_too_deeply_is_named() -> None:
    with pytest.raises(PayloadUnreadable, match="recursion"):
        list(payloads([Event(data="[" * 100_000)], object))
