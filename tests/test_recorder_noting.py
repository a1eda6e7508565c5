"""The journal of a recording that could end at any moment: what is on the disk, and what ``recover`` makes of it."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import threading
import time
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

import pytest
from support.patience import PATIENCE

from fakegpt_testkit import clock
from fakegpt_testkit.clients.active import find_deck
from fakegpt_testkit.errors import RecordingIncomplete
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Provenance, Request
from fakegpt_testkit.recorder import load_cassette, use_cassette
from fakegpt_testkit.recorder.noting import Noted, Notes
from fakegpt_testkit.recorder.reel import Reel
from fakegpt_testkit.redaction import Redaction, Redactor
from fakegpt_testkit.storage import Journal, leftovers, read_journal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.once

SECRET = "q8Rt5Kx2Wm9Zp4Lc7Vb1"
WHEN = Provenance("2026-01-02T03:04:05Z", "https://api.example", "")
PLAIN = (("Content-Type", "text/plain"),)
JSON = (("Content-Type", "application/json"),)
STREAM = (("Content-Type", "text/event-stream"),)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "chat.yaml", tmp_path / "journals") as made:
        yield made


class Exchanges(Notes):
    """Notes of exchanges of which each part is noted as it comes, and the reels that they are on."""

    def __init__(self, journal: Journal) -> None:
        self.lost: list[tuple[int, Exception]] = []
        super().__init__(Redactor(), lambda: journal, lambda *lost: self.lost.append(lost))
        self._reels: dict[int, Reel] = {}

    def begins(self, number: int, request: Request) -> None:
        self._reels[number] = Reel()
        self.request(number, request, WHEN, self._reels[number])
        self.note()

    def head(self, number: int, head: Head) -> None:
        super().head(number, head)
        self.note()

    def came(self, number: int, at: float, data: bytes) -> None:
        chunk = Chunk(at, data)
        self._reels[number].add(chunk)
        self.chunk(number, chunk)
        self.note()

    def ending(self, number: int, ending: Ending) -> None:
        super().ending(number, ending)
        self.note()


def noting(journal: Journal) -> Exchanges:
    return Exchanges(journal)


def exchange(notes: Exchanges, number: int, body: bytes, answer: bytes, headers: tuple[tuple[str, str], ...]) -> None:
    notes.begins(number, Request("POST", f"https://api.example/{number}", PLAIN, body))
    notes.head(number, Head(200, "OK", (*headers, ("Content-Length", str(len(answer))))))
    for at in range(0, len(answer), 16):
        notes.came(number, at / 100, answer[at : at + 16])
    notes.ending(number, Ending())


def on_disk(journal: Journal) -> str:
    """All that the journal's lines say, unpacked."""
    events = [json.loads(line) for line in journal.path.read_bytes().splitlines()]
    packed = [each.get("body") or each.get("data") or "" for each in events]
    return repr(events) + repr([base64.b64decode(each) for each in packed])


def test_what_a_later_answer_shows_to_be_a_secret_is_nowhere_in_it(journal: Journal) -> None:
    notes = noting(journal)
    exchange(notes, 0, f"my door opens with {SECRET}".encode(), f"so {SECRET} it is".encode(), PLAIN)
    assert SECRET in on_disk(journal), "nothing has told yet that it is one"
    exchange(notes, 1, b"", json.dumps({"access_token": SECRET}).encode(), JSON)
    assert SECRET not in on_disk(journal)
    notes.begins(2, Request("GET", f"https://api.example/{SECRET}"))
    assert SECRET not in on_disk(journal)
    first, second = read_journal(journal.path)
    assert first.request.body == b"my door opens with REDACTED-access-token-1"
    assert first.response.body == b"so REDACTED-access-token-1 it is"
    assert ("Content-Length", str(len(first.response.body))) in first.response.headers
    assert [chunk.at for chunk in first.response.chunks] == [0.0, 0.16]
    assert json.loads(second.response.body) == {"access_token": "REDACTED-access-token-1"}
    assert second.response.ending == Ending()


def test_the_length_of_an_answer_with_a_known_secret_is_that_of_what_is_noted(journal: Journal) -> None:
    notes = noting(journal)
    exchange(notes, 0, b"", json.dumps({"access_token": SECRET}).encode(), JSON)
    exchange(notes, 1, b"", f"so {SECRET} it is".encode(), PLAIN)
    for each in read_journal(journal.path):
        assert b"REDACTED-access-token-1" in each.response.body
        assert ("Content-Length", str(len(each.response.body))) in each.response.headers


def test_what_a_later_event_shows_is_gone_from_those_before_it_and_times_stay(journal: Journal) -> None:
    notes = noting(journal)
    notes.begins(0, Request("GET", "https://api.example/"))
    notes.head(0, Head(200, "OK", STREAM))
    for at, event in enumerate(({"note": SECRET}, {"n": 1}, {"password": SECRET}, {"n": 2})):
        notes.came(0, float(at), b"data: " + json.dumps(event).encode() + b"\n\n")
    assert SECRET not in on_disk(journal)
    (kept,) = read_journal(journal.path)
    assert kept.response.ending.kind is EndingKind.KILLED
    assert [(chunk.at, b"REDACTED-password-1" in chunk.data) for chunk in kept.response.chunks] == [
        *((0.0, True), (1.0, False), (2.0, True), (3.0, False)),
    ]


def test_an_unfinished_secret_is_not_noted_when_the_journal_is_written_anew(journal: Journal) -> None:
    notes = noting(journal)
    notes.begins(0, Request("GET", "https://api.example/"))
    notes.head(0, Head(200, "OK", STREAM))
    notes.came(0, 0.0, b'data: {"content": "it is "}\n\n')
    notes.came(0, 1.0, b'data: {"content": "sk-abc1d2"}\n\n')
    exchange(notes, 1, b"", json.dumps({"access_token": SECRET}).encode(), JSON)
    assert "sk-abc1d2" not in on_disk(journal)
    assert read_journal(journal.path)[0].response.body == b'data: {"content": "it is "}\n\n'


def test_a_journal_where_each_event_shows_a_secret_is_not_written_anew_for_each(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    begin_anew = journal.begin_anew

    def counted(exchanges: Iterable[Noted]) -> None:
        written.append(1)
        begin_anew(exchanges)

    monkeypatch.setattr(journal, "begin_anew", counted)
    monkeypatch.setattr("fakegpt_testkit.recorder.noting._FREE", 1024)
    notes = noting(journal)
    notes.begins(0, Request("GET", "https://api.example/"))
    notes.head(0, Head(200, "OK", STREAM))
    for number in range(80):
        secret = f"q8Rt5Kx2Wm9Zp4Lc{number:04}b"
        notes.came(0, float(number), b"data: " + json.dumps({"api_key": secret}).encode() + b"\n\n")
    assert len(written) < 40
    assert "q8Rt5Kx2" not in on_disk(journal)
    notes.ending(0, Ending())
    assert "q8Rt5Kx2" not in on_disk(journal)
    assert len(read_journal(journal.path)[0].response.chunks) >= 60


def test_a_journal_that_is_not_written_anew_for_now_holds_no_secret_that_was_shown_meanwhile(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fakegpt_testkit.recorder.noting._FREE", 0)
    monkeypatch.setattr("fakegpt_testkit.recorder.noting._WORTH", 1)
    notes = noting(journal)
    notes.begins(0, Request("GET", "https://api.example/"))
    notes.head(0, Head(200, "OK", STREAM))
    secrets = [f"q8Rt5Kx2Wm9Zp4Lc{number:06b}" for number in range(40)]
    said = "".join(f"data: {each} is no secret yet\n\n" for each in secrets)
    notes.came(0, 0.0, said.encode())
    assert secrets[0] in on_disk(journal)
    for number, secret in enumerate(secrets):
        notes.came(0, float(number), b"data: " + json.dumps({"api_key": secret}).encode() + b"\n\n")
        held = on_disk(journal)
        assert not [each for each in secrets[: held.count("api_key")] if each in held]
    assert not read_journal(journal.path), "it waits, and is empty"
    notes.ending(0, Ending())
    [interaction] = read_journal(journal.path)
    assert len(interaction.response.chunks) == 1 + len(secrets)
    assert not [each for each in secrets if each in on_disk(journal)]


def test_what_cannot_be_written_anew_is_not_left(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = noting(journal)
    exchange(notes, 0, SECRET.encode(), b"fine", PLAIN)
    journal.path.with_suffix(".new").touch()
    with pytest.warns(RuntimeWarning, match="goes on"):
        exchange(notes, 1, b"", json.dumps({"access_token": SECRET}).encode(), JSON)
    assert not journal.path.exists()


def test_the_first_pieces_are_noted_as_they_come_and_fast_ones_together(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = {"a": 0.0, "b": 0.01, "c": 0.02, "d": 0.03, "e": 0.3, "f": 0.31}
    ticking = iter([*moments.values(), 9.0])
    monkeypatch.setattr(clock, "monotonic", lambda: next(ticking))
    monkeypatch.setattr(clock, "call_each", lambda *_: lambda: None)
    notes = Notes(Redactor(), lambda: journal, lambda *_: None)
    reel = Reel()
    told: list[str] = []
    notes.request(7, Request("GET", "https://api.example/"), WHEN, reel)
    notes.head(7, Head(200, "OK", STREAM))
    assert not journal.path.read_bytes().count(b"api.example"), "nothing of the body has come"

    def piece(text: str) -> bool:
        def tell() -> None:
            chunk = Chunk(moments[text], f"data: It is {text}.\n\n".encode())
            reel.add(chunk)
            notes.chunk(7, chunk)
            told.append(text)

        if notes.later(7, tell):
            return False
        tell()
        return True

    def noted() -> str:
        [found] = read_journal(journal.path)
        return "".join(re.findall(r"It is (.)\.", found.response.body.decode()))

    assert piece("a")
    assert noted() == "a", "the request, too"
    assert piece("b")
    assert noted() == "ab"
    assert [piece("c"), piece("d")] == [False, False], "a fast stream"
    assert (told, noted()) == (["a", "b"], "ab")
    notes.note()
    assert (told, noted()) == (["a", "b", "c", "d"], "abcd")
    assert piece("e"), "a slow one"
    assert not piece("f")
    assert noted() == "abcde"
    notes.ending(7, Ending())
    assert read_journal(journal.path)[0].response.ending.kind is EndingKind.KILLED
    notes.note()
    assert (noted(), read_journal(journal.path)[0].response.ending) == ("abcdef", Ending())


def test_pieces_of_which_nobody_asks_whether_they_may_wait_are_noted_by_the_same_rule(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "call_each", lambda *_: lambda: None)
    notes = Notes(Redactor(), lambda: journal, lambda *_: None)
    whole = b'{"one": 1}\n{"two": 2}\n{"three": 3}\n{"four": 4}\n{"five": 5}\n{"six": 6}\n'
    lines = whole.splitlines(keepends=True)
    reel = Reel()
    notes.request(0, Request("GET", "https://api.example/"), WHEN, reel)
    head = (("Content-Type", "application/x-ndjson"), ("Content-Length", str(len(whole))))
    notes.head(0, Head(200, "OK", head))

    def noted_after(*moments: float) -> int:
        chunks = [Chunk(at, lines.pop(0)) for at in moments]
        reel.add(*chunks)
        notes.chunk(0, *chunks)
        (found,) = read_journal(journal.path)
        return len(found.response.body.splitlines())

    assert [noted_after(0.0), noted_after(0.01)] == [1, 2], "the first ones, however fast"
    assert noted_after(0.02, 0.03) == 2, "fast ones, together"
    assert noted_after(0.07) == 2
    assert noted_after(0.13) == 6, "a slow one, and all before it"


def test_much_is_noted_whenever_it_is_there(journal: Journal) -> None:
    notes = Notes(Redactor(), lambda: journal, lambda *_: None)
    reel = Reel()
    notes.request(0, Request("GET", "https://api.example/"), WHEN, reel)
    notes.head(0, Head(200, "OK", STREAM))
    event = b"data: %s\n\n" % (b"x" * 999)
    for count in range(1, 80):
        chunk = Chunk(float(count), event)
        reel.add(chunk)
        notes.chunk(0, chunk)
        there = len(read_journal(journal.path)[0].response.body) // len(event)
        assert count - there < 66
    notes.stop()


@pytest.mark.parametrize("runs", [False, True], ids=["no loop", "a loop"])
def test_a_thread_has_what_waits_noted_whatever_loop_runs(journal: Journal, *, runs: bool) -> None:
    notes = Notes(Redactor(), lambda: journal, lambda *_: None)
    told = threading.Event()

    async def wait() -> None:
        for _ in range(2):
            assert not notes.later(0, told.set)
            notes.chunk(0, Chunk(0.0, b"data: It is here.\n\n"))
        assert notes.later(0, told.set)
        assert not told.is_set()

    notes.request(0, Request("GET", "https://api.example/"), WHEN, Reel())
    notes.head(0, Head(200, "OK", STREAM))
    if runs:
        asyncio.run(wait())
    else:
        with suppress(StopIteration):
            wait().send(None)
    assert told.wait(PATIENCE)
    until = time.monotonic() + PATIENCE
    assert any("fakegpt-testkit" in thread.name for thread in threading.enumerate())
    while any("fakegpt-testkit" in thread.name for thread in threading.enumerate()):
        assert time.monotonic() < until, "it ends where nothing comes"
        time.sleep(0.01)


def test_an_exchange_that_cannot_be_redacted_is_lost_and_the_others_are_noted(journal: Journal) -> None:
    def breaks(text: str) -> tuple[str, ...]:
        if "two" in text:
            raise ZeroDivisionError
        return ()

    lost: list[tuple[int, Exception]] = []
    notes = Notes(Redactor(Redaction(functions=(breaks,))), lambda: journal, lambda *each: lost.append(each))
    for number, word in enumerate(("one", "two", "three")):
        notes.request(number, Request("POST", "https://api.example/", PLAIN, word.encode()), WHEN, Reel())
        notes.head(number, Head(204, "No Content"))
        notes.ending(number, Ending())
    notes.note()
    assert [(number, type(failure)) for number, failure in lost] == [(1, ZeroDivisionError)]
    assert [each.request.body for each in read_journal(journal.path)] == [b"one", b"three"]
    notes.stop()


@pytest.mark.parametrize("function_fails", [False, True])
def test_what_is_saved_before_it_is_noted_is_redacted_as_if_it_had_been(function_fails: bool, tmp_path: Path) -> None:
    def breaks(text: str) -> tuple[str, ...]:
        if function_fails and SECRET in text:
            raise ZeroDivisionError
        return ()

    def tell(number: int, body: bytes) -> None:
        deck = find_deck("https://api.example/")
        assert deck is not None
        sink = deck.record(deck.ask())
        sink.request(Request("POST", f"https://api.example/{number}", JSON, body))
        if number:
            sink.head(Head(204, "No Content"))
            sink.ended(Ending())
        else:
            sink.discard()

    fails = pytest.raises(RecordingIncomplete, match="ZeroDivisionError") if function_fails else nullcontext()
    with fails, use_cassette(tmp_path / "a.yaml", record_mode="once", redaction=Redaction(functions=(breaks,))):
        tell(0, json.dumps({"password": SECRET}).encode())  # and is not kept
        tell(1, b'{"n": 1}')
        tell(2, f"my door opens with {SECRET}".encode())
        assert not leftovers(), "no piece of a body has come"
    bodies = [each.request.body for each in load_cassette(tmp_path / "a.yaml").interactions]
    assert bodies == [b'{"n": 1}', *([] if function_fails else [b"my door opens with REDACTED-password-1"])]
    assert not leftovers()


def test_a_saved_recording_does_not_show_which_pieces_were_read_together(tmp_path: Path) -> None:
    keys = [f"sk-{letter}9fT2kLm8Qw4Zx7Rb3Nc6Vd1" for letter in "abc"]
    events = [
        {"delta": {"content": f"it is {keys[0][:9]}"}},
        {"delta": {"content": f"{keys[0][9:]} ok"}},
        {"api_key": keys[1], "delta": {"content": "word"}},
        {"note": f"see https://x.example/?api_key={keys[2]}"},
        {"token": keys[0]},
    ]
    chunks = [Chunk(at / 10, b"data: " + json.dumps(event).encode() + b"\n\n") for at, event in enumerate(events)]
    saved = set()
    for together in (1, 2, 5):
        path = tmp_path / f"{together}.yaml"
        with use_cassette(path, record_mode="once"):
            deck = find_deck("https://api.example/")
            assert deck is not None
            sink = deck.record(deck.ask())
            sink.request(Request("GET", "https://api.example/"))
            sink.head(Head(200, "OK", STREAM))
            for at in range(0, len(chunks), together):
                sink.chunk(*chunks[at : at + together])
            sink.ended(Ending())
        [interaction] = load_cassette(path).interactions
        saved.add(interaction.response.body)
    [body] = saved
    assert [number for number in range(3) if b"REDACTED-api-key-%d" % (number + 1) in body] == [0, 1, 2]
    assert not [key for key in keys if key.encode() in body]
