"""What redaction costs a recording: while its events arrive, and when it is saved. A load and a replay redact nothing.

Knows no network: the events are handed over as by a client. ``python benchmarks/redaction.py`` prints the table of
docs/benchmarks-redaction.md.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fakegpt_testkit import cassette
from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.exchange import Chunk, Head, Interaction, Request, Tape
from fakegpt_testkit.redaction import Redactor, StreamRedactor

if TYPE_CHECKING:
    from collections.abc import Callable

STREAM = (("Content-Type", "text/event-stream"),)
ROUNDS = 9


def events(number: int) -> list[bytes]:
    """A chat answer's events, a word in each."""
    said = ({"id": "chatcmpl-abc123", "object": "chat.completion.chunk", "created": 1} for _ in range(number))
    deltas = ({"choices": [{"index": 0, "delta": {"content": f"word{at} and "}}]} for at in range(number))
    return [b"data: " + json.dumps(head | delta).encode() + b"\n\n" for head, delta in zip(said, deltas, strict=True)]


def environment(secrets: int) -> dict[str, str]:
    """So many variables with secrets."""
    return {f"SERVICE_{number}_API_KEY": f"q8Rt5Kx2Wm9Zp4Lc7V{number:02}b" for number in range(secrets)}


def recorded(pieces: list[bytes]) -> Interaction:
    """The exchange that they belong to."""
    asked = (("Authorization", "Bearer sk-proj-t6Fh2Vn8Cx4Bz1Ql9We7"), ("Content-Type", "application/json"))
    request = Request("POST", "https://api.example/v1/chat/completions", asked, b'{"model": "m", "stream": true}')
    chunks = tuple(Chunk(at / 100, piece) for at, piece in enumerate(pieces))
    return Interaction(request, Tape(Head(200, "OK", STREAM), chunks))


def spent(work: Callable[[], object]) -> float:
    """Median ms of CPU time."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return statistics.median(times) * 1000


def main() -> None:
    print(f"Python {platform.python_version()}, {platform.machine()}; ms of CPU time, the median of {ROUNDS}\n")
    print("| | as it arrives | when it is saved | writing the file's text | loading it |")
    print("|---|--:|--:|--:|--:|")
    for number, secrets in ((150, 0), (1500, 0), (1500, 20), (15000, 0)):
        pieces, known = events(number), environment(secrets)
        exchange = recorded(pieces)

        def arrive(pieces: list[bytes] = pieces, known: dict[str, str] = known) -> None:
            stream = StreamRedactor(Redactor(None, known), STREAM)
            for piece in pieces:
                stream.feed(piece)
            stream.close()

        clean = Redactor(None, known).interactions((exchange,))
        text = cassette.dumps(Cassette(clean))
        figures = (
            spent(arrive),
            spent(lambda known=known, exchange=exchange: Redactor(None, known).interactions((exchange,))),  # type: ignore[misc]
            spent(lambda clean=clean: cassette.dumps(Cassette(clean))),  # type: ignore[misc]
            spent(lambda text=text: cassette.loads(text, "a.yaml")),  # type: ignore[misc]
        )
        title = f"{number:,} events, {secrets} secrets in the environment"
        print(f"| {title} | {' | '.join(f'{each:.1f}' for each in figures)} |")


if __name__ == "__main__":
    main()
