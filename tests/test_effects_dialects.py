"""Effects that say something else, or something more, do it in the dialect and the framing of what was recorded."""

from __future__ import annotations

import json
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import pytest
from support import dialect_streams as given

from fakegpt_testkit import framing
from fakegpt_testkit.dialects import ToolCall, framing_of_tape
from fakegpt_testkit.dialects.writing import WRITERS
from fakegpt_testkit.effects import faults, script
from fakegpt_testkit.errors import EffectMisplaced
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Interaction, Request, Tape
from fakegpt_testkit.framing import Framing
from fakegpt_testkit.timeline import Stream

if TYPE_CHECKING:
    from fakegpt_testkit.effects import Effect
    from fakegpt_testkit.sse import Event

pytestmark = pytest.mark.once

RECORDED = {
    "openai-chat": given.OPENAI_CHAT,
    "openai-responses": given.OPENAI_RESPONSES,
    "anthropic": given.ANTHROPIC,
    "gemini": given.GEMINI,
    "gemini array": given.GEMINI_ARRAY,
    "ollama": given.OLLAMA,
    "cohere": given.COHERE,
    "converse": given.CONVERSE,
    "invoke": given.INVOKE,
}
every_recording = pytest.mark.parametrize("name", RECORDED)
every_writer = pytest.mark.parametrize("dialect", WRITERS)
SITE = "https://llm.example"


def recorded(body: bytes) -> Interaction:
    """The body, an event a tenth of a second, its ending a loss of the connection."""
    bare = Tape(Head(200, "OK", (("Transfer-Encoding", "chunked"),)), (Chunk(0.0, body),))
    pieces = framing.split(body, framing_of_tape(bare) or Framing.SSE)
    chunks = tuple(Chunk(number / 10, piece, (len(piece),)) for number, piece in enumerate(pieces))
    return Interaction(Request("POST", SITE), Tape(bare.head, chunks, Ending(EndingKind.RESET, 9.0)))


def changed(interaction: Interaction, effect: Effect) -> Stream:
    return Stream(Interaction(interaction.request, effect(interaction.response)))


def ids(events: tuple[Event, ...]) -> list[object]:
    return [
        [said.get(key) for key in ("id", "model", "created", "created_at", "responseId")]
        for event in events
        if event.data.startswith("{")
        for said in [json.loads(event.data)]
    ]


def outside(stream: Stream) -> tuple[str, str]:
    frames = framing.cut(stream.interaction.response.body, stream.framing or Framing.SSE)
    return frames.stray, frames.unfinished


TEXTS = ["another text, with a word for each", "", "ä"]


@pytest.mark.parametrize("text", TEXTS, ids=["long", "none", "short"])
@every_recording
def test_a_recorded_answer_says_another_text_at_the_same_times(name: str, text: str) -> None:
    interaction = recorded(RECORDED[name])
    before, after = Stream(interaction), changed(interaction, faults.said(text))
    assert (after.text, after.reasoning, after.tool_calls) == (text, before.reasoning, before.tool_calls)
    assert (after.event_times, after.ending, after.usage) == (before.event_times, before.ending, before.usage)
    assert (ids(after.events), after.finish_reason) == (ids(before.events), before.finish_reason)
    if text == TEXTS[0]:
        assert len(after.deltas) == len(before.deltas)
        assert before.text not in after.interaction.response.body.decode("utf-8", "replace")


CALLS = (ToolCall("look_up", {"word": "ä"}), ToolCall("stop"), ToolCall("go", '{"to": 1}', "my-id"))


@pytest.mark.parametrize("count", [1, 3])
@every_recording
def test_a_recorded_answer_makes_other_calls_in_place_of_its_own(name: str, count: int) -> None:
    interaction = recorded(RECORDED[name])
    before, after = Stream(interaction), changed(interaction, faults.called(*CALLS[:count]))
    assert [(call.name, json.loads(call.arguments)) for call in after.tool_calls] == [
        (call.name, json.loads(call.arguments)) for call in CALLS[:count]
    ]
    assert (after.text, after.deltas, after.reasoning) == (before.text, before.deltas, before.reasoning)
    assert after.finish_reason == before.finish_reason  # these answers called tools before
    assert (after.ending, after.usage) == (before.ending, before.usage)
    assert list(after.event_times) == sorted(after.event_times)
    if before.tool_calls[0].id:
        assert after.tool_calls[0].id == before.tool_calls[0].id
    if count == 3 and name != "gemini array":
        assert after.tool_calls[2].id == "my-id"


FINISHES = {
    "openai-chat": "tool_calls",
    "openai-responses": "completed",
    "anthropic": "tool_use",
    "gemini": "STOP",
    "ollama": "stop",
    "cohere": "TOOL_CALL",
    "bedrock": "tool_use",
    "bedrock-invoke": "tool_use",
}


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "plain"])
@every_writer
def test_an_answer_of_text_alone_calls_tools_after_it(dialect: str, stream: bool) -> None:
    (interaction,) = script("Hel", "lo", dialect=dialect, stream=stream)
    after = changed(interaction, faults.called(*CALLS[:2]))
    assert [call.name for call in after.tool_calls] == ["look_up", "stop"]
    assert (after.text, after.finish_reason, after.ended_properly) == ("Hello", FINISHES[dialect], True)
    said = changed(Interaction(interaction.request, after.interaction.response), faults.said("Bye"))
    assert (said.text, [call.name for call in said.tool_calls]) == ("Bye", ["look_up", "stop"])


def test_the_blocks_and_events_of_a_changed_answer_are_numbered_in_order() -> None:
    call = ToolCall("get_weather", {"city": "Paris"})
    (interaction,) = script("Hel", "lo", dialect="openai-responses", reasoning="hm", tool_calls=[call])
    after = changed(interaction, faults.called(*CALLS))
    told = [json.loads(event.data) for event in after.events]
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    added = [event["output_index"] for event in told if event["type"] == "response.output_item.added"]
    assert added == list(range(len(added)))
    output = told[-1]["response"]["output"]
    assert [item["name"] for item in output if item["type"] == "function_call"] == ["look_up", "stop", "go"]
    after = changed(recorded(given.ANTHROPIC), faults.called(*CALLS))
    begun = [json.loads(event.data) for event in after.events if event.event == "content_block_start"]
    assert [event["index"] for event in begun] == list(range(len(begun)))


def test_fakegpt_says_another_text_so_far_in_each_event() -> None:
    interaction = script("Hel", "lo ", "there", every=0.5)[-1]
    after = changed(interaction, faults.said("twelve words"))
    assert (after.text, len(after.deltas)) == ("twelve words", 3)
    assert after.event_times == Stream(interaction).event_times
    with pytest.raises(EffectMisplaced, match="no call can be written in fakegpt"):
        faults.called(CALLS[0])(interaction.response)


UNSAYABLE: dict[str, tuple[Tape, Effect, str]] = {
    "no text": (script(dialect="anthropic", tool_calls=CALLS)[0].response, faults.said("x"), "has no text"),
    "unknown": (
        script(events=["{}"], request=f"POST {SITE}")[0].response,
        faults.said("x"),
        "nothing is known of how unknown says it",
    ),
    "arguments": (
        script("Hi", dialect="gemini")[0].response,
        faults.called(ToolCall("a", "{")),
        "arguments of a call are no JSON",
    ),
    "comment": (script("Hi", dialect="ollama")[0].response, faults.comment("x", 1), "JSON lines has no comments"),
    "usage": (script("Hi", dialect="cohere")[0].response, faults.usage(1, 2, 1), "cohere has no event of its own"),
    "silence": (script("Hi", dialect="cohere")[0].response, faults.heartbeat(every=1), "there is no silence of 1 s"),
}


@pytest.mark.parametrize(("tape", "effect", "words"), UNSAYABLE.values(), ids=UNSAYABLE.keys())
def test_what_cannot_be_said_is_an_error_that_names_it(tape: Tape, effect: Effect, words: str) -> None:
    with pytest.raises(EffectMisplaced, match=words):
        effect(tape)


NEW = {"a_new_thing": 1}


@every_recording
def test_an_event_can_be_put_anywhere(name: str) -> None:
    interaction = recorded(RECORDED[name])
    before = Stream(interaction)
    for place in range(len(before.events) + 1):
        told: Any = {"chunk": {"bytes": "e30="}} if name == "invoke" else {"news": NEW} if name == "converse" else NEW
        after = changed(interaction, faults.insert(told, place))
        assert len(after.events) == len(before.events) + 1
        assert [*after.events[:place], *after.events[place + 1 :]] == list(before.events)
        assert (after.text, outside(after)) == (before.text, outside(before))
        if place:
            assert after.event_times[place] == before.event_times[place - 1]
    if name == "gemini array":
        assert json.loads(after.interaction.response.body)[-1] == NEW


@every_recording
def test_a_heartbeat_changes_nothing_of_what_was_said(name: str) -> None:
    interaction = recorded(RECORDED[name])
    before = Stream(interaction)
    places = range(len(before.events) + 1)
    for after in [
        *(changed(interaction, faults.heartbeat(place)) for place in places),
        changed(interaction, faults.heartbeat(every=0.03)),
    ]:
        assert len(after.interaction.response.body) > len(before.interaction.response.body)
        assert (after.text, after.tool_calls, after.usage) == (before.text, before.tool_calls, before.usage)
        assert (after.error, after.dialect, outside(after)) == (None, before.dialect, outside(before))


def test_a_heartbeat_comes_in_each_silence() -> None:
    (interaction,) = script("Hel", "lo", dialect="openai-chat", every=1.0)
    tape = faults.heartbeat(every=0.4)(interaction.response)
    assert [chunk.at for chunk in tape.chunks[:7]] == [0.0, 0.4, 0.8, 1.0, 1.4, 1.8, 2.0]
    assert tape.chunks[1].data == b": keep-alive\n\n"


def test_what_is_put_after_a_time_comes_at_that_time() -> None:
    (interaction,) = script("Hel", "lo", dialect="openai-chat", every=1.0)
    after = changed(interaction, faults.usage(9, 8, after_seconds=1.5))
    assert after.event_times[2] == 1.5
    after = changed(interaction, faults.comment("two\nlines", after_seconds=99.0))
    assert (after.interaction.response.chunks[-1], after.interaction.response.ending.at) == (
        Chunk(99.0, b": two\n: lines\n\n", (15,)),
        99.0,
    )


@pytest.mark.parametrize("dialect", [name for name in WRITERS if name != "cohere"])
def test_usage_is_told_where_it_is_put(dialect: str) -> None:
    (interaction,) = script("Hel", "lo", dialect=dialect)
    first = Stream(interaction).order.index("text") + 1
    after = changed(interaction, faults.usage(12, 5, first))
    told = after.usage
    assert told is not None
    assert told.input_tokens == 12
    assert told.output_tokens in (5, 0)  # Anthropic's end tells it again
    assert (after.text, after.ended_properly) == ("Hello", True)


def test_an_array_stays_one_whatever_is_done_to_its_elements() -> None:
    interaction = recorded(given.GEMINI_ARRAY)
    told = json.loads(given.GEMINI_ARRAY)
    count = len(told)
    for number in range(1, count + 1):
        rest = [*told[: number - 1], *told[number:]]
        assert json.loads(faults.drop(number)(interaction.response).body) == rest
        again = [*told[:number], told[number - 1], told[number - 1], *told[number:]]
        assert json.loads(faults.repeat(number, times=2)(interaction.response).body) == again
    for first in range(1, count):
        swapped = [*told]
        swapped[first - 1], swapped[-1] = told[-1], told[first - 1]
        assert json.loads(faults.swap(first, count)(interaction.response).body) == swapped
    alone = recorded(b"[" + json.dumps(told[0]).encode() + b"]")
    assert json.loads(faults.drop(1)(alone.response).body) == []


def test_a_changed_body_is_cut_where_its_events_end() -> None:
    interaction = recorded(given.COHERE)
    tape = faults.called(CALLS[0])(interaction.response)
    ends = set(accumulate(len(chunk.data) for chunk in tape.chunks))
    assert ends >= set(accumulate(map(len, framing.split(tape.body, Framing.SSE))))
    assert all(chunk.ends == (len(chunk.data),) for chunk in tape.chunks)
