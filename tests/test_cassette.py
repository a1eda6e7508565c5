"""What is written reads as it should, and is read back with each chunk as it was."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from support import cassette_values as values
from support.cassette_values import simple, slow

from fakegpt_testkit import cassette
from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.cassette.track import read_track, write_track
from fakegpt_testkit.errors import CassetteError
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Interaction, Provenance, Request, Tape

if TYPE_CHECKING:
    from collections.abc import Callable


@given(values.cassettes)
@settings(slow, max_examples=50)
def test_what_is_written_is_read_back(value: Cassette) -> None:
    data = cassette.dumps(value)
    loaded = cassette.loads(data, "a.yaml")
    assert loaded == value
    assert cassette.dumps(loaded) == data


@given(values.cassettes)
@settings(slow, max_examples=15)
def test_a_checkout_with_crlf_line_ends_changes_nothing(value: Cassette) -> None:
    assert cassette.loads(cassette.dumps(value).replace(b"\n", b"\r\n"), "a.yaml") == value


def test_a_stream_reads_as_a_stream() -> None:
    body = 'data: {"text": "Hi 😀"}\n\nid: 7\ndata: two\n\n: a comment\n\ndata: [DONE]\n\n'.encode()
    text = cassette.dumps(Cassette((simple(body),))).decode()
    assert (
        "      string: |+\n"
        '        data: {"text": "Hi 😀"}\n'
        "\n"
        "        id: 7\n"
        "        data: two\n"
        "\n"
        "        : a comment\n"
        "\n"
        "        data: [DONE]\n"
        "\n"
        "    fakegpt:\n"
    ) in text


def test_a_json_request_body_has_lines_and_keeps_its_bytes() -> None:
    body = b'{"action": "next", "messages": [{"id": "a", "author": {"role": "user"}}], "parts": ["Say, hello"], "b": 1}'
    asked = Interaction(Request("POST", "http://localhost/", (), body), simple(b"").response)
    text = cassette.dumps(Cassette((asked,))).decode()
    assert '    body: >-\n      {"action": "next",\n      "messages": [{"id": "a",\n' in text
    assert '"parts": ["Say, hello"],\n' in text
    assert yaml.safe_load(text)["interactions"][0]["request"]["body"].encode() == body


def test_a_stream_with_crlf_still_has_a_line_per_line() -> None:
    text = cassette.dumps(Cassette((simple(b"data: a\r\n\r\n data: b\r\n\r\n"),))).decode()
    assert (
        '      string: "data: a\\r\\n\\\n        \\r\\n\\\n        \\  data: b\\r\\n\\\n        \\r\\n"\n'
        in text.replace("\\ d", "\\  d")
    )


def test_two_recordings_of_the_same_answer_differ_in_two_lines() -> None:
    one = simple(b"data: a\n\ndata: b\n\n", sizes=(9, 9))
    later = replace(
        one.response,
        chunks=tuple(replace(chunk, at=chunk.at + 0.3) for chunk in one.response.chunks),
        ending=Ending(at=1.2),
    )
    first = cassette.dumps(Cassette((replace(one, provenance=Provenance("2026-11-22T20:00:00Z")),)))
    second = cassette.dumps(Cassette((Interaction(one.request, later, Provenance("2026-11-23T20:00:00Z")),)))
    differing = [a for a, b in zip(first.splitlines(), second.splitlines(), strict=True) if a != b]
    assert [line.split(b":")[0].strip() for line in differing] == [b"recorded", b"track"]


def test_the_documented_example_is_what_is_written() -> None:
    document = (Path(__file__).parent.parent / "docs" / "cassette-format.md").read_text(encoding="utf-8")
    example = document.partition("```yaml\n")[2].partition("```")[0].encode()
    shown = cassette.loads(example, "docs")
    assert cassette.dumps(shown) == example
    assert len(shown.interactions[0].response.chunks) == 2
    assert shown.interactions[0].response.chunks[1].at == 0.0662


def test_version_is_the_last_line() -> None:
    assert cassette.dumps(Cassette()) == b"interactions: []\nversion: 1\n"
    assert cassette.loads(cassette.dumps(Cassette()), "a") == Cassette((), "a")


def test_header_order_case_and_repetitions_come_back() -> None:
    headers = (
        ("Set-Cookie", "a=1"),
        ("Vary", "x"),
        ("set-cookie", "b=2"),
        ("Content-Encoding", "gzip"),
        ("Set-Cookie", "c=3"),
    )
    value = Cassette((simple(b"data: a\n\n", headers=headers),), "a")
    data = cassette.dumps(value)
    assert cassette.loads(data, "a") == value
    assert "Content-Encoding" not in yaml.safe_load(data)["interactions"][0]["response"]["headers"]


def test_an_order_that_no_longer_fits_is_left_aside() -> None:
    headers = (("A", "1"), ("B", "2"), ("A", "3"))
    data = cassette.dumps(Cassette((simple(b"x", headers=headers),))).replace(b"      - '3'\n", b"")
    assert cassette.loads(data, "a").interactions[0].response.headers == (("A", "1"), ("B", "2"))


def test_sizes_that_no_longer_add_up_give_one_piece_per_event() -> None:
    stored = replace(
        simple(b"data: one\n\ndata: two\n\n", sizes=(3, 19)).response, ending=Ending(EndingKind.RESET, 0.5, "gone")
    )
    data = cassette.dumps(Cassette((Interaction(Request("GET", "http://localhost/"), stored),)))
    tape = cassette.loads(data.replace(b"two", b"three"), "a").interactions[0].response
    assert [chunk.data for chunk in tape.chunks] == [b"data: one\n\n", b"data: three\n\n"]
    assert tape.ending == stored.ending
    assert tape.head == stored.head


def test_one_edited_letter_keeps_the_chunks() -> None:
    data = cassette.dumps(Cassette((simple(b"data: one\n\ndata: two\n\n", sizes=(3, 19)),)))
    tape = cassette.loads(data.replace(b"two", b"six"), "a").interactions[0].response
    assert [chunk.data for chunk in tape.chunks] == [b"dat", b"a: one\n\ndata: six\n\n"]


@pytest.mark.parametrize(
    ("chunks", "track"),
    [
        ((), "5.0 +1.0"),
        ((Chunk(0.0061, b"abc"),), "5.0 +1.1:3 -0.1"),
        ((Chunk(0.005, b"abc", (3,)), Chunk(0.005, b"d", (1,))), "5.0 +0.0:3/ +0.0:1/ +1.0"),
        ((Chunk(0.005, b"abc", (1, 2)), Chunk(0.005, b"")), "5.0 +0.0:1/1/1 +0.0:0 +1.0"),
        ((Chunk(0.005, b"abc", (3,)), Chunk(0.005, b"de")), "5.0 +0.0:3/ +0.0:2 +1.0"),
    ],
    ids=["no chunks", "no framing", "chunk by chunk", "several ends", "mixed"],
)
def test_a_track_is_short_and_exact(chunks: tuple[Chunk, ...], track: str) -> None:
    tape = Tape(Head(200, at=0.005), chunks, Ending(at=0.006))
    assert write_track(tape) == track
    read = read_track(track)
    assert (read.at, read.ended, read.size) == (0.005, 0.006, len(tape.body))
    assert read.chunks(tape.body) == chunks


STEPS = [(number * 7919 % 100_003 / 10 - 20, 300 + number % 9) for number in range(2000)]
LONG = {
    "no framing": "{step:+.1f}:{size}",
    "chunk by chunk": "{step:+.1f}:{size}/",
    "zeros in front": "{step:+08.1f}:{size}/",
    "mixed": "{step:+.1f}:{size}/7",
}


@pytest.mark.parametrize(("name", "form"), LONG.items(), ids=LONG)
def test_a_long_track_is_as_exact(name: str, form: str) -> None:
    track = " ".join(["12.3", *(form.format(step=step, size=size) for step, size in STEPS), "-0.4"])
    read = read_track(track)
    ticks = [123, *(round(step * 10) for step, _ in STEPS), -4]
    sizes = [size + 7 * (name == "mixed") for _, size in STEPS]
    assert (read.at, read.ended, read.size) == (0.0123, sum(ticks) / 10_000, sum(sizes))
    chunks = read.chunks(bytes(read.size))
    assert [len(chunk.data) for chunk in chunks] == sizes
    assert chunks[-1].at == sum(ticks[:-1]) / 10_000
    with pytest.raises(ValueError, match="x"):
        read_track(f"{track} x")


@pytest.mark.parametrize("ends", [(4,), (2, 1), (1, 1), (0, 0)], ids=["past the end", "descending", "twice", "0 twice"])
def test_a_chunk_that_cannot_be_is_not_written(ends: tuple[int, ...]) -> None:
    tape = Tape(Head(200), (Chunk(0.0, b"abc", ends),))
    with pytest.raises(ValueError, match="a chunk of 3 bytes"):
        write_track(tape)


@pytest.mark.parametrize(
    "track",
    [
        "",
        "1",
        "1.0",
        "1.0 +1.0:x +1.0",
        "1.0 +1.0:3// +1.0",
        "1.0 +1.0: +1.0",
        "1.0  +1.0",
        "1.0 +1.0:03 +1.0",
        "1.0 +1_0.0",
        "1.0 +٣.0",
    ],
)
def test_a_garbled_track_is_an_error_that_says_what_to_do(track: str) -> None:
    data = cassette.dumps(Cassette((simple(b"abc"),)))
    before, _, after = data.partition(b"track: '")
    with pytest.raises(CassetteError, match="remove the line") as caught:
        cassette.loads(before + b"track: '" + track.encode() + b"'" + after.partition(b"'")[2], "a.yaml")
    assert caught.value.line == 17


_a, _b, _c, _d = (simple(name) for name in (b"a", b"b", b"c", b"d"))


@pytest.mark.parametrize(
    ("base", "current", "mine", "merged"),
    [
        ([], [_a], [_b], [_a, _b]),
        ([_a], [_a, _b], [_a, _c], [_a, _b, _c]),
        ([_a], [_a], [_a, _a], [_a, _a]),
        ([_a], [_a, _a], [_a, _a], [_a, _a, _a]),
        ([_a], [_b], [_c], [_b, _c]),
        ([_a, _b], [_b, _c], [_a, _b, _d], [_b, _c, _d]),
        ([_a], [_a], [], []),
    ],
    ids=["both new", "both append", "the same again", "the same by both", "both anew", "one taken out", "all dropped"],
)
def test_merging_keeps_what_both_recorded(
    base: list[Interaction], current: list[Interaction], mine: list[Interaction], merged: list[Interaction]
) -> None:
    parts = [Cassette(tuple(part)) for part in (base, current, mine)]
    assert cassette.merge(*parts).interactions == tuple(merged)


@pytest.mark.parametrize(
    "made",
    [lambda tape: tape, copy.copy, copy.deepcopy, lambda tape: pickle.loads(pickle.dumps(tape)), replace],
    ids=["itself", "copied", "deeply", "pickled", "replaced"],
)
def test_a_loaded_tape_is_cut_when_somebody_looks(made: Callable[[Tape], Tape]) -> None:
    chunks = (Chunk(0.1, b"data: a\n", (8,)), Chunk(0.2, b"\ndata: b\n\n", (1, 10)))
    recorded = Interaction(Request("GET", "http://a/"), Tape(Head(200, "OK", at=0.1), chunks, Ending(at=0.3)))
    (loaded,) = cassette.loads(cassette.dumps(Cassette((recorded,))), "a.yaml").interactions
    assert "chunks" not in vars(loaded.response)
    assert made(loaded.response) == recorded.response
    assert hash(made(loaded.response)) == hash(recorded.response)
    with pytest.raises(AttributeError, match="'Tape' object has no attribute 'chunk'"):
        _ = loaded.response.chunk  # type: ignore[attr-defined]
