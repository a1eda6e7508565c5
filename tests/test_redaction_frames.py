"""Secrets in Amazon's binary frames: whole, in pieces, in base64, in fields; lengths and checksums are made anew."""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from support.dialect_streams import frame, frames, wrapped

from fakegpt_testkit import Chunk, Head, Request, Tape
from fakegpt_testkit.framing.amazon import encode_frame, frame_ends, payload_of
from fakegpt_testkit.redaction import Redactor, StreamRedactor

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.once

SECRET = "q8Rt5Kx2Wm9Zp4Lc7Vb1"
KIND = (("Content-Type", "application/vnd.amazon.eventstream"),)
PIECES = ("It is ", SECRET[:5], SECRET[5:12], SECRET[12:], ".")


def converse(piece: str) -> tuple[str, Any]:
    return "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}}


def anthropic(piece: str) -> Any:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}


STREAMS = {
    "converse": frames(*map(converse, PIECES)),
    "a model's own events": wrapped(*map(anthropic, PIECES)),
    "Llama's": wrapped(*({"generation": each} for each in PIECES)),
    "Titan's": wrapped(*({"outputText": each, "index": 0} for each in PIECES)),
    "a tool's arguments": frames(
        *(
            ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": each}}})
            for each in ('{"door": "', SECRET[:7], SECRET[7:], '"}')
        )
    ),
    "JSON in lines": encode_frame(json.dumps({"said": SECRET}, indent=1).encode(), [(":event-type", "chunk")]),
    "an error's field": encode_frame(b"", [(":message-type", "error"), (":error-message", f"not with {SECRET}")]),
    "around the event": encode_frame(
        json.dumps({"bytes": base64.b64encode(b'{"a":1}').decode(), "p": SECRET}).encode(), [(":event-type", "chunk")]
    ),
    "no JSON": encode_frame(f"it is {SECRET}".encode(), [(":event-type", "TranscriptEvent")]),
    "under a name": frames(("initial-response", {"sessionToken": SECRET})),
}


def everything(body: bytes) -> str:
    """All that the frames say, the deltas put together."""
    told: list[str] = []
    start = 0
    for end in frame_ends(body):
        payload = payload_of(body[start:end]).decode()
        found = json.loads(payload) if payload.startswith("{") else {}
        inner = base64.b64decode(found["bytes"]).decode() if "bytes" in found else payload
        told += [str(each) for each in leaves(json.loads(inner) if inner.startswith("{") else inner)]
        start = end
    assert start == len(body), "a checksum is wrong"
    return "".join(told)


def leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for key, each in value.items() if key != "type" for leaf in leaves(each)]
    return [value] if isinstance(value, str) else []


def knowing() -> Redactor:
    redactor = Redactor()
    redactor.know(SECRET, "key")
    return redactor


@pytest.mark.parametrize("body", STREAMS.values(), ids=STREAMS.keys())
def test_no_frame_says_a_secret_and_each_can_be_read(body: bytes) -> None:
    after = knowing().body(body, KIND)
    assert len(frame_ends(after)) == len(frame_ends(body))
    said = everything(after)
    assert SECRET not in said
    assert SECRET[:5] not in said
    assert SECRET.encode() not in after
    assert b"REDACTED-" in after or "REDACTED-" in said
    assert knowing().body(after, KIND) == after


@pytest.mark.parametrize("build", [frames, wrapped], ids=["plain", "in base64"])
def test_a_frame_stays_in_its_chunk_and_what_is_cut_off_stays(build: Callable[..., bytes]) -> None:
    events: list[Any] = [converse(each) if build is frames else anthropic(each) for each in PIECES]
    whole = [build(each) for each in events]
    chunks = [Chunk(float(at), each) for at, each in enumerate(whole)]
    cut = whole[0][:-3]
    tape = Tape(Head(200, "OK", KIND), (*chunks, Chunk(9.0, cut)))
    told = knowing().response(tape)
    assert [chunk.at for chunk in told.chunks] == [chunk.at for chunk in tape.chunks]
    assert told.chunks[0].data == whole[0]
    assert told.chunks[-2:] == tape.chunks[-2:]
    assert all(frame_ends(chunk.data) == [len(chunk.data)] for chunk in told.chunks[:-1])
    assert "REDACTED-key-1" in everything(told.chunks[1].data)


def test_frames_of_another_coding_and_of_a_request_are_read_too() -> None:
    body = frames(*map(converse, PIECES))
    request = knowing().request(Request("POST", "http://a.example/", KIND, body))
    assert everything(request.body) == "It is REDACTED-key-1."
    broken = bytearray(frame("a", {"x": SECRET}))
    broken[-1] ^= 1
    assert SECRET.encode() not in knowing().body(bytes(broken), KIND)


@pytest.mark.parametrize("build", [frames, wrapped], ids=["plain", "in base64"])
@pytest.mark.parametrize("size", [7, 100, 4096])
def test_a_journal_of_frames_holds_no_secret(build: Callable[..., bytes], size: int) -> None:
    pieces = [*PIECES, *(f"word {number} " for number in range(40)), *PIECES]
    body = build(*(converse(each) if build is frames else anthropic(each) for each in pieces))
    stream = StreamRedactor(knowing(), KIND)
    given = [stream.feed(Chunk(0.0, body[at : at + size])) for at in range(0, len(body), size)]
    assert sum(map(bool, given)) > 1, "it is given out as it comes"
    told = everything(b"".join(chunk.data for some in (*given, stream.close()) for chunk in some))
    assert told == everything(body).replace(SECRET, "REDACTED-key-1")


def test_the_checksums_are_by_amazon_s_layout() -> None:
    after = knowing().body(frames(converse(f"it is {SECRET}")), KIND)
    assert int.from_bytes(after[:4], "big") == len(after)
    assert int.from_bytes(after[8:12], "big") == zlib.crc32(after[:8])
    assert int.from_bytes(after[-4:], "big") == zlib.crc32(after[:-4])
