"""JSON of any shape, looked into without trusting it: what is not there, or of another type, reads as empty.

Knows no provider.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec

Object: TypeAlias = Mapping[str, Any]
Json: TypeAlias = dict[str, Any]
"""An object that may be written to."""

_NOTHING: Final[Object] = {}
_decode = msgspec.json.Decoder().decode


def parsed(data: str) -> object:
    """The JSON that this text is; None where it is none."""
    try:
        return _decode(data)
    except (ValueError, msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        pass
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value


def obj(value: object) -> Object:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else _NOTHING


def objects(value: object) -> list[Object]:
    """The objects in a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """The text, or an empty one."""
    return value if isinstance(value, str) else ""


def number(value: object) -> int | None:
    """The whole number, also one that is written as 12.0; or None."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def as_json(value: object) -> str:
    """Arguments as JSON text: text is that already, nothing is an empty object."""
    if isinstance(value, str):
        return value
    return json.dumps({} if value is None else value, ensure_ascii=False)
