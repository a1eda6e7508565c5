"""Counts the cases of tests/reference/cases.py that each parser reads as the standard says.

Run it with `make benchmark`; `--failures` names what each of them gets wrong. Each is asked in its own terms: what it
calls the event's type, its data and the last event id; the reconnection time is compared where it offers one. A type
that is not said is "message", an id that is not said is the one before.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests")]

from sse_peers import DISTRIBUTIONS, Response, version_of  # noqa: E402
from support.reference.cases import CASES, OTHERS, PLATFORM, STANDARD, Case, Told  # noqa: E402

Heard = tuple[list[Told], object]
"""The events, and the reconnection time: None when none was said, ``...`` where the parser offers none."""
Reader = Callable[[Sequence[bytes]], Heard]


def told(events: Iterable[Any]) -> Heard:
    """Of events that have ``event``, ``data``, ``id`` and ``retry``."""
    found: list[Told] = []
    last_id, retry = "", None
    for event in events:
        last_id = last_id if event.id is None else event.id
        retry = retry if event.retry is None else event.retry
        found.append((event.event or "message", event.data, last_id))
    return found, retry


def ours() -> Reader:
    from fakegpt_testkit.sse import EventStreamParser

    def hear(chunks: Sequence[bytes]) -> Heard:
        parser = EventStreamParser()
        return [(event.event, event.data, event.id) for event in parser.read(chunks)], parser.retry

    return hear


def launchdarkly() -> Reader:
    from ld_eventsource.actions import Event
    from ld_eventsource.reader import _BufferedLineReader, _SSEReader

    def hear(chunks: Sequence[bytes]) -> Heard:
        said: list[int | None] = [None]
        reader = _SSEReader(_BufferedLineReader.lines_from(chunks), set_retry=said.append)
        events = [found for found in reader.events_and_comments() if isinstance(found, Event)]
        return [(event.event, event.data, event.last_event_id or "") for event in events], said[-1]

    return hear


def httpx_sse() -> Reader:
    from httpx_sse import EventSource

    return lambda chunks: told(EventSource(Response(chunks)).iter_sse())


def axio_sse() -> Reader:
    from axio_sse import Decoder

    def hear(chunks: Sequence[bytes]) -> Heard:
        decoder = Decoder()
        events = [event for chunk in chunks for event in decoder.decode(chunk)]
        return told([*events, *decoder.decode(final=True)])

    return hear


def sseclient_py() -> Reader:
    from sseclient import SSEClient

    def hear(chunks: Sequence[bytes]) -> Heard:
        events, retry = told(SSEClient(iter(chunks)).events())
        return events, int(retry) if isinstance(retry, str) and retry.isascii() and retry.isdigit() else retry

    return hear


def openai() -> Reader:
    from openai._streaming import SSEDecoder

    return lambda chunks: told(SSEDecoder().iter_bytes(iter(chunks)))


def anthropic() -> Reader:
    from anthropic._streaming import SSEDecoder

    return lambda chunks: told(SSEDecoder().iter_bytes(iter(chunks)))


READERS = {
    "ours": ours,
    "launchdarkly": launchdarkly,
    "httpx-sse": httpx_sse,
    "axio-sse": axio_sse,
    "sseclient-py": sseclient_py,
    "openai": openai,
    "anthropic": anthropic,
}


def whole(body: bytes) -> list[list[bytes]]:
    return [[body]]


def in_bytes(body: bytes) -> list[list[bytes]]:
    return [[body[start : start + 1] for start in range(len(body))]]


def in_two(body: bytes) -> list[list[bytes]]:
    """The body cut in two, at each of up to some hundred places."""
    return [[body[:cut], body[cut:]] for cut in range(1, len(body), 1 + len(body) // 200)]


def passes(hear: Reader, case: Case, pieces: list[list[bytes]]) -> bool:
    """Whether the parser gives what the case says, however the body is cut."""
    for chunks in pieces:
        try:
            events, retry = hear(chunks)
        except Exception:
            return False
        if events != case.events or (case.retry is not ... and retry is not ... and retry != case.retry):
            return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--failures", action="store_true", help="also name the cases that each parser gets wrong")
    arguments = parser.parse_args()
    print(f"| of {len(CASES)} cases | whole | byte by byte | cut in two, anywhere | all of these |")
    print("|---" * 5 + "|")
    failures: dict[str, list[str]] = {}
    for name, make in READERS.items():
        if name in DISTRIBUTIONS and not version_of(name):
            continue
        hear = make()
        right = [
            {key for key, case in CASES.items() if passes(hear, case, cut(case.body))}
            for cut in (whole, in_bytes, in_two)
        ]
        everywhere = set.intersection(*right)
        failures[name] = [key for key in CASES if key not in everywhere]
        counts = [str(len(found)) for found in (*right, everywhere)]
        print(f"| {name} | {' | '.join(counts)} |")
    print(f"\n{len(STANDARD)} of the standard's rules, {len(PLATFORM)} of the web platform, {len(OTHERS)} of others")
    for name, keys in failures.items() if arguments.failures else ():
        print(f"\n{name}: {len(keys)}")
        print("\n".join(f"- {key}" for key in keys))


if __name__ == "__main__":
    main()
