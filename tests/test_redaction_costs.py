"""Redaction takes time by the size of what it reads, however strange that is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from support.redacting import (
    KNOWN,
    SSE_TYPE,
    close,
    fed,
    growing,
    knowing,
)

from fakegpt_testkit.exchange import Chunk, Head, Interaction, Request, Tape
from fakegpt_testkit.redaction import Redactor, StreamRedactor

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.once, pytest.mark.untraced]

STRANGE = {
    "letters": "a",
    "backslashes": "\\",
    "quotes": '"',
    "escaped quotes": '\\"',
    "open keys": '"password":"',
    "open escaped keys": '\\"password\\":\\"',
    "keys of all depths": '"password": \\"password\\": \\\\\\"password\\\\\\": ',
    "braces": "{",
    "brackets after a key": '"secret":[',
    "at signs": "@",
    "addresses": "a@a.a",
    "dots": "a.",
    "labels": "@a.a.a.a.a.a.a.a.a.a.",
    "keys": "sk-",
    "JWT": "eyJ",
    "JWT parts": "eyJaaaaaaaa.",
    "PEM": "-----BEGIN PRIVATE KEY-----",
    "schemes": "://",
    "users": "://a:",
    "Bearer": "Bearer ",
    "Basic": "Basic ",
    "ampersands": "&key=",
    "percents": "%61",
    "escapes": "\\u0061",
    "commas": '",',
    "pairs": 'name="password" value="',
    "names": 'name="password" ',
    "data lines": "data: {\n",
    "events": 'data: {"content": "a"}\n\n',
    "apostrophes": "'",
    "base64": "dG9rLTdmM2E5QzIxZTBiODRkNTU",
    "boundaries": "--b\n",
    "known beginnings": "tok-7f3a9C21e0b84d5",
    "spaces": " ",
    "colons": ": ",
}


def grows_with_its_square(seconds: Callable[[int], float], size: int) -> bool:
    """Whether four times the size takes far more than four times the processor time, three times in a row."""
    return all(seconds(4 * size) > 9 * seconds(size) + 0.05 for _ in range(3))


@pytest.mark.parametrize("piece", STRANGE.values(), ids=STRANGE.keys())
@pytest.mark.parametrize("start", ["", "data: "], ids=["body", "stream"])
def test_time_grows_with_the_size_and_not_with_its_square(piece: str, start: str) -> None:
    headers = (("Content-Type", "multipart/form-data"),) if piece.startswith("--") else ()

    def seconds(size: int) -> float:
        body = (start + piece * (size // len(piece))).encode()
        redactor = knowing(KNOWN)
        began = time.process_time()
        redactor.body(body, headers)
        return time.process_time() - began

    assert not grows_with_its_square(seconds, 25_000)


def test_growing_text_takes_time_by_its_bytes() -> None:
    def seconds(size: int) -> float:
        body = growing([f"word {number} " for number in range(int(size**0.5))])
        chunks = tuple(Chunk(at / 1e5, body[at : at + 1400]) for at in range(0, len(body), 1400))
        request = Request("GET", "https://h/", (("X-Api-Key", KNOWN),))
        began = time.process_time()
        Redactor().interaction(Interaction(request, Tape(Head(200, headers=SSE_TYPE), chunks)))
        return time.process_time() - began

    assert not grows_with_its_square(seconds, 10_000)


@pytest.mark.parametrize("piece", ["{", "}", '"', "\\", '{"a": "}', '{"text": "a"},', "[{"])
def test_an_array_that_is_none_is_read_once(piece: str) -> None:
    def seconds(size: int) -> float:
        body = b"[{" + piece.encode() * (size // len(piece))
        stream = StreamRedactor(Redactor())
        began = time.process_time()
        out = b"".join(fed(stream, body, 50)) + close(stream)
        assert out == body
        return time.process_time() - began

    assert not grows_with_its_square(seconds, 10_000)
