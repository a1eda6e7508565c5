"""Answers made up without a recording, played to the FakeGpt client and kept as a cassette."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support.playing import TapeDeck

from fakegpt_testkit import cassette as cassettes
from fakegpt_testkit import sse
from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.clients import insert
from fakegpt_testkit.dialects import ToolCall
from fakegpt_testkit.effects import apply, faults, is_scripted, script
from fakegpt_testkit.errors import EffectMisplaced, RequestNotRecorded, RequestPlayedOut
from fakegpt_testkit.fakegpt.provider import FakeGpt
from fakegpt_testkit.recorder import use_cassette

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fakegpt_testkit.exchange import Interaction, Tape

    Sent = str | bytes | Mapping[str, object] | sse.Event


@pytest.fixture
def client() -> type[FakeGpt]:
    class OneTest(FakeGpt):
        pass

    return OneTest


def deck(interactions: tuple[Interaction, ...]) -> TapeDeck:
    return TapeDeck([each.response for each in interactions])


async def ask(client: type[FakeGpt], prompt: str = "anything") -> list[str]:
    return [text async for text in client.create_async_generator("", [{"role": "user", "content": prompt}])]


async def test_a_script_is_a_whole_flow(client: type[FakeGpt]) -> None:
    with insert(deck(script("Hel", "lo"))):
        assert await ask(client) == ["Hel", "lo"]


async def test_two_answers_need_one_login(client: type[FakeGpt]) -> None:
    with insert(deck(script("one") + script("two", steps=["conversation"]))):
        assert await ask(client, "first") == ["one"]
        assert await ask(client, "second") == ["two"]


def stream(*interactions: Interaction) -> Tape:
    return interactions[-1].response


def test_events_are_sent_as_they_are() -> None:
    events: list[Sent] = [
        "plain",
        {"error": "no"},
        sse.Event("ping", "now"),
        b": a comment\n\n",
        "[DONE]",
    ]
    tape = stream(*script(events=events, every=0.05))
    assert [chunk.data for chunk in tape.chunks] == [
        b"data: plain\n\n",
        b'data: {"error": "no"}\n\n',
        b"event: ping\ndata: now\n\n",
        b": a comment\n\n",
        b"data: [DONE]\n\n",
    ]
    assert [chunk.at for chunk in tape.chunks] == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])
    assert tape.ending.at == tape.chunks[-1].at


def test_a_script_kept_as_a_cassette_is_the_same_script() -> None:
    made = script("Hel", "lo", every=0.1, url="https://chat.example/")
    kept = cassettes.loads(cassettes.dumps(Cassette(made)), "script.yaml").interactions
    assert kept == made
    assert all(map(is_scripted, kept))
    assert [each.request.uri for each in kept] == [
        f"https://chat.example{path}"
        for path in ("/api/loads?t=0", "/auth/login", "/api/auth/session", "/api/conversation")
    ]


async def test_faults_go_on_a_script(client: type[FakeGpt]) -> None:
    made = script("Hel", "lo")
    changed = tuple(apply([faults.drop(2)], each, index, 0) for index, each in enumerate(made))
    with insert(TapeDeck(changed)):
        assert await ask(client) == ["Hello"]


OPENAI = "https://api.openai.com/v1"


def asked(path: str = "/chat/completions") -> httpx.Response:
    return httpx.post(f"{OPENAI}{path}", json={"any": "thing"})


def test_several_turns_and_an_error_before_an_answer_are_each_one_line() -> None:
    turns = script(dialect="openai-chat", tool_calls=[ToolCall("now")]) + script("It is noon.", dialect="openai-chat")
    with use_cassette(turns, unplayed="fail") as session:
        asked(), asked()
        assert [stream.text or stream.tool_calls[0].name for stream in session.streams] == ["now", "It is noon."]
    with use_cassette(script("Hi", dialect="anthropic", url=OPENAI), faults=[faults.status(529).times(1)]) as session:
        first, second = asked("/v1/messages"), asked("/v1/messages")
        assert (first.status_code, first.json()["error"]["type"]) == (529, "overloaded_error")
        assert (second.status_code, session.streams[-1].text) == (200, "Hi")


def test_a_miss_says_that_it_is_a_script_and_not_how_to_record() -> None:
    with use_cassette(script("Hi", dialect="openai-chat")):
        asked()
        with pytest.raises(RequestPlayedOut) as again:
            asked()
        with pytest.raises(RequestNotRecorded) as other:
            asked("/responses")
    assert str(again.value) == (
        "POST /v1/chat/completions is in a script (1 interaction, 1 played), but scripted 1 time and played 1 time\n"
        "  to play the last one again: allow_playback_repeats=True\n"
        "  to answer one more: script(…) + script(…), one script for each request"
    )
    assert str(other.value).splitlines()[2:] == [
        "    path: scripted '/v1/chat/completions', asked '/v1/responses'",
        "  to answer it: script(…) + script(…), one script for each request",
    ]
    with (
        use_cassette(script("Hi", dialect="openai-chat", url="http://127.0.0.1:1/v1")),
        pytest.raises(RequestNotRecorded) as elsewhere,
    ):
        asked()
    assert str(elsewhere.value).splitlines()[-1] == (
        "  to answer it: script(…, dialect=…, url=…), the client's provider and its base URL"
    )


def test_a_dialect_that_the_stream_does_not_show_is_the_named_one() -> None:
    request = "POST https://gateway.example/ask"
    mute = script(events=[{"choices": [{"index": 0, "finish_reason": "stop"}]}, "[DONE]"], request=request)
    for dialect, reason in (("", None), ("openai-chat", "stop")):
        with use_cassette(mute, dialect=dialect) as session:
            httpx.post("https://gateway.example/ask")
        (stream,) = session.streams
        assert (stream.dialect, stream.finish_reason) == (dialect or "unknown", reason)


LOGOUT: Any = ["logout"]
NONSENSE = {
    "nothing to say": (lambda: script(), "one of texts and events"),
    "two ways to say it": (lambda: script("a", events=["b"]), "one of texts and events"),
    "back in time": (lambda: script("a", every=-1), "every must be 0 or more"),
    "no such step": (lambda: script("a", steps=LOGOUT), "there is no step 'logout'"),
}


@pytest.mark.parametrize(("make", "problem"), NONSENSE.values(), ids=NONSENSE.keys())
def test_a_script_that_means_nothing_is_told(make: Callable[[], object], problem: str) -> None:
    with pytest.raises(EffectMisplaced, match=problem):
        make()
