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

Pairs = tuple[tuple[str, Json], ...]

_FORM: Final = "application/x-www-form-urlencoded"
_DEEPEST: Final = 8
"""Bodies within bodies are read so deep; further in they are text."""

_SEPARATOR: Final = "\x1e"
"""Before each text of a JSON sequence, by RFC 7464."""


class NotATree(ValueError):
    """The body is neither JSON nor a form: its bytes are all there is to compare."""


@lru_cache(maxsize=1024)
def tree(body: bytes, media: str) -> tuple[Json, tuple[str, ...]]:
    """The body as values, and the order of its fields where the order counts (forms, multipart).

    Kept for the last bodies, since each asked request is compared with many recorded ones; callers change nothing.
    """
    return _tree(unpacked(body), media, 0)


def _tree(body: bytes, media: str, depth: int) -> tuple[Json, tuple[str, ...]]:
    if depth > _DEEPEST:
        raise NotATree
    if media == _FORM:
        fields = parse_qsl(body.decode("utf-8", "surrogateescape"), keep_blank_values=True, errors="surrogateescape")
        return grouped(tuple((name, _field(value)) for name, value in fields)), tuple(name for name, _ in fields)
    if media.startswith("multipart/"):
        parts = _parts(body, depth)
        return grouped(parts), tuple(name for name, _ in parts)
    if "json" in media or body.lstrip()[:1] in (b"{", b"["):
        return _json(body), ()
    raise NotATree


def _json(body: bytes) -> Json:
    """The value of a JSON text; those of JSON lines, or of a JSON sequence, as a list."""
    try:
        whole: Json = json.loads(body)
    except (ValueError, RecursionError) as error:
        try:
            text = body.decode()
            lines = text.split(_SEPARATOR) if _SEPARATOR in text else text.split("\n")
            several: list[Json] = [json.loads(line) for line in lines if line.strip()]
        except (ValueError, RecursionError):
            raise NotATree from error
        if not several:
            raise NotATree from error
        return several
    return whole


def _field(value: str) -> Json:
    """A form's field: the value of the JSON object or array in it, otherwise its text."""
    if value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        inner: Json = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return inner


def grouped(pairs: Pairs) -> dict[str, Json]:
    """Values by name; several of one name become a list."""
    names: dict[str, list[Json]] = {}
    for name, value in pairs:
        names.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in names.items()}


def _parts(body: bytes, depth: int) -> Pairs:
    """The parts of a multipart body: name, and everything else except the boundary, which is a random word."""
    parts = tuple(_part(number, part, body, depth) for number, part in enumerate(parts_of(body)))
    if not parts:
        raise NotATree
    return parts


def _part(number: int, part: Part, body: bytes, depth: int) -> tuple[str, Json]:
    """A part's name and content. What its head says further is there too, except what says how to read the content."""
    lines = part.head.decode("utf-8", "surrogateescape").strip().splitlines()
    content = body[part.start : part.end]
    name, media = part.name or str(number), _media(lines)
    try:
        values, _ = _tree(content, media, depth + 1)
    except NotATree:
        labels = "\n".join(line for line in lines if not _plain_disposition(line))
        text = content.decode("utf-8", "surrogateescape")
        return name, f"{labels}\n\n{text}" if labels else text
    labels = "\n".join(line for line in lines if not _plain_disposition(line) and _label(line) != "content-type")
    return name, {"head": labels, "content": values} if labels else values


def _media(lines: list[str]) -> str:
    types = (line.partition(":")[2] for line in lines if _label(line) == "content-type")
    return next(types, "").partition(";")[0].strip().lower()


def _label(line: str) -> str:
    return line.partition(":")[0].strip().lower()


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
