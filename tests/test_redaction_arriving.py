"""Secrets redacted while they arrive: what is out is never one, in no framing, and all the rest is out in time."""

from __future__ import annotations

import gzip
import json

import pytest
from support.redacting import (
    ADDRESSES_TOO,
    KEY,
    KNOWN,
    SSE_TYPE,
    close,
    deltas,
    events,
    fed,
    feed,
    growing,
    knowing,
    texts_of,
)

from fakegpt_testkit.dialects.writing import WRITERS
from fakegpt_testkit.effects import script
from fakegpt_testkit.exchange import Chunk, Head, Headers, Interaction, Request, Tape
from fakegpt_testkit.framing import framing_of, split
from fakegpt_testkit.redaction import Redactor, StreamRedactor
from fakegpt_testkit.timeline import Stream

pytestmark = [pytest.mark.once, pytest.mark.untraced]


def packed_over_lines(packed: bytes) -> bool:
    return b"\n" in packed[10:-8]


STREAMS = {
    "deltas": deltas(["my ", "key is", " ", KEY[:3], KEY[3:9], KEY[9:], " and more"]),
    "growing": growing(["my ", "key is", " ", KEY[:3], KEY[3:9], KEY[9:], " and more"]),
    "known": deltas(["it is ", KNOWN[:5], KNOWN[5:], ". So"]),
    "known, with CRLF": growing(["it is ", KNOWN[:5], KNOWN[5:], ". So"], "\r\n\r\n"),
    "a password in arguments": events(
        [{"delta": {"partial_json": piece}} for piece in ('{"pass', 'word": ', '"hunter', '2 is it", ', '"a": 1}')]
    ),
    "a PEM key": deltas(["key:\n-----BEGIN ", "PRIVATE KEY-----\nMII", "abc", "\n-----END PRIVATE KEY-----", " ok"]),
    "a Bearer": deltas(["Bearer", " ", KNOWN, " ok"]),
    "an address": deltas(["to bob@", "mail.ex", "ample", " now"]),
    "nothing secret": deltas(["hello ", "world"]),
    "no end": deltas(["hello"]) + b"data: [DONE]",
    "lines": f"one\ntwo {KEY}\nthree".encode(),
    "JSON": json.dumps({"accessToken": KNOWN, "a": 1}).encode(),
    "JSON lines": b'{"response": "a"}\n{"response": "b"}\n',
    "one long JSON": json.dumps({"a": ["word " * 20] * 100, "accessToken": KNOWN, "b": f"{KEY} " * 9}).encode(),
    "no end of a line": f"{'one two ' * 50}{KEY} then {KNOWN}, {'x' * 300} {KEY}".encode(),
    "frames of nobody's": b"".join(bytes([0, 0, number, 9]) + KNOWN.encode() + b"\x01" for number in range(11, 60)),
    "nothing": b"",
    "gzip": next(
        packed
        for number in range(999)
        if packed_over_lines(packed := gzip.compress(f"{KEY} {KNOWN} {7**number}".encode(), mtime=0))
    ),
    "without a label": b": hello\n\n" + deltas(["to bob@", "mail.ex", "ample", " now"]),
}


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("body", STREAMS.values(), ids=STREAMS.keys())
def test_a_stream_redacted_as_it_arrives_is_the_same(body: bytes, size: int) -> None:
    headers: Headers = SSE_TYPE if body.startswith(b"data") else ()
    stream = StreamRedactor(knowing(KNOWN), headers)
    out = b"".join(fed(stream, body, size)) + close(stream)
    assert out == knowing(KNOWN).body(body, headers)
    assert close(stream) == b""


@pytest.mark.parametrize("body", STREAMS.values(), ids=STREAMS.keys())
def test_nothing_secret_is_ever_out(body: bytes) -> None:
    stream = StreamRedactor(knowing(KNOWN), SSE_TYPE if body.startswith(b"data") else ())
    out = b"".join(fed(stream, body, 5))
    for secret in (KEY, KNOWN, "hunter2", "bob@mail"):
        assert secret[:6] not in "".join(texts_of(out)) or secret[:6] == "bob@ma"
        assert secret.encode() not in out


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"x" * 3000, (("Content-Type", "application/vnd.amazon.eventstream"),)),
        (bytes(byte for byte in range(256) if byte != 10) * 12, ()),
        (b"0123456789abcdef " * 200, (("Content-Type", "text/plain"),)),
        (json.dumps({"items": ["some words"] * 900}).encode(), (("Content-Type", "application/json"),)),
    ],
    ids=["a word without an end", "binary", "words", "one JSON text"],
)
def test_what_has_no_ends_of_lines_is_out_as_it_comes(body: bytes, headers: Headers) -> None:
    stream = StreamRedactor(Redactor(), headers)
    out = fed(stream, body, 100)
    assert len(b"".join(out)) >= len(body) - 128
    assert sum(map(bool, out)) > len(out) / 2
    assert b"".join(out) + close(stream) == body


def test_the_rest_of_a_word_goes_that_shows_only_at_its_end_what_it_is() -> None:
    redactor = knowing("Q" * 30 + KNOWN * 3)
    stream = StreamRedactor(redactor)
    assert KNOWN.encode() not in b"".join(fed(stream, b"it is " + b"Q" * 30 + KNOWN.encode() * 3 + b" ok", 35))


def test_each_event_is_out_when_it_is_complete() -> None:
    pieces = ["my ", "dear ", "friend, ", "how ", "are ", "you"]
    stream = StreamRedactor(Redactor(), SSE_TYPE)
    for piece in pieces:
        assert texts_of(feed(stream, deltas([piece]))) == [piece]
    assert feed(stream, b"data: half") == b""
    assert feed(stream, b" an event\n") == b""
    assert feed(stream, b"\n") == b"data: half an event\n\n"


def test_what_one_event_says_is_secret_is_secret_in_the_next() -> None:
    redactor = Redactor()
    stream = StreamRedactor(redactor, SSE_TYPE)
    assert feed(stream, events([{"accessToken": KNOWN}])) == events([{"accessToken": "REDACTED-accessToken-1"}])
    assert feed(stream, events([{"name": KNOWN}])) == events([{"name": "REDACTED-accessToken-1"}])
    assert redactor.text(KNOWN) == "REDACTED-accessToken-1"


def test_a_short_event_is_out_at_once_where_the_headers_tell() -> None:
    assert feed(StreamRedactor(Redactor(), SSE_TYPE), b": ok\n\n") == b": ok\n\n"


def test_the_rest_of_a_secret_goes_whose_first_letters_are_out() -> None:
    stream = StreamRedactor(Redactor(ADDRESSES_TOO), SSE_TYPE)
    out = [texts_of(feed(stream, deltas([piece]))) for piece in ("mail ", "hello", "world@mail.example", " now")]
    assert out == [["mail "], ["hello"], [], ["", " now"]]


def test_events_are_held_while_a_secret_arrives_and_no_longer() -> None:
    stream = StreamRedactor(Redactor(), SSE_TYPE)
    out = [texts_of(feed(stream, deltas([piece]))) for piece in ("key ", KEY[:9], KEY[9:], " is", " it")]
    assert out == [["key "], [], [], ["REDACTED-api-key-1", "", " is"], [" it"]]


def test_what_is_held_has_a_bound() -> None:
    stream = StreamRedactor(Redactor(), SSE_TYPE)
    begun = feed(stream, deltas(["-----BEGIN PRIVATE KEY-----"]))
    held = [feed(stream, deltas(["x" * 50_000])) for _ in range(6)]
    assert begun == b""
    assert any(held)


def said_by(dialect: str, pieces: list[str]) -> tuple[bytes, Headers]:
    """An answer in these pieces: its body and what labels it."""
    if dialect.startswith("gemini array"):
        parts = [{"candidates": [{"content": {"parts": [{"text": piece}]}}]} for piece in pieces]
        pretty = 2 if dialect.endswith("lines") else None
        return ("[" + "\n,\r\n".join(json.dumps(part, indent=pretty) for part in parts) + "\n]").encode(), ()
    (interaction,) = script(*pieces, dialect=dialect.removesuffix(" without a label"))
    return interaction.response.body, () if dialect.endswith("a label") else interaction.response.headers


FRAMINGS = [*WRITERS, "ollama without a label", "gemini array", "gemini array over lines"]
PIECES = {
    "early": [KEY[:9], KEY[9:], " and more", "."],
    "later": ["it ", "is ", KEY[:3], KEY[3:12], KEY[12:], " and more", "."],
    "known": ["it ", "is ", KNOWN[:5], KNOWN[5:], " and more", "."],
}


def text_of(body: bytes, headers: Headers) -> str:
    request = Request("POST", "https://api.example/v1/models/m:streamGenerateContent")
    return Stream(Interaction(request, Tape(Head(200, headers=headers), (Chunk(0, body),)))).text


@pytest.mark.parametrize("pieces", PIECES.values(), ids=PIECES)
@pytest.mark.parametrize("dialect", FRAMINGS)
def test_a_secret_over_two_events_is_never_out_in_any_framing(dialect: str, pieces: list[str]) -> None:
    body, headers = said_by(dialect, pieces)
    framing = framing_of(body)
    assert framing is not None
    whole = knowing(KNOWN).body(body, headers)
    told = text_of(whole, headers)
    assert ("REDACTED-" in told, "and more." in told) == (True, True)
    assert not any(secret[:10] in told for secret in (KEY, KNOWN))
    for parts in (split(body, framing), [body[at : at + 7] for at in range(0, len(body), 7)]):
        stream = StreamRedactor(knowing(KNOWN), headers)
        out = b""
        for part in parts:
            out += feed(stream, part)
        assert not any(secret[:5] in text_of(out, headers) for secret in (KEY, KNOWN))
        assert out + close(stream) == whole


def test_chunks_that_come_together_keep_their_times_and_their_ends() -> None:
    pieces = [deltas(["it is "]), deltas([KEY[:9]]), deltas([KEY[9:]]), deltas([" is"])]
    body = b"".join(pieces)
    came = [Chunk(number, piece, (len(piece),)) for number, piece in enumerate(pieces)]
    came[1:3] = [Chunk(1, body[len(pieces[0]) : -len(pieces[3]) - 4]), Chunk(2, pieces[2][-4:], (4,))]
    stream = StreamRedactor(Redactor(), SSE_TYPE)
    out = [*stream.feed(*came[:1]), *stream.feed(*came[1:]), *stream.feed(Chunk(4, b"data: half")), *stream.close()]
    assert [chunk.at for chunk in out] == [0, 1, 2, 3, 4]
    assert [len(chunk.ends) for chunk in out] == [1, 0, 1, 1, 0]
    assert texts_of(b"".join(chunk.data for chunk in out[:-1])) == ["it is ", "REDACTED-api-key-1", "", " is"]


def test_a_chunk_in_which_an_event_ends_comes_out_in_two() -> None:
    stream = StreamRedactor(Redactor(), SSE_TYPE)
    first, half = deltas(["one"]), b"data: tw"
    (shown,) = stream.feed(Chunk(0, first + half, (len(first), len(first + half))))
    assert (shown.data, shown.ends) == (first, (len(first),))
    rest = stream.feed(Chunk(1, b"o\n\n", (3,)))
    assert [(chunk.at, chunk.data, chunk.ends) for chunk in rest] == [(0, half, (len(half),)), (1, b"o\n\n", (3,))]
