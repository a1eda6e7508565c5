"""Puts the arguments of a call together that come in parts, each with its place: Vertex's ``partialArgs``.

Knows no stream. The place is a JSON Path (RFC 9535) of names and numbers, ``$.foo.bar[0].data``, by google-genai's
`types.PartialArg`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fakegpt_testkit.dialects.json_values import obj, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakegpt_testkit.dialects.json_values import Object

_STEP: Final = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,6})\]|\[(['"])(.*?)\3\]""")
_VALUES: Final = ("stringValue", "numberValue", "boolValue")
_DEEPEST: Final = 64


def with_part(arguments: Object, part: Object) -> Object:
    """The arguments with one part more; a text goes on where one stands."""
    path = [int(found[2]) if found[2] else found[1] or found[4] for found in _STEP.finditer(text(part.get("jsonPath")))]
    value = next((part[key] for key in _VALUES if key in part), None)
    if not path or isinstance(path[0], int) or len(path) > _DEEPEST:
        return arguments
    return obj(_put(arguments, path, value))


def _put(old: object, path: Sequence[str | int], value: object) -> object:
    """What stands at a place, with the value further down in it; what does not fit there gives way."""
    if not path:
        return old + value if isinstance(old, str) and isinstance(value, str) else value
    step, *rest = path
    if isinstance(step, int):
        items: list[Any] = [*old] if isinstance(old, list) else []
        at = min(step, len(items))
        items[at : at + 1] = [_put(items[at] if at < len(items) else None, rest, value)]
        return items
    fields = obj(old)
    return {**fields, step: _put(fields.get(step), rest, value)}
