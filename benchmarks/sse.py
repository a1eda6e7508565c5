"""Compares `fakegpt_testkit.sse` with its peers: the same streams, the same process, turn by turn, by CPU time.

Run it with `make benchmark`; it prints the table that docs/benchmarks-sse.md shows.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from typing import TYPE_CHECKING

from sse_peers import DISTRIBUTIONS, Chunks, Parser, awaited, iterated, version_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Reader = Callable[[Chunks], Iterable[object]]
    """What reads a stream to anything: a parser's texts, or JSON."""

WORDS = "The quick brown fox jumps over the lazy dog and then it naps in the sun. "
SIZES = {"1 KB": 1024, "16 KB": 16 * 1024}
REACH = {
    "chatgpt / event": 2.0,
    "deltas / event": 2.0,
    "chatgpt / 1 KB": 1.6,
    "deltas / 1 KB": 1.6,
    "deltas / 16 KB": 3.0,
}
"""How many times httpx-sse the parser is to be."""


def chatgpt_message(text: str) -> dict[str, object]:
    """One event's JSON as the service of 2023 sent it."""
    message = {
        "id": "7f9ea1f1-52bd-4b05-b0ef-3b6b1d0e2c5d",
        "author": {"role": "assistant", "name": None, "metadata": {}},
        "create_time": 1697030400.123456,
        "update_time": None,
        "content": {"content_type": "text", "parts": [text]},
        "status": "in_progress",
        "end_turn": None,
        "weight": 1.0,
        "metadata": {
            "message_type": "next",
            "model_slug": "text-davinci-002-render-sha",
            "parent_id": "9b1c6a4e-2f4d-4b8f-8a53-0a4b8f3a8a11",
        },
        "recipient": "all",
    }
    return {"message": message, "conversation_id": "c4b0d3a2-77a1-4dc6-8e39-8a4a0e4b2f0d", "error": None}


def chatgpt(count: int = 400) -> list[bytes]:
    """A cumulative answer: the whole text in every event."""
    text = WORDS * (count * 5 // len(WORDS) + 1)
    ends = range(0, count * 5, 5)
    return [b"data: " + json.dumps(chatgpt_message(text[:end])).encode() + b"\n\n" for end in ends]


def deltas(count: int = 20_000) -> list[bytes]:
    """Small events, 200 bytes each, as the chat completions of today are streamed."""
    events = []
    for number in range(count):
        start = f'{{"id":"chatcmpl-{number:08}","object":"chat.completion.chunk","choices":[{{"delta":{{"content":"'
        end = '"},"index":0,"finish_reason":null}]}'
        body = start + (WORDS * 3)[: 192 - len(start) - len(end)] + end
        events.append(f"data: {body}\n\n".encode())
    return events


def cut(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


def long_event(size: int = 16 * 1024 * 1024) -> list[bytes]:
    text = (WORDS * (size // len(WORDS) + 1))[:size]
    return cut(b'data: {"text": "' + text.encode() + b'"}\n\n', 1024)


def many_lines(count: int = 200_000) -> list[bytes]:
    lines = [b"data: [\n", *[b"data: %d,\n" % number for number in range(count)], b"data: 0]\n\n"]
    return cut(b"".join(lines), 16 * 1024)


def workloads() -> dict[str, Chunks]:
    made: dict[str, Chunks] = {}
    for name, events in {"chatgpt": chatgpt(), "deltas": deltas()}.items():
        made[f"{name} / event"] = events
        for label, size in SIZES.items():
            made[f"{name} / {label}"] = cut(b"".join(events), size)
    made["16 MB event / 1 KB"] = long_event()
    made["200,000 lines / 16 KB"] = many_lines()
    made["chatgpt / byte"] = cut(b"".join(chatgpt(100)), 1)
    return made


def with_json(parse: Parser, *, cumulative: bool) -> Reader:
    """The same, and each event's JSON read with the standard library: from bytes to the text, or to objects."""
    loads = json.loads

    def objects(chunks: Chunks) -> Iterable[object]:
        return [loads(data) for data in parse(chunks)]

    def text(chunks: Chunks) -> Iterable[str]:
        pieces, length = [], 0
        for data in parse(chunks):
            said = loads(data)["message"]["content"]["parts"][0]
            if len(said) > length:
                pieces.append(said[length:])
                length = len(said)
        return pieces

    return text if cumulative else objects


def ours_with_json(*, cumulative: bool) -> Reader:
    """From bytes to the answer's text, or to objects, by the room that knows JSON."""
    from fakegpt_testkit.dialects import payloads
    from fakegpt_testkit.fakegpt.conversation import AnswerReader, Text
    from fakegpt_testkit.sse import EventStreamParser

    def objects(chunks: Chunks) -> Iterable[object]:
        return list(payloads(EventStreamParser().read(chunks), object))

    def text(chunks: Chunks) -> Iterable[str]:
        read = AnswerReader().feed
        events = EventStreamParser().read(chunks)
        return [delta.text for event in events for delta in read(event) if isinstance(delta, Text)]

    return text if cumulative else objects


def cpu(run: Reader, chunks: Chunks) -> float:
    gc.collect()
    start = time.process_time()
    run(chunks)
    return time.process_time() - start


def measure(runs: Mapping[str, Reader], chunks: Chunks, rounds: int) -> dict[str, float]:
    """The best CPU time of each, taken turn by turn, so that a busy machine is busy for all of them.

    Each turn has an order of its own, because one leaves its memory to the next; what is short has more turns.
    """
    best = dict.fromkeys(runs, float("inf"))
    for turn in range(rounds if cpu(runs["ours"], chunks) > 0.01 else 10 * rounds):
        for name in random.Random(turn).sample([*runs], len(runs)):
            best[name] = min(best[name], cpu(runs[name], chunks))
    return best


def verdict(run: Parser, ours: Parser, chunks: Chunks) -> str:
    """What the table says of a peer in place of a time, or "" when it is to be timed.

    That is "wrong" for other data than ours, and a rough ratio for one that is slower by far.
    """
    base = cpu(ours, chunks)
    if cpu(run, chunks[: len(chunks) // 16]) > 2 * base:
        return "> 32"
    if (once := cpu(run, chunks)) > 20 * base:
        return f"{once / base:.0f}"
    return "" if list(run(chunks)) == list(ours(chunks)) else "wrong"


def verdicts(runs: dict[str, Parser], chunks: Chunks) -> dict[str, str]:
    """For each of them why it is not timed, or "" when it is."""
    ours = runs["ours"]
    return {name: "" if name.startswith("floor") else verdict(run, ours, chunks) for name, run in runs.items()}


def measured(
    runs: Mapping[str, Reader], chunks: Chunks, rounds: int, why_not: dict[str, str]
) -> dict[str, float | str]:
    """Each one's best time, or why it has none."""
    timed = measure({name: run for name, run in runs.items() if not why_not[name]}, chunks, rounds)
    return {name: timed.get(name, why_not[name]) for name in runs}


def json_runs(runs: dict[str, Parser], *, cumulative: bool) -> dict[str, Reader]:
    """Each with its data read as JSON: ours by what the package has for it, the peers' by the standard library."""
    peers = {name: with_json(runs[name], cumulative=cumulative) for name in runs if name in DISTRIBUTIONS}
    return {"ours": ours_with_json(cumulative=cumulative)} | peers


def rows(name: str, chunks: Chunks, rounds: int) -> Iterable[tuple[str, dict[str, float | str]]]:
    """What the table says of one stream: a label, and each one's best time or why it has none."""
    runs = iterated()
    why_not = verdicts(runs, chunks)
    yield name, measured(runs, chunks, rounds, why_not)
    typed = json_runs(runs, cumulative=name.startswith("chatgpt"))
    wanted = list(typed["ours"](chunks))
    for peer, run in typed.items():
        if not why_not[peer] and list(run(chunks)) != wanted:
            why_not[peer] = "wrong"
    yield f"{name}, JSON", measured(typed, chunks, rounds, why_not)
    if name.startswith("deltas"):
        alike: dict[str, Reader] = typed | {"ours": with_json(runs["ours"], cumulative=False)}
        yield f"{name}, json.loads for all", measured(alike, chunks, rounds, why_not)


def shown(cell: float | str, ours: float) -> str:
    return cell if isinstance(cell, str) else f"{cell / ours:.2f}"


def missed(label: str, cells: dict[str, float | str]) -> list[str]:
    """The aims that this line of the table falls short of."""
    ours = float(cells["ours"])
    times = {name: cell for name, cell in cells.items() if isinstance(cell, float) and name in DISTRIBUTIONS}
    fastest = min(times, key=times.__getitem__)
    short = []
    if times[fastest] < 1.1 * ours:
        short.append(f"{label}: {times[fastest] / ours:.2f} times {fastest}, the fastest peer; 1.1 was wanted")
    if label in REACH and times["httpx-sse"] < REACH[label] * ours:
        short.append(f"{label}: {times['httpx-sse'] / ours:.2f} times httpx-sse; {REACH[label]} was wanted")
    return short


def table(title: str, columns: list[str], lines: Iterable[tuple[str, dict[str, float | str]]]) -> list[str]:
    """Prints the table line by line as it is measured, and gives the aims it falls short of."""
    print(f"\n{title}\n")
    print(f"| workload | ours, ms | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 2) + "|")
    short = []
    for label, cells in lines:
        ours = float(cells["ours"])
        shown_cells = [shown(cells.get(name, ""), ours) for name in columns]
        print(f"| {label} | {ours * 1000:.2f} | {' | '.join(shown_cells)} |", flush=True)
        short += [] if label.endswith("for all") else missed(label, cells)
    return short


def growth(run: Parser, rounds: int) -> Iterable[tuple[str, float]]:
    """How much longer twice the input takes."""
    bodies: dict[str, Callable[[int], Chunks]] = {
        "one event in 1 KB chunks": lambda factor: long_event(factor * 8 * 1024 * 1024),
        "data lines in one event": lambda factor: many_lines(factor * 100_000),
        "one-byte chunks": lambda factor: cut(b"data: " + b"x" * factor * 500_000 + b"\n\n", 1),
        "comments": lambda factor: cut(b": keep-alive\n" * factor * 40_000 + b"data: a\n\n", 1024),
    }
    for name, make in bodies.items():
        once, twice = make(1), make(2)
        pairs = [(cpu(run, once), cpu(run, twice)) for _ in range(rounds)]
        yield name, min(large for _, large in pairs) / min(small for small, _ in pairs)


def processor() -> str:
    """The processor's name where the system tells it."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text(encoding="utf-8").splitlines() if known.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=7, help="how often each parser reads each stream; the best counts"
    )
    parser.add_argument("--only", default="", help="only the workloads with this in their name")
    arguments = parser.parse_args()
    versions = ", ".join(f"{name} {version_of(name)}" for name in DISTRIBUTIONS if version_of(name))
    print(f"{platform.python_implementation()} {platform.python_version()}, {processor()}, {versions}.")
    streams = {name: chunks for name, chunks in workloads().items() if arguments.only in name}
    runs, waiting = iterated(), awaited()
    gc.freeze()  # what the peers import is not walked through again before each turn
    lines = (line for name, chunks in streams.items() for line in rows(name, chunks, arguments.rounds))
    short = table("An iterable of chunks:", [name for name in runs if name != "ours"], lines)
    lines = (
        (name, measured(waiting, chunks, arguments.rounds, verdicts(waiting, chunks)))
        for name, chunks in streams.items()
    )
    short += table("In a coroutine:", [name for name in waiting if name != "ours"], lines)
    print()
    for name, ratio in growth(runs["ours"], arguments.rounds):
        print(f"{name}: twice the input took {ratio:.2f} times the time")
        short += [f"{name}: 2.3 was the bound"] if ratio > 2.3 else []
    print("\n" + "\n".join(short or ["Every aim is reached."]))


if __name__ == "__main__":
    main()
