"""Drift, faults, cuts and sweeps over streams of every framing and dialect."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from support import dialect_streams as said

from fakegpt_testkit.dialects import framing_of_tape
from fakegpt_testkit.drift import Severity, differences
from fakegpt_testkit.effects import faults, recut
from fakegpt_testkit.errors import EffectMisplaced
from fakegpt_testkit.exchange import Chunk, Ending, Head, Interaction, Request, Tape
from fakegpt_testkit.framing import Framing, cut, framing_of, split
from fakegpt_testkit.timeline import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.drift import Difference
    from fakegpt_testkit.effects import Effect

pytestmark = pytest.mark.once


def recorded(body: bytes, *, label: str = "application/octet-stream") -> Interaction:
    head = Head(200, "OK", (("Content-Type", label), ("Transfer-Encoding", "chunked")))
    tape = Tape(head, (Chunk(0.5, body, (len(body),)),), Ending(at=1.0))
    return Interaction(Request("POST", "https://llm.example/ask"), tape)


BODIES = {
    "openai-chat": said.OPENAI_CHAT,
    "openai-responses": said.OPENAI_RESPONSES,
    "anthropic": said.ANTHROPIC,
    "gemini": said.GEMINI,
    "gemini as an array": said.GEMINI_ARRAY,
    "ollama": said.OLLAMA,
    "cohere": said.COHERE,
    "bedrock": said.CONVERSE,
}


def events_of(interaction: Interaction) -> list[tuple[str, str]]:
    return [(event.event, event.data) for event in Stream(interaction).events]


# --- drift ---


def found(old: bytes, new: bytes) -> list[Difference]:
    return differences([recorded(old)], [recorded(new)])


def lines_of(chat: bool, *pieces: str, finish: str = "stop", **more: object) -> bytes:
    if not chat:
        texts = [{**said.said(content=piece), **more} for piece in pieces]
        return said.lines(*texts, {**said.said(True, content=""), **more, "done_reason": finish, "eval_count": 5})
    chunks = [{**said.chat({"content": piece}), **more} for piece in pieces]
    return said.sse(*chunks, {**said.chat({}, finish), **more}, "[DONE]")


SAME: dict[str, tuple[bytes, bytes]] = {
    "nothing": (said.ANTHROPIC, said.ANTHROPIC),
    "ids, times and fingerprints": (
        lines_of(True, "Hi", id="c1", created=1, system_fingerprint="a"),
        lines_of(True, "Hi", id="c2", created=2, system_fingerprint="b"),
    ),
    "padding": (lines_of(True, "Hi", obfuscation="abc"), lines_of(True, "Hi")),
    "how the text is cut": (lines_of(True, "Hel", "lo"), lines_of(True, "H", "e", "llo")),
    "times of JSON lines": (lines_of(False, "Hi", created_at="a"), lines_of(False, "Hi", created_at="b")),
    "how JSON lines are cut": (lines_of(False, "Hel", "lo"), lines_of(False, "Hello")),
    "how often a ping comes": (
        said.ANTHROPIC,
        said.ANTHROPIC.replace(b'event: ping\ndata: {"type": "ping"}\n\n', b""),
    ),
    "the padding of frames": (said.CONVERSE, said.CONVERSE[: -len(said.frame(*said.CONVERSE_EVENTS[-1]))] + said.frame(
        "metadata", {"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}, "metrics": {"latencyMs": 9}})),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new"), SAME.values(), ids=SAME.keys())
def test_what_is_another_value_each_time_is_no_drift(old: bytes, new: bytes) -> None:
    assert [each for each in found(old, new) if "ping" not in each.text] == []


BROKEN: dict[str, tuple[bytes, bytes, str]] = {
    "a field of JSON lines gone": (
        lines_of(False, "Hi"),
        lines_of(False, "Hi").replace(b'"role": "assistant", ', b""),
        "fields gone: message.role",
    ),
    "another type in JSON lines": (
        lines_of(False, "Hi"),
        lines_of(False, "Hi").replace(b'"model": "m"', b'"model": 1'),
        "model is of another type",
    ),
    "a field of chunks gone": (
        lines_of(True, "Hi"),
        lines_of(True, "Hi").replace(b'"model": "m", ', b""),
        "fields gone: model",
    ),
    "another finish word": (lines_of(True, "Hi"), lines_of(True, "Hi", finish="length"), "now with 'length'"),
    "no end any more": (
        said.OLLAMA,
        b"".join(said.OLLAMA.splitlines(keepends=True)[:-1]),
        "no longer comes to its end",
    ),
    "an error event": (
        lines_of(False, "Hi"),
        said.lines(said.said(content="Hi"), {"error": "out of memory"}),
        "the service reports an error: out of memory",
    ),
    "a field of a frame gone": (
        said.frames(("messageStart", {"role": "assistant"}), ("messageStop", {"stopReason": "x"})),
        said.frames(("messageStart", {}), ("messageStop", {"stopReason": "x"})),
        "fields gone: role",
    ),
    "another dialect": (said.OPENAI_CHAT, said.ANTHROPIC, "are now those of anthropic"),
    "no stream any more": (said.OLLAMA, b'{"error": "no"}', "no longer is a stream"),
}


def garbled(name: str) -> bytes:
    """The answer with an event in its midst that nobody can read, in its framing."""
    framing = framing_of(BODIES[name])
    assert framing is not None
    before, event, *after = cut_in_three(split(BODIES[name], framing))
    unread = {
        Framing.SSE: event.replace(b"data: {", b"data: {oops"),
        Framing.JSON_LINES: b"{oops" + event,
        Framing.JSON_ARRAY: event.replace(b'"candidates"', b"oops", 1),
        Framing.AMAZON: event[:-4] + b"oops",
    }
    return before + unread[framing] + b"".join(after)


def cut_in_three(pieces: list[bytes]) -> tuple[bytes, bytes, bytes]:
    middle = len(pieces) // 2
    return b"".join(pieces[:middle]), pieces[middle], b"".join(pieces[middle + 1 :])


@pytest.mark.parametrize("name", BODIES)
def test_what_could_not_be_read_is_broken_in_every_framing(name: str) -> None:
    whole, unread = BODIES[name], garbled(name)
    assert max(each.severity for each in found(whole, unread)) is Severity.BROKEN
    other = whole[: len(whole) - 20], whole[: len(whole) - 25]
    assert other[0] != other[1], "both are cut off, each elsewhere"
    assert max(each.severity for each in found(*other)) is Severity.BROKEN


UNREAD = {
    "no JSON, twice": ("application/json", b"{oops", b"{oops and more"),
    "no events, twice": ("text/event-stream", b"<html>one", b"<html>two"),
    "no frames, twice": ("application/vnd.amazon.eventstream", b"junk" * 5, b"trash" * 4),
    "no lines, twice": ("application/x-ndjson", b"junk", b"trash"),
}


@pytest.mark.parametrize(("label", "old", "new"), UNREAD.values(), ids=UNREAD.keys())
def test_two_answers_of_which_none_can_be_read_are_not_harmlessly_other(label: str, old: bytes, new: bytes) -> None:
    (only,) = differences([recorded(old, label=label)], [recorded(new, label=label)])
    assert (only.severity, "cannot be read" in only.text or "can be read" in only.text) == (Severity.BROKEN, True)
    assert differences([recorded(old, label=label)], [recorded(old, label=label)]) == []


@pytest.mark.parametrize(("old", "new", "text"), BROKEN.values(), ids=BROKEN.keys())
def test_what_a_client_would_trip_over_is_broken_in_every_framing(old: bytes, new: bytes, text: str) -> None:
    differences_found = found(old, new)
    assert any(each.severity is Severity.BROKEN and text in each.text for each in differences_found), differences_found


def array(*events: said.Json) -> bytes:
    return b"[" + b"\n,\r\n".join(json.dumps(event).encode() for event in events) + b"\n]\n"


def framed(*events: said.Json) -> bytes:
    return said.frames(*((event["type"], event["data"]) for event in events))


NO = {"error": {"code": 503, "message": "no"}}
FRAMED: dict[str, tuple[Callable[..., bytes], list[said.Json], str, Any]] = {
    "server-sent events": (said.sse, [*said.GEMINI_EVENTS], "role", said.sse(NO)),
    "an array": (array, [*said.GEMINI_EVENTS], "role", NO),
    "lines": (said.lines, [*map(json.loads, said.OLLAMA.splitlines())], "role", said.lines({"error": "no"})),
    "frames": (
        framed,
        [{"type": name, "data": value} for name, value in said.CONVERSE_EVENTS],
        "contentBlockIndex",
        said.frame("throttlingException", {"message": "no"}, "exception"),
    ),
    "frames of wrapped events": (
        said.wrapped,
        [*said.ANTHROPIC_EVENTS],
        "index",
        said.wrapped({"type": "error", "error": {"type": "overloaded_error", "message": "no"}}),
    ),
}


def without(value: Any, key: str, put: object = None) -> Any:
    """The JSON without this key, wherever it stands; or with another value of it."""
    if isinstance(value, dict):
        kept = {name: without(each, key, put) for name, each in value.items() if name != key or put is not None}
        return {**kept, key: put} if put is not None and key in kept else kept
    return [without(each, key, put) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", FRAMED)
def test_a_field_gone_another_type_another_ending_and_an_error_are_broken_in_every_framing(name: str) -> None:
    make, events, key, error = FRAMED[name]
    whole = make(*events)
    assert Stream(recorded(whole)).ended_properly
    ending = next(number for number, kind in enumerate(Stream(recorded(whole)).order) if kind in ("end", "done"))
    broken = {
        "gone": make(*without(events, key)),
        "of another type": make(*without(events, key, {"a": 1})),
        "no longer comes to its end": make(*events[:ending]),
        "the service reports an error: no": make(*events[:2]) + error
        if name != "an array"
        else make(*events[:2], error),
    }
    for text, body in broken.items():
        worst = [each.text for each in found(whole, body) if each.severity is Severity.BROKEN]
        assert any(text in each for each in worst), (text, found(whole, body))


def test_another_text_and_other_calls_are_harmless() -> None:
    told = found(lines_of(False, "Hello you"), lines_of(False, "Hello me"))
    assert [(each.severity, each.text) for each in told] == [
        (Severity.HARMLESS, "the answer's text differs: from character 7 on, 'Hello you', now 'Hello me'")
    ]
    other = said.OLLAMA.replace(b'"Paris"', b'"Rome"').replace(b'"hm"', b'"oh"')
    assert [(each.severity, each.text) for each in found(said.OLLAMA, other)] == [
        (Severity.HARMLESS, "the calls of tools differ: get_weather, now get_weather"),
        (Severity.HARMLESS, "the answer's reasoning differs: from character 1 on, 'hm', now 'oh'"),
    ]


# --- effects ---


@pytest.mark.parametrize("name", BODIES)
def test_a_sweep_finds_every_event_in_every_framing(name: str) -> None:
    label = "application/x-ndjson" if name == "ollama" else "text/plain"  # one line alone is told by nothing else
    interaction = recorded(BODIES[name], label=label)
    count = len(Stream(interaction).events)
    swept = faults.everywhere(faults.reset).over([interaction])
    assert len(swept) == count > 4
    for number, fault in enumerate(swept, 1):
        cut_off = Interaction(interaction.request, fault(interaction.response))
        assert events_of(cut_off) == events_of(interaction)[:number]


def test_a_sweep_over_what_has_no_events_is_an_error() -> None:
    plain = recorded(b'{"choices": []}', label="application/json")
    with pytest.raises(EffectMisplaced, match="no answer of the recording has events; it holds POST /ask"):
        faults.everywhere(faults.reset).over([plain])
    with pytest.raises(EffectMisplaced, match="it holds nothing"):
        faults.everywhere(faults.reset).over([])


@pytest.mark.parametrize("name", BODIES)
def test_a_body_can_be_cut_at_its_events(name: str) -> None:
    interaction = recorded(BODIES[name])
    tape = recut("event")(interaction.response)
    framing = framing_of_tape(tape)
    assert framing is not None
    assert tape.body == interaction.response.body
    assert len(tape.chunks) - len(cut(tape.body, framing).events) in (0, 1)


def half(data: str) -> str:
    return data[: (len(data.encode()) + 1) // 2]


CHANGES: dict[str, tuple[Callable[[int], Effect], Callable[[str], str]]] = {
    "bad_json": (faults.bad_json, half),
    "huge": (lambda event: faults.huge(event, size=3000), lambda data: data.ljust(3000)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", [name for name in BODIES if name != "gemini as an array"])
def test_the_data_of_an_event_is_changed_in_every_framing_and_the_others_stay(name: str, change: str) -> None:
    fault, expected = CHANGES[change]
    interaction = recorded(BODIES[name])
    before = events_of(interaction)
    after = events_of(Interaction(interaction.request, fault(3)(interaction.response)))
    wanted = expected(before[2][1])
    assert after == [*before[:2], (before[2][0], wanted.strip() if name == "ollama" else wanted), *before[3:]]


@pytest.mark.parametrize("name", [name for name in BODIES if name != "gemini as an array"])
def test_events_are_left_out_repeated_and_swapped_in_every_framing(name: str) -> None:
    interaction = recorded(BODIES[name])
    before = events_of(interaction)

    def changed(fault: Effect) -> list[tuple[str, str]]:
        return events_of(Interaction(interaction.request, fault(interaction.response)))

    assert changed(faults.drop(2)) == [before[0], *before[2:]]
    assert changed(faults.repeat(2)) == [*before[:2], *before[1:]]
    assert changed(faults.swap(2, 3)) == [before[0], before[2], before[1], *before[3:]]


def test_an_array_is_broken_within_its_element() -> None:
    interaction = recorded(said.GEMINI_ARRAY)
    after = events_of(Interaction(interaction.request, faults.huge(2, size=3000)(interaction.response)))
    assert [json.loads(data) for _, data in after] == list(said.GEMINI_EVENTS)
