"""What providers' streams mean: a value for each dialect, from an event to what it changed of an answer.

Knows no HTTP and no chunks: events come in, as a framing cut them out of a body.
"""

from fakegpt_testkit.dialects.answers import Answer, EventKind, Reading, kind_of, read_deltas, read_events
from fakegpt_testkit.dialects.bedrock import unwrapped
from fakegpt_testkit.dialects.deltas import (
    Choice,
    Delta,
    End,
    Failure,
    Finish,
    Further,
    Ping,
    Reasoning,
    Refusal,
    Rewrite,
    Text,
    ToolCall,
    ToolPiece,
    Usage,
    Verdict,
)
from fakegpt_testkit.dialects.dialect import Dialect, Reader, failure_in, failure_of_body
from fakegpt_testkit.dialects.hearing import Heard, dialect_of_tape, framing_of_tape, hear, is_stream, read_in
from fakegpt_testkit.dialects.known import (
    DIALECTS,
    END_MARKS,
    UNKNOWN,
    add,
    dialect_named,
    dialect_of_body,
    dialect_of_events,
    dialect_of_path,
    known,
    remove,
)
from fakegpt_testkit.dialects.payloads import payloads

__all__ = [
    "DIALECTS",
    "END_MARKS",
    "UNKNOWN",
    "Answer",
    "Choice",
    "Delta",
    "Dialect",
    "End",
    "EventKind",
    "Failure",
    "Finish",
    "Further",
    "Heard",
    "Ping",
    "Reader",
    "Reading",
    "Reasoning",
    "Refusal",
    "Rewrite",
    "Text",
    "ToolCall",
    "ToolPiece",
    "Usage",
    "Verdict",
    "add",
    "dialect_named",
    "dialect_of_body",
    "dialect_of_events",
    "dialect_of_path",
    "dialect_of_tape",
    "failure_in",
    "failure_of_body",
    "framing_of_tape",
    "hear",
    "is_stream",
    "kind_of",
    "known",
    "payloads",
    "read_deltas",
    "read_events",
    "read_in",
    "remove",
    "unwrapped",
]
