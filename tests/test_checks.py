"""Each thing that can be wrong with a cassette is found, told without giving a secret away, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import dialect_streams
from support.made_cassettes import TOKEN

from fakegpt_testkit import cassette as cassettes
from fakegpt_testkit import dialects
from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.checks import Finding, Kind, inspect
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Interaction, Provenance, Request, Tape
from fakegpt_testkit.framing import split
from fakegpt_testkit.redaction import Redaction

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.once

NOW = datetime(2026, 6, 1, tzinfo=UTC)
STREAM = (("Content-Type", "text/event-stream"),)
SAID = {"message": {"author": {"role": "assistant"}, "content": {"parts": ["Hi"]}}, "conversation_id": "1"}


def chat(*blocks: object, done: bool = True, at: str = "2026-05-31T00:00:00Z") -> Interaction:
    texts = [block if isinstance(block, str) else f"data: {json.dumps(block)}\n\n" for block in blocks]
    body = "".join(texts) + ("data: [DONE]\n\n" if done else "")
    request = Request("POST", "https://a.example/api/conversation", (("Accept", "*/*"),), b'{"prompt": "Say hello"}')
    return Interaction(request, Tape(Head(200, "OK", STREAM), (Chunk(0.1, body.encode()),)), Provenance(at=at))


def found(*interactions: Interaction, days: int | None = None, redaction: Redaction | None = None) -> list[Finding]:
    max_age = None if days is None else timedelta(days=days)
    text = cassettes.dumps(Cassette(interactions))
    return inspect(text, "c.yaml", now=NOW, max_age=max_age, redaction=redaction)


def test_a_good_cassette_has_nothing_wrong() -> None:
    verdict = {"moderation_response": {"flagged": False}, "message_id": "1", "is_completion": True}
    good = chat(SAID, "event: ping\ndata: 2026-01-01\n\n", {"error": "no"}, verdict, {"num_variants_in_stream": 2})
    assert found(good, days=30) == []


@pytest.mark.parametrize("path", sorted(Path("cassettes").rglob("*.yaml")), ids=lambda path: path.stem)
def test_our_own_recordings_hold_no_secret_and_nothing_unknown(path: Path) -> None:
    kinds = {each.kind for each in inspect(path.read_bytes(), str(path), now=NOW)}
    assert kinds <= {Kind.CUT_OFF}


def test_what_does_not_load_is_told_with_its_line() -> None:
    (finding,) = inspect(b"interactions:\n- request: 1\n  response: {}\nversion: 1\n", "old.yaml", now=NOW)
    assert (finding.kind, finding.interaction) == (Kind.UNREADABLE, None)
    assert finding.text.startswith("old.yaml, line 2: ")


@pytest.mark.parametrize(
    ("place", "change"),
    [
        pytest.param(
            "the request's header X-Authorization holds what is stored as REDACTED-",
            {"headers": (("X-Authorization", f"Bearer {TOKEN}"),)},
            id="header",
        ),
        pytest.param("the request's URI", {"uri": f"https://a.example/?access_token={TOKEN}"}, id="uri"),
        pytest.param("the request's body", {"body": json.dumps({"password": TOKEN}).encode()}, id="body"),
        pytest.param(
            "the request's header X-Api-Key (2)",
            {"headers": (("X-Api-Key", "REDACTED-X-Api-Key-1"), ("X-Api-Key", TOKEN))},
            id="the second of two headers",
        ),
    ],
)
def test_a_secret_is_told_by_its_place_and_not_shown(place: str, change: dict[str, object]) -> None:
    good = chat(SAID)
    findings = found(replace(good, request=replace(good.request, **change)))  # type: ignore[arg-type]
    assert {(each.kind, each.interaction) for each in findings} == {(Kind.SECRET, 1)}
    assert any(place in each.text for each in findings)
    assert not any(TOKEN[:20] in each.text for each in findings)


ELSEWHERE = {
    "the response's reason": lambda good, key: replace(
        good, response=replace(good.response, head=Head(200, f"OK token={key}", STREAM))
    ),
    "the note of how the response ended": lambda good, key: replace(
        good, response=replace(good.response, ending=Ending(EndingKind.RESET, 0.2, f"api_key={key}"))
    ),
    "the recorded origin": lambda good, key: replace(good, provenance=Provenance(origin=f"https://me:{key}@a.example")),
    "the recorded server": lambda good, key: replace(good, provenance=Provenance(server=f"token={key}")),
}


@pytest.mark.parametrize(("place", "with_it"), ELSEWHERE.items(), ids=ELSEWHERE)
def test_a_secret_that_is_in_no_body_and_no_header_is_told_too(
    place: str, with_it: Callable[[Interaction, str], Interaction]
) -> None:
    key = "q8Rt5Kx2Wm9Zp4Lc7Vb1"
    secrets = [each for each in found(with_it(chat(SAID), key)) if each.kind is Kind.SECRET]
    assert [each.text.partition(" holds ")[0] for each in secrets] == [place]
    assert key not in secrets[0].text


def test_a_secret_that_only_a_later_response_shows_is_found_where_it_was_sent() -> None:
    asked = Request("GET", f"https://a.example/about/{TOKEN[-12:]}x7")
    plain = Interaction(asked, Tape(Head(200)), Provenance(at="2026-05-31"))
    body = json.dumps({"accessToken": f"{TOKEN[-12:]}x7"}).encode()
    login = Interaction(
        Request("GET", "https://a.example/me"),
        Tape(Head(200, "", (("Content-Type", "application/json"),)), (Chunk(0, body),)),
    )
    assert [each.interaction for each in found(plain, login)] == [1, 2]


def test_a_value_of_the_environment_is_found_and_not_shown() -> None:
    key = "q8Rt5Kx2Wm9Zp4Lc7Vb1"
    said = chat({**SAID, "message": {"content": {"parts": [f"your door opens with {key}"]}}})
    text = cassettes.dumps(Cassette((said,)))
    assert inspect(text, "c.yaml", now=NOW) == []
    (finding,) = inspect(text, "c.yaml", now=NOW, environment={"DOOR_KEY": key})
    assert (finding.kind, finding.interaction) == (Kind.SECRET, 1)
    assert "the response's body holds what is stored as REDACTED-DOOR-KEY-1" in finding.text
    assert key not in finding.text


PERSONAL = {
    "an address": ("write to ann@mail.de", "e-mail addresses (1)"),
    "two numbers": ("call +49 170 1234567 or +1 (415) 555-2671", "telephone numbers (2)"),
    "an example's": ("write to ann@example.com, bob@a.test, c@redacted.invalid", ""),
    "a program": ("self.q@self.k.transpose(1) and git@github.com:o/r.git", ""),
    "a sum": ("1+2345678=2345679, a+12345678", ""),
}


@pytest.mark.parametrize(("text", "told"), PERSONAL.values(), ids=PERSONAL.keys())
def test_what_may_be_personal_is_counted_and_not_shown(text: str, told: str) -> None:
    findings = found(chat({**SAID, "message": {**SAID["message"], "content": {"parts": [text]}}}))  # type: ignore[dict-item]
    assert [each.kind for each in findings] == [Kind.PERSONAL] * bool(told)
    assert all(
        f"the answer holds {told}; to take them out: fakegpt-testkit scrub FILE --shape" in each.text
        for each in findings
    )
    shapes = Redaction(shapes=("email", "phone"))
    assert Kind.PERSONAL not in {each.kind for each in found(chat(SAID), redaction=shapes)}


def test_a_name_that_holds_a_secret_is_a_finding() -> None:
    name = "cassettes/test_a/test_b[sk-proj-t6Fh2Vn8Cx4Bz1Ql9We7]~1.yaml"
    (finding,) = inspect(cassettes.dumps(Cassette((chat(SAID),))), name, now=NOW)
    assert (finding.kind, "t6Fh2" in finding.text) == (Kind.SECRET, False)
    known, data = "correct-horse9!", cassettes.dumps(Cassette((chat(SAID),)))
    for name in (f"a/{known}.yaml", "a/test_b[correct-horse9%21-de].yaml"):
        assert [each.kind for each in inspect(data, name, now=NOW, environment={"A_TOKEN": known})] == [Kind.SECRET]


def test_no_finding_shows_a_secret() -> None:
    key = "q8Rt5Kx2Wm9Zp4Lc7Vb1"
    cut = chat(SAID, f"data: {key} and no end", done=False)
    stray = chat(SAID, f"{key}: a line that is no field\n\n")
    texts = [
        each.text for each in inspect(cassettes.dumps(Cassette((cut, stray))), "c", now=NOW, environment={"A_KEY": key})
    ]
    assert len(texts) >= 4
    assert [text for text in texts if key in text] == []


def test_a_suite_s_own_secrets_are_found_too() -> None:
    assert found(chat(SAID)) == []
    assert [each.kind for each in found(chat(SAID), redaction=Redaction(names=("prompt",)))] == [Kind.SECRET]


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        pytest.param(
            replace(
                chat(SAID),
                response=replace(chat(SAID).response, ending=Ending(EndingKind.RESET, 1.0, "ECONNRESET")),
            ),
            "ended as reset (ECONNRESET), after",
            id="reset",
        ),
        pytest.param(chat(SAID, done=False), "no end mark", id="no end mark"),
        pytest.param(chat(SAID, "data: half", done=False), "stops within an event: 'half'", id="half an event"),
    ],
)
def test_what_is_cut_off_is_told(broken: Interaction, text: str) -> None:
    (finding,) = found(broken)
    assert finding.kind is Kind.CUT_OFF
    assert text in finding.text


def test_a_stream_that_could_not_be_answered_owes_no_end() -> None:
    """The service said so: by its status, or by an event where its dialect ends with that."""
    refused = chat(SAID, done=False)
    refused = replace(refused, response=replace(refused.response, head=Head(503, "Unavailable", STREAM)))
    assert [each.kind for each in found(refused, chat(SAID))] == []
    piece = {"id": "1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Hi"}}]}
    failed = {"error": {"message": "the model fell over", "type": "server_error"}}
    assert [each.kind for each in found(chat(piece, done=False))] == [Kind.CUT_OFF]
    assert [each.kind for each in found(chat(piece, failed, done=False))] == []


def test_beside_a_secret_that_cannot_be_taken_out_the_others_are_told() -> None:
    key = "q8Rt5Kx2Wm9Zp4Lc7Vb1"
    body = json.dumps({"signature": key}).encode()
    stays = Interaction(Request("GET", "https://a.example/"), Tape(Head(200), (Chunk(0.0, body),)))
    other = chat(SAID)
    other = replace(other, request=replace(other.request, headers=(("X-Api-Key", "Zp4Lc7Vb1q8Rt5Kx2Wm9"),)))
    text = cassettes.dumps(Cassette((stays, other)))
    told = inspect(text, "c.yaml", now=NOW, environment={"A_KEY": key})
    assert [each.kind for each in told if each.interaction is None] == [Kind.SECRET]
    assert any("X-Api-Key" in each.text for each in told if each.interaction == 2)


@pytest.mark.parametrize(("done", "kinds"), [(True, []), (False, [Kind.CUT_OFF])], ids=["at its end mark", "before"])
def test_a_client_may_leave_a_stream_at_its_end_mark(*, done: bool, kinds: list[Kind]) -> None:
    left = chat(SAID, done=done)
    left = replace(left, response=replace(left.response, ending=Ending(EndingKind.ABANDONED, 1.0)))
    assert [finding.kind for finding in found(left)] == kinds


def test_the_end_mark_is_asked_of_known_dialects_only() -> None:
    other = chat('data: {"nobody": "knows"}\n\n', done=False)
    assert found(replace(other, request=replace(other.request, uri="https://a.example/v1/other"))) == []


@pytest.mark.parametrize(
    ("body", "end"),
    [
        (dialect_streams.OPENAI_RESPONSES, "response.completed"),
        (dialect_streams.ANTHROPIC, "message_stop"),
        (dialect_streams.GEMINI, "a finishReason"),
        (dialect_streams.OLLAMA, '"done": true'),
        (dialect_streams.CONVERSE, "messageStop"),
        (dialect_streams.OPENAI_CHAT, "data: [DONE]"),
        (dialect_streams.COHERE, "message-end"),
        (dialect_streams.GEMINI_ARRAY, "a finishReason"),
        (dialect_streams.INVOKE, "messageStop"),
    ],
    ids=[
        *("openai-responses", "anthropic", "gemini", "ollama", "bedrock"),
        *("openai-chat", "cohere", "gemini as an array", "bedrock with anthropic in it"),
    ],
)
def test_every_dialect_has_an_end_of_its_own(body: bytes, end: str) -> None:
    def streamed(data: bytes) -> Interaction:
        tape = Tape(Head(200, "OK"), (Chunk(0.1, data),), Ending(at=1.0))
        return Interaction(Request("POST", "https://llm.example/"), tape, Provenance(at="2026-01-01T00:00:00Z"))

    interaction = streamed(body)
    framing = dialects.framing_of_tape(interaction.response)
    assert framing is not None
    events = split(body, framing)
    assert found(interaction) == []
    (finding,) = found(streamed(b"".join(events[: len(events) // 2])))
    assert (finding.kind, finding.text) == (Kind.CUT_OFF, f"the stream has no end mark, {end}")


def test_an_event_past_the_bound_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from fakegpt_testkit import sse

    monkeypatch.setattr(sse.EventStreamParser.__init__, "__kwdefaults__", {"last_event_id": "", "max_event_size": 100})
    (finding,) = found(chat(SAID, {"error": "x" * 500}))
    assert (finding.kind, "100 bytes" in finding.text) == (Kind.CUT_OFF, True)


@pytest.mark.parametrize(
    ("strange", "text"),
    [
        pytest.param("event: news\ndata: 1\n\n", "event 1 is of the unknown type 'news'", id="type"),
        pytest.param("data: Sorry\n\n", "event 1 is no JSON: 'Sorry'", id="no JSON"),
        pytest.param("data: [1]\n\n", "event 1 is no JSON object: '[1]'", id="no object"),
        pytest.param({"novelty": 1, **SAID}, "event 1 has unknown keys: 'novelty'", id="key"),
        pytest.param("Internal Server Error\n\n", "no field of an event: 'Internal Server Error'", id="a bare line"),
        pytest.param("data: " + "x" * 200 + "\n\n", f"'{'x' * 80}…'", id="a long one, shortened"),
    ],
)
def test_what_nobody_knows_is_told(strange: object, text: str) -> None:
    (finding,) = found(chat(strange))
    assert (finding.kind, finding.interaction) == (Kind.UNKNOWN, 1)
    assert text in finding.text


@pytest.mark.parametrize(
    ("dates", "days", "told"),
    [
        pytest.param(["2026-05-31"], 1, "", id="as old as it may be"),
        pytest.param(["2026-05-31", "2026-05-01T00:00:00Z"], 30, "recorded 31 days ago, more than 30", id="the oldest"),
        pytest.param(["", ""], 30, "does not say when", id="no date"),
        pytest.param(["yesterday"], 30, "does not say when", id="no date that can be read"),
        pytest.param(["", "2026-05-31"], 30, "", id="one date is enough"),
        pytest.param(["2020-01-01"], None, "", id="no bound"),
    ],
)
def test_what_is_too_old_is_told(dates: list[str], days: int | None, told: str) -> None:
    findings = found(*(chat(SAID, at=date) for date in dates), days=days)
    assert [each.kind for each in findings] == ([Kind.STALE] if told else [])
    assert all(told in each.text for each in findings)


def test_a_cassette_without_interactions_is_not_stale() -> None:
    assert found(days=1) == []


def test_a_date_without_a_zone_is_utc() -> None:
    assert chat(SAID, at="2026-05-31T01:00:00").provenance.moment == datetime(2026, 5, 31, 1, tzinfo=UTC)


def test_a_header_of_many_values_takes_no_time_that_grows_with_their_square() -> None:
    many = ", ".join("a" * 8_000)  # each was compared with all before it
    text = (
        "interactions:\n- request: {method: GET, uri: 'http://a.example/', body: null, headers: {}}\n  response:\n"
        f"    status: {{code: 200, message: OK}}\n    headers: {{X: [{many}]}}\n    body: {{string: x}}\nversion: 1\n"
    )
    assert inspect(text.encode(), "c.yaml", now=datetime.now(UTC)) == []
