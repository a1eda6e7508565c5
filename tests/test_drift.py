"""Every kind of difference between two recordings, with its severity; and what is no difference."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakegpt_testkit.drift import Difference, Drift, Severity, Unasked, check_threshold, differences, drift_of, worst
from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Interaction, Request, Tape
from fakegpt_testkit.fakegpt.provider import FakeGpt
from fakegpt_testkit.fakegpt.stand_in import Options, serve_in_thread
from fakegpt_testkit.matching import Rules
from fakegpt_testkit.recorder import use_cassette

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.once

STREAM = (("Content-Type", "text/event-stream"),)
JSON = (("Content-Type", "application/json"),)
TEXT = (("Content-Type", "text/plain"),)
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
    pytest.param(stream({"a": None}), stream({"a": "x"}), "ADDED", "null, now text", id="a null that is filled"),
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
    pytest.param(stream({"a": 1}), stream({"a": "1"}), "BROKEN", "number, now text", id="another type"),
    pytest.param(stream({"a": 1}), stream({"a": 1}, {"a": "1"}), "BROKEN", "now also text", id="another type too"),
    pytest.param(stream({"a": True}), stream({"a": 1}), "BROKEN", "boolean, now number", id="a truth no more"),
    pytest.param(stream({"a": 1}, DONE), stream({"a": 1}), "BROKEN", "kind [DONE]", id="no end mark"),
    pytest.param(stream({"a": 1}), stream({"a": 1}, "data: ha"), "BROKEN", "after the last whole event", id="half"),
    pytest.param(stream("data: text\n\n"), stream({"a": 1}), "BROKEN", "the kind plain text", id="no text any more"),
    pytest.param(stream("data: [1]\n\n"), stream("data: [2]\n\n"), "HARMLESS", "values", id="JSON without fields"),
    pytest.param(stream({"a": 1}), answer({"a": 1}), "BROKEN", "content type text/event-stream", id="no stream"),
    pytest.param(answer({"a": 1}), answer({"a": 2}), "HARMLESS", "the body has other values", id="another body"),
    pytest.param(answer({"a": 1}), answer({}), "BROKEN", "the body: fields gone: a", id="a field of the body gone"),
    pytest.param(answer({"a": 1}), answer(b"<html>"), "BROKEN", "JSON or not", id="a page in place of JSON"),
    pytest.param(answer(b"one", TEXT), answer(b"two", TEXT), "HARMLESS", "the body differs", id="another text body"),
    pytest.param(answer(b"one"), answer(b"two"), "BROKEN", "neither body can be read", id="no JSON, before and now"),
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


def asks(value: object, at: Interaction) -> Interaction:
    return replace(at, request=replace(ASKED, headers=JSON, body=json.dumps(value).encode()))


def test_equal_questions_are_compared_with_each_other_in_whatever_order_they_were_asked() -> None:
    one, two = asks({"q": 1}, stream({"a": 1})), asks({"q": 2}, stream({"b": 1}))
    assert differences([one, two], [two, one]) == []
    other = asks({"q": 3}, stream({"b": 1}))
    assert [each.text for each in differences([one, two], [other, one])] == ["the question differs in body.q: 2, now 3"]


def test_what_the_rules_ignore_is_no_other_question() -> None:
    old, new = (asks({"q": "same", "id": each}, stream({"a": 1})) for each in "xy")
    assert differences([old], [new], Rules(ignored=("body.id",))) == []


def test_an_id_of_the_clients_own_that_comes_back_is_no_difference() -> None:
    old, new = (
        asks({"asked": [{"id": each}]}, stream({"parent": each, "n": 1})) for each in ("abcdefgh-1", "abcdefgh-2")
    )
    (found,) = differences([old], [new])
    assert found.text.startswith("the question differs")


# --- a client that left before the end ---


def left(interaction: Interaction, kind: EndingKind = EndingKind.ABANDONED) -> Interaction:
    return replace(interaction, response=replace(interaction.response, ending=Ending(kind, 1.0)))


FULL = stream({"type": "x", "a": 1, "b": None}, {"type": "x", "a": 1, "b": 2, "c": 3}, {"type": "end"})
BEGUN = stream({"type": "x", "a": 1, "b": None}, "data: ha")


@pytest.mark.parametrize("kind", [EndingKind.ABANDONED, EndingKind.CANCELLED, EndingKind.KILLED])
def test_what_a_client_that_left_did_not_see_is_not_gone_and_not_new(kind: EndingKind) -> None:
    gone, new = differences([FULL], [left(BEGUN, kind)]), differences([left(BEGUN, kind)], [FULL])
    assert "no event of the kind end comes any more" in [each.text for each in gone]
    assert [each.severity.word for each in new if each.text == "a new kind of event comes: end"] == ["harmless"]
    assert f"the response ended as {kind.value}, now as complete" in [each.text for each in new]
    assert worst(gone) is Severity.HARMLESS
    assert worst(new) is Severity.ADDED, "a null that is filled"
    assert not any("fields" in each.text or "after the last" in each.text for each in gone + new)


@pytest.mark.parametrize(
    ("old", "new", "severity"),
    [
        pytest.param(FULL, left(stream({"type": "x", "b": None})), Severity.BROKEN, id="always there, and gone"),
        pytest.param(left(BEGUN), stream({"type": "x", "a": 1, "b": None, "z": 1}), Severity.ADDED, id="in each"),
        pytest.param(left(BEGUN), stream({"type": "x", "a": "1", "b": None}), Severity.BROKEN, id="another type"),
        pytest.param(left(BEGUN), stream({"type": "x", "a": 1}, {"type": "x", "a": "1"}), Severity.BROKEN, id="field"),
        pytest.param(
            left(BEGUN),
            stream({"type": "x", "a": 1, "b": None}, {"type": "x", "a": "", "b": None}),
            Severity.HARMLESS,
            id="another type too",
        ),
        pytest.param(left(answer({"a": 1})), answer({}), Severity.HARMLESS, id="half a body"),
        pytest.param(
            FULL,
            left(replace(FULL, response=replace(FULL.response, ending=Ending()))),
            Severity.HARMLESS,
            id="all of it",
        ),
    ],
)
def test_what_it_saw_counts(old: Interaction, new: Interaction, severity: Severity) -> None:
    assert worst(differences([old], [new])) is severity


@pytest.mark.parametrize("ended", [left, lambda interaction: interaction], ids=["left", "read on"])
def test_a_client_that_leaves_at_the_end_mark_saw_all(ended: Callable[[Interaction], Interaction]) -> None:
    whole, less = ({"type": "x", "a": 1}, {"type": "end"}), ({"type": "x", "a": 1},)
    old, new = (left(stream(*events, DONE)) for events in (whole, less))
    assert worst(differences([old], [ended(new)])) is Severity.BROKEN
    assert worst(differences([ended(new)], [old])) is Severity.ADDED


# --- verifying ---


def timed(first: float, end: float, kind: EndingKind = EndingKind.COMPLETE) -> Interaction:
    tape = stream({"a": 1}).response
    return Interaction(ASKED, replace(tape, chunks=(replace(tape.chunks[0], at=first),), ending=Ending(kind, end)))


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        pytest.param(timed(0.1, 0.2), timed(1.2, 1.3), "the first bytes come after 0.1 s, now after 1.2 s", id="later"),
        pytest.param(
            timed(3.0, 3.2), timed(0.1, 0.2), "the first bytes come after 3.0 s, now after 0.1 s", id="sooner"
        ),
        pytest.param(timed(0.1, 0.2), timed(0.1, 4.0), "the end comes after 0.2 s, now after 4.0 s", id="longer"),
        pytest.param(timed(0.1, 0.2), timed(0.9, 1.1), "", id="less than a second more"),
        pytest.param(timed(5.0, 6.0), timed(8.0, 9.0), "", id="not three times as long"),
        pytest.param(timed(0.0, 0.0), timed(8.0, 9.0), "", id="nobody took the time"),
        pytest.param(timed(0.1, 9.0, EndingKind.ABANDONED), timed(0.1, 0.2, EndingKind.ABANDONED), "", id="left"),
    ],
)
def test_far_other_times_are_harmless_where_a_service_is_verified(
    old: Interaction, new: Interaction, text: str
) -> None:
    found = drift_of("a.yaml", [old], [new])
    assert [each.text for each in found.differences] == [text] * bool(text)
    assert found.severity is (Severity.HARMLESS if text else Severity.SAME)
    assert differences([old], [new]) == []


def test_a_body_without_chunks_has_its_heads_time() -> None:
    empty = Interaction(ASKED, Tape(Head(204, at=0.1), (), Ending(at=0.1)))
    late = Interaction(ASKED, Tape(Head(204, at=2.1), (), Ending(at=2.1)))
    (found,) = drift_of("a.yaml", [empty], [late]).differences
    assert found.text == "the first bytes come after 0.1 s, now after 2.1 s"


def test_what_was_not_asked_again_says_nothing_of_the_service() -> None:
    get = replace(answer({}), request=Request("GET", "https://a.example/other"))
    found = drift_of(
        "a.yaml", [get, stream({"a": 1})], [stream({"a": 1}), replace(get, request=Request("PUT", "http://b/"))]
    )
    assert found.unasked == (Unasked(1, "GET /other"),)
    assert found.compared == 1
    assert found.differences == (Difference(Severity.ADDED, 2, "PUT /", "the request is new"),)


@pytest.mark.parametrize(
    ("severity", "fails"),
    [
        (Severity.SAME, []),
        (Severity.HARMLESS, ["harmless"]),
        (Severity.ADDED, ["harmless", "added"]),
        (Severity.BROKEN, ["harmless", "added", "broken"]),
    ],
)
def test_a_threshold_says_from_where_on_it_fails(severity: Severity, fails: list[str]) -> None:
    found = Drift("a.yaml", 1, (Difference(severity, 1, "GET /", "x"),) if severity else ())
    assert [each for each in ("harmless", "added", "broken", "never") if found.fails(each)] == fails
    with pytest.raises(BadSetting, match="drift is 'same'; wanted: one of harmless, added, broken, never"):
        check_threshold("drift", "same")


def test_what_a_service_calls_its_fields_moves_no_cursor() -> None:
    (found, *_) = differences([stream({"a": 1})], [stream({"a": 1, "b\x1b[2J": 1})])
    assert found.text.endswith("new fields: b\\x1b[2J")


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
        provider: type[FakeGpt] = type("Provider", (FakeGpt,), {"url": service.url})
        try:
            await provider.create_async("", [{"role": "user", "content": "Say hello"}])
        except Exception:
            assert options.ending != "done"
        return session.recorded
