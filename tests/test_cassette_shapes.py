"""Cassettes as other tools, and people, have written them: one fixture per shape, all of our own making."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path

import pytest
import requests
import yaml
from support.commands import runner
from vcr.serialize import deserialize
from vcr.serializers import yamlserializer

from fakegpt_testkit import cassette
from fakegpt_testkit.cassette import coding
from fakegpt_testkit.cli import main
from fakegpt_testkit.errors import CassetteError
from fakegpt_testkit.exchange import Ending, Head, Interaction, Request, Tape, header
from fakegpt_testkit.maintenance import catalog
from fakegpt_testkit.recorder import load_cassette, use_cassette

SHAPES = Path(__file__).parent / "shapes"
EVENTS = [
    'data: {"text": "Hi 😀"}\n\n'.encode(),
    b"id: 7\nevent: note\ndata: two\ndata: lines\n\n",
    b": a comment\n\ndata:x\n\n",
    b"data: [DONE]\n\n",
]
A = [b"data: a\n\n"]
DOWNLOAD: bytes = yaml.safe_load((SHAPES / "gzip_download.yaml").read_bytes())["interactions"][0]["response"]["body"][
    "string"
]
PIECES = {
    "aiohttp_json_body": A,
    "anchors": A,
    "base64_string": EVENTS,
    "cassetter": [b'data: {"delta": "Hel"}\n\n', 'data: {"delta": "lo 😀"}\n\n'.encode(), b"data: [DONE]\n\n"],
    "decoded_chunked": A,
    "crlf_stream": [b"data: a\r\n\r\n", b": c\r\nid: 1\r\ndata: b\r\ndata:c\r\n\r\n"],
    "document_end": A,
    "file_and_iterator_bodies": A,
    "gzip_download": [DOWNLOAD],
    "gzip_label_only": EVENTS,
    "gzip_labelled": EVENTS,
    "gzip_unlabelled": EVENTS,
    "istr_keys": A,
    "lower_case_method_and_fragment": A,
    "old_httpx": [b"data: a\n\n", b"data: b\n\n"],
    "old_httpx_gzip": EVENTS,
    "plain_header_values": A,
    "pydantic_ai_parsed_body": [
        b'{"content": [{"text": "hi", "type": "text"}], "id": "msg_1", "usage": {"output_tokens": 7}}'
    ],
    "pytest_recording": [
        b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":" there"}}]}\n\n',
        b"data: [DONE]\n\n",
    ],
    "vcrpy_binary": EVENTS,
    "vcrpy_double_quoted": EVENTS,
    "vcrpy_literal": EVENTS,
    "vcrpy_single_quoted": [b"data: it's\n\n", b"data: [DONE]\n\n"],
    "version_first": A,
}  # fmt: skip
NOT_VCRPYS = {
    "absent_bodies", "base64_string", "cassetter", "istr_keys", "old_httpx", "old_httpx_gzip", "pydantic_ai_parsed_body"
}  # fmt: skip
"""Shapes that vcrpy itself does not load today, or that a serializer of its user's has to turn round."""


WITH_SECRETS = {"aiohttp_json_body", "cassetter"}


def _load(name: str) -> tuple[Interaction, ...]:
    return cassette.loads((SHAPES / f"{name}.yaml").read_bytes(), name).interactions


def test_every_shape_has_its_expectation() -> None:
    assert {path.stem for path in SHAPES.iterdir()} == {*PIECES, "absent_bodies"}


@pytest.mark.parametrize("name", PIECES)
def test_a_foreign_cassette_plays_its_own_bytes_one_piece_per_event(name: str) -> None:
    tape = _load(name)[0].response
    assert [chunk.data for chunk in tape.chunks] == PIECES[name]
    assert (tape.status, tape.ending, tape.head.at) == (200, Ending(), 0.0)


@pytest.mark.parametrize("name", sorted(PIECES.keys() - NOT_VCRPYS))
def test_vcrpy_sees_the_same_requests_and_bodies(name: str) -> None:
    requests, responses = deserialize((SHAPES / f"{name}.yaml").read_text(encoding="utf-8"), yamlserializer)
    for interaction, request, response in zip(_load(name), requests, responses, strict=True):
        assert interaction.request.method == request.method.upper()
        assert interaction.request.uri == request.uri.partition("#")[0]
        if not name.startswith("gzip"):
            assert interaction.response.body == response["body"]["string"]
        assert interaction.response.status == response["status"]["code"]


@pytest.mark.parametrize("name", [*PIECES, "absent_bodies"])
def test_saving_a_foreign_cassette_keeps_its_values(name: str) -> None:
    found = cassette.loads((SHAPES / f"{name}.yaml").read_bytes(), name)
    saved = cassette.dumps(found)
    assert cassette.loads(saved, name) == found
    assert cassette.dumps(cassette.loads(saved, name)) == saved


@pytest.mark.parametrize("name", [*PIECES, "absent_bodies"])
def test_every_shape_is_loaded_checked_converted_and_replayed(name: str, tmp_path: Path) -> None:
    source, path = SHAPES / f"{name}.yaml", tmp_path / "converted.yaml"
    told = runner().invoke(main, ["check", str(source), "--json"])
    found = {each["kind"] for each in json.loads(told.stdout)["findings"]}
    assert (told.exit_code, found) == ((1, {"secret"}) if name in WITH_SECRETS else (0, set()))
    converted = runner().invoke(main, ["convert", str(source), "--to", str(path)])
    assert converted.exit_code == 0, converted.output
    assert load_cassette(path).interactions == catalog.redacted(load_cassette(source)).interactions
    assert runner().invoke(main, ["check", str(path)]).exit_code == 0
    for played in (source, path):
        with use_cassette(played), requests.Session() as client:
            for each in _load(name):
                asked = each.request
                answer = client.request(asked.method, asked.uri, headers=dict(asked.headers), data=asked.body)
                assert (answer.status_code, answer.content) == (each.response.status, each.response.body)


def test_absent_bodies_are_empty() -> None:
    found = _load("absent_bodies")
    assert [(one.request.body, one.response.chunks) for one in found] == [(b"", ())] * 3
    assert [one.response.head for one in found] == [Head(204), Head(204, "No Content"), Head(304, "Not Modified")]


def test_header_values_may_be_plain() -> None:
    request, tape = _load("plain_header_values")[0].request, _load("plain_header_values")[0].response
    assert request.headers == (("Content-Type", "application/json"), ("X-Number", "12"))
    assert tape.headers == (("Content-Type", "text/event-stream; charset=utf-8"), ("X-Empty", ""))


def test_tagged_header_keys_are_names() -> None:
    assert _load("istr_keys")[0].request.headers == (
        ("Accept", "text/event-stream"),
        ("Content-Type", "application/json"),
    )


@pytest.mark.parametrize("method", ["get", "PurGe", "head", "M-Search"])
def test_a_method_of_our_own_recording_keeps_its_case(method: str) -> None:
    asked = Interaction(Request(method, "https://api.example/a"), Tape(Head(200, "OK"), ()))
    assert (
        cassette.loads(cassette.dumps(cassette.Cassette((asked,))), "a.yaml").interactions[0].request.method == method
    )


def test_methods_are_upper_case_and_uris_have_no_fragment() -> None:
    request = _load("lower_case_method_and_fragment")[0].request
    assert (request.method, request.uri) == ("POST", "https://api.example/v1/chat?a=b")


def test_cassetters_bodies_are_read_by_their_type() -> None:
    found = _load("cassetter")
    assert [one.request.body for one in found] == [
        b'{"message": "hi", "n": 1.5, "x": null, "y": "1", "z": true}',
        *[b"", b"", b"", b"a=b+c&password=[FILTERED]", b"\xff\xfe"],
    ]
    others = [b"405: Method Not Allowed", b"\xff\x00\x01", b"<b>x</b>\n", b"true", b"true"]
    assert [one.response.body for one in found[1:]] == others
    assert found[0].provenance.at == "2026-11-22T21:00:00.346530+00:00"
    assert [one.response.status for one in found] == [200, 405, 200, 200, 200, 200]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("{type: protobuf, content: a}", "the type of a body is 'protobuf'"),
        ("{type: binary, content: xyz}", "a binary body is not hexadecimal"),
        ("text", "a body is no mapping with 'type'"),
    ],
)
def test_a_body_of_cassetters_that_cannot_be_read_says_why(body: str, problem: str) -> None:
    text = "interactions:\n- request: {method: GET, uri: 'http://h/', body: {type: none}}\n"
    text += f"  response: {{status: 200, body: {body}}}\nversion: 1\n"
    with pytest.raises(CassetteError, match=problem):
        cassette.loads(text.encode(), "a")


def test_parsed_bodies_are_written_as_json() -> None:
    assert _load("pydantic_ai_parsed_body")[0].request.body == (
        b'{"max_tokens": 1024, "messages": [{"content": "Say \\"hi\\"\\nplease \\ud83d\\ude00", "role": "user"}], '
        b'"stream": false, "temperature": 0.5, "stop": null, "user": "12"}'
    )


def test_unencoded_bodies_are_encoded_as_aiohttp_does() -> None:
    bodies = [one.request.body for one in _load("aiohttp_json_body")]
    assert bodies == [b'{"model": "some-model", "n": 1, "stream": true}', b"user=a+b&token=1", b"a=b"]


def test_bodies_that_were_files_or_iterators_are_bytes() -> None:
    assert [one.request.body for one in _load("file_and_iterator_bodies")] == [b"\xff\x00a", b"ab"]


def test_chunked_framing_is_kept_per_piece() -> None:
    tape = _load("pytest_recording")[0].response
    assert [chunk.ends for chunk in tape.chunks] == [(len(chunk.data),) for chunk in tape.chunks]


def test_labels_stay_among_the_headers() -> None:
    assert gzip.decompress(DOWNLOAD) == b"".join(EVENTS)
    assert header(_load("gzip_labelled")[0].response.headers, "content-encoding") == "gzip"
    assert header(_load("gzip_label_only")[0].response.headers, "content-length") == "31"


def test_scalars_may_be_tagged_as_what_they_are() -> None:
    text = (
        "interactions:\n- request: {method: !!str GET, uri: ! 'http://h/', body: !!null '', headers: "
        "{a: !!binary 6Q==, !!binary Yg==: !!int 1}}\n"
        "  response: {status: {code: !!int 200, message: !!python/unicode OK}}\nversion: !!int 1\n"
    )
    request = cassette.loads(text.encode(), "a").interactions[0].request
    assert (request.method, request.body, request.headers) == ("GET", b"", (("a", "é"), ("b", "1")))


def test_a_binary_value_in_a_parsed_body_is_text() -> None:
    text = "interactions:\n- request: {method: GET, uri: u, parsed_body: [!!binary YQ==, yes, 1e3, 1.5, x]}\n"
    text += "  response: {status: {code: 200}}\nversion: 1\n"
    assert cassette.loads(text.encode(), "a").interactions[0].request.body == b'["a", true, 1000.0, 1.5, "x"]'


def test_merged_and_repeated_mappings_are_read() -> None:
    one, other = _load("anchors")
    assert other.request.headers == one.request.headers
    assert other.request.uri.endswith("/other")


TEXT = b"data: a\n\n" * 50
GZIP = gzip.compress(TEXT)


@pytest.mark.parametrize(
    ("body", "label", "content_type", "plain"),
    [
        (GZIP, "gzip", "", TEXT),
        (GZIP, "x-gzip", "", TEXT),
        (GZIP, "", "application/problem+json", TEXT),
        (GZIP, "", "application/octet-stream", GZIP),
        (GZIP + GZIP, "gzip", "", TEXT + TEXT),
        (gzip.compress(b""), "gzip", "", b""),
        (GZIP[:-3], "gzip", "text/plain", GZIP[:-3]),
        (GZIP + b"tail", "gzip", "", GZIP + b"tail"),
        (GZIP * 101, "gzip", "", GZIP * 101),
        (zlib.compress(TEXT), "deflate", "", TEXT),
        (zlib.compress(TEXT)[2:-4], "deflate", "", TEXT),
        (TEXT, "deflate", "", TEXT),
        (TEXT, "gzip", "", TEXT),
        (TEXT, "br", "", TEXT),
        (b"", "gzip", "text/plain", b""),
    ],
    ids=["gzip", "x-gzip", "no label, text", "no label, download", "two members", "of nothing", "cut off", "a tail",
         "too many members", "zlib", "bare deflate", "deflate label only", "gzip label only", "br label only", "empty"],
)  # fmt: skip
def test_the_bytes_tell_the_coding_not_the_label(body: bytes, label: str, content_type: str, plain: bytes) -> None:
    assert coding.decoded(body, label, content_type) == plain


def test_a_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coding, "MAX_DECODED", 100_000)
    data = (SHAPES / "gzip_labelled.yaml").read_bytes()
    assert cassette.loads(data, "a").interactions[0].response.body == b"".join(EVENTS)
    monkeypatch.setattr(coding, "MAX_DECODED", 50)
    with pytest.raises(CassetteError, match="unpack to more than"):
        cassette.loads(data, "a")
