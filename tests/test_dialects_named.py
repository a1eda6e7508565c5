"""The dialect that somebody named, where the stream's own words do not show it, in everything that looks at it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import httpx
import pytest
from support import dialect_streams as said
from support.commands import runner
from support.raw import raw_server

from fakegpt_testkit import cassette as cassettes
from fakegpt_testkit import dialects, use_cassette
from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.cli import main
from fakegpt_testkit.drift import Severity, differences
from fakegpt_testkit.effects import faults
from fakegpt_testkit.exchange import Chunk, Ending, Head, Interaction, Request, Tape
from fakegpt_testkit.html import page
from fakegpt_testkit.serving import Library
from fakegpt_testkit.storage import leftovers, read_journal
from fakegpt_testkit.timeline import Stream, describe, timeline_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fakegpt_testkit.effects import Effect


pytestmark = pytest.mark.once

LABEL = (("Content-Type", "text/event-stream"),)
HEADLESS = {
    "anthropic": said.sse(said.grow(0, type="text_delta", text="Hel"), said.grow(0, type="text_delta", text="lo")),
    "cohere": said.sse(*(said.cohere("content-delta", 0, content={"text": each}) for each in ("Hel", "lo"))),
    "ollama": said.lines(*({"message": {"content": each}} for each in ("Hel", "lo"))),
}
"""Streams whose first event is nobody's for sure: a gateway took the true first one away, or put one before it."""


def heard(body: bytes, named: str = "") -> Interaction:
    tape = Tape(Head(200, "OK", LABEL), (Chunk(0.5, body, (len(body),)),), Ending(at=1.0))
    return Interaction(Request("POST", "https://gateway.example/ask"), tape).in_dialect(named)


@pytest.mark.parametrize("name", HEADLESS)
def test_who_names_a_dialect_is_told_in_it(name: str, tmp_path: Path) -> None:
    plain, named = heard(HEADLESS[name]), heard(HEADLESS[name], name)
    assert Stream(plain).dialect == "unknown", "or this test shows nothing"
    assert (Stream(named).dialect, Stream(named).text) == (name, "Hello")
    assert [timeline_of(each).text for each in (plain, named)] == ["", "Hello"]
    assert "Hello" in describe(Stream(named)), "the report of a failed test"
    assert "Hello" in page("x.yaml", {1: timeline_of(named)})
    file = tmp_path / "named.yaml"
    file.write_bytes(cassettes.dumps(Cassette((named,), "")))
    loaded = cassettes.loads(file.read_bytes(), "named.yaml")
    assert loaded.interactions == (named,)
    assert "Hello" in runner().invoke(main, ["show", str(file)]).output
    cut = runner().invoke(main, ["check", str(file)])
    end = dialects.dialect_named(name).end
    assert end in cut.output.replace("\n", " "), "the end of the dialect that was named is missed"


OWN = """
from fakegpt_testkit import dialects

class Reader:
    def feed(self, event):
        return [dialects.End()] if event.data == "over" else [dialects.Text(event.data)]

    def close(self, stray=""):
        return []

WORDS = dialects.Dialect("words", speaks=lambda event, said: False, reader=Reader, end="over")
NUMBER = 1
"""
WORDS = b"".join(f"data: {each}\n\n".encode() for each in ("Hel", "lo"))


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a suite's own dialect, an old recording in it, one in Cohere's, and one that shows its own."""
    (tmp_path / "own_words.py").write_text(OWN)
    for name, body in (("words", WORDS), ("cohere", HEADLESS["cohere"]), ("shown", said.ANTHROPIC)):
        (tmp_path / f"{name}.yaml").write_bytes(cassettes.dumps(Cassette((heard(body),), "")))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    dialects.remove("words")
    sys.modules.pop("own_words", None)


def ran(*arguments: str) -> str:
    result = runner().invoke(main, [*arguments])
    assert result.exit_code < 2, result.output
    return result.output.replace("\n", " ")


@pytest.mark.parametrize(
    ("file", "name", "end"), [("cohere", "cohere", "message-end"), ("words", "own_words:WORDS", "over")]
)
def test_a_command_is_told_the_dialect_of_an_old_recording(file: str, name: str, end: str, suite: Path) -> None:
    path, told = f"{file}.yaml", ("--dialect", name)
    assert "Hello" not in ran("show", path), "or this test shows nothing"
    assert "text:     Hello" in ran("show", path, *told)
    assert '"text": "Hello"' in ran("show", path, "--json", *told)
    assert ran("replay", path, "--pace", "lockstep", *told).startswith("Hello")
    whole = ran("check", ".", "--allow", "stale", *told)
    assert f"{path}, interaction 1: cut-off: the stream has no end mark, {end}" in whole
    assert "shown.yaml" not in whole, "what shows its own is read in that"
    other = suite / "other.yaml"
    other.write_bytes((suite / path).read_bytes().replace(b"Hel", b"Hal"))
    assert "the answer's text differs" not in ran("diff", path, "other.yaml")
    assert "the answer's text differs: from character 2 on, 'Hello', now 'Hallo'" in ran(
        "diff", path, "other.yaml", *told
    )
    ran("convert", path, "shown.yaml", *told)
    assert ("dialect: cohere" if file == "cohere" else "dialect: words") in (suite / path).read_text()
    assert "dialect:" not in (suite / "shown.yaml").read_text()
    served = Library(lambda: [other], dialect=file).load()
    assert Stream(served.interactions[0]).text == "Hallo"
    other.write_bytes(cassettes.dumps(Cassette((heard(HEADLESS["anthropic"], "anthropic"),), "")))
    assert '"dialect": "anthropic"' in ran("show", "other.yaml", "--json", *told), "what a recording names stays"


def test_a_service_is_asked_again_in_the_dialect_that_its_stream_does_not_show(suite: Path) -> None:
    body = said.sse(said.cohere("content-delta", 0, content={"text": "Hello"}))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(body)
    with raw_server({"/ask": (head, body)}) as server:
        told = ("verify", "cohere.yaml", "--url", server.url, "-v")
        assert "events differ in their values" in ran(*told)
        assert "events differ" not in ran(*told, "--dialect", "cohere"), "the same text in other pieces"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("coher", "'coher' is none of fakegpt, openai-chat"),
        ("own_words:OTHER", "own_words:OTHER could not be imported: AttributeError"),
        ("no_words:WORDS", "no_words:WORDS could not be imported: ModuleNotFoundError: No module named 'no_words'"),
        ("own_words:NUMBER", "own_words:NUMBER is of type int, and no Dialect"),
    ],
)
@pytest.mark.usefixtures("suite")
def test_a_dialect_that_is_none_is_refused(name: str, problem: str) -> None:
    for command in ("show", "serve"):
        result = runner().invoke(main, [command, "words.yaml", "--dialect", name])
        assert result.exit_code == 2
        assert problem in result.stderr


EFFECTS: dict[str, tuple[Effect, Callable[[Stream], bool]]] = {
    "other words": (faults.said("Bonjour"), lambda stream: stream.text == "Bonjour"),
    "an error": (faults.error_event(0), lambda stream: stream.error is not None and "end" not in stream.order),
    "its own end": (faults.stop(1, end_mark=True), lambda stream: stream.text == "Hel" and stream.ended_properly),
    "another answer": (faults.status(429), lambda stream: stream.error is not None and stream.dialect == "anthropic"),
}


@pytest.mark.parametrize("name", EFFECTS)
def test_an_effect_speaks_the_dialect_that_was_named(name: str) -> None:
    effect, shows = EFFECTS[name]
    cassette = Cassette((heard(HEADLESS["anthropic"]),), "")
    with use_cassette(cassette, dialect="anthropic", faults=[effect]) as session:
        httpx.post("https://gateway.example/ask")
    assert shows(session.streams[0]), session.streams[0]


def test_what_is_no_drift_is_said_by_the_dialect_that_was_named() -> None:
    def growing(*texts: str) -> bytes:
        return said.sse(*({**said.grow(0, type="text_delta", text=each), "p": "ab" * len(each)} for each in texts))

    def found(named: str, *more: said.Json) -> set[Severity]:
        before, now = heard(growing("Hel", "lo"), named), heard(growing("Hello") + said.sse(*more))
        return {each.severity for each in differences([before], [now])}

    assert found("anthropic") <= {Severity.HARMLESS}
    assert Severity.BROKEN in found("anthropic", {"type": "error", "error": {"type": "x", "message": "y"}})


def test_a_recording_keeps_the_name_and_so_does_one_that_was_killed(tmp_path: Path) -> None:
    body = HEADLESS["cohere"]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(body)
    file = tmp_path / "a.yaml"
    with raw_server({"/ask": (head, body)}) as server:
        with use_cassette(file, record_mode="once", dialect="cohere") as session:
            httpx.post(f"{server.url}/ask")
            [journal] = (each for each in leftovers() if each.cassette == str(file))
            (killed,) = read_journal(journal.path)
            assert Stream(killed).text == "Hello"
        with use_cassette(file) as replayed:
            httpx.post(f"{server.url}/ask")
    assert [each.streams[0].text for each in (session, replayed)] == ["Hello", "Hello"]
    assert "dialect: cohere" in file.read_text()
    with use_cassette(file, record_mode="new_episodes", dialect="anthropic") as other:
        httpx.post(f"{server.url}/ask")
    assert other.streams[0].dialect == "anthropic", "what is named now comes before what was"
