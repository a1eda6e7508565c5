"""What other recorders write: each of their files is loaded, checked, converted and replayed, or called by its name."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import shutil
import zlib
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import brotli
import httpx2
import pytest
import requests
from support.commands import runner

from fakegpt_testkit import cassette as cassettes
from fakegpt_testkit import checks, load_cassette, use_cassette
from fakegpt_testkit.cassette import Cassette, coding, json_text, yaml_text
from fakegpt_testkit.cli import main
from fakegpt_testkit.errors import CassetteError
from fakegpt_testkit.exchange import Head, Interaction, Request, Tape
from fakegpt_testkit.maintenance import catalog, orphans
from fakegpt_testkit.wire import codings

pytestmark = pytest.mark.once

FILES = Path(__file__).parent / "other_tools"
JSON = (("Content-Type", "application/json"),)
STREAMED = (("Accept", "text/event-stream"),)
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
DELTAS = b'data: {"delta": "Hel"}\n\ndata: {"delta": "lo"}\n\n'

AS_THEY_ARE = {
    "vcrpy.json": [(Request("POST", "https://llm.example/v1/chat", JSON, '{"prompt": "say 🌍"}'.encode()), 200,
                    'data: {"text": "🌍"}\n\ndata: [DONE]\n\n'.encode())],
    "vcrpy.yaml.gz": [(Request("GET", "https://files.example/packed?part=2"), 200, b"line one\nline two\n")],
}  # fmt: skip
CONVERTED = {
    "go_vcr_v2.yaml": [
        (Request("POST", "https://api.example/v2/search?page=3", JSON, b'{"query":"weather"}'), 201, b'{"found":2}')
    ],
    "go_vcr_v3.yaml": [
        (Request("GET", "https://llm.example/v3/stream", STREAMED), 200, DELTAS),
        (Request("PUT", "https://llm.example/v3/icon", FORM, b"a=b"), 404, b"\x89PN\xff"),
    ],
    "go_vcr_v4.yaml": [
        (Request("GET", "https://llm.example/v4/stream", STREAMED), 200, DELTAS),
        (Request("PUT", "https://llm.example/v4/icon", FORM, b"a=b"), 404, b"\x89PN\xff"),
    ],
    "ruby_vcr.yml": [
        (Request("POST", "https://weather.example/today", FORM, b"city=K%C3%B6ln"), 200, b'{"temperature": 21}'),
        (Request("GET", "https://weather.example/icons/sun"), 304, b""),
    ],
    "betamax.json": [(Request("GET", "https://files.example/notes"), 200, "naïve".encode())],
    "browser.har": [
        (Request("POST", "https://app.example/login", FORM, b"name=a+b&page=7"), 200, b'{"ok": true}'),
        (Request("GET", "https://app.example/dot.gif"), 200, b"GIF89a"),
    ],
    "polly.har": [(Request("GET", "https://app.example/items"), 200, b"[1, 2]")],
}  # fmt: skip
NAMES = {
    "go_vcr_v2.yaml": "a cassette of go-vcr", "go_vcr_v3.yaml": "a cassette of go-vcr",
    "go_vcr_v4.yaml": "a cassette of go-vcr", "ruby_vcr.yml": "a cassette of Ruby's VCR",
    "betamax.json": "a cassette of betamax", "browser.har": "a HAR file", "polly.har": "a recording of Polly.JS",
    "wiremock.json": "a stub mapping of WireMock", "nock.json": "a recording of nock",
    "hoverfly.json": "a simulation of Hoverfly", "php_vcr.yml": "a cassette of PHP-VCR",
}  # fmt: skip


def test_every_file_has_its_expectation() -> None:
    assert {path.name for path in FILES.iterdir()} == {*AS_THEY_ARE, *NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_another_tools_recording_is_called_by_its_name(name: str) -> None:
    with pytest.raises(CassetteError, match=NAMES[name]) as caught:
        load_cassette(FILES / name)
    assert ("fakegpt-testkit convert" in str(caught.value)) == (name in CONVERTED)
    assert "cut off" not in str(caught.value)
    (finding,) = checks.inspect((FILES / name).read_bytes(), name, now=datetime.now(UTC))
    assert NAMES[name] in finding.text


@pytest.mark.parametrize("name", [*AS_THEY_ARE, *CONVERTED])
def test_what_was_recorded_is_replayed(name: str, tmp_path: Path) -> None:
    source, path = FILES / name, tmp_path / "converted.yaml"
    result = runner().invoke(main, ["convert", str(source), "--to", str(path)])
    assert result.exit_code == 0, result.output
    for played in (path, source) if name in AS_THEY_ARE else (path,):
        for request, status, body in (AS_THEY_ARE | CONVERTED)[name]:
            with use_cassette(played):
                assert asyncio.run(_with_aiohttp(request)) == (status, body)
            with use_cassette(played):
                answer = requests.request(request.method, request.uri, headers=dict(request.headers), data=request.body)
                assert (answer.status_code, answer.content) == (status, body)
            with use_cassette(played), httpx2.Client() as client:
                told = client.request(request.method, request.uri, headers=request.headers, content=request.body)
                assert (told.status_code, told.content) == (status, body)


@pytest.mark.parametrize("name", [*AS_THEY_ARE, *CONVERTED])
def test_a_converted_file_has_no_finding(name: str, tmp_path: Path) -> None:
    runner().invoke(main, ["convert", str(FILES / name), "--to", str(tmp_path / "a.yaml")])
    found = checks.inspect((tmp_path / "a.yaml").read_bytes(), "a.yaml", now=datetime.now(UTC))
    assert [each.kind for each in found] == []


async def _with_aiohttp(request: Request) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(request.method, request.uri, headers=request.headers, data=request.body or None) as answer,
    ):
        return answer.status, await answer.read()


def test_times_are_kept() -> None:
    def of(name: str) -> list[str]:
        loaded = cassettes.loads((FILES / name).read_bytes(), name, others=True)
        return [each.provenance.at for each in loaded.interactions]

    assert of("ruby_vcr.yml") == ["2024-03-05T10:15:30+00:00", "2024-03-05T10:15:31+00:00"]
    assert of("browser.har") == ["2024-02-29T12:00:00.500Z", "2024-02-29T12:00:01Z"]


def test_fields_of_one_name_stay_several() -> None:
    first, _ = cassettes.loads((FILES / "browser.har").read_bytes(), "a", others=True).interactions
    assert [value for name, value in first.response.headers if name == "set-cookie"] == ["a=1", "b=2"]
    assert first.request.headers == (("content-type", "application/x-www-form-urlencoded"),)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"content": {"size": 9, "mimeType": "text/plain"}}, "the body of answer 1 is not in the file"),
        ({"content": {"size": 9, "_file": "body.txt"}}, "with content"),
        ({"content": {"size": 1, "text": "*", "encoding": "base64"}}, "is not: '\\*'"),
        ({"headers": [{"value": "a"}]}, "a header of entry 1 has no name"),
    ],
)
def test_a_har_file_that_lacks_what_is_needed_is_refused(change: dict[str, object], says: str) -> None:
    answer = {"status": 200, "statusText": "", "headers": [], "content": {"size": 0}} | change
    log = {"entries": [{"request": {"method": "GET", "url": "https://a.example/", "headers": []}, "response": answer}]}
    with pytest.raises(CassetteError, match=says):
        cassettes.loads(json.dumps({"log": log}).encode(), "a.har", others=True)


def test_a_request_that_a_browser_gave_up_has_no_answer() -> None:
    entry = {"request": {"method": "GET", "url": "https://a.example/", "headers": []}, "response": {"status": 0}}
    loaded = cassettes.loads(json.dumps({"log": {"entries": [entry]}}).encode(), "a.har", others=True)
    with use_cassette(loaded.interactions), pytest.raises(requests.ConnectionError):
        requests.get("https://a.example/", timeout=5)


# --- heads that contradict themselves ---------------------------------------------------------------------------------

PACKED = brotli.compress(b'{"text": "packed"}' * 3)
ZSTD = base64.b64decode("KLUv/SAGMQAAcGFja2Vk")
PLAIN = b'{"text": "packed"}' * 3


def _file(headers: dict[str, str | list[str]], body: bytes, method: str = "GET", status: int = 200) -> bytes:
    lists = {name: [value] if isinstance(value, str) else value for name, value in headers.items()}
    return (
        f"interactions:\n- request: {{method: {method}, uri: 'https://a.example/a', body: null, headers: {{}}}}\n"
        f"  response: {{status: {{code: {status}, message: X}}, headers: {json.dumps(lists)}, "
        f"body: {{string: !!binary {base64.b64encode(body).decode()}}}}}\nversion: 1\n"
    ).encode()


@pytest.mark.parametrize(
    ("headers", "stored", "plain"),
    [
        ({"Transfer-Encoding": "chunked", "Content-Length": "18"}, b"<p>after decoding</p>", None),
        ({"transfer-encoding": "Chunked", "content-length": "0"}, b"data: a\n\n", None),
        ({"Content-Length": ["9", "9"]}, b"nine or so", None),
        ({"Content-Length": ["3", "70"]}, b"two lengths", None),
        ({"Content-Length": "3, 3"}, b"a list", None),
        ({"Content-Length": "many"}, b"a word", None),
        ({"Content-Length": "999"}, b"too long a length", None),
        ({"Transfer-Encoding": "identity"}, b"no framing", None),
        ({"Transfer-Encoding": ["chunked", "chunked"]}, b"chunked twice", None),
        ({"Transfer-Encoding": "gzip, chunked"}, b"packed in transfer", None),
        ({"Transfer-Encoding": "chunked", "Content-Length": "5", "Content-Encoding": "gzip"}, b"taken off", None),
        ({"Content-Encoding": "br", "Content-Type": "application/json"}, PACKED, PLAIN),
        ({"Content-Encoding": "br", "Content-Length": "7", "Transfer-Encoding": "chunked"}, PACKED, PLAIN),
        ({"Content-Encoding": "br"}, b"taken off, and the label left", None),
        ({"Content-Encoding": "zstd"}, b"taken off, and the label left", None),
        ({"Content-Encoding": "zstd", "Content-Type": "text/plain"}, ZSTD, b"packed"),
        ({"Content-Encoding": "gzip"}, gzip.compress(b"packed"), b"packed"),
        ({"Content-Encoding": "deflate"}, zlib.compress(b"packed"), b"packed"),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else "",
)
def test_a_contradicting_head_plays_the_body(
    headers: dict[str, str | list[str]], stored: bytes, plain: bytes | None, tmp_path: Path
) -> None:
    path, again = tmp_path / "a.yaml", tmp_path / "b.yaml"
    path.write_bytes(_file(headers, stored))
    assert runner().invoke(main, ["convert", str(path), "--to", str(again)]).exit_code == 0
    for each in (path, again):
        with use_cassette(each, allow_playback_repeats=True), httpx2.Client() as client:
            assert asyncio.run(_with_aiohttp(Request("GET", "https://a.example/a")))[1] == (plain or stored)
            assert requests.get("https://a.example/a", timeout=5).content == (plain or stored)
            assert client.get("https://a.example/a").content == (plain or stored)


@pytest.mark.parametrize(
    ("method", "status", "headers"),
    [
        ("HEAD", 200, {"Content-Length": "1234", "Transfer-Encoding": "chunked"}),
        ("GET", 204, {"Transfer-Encoding": "chunked"}),
        ("GET", 304, {"Content-Length": "77"}),
    ],
)
def test_an_answer_without_a_body_keeps_no_framing(
    method: str, status: int, headers: dict[str, str | list[str]], tmp_path: Path
) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(_file(headers, b"", method, status))
    with use_cassette(path):
        answer = requests.request(method, "https://a.example/a", timeout=5)
    assert (answer.status_code, answer.content) == (status, b"")
    assert answer.headers.get("Content-Length") == headers.get("Content-Length")


def test_a_live_head_with_both_stays_as_it_was() -> None:
    both = (("Transfer-Encoding", "chunked"), ("Content-Length", "2"))
    ours = cassettes.Cassette((Interaction(Request("GET", "http://a.example/"), Tape(Head(200, "OK", both))),))
    assert cassettes.loads(cassettes.dumps(ours), "a").interactions == ours.interactions


def test_a_coding_that_nobody_here_reads_keeps_its_label(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(codings, "_PACKAGES", {})
    path = tmp_path / "a.yaml"
    path.write_bytes(_file({"Content-Encoding": "br", "Content-Type": "application/json"}, PACKED))
    with use_cassette(path):
        answer = requests.get("https://a.example/a", stream=True, timeout=5)
        assert (answer.headers["Content-Encoding"], answer.raw.read(decode_content=False)) == ("br", PACKED)


def test_what_unpacks_to_much_is_refused_for_all_bodies_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coding, "MAX_DECODED", 1000)
    for label, packed in (("gzip", gzip.compress(b"x" * 600)), ("br", brotli.compress(b"x" * 600))):
        one = _file({"Content-Encoding": label}, packed)
        assert cassettes.loads(one, "a").interactions[0].response.body == b"x" * 600
        entry = one.removeprefix(b"interactions:\n").removesuffix(b"version: 1\n")
        with pytest.raises(CassetteError, match="unpack to more than"):
            cassettes.loads(b"interactions:\n" + entry * 2 + b"version: 1\n", "a")
        with pytest.raises(CassetteError, match="unpack to more than"):
            bomb = gzip.compress(bytes(10**6)) if label == "gzip" else brotli.compress(bytes(10**6))
            cassettes.loads(_file({"Content-Encoding": label}, bomb), "a")


@pytest.mark.parametrize(
    "body",
    [b"", b"hello", "Grüße".encode(), b";", b"a\tb\r\n", PACKED[:-1], PACKED + b"\x00"],
    ids=["empty", "text", "letters", "short", "lines", "cut off", "more"],
)
def test_what_is_not_wholly_in_a_coding_stays_as_it_is(body: bytes) -> None:
    assert coding.decoded(body, "br", "text/plain") == body


def test_codings_go_in_the_order_in_which_they_were_put_on() -> None:
    assert coding.decoded(brotli.compress(gzip.compress(b"twice")), "gzip, br", "") == b"twice"
    assert coding.decoded(gzip.compress(b"once"), "gzip, br", "") == b"once"
    assert coding.decoded(brotli.compress(b"\x1f\x8b no archive \x00"), "gzip, br", "") == b"\x1f\x8b no archive \x00"


# --- JSON -------------------------------------------------------------------------------------------------------------


def _json(body: str) -> bytes:
    return (
        '{"version": 1, "interactions": [{"request": {"method": "GET", "uri": "http://a.example/a", "body": null, '
        '"headers": {"A": ["1"]}}, "response": {"status": {"code": 200, "message": "OK"}, "headers": {}, '
        f'"body": {{"string": {body}}}}}}}]}}'
    ).encode()


@pytest.mark.parametrize(
    ("text", "body"),
    [
        (r'"\ud83d\ude00"', "😀".encode()),
        (r'"a\/b\u0000\u2028"', "a/b\0\u2028".encode()),
        ('"tab\\tand yes"', b"tab\tand yes"),
        ('"x: #y"', b"x: #y"),
        ('""', b""),
        ("null", b""),
    ],
)
def test_json_is_read_as_json(text: str, body: bytes) -> None:
    for data in (_json(text), b"\xef\xbb\xbf\n " + _json(text).replace(b", ", b",\r\n\t")):
        (one,) = cassettes.loads(data, "a.json").interactions
        assert (one.response.status, one.response.body, one.request.headers) == (200, body, (("A", "1"),))


def test_a_flow_mapping_of_yaml_is_no_json_and_is_read() -> None:
    data = b"{interactions: [{request: {method: GET, uri: u}, response: {status: {code: 200}}}], version: 1}"
    assert len(cassettes.loads(data, "a").interactions) == 1


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (_json('"x"')[:-1], "a.json, line 1: not JSON"),
        (b'{"version": 1,\n "version": 1, "interactions": []}', "line 2: the key 'version' stands twice"),
        (b'{"version": 1, "interactions": [NaN]}', "interaction 1 is no mapping"),
        (b'{"a": ' * 200 + b"1" + b"}" * 200, "nested more than 100 deep"),
        (b'{"a": [' + b"0," * 1000 + b"0]}", "more than 1000 values"),
        (b'{"name": "a package", "scripts": {}}', "of no recorder that is known here"),
    ],
    ids=["cut off", "a key twice", "no JSON value", "deep", "wide", "another file"],
)
def test_wrong_json_is_named(data: bytes, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for reader in (json_text, yaml_text):  # a flow mapping of YAML begins as JSON does, and is tried as one
        monkeypatch.setattr(reader, "MAX_NODES", 1000)
    with pytest.raises(CassetteError, match=says):
        cassettes.loads(data, "a.json")


@pytest.mark.parametrize(
    "data", [b"\x1f\x8b\x08nothing", gzip.compress(b"interactions: []\nversion: 1\n")[:-4]], ids=["changed", "cut off"]
)
def test_a_packed_file_that_is_cut_off_is_named(data: bytes) -> None:
    with pytest.raises(CassetteError, match="begins as gzip does, and is none"):
        cassettes.loads(data, "a.yaml.gz")


# --- folders ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "cassettes"
    shutil.copytree(FILES, found / "old")
    secret = _json('"x"').replace(b'"A": ["1"]', b'"Authorization": ["Bearer sk-live-Zq8vT3kLm2Wx9RbYpQ7nZq8v"]')
    (found / "leak.json").write_bytes(secret)
    (found / "leak.yml.gz").write_bytes(gzip.compress(_file({"X-Api-Key": "Zq8vT3kLm2Wx9RbYpQ7n"}, b"x")))
    (found / "package.json").write_text('{"name": "no recording"}')
    return found


def test_check_reads_all_that_a_folder_holds_and_names_the_rest(folder: Path) -> None:
    told = json.loads(runner().invoke(main, ["check", str(folder), "--json"]).stdout)
    assert told["cassettes"] == len(list(FILES.iterdir())) + 2
    assert told["not_read"] == [str(folder / "package.json")]
    secrets = {Path(each["path"]).name for each in told["findings"] if each["kind"] == "secret"}
    assert {"leak.json", "leak.yml.gz"} <= secrets
    assert "package.json: not read" in runner().invoke(main, ["check", str(folder)]).stdout


def test_scrub_leaves_what_is_no_yaml_and_says_what_to_do(folder: Path) -> None:
    for name in ("leak.json", "leak.yml.gz"):
        before = (folder / name).read_bytes()
        result = runner().invoke(main, ["scrub", str(folder / name)])
        assert (result.exit_code, (folder / name).read_bytes()) == (2, before)
        assert "fakegpt-testkit convert" in result.stderr


def test_convert_writes_json_and_packed_files_beside_themselves(folder: Path) -> None:
    result = runner().invoke(main, ["convert", str(folder / "leak.json"), str(folder / "leak.yml.gz")])
    assert "do not become one file" in result.stderr
    assert runner().invoke(main, ["convert", str(folder / "leak.json")]).exit_code == 0
    assert (folder / "leak.yaml").read_bytes().startswith(b"interactions:\n")
    assert (folder / "leak.json").exists()
    assert "do not become one file" in runner().invoke(main, ["convert", str(folder / "leak.json")]).stderr


def test_a_file_that_cannot_be_read_is_told_with_the_others_and_is_no_orphan(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_bytes(cassettes.dumps(Cassette()))
    for name in ("large.yaml", "large.json"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(10**10)
    (tmp_path / "round.yaml").symlink_to(tmp_path / "round.yaml")
    told = json.loads(runner().invoke(main, ["check", str(tmp_path), "--json", "--allow", "secret"]).stdout)
    unreadable = [Path(each["path"]).name for each in told["findings"] if each["kind"] == "unreadable"]
    assert (told["cassettes"], unreadable) == (3, ["large.json", "large.yaml"])
    assert not any(catalog.is_cassette(tmp_path / name) for name in ("large.yaml", "round.yaml", "gone.yaml"))
    assert orphans.listed(["test_a.py::test_b"], tmp_path).orphans == (tmp_path / "good.yaml",)
