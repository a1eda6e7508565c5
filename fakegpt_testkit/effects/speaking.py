"""What an effect says in a stream or in its place, in the dialect of what was recorded.

Knows no place: where it is said is the effect's business.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from fakegpt_testkit import sse
from fakegpt_testkit.dialects import dialect_of_body, dialect_of_events, framing_of_tape
from fakegpt_testkit.dialects.json_values import obj, parsed
from fakegpt_testkit.dialects.writing import WRITERS
from fakegpt_testkit.framing import Framing, cut

if TYPE_CHECKING:
    from fakegpt_testkit.dialects.writing import Writer
    from fakegpt_testkit.exchange import Tape

_DONE: Final = b"data: [DONE]\n\n"


def writer_of(tape: Tape) -> Writer | None:
    """Who writes the dialect that this answer is in; None for FakeGpt's, and where nobody knows it."""
    framing = framing_of_tape(tape)
    if framing is None:
        dialect = dialect_of_body(obj(parsed(tape.body.decode("utf-8", "replace"))))
    else:
        dialect = dialect_of_events(cut(tape.body, framing).events)
    return WRITERS.get(dialect.name)


def error_event(tape: Tape, before: bytes, message: str, code: str) -> bytes:
    """The event that reports an error, to stand behind these bytes of the answer."""
    writer = writer_of(tape)
    if writer is not None:
        return _framed(tape, before, writer.error(message, code))
    problem: object = {"message": message, "code": code} if code else message
    return sse.encode(sse.Event(data=json.dumps({"message": None, "error": problem})))


def end_mark(tape: Tape, before: bytes) -> bytes:
    """What ends a stream properly, to stand behind these bytes of the answer."""
    writer = writer_of(tape)
    return _DONE if writer is None else _framed(tape, before, writer.end)


def error_body(tape: Tape, status: int, message: str, code: str) -> tuple[bytes, tuple[tuple[str, str], ...]]:
    """The JSON of an answer with an error's status, and the fields that go with it."""
    writer = writer_of(tape)
    if writer is None:
        return json.dumps({"detail": {"message": message, "code": code} if code else message}).encode(), ()
    return json.dumps(writer.error_body(status, message, code)).encode(), writer.error_fields


def _framed(tape: Tape, before: bytes, event: bytes) -> bytes:
    """The event as the next and last element, where the elements of an array are the events."""
    if framing_of_tape(tape) is not Framing.JSON_ARRAY:
        return event
    opening = b"\n,\r\n" if before.strip() else b"["
    return opening + event.removeprefix(b"data: ").strip() + b"\n]\n"
