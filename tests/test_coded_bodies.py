"""A compressed body plays as it came, while its cassette stays readable; what changes it has it coded anew."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import urllib.request
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import requests
import vcr
from support.behaviours import answer_of, in_chunk
from support.raw import raw_server

from fakegpt_testkit import cassette, faults
from fakegpt_testkit.errors import CassetteError
from fakegpt_testkit.recorder import load_cassette, use_cassette

if TYPE_CHECKING:
    from pathlib import Path

    from fakegpt_testkit.exchange import Tape

TEXT = b'{"text": "Hello, hello, hello"}'
CODED = gzip.compress(TEXT, 1, mtime=12345)
EVENTS = (b'data: {"text": "Hello, hello"}\n\n', b'data: {"text": "hello"}\n\n')


def packed(level: int) -> list[bytes]:
    """The events as a service sends them, each flushed, and the coding's end."""
    coder = zlib.compressobj(level, wbits=31)
    return [*(coder.compress(event) + coder.flush(zlib.Z_SYNC_FLUSH) for event in EVENTS), coder.flush()]


PARTS = packed(1)
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
STREAM = (
    HEAD,
    *map(in_chunk, PARTS),
    b"0\r\n\r\n",
)
ANSWERS = {
    "/json": (
        answer_of(
            b"200 OK", CODED, b"Content-Type: application/json", b"Content-Encoding: gzip", b"X-Sum: %s"
            % hashlib.sha256(CODED).hexdigest()[:8].encode(),
        ),
    ),
    "/stream": STREAM,
    "/secret": (
        answer_of(
            b"200 OK", gzip.compress(b'{"access_token": "tok-9f8e7d6c5b4a39281706"}', 1, mtime=12345),
            b"Content-Type: application/json", b"Content-Encoding: gzip",
        ),
    ),
}  # fmt: skip


def fetch(url: str) -> bytes:
    """By a client that takes no coding off."""
    with urllib.request.urlopen(url) as response:
        data: bytes = response.read()
    return data


def recorded(path: str, file: Path) -> str:
    with raw_server(ANSWERS) as server, use_cassette(file, record_mode="all"):
        fetch(server.url + path)
        return server.url + path


def only(file: Path) -> Tape:
    [interaction] = load_cassette(file).interactions
    return interaction.response


def test_the_cassette_holds_the_text_and_the_bytes(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    url = recorded("/json", file)
    assert "Hello, hello" in file.read_text()
    assert only(file).body == TEXT
    assert cassette.loads(cassette.dumps(load_cassette(file)), str(file)) == load_cassette(file)
    with use_cassette(file):
        assert fetch(url) == CODED, "so a checksum over them holds"


def test_what_coding_anew_gives_is_not_kept_twice(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    url = recorded("/stream", file)
    assert "coded:" in file.read_text()
    with use_cassette(file):
        assert fetch(url) == b"".join(PARTS)
    coder = zlib.compressobj(wbits=31)
    ours = [coder.compress(EVENTS[0]) + coder.flush(zlib.Z_SYNC_FLUSH), coder.compress(EVENTS[1]) + coder.flush()]
    file = tmp_path / "ours.yaml"
    answer = (STREAM[0], 0.02, in_chunk(ours[0]), 0.02, in_chunk(ours[1]) + b"0\r\n\r\n")
    with raw_server({"/": answer}) as server, use_cassette(file, record_mode="all"):
        fetch(server.url + "/")
    assert "coded:" not in file.read_text()
    with use_cassette(file):
        assert fetch(server.url + "/") == b"".join(ours)


def test_a_text_that_was_edited_is_coded_anew(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    url = recorded("/json", file)
    for old, new in (("Hello, hello", "Adieu, adieu"), ("Adieu, adieu, ", "")):  # of the same length, and shorter
        file.write_text(file.read_text().replace(old, new))
        with use_cassette(file):
            sent = fetch(url)
        assert gzip.decompress(sent) == only(file).body


def test_where_a_secret_is_taken_out_the_bytes_go_too(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    url = recorded("/secret", file)
    assert only(file).received == ()
    assert "coded:" not in file.read_text()
    with use_cassette(file):
        assert b"tok-9f8e" not in gzip.decompress(fetch(url))


def test_a_fault_within_the_stream_leaves_what_came_before_it(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    url = recorded("/stream", file)
    whole = only(file)
    assert whole.received
    with use_cassette(file, faults=[faults.close(after_event=1)]), pytest.raises(http.client.IncompleteRead) as caught:
        fetch(url)
    assert caught.value.partial == whole.received[0].data
    assert replace(whole, chunks=whole.chunks[:1]).received == (), "a whole answer has the coding's end"
    assert replace(whole, chunks=whole.chunks[1:]).received == ()


def test_the_plain_library_still_replays_it(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    url = recorded("/json", file)
    with vcr.use_cassette(str(file), record_mode="none"):
        assert requests.get(url, timeout=5).content == TEXT


@pytest.mark.parametrize(
    ("text", "says"), [("coded: 1", "'coded' is no mapping"), ("coded: {track: a}", "the track of"), ("coded: {}", "")]
)
def test_what_is_wrong_with_it_is_named(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    recorded("/json", file)
    lines = file.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.strip() == "coded:")
    end = next(number for number in range(at + 1, len(lines)) if not lines[number].startswith("        "))
    file.write_text("\n".join([*lines[:at], f"      {text}", *lines[end:]]) + "\n")
    if says:
        with pytest.raises(CassetteError, match=says):
            load_cassette(file)
    else:
        assert only(file).received == ()
