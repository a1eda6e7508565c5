"""Answers that repeat a value of their request: ids of calls, states, nonces, in every form of body."""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING

import pytest
import requests

from fakegpt_testkit import Chunk, Head, Interaction, Request, Tape, faults, use_cassette
from fakegpt_testkit.errors import BadSetting, RequestNotRecorded
from fakegpt_testkit.framing import Framing, cut, encode_frame
from fakegpt_testkit.recorder.echo import echoed

if TYPE_CHECKING:
    from fakegpt_testkit.exchange import Headers

pytestmark = pytest.mark.once
URL = "http://rpc.example/call"
JSON = (("Content-Type", "application/json"),)


def asks(said: object) -> Request:
    return Request("POST", URL, JSON, json.dumps(said).encode())


def answer(asked: Request, *pieces: bytes, headers: Headers = JSON) -> Interaction:
    return Interaction(asked, Tape(Head(200, "OK", headers), tuple(Chunk(at, each) for at, each in enumerate(pieces))))


def body(recorded: object, asked: object, said: bytes, *fields: str) -> bytes:
    return echoed(answer(asks(recorded), said), asks(asked), fields).response.body


@pytest.mark.parametrize(
    ("recorded", "asked", "said", "told"),
    [
        ("r-1", "r-22", b'{"id": "r-1", "n": "r-12"}', b'{"id": "r-22", "n": "r-12"}'),
        (7, 1234, b'{"id":7,"result":7,"more":{"id" : 7.5}}', b'{"id":1234,"result":7,"more":{"id" : 7.5}}'),
        (7, "seven", b'{"id": 7}', b'{"id": "seven"}'),
        ("seven", None, b'{"id": "seven"}', b'{"id": null}'),
        ("1", "2", b'{"id": "1", "count": "1"}', b'{"id": "2", "count": "1"}'),
        ("call_ä1", 'a "b"', b'{"ref": "call_\\u00e41"}', b'{"ref": "a \\"b\\""}'),
        ("call_ä1", "b", '{"ref": "call_ä1"}'.encode(), b'{"ref": "b"}'),
        ("r-1", "r-2", b'{"text": "{\\"id\\": \\"r-1\\"}"}', b'{"text": "{\\"id\\": \\"r-2\\"}"}'),
        (1, 2, b'data: {"id":1}\n\ndata: {"id":1,"ok":1}\n\n', b'data: {"id":2}\n\ndata: {"id":2,"ok":1}\n\n'),
        (1, 2, b'{"id": 1}\n{"id": 1, "x": 1}\n', b'{"id": 2}\n{"id": 2, "x": 1}\n'),
        ("ab12", "xyz", b"ab12", b"xyz"),
        ("ab12", "x y", b"state=1&id=ab12&z=ab12z", b"state=1&id=x%20y&z=ab12z"),
        ("ab12", "xyz", b'<a id="ab12"><b>ab12 </b>ab123</a>', b'<a id="xyz"><b>xyz </b>ab123</a>'),
        ("session-0001", "other", b"see session-0001, not session-00012", b"see other, not session-00012"),
    ],
)
def test_an_answer_repeats_the_value_that_was_asked(recorded: object, asked: object, said: bytes, told: bytes) -> None:
    assert body({"id": recorded}, {"id": asked}, said, "body.id") == told
    assert body({"id": recorded}, {"id": recorded}, said, "body.id") == said
    assert body({"id": recorded}, {"id": asked}, said, "body.other") == said


def test_several_calls_in_one_body_change_places() -> None:
    recorded, asked = [{"id": 1}, {"id": 2}], [{"id": 2}, {"id": 1}]
    assert body(recorded, asked, b'[{"id": 2}, {"id": 1}]', "body[*].id") == b'[{"id": 1}, {"id": 2}]'
    deep = body({"a": {"token": "abc"}}, {"a": {"token": "xyz"}}, b'{"p": {"token": "abc"}}', "body.**.token")
    assert deep == b'{"p": {"token": "xyz"}}'


def test_lengths_chunks_and_checksums_stay_true() -> None:
    said = b'{"id": "r-1", "a": "b"}'
    crc = base64.b64encode(zlib.crc32(said).to_bytes(4, "big")).decode()
    fields = (*JSON, ("Content-Length", str(len(said))), ("x-amz-checksum-crc32", crc))
    tape = echoed(answer(asks({"id": "r-1"}), said[:9], said[9:], headers=fields), asks({"id": "r-long"}), ("body.id",))
    assert [chunk.data for chunk in tape.response.chunks] == [b'{"id": "r-long"', b', "a": "b"}']
    assert dict(tape.response.headers)["Content-Length"] == str(len(tape.response.body))
    assert dict(tape.response.headers)["x-amz-checksum-crc32"] != crc


def test_a_binary_frame_is_measured_anew() -> None:
    frames = [encode_frame(json.dumps({"id": "r-1", "n": n}).encode(), [(":event-type", "chunk")]) for n in (1, 2)]
    told = body({"id": "r-1"}, {"id": "r-longer"}, b"".join(frames), "body.id")
    assert [json.loads(each.data)["id"] for each in cut(told, Framing.AMAZON).events] == ["r-longer"] * 2
    other = b"\0\0\0\x0b" + b'{"id":"r-1"}'
    assert body({"id": "r-1"}, {"id": "r-2"}, other, "body.id") == other.replace(b"r-1", b"r-2")
    assert body({"id": "r-1"}, {"id": "r-longer"}, other, "body.id") == other


def test_a_query_and_a_header_are_repeated_in_headers() -> None:
    asked = Request("GET", "http://login.example/auth?state=s1&a=b", (("X-Request-Id", "q1"),))
    fields = (
        ("Location", "http://app.example/?code=s1x&state=s1"),
        ("X-Request-Id", "q1"),
        ("Set-Cookie", "state=s1; Path=/"),
    )
    recorded = Interaction(asked, Tape(Head(302, "Found", fields)))
    now = Request("GET", "http://login.example/auth?state=a%2Fb&a=b", (("X-Request-Id", "q2"),))
    told = echoed(recorded, now, ("query.state", "headers.x-request-id")).response.headers
    assert told == (
        ("Location", "http://app.example/?code=s1x&state=a%2Fb"),
        ("X-Request-Id", "q2"),
        ("Set-Cookie", "state=a%2Fb; Path=/"),
    )


def test_a_field_that_is_repeated_decides_no_match() -> None:
    recorded = answer(asks({"id": 1, "method": "m"}), b'data: {"id": 1}\n\n', b'data: {"id": 1, "end": true}\n\n')
    with use_cassette((recorded,), echo=["body.id"], faults=[faults.stop(after_event=1).on(interaction=1)]) as session:
        with requests.post(URL, json={"id": 5678, "method": "m"}, timeout=5) as response:
            assert response.content == b'data: {"id": 5678}\n\n'
        with pytest.raises(RequestNotRecorded):
            requests.post(URL, json={"id": 5, "method": "other"}, timeout=5)
        assert len(session.played) == 1
    with pytest.raises(BadSetting):
        use_cassette((recorded,), echo=["nowhere"])
