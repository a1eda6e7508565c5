"""Reads the values that stand at given fields of a request: what an answer of it may repeat.

Knows no answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from fakegpt_testkit.exchange import media_type
from fakegpt_testkit.matching.bodies import JsonValue, NotATree, grouped, opened, tree
from fakegpt_testkit.matching.fields import Path, Reach, onward, reach
from fakegpt_testkit.matching.uris import split_uri

if TYPE_CHECKING:
    from fakegpt_testkit.exchange import Request

Leaf: TypeAlias = str | int | float | bool | None
"""A value that holds no others."""


def leaves(request: Request, fields: tuple[str, ...]) -> dict[Path, Leaf]:
    """The values at these fields, and below them, by their paths; ``fields`` are written like those to ignore."""
    uri = split_uri(request.uri)
    found: dict[Path, Leaf] = {}
    for root in ("query", "headers", "body"):
        reached = reach(fields, request.method, uri.path, root)
        if reached:
            found |= _below((root,), reached, _root(request, root))
    return found


def _root(request: Request, root: str) -> JsonValue:
    if root == "query":
        return grouped(tuple((name, opened(value)) for name, value in split_uri(request.uri).query))
    if root == "headers":
        return grouped(tuple((name.lower(), value) for name, value in request.headers))
    try:
        return tree(request.body, media_type(request.headers))[0]
    except NotATree:
        return None


def _below(path: Path, reached: Reach, value: JsonValue) -> dict[Path, Leaf]:
    found: dict[Path, Leaf] = {}
    todo = [(path, reached, value)]
    while todo:
        path, reached, value = todo.pop()
        here = () in reached
        if isinstance(value, (dict, list)):
            steps = value.items() if isinstance(value, dict) else enumerate(value)
            todo += [((*path, step), ((),) if here else onward(reached, step), each) for step, each in steps]
        elif here:
            found[path] = value
    return found
