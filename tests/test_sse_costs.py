"""What reading costs: time linear in what arrives, memory bounded by the limit."""

from __future__ import annotations

import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from fakegpt_testkit.errors import EventTooLarge
from fakegpt_testkit.sse import EventStreamParser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.once, pytest.mark.untraced]


def seconds(chunks: list[bytes], wanted: int) -> float:
    parser = EventStreamParser()
    start = time.process_time()
    count = sum(len(parser.feed(chunk)) for chunk in chunks)
    assert count == wanted
    return time.process_time() - start


def cut(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


PATHOLOGICAL = {
    "one large event in 1 KB pieces": lambda n: cut(b"data: " + b"x" * 80 * n + b"\n\n", 1024),
    "many data lines in one event": lambda n: cut(b"data: line\n" * n + b"\n", 1024),
    "one-byte pieces": lambda n: cut(b"data: " + b"x" * n * 2 + b"\n\n", 1),
    "comments before the event": lambda n: cut(b": comment\n" * n + b"data: a\n\n", 1024),
    "comments within the event": lambda n: cut(b"data: a\n" + b": comment\n" * n + b"\n", 1024),
    "blank lines": lambda n: cut(b"\n" * n * 4 + b"data: a\n\n", 1024),
    "CRs": lambda n: cut(b"\r" * n * 4 + b"data: a\r\r", 1024),
    "the digits of retry": lambda n: cut(b"retry: " + b"9" * 20 * n + b"\ndata: a\n\n", 1024),
    "blocks without data": lambda n: cut(b"id: 1\n\n" * n + b"data: a\n\n", 1024),
}


@pytest.mark.parametrize("make", PATHOLOGICAL.values(), ids=PATHOLOGICAL)
def test_the_time_is_linear_in_what_arrives(make: Callable[[int], list[bytes]]) -> None:
    small, large = make(4_000), make(32_000)
    ratios = []
    for _ in range(5):
        ratios.append(seconds(large, 1) / max(seconds(small, 1), 1e-4))
        if ratios[-1] < 20:
            return
    pytest.fail(f"eight times the input took {ratios} times the time")


HELD = {
    "a line in three-byte pieces": lambda: iter([b"data: ", *[b"xyz"] * 100_000]),
    "a line in single bytes": lambda: iter([b"data: ", *[b"x"] * 150_000]),
    "a line in empty pieces": lambda: iter([b"data: ", *[b""] * 300_000]),
    "a line in 1 KB pieces": lambda: iter([b"data: ", *[b"x" * 1024] * 300]),
    "data lines of two letters": lambda: iter([b"data:ab\n"] * 37_000),
    "data lines of nothing": lambda: iter([b"data\n"] * 60_000),
    "comments": lambda: iter([b"data: a\n", *[b": keep-alive\n"] * 50_000]),
    "unknown fields of one event": lambda: iter([b"unknown: a\n\n"] * 50_000),
    "events whose blank line comes alone": lambda: iter([b"data: ab\n", b"\n"] * 40_000),
    "events that are given": lambda: iter([b"data: ab\n\n"] * 50_000),
}


@pytest.mark.parametrize("make", HELD.values(), ids=HELD)
def test_no_more_is_held_than_the_limit_and_a_little(make: Callable[[], Iterator[bytes]]) -> None:
    parser = EventStreamParser(max_event_size=310_000)
    tracemalloc.start()
    try:
        for piece in make():
            parser.feed(piece)
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held < 310_000 * 1.4 + 200_000


@pytest.mark.parametrize(
    "kind", ["a line in single bytes", "a line in empty pieces", "data lines of two letters", "events that are given"]
)
def test_reading_holds_no_more_either(kind: str) -> None:
    parser = EventStreamParser(max_event_size=310_000)

    def chunks() -> Iterator[bytes]:
        yield from HELD[kind]()
        held.append(tracemalloc.get_traced_memory()[0])

    held: list[int] = []
    tracemalloc.start()
    try:
        for _ in parser.read(chunks()):
            pass
    finally:
        tracemalloc.stop()
    assert held[0] < 310_000 * 1.4 + 200_000


def test_above_the_limit_nothing_is_held() -> None:
    parser = EventStreamParser(max_event_size=1000)
    with pytest.raises(EventTooLarge):
        for _ in range(100):
            parser.feed(b"data: " + b"x" * 100 + b"\n")
    assert parser._line == []
    assert parser._data == []


def test_a_large_piece_of_a_line_is_measured_when_it_comes() -> None:
    parser = EventStreamParser(max_event_size=310_000)
    assert [parser.feed(b"data: " + b"x" * 150_000) for _ in range(2)] == [(), ()]
    with pytest.raises(EventTooLarge):
        parser.feed(b"x" * 150_000)


def test_a_large_piece_after_a_single_byte_is_measured_when_it_comes() -> None:
    parser = EventStreamParser(max_event_size=310_000)
    assert [parser.feed(piece) for piece in (b"data: ", b"x", b"x" * 150_000, b"x", b"x" * 150_000, b"x")] == [()] * 6
    with pytest.raises(EventTooLarge):
        parser.feed(b"x" * 150_000)


def test_reading_measures_a_large_piece_when_it_comes() -> None:
    asked = []

    def chunks() -> Iterator[bytes]:
        for number in range(10):
            asked.append(number)
            yield b"x" * 150_000

    with pytest.raises(EventTooLarge):
        list(EventStreamParser(max_event_size=310_000).read(chunks()))
    assert asked == [0, 1, 2]


def fed(parser: EventStreamParser, chunks: Iterator[bytes]) -> None:
    for chunk in chunks:
        parser.feed(chunk)


def read(parser: EventStreamParser, chunks: Iterator[bytes]) -> None:
    for _ in parser.read(chunks):
        pass


@pytest.mark.parametrize("take", [fed, read])
def test_single_bytes_beside_large_pieces_are_counted_to_the_last_one(
    take: Callable[[EventStreamParser, Iterator[bytes]], None],
) -> None:
    limit = 100 * 4096
    arrived = 0

    def chunks() -> Iterator[bytes]:
        nonlocal arrived
        for piece in [b"data: " + b"w" * 3900, *[b"x"] * 100, *[b"y" * 4096] * 99, *[b"z"] * 8192]:
            arrived += len(piece)
            yield piece

    with pytest.raises(EventTooLarge):
        take(EventStreamParser(max_event_size=limit), chunks())
    assert arrived == limit + 1
