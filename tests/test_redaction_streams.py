"""Secrets in streams: in pieces over events, and in text that grows."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.redacting import (
    ADDRESSES_TOO,
    KEY,
    KNOWN,
    SSE_TYPE,
    deltas,
    events,
    growing,
    knowing,
    texts_of,
)

from fakegpt_testkit.redaction import Redactor

pytestmark = [pytest.mark.once, pytest.mark.untraced]


pieces_of_text = st.lists(st.text(st.sampled_from('ab "\\\né😀.'), max_size=5), max_size=8)


@st.composite
def cut_secrets(draw: st.DrawFn) -> list[str]:
    """A text with a secret in it, in pieces."""
    secret = draw(st.sampled_from([KEY, KNOWN, "bob@mail.example", f"Bearer {KNOWN[4:]}"]))
    text = "".join(draw(pieces_of_text)) + " " + secret + " " + "".join(draw(pieces_of_text))
    cuts = sorted(draw(st.sets(st.integers(1, len(text) - 1), min_size=1, max_size=8)))
    return [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]


@given(pieces=cut_secrets(), end=st.sampled_from(["\n\n", "\r\n\r\n", "\r\r"]))
@example(pieces=["s", "k-proj-a1B2a1B2a1B2a1B2a1B2a1B2"], end="\r\r")
@example(pieces=["\\", "\\", "\\ s", "k-proj-a1B2a1B2a1B2a1B2a1B2a1B2 "], end="\n\n")
@example(pieces=["ha", "ha", "ha", "ha s", "k-proj-a1B2a1B2a1B2a1B2a1B2a1B2"], end="\n\n")
@example(pieces=["a", "ab", "a", "ab", " sk-proj-a1B2a1B", "2a1B2a1B2a1B2a1B2"], end="\n\n")
@settings(max_examples=60, deadline=None)
def test_deltas_add_up_to_the_redacted_text(pieces: list[str], end: str) -> None:
    redactor = knowing(KNOWN)
    whole = redactor.text("".join(pieces))
    assert "REDACTED-" in whole
    assert "".join(texts_of(redactor.body(deltas(pieces, end), SSE_TYPE))) == whole


@given(pieces=cut_secrets())
@settings(max_examples=60, deadline=None)
def test_growing_text_still_grows_and_shows_no_beginning_of_a_secret(pieces: list[str]) -> None:
    redactor = knowing(KNOWN)
    whole = redactor.text("".join(pieces))
    texts = texts_of(redactor.body(growing(pieces), SSE_TYPE))
    assert texts[-1] == whole
    assert all(after.startswith(before) for before, after in pairwise(texts))
    assert len(texts) == len(pieces)


def test_the_word_stands_in_the_event_where_the_secret_began() -> None:
    body = deltas(["my ", "key is ", KEY[:4], "", KEY[4:9], KEY[9:] + " and", " more"])
    assert texts_of(Redactor(ADDRESSES_TOO).body(body, SSE_TYPE)) == [
        "my ",
        "key is ",
        "REDACTED-api-key-1",
        "",
        "",
        " and",
        " more",
    ]


def test_interleaved_answers_are_put_together_one_by_one() -> None:
    values = [
        {"choices": [{"delta": {"content": piece}, "index": index}]}
        for pieces in zip([KEY[:9], KEY[9:], " done"], ["another ", "answer", ""], strict=True)
        for index, piece in enumerate(pieces)
    ]
    body = events(list(values))
    texts = texts_of(Redactor(ADDRESSES_TOO).body(body, SSE_TYPE))
    assert texts == ["REDACTED-api-key-1", "another ", "", "answer", " done", ""]


def test_two_answers_in_one_event_are_two_texts() -> None:
    body = events(
        [{"candidates": [{"text": KEY[:9]}, {"text": "b"}]}, {"candidates": [{"text": KEY[9:]}, {"text": "c"}]}]
    )
    stored = Redactor().body(body, SSE_TYPE)
    assert stored == body.replace(KEY[:9].encode(), b"REDACTED-api-key-1").replace(KEY[9:].encode(), b"")


def test_a_text_that_is_rewritten_half_way() -> None:
    body = events([{"parts": [text]} for text in ("a", "a b", "a b \ufffd", f"a b 😀 {KEY[:12]}", f"a b 😀 {KEY} c")])
    stored = [
        json.loads(line[6:])["parts"][0] for line in Redactor().body(body, SSE_TYPE).decode().splitlines() if line
    ]
    assert stored == ["a", "a b", "a b \ufffd", "a b 😀 REDACTED-api-key-1", "a b 😀 REDACTED-api-key-1 c"]


def test_strings_that_are_no_pieces_are_not_joined() -> None:
    body = events([{"name": KEY}, {"name": "tail"}, {"name": KEY}])
    assert Redactor().body(body, SSE_TYPE) == body.replace(KEY.encode(), b"REDACTED-api-key-1")


def test_lines_that_are_no_json() -> None:
    body = f": {KEY}\nid: {KEY}\ndata: a {KEY[:9]}\n\ndata:{KEY[9:]}\n\ndata: [DONE]\n\nretry\n".encode()
    stored = Redactor().body(body, SSE_TYPE)
    word = b"REDACTED-api-key-1"
    assert stored == b": %b\nid: %b\ndata: a %b\n\ndata:\n\ndata: [DONE]\n\nretry\n" % (word, word, word)


def test_json_lines() -> None:
    body = b"".join(json.dumps({"response": piece, "done": False}).encode() + b"\n" for piece in (KEY[:9], KEY[9:]))
    stored = Redactor().body(body, (("Content-Type", "application/x-ndjson"),))
    assert [json.loads(line)["response"] for line in stored.splitlines()] == ["REDACTED-api-key-1", ""]


def test_a_stream_that_breaks_off_in_a_secret() -> None:
    for text in (deltas, growing):
        stored = knowing(KNOWN).body(text(["it is ", KNOWN[:6], KNOWN[6:-2]]), SSE_TYPE)
        assert KNOWN[:8] not in "".join(texts_of(stored))
        assert "REDACTED-key-1" in "".join(texts_of(stored))
    twice = knowing("abcdabcdabcdX9z").body(deltas(["it is ", "abcdabcd"]), SSE_TYPE)
    assert texts_of(twice) == ["it is ", "REDACTED-key-1"]
    short = knowing(KNOWN).body(deltas(["it is ", KNOWN[:6]]), SSE_TYPE)
    assert texts_of(short) == ["it is ", KNOWN[:6]]


def test_json_that_grows_in_a_string_has_one_secret() -> None:
    body = growing(['{"pass', 'word": "', "hun", "ter2", '", "a', '": 1}'])
    texts = texts_of(Redactor(ADDRESSES_TOO).body(body, SSE_TYPE))
    assert texts[2:4] == ['{"password": "REDACTED-password-1'] * 2
    assert json.loads(texts[-1]) == {"password": "REDACTED-password-1", "a": 1}


def test_what_stays_takes_no_number() -> None:
    other = KEY.replace("a1", "z9")
    body = events([{"encrypted_content": other, "logprobs": [{"token": other}]}, {"name": KEY}])
    assert Redactor().body(body, SSE_TYPE) == body.replace(KEY.encode(), b"REDACTED-api-key-1")


def test_each_partial_text_takes_no_number() -> None:
    body = growing([KEY[:20], *KEY[20:], " and ", "bob@mail.example", " end"])
    assert (
        texts_of(Redactor(ADDRESSES_TOO).body(body, SSE_TYPE))[-1]
        == "REDACTED-api-key-1 and REDACTED-email-1@example.invalid end"
    )


def test_what_a_list_of_any_service_says_in_its_elements_is_no_text_in_pieces() -> None:
    people = json.dumps([{"name": name, "token": KNOWN} for name in ("sk-proj-", "a1B2" * 3, "a1B2" * 3)]).encode()
    told = json.loads(Redactor().body(people))
    assert [each["name"] for each in told] == ["sk-proj-", "a1B2" * 3, "a1B2" * 3]
    assert {each["token"] for each in told} == {"REDACTED-token-1"}
