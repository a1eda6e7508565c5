"""Reads a request's body as a tree of values, by its own bytes first and by its labels where these do not tell.

Knows no rules: what decides a match and what is ignored is asked elsewhere.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from fakegpt_testkit.bodies import Part, parts_of, unpacked

Json: TypeAlias = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
"""What a body is compared as."""

Pairs = tuple[tuple[str, str], ...]

_FORM: Final = "application/x-www-form-urlencoded"


class NotATree(ValueError):
    """The body is neither JSON nor a form: its bytes are all there is to compare."""


@lru_cache(maxsize=1024)
def tree(body: bytes, media: str) -> tuple[Json, tuple[str, ...]]:
    """The body as values, and the order of its fields where the order counts (forms, multipart).

    Kept for the last bodies, since each asked request is compared with many recorded ones; callers change nothing.
    """
    body = unpacked(body)
    if media == _FORM:
        fields = parse_qsl(body.decode("utf-8", "surrogateescape"), keep_blank_values=True, errors="surrogateescape")
        return grouped(tuple(fields)), tuple(name for name, _ in fields)
    if media.startswith("multipart/"):
        parts = _parts(body)
        return grouped(parts), tuple(name for name, _ in parts)
    if media.endswith("json") or body.lstrip()[:1] in (b"{", b"["):
        try:
            values: Json = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise NotATree from error
        return values, ()
    raise NotATree


def grouped(pairs: Pairs) -> dict[str, Json]:
    """Values by name; several of one name become a list."""
    names: dict[str, Json] = {}
    for name, value in pairs:
        before = names.get(name)
        if before is None:
            names[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            names[name] = [before, value]
    return names


def _parts(body: bytes) -> Pairs:
    """The parts of a multipart body: name, and everything else except the boundary, which is a random word."""
    parts = tuple(_part(number, part, body) for number, part in enumerate(parts_of(body)))
    if not parts:
        raise NotATree
    return parts


def _part(number: int, part: Part, body: bytes) -> tuple[str, str]:
    text = part.head.decode("utf-8", "surrogateescape")
    labels = "\n".join(line for line in text.strip().splitlines() if not _plain_disposition(line))
    value = body[part.start : part.end].decode("utf-8", "surrogateescape")
    return part.name or str(number), f"{labels}\n\n{value}" if labels else value


def _plain_disposition(line: str) -> bool:
    """Whether a part's header line says nothing beyond the part's name and size."""
    field, _, value = line.partition(":")
    match field.strip().lower():
        case "content-disposition":
            return "filename" not in value.lower()
        case "content-length":
            return True
        case _:
            return False
