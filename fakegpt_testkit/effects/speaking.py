"""What an effect says in a stream or in its place, in the dialect of what was recorded.

Knows no place: where it is said is the effect's business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from fakegpt_testkit import sse
from fakegpt_testkit.dialects import dialect_of_tape, framing_of_tape
from fakegpt_testkit.dialects.writing import WRITERS
from fakegpt_testkit.dialects.writing.said import as_json
from fakegpt_testkit.errors import EffectMisplaced
from fakegpt_testkit.framing import Framing, cut, encode_frame

if TYPE_CHECKING:
    from fakegpt_testkit.dialects.writing import Writer
    from fakegpt_testkit.effects.scripting import ScriptedEvent
    from fakegpt_testkit.exchange import Tape
    from fakegpt_testkit.sse import Event

_DONE: Final = b"data: [DONE]\n\n"
_COMMENT: Final = b": keep-alive\n\n"
_PINGS: Final = {Framing.JSON_LINES: b"\n", Framing.AMAZON: encode_frame(b"{}", [(":event-type", "heartbeat")])}


def writer_of(tape: Tape) -> Writer | None:
    """Who writes the dialect that this answer is in; None where nobody writes it.

    A gateway of Amazon's marks the answers of any service: only Anthropic's own words, asked for as one, are Bedrock's.
    """
    name = dialect_of_tape(tape).name
    wrapped = wraps_events(tape)
    if name == "anthropic" and framing_of_tape(tape) is None:
        wrapped = any(field.lower().startswith("x-amzn-") for field, _ in tape.headers)
    return WRITERS.get("bedrock-invoke" if wrapped else name)


def wraps_events(tape: Tape) -> bool:
    """Whether the frames carry another dialect's events, in base64."""
    return framing_of_tape(tape) is Framing.AMAZON and any(e.event == "chunk" for e in _events(tape))


def names_events(tape: Tape) -> bool:
    """Whether the recorded server-sent events have names."""
    return framing_of_tape(tape) is Framing.SSE and any(event.event != "message" for event in _events(tape))


def _events(tape: Tape) -> tuple[Event, ...]:
    return cut(tape.body, framing_of_tape(tape) or Framing.SSE).events


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
    body, fields = writer.error_answer(status, message, code)
    return (b"[%s\n]\n" % body if framing_of_tape(tape) is Framing.JSON_ARRAY else body), fields


def _framed(tape: Tape, before: bytes, event: bytes) -> bytes:
    """The event as the next and last element, where the elements of an array are the events."""
    if framing_of_tape(tape) is not Framing.JSON_ARRAY:
        return event
    opening = b"\n,\r\n" if before.strip() else b"["
    return opening + element(tape, event) + b"\n]\n"


def element(tape: Tape, event: bytes) -> bytes:
    """A writer's event as the element that it is where the elements of an array are the events."""
    return event.removeprefix(b"data: ").strip() if framing_of_tape(tape) is Framing.JSON_ARRAY else event


def ping(tape: Tape) -> bytes:
    """What says that the service is still there, and nothing else."""
    framing = framing_of_tape(tape)
    if framing is None:
        raise EffectMisplaced("heartbeat", "the answer has no events", "leave it out for an answer that is no stream")
    if framing is Framing.JSON_ARRAY:
        return b"\n"
    writer = writer_of(tape)
    return _PINGS.get(framing, _COMMENT) if writer is None else writer.ping


def usage(tape: Tape, asked: int, answered: int) -> bytes:
    """The event that tells of tokens alone. Raises `EffectMisplaced` where there is none in the answer's dialect."""
    writer = writer_of(tape)
    if writer is None or writer.usage is None:
        problem = f"{dialect_of_tape(tape).name} has no event of its own for usage"
        raise EffectMisplaced("usage", problem, "insert an event that you write, or script the answer")
    return element(tape, writer.usage(asked, answered))


def _one_line(data: str) -> str:
    """The data of a JSON line, in one: a line break in JSON is a space, or it stands escaped."""
    lines = re.split(r"\r\n|\r|\n", data)
    if len(lines) == 1:
        return data
    try:
        json.loads(data)
    except ValueError:
        problem = "its data has several lines and is no JSON, and a line is an event here"
        raise EffectMisplaced(
            "insert", problem, "insert an event of one line, or bytes as they go over the wire"
        ) from None
    return " ".join(lines)


def framed(tape: Tape, event: ScriptedEvent) -> bytes:
    """The event's bytes in the framing of the tape."""
    if isinstance(event, bytes):
        return event
    framing = framing_of_tape(tape) or Framing.SSE
    if isinstance(event, Mapping):
        name, said = str(event.get("type", "")) if names_events(tape) else "", event
        if framing is Framing.AMAZON and len(event) == 1:
            ((name, said),) = event.items()  # type: ignore[assignment]  # whatever it is, it is written as JSON
        told = sse.Event(name or "message", as_json(said))
    else:
        told = sse.Event(data=event) if isinstance(event, str) else event
    data = told.data.encode()
    match framing:
        case Framing.SSE:
            return sse.encode(told)
        case Framing.JSON_LINES:
            return _one_line(told.data).encode() + b"\n"
        case Framing.JSON_ARRAY:
            return data
    return encode_frame(
        data, [(":event-type", told.event), (":content-type", "application/json"), (":message-type", "event")]
    )
