"""Which recorded interaction answers which request, whoever asks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from threading import Barrier, BrokenBarrierError
from typing import Any

import aiohttp
import pytest

from fakegpt_testkit import Chunk, Head, Interaction, Request, Settings, Tape, faults
from fakegpt_testkit.errors import RequestNotRecorded, RequestPlayedOut
from fakegpt_testkit.matching import Rules, fingerprint, matches
from fakegpt_testkit.recorder import index, use_cassette
from fakegpt_testkit.recorder import selection as selecting
from fakegpt_testkit.recorder.injection import Injection
from fakegpt_testkit.recorder.modes import ModeRules, RecordMode, rules_of
from fakegpt_testkit.recorder.selection import Selection
from fakegpt_testkit.redaction import Redactor
from fakegpt_testkit.wire.writing import encode_tape, frames_of

pytestmark = pytest.mark.once

ASKED = Request("GET", "https://chat.example/next")


def recorded(number: int) -> Interaction:
    return Interaction(ASKED, Tape(Head(200), (Chunk(0, b"%d" % number),)))


def selection(count: int, **settings: Any) -> Selection:
    wanted = Settings(**settings)
    interactions = [recorded(number) for number in range(count)]
    return Selection(interactions, wanted, Injection(wanted.faults, wanted.recut), Redactor)


def choose(chosen_from: Selection, number: int) -> bytes | None:
    tape = chosen_from.choose(number, ASKED, records=False, went_live=False)
    return None if tape is None else tape.body


def test_equal_requests_are_answered_in_their_order_and_then_no_more() -> None:
    three = selection(3)
    assert [choose(three, number) for number in range(4)] == [b"0", b"1", b"2", None]
    assert three.given == {0: 0, 1: 1, 2: 2}
    assert isinstance(three.explain(ASKED, "a.yaml", ""), RequestPlayedOut)


@pytest.mark.parametrize(
    ("answer", "given"),
    [
        (Tape(Head(200, "OK", (("Set-Cookie", "sid=REDACTED-sid-1; Path=/"),))), False),
        (Tape(Head(200), (Chunk(0, b'{"accessToken": "REDACTED-accessToken-1"}'),)), False),
        (Tape(Head(200), (Chunk(0, b"REDACTED is a word"),)), True),
    ],
)
def test_once_a_request_went_live_no_recorded_credential_is_given_out(answer: Tape, given: bool) -> None:
    """What stands for it opens no live service: the log-in has to be asked anew as well."""
    login = Selection([Interaction(ASKED, answer)], Settings(), Injection(), Redactor)
    assert (login.choose(0, ASKED, records=True, went_live=True) is not None) is given
    assert login.choose(1, ASKED, records=True, went_live=False) == (None if given else answer)


def test_two_threads_never_get_the_same_answer() -> None:
    both = Barrier(2)

    def slowly(_: object, __: object) -> bool:
        with suppress(BrokenBarrierError):  # without a lock both are here at once, and choose the same
            both.wait(timeout=0.2)
        return True

    two = selection(2, match_on=[slowly])
    with ThreadPoolExecutor(2) as pool:
        answers = [*pool.map(lambda number: choose(two, number), range(2))]
    assert sorted(each for each in answers if each is not None) == [b"0", b"1"]
    assert two.plays == [1, 1]


def test_a_spoilt_answer_is_there_for_the_next_one_who_asks() -> None:
    one = selection(1, faults=[faults.status(503).on(path="/next").times(1)])
    first = one.choose(0, ASKED, records=False, went_live=False)
    assert first is not None
    assert first.status == 503
    assert choose(one, 1) == b"0"
    assert choose(one, 2) is None


def test_the_last_one_is_given_again_where_that_is_wanted() -> None:
    two = selection(2, allow_playback_repeats=True)
    assert [choose(two, number) for number in range(4)] == [b"0", b"1", b"1", b"1"]


@pytest.mark.parametrize(
    ("mode", "missing", "rules"),
    [
        ("none", False, ModeRules(plays=True, records=False)),
        ("none", True, ModeRules(plays=True, records=False)),
        ("once", False, ModeRules(plays=True, records=False)),
        ("once", True, ModeRules(plays=False, records=True)),
        ("new_episodes", False, ModeRules(plays=True, records=True)),
        ("all", False, ModeRules(plays=False, records=True)),
        ("rewrite", False, ModeRules(plays=False, records=True)),
        ("verify", False, ModeRules(plays=False, records=True, verifies=True)),
        ("verify", True, ModeRules(plays=True, records=False)),
    ],
)
def test_a_mode_allows(mode: str, missing: bool, rules: ModeRules) -> None:
    assert rules_of(RecordMode(mode), missing=missing) == rules


@pytest.mark.parametrize(
    ("recorded", "asked", "answered"),
    [
        pytest.param("https://a.example", "https://b.example", False, id="two strangers"),
        pytest.param("https://a.example", "https://a.example:8443", False, id="another port of a stranger"),
        pytest.param("https://a.example", "http://a.example", False, id="another scheme of a stranger"),
        pytest.param(
            "https://a.example", "https://chat-shared2.zhile.io.b.example", False, id="a name like its site's"
        ),
        pytest.param("https://a.example", "https://a.example", True, id="the same"),
        pytest.param("https://chat-shared2.zhile.io", "http://127.0.0.1:8000", True, id="its site, and a stand-in"),
        pytest.param("http://localhost:1", "https://chat-shared2.zhile.io", True, id="a stand-in, and its site"),
    ],
)
async def test_a_services_recording_answers_for_no_other_service(recorded: str, asked: str, answered: bool) -> None:
    tape = Tape(Head(200, "OK", (("Content-Length", "2"),)), (Chunk(0.0, b"{}"),))
    interaction = Interaction(Request("GET", f"{recorded}/api/auth/session"), tape)
    with use_cassette((interaction,)):
        async with aiohttp.ClientSession() as session:
            if answered:
                async with session.get(f"{asked}/api/auth/session") as response:
                    assert response.status == 200
            else:
                with pytest.raises(RequestNotRecorded, match="recorded"):
                    await session.get(f"{asked}/api/auth/session")


def prompt(number: int) -> Request:
    return Request("POST", "https://chat.example/a", (("Content-Type", "application/json"),), b'{"n": %d}' % number)


def compared(many: int, order: list[int], monkeypatch: pytest.MonkeyPatch, **settings: Any) -> int:
    """How many comparisons it takes to ask so many different requests in an order."""
    told = 0

    def counting(*args: Any, **options: Any) -> bool:
        nonlocal told
        told += 1
        return matches(*args, **options)

    monkeypatch.setattr(selecting, "matches", counting)
    interactions = [Interaction(prompt(at), Tape(Head(200), (Chunk(0, b"%d" % at),))) for at in range(many)]
    wanted = Settings(**settings)
    chosen = Selection(interactions, wanted, Injection(wanted.faults, wanted.recut), Redactor)
    for number, at in enumerate(order):
        tape = chosen.choose(number, prompt(at), records=number % 2 == 1, went_live=False)
        assert tape is not None
        assert tape.body == b"%d" % at
    assert isinstance(chosen.explain(prompt(many), "a.yaml", ""), RequestNotRecorded)
    return told


@pytest.mark.parametrize(
    "settings", [{}, {"ignore": ["query.t", "body.x"]}, {"faults": [faults.slow_start(0.1).on(path="/a")]}]
)
def test_what_a_request_costs_does_not_grow_with_the_cassette(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for order in (list(range(100)), list(range(99, -1, -1)), [at * 37 % 100 for at in range(100)]):
        assert compared(100, order, monkeypatch, **settings) <= 500


def test_a_request_that_no_profile_concerns_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def reading(request: Request, rules: Rules, media: str) -> bytes:
        read.append(request.path)
        return fingerprint(request, rules, media)

    monkeypatch.setattr(index, "fingerprint", reading)
    asked = [Request("POST", f"https://a.example{path}", (), b"{}") for path in ("/v1/chat/completions", "/api/loads")]
    for known, times in ([asked[0]], 1), (asked, 2):
        found = index.Index(lambda known=known: known, Rules(), ())  # type: ignore[misc]
        found.find(asked[0])
        read.clear()
        assert [*index.every(found.find(asked[0]))] == [0]
        assert read == [asked[0].path] * times
    by_method = index.Index(lambda: asked, Rules(match_on=("method",)), ())
    assert [*index.every(by_method.find(asked[0]))] == [0, 1]


def test_repeats_and_spoilt_answers_are_found_in_any_order() -> None:
    wanted = Settings(allow_playback_repeats=True, faults=[faults.reset(after_byte=0).on(path="/a").times(1)])
    interactions = [Interaction(prompt(at % 2), Tape(Head(200), (Chunk(0, b"%d" % at),))) for at in range(4)]
    chosen = Selection(interactions, wanted, Injection(wanted.faults, wanted.recut), Redactor)
    given = []
    for number, at in enumerate((1, 1, 1, 1, 0, 0, 0)):
        chosen.choose(number, prompt(at), records=False, went_live=False)
        given.append(chosen.given[number])
    assert given == [1, 3, 1, 3, 0, 2, 2]


def test_a_request_that_is_answered_again_is_neither_compared_nor_cut_nor_encoded_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = Settings(allow_playback_repeats=True, recut="byte")
    long = tuple(Chunk(at, b"some bytes", (10,)) for at in range(3))
    interactions = [
        Interaction(prompt(at), Tape(Head(200, headers=(("Transfer-Encoding", "chunked"),)), long)) for at in range(2)
    ]
    chosen = Selection(interactions, wanted, Injection(wanted.faults, wanted.recut), Redactor)
    for number in range(3):
        assert chosen.choose(number, prompt(1), records=False, went_live=False) is not None
    monkeypatch.setattr(selecting, "matches", lambda *_, **__: pytest.fail("compared again"))
    first, second = (chosen.choose(number, prompt(1), records=False, went_live=False) for number in (3, 4))
    assert first is not None
    assert first is second
    assert len(first.chunks) == 30
    once, again, shared = ([*frames_of(first, "POST")] for _ in range(3))
    assert once == again == shared == [*encode_tape(first, "POST")]
    assert all(one is other for one, other in zip(again, shared, strict=True))


def test_what_answers_again_makes_room_for_what_is_forgotten_or_too_long() -> None:
    wanted = Settings(allow_playback_repeats=True, ignore=["body.pad"])
    chosen = Selection([Interaction(prompt(0), Tape(Head(200), ()))], wanted, Injection(), Redactor)
    for number, size in enumerate((1, 1, 2**17, 2**17, *range(2, 600))):
        padded = replace(prompt(0), body=prompt(0).body[:-1] + b', "pad": "%s"}' % (b"x" * size))
        assert chosen.choose(number, padded, records=False, went_live=False) is not None
    assert 1 < len(chosen._again) <= 256
    assert max(len(each.body) for each in chosen._again) < 2**16
    chosen.forget(0)
    assert not chosen._again
