"""What one event of a provider's stream changed, and what all of them come to: the words of every dialect.

Knows no provider: readers make these values, streams, pages and assertions take them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Text:
    """Text that the answer grew by."""

    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Thinking, or a summary of it, that the answer grew by."""

    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Words of a refusal, where a provider keeps them apart from the text."""

    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class ToolPiece:
    """A piece of a call of a tool. Pieces of one ``key`` are one call; the arguments are JSON text, in order."""

    key: str
    name: str = ""
    arguments: str = ""
    id: str = ""
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Rewrite:
    """The service took back what it had said: ``text`` is all of the answer's text now."""

    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Further:
    """A further message of the answer begins."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The service judged the question or the answer."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Why a choice is complete, in the provider's own word."""

    reason: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counts them; None where it did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """The service reported an error; ``code`` is its own word for it, or ``""``."""

    message: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """The dialect's end: nothing of the answer's content follows."""


@dataclass(frozen=True, slots=True)
class Ping:
    """The service is still there, and says no more than that."""


Delta: TypeAlias = (
    Text | Reasoning | Refusal | ToolPiece | Rewrite | Further | Verdict | Finish | Usage | Failure | End | Ping
)
"""What one event changed."""


@dataclass(frozen=True, slots=True, init=False)
class ToolCall:
    """A call of a tool: one that a model made, or one for a script to make. ``arguments`` is JSON text."""

    name: str
    arguments: str
    id: str

    def __init__(self, name: str, arguments: str | Mapping[str, object] = "{}", id: str = "") -> None:  # noqa: A002
        text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "arguments", text)
        object.__setattr__(self, "id", id)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of an answer's alternatives; most answers have only the first."""

    text: str = ""
    deltas: tuple[str, ...] = ()
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    refusal: str = ""
    finish_reason: str | None = None
