"""What a cassette's text is read into, whichever reads it: plain nodes that know their lines, with bounds on all of it.

Knows neither YAML nor JSON, and nothing of what a cassette means.
"""

from __future__ import annotations

from typing import TypeAlias

from fakegpt_testkit.wording import shortened

MAX_BYTES = 256 * 1024 * 1024
MAX_NODES = 1_000_000
MAX_DEPTH = 100

_SHOWN = 60


class Plain(str):
    """A scalar without quotes: it may stand for a number or a truth value."""

    __slots__ = ()


class Mapping(dict[str, "Node"]):
    """A mapping that knows its line."""

    __slots__ = ("line",)

    def __init__(self, line: int = 0) -> None:
        super().__init__()
        self.line = line


Node: TypeAlias = "str | bytes | list[Node] | Mapping | None"


class BadShape(Exception):
    """What is wrong with a text, where, and what to do about it."""

    def __init__(self, problem: str, line: int | None = None, advice: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line or None  # a mapping that came of JSON knows no line
        self.advice = advice


def line_of(node: Node) -> int | None:
    """The line of a mapping, or of a list's first; None where it is not known, as in JSON."""
    if isinstance(node, list):
        return line_of(node[0]) if node else None
    return node.line or None if isinstance(node, Mapping) else None


def shown(value: object) -> str:
    """A value for an error's text: quoted, and cut when it is long."""
    return shortened(repr(value), _SHOWN)


def text_of_bytes(data: bytes) -> str:
    """The text that was stored as bytes because YAML cannot hold it, lone surrogates for instance."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")
