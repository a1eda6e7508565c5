"""What a client that pulls has read of a tape, after content decoding, wherever it stopped."""

from __future__ import annotations

import pytest

from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Tape
from fakegpt_testkit.wire.arrivals import Arrivals

pytestmark = pytest.mark.once

PARTS = (b"a" * 100, b"b" * 200, b"c" * 300)
FRAMINGS = {
    "chunks": (("Transfer-Encoding", "chunked"),),
    "a length": (("Content-Length", "600"),),
    "until it closes": (),
    "coded chunks": (("Transfer-Encoding", "chunked"), ("Content-Encoding", "gzip")),
}


def playing(headers: tuple[tuple[str, str], ...], kind: EndingKind = EndingKind.COMPLETE) -> Arrivals:
    chunks = tuple(Chunk(number * 0.1 + 0.1, data) for number, data in enumerate(PARTS))
    tape = Tape(Head(200, "OK", headers), chunks, Ending(kind, 1.0))
    return Arrivals(tape, "GET", "lockstep", "the tape", lambda: 0.0)


@pytest.mark.parametrize("headers", FRAMINGS.values(), ids=FRAMINGS)
def test_what_was_read_grows_with_each_arrival(headers: tuple[tuple[str, str], ...]) -> None:
    arrivals = playing(headers)
    seen = [arrivals.read]
    while arrivals.take(65_536):
        seen.append(arrivals.read)
        if seen[-1] == 600:
            break
    assert seen == [0, 0, 100, 300, 600]


def test_a_client_may_stop_within_an_arrival() -> None:
    arrivals = playing(FRAMINGS["a length"])
    arrivals.take(65_536)
    assert len(arrivals.take(30)) == 30
    assert (arrivals.read, arrivals.fed) == (30, 30)
    arrivals.take(30)
    assert arrivals.read == 60


def test_where_no_answer_came_nothing_was_read() -> None:
    arrivals = Arrivals(Tape(Head(0, "", ()), (), Ending(EndingKind.EOF, 0.1)), "GET", "lockstep", "it", lambda: 0.0)
    assert arrivals.take(10) == b""
    assert arrivals.read == 0
