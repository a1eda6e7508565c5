"""Hypothesis strategies that feed a suite's own consumer: events, streams, their cuts, whole answers with their noise.

Knows nothing of who reads them. Needs the extra ``strategies``: ``pip install "fakegpt-testkit[strategies]"``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from fakegpt_testkit.dialects import ToolCall
from fakegpt_testkit.dialects.writing import WRITERS, Said
from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.fakegpt.strategies import Conversation, conversations
from fakegpt_testkit.sse import Event, encode
from fakegpt_testkit.wording import choice

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["Conversation", "Written", "answers", "conversations", "cuts", "event_streams", "events", "recuts"]

_LINE_ENDS = ("\n", "\r", "\r\n")
# What readers trip over: other ends of lines than the standard's, what looks like syntax, characters of 1 to 4 bytes.
_TRAPS = ("\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", ":", " ", "\t", "data: ", "[DONE]", "\ufeff", "\ufffd")
_PLAIN = ("a", "Hello", "é", "中", "😀", "👩\u200d🚀", '"', "\\", "{}")


def _text(*, line_feeds: bool) -> SearchStrategy[str]:
    alphabet = st.characters(exclude_categories=["Cs"], exclude_characters="\r" if line_feeds else "\r\n")
    pieces = st.sampled_from((*_TRAPS, *_PLAIN, "\n", "\n\n") if line_feeds else (*_TRAPS, *_PLAIN))
    return st.lists(st.one_of(pieces, st.text(alphabet, max_size=5)), max_size=6).map("".join)


def events() -> SearchStrategy[Event]:
    """Any event that a stream can carry: what `encode` takes."""
    types = st.one_of(st.just("message"), _text(line_feeds=False).filter(bool))
    ids = st.one_of(st.just(""), _text(line_feeds=False).filter(lambda text: "\0" not in text))
    return st.builds(Event, types, _text(line_feeds=True), ids)


@st.composite
def event_streams(draw: DrawFn, of: SearchStrategy[Event] | None = None) -> bytes:
    """A whole body: events, and between their lines all that the standard lets stand there.

    That is a BOM at the start, each of the three line ends, comments, unknown fields, a space after the colon or none,
    blank lines, blocks without data, and at the end an event that was cut off. `parse` gives the events of it.
    """
    source = events() if of is None else of
    body = draw(st.sampled_from(("", "", "\ufeff")))
    last_event_id = ""
    for event in draw(st.lists(source, max_size=6)):
        body += draw(_noise)
        for line in encode(event, last_event_id=last_event_id).decode().split("\n")[:-1]:
            end = draw(st.sampled_from(_LINE_ENDS))
            if not line and body.endswith("\r") and end == "\n":
                end = "\r\n"  # an LF after that CR would be the same line end, and no blank line
            body += _tight(line, tight=draw(st.booleans())) + end
            if line:
                body += draw(_lines_that_say_nothing)
        last_event_id = event.id
    tail = draw(st.sampled_from(("", "", "data: cut", "data: cut\n", ": cut", "event: cut\r\n")))
    return (body + ("" if body.endswith("\r") and tail.startswith("\n") else tail)).encode()


def _tight(line: str, *, tight: bool) -> str:
    """The line without the space after its colon, where that is the same line."""
    name, colon, value = line.partition(": ")
    return f"{name}:{value}" if tight and colon and not value.startswith(" ") else line


def _ended(line: SearchStrategy[str]) -> SearchStrategy[str]:
    return st.tuples(line, st.sampled_from(_LINE_ENDS)).map("".join)


_silent_line = st.one_of(
    _text(line_feeds=False).map(lambda text: f":{text}"),
    _text(line_feeds=False).map(lambda text: f"unknown: {text}"),
    st.sampled_from(("Data: x", "data : x", " data: x", "retry: 3000", "retry: x", "id: \0")),
)
_lines_that_say_nothing = st.lists(_ended(_silent_line), max_size=1).map("".join)
_noise = st.lists(
    st.one_of(_ended(_silent_line), st.sampled_from(("\r\n\r\n", "event: unheard\r\n\r\n", ": keep-alive\r\n\r\n"))),
    max_size=2,
).map(lambda pieces: "".join([*pieces, "event\r\n"]) if pieces else "")


@st.composite
def cuts(draw: DrawFn, body: bytes) -> list[bytes]:
    """The body in pieces, as a network may hand it over: joined they are the body, and some may be empty."""
    kind = draw(st.sampled_from(("few", "even", "bytes", "line ends", "whole")))
    if kind == "few":
        places = sorted(draw(st.lists(st.integers(0, len(body)), max_size=8)))
    elif kind == "line ends":
        ends = [place for place in range(1, len(body)) if body[place - 1] in b"\r\n"]
        kept = draw(st.lists(st.booleans(), min_size=len(ends), max_size=len(ends)))
        places = [place for place, keep in zip(ends, kept, strict=True) if keep]
    elif kind == "whole":
        places = []
    else:
        size = 1 if kind == "bytes" else draw(st.integers(2, 64))
        places = list(range(size, len(body), size))
    if draw(st.booleans()):
        places = sorted(places * 2)  # an empty piece at each cut
    return [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]


def recuts() -> SearchStrategy[int | str | list[int]]:
    """Ways to cut a whole cassette again, for ``use_cassette(…, recut=…)``: sizes, a named way, or a seed."""
    sizes = st.lists(st.integers(1, 64), min_size=1, max_size=8)
    return st.one_of(sizes, st.sampled_from(("event", "line", "byte")), st.integers(0, 2**32))


_answer_text = st.one_of(
    st.sampled_from(_PLAIN),
    st.sampled_from(("\u2028", "\x85", "data: x\n\n", "[DONE]", "\n")),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"), min_size=1, max_size=8),
)


@dataclass(frozen=True, slots=True)
class Written:
    """A whole answer in a dialect: the ``body`` as it is sent, its media type, and what is ``said`` in it."""

    body: bytes
    content_type: str
    said: Said


@st.composite
def answers(draw: DrawFn, dialect: str = "openai-chat") -> Written:
    """Whole streams in a provider's dialect: texts, reasoning, calls of tools and usage, each there or not."""
    if dialect not in WRITERS:
        raise BadSetting("dialect", dialect, choice(dialect, WRITERS))
    writer = WRITERS[dialect]
    values = st.none() | st.booleans() | st.integers(-(2**31), 2**31) | _answer_text
    calls = st.builds(ToolCall, st.from_regex(r"\A[a-z_]{1,12}\Z"), st.dictionaries(_answer_text, values, max_size=3))
    said = Said(
        tuple(draw(st.lists(_answer_text, min_size=1, max_size=5))),
        draw(st.just("") | _answer_text),
        tuple(draw(st.lists(calls, max_size=2))),
        draw(st.none() | st.tuples(st.integers(0, 10**6), st.integers(0, 10**6))),
    )
    return Written(b"".join(writer.events(said)), writer.content_type, said)
