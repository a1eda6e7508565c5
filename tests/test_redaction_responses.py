"""A redacted response as a whole: its length, its coding, its notes, its chunks and their times."""

from __future__ import annotations

import gzip
import json

import pytest
from support.redacting import TOKEN, URL, tape

from fakegpt_testkit.exchange import (
    Chunk,
    Ending,
    EndingKind,
    Head,
    Interaction,
    Provenance,
    Request,
    Tape,
)
from fakegpt_testkit.redaction import Redactor
from fakegpt_testkit.redaction.chunks import apply_edits
from fakegpt_testkit.redaction.vault import Edit

pytestmark = pytest.mark.once


def test_the_length_header_stays_true() -> None:
    headers = (("content-length", "24"), ("X", "24"))
    body = b'{"secret": "x", "b": 12}'
    assert len(body) == 24
    stored = Redactor().response(tape(body, headers=headers))
    assert stored.headers == (("content-length", str(len(stored.body))), ("X", "24"))
    request = Redactor().request(Request("POST", URL, (("Content-Length", "24"),), body))
    assert request.headers == (("Content-Length", str(len(request.body))),)


def test_a_length_of_something_else_is_left_alone() -> None:
    stored = Redactor().response(tape(b'{"secret": "x"}', headers=(("Content-Length", "7"),)))
    assert stored.headers == (("Content-Length", "7"),)


def test_gzip_in_chunks_stays_gzip() -> None:
    packed = gzip.compress(json.dumps({"secret": "x", "text": "word " * 50}).encode())
    for size in (1, 7, 1000):
        chunks = [packed[at : at + size] for at in range(0, len(packed), size)]
        stored = Redactor().response(tape(*chunks))
        assert json.loads(gzip.decompress(stored.body))["secret"] == "REDACTED-secret-1"
        assert len(stored.chunks) == len(chunks)
        assert all(chunk.data for chunk in stored.chunks)


def test_notes_reasons_and_origins_are_redacted() -> None:
    response = Tape(Head(500, f"Bad key {TOKEN}"), (), Ending(EndingKind.RESET, 1.0, f"lost https://u:{TOKEN}@h"))
    stored = Redactor().interaction(
        Interaction(
            Request("GET", URL, (("X-Api-Key", TOKEN),)), response, Provenance("now", f"https://u:{TOKEN}@h:1", TOKEN)
        )
    )
    assert TOKEN not in repr(stored)
    assert stored.provenance.origin == "https://u:REDACTED-x-api-key-1@h:1"
    assert stored.response.ending == Ending(EndingKind.RESET, 1.0, "lost https://u:REDACTED-x-api-key-1@h")


CUTS = {
    "a chunk in the middle of a secret": ([b"a TO", b"KEN b"], [b"a <word>", b" b"]),
    "a chunk with nothing else": ([b"a T", b"OKE", b"N b"], [b"a <word", b">", b" b"]),
    "a secret and no more": ([b"TO", b"KEN"], [b"<word", b">"]),
    "bytes": ([b"T", b"O", b"K", b"E", b"N"], [b"<w", b"o", b"r", b"d", b">"]),
    "a cut before and after": ([b"a ", b"TOKEN", b" b"], [b"a ", b"<word>", b" b"]),
    "two in one": ([b"TOKEN TO", b"KEN"], [b"<word> <word", b">"]),
    "none": ([b"a", b"b"], [b"a", b"b"]),
}


@pytest.mark.parametrize(("before", "after"), CUTS.values(), ids=CUTS.keys())
def test_a_word_belongs_to_the_chunk_where_its_secret_began(before: list[bytes], after: list[bytes]) -> None:
    joined = b"".join(before).decode()
    edits = [Edit(at, at + 5, "<word>") for at in range(len(joined)) if joined.startswith("TOKEN", at)]
    assert [chunk.data for chunk in apply_edits(tape(*before).chunks, edits)] == after


def test_chunks_go_when_there_are_fewer_bytes_than_chunks() -> None:
    secret = "s3cret-" * 20
    redactor = Redactor()
    redactor.know(secret, "key")
    stored = redactor.response(tape(*(bytes([each]) for each in secret.encode())))
    assert stored.body == b"REDACTED-key-1"
    assert [chunk.data for chunk in stored.chunks] == [bytes([each]) for each in b"REDACTED-key-1"]
    times = [chunk.at for chunk in stored.chunks]
    assert times == sorted(times)


def test_chunks_stay_where_the_body_shrinks_first_and_grows_later() -> None:
    chunks = tape(*(bytes([each]) for each in b"TOKENabcdT")).chunks
    after = apply_edits(chunks, [Edit(0, 5, "w"), Edit(9, 10, "longer")])
    assert b"".join(chunk.data for chunk in after) == b"wabcdlonger"
    assert [chunk.at for chunk in after] == [chunk.at for chunk in chunks]


def test_http_chunk_ends_move_with_the_bytes() -> None:
    redactor = Redactor()
    redactor.know(TOKEN, "key")
    half = len(TOKEN) // 2
    first, second = f"one {TOKEN[:half]}".encode(), f"{TOKEN[half:]} two".encode()
    chunks = (Chunk(0.1, first, (3, len(first))), Chunk(0.2, second, (2, len(second))))
    stored = redactor.response(Tape(Head(200), chunks))
    word = b"one REDACTED-key-1"
    assert stored.chunks == (Chunk(0.1, word, (3, len(word))), Chunk(0.2, b" two", (4,)))
