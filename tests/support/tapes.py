"""Hypothesis: tapes of streams as they are recorded."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import strategies as st

from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Tape
from support.playing import EVENTS, STREAM_HEADERS

LENGTH_HEADERS = (("Content-Type", "text/event-stream"), ("Content-Length", str(len(b"".join(EVENTS)))))
CLOSE_HEADERS = (("Content-Type", "text/event-stream"),)
GZIP_HEADERS = (*STREAM_HEADERS, ("Content-Encoding", "gzip"))


@st.composite
def tapes(draw: st.DrawFn) -> Tape:
    """Streams of events as they are recorded: cut anywhere, HTTP chunks of any size, any framing, any ending."""
    texts = draw(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=8), max_size=6))
    newline = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    comment = draw(st.sampled_from(["", ": ping" + newline]))
    body = "".join(
        f"{comment}data: {json.dumps(text, ensure_ascii=False)}{newline}{newline}" for text in texts
    ).encode()
    headers = draw(st.sampled_from([STREAM_HEADERS, LENGTH_HEADERS, CLOSE_HEADERS, GZIP_HEADERS]))
    chunked = headers in (STREAM_HEADERS, GZIP_HEADERS)
    chunks = []
    at = draw(st.floats(0, 1))
    head = Head(200, "OK", headers, "1.1", at)
    while body:
        size = draw(st.integers(1, len(body)))
        at += draw(st.floats(0, 1))
        ends = tuple(sorted(draw(st.sets(st.integers(1, size), max_size=2)))) if chunked else ()
        chunks.append(Chunk(at, body[:size], ends))
        body = body[size:]
    kind = draw(st.sampled_from([EndingKind.COMPLETE, EndingKind.EOF, EndingKind.RESET, EndingKind.STALLED]))
    return Tape(head, tuple(chunks), Ending(kind, at))


def whole(tape: Tape) -> Tape:
    return replace(tape, ending=replace(tape.ending, kind=EndingKind.COMPLETE))
