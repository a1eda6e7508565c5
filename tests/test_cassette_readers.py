"""The fast reader and libYAML read the same of what the writer writes, and the fast one refuses all else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support import cassette_values as values
from support.cassette_values import simple, slow

from fakegpt_testkit import cassette
from fakegpt_testkit.cassette import Cassette, canonical, characters, scalars, tree, yaml_text
from fakegpt_testkit.cassette.reading import interactions_of
from fakegpt_testkit.cassette.scalars import block, inline

if TYPE_CHECKING:
    from fakegpt_testkit.exchange import Request


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
        patch.setattr(canonical, "PIECE", 5)
        patch.setattr(characters, "PIECE", 5)
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
        (b"    a: |-\n    bbb:\n      c: d\n      e: f\n", False),
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
        (b"    a: 'b\n      c'\n", False),
        (b"    a: 'b\tc'\n", False),
        (b"    a: 'b''\n    c: ''d'\n", False),
        (b"    a: |\n      x \xc2\xa0 \xe2\x80\x9cy\xe2\x80\x9d \xef\xbc\x81\n", True),
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
    assert _agree(b"interactions:\n- request:\n    uri: b\n" + lines + b"  x: y\nversion: 1\n") is taken


@pytest.mark.parametrize("length", [70, 7000], ids=["short lines", "long lines"])
def test_a_large_stream_is_read_to_the_same_bytes(length: int) -> None:
    body = b"".join(b"data: %d %s\n\n" % (number, b"x" * (number * 97 % length)) for number in range(100)) + b"\n \n"
    data = cassette.dumps(Cassette((simple(body),)))
    assert _agree(data)
    assert canonical.read_canonical(data.replace(b"        data: 50 ", b"       data: 50 ")) is None
    assert cassette.loads(data, "a").interactions[0].response.body == body


@pytest.mark.parametrize("put", [b"\n      ", b"\t"])
def test_a_long_quoted_text_that_is_not_of_one_line_is_left_to_the_parser(put: bytes) -> None:
    data = cassette.dumps(Cassette((simple(b"it's a word " * 2**15),)))
    assert canonical.read_canonical(data) is not None
    assert canonical.read_canonical(data.replace(b" word", put + b"word", 1)) is None


def test_line_ends_are_counted_beside_all_that_looks_like_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(characters, "PIECE", 8)
    assert characters.line_ends("a\n\tb\n“é”\n\n".encode()) == [2, 2]
    assert characters.line_ends(b"a\n\tb\n\x1b\n\n") is None


of_streams = st.lists(
    st.sampled_from(
        [
            b"data: a\n\n",
            b"event: b\ndata: c\n\n",
            b": d\n\n\n",
            b"\n",
            b"e\n",
            b"  f\n",
            b" \n",
            "data: é\n\n".encode(),
        ]
    ),
    min_size=1,
    max_size=20,
).map(b"".join)


@given(of_streams, st.integers(1, 60), st.data())
@settings(slow, max_examples=200)
def test_a_stream_is_read_in_pieces_of_any_size_as_a_whole(body: bytes, size: int, data: st.DataObject) -> None:
    posted = simple(body)
    posted = replace(posted, request=replace(posted.request, body=b"g\n" + body))
    text = cassette.dumps(Cassette((posted,)))
    at = data.draw(st.integers(0, len(text)))
    put = data.draw(st.sampled_from([b"", b" ", b"\n", b"\n\n", b"h", b"\n  i"]))
    edited = text[:at] + put + text[at + data.draw(st.integers(0, 9)) :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canonical, "PIECE", size)
        patch.setattr(characters, "PIECE", size)
        (read,) = interactions_of(canonical.read_canonical(text))
        assert (read.request.body, read.response.body) == (b"g\n" + body, body)
        in_pieces = canonical.read_canonical(edited)
    assert in_pieces == canonical.read_canonical(edited)


@given(st.lists(values.requests.map(lambda request: replace(request, headers=())), min_size=1, max_size=3))
@settings(slow, max_examples=15)
def test_the_fast_reader_takes_what_the_writer_writes(requests: list[Request]) -> None:
    streams = [
        simple(b"data: a\n\ndata: b\n\n", headers=(("A", "b: c"), ("Date", "Sun, 22 Nov 2026"))) for _ in requests
    ]
    assert _agree(cassette.dumps(Cassette(tuple(streams))))
