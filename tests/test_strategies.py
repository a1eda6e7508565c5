"""The strategies give what they promise, reach what readers trip over, and find the bug of a naive reader."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from fakegpt_testkit.dialects import Usage, dialect_of_events, read_events
from fakegpt_testkit.dialects.writing import WRITERS
from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.fakegpt.conversation import AnswerReader, NewMessage, Text
from fakegpt_testkit.framing import cut, framing_of
from fakegpt_testkit.sse import Event, encode, parse
from fakegpt_testkit.strategies import Conversation, answers, conversations, cuts, event_streams, events

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).resolve().parent.parent / "docs" / "strategies.md"


@settings(max_examples=100, deadline=None)
@given(event=events())
def test_every_event_can_be_written(event: Event) -> None:
    assert parse(encode(event)) == [event]


@pytest.mark.untraced
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_stream_holds_the_events_it_is_made_of(data: st.DataObject) -> None:
    made: list[Event] = []

    def noted(event: Event) -> Event:
        made.append(event)
        return event

    assert parse(data.draw(event_streams(events().map(noted)))) == made


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=100), data=st.data())
def test_the_pieces_joined_are_the_body(body: bytes, data: st.DataObject) -> None:
    assert b"".join(data.draw(cuts(body))) == body


REACH = settings(max_examples=3000, deadline=None, database=None, phases=[Phase.generate])

REACHED: dict[str, Callable[[bytes], bool]] = {
    "a BOM": lambda body: body.startswith(b"\xef\xbb\xbf"),
    "CR alone": lambda body: re.search(rb"\r[^\n]", body) is not None,
    "CRLF": lambda body: b"\r\n" in body,
    "a comment": lambda body: re.search(rb"(^|[\r\n]):", body) is not None,
    "no space after the colon": lambda body: re.search(rb"data:[^ ]", body) is not None,
    "data over several lines": lambda body: any("\n" in event.data for event in parse(body)),
    "U+2028": lambda body: any("\u2028" in event.data for event in parse(body)),
    "an id that is reset": lambda body: [bool(event.id) for event in parse(body)][:2] == [True, False],
    "a type": lambda body: any(event.event != "message" for event in parse(body)),
    "an event that is cut off": lambda body: body.endswith(b"cut"),
    "several events": lambda body: len(parse(body)) > 2,
}


@pytest.mark.untraced
@pytest.mark.once
@pytest.mark.parametrize("reached", REACHED.values(), ids=REACHED)
def test_streams_reach(reached: Callable[[bytes], bool]) -> None:
    find(event_streams(), reached, settings=REACH)


PIECES: dict[str, Callable[[list[bytes]], bool]] = {
    "an empty piece": lambda pieces: b"" in pieces,
    "single bytes": lambda pieces: len(pieces) == 12,
    "the whole": lambda pieces: len(pieces) == 1,
    "a cut at each place": lambda pieces: len(pieces) == 2 and len(pieces[0]) == 7,
}


@pytest.mark.once
@pytest.mark.parametrize("reached", PIECES.values(), ids=PIECES)
def test_cuts_reach(reached: Callable[[list[bytes]], bool]) -> None:
    find(cuts(b"data: hello\n"), reached, settings=REACH)


@settings(max_examples=100, deadline=None)
@given(answer=conversations(), data=st.data())
def test_an_answer_is_read_to_its_text_wherever_it_is_cut(answer: Conversation, data: st.DataObject) -> None:
    reader = AnswerReader()
    deltas = [delta for event in parse(data.draw(cuts(answer.body))) for delta in reader.feed(event)]
    texts = [delta.text for delta in deltas if isinstance(delta, Text)]
    assert all(texts)
    assert "".join(texts) == answer.text == reader.text
    assert reader.done


ANSWERS: dict[str, Callable[[Conversation], bool]] = {
    "a second message": lambda answer: any(
        isinstance(delta, NewMessage)
        for reader in [AnswerReader()]
        for event in parse(answer.body)
        for delta in reader.feed(event)
    ),
    "half an emoji": lambda answer: b"\\ufffd" in answer.body,
    "raw UTF-8": lambda answer: "😀".encode() in answer.body,
    "a ping": lambda answer: b"event: ping" in answer.body,
    "moderation": lambda answer: b"moderation_response" in answer.body,
    "an echo": lambda answer: b"The question" in answer.body,
    "a tool": lambda answer: b'"role": "tool"' in answer.body,
    "CR line ends": lambda answer: b"\r\r" in answer.body,
    "an empty last text": lambda answer: re.search(rb'\[""\]}, "status": "fin', answer.body) is not None,
}


@pytest.mark.once
@pytest.mark.parametrize("reached", ANSWERS.values(), ids=ANSWERS)
def test_answers_reach(reached: Callable[[Conversation], bool]) -> None:
    find(conversations(), reached, settings=REACH)


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)


def run(*code: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    for block in code:
        exec(block, namespace)
    return namespace


def quick(test: Callable[[], None]) -> Callable[[], None]:
    return settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))(test)


@pytest.mark.untraced
@pytest.mark.once
def test_the_documented_example_finds_the_naive_readers_bug() -> None:
    naive, test, fixed, _ = blocks()
    with pytest.raises((AssertionError, UnicodeDecodeError, ExceptionGroup)):
        quick(run(naive, test)["test_the_text_comes_out_whole"])()
    quick(run(fixed, test)["test_the_text_comes_out_whole"])()


def test_the_documented_example_of_whole_answers_runs() -> None:
    quick(run(blocks()[3])["test_the_answer_is_read"])()


@pytest.mark.parametrize("dialect", WRITERS)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_an_answer_in_a_dialect_says_what_it_is_said_to_say(dialect: str, data: st.DataObject) -> None:
    written = data.draw(answers(dialect))
    framing = framing_of(written.body, written.content_type)
    assert framing is not None
    events = cut(written.body, framing).events
    assert dialect_of_events(events).name == dialect.removesuffix("-invoke")
    answer = read_events(events, dialect_of_events(events))
    choice = answer.choices[0]
    assert (choice.deltas, choice.reasoning) == (written.said.texts, written.said.reasoning)
    assert [(call.name, json.loads(call.arguments)) for call in choice.tool_calls] == [
        (call.name, json.loads(call.arguments)) for call in written.said.tool_calls
    ]
    if written.said.usage is not None:
        assert answer.usage == Usage(*written.said.usage)
    assert answer.ended_at is not None


def test_answers_of_a_dialect_that_nobody_writes_are_an_error() -> None:
    with pytest.raises(BadSetting, match="one of openai-chat"):
        find(answers("nobody"), lambda _: True)
