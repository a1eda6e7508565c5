"""What is said when no recorded request answers: the closest one, where it differs, and what to type."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.questions import FORM_TYPE, RULES, chat, get, post

from fakegpt_testkit.errors import FakeGptTestkitError, RequestNotRecorded, RequestPlayedOut
from fakegpt_testkit.exchange import Request
from fakegpt_testkit.matching import closest, not_recorded, search

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.once


def test_no_candidate_is_closest_to_nothing() -> None:
    assert closest(get("/a"), [], RULES) is None


@pytest.mark.parametrize(
    ("candidates", "index"),
    [
        ([get("/a"), chat("Tell me about the sea"), chat("Say hello")], 2),
        ([chat("Say hi", target="/other"), chat("something else")], 1),
        ([chat("Say ho"), chat("Say ho")], 0),
        ([post(b"{}", target="/api/conversation"), chat("Say ho")], 1),
        ([get("/a"), get("/b")], 0),
    ],
    ids=["the likest prompt", "endpoint before body", "first of equals", "fewest fields", "nothing alike"],
)
def test_the_closest(candidates: list[Request], index: int) -> None:
    nearest = closest(chat("Say hi"), candidates, RULES)
    assert nearest is not None
    assert nearest.index == index


def test_of_very_many_only_the_first_hundreds_are_compared() -> None:
    many = [chat(f"Say {number}") for number in range(600)]
    found = [closest(chat(f"Say {number}"), many, RULES) for number in (499, 500)]
    assert [each.index for each in found if each is not None] == [499, 50]  # 50 comes nearest of those before 500


@given(st.text("ab", max_size=9), st.text("ab", max_size=9))
def test_texts_share_what_they_begin_with(one: str, other: str) -> None:
    shared = search._shared(one, other)
    assert one[:shared] == other[:shared]
    assert one[shared : shared + 1] != other[shared : shared + 1] or shared == len(one) == len(other)


CASSETTE = "cassettes/test_chat/test_greets.yaml"
COMMAND = "pytest tests/test_chat.py::test_greets --fakegpt-record-mode=new_episodes"
FLOW = [
    get("/api/loads?t=1"),
    post(b"token_key=a&session_password=b", FORM_TYPE, "/auth/login"),
    get("/api/auth/session"),
    chat("Say hello"),
]


def test_the_error_reads_as_promised() -> None:
    error = not_recorded(chat("Say hi"), FLOW, [True, True, True, False], RULES, cassette=CASSETTE, command=COMMAND)
    assert str(error) == (
        "POST /api/conversation is not in cassettes/test_chat/test_greets.yaml (4 interactions, 3 played)\n"
        "  closest: interaction 4, also POST /api/conversation; it differs in\n"
        "    body.messages[0].content.parts[0]: recorded 'Say hello', asked 'Say hi'\n"
        "  ignored: body.messages[0].id, body.parent_message_id\n"
        "  to record it: pytest tests/test_chat.py::test_greets --fakegpt-record-mode=new_episodes"
    )
    assert (error.closest, error.interactions, error.played, error.command) == (4, 4, 3, COMMAND)


def test_another_endpoint_reads_without_also() -> None:
    error = not_recorded(get("/api/load"), [get("/api/loadings")], [False], RULES, cassette="c.yaml", command="")
    assert str(error) == (
        "GET /api/load is not in c.yaml (1 interaction, 0 played)\n"
        "  closest: interaction 1, GET /api/loadings; it differs in\n"
        "    path: recorded '/api/loadings', asked '/api/load'"
    )


def test_an_empty_cassette_has_no_closest() -> None:
    error = not_recorded(get("/a"), [], [], RULES, cassette="c.yaml", command="pytest")
    assert str(error) == "GET /a is not in c.yaml (0 interactions, 0 played)\n  to record it: pytest"


def test_played_out_is_said_as_such() -> None:
    recorded = [chat("Say hi"), get("/a"), chat("Say hi")]
    error = not_recorded(chat("Say hi"), recorded, [True, False, True], RULES, cassette="c.yaml", command="pytest")
    assert isinstance(error, RequestPlayedOut)
    assert str(error) == (
        "POST /api/conversation is in c.yaml (3 interactions, 2 played), but recorded 2 times and played 2 times\n"
        "  to play the last one again: allow_playback_repeats=True\n"
        "  to record one more: pytest"
    )
    bare = not_recorded(get("/a"), [get("/a")], [True], RULES, cassette="c.yaml", command="")
    assert str(bare).endswith(
        "recorded 1 time and played 1 time\n  to play the last one again: allow_playback_repeats=True"
    )


def test_long_values_are_shown_around_the_first_difference() -> None:
    start, end = "x" * 5000, "y" * 5000
    error = not_recorded(
        post({"a": start + "A" + end}), [post({"a": start + "B" + end})], [False], RULES, cassette="c", command=""
    )
    (line,) = (line for line in str(error).splitlines() if "body.a" in line)
    assert line == f"    body.a: recorded …{'x' * 20}B{'y' * 59}…, asked …{'x' * 20}A{'y' * 59}…"


def test_a_long_value_beside_a_short_one_keeps_its_start() -> None:
    error = not_recorded(post({"a": "x" * 500}), [post({"a": "x"})], [False], RULES, cassette="c", command="")
    assert f"body.a: recorded 'x', asked '{'x' * 79}…" in str(error)
    nothing = not_recorded(post({"a": "x" * 500}), [post({})], [False], RULES, cassette="c", command="")
    assert f"body.a: recorded nothing, asked '{'x' * 79}…" in str(nothing)


def test_many_differences_are_counted() -> None:
    error = not_recorded(
        post({str(n): 1 for n in range(15)}),
        [post({str(n): 2 for n in range(15)})],
        [False],
        RULES,
        cassette="c",
        command="",
    )
    assert str(error).splitlines()[-2:] == ["    body.9: recorded 2, asked 1", "    and 5 more"]


@pytest.mark.parametrize("remake", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"])
@pytest.mark.parametrize("played", [True, False], ids=["played out", "not recorded"])
def test_errors_travel_between_processes(remake: Callable[[Any], Any], played: bool) -> None:
    asked = chat("Say hi") if played else chat("Say ho")
    error = not_recorded(asked, [chat("Say hi")], [played], RULES, cassette="c.yaml", command="pytest")
    again = remake(error)
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert isinstance(again, RequestNotRecorded)
    assert isinstance(again, FakeGptTestkitError)


def test_a_title_is_method_and_path() -> None:
    assert Request("GET", "https://h").title == "GET /"
    assert Request("GET", "https://h/a/b?key=secret").title == "GET /a/b"
    assert Request("GET", "http://[::1").title == "GET http://[::1"
