"""Reads JSON text into the same plain nodes as YAML, within the same bounds.

Knows nothing of what a cassette means. A text that begins like JSON is not left to a YAML parser: YAML refuses the two
halves in which JSON escapes a character beyond the first 65,536, and takes other words for numbers.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from fakegpt_testkit.cassette.tree import MAX_DEPTH, MAX_NODES, BadShape, Mapping, Plain, shown

if TYPE_CHECKING:
    from fakegpt_testkit.cassette.tree import Node

_BEGINNING = re.compile(rb"\s*+[{\[]\s*+[\"{\[}\]]")
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_NO_MARKS = bytes(set(range(256)) - set(b",[{"))
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))


def is_json(data: bytes) -> bool:
    """Whether a text begins as a JSON object or array does."""
    return _BEGINNING.match(data) is not None


def parse_json(data: bytes) -> Node:
    """The one value in ``data``, which is UTF-8; BadShape for anything else than JSON within the bounds."""
    _check_bounds(data)
    try:
        found = json.loads(
            data, object_pairs_hook=_mapping, parse_int=Plain, parse_float=Plain, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as error:
        raise BadShape(f"not JSON: {error.msg}", error.lineno) from None
    except RecursionError:
        raise _too_deep() from None
    return _node(found)


def _check_bounds(data: bytes) -> None:
    """Count before anything is built: what is in strings cannot nest, and counts once."""
    bare = _STRINGS.sub(b"", data)
    if len(bare.translate(None, _NO_MARKS)) > MAX_NODES:
        raise BadShape(f"there are more than {MAX_NODES} values")
    depth = 0
    for bracket in bare.translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise _too_deep()


def _too_deep() -> BadShape:
    return BadShape(f"collections are nested more than {MAX_DEPTH} deep")


def _refuse_constant(word: str) -> Node:
    raise BadShape(f"{word} is no JSON value")


def _mapping(pairs: list[tuple[str, object]]) -> Mapping:
    found = Mapping()
    for key, value in pairs:
        if key in found:
            raise BadShape(f"the key {shown(key)} stands twice in one object")
        found[key] = _node(value)
    return found


def _node(value: object) -> Node:
    """A value as a YAML reader would give it. Not deeper than the bound, so it may recurse."""
    if value is None or isinstance(value, (str, Mapping)):
        return _text(value) if isinstance(value, str) and not isinstance(value, Plain) else value
    if isinstance(value, bool):
        return Plain("true" if value else "false")
    assert isinstance(value, list)  # objects, texts and numbers are there already
    return [_node(each) for each in value]


def _text(value: str) -> str | bytes:
    """A text; one with half a character, which UTF-8 cannot hold, as YAML stores it."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")
    return value
