"""For tests of redaction: a secret that is known, bodies that say one, and how a redactor is told and asked."""

from __future__ import annotations

import json

from fakegpt_testkit.exchange import Chunk, Head, Headers, Tape
from fakegpt_testkit.redaction import Redaction, Redactor, StreamRedactor

URL = "https://chat.example/v1"
JSON_TYPE = (("Content-Type", "application/json"),)
SSE_TYPE = (("Content-Type", "text/event-stream"),)
KEY = f"sk-proj-{'a1B2' * 6}"
"""A secret that shows by its form."""
TOKEN = KNOWN = "tok-7f3a9C21e0b84d55"
"""A secret of no form, which a redactor has to be told."""
ADDRESSES_TOO = Redaction(shapes=("email",))


def tape(*pieces: bytes, headers: Headers = ()) -> Tape:
    return Tape(Head(200, "OK", headers), tuple(Chunk(at / 10, piece) for at, piece in enumerate(pieces)))


def redacted(body: object, redactor: Redactor | None = None) -> object:
    """A JSON value as it is stored."""
    return json.loads((redactor or Redactor()).body(json.dumps(body).encode(), JSON_TYPE))


def events(values: list[object], end: str = "\n\n") -> bytes:
    return "".join(f"data: {json.dumps(value)}{end}" for value in values).encode()


def deltas(pieces: list[str], end: str = "\n\n") -> bytes:
    return events([{"choices": [{"delta": {"content": piece}, "index": 0}], "id": "c-1"} for piece in pieces], end)


def growing(pieces: list[str], end: str = "\n\n") -> bytes:
    texts = ["".join(pieces[: count + 1]) for count in range(len(pieces))]
    return events([{"message": {"content": {"parts": [text]}}, "error": None} for text in texts], end)


def text_in(event: object) -> str:
    """The string that stands deepest in an event."""
    while not isinstance(event, str):
        event = next(iter(event.values())) if isinstance(event, dict) else event[0] if isinstance(event, list) else ""
    return event


def texts_of(body: bytes) -> list[str]:
    """The text of each event, as a client reads it."""
    lines = (line[6:] for line in body.decode().splitlines() if line.startswith("data: {"))
    return [text_in(json.loads(line)) for line in lines]


def knowing(*secrets: str) -> Redactor:
    redactor = Redactor(ADDRESSES_TOO)
    for secret in secrets:
        redactor.know(secret, "key")
    return redactor


def feed(stream: StreamRedactor, data: bytes) -> bytes:
    return b"".join(chunk.data for chunk in stream.feed(Chunk(0.0, data)))


def close(stream: StreamRedactor) -> bytes:
    return b"".join(chunk.data for chunk in stream.close())


def fed(stream: StreamRedactor, body: bytes, size: int) -> list[bytes]:
    return [feed(stream, body[at : at + size]) for at in range(0, len(body), size)]
