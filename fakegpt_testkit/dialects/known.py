"""The dialects that are known, and which of them an answer is in.

Knows no HTTP but a path: the first event that carries data decides, since paths and types lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fakegpt_testkit import profiles
from fakegpt_testkit.dialects.anthropic import ANTHROPIC
from fakegpt_testkit.dialects.bedrock import BEDROCK
from fakegpt_testkit.dialects.cohere import COHERE
from fakegpt_testkit.dialects.deltas import End, Ping
from fakegpt_testkit.dialects.dialect import Dialect, failure_in, failure_of_body
from fakegpt_testkit.dialects.gemini import GEMINI
from fakegpt_testkit.dialects.json_values import Object, obj, parsed
from fakegpt_testkit.dialects.ollama import OLLAMA
from fakegpt_testkit.dialects.openai_chat import END_MARK, OPENAI_CHAT
from fakegpt_testkit.dialects.openai_responses import OPENAI_RESPONSES
from fakegpt_testkit.framing.whole import TOLD_IN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fakegpt_testkit.dialects.deltas import Delta
    from fakegpt_testkit.sse import Event

_NO_DATA: Final = frozenset({"ping", "keepalive"})
_LOOKED_AT: Final = 16


class _UnknownReader:
    """Knows an error, a ping and the commonest end mark, and nothing else."""

    def feed(self, event: Event) -> Sequence[Delta]:
        if event.data == END_MARK:
            return (End(),)
        if event.event == "ping":
            return (Ping(),)
        if event.event == "error":
            return (failure_in(obj(parsed(event.data))) or failure_of_body(event.data),)
        problem = failure_in(obj(parsed(event.data))) if '"error"' in event.data else None
        return (problem,) if problem else ()

    def close(self, stray: str = "") -> Sequence[Delta]:
        return (failure_of_body(stray),) if failure_in(obj(parsed(stray))) else ()


def _is_rpc(_event: Event, said: Object) -> bool:
    return "jsonrpc" in said


UNKNOWN: Final = Dialect("unknown", _is_rpc, _UnknownReader, cut_counts=True)
"""The dialect of whatever nobody knows; it is surely that where the events are remote procedure calls."""

DIALECTS: Final = (
    OPENAI_CHAT,
    OPENAI_RESPONSES,
    ANTHROPIC,
    GEMINI,
    COHERE,
    OLLAMA,
    BEDROCK,
)
"""The dialects of services that are there for everyone, in the order in which they are asked."""

END_MARKS: Final = tuple(sorted({mark for dialect in DIALECTS for mark in dialect.end_marks}))
"""The bytes by which a stream of any of them is known to have ended before its body did."""

_added: list[Dialect] = []


def add(dialect: Dialect) -> None:
    """Know one dialect more, asked before all others; one of the same name is replaced."""
    remove(dialect.name)
    _added.insert(0, dialect)


def remove(name: str) -> None:
    """Forget a dialect that was added."""
    profiles.arrive(dialects=True)
    _added[:] = [known for known in _added if known.name != name]


def added() -> tuple[Dialect, ...]:
    """Those that are not there for everyone."""
    profiles.arrive(dialects=True)
    return tuple(_added)


def known() -> tuple[Dialect, ...]:
    """Every dialect, those that were added first."""
    return (*added(), *DIALECTS)


def dialect_named(name: str) -> Dialect:
    """The dialect of this name; ``unknown`` where there is none."""
    if not name:
        return UNKNOWN
    return next((dialect for dialect in known() if dialect.name == name), UNKNOWN)


def dialect_of_events(events: Iterable[Event], path: str = "", named: str = "") -> Dialect:
    """The dialect of a stream: the one ``named``, that of the first event which surely is of one, that of the path."""
    if (told := dialect_named(named)) is not UNKNOWN:
        return told
    return dialect_shown(events) or dialect_of_path(path)


def dialect_shown(events: Iterable[Event]) -> Dialect | None:
    """The dialect of the first event which surely is of one; None where none is."""
    all_known = (*known(), UNKNOWN)
    for _, event in zip(range(_LOOKED_AT), events, strict=False):
        said = obj(parsed(event.data))
        if event.event in _NO_DATA or not (said or event.data):
            continue
        for dialect in all_known:
            if dialect.speaks(event, said):
                return dialect
    return None


def dialect_of_body(said: Object, path: str = "", named: str = "") -> Dialect:
    """The dialect of an answer that does not stream: that ``named``, the one whose answer this is, that of the path."""
    if (told := dialect_named(named)) is not UNKNOWN:
        return told
    for dialect in known() if said.keys() & TOLD_IN else added():
        if dialect.body(said) is not None:
            return dialect
    return dialect_of_path(path)


def dialect_of_path(path: str) -> Dialect:
    """The dialect whose own path this is; ``unknown`` where it is nobody's."""
    return next((dialect for dialect in known() if dialect.paths.search(path)), UNKNOWN)
