"""Every kind of difference between two recordings, with its severity; and what is no difference."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakegpt_testkit.drift import Severity, differences, worst
from fakegpt_testkit.provider import FakeGpt
from fakegpt_testkit.recorder import use_cassette
from fakegpt_testkit.tape import Chunk, Ending, EndingKind, Head, Interaction, Request, Tape
from fakegpt_testkit.upstream import Options, serve_in_thread

if TYPE_CHECKING:
    from pathlib import Path

STREAM = (("Content-Type", "text/event-stream"),)
JSON = (("Content-Type", "application/json"),)
ASKED = Request("POST", "https://a.example/ask")


def stream(*events: object, headers: tuple[tuple[str, str], ...] = STREAM) -> Interaction:
    """A stream of one chunk per event; text as it is, anything else as JSON."""
    texts = [each if isinstance(each, str) else f"data: {json.dumps(each)}\n\n" for each in events]
    return Interaction(ASKED, Tape(Head(200, "OK", headers), tuple(Chunk(0, text.encode()) for text in texts)))


def answer(value: object, headers: tuple[tuple[str, str], ...] = JSON, status: int = 200) -> Interaction:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Interaction(ASKED, Tape(Head(status, "OK", headers), (Chunk(0, body),)))


def spoken(text: str, **more: object) -> dict[str, object]:
    return {"message": {"id": "1", "author": {"role": "assistant"}, "content": {"parts": [text]}, **more}}


DONE = "data: [DONE]\n\n"
PING = "event: ping\ndata: now\n\n"
DIFFERENT: list[Any] = [
    pytest.param(stream({"a": 1}), stream({"a": 2}), "HARMLESS", "1 events, now 1", id="another value"),
    pytest.param(
        stream(spoken("one two")), stream(spoken("one three")), "HARMLESS", "from character 6 on", id="another text"
    ),
    pytest.param(
        stream({"a": 1}), stream({"a": 1}, PING), "HARMLESS", "a new kind of event comes: ping", id="a ping more"
    ),
    pytest.param(stream({"a": 1}, PING), stream({"a": 1}), "HARMLESS", "kind ping comes any more", id="a ping less"),
    pytest.param(stream({"a": [1]}), stream({"a": []}), "HARMLESS", "differ in their values", id="an empty list"),
    pytest.param(stream({"a": []}), stream({"a": [{"b": 1}]}), "HARMLESS", "in their values", id="no empty list"),
    pytest.param(stream({"a": 1}), stream({"a": 1, "b": {"c": 2}}), "ADDED", "new fields: b", id="a new field"),
    pytest.param(stream({"a": None}), stream({"a": "x"}), "ADDED", "null, now also text", id="a null that is filled"),
    pytest.param(stream({"a": 1}), stream({"a": 1}, spoken("x")), "ADDED", "comes: message of assistant", id="a role"),
    pytest.param(
        stream({"type": "start"}),
        stream({"type": "start"}, {"type": "tool"}),
        "ADDED",
        "a new kind of event comes: tool",
        id="a new type of event",
    ),
    pytest.param(stream({"a": 1, "b": {"c": 2}}), stream({"a": 1}), "BROKEN", "fields gone: b", id="a part gone"),
    pytest.param(stream({"a": 1, "b": 2}), stream({"a": 1}), "BROKEN", "fields gone: b", id="a field gone"),
    pytest.param(
        stream(*[{"a": 1, "b": 2}] * 3),
        stream({"a": 1, "b": 2}, {"a": 1}),
        "BROKEN",
        "b was always there, and is missing in some",
        id="a field that is missing sometimes",
    ),
    pytest.param(stream({"a": 1}), stream({"a": "1"}), "BROKEN", "number, now also text", id="another type"),
    pytest.param(stream({"a": True}), stream({"a": 1}), "BROKEN", "boolean, now also number", id="a truth no more"),
    pytest.param(stream({"a": 1}, DONE), stream({"a": 1}), "BROKEN", "kind [DONE]", id="no end mark"),
    pytest.param(stream({"a": 1}), stream({"a": 1}, "data: ha"), "BROKEN", "after the last whole event", id="half"),
    pytest.param(stream("data: text\n\n"), stream({"a": 1}), "BROKEN", "the kind plain text", id="no text any more"),
    pytest.param(stream("data: [1]\n\n"), stream("data: [2]\n\n"), "HARMLESS", "values", id="JSON without fields"),
    pytest.param(stream({"a": 1}), answer({"a": 1}), "BROKEN", "content type text/event-stream", id="no stream"),
    pytest.param(answer({"a": 1}), answer({"a": 2}), "HARMLESS", "the body has other values", id="another body"),
    pytest.param(answer({"a": 1}), answer({}), "BROKEN", "the body: fields gone: a", id="a field of the body gone"),
    pytest.param(answer({"a": 1}), answer(b"<html>"), "BROKEN", "JSON or not", id="a page in place of JSON"),
    pytest.param(answer(b"one"), answer(b"two"), "HARMLESS", "the body differs", id="another text body"),
    pytest.param(answer({}), answer({}, status=500), "BROKEN", "status 200, now 500", id="another status"),
    pytest.param(answer({}, (*JSON, ("A", "1"))), answer({}), "HARMLESS", "headers gone: a", id="a header gone"),
    pytest.param(answer({}), answer({}, (*JSON, ("A", "1"))), "HARMLESS", "new headers: a", id="a header more"),
    pytest.param(
        answer({}, (*JSON, ("Set-Cookie", "a=1"))), answer({}), "BROKEN", "set-cookie is gone", id="no cookie any more"
    ),
]


@pytest.mark.parametrize(("old", "new", "severity", "text"), DIFFERENT)
def test_each_difference_has_its_severity(old: Interaction, new: Interaction, severity: str, text: str) -> None:
    found = differences([old], [new])
    assert worst(found) is Severity[severity]
    assert any(each.severity is Severity[severity] and text in each.text for each in found), found
    assert {(each.number, each.where) for each in found} == {(1, "POST /ask")}


@pytest.mark.parametrize("one", [case.values[0] for case in DIFFERENT], ids=[case.id for case in DIFFERENT])
def test_a_recording_is_the_same_as_itself(one: Interaction) -> None:
    assert differences([one], [one]) == []
    assert worst([]) is Severity.SAME


def test_cuts_and_times_are_no_difference() -> None:
    old = stream(spoken("Hello"), DONE)
    chunks = tuple(Chunk(0.5 * at, old.response.body[at : at + 1]) for at in range(len(old.response.body)))
    assert differences([old], [replace(old, response=replace(old.response, chunks=chunks))]) == []


def test_another_ending_is_broken() -> None:
    old = stream({"a": 1})
    new = replace(old, response=replace(old.response, ending=Ending(EndingKind.RESET, 1.0)))
    (found,) = differences([old], [new])
    assert (found.severity, found.text) == (Severity.BROKEN, "the response ended as complete, now as reset")


def test_another_question_is_told() -> None:
    old, new = (replace(stream({"a": 1}), request=replace(ASKED, body=body)) for body in (b'{"q": 1}', b'{"q": 2}'))
    (found,) = differences([old], [new])
    assert (found.severity, found.text) == (Severity.HARMLESS, "the question differs in body.q: 1, now 2")


def test_requests_are_compared_with_their_like_and_the_rest_is_gone_or_new() -> None:
    get = replace(answer({}), request=Request("GET", "https://a.example/other"))
    first, second = stream({"a": 1}), stream({"b": 1})
    found = differences([first, get, second], [second, first, replace(get, request=Request("PUT", "https://a/new"))])
    said = {(each.severity.name, each.number, each.where, each.text) for each in found}
    assert ("BROKEN", 2, "GET /other", "the request is gone") in said
    assert ("ADDED", 3, "PUT /new", "the request is new") in said
    assert ("BROKEN", 1, "POST /ask", "no event of the kind with a comes any more") in said
    assert ("BROKEN", 3, "POST /ask", "no event of the kind with b comes any more") in said


def test_many_names_are_cut_short() -> None:
    (found, *_) = differences([stream({f"f{at:02}": 1 for at in range(10)})], [stream("data: x\n\n")])
    assert found.text.endswith("f00, f01, f02, f03, f04, f05, f06, f07 and 2 more comes any more")


@pytest.mark.parametrize(
    ("options", "severity"),
    [
        pytest.param(Options(seed=1), Severity.HARMLESS, id="other ids, tokens and text"),
        pytest.param(Options(noise=frozenset({"moderation"})), Severity.ADDED, id="a verdict"),
        pytest.param(Options(ending="unmarked"), Severity.BROKEN, id="no end mark"),
        pytest.param(Options(ending="cut", events=5), Severity.BROKEN, id="a broken stream"),
    ],
)
async def test_what_a_service_changes_is_found(tmp_path: Path, options: Options, severity: Severity) -> None:
    old = await recorded(tmp_path / "old.yaml", Options(cuts="random"))
    assert worst(differences(old, await recorded(tmp_path / "new.yaml", options))) is severity


async def recorded(path: Path, options: Options) -> tuple[Interaction, ...]:
    with serve_in_thread(options) as service, use_cassette(path, record_mode="all") as session:
        provider = type("Provider", (FakeGpt,), {"url": service.url})
        try:
            await provider.create_async("", [{"role": "user", "content": "Say hello"}])
        except Exception:
            assert options.ending != "done"
        return session.recorded
