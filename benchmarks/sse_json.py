"""Compares the ways to read one event's JSON: `fakegpt.conversation` is built on the one that won.

Run it with `make benchmark`. Microseconds per event, the best of several turns, by CPU time.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from typing import TYPE_CHECKING

import msgspec
import orjson
from sse import WORDS, chatgpt_message

from fakegpt_testkit.fakegpt.conversation import _decode

if TYPE_CHECKING:
    from collections.abc import Callable

MIXED = "Café 🎉 naïve 中文 wörds, "
READERS: dict[str, Callable[[str], str]] = {
    "json.loads": lambda data: json.loads(data)["message"]["content"]["parts"][0],
    "orjson.loads": lambda data: orjson.loads(data)["message"]["content"]["parts"][0],
    "msgspec, to dicts": lambda data: msgspec.json.decode(data)["message"]["content"]["parts"][0],
    "msgspec, to a declared shape": lambda data: _decode(data).message.content.parts[0],  # type: ignore[union-attr,index]
}


def main() -> None:
    print("| events | " + " | ".join(READERS) + " |")
    print("|---" * (len(READERS) + 1) + "|")
    for name, words, escaped in (
        ("ASCII", WORDS, True),
        ("mixed text, escaped", MIXED, True),
        ("mixed text, raw", MIXED, False),
    ):
        events = [json.dumps(chatgpt_message((words * 100)[:end]), ensure_ascii=escaped) for end in range(0, 2000, 5)]
        best = dict.fromkeys(READERS, float("inf"))
        for _ in range(15):
            for reader, read in READERS.items():
                start = time.process_time()
                for data in events:
                    read(data)
                best[reader] = min(best[reader], time.process_time() - start)
        cells = [f"{seconds / len(events) * 1e6:.2f}" for seconds in best.values()]
        print(f"| {name}, {sum(map(len, events)) // len(events)} characters on average | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
