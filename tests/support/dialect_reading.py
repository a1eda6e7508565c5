"""What a body says to who looks at it, whatever its label and path."""

from __future__ import annotations

import json
from dataclasses import dataclass

from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Interaction, Request, Tape
from fakegpt_testkit.timeline import Stream

COMPLETE, CUT, LEFT = Ending(at=1.0), Ending(EndingKind.EOF, 1.0), Ending(EndingKind.ABANDONED, 1.0)


@dataclass
class Progress:
    read: int
    fed: int = 0
    left_early: bool = True


def stream(
    body: bytes,
    path: str = "/nobody/knows",
    *,
    label: str = "text/event-stream",
    ending: Ending = COMPLETE,
    status: int = 200,
    read: int | None = None,
) -> Stream:
    head = Head(status, "OK", (("Content-Type", label),))
    interaction = Interaction(Request("POST", f"https://llm.example{path}"), Tape(head, (Chunk(0.5, body),), ending))
    return Stream(interaction, None if read is None else Progress(read))


def event(value: object, name: str = "") -> bytes:
    return (f"event: {name}\n" if name else "").encode() + b"data: " + json.dumps(value).encode() + b"\n\n"
