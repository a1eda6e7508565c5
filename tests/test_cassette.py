"""What is written is read back, the fast way and by libYAML alike, with each chunk as it was."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import cassette_values as values
from support.cassette_values import simple

from fakegpt_testkit import cassette
from fakegpt_testkit.cassette import Cassette, canonical, scalars, tree, yaml_text
from fakegpt_testkit.cassette.reading import interactions_of
from fakegpt_testkit.cassette.scalars import block, inline
from fakegpt_testkit.cassette.track import read_track, write_track
from fakegpt_testkit.errors import CassetteError
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Interaction, Provenance, Request, Tape

if TYPE_CHECKING:
    from collections.abc import Callable

slow = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)


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


@given(values.bodies)
@settings(slow, max_examples=80)
def test_libyaml_reads_a_block_to_the_same_bytes(body: bytes) -> None:
    whole = b"".join(block(body, 2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scalars, "_PIECE", 3)
        patch.setattr(scalars, "_BINARY_PIECE", 57)
        assert b"".join(block(body, 2)) == whole, "a large body is written in pieces"
    text = f"a:\n  b: {whole.decode()}\n  c: 1\n"
    read = yaml.load(text, yaml.CSafeLoader)["a"]["b"]
    assert (read if isinstance(read, bytes) else read.encode()) == body
    assert yaml.load(text, yaml.SafeLoader) == yaml.load(text, yaml.CSafeLoader)


@given(values.texts)
@settings(slow, max_examples=80)
def test_libyaml_reads_an_inline_text_to_the_same_text(text: str) -> None:
    read = yaml.load(f"a:\n- {inline(text)}\n", yaml.CSafeLoader)["a"][0]
    assert (read.decode("utf-8", "surrogatepass") if isinstance(read, bytes) else read) == text


def _as_text(node: tree.Node, read: tree.Node) -> tree.Node:
    """The fast reader's values as texts, but for those that are none to libYAML either."""
    if isinstance(node, tree.Mapping) and isinstance(read, dict):
        plain = tree.Mapping()
        plain.update((key, _as_text(value, read.get(key))) for key, value in node.items())
        return plain
    if isinstance(node, list) and isinstance(read, list):
        return [_as_text(item, other) for item, other in zip(node, read, strict=True)]
    return node.decode() if isinstance(node, bytes) and not isinstance(read, bytes) else node


def _kinds(node: tree.Node) -> object:
    if isinstance(node, dict):
        return {key: _kinds(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_kinds(item) for item in node]
    return str if isinstance(node, tree.Plain) else type(node)


def _interactions(root: tree.Node) -> object:
    try:
        return interactions_of(root)
    except tree.BadShape as wrong:
        return wrong.problem


def _agree(data: bytes) -> bool:
    """Whether the fast reader took the text; it fails when libYAML reads something else."""
    fast = canonical.read_canonical(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canonical, "_PIECE", 5)
        assert canonical.read_canonical(data) == fast, "a large text is read in pieces"
    if fast is None:
        return False
    parsed = yaml_text.parse(data)
    assert _as_text(fast, parsed) == parsed
    assert _kinds(_as_text(fast, parsed)) == _kinds(parsed)
    assert _interactions(fast) == _interactions(parsed)  # also where it matters whether a word was quoted
    return True


own_lines = st.sampled_from(
    [
     b"- request:\n", b"    uri: a\n", b"    method: GET\n", b"  response:\n", b"    body:\n", b"      string: |\n",
     b"      string: |+\n", b"      string: |-\n", b"      string: |2\n", b"      string: |2+\n",
     b"      string: >-\n", b"        x\n", b"         x\n", b"        \n", b"\n", b"   \n", b"          \n",
     b"        \ty\n", b"        - a: b\n", b"        # c\n", b"    headers:\n", b"    headers: {}\n", b"      A:\n",
     b"      - b\n", b"      - 'c''d'\n", b"      - null\n", b"      - 12\n", b"      - a: b\n", b"      - \n",
     b"    a: b #c\n", b"    a: b:c\n", b"    a: 'b' c\n", b"    a: \n", b"    a:\n", b"  a: b\n", b"a: b\n",
     b"    k: No\n", b"    k: 0777\n", b"      z: |- \n", b"    'q': 1\n", b"    d: '\xc3\xa9'\n",
     b"    d: \xc3\xa9\n", b"    t: a\tb\n", b"    e: 'a\tb'\n", b"    f: ''\n", b"---\n", b"...\n",
     b"    parsed_body: 1\n",
     b"    body:\n    - 1\n", b"      B:\n      - null\n", b"        \xc2\x85\n",
     b"        \xe2\x80\xa8\n", b"        \x07\n", b"    - a\n", b"      - - a\n",
     b"    i: /a b\n", b"    j: {}\n", b"      string: !!binary |\n", b"        aGk=\n", b"        aGVs\n"
    ]
)  # fmt: skip


@given(st.lists(own_lines, max_size=14).map(b"".join))
@settings(slow, max_examples=250)
def test_the_fast_reader_agrees_with_libyaml_on_all_that_it_takes(middle: bytes) -> None:
    _agree(b"interactions:\n- request:\n    uri: b\n" + middle + b"version: 1\n")


@given(values.cassettes, st.data())
@settings(slow, max_examples=40)
def test_the_fast_reader_agrees_with_libyaml_on_edited_files(value: Cassette, data: st.DataObject) -> None:
    text = cassette.dumps(value)
    at = data.draw(st.integers(0, len(text)))
    put = data.draw(st.sampled_from([b"", b" ", b"\n", b"'", b":", b"#", b"- ", b"\t", b"x", b"  ", b"\n\n", b"|"]))
    cut = data.draw(st.integers(0, 3))
    edited = text[:at] + put + text[at + cut :]
    try:
        edited.decode()
    except UnicodeDecodeError:
        return
    _agree(edited)


@pytest.mark.parametrize(
    ("lines", "taken"),
    [
        (b"    a: b\n", True),
        (b"    a: 'b''c'\n    d: 12\n    e: null\n    f: {}\n", True),
        (b"    a: |\n      x\n\n      y\n", True),
        (b"    a: |2+\n\n       x\n\n\n", True),
        (b"    a: |-\n      x\n", True),
        (b"    a: >-\n      x\n      y\n", True),
        (b"    a:\n    - b\n    - 'c'\n", True),
        (b"    a:\n      b:\n      - c\n", True),
        (b"    a: |\n       x\n", False),
        (b"    a: |\n      \tx\n", False),
        (b"    a: |\n      x\n\n", False),
        (b"    a: |-\n      x\n\n", False),
        (b"    a: |\n", False),
        (b"    a: !!binary |\n      aGVsbG8=\n", True),
        (b"    a: !!binary |\n      " + b"aGVs" * 19 + b"\n      aGVsbG8=\n", True),
        (b"    a: !!binary |\n      " + b"aGVs" * 19 + b"\n", True),
        (b"    a: !!binary |\n      " + b"aGVs" * 20 + b"\n", False),
        (b"    a: !!binary |\n      aGVsbG8\n", False),
        (b"    a: !!binary |\n      aGVsbG8=\n      aGVs\n", False),
        (b"    a: !!binary |\n      aGVsbG8=\n\n", False),
        (b"    a: !!binary |\n       aGVsbG8=\n", False),
        (b"    a: !!binary |\n      aGVs-G8=\n", False),
        (b"    a: !!binary |\n      aGVsbG9=\n", True),
        (b"    a: !!binary |\n", False),
        (b"    a: |\n      x\n     y\n", False),
        (b"    a: >-\n      x\n\n      y\n", False),
        (b"    a: >-\n      x\n       y\n", False),
        (b"    a: |\n      x\x07\n", False),
        (b"    a: |\n      \xc2\x85\n", False),
        (b"    a: |\n      \xe2\x80\xa8\n", False),
        (b"    a: |\n      \xe2\x80\xa9\n", False),
        (b"    a: |\n      \xef\xbb\xbf\n", False),
        (b"    a: b # c\n", False),
        (b"    a: b\n      c\n", False),
        (b"    a: yes: no\n", False),
        (b"    a: [b]\n", False),
        (b"    a: &b c\n", False),
        (b"    uri: again\n", False),
        (b"    a:\n      b:\n        c:\n          d: e\n", False),
        (b"    a:\n", False),
        (b"    a: b\n\n", False),
        (b"    h:\n      A:\n      - b\n      B:\n      - 'c'\n      C:\n      - d\n      - e\n      D: f\n", True),
        (b"    h:\n      A:\n      - b\n      A:\n      - c\n", False),
        (b"    h:\n      A:\n      - b\n      B:\n      - c\n      A: d\n", False),
        (b"    h:\n      A:\n      - null\n      B:\n      - Null\n", True),
        (b"    body:\n    - 1\n", False),
        (b"    body:\n      n: 1\n", False),
        (b"    parsed_body:\n      n: 1\n", False),
    ],
)
def test_the_fast_reader_takes_only_the_writers_form(lines: bytes, taken: bool) -> None:
    assert _agrees_or_refuses(b"interactions:\n- request:\n    uri: b\n" + lines + b"  x: y\nversion: 1\n") is taken


@pytest.mark.parametrize("length", [70, 7000], ids=["short lines", "long lines"])
def test_a_large_stream_is_read_to_the_same_bytes(length: int) -> None:
    body = b"".join(b"data: %d %s\n\n" % (number, b"x" * (number * 97 % length)) for number in range(100)) + b"\n \n"
    data = cassette.dumps(Cassette((simple(body),)))
    assert _agree(data)
    assert canonical.read_canonical(data.replace(b"        data: 50 ", b"       data: 50 ")) is None
    assert cassette.loads(data, "a").interactions[0].response.body == body


def _agrees_or_refuses(data: bytes) -> bool:
    return canonical.read_canonical(data) is not None and _agree(data)


@given(st.lists(values.requests.map(lambda request: replace(request, headers=())), min_size=1, max_size=3))
@settings(slow, max_examples=15)
def test_the_fast_reader_takes_what_the_writer_writes(requests: list[Request]) -> None:
    streams = [
        simple(b"data: a\n\ndata: b\n\n", headers=(("A", "b: c"), ("Date", "Sun, 22 Nov 2026"))) for _ in requests
    ]
    assert _agree(cassette.dumps(Cassette(tuple(streams))))


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
