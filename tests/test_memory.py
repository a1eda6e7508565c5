"""What a large body takes in memory, in its own size; what a whole process takes is measured by benchmarks/sizes.py."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from support import cassette_values as values

from fakegpt_testkit import cassette, exchange, storage
from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.cassette.writing import CassetteText
from fakegpt_testkit.errors import CassetteError
from fakegpt_testkit.exchange import Chunk, Ending, Head, Interaction, Provenance, Request, Tape
from fakegpt_testkit.recorder import load_cassette
from fakegpt_testkit.recorder.reel import Reel
from fakegpt_testkit.redaction import Redactor, large
from fakegpt_testkit.storage import files
from fakegpt_testkit.wire.writing import encode_tape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.once

SIZE = 6 * 2**20
SECRET = "sk-proj-Zx8Rt5Kx2Wm9Zp4Lc7Vb1Qn3Ty6Ua0"


def lines(size: int) -> bytes:
    """Text of long lines, as a stream's are."""
    line = b"data: {" + b"lorem ipsum dolor sit amet " * 10 + b"}\n\n"
    return (line * (size // len(line) + 1))[:size]


def wide(size: int) -> bytes:
    """Text of which one letter takes as much as four."""
    return ("你好😀" * 100 + "\n").encode() * (size // 1001)


def folded(size: int) -> bytes:
    """JSON on one line, which is written on several."""
    return b'[{"a": "b"}' + b', {"lorem": "ipsum dolor sit amet"}' * (size // 35) + b"]"


def unprintable(size: int) -> bytes:
    """Text with what only an escape can write."""
    return (b"a bell \x07 in a line" + b" of many words" * 1000 + b"\n") * (size // 14020)


def binary(size: int) -> bytes:
    return bytes(range(256)) * (size // 256)


KINDS = {"lines": lines, "letters of several bytes": wide, "one line of JSON": folded}


def recorded(body: bytes, step: int = 2**16) -> Interaction:
    chunks = tuple(
        Chunk(at // step / 10, body[at : at + step], (min(step, len(body) - at),)) for at in range(0, len(body), step)
    )
    head = Head(200, "OK", (("Content-Type", "text/plain"), ("Transfer-Encoding", "chunked")))
    ending = Ending(at=len(chunks) + 1.0)
    return Interaction(Request("GET", "http://a/"), Tape(head, chunks, ending), Provenance("2026-11-22T21:00:00Z"))


@contextmanager
def growing(most: float, of: int) -> Iterator[None]:
    """That what happens in the block takes at its highest so many times a size."""
    gc.collect()
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= most * of, f"it took {peak / of:.2f} times the size"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_a_large_body_is_loaded_and_played_in_at_most_its_size_beside_the_files(kind: Callable[[int], bytes]) -> None:
    data = cassette.dumps(Cassette((recorded(kind(SIZE)),)))
    with growing(1.4, SIZE):
        (loaded,) = cassette.loads(data, "c.yaml").interactions
        for _ in encode_tape(loaded.response, "GET"):
            pass
    assert loaded.response.body == kind(SIZE)


def one_line(size: int) -> bytes:
    """Words on one line, in which a quote stands twice in the file, and two of them four times."""
    return b"it's '' 'a' text" * (size // 16) + b"'"


def minified(size: int) -> bytes:
    return b'[{"a":"' + b"b" * size + b'"}]'


def plain_word(size: int) -> bytes:
    return b"word" * (size // 4)


def long_lines(size: int) -> bytes:
    return (b"lorem ipsum " * 60000 + b"\n\n") * (size // 720002)


@pytest.mark.parametrize("kind", [lines, wide, folded, binary, one_line, minified, plain_word, long_lines, unprintable])
def test_a_large_file_is_read_as_a_small_one_and_given_back(
    kind: Callable[[int], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = recorded(kind(SIZE))
    data, path = cassette.dumps(Cassette((given, recorded(kind(9))))), tmp_path / "c.yaml"
    path.write_bytes(data)
    pages = storage.pages(path)
    assert isinstance(pages, storage.Pages)
    given_back, give_back = [0], pages.done

    def done(until: int) -> None:
        given_back.append(until)
        give_back(until)

    monkeypatch.setattr(pages, "done", done)
    with growing(1.4 + 16 * (kind is unprintable), SIZE):  # what has escapes is read anew, by a parser
        loaded = cassette.loads(pages, "c.yaml").interactions
    assert kind is unprintable or max(after - before for before, after in pairwise(given_back)) < 2**19
    assert loaded == cassette.loads(data, "c.yaml").interactions
    if sys.platform == "linux" and kind is not unprintable:
        assert not any(pages.memory[4096 : SIZE // 2])  # it was given back


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"    method: GET", b"    method:   GET", 1),
        lambda data: data.replace(b"track:", b"unknown:"),
        lambda data: data[:-20],
        lambda data: data.replace(b"ipsum", b"ip\xffum", 1),
        lambda data: data[: len(data) // 2] + b"   - x: [\n" + data[len(data) // 2 :],
    ],
    ids=["a mark", "line ends", "spaces", "a key", "cut off", "no UTF-8", "in the middle"],
)
def test_a_large_file_of_another_form_is_read_or_refused_as_a_small_one(
    change: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    data, path = change(cassette.dumps(Cassette((recorded(lines(SIZE)),)))), tmp_path / "c.yaml"
    path.write_bytes(data)

    def read(load: Callable[[], Cassette]) -> object:
        try:
            return load().interactions
        except CassetteError as error:
            return str(error)

    assert read(lambda: load_cassette(path)) == read(lambda: cassette.loads(data, str(path)))


@pytest.mark.parametrize("more", [5, -5])
def test_a_file_that_changes_while_it_is_read_is_read_as_far_as_it_goes(
    more: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(lines(SIZE))

    def size(descriptor: int) -> int:
        found = measured(descriptor)
        path.write_bytes(lines(SIZE + more))
        return found

    measured = files._size
    monkeypatch.setattr(files, "_size", size)  # it is looked at, and then read
    assert storage.pages(path) == lines(SIZE + more)


@pytest.mark.parametrize("kind", [lines, wide, folded, unprintable, binary])
def test_a_large_body_is_written_in_a_fraction_of_its_size(kind: Callable[[int], bytes], tmp_path: Path) -> None:
    interactions = (recorded(kind(SIZE // 3)),)
    assert interactions[0].response.body
    with growing(0.75, SIZE // 3):
        storage.write(tmp_path / "c.yaml", cassette.pieces(Cassette(interactions)))
    assert (tmp_path / "c.yaml").read_bytes() == cassette.dumps(Cassette(interactions))


@pytest.mark.parametrize("secrets", [0, 3])
def test_secrets_are_taken_out_of_a_large_stream_in_less_than_its_size(
    secrets: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, size in {"LARGE": 2**20, "PART": 2**15, "REACH": 2**12}.items():  # as those of a body ten times as large
        monkeypatch.setattr(large, name, size)
    event = (
        b'data: {"id": "1", "model": "' + b"words of a name " * 30 + b'", "index": 0, "delta": {"content": "%b"}}\n\n'
    )
    events = [
        event % (b"it is %b " % SECRET.encode() if number < secrets else b"word%d " % number) for number in range(3000)
    ]
    before = recorded(b"".join(events), 2**12)
    size = len(before.response.body)
    Redactor().interactions((recorded(events[0] + events[-1]),))  # what is loaded once
    with growing(0.9 + (secrets > 0), size):  # what events add up to, a part's text, and the other body
        (after,) = Redactor().interactions((before,))
    assert (SECRET.encode() in after.response.body) is False
    assert after.response.body.count(b"REDACTED-") == secrets
    assert [chunk.at for chunk in after.response.chunks] == [chunk.at for chunk in before.response.chunks]


def test_what_turns_out_too_large_while_it_is_written_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.yaml"
    storage.write(path, cassette.pieces(Cassette((recorded(b"old"),))))
    monkeypatch.setattr(cassette, "MAX_BYTES", SIZE + 10)
    large = Cassette((recorded(lines(SIZE)),), "c.yaml")
    with pytest.raises(
        CassetteError, match=f"would have {len(b''.join(CassetteText(large.interactions)))} bytes, and at most"
    ):
        storage.write(path, cassette.pieces(large))
    assert cassette.loads(path.read_bytes(), "c.yaml").interactions == (recorded(b"old"),)
    assert [*tmp_path.iterdir()] == [path]


def test_a_reel_gives_its_beginning_and_its_whole_and_nothing_that_came_later() -> None:
    reel, head, ending = Reel(), Head(200), Ending()
    chunks = (Chunk(0.1, b"abc", (0, 2)), Chunk(0.2, b""), Chunk(0.3, b"def", (1, 3)))
    for each in chunks:
        reel.add(each)
        reel.first(1, head, ending)  # nothing that is looked at moves where the next one goes
    assert reel.first(4, head, ending) == Tape(head, (*chunks[:2], Chunk(0.3, b"d", (1,))), ending)
    whole = reel.tape(head, ending)
    reel.add(Chunk(0.4, b"late"))
    assert whole == Tape(head, chunks, ending)
    assert reel.first(9, head, ending) == whole


def test_a_large_tape_plays_as_a_small_one() -> None:
    body = lines(SIZE)
    (loaded,) = cassette.loads(cassette.dumps(Cassette((recorded(body, 9999),))), "c.yaml").interactions
    assert list(encode_tape(loaded.response, "GET")) == list(encode_tape(recorded(body, 9999).response, "GET"))


@given(values.cassettes)
@settings(max_examples=15)
def test_chunks_that_are_cut_one_by_one_are_the_same(value: Cassette) -> None:
    loaded = cassette.loads(cassette.dumps(value), "c.yaml").interactions
    again = cassette.loads(cassette.dumps(value), "c.yaml").interactions
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exchange, "_LARGE", 0)
        for one, other in zip(loaded, again, strict=True):
            pieces = one.response.with_head(replace(one.response.head)).pieces
            assert tuple(pieces) == other.response.chunks
            assert [pieces[at] for at in range(-len(pieces), 0)] == list(other.response.chunks)
            assert tuple(pieces[1:]) == other.response.chunks[1:]
