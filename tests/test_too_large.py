"""The bounds of a cassette are the same for the writer, both readers and ``recover``, and told in time."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest
import requests
from support.raw import raw_server

from fakegpt_testkit import cassette as cassettes
from fakegpt_testkit import storage
from fakegpt_testkit.cassette import canonical, yaml_text
from fakegpt_testkit.cassette.writing import CassetteText
from fakegpt_testkit.errors import CassetteError, RecordingTooLarge
from fakegpt_testkit.exchange import Chunk, Coded, Head, Interaction, Request, Tape
from fakegpt_testkit.maintenance import catalog
from fakegpt_testkit.recorder import load_cassette, use_cassette
from fakegpt_testkit.storage import files

if TYPE_CHECKING:
    from pathlib import Path

    from fakegpt_testkit.exchange import Headers

pytestmark = pytest.mark.once

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 900\r\n\r\n" + b"a word " * 128 + b"ends"


def one(headers: Headers, body: bytes = b"x", coded: bytes = b"") -> Interaction:
    received = Coded("gzip", (Chunk(0.5, coded),), (hash(body),)) if coded else None
    tape = Tape(Head(200, "OK", headers, version="1.0"), (Chunk(0.5, body),), coded=received)
    assert bool(tape.received) == bool(coded)
    return Interaction(Request("POST", "http://a.example/a", headers, b"- a\n- b: c"), tape)


SHAPES = {
    "no field": [one(())],
    "several values": [one((("A", "1"), ("B", "2"), ("A", "3")))] * 2,
    "a long name": [one((("n" * 1200, "1"),)), one(())],
    "lines that look like values": [one((("A", "- b"),), b"- a\n? b\n:\n")],
    "hidden and coded": [one((("Content-Encoding", "gzip"), ("X Y", "\xe9")), b"text", b"\x1f\x8b\x00")],
    "nothing": [],
}
OTHER_FORM = {"a long name", "hidden and coded", "nothing"}


@pytest.mark.parametrize("name", SHAPES)
def test_the_writer_and_both_readers_count_the_same_values(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    interactions = SHAPES[name]
    written = CassetteText(interactions)
    data, values = b"".join(written), written.values
    for most, fits in ((values, True), (values - 1, False)):
        for room in (cassettes, canonical, yaml_text):
            monkeypatch.setattr(room, "MAX_NODES", most)
        if fits:
            quick = canonical.read_canonical(data)
            assert (quick is not None) == (name not in OTHER_FORM)
            assert cassettes.loads(b"# by hand\n" + data, "a") == cassettes.loads(data, "a")
            assert cassettes.dumps(cassettes.Cassette(tuple(interactions))) == data
        else:
            assert canonical.read_canonical(data) is None
            for each in (data, b"# by hand\n" + data):
                with pytest.raises(CassetteError, match=f"more than {most} values"):
                    cassettes.loads(each, "a")
            with pytest.raises(CassetteError, match=f"would have {values} values, and at most {most}"):
                cassettes.dumps(cassettes.Cassette(tuple(interactions)))
    least = sum(cassettes.least_values(each.request.headers) for each in interactions)
    assert least + sum(cassettes.least_values(each.response.headers) for each in interactions) <= values


@pytest.mark.parametrize(("bound", "most", "at"), [("MAX_BYTES", 2600, 2), ("MAX_NODES", 100, 2)])
def test_it_is_told_when_the_bound_is_passed_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, most: int, at: int
) -> None:
    path = tmp_path / "c.yaml"
    monkeypatch.setattr(cassettes, bound, most)
    if bound == "MAX_BYTES":
        monkeypatch.setattr(files, bound, most)  # the journal is larger than what may be read whole
    with (
        raw_server({f"/{n}": (ANSWER,) for n in range(5)}) as server,
        warnings.catch_warnings(record=True) as told,
        pytest.raises(CassetteError, match="at most") as failed,
    ):
        warnings.simplefilter("always")
        with use_cassette(path, record_mode="once"):
            for n in range(5):
                assert len(requests.get(f"{server.url}/{n}", timeout=5).content) == 900
                assert len(told) == (n >= at)
    (problem,) = told[0].message.args  # type: ignore[union-attr]
    assert isinstance(problem, RecordingTooLarge)
    assert (path.exists(), "recover" in failed.value.__notes__[0]) == (False, True)

    (leftover,) = [each for each in storage.leftovers() if each.cassette == str(path)]
    parts = catalog.recover(leftover)
    assert len(parts) > 1
    assert not leftover.path.exists()
    uris = [each.request.uri for part, _ in parts for each in load_cassette(part).interactions]
    assert [uri[-1] for uri in uris] == list("01234")


def test_where_warnings_are_errors_the_client_meets_none_and_a_misfit_stays_in_its_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.yaml"
    monkeypatch.setattr(cassettes, "MAX_BYTES", 1800)
    large = ANSWER.replace(b"900", b"1800") + b"more" * 225
    with (
        raw_server({"/0": (ANSWER,), "/1": (large,), "/2": (ANSWER,)}) as server,
        warnings.catch_warnings(action="error"),
        pytest.raises(CassetteError, match="at most"),
        use_cassette(path, record_mode="once"),
    ):
        assert [len(requests.get(f"{server.url}/{n}", timeout=5).content) for n in range(3)] == [900, 1800, 900]
    (leftover,) = [each for each in storage.leftovers() if each.cassette == str(path)]
    with pytest.raises(CassetteError, match=r"c\.3\.yaml: the file would have") as failed:
        catalog.recover(leftover)
    assert leftover.path.exists()
    beside = tmp_path / "c.2.yaml", tmp_path / "c.4.yaml"
    assert [len(load_cassette(each).interactions) for each in beside] == [1, 1]
    assert all(str(each) in failed.value.__notes__[0] for each in beside)
    storage.discard(leftover.path)
