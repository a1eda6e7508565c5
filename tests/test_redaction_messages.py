"""Secrets in HTTP messages that stand in a body: a head that no parser took, an echo, the parts of a batch."""

from __future__ import annotations

import pytest

from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Tape
from fakegpt_testkit.redaction import Redactor, StreamRedactor

pytestmark = pytest.mark.once

SECRETS = ("zz9", "Qm", "k1x", "dXNlcjpwYXNz")
MESSAGES = {
    "a head that is broken": b"HTTP/1.1 200 OK\r\ngarbage\r\nSet-Cookie: sid=zz9; Path=/\r\nX-Api-Key: k1x\r\n\r\nbody",
    "a head that was cut off": b"HTTP/1.1 200 OK\r\nX-Api-Key: k1x\r\nSet-Cookie: sid=zz9",
    "another protocol": b"ICY 200 OK\r\nset-cookie: sid=zz9\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\nCookie: sid=zz9; b=Qm\nX: y\n\nbody",
    "a bare return": b"HTTP/1.1 200 OK\r\nX: y\rSet-Cookie: sid=zz9\r\n\r\n",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nX-Api-Key : k1x\r\n\r\n",
    "a folded field": b"HTTP/1.1 200 OK\r\nAuthorization: Basic\r\n dXNlcjpwYXNz\r\nX-Api-Key:\r\n\tk1x\r\n\r\n",
    "an echo": b"TRACE /a HTTP/1.1\r\nHost: a.example\r\nCookie: sid=zz9\r\n\r\n",
    "a batch": (
        b"--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: sid=zz9\r\n\r\n{}\r\n"
        b"--b\r\nContent-Type: application/http\r\n\r\nGET /a HTTP/1.1\r\nX-Api-Key: k1x\r\n\r\n\r\n--b--"
    ),
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_a_secret_in_a_message_s_field_is_taken_out(message: bytes) -> None:
    ending = Ending(EndingKind.MALFORMED, 0.0, "head")
    after = Redactor().response(Tape(Head(0), (Chunk(0.0, message),), ending)).body
    assert not [each for each in SECRETS if each.encode() in after]
    assert after.count(b"\n") >= message.count(b"\n") - 2
    noting = StreamRedactor(Redactor())
    noted = [*noting.feed(Chunk(0.0, message[:30])), *noting.feed(Chunk(1.0, message[30:])), *noting.close()]
    assert not [each for each in SECRETS if each.encode() in b"".join(chunk.data for chunk in noted)]


def test_an_example_in_a_text_loses_what_looks_like_a_secret() -> None:
    text = "Send this:\n\nGET /v1/models HTTP/1.1\nX-Api-Key: q8Rt5Kx2Wm9Zp4Lc7Vb1\n\nand wait."
    assert Redactor().body(text.encode()) == text.replace("q8Rt5Kx2Wm9Zp4Lc7Vb1", "REDACTED-X-Api-Key-1").encode()


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX: y\r\n\r\nCookie: not=afield",
        b"PAGE 200\r\nCookie: of flour\r\n",
        b"Send this:\n\nGET /v1/models HTTP/1.1\nHost: a\nAuthorization: Bearer YOUR_TOKEN\nCookie: a=b\n\nso.",
        b"We said GET /a HTTP/1.1 and\r\nCookie: he answered\r\n",
    ],
)
def test_what_is_no_field_of_a_message_stays(text: bytes) -> None:
    assert Redactor().body(text) == text


@pytest.mark.parametrize(
    ("body", "note", "kept"),
    [
        (b"hello", "chunk: 0x5\\r\\nhello\\r\\n", "chunk: 0x5\\r\\nhello\\r\\n"),
        (b"", r"cut off: 0\r\nX-Sum: 1\r\n", r"cut off: 0\r\nX-Sum: 1\r\n"),
        (b"hello", r"cut off: 0\r\nX-Api-Key: k1x\r\n", "cut off"),
        (b"key q8Rt5Kx2W", r"chunk: m9Zp4Lc7Vb1\r\n", "chunk"),
        (b"hello", r"surplus: q8Rt5Kx2Wm9Zp4Lc7Vb1", "surplus"),
        (b"", "lost q8Rt5Kx2Wm9Zp4Lc7Vb1", "lost REDACTED-key-1"),
    ],
    ids=["a size", "a trailer", "a trailer's secret", "half of a secret", "a secret", "words"],
)
def test_what_came_after_a_body_is_kept_where_no_secret_shows_in_it(body: bytes, note: str, kept: str) -> None:
    redactor = Redactor()
    redactor.know("q8Rt5Kx2Wm9Zp4Lc7Vb1", "key")
    ending = Ending(EndingKind.MALFORMED, 0.0, note)
    assert redactor.response(Tape(Head(200), (Chunk(0.0, body),), ending)).ending.note == kept
    assert redactor.note(note) == kept.partition(":")[0], "what came before it is not known yet"
