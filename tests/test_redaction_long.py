"""A long secret in many small events is read by its size, not by that for each of the events."""

from __future__ import annotations

import json
import random
from string import ascii_letters, digits
from typing import TYPE_CHECKING

import pytest

from fakegpt_testkit.exchange import Chunk
from fakegpt_testkit.redaction import Redactor, StreamRedactor

if TYPE_CHECKING:
    from fakegpt_testkit.exchange import Headers

pytestmark = pytest.mark.once

STREAM = (("Content-Type", "text/event-stream"),)
LONG = "".join(random.Random(1).choices(ascii_letters + digits, k=6000))


class Counting(Redactor):
    read = 0

    def events(
        self, before: bytes, chunks: tuple[Chunk, ...], headers: Headers = (), *, last: bool = False
    ) -> tuple[Chunk, ...] | None:
        self.read += len(before) + sum(len(chunk.data) for chunk in chunks)
        return super().events(before, chunks, headers, last=last)


def test_what_is_held_back_is_not_read_again_with_each_event() -> None:
    redactor = Counting()
    redactor.know(LONG, "key")
    text = f"here: {LONG} it is"
    pieces = [
        b"data: " + json.dumps({"choices": [{"delta": {"content": text[at : at + 40]}}]}).encode() + b"\n\n"
        for at in range(0, len(text), 40)
    ]
    stream = StreamRedactor(redactor, STREAM)
    shown = [chunk for piece in pieces for chunk in stream.feed(Chunk(0.0, piece))]
    whole = b"".join(chunk.data for chunk in (*shown, *stream.close()))
    assert redactor.read < 20 * len(b"".join(pieces))
    assert redactor.body(b"".join(pieces), STREAM) == whole
    said = [json.loads(line[6:])["choices"][0]["delta"]["content"] for line in whole.decode().split("\n\n") if line]
    assert "".join(said).startswith("here: REDACTED-key-1 it")
    assert not any(LONG[at : at + 12].encode() in whole for at in range(30, 6000, 1000))
