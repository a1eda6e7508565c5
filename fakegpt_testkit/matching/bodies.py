"""Reads a request's body as a tree of values, by its own bytes first and by its labels where these do not tell.

Knows no rules: what decides a match and what is ignored is asked elsewhere.
"""

from __future__ import annotations

import json
import re
import zlib
from functools import lru_cache
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

Json: TypeAlias = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
"""What a body is compared as."""

Pairs = tuple[tuple[str, str], ...]

_UNPACKED_LIMIT: Final = 64 * 1024 * 1024
_BOUNDARY: Final = re.compile(rb"--([^\r\n]{1,200})\r?\n")
_PART_NAME: Final = re.compile(r'[;\s]name="?([^";\r\n]*)', re.IGNORECASE)
_FORM: Final = "application/x-www-form-urlencoded"


class NotATree(ValueError):
    """The body is neither JSON nor a form: its bytes are all there is to compare."""


def unpacked(body: bytes) -> bytes:
    """The body without gzip or zlib around it; as it is when it is neither, or would unpack to over 64 MiB."""
    if not body.startswith((b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")):
        return body
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        plain = unpacker.decompress(body, _UNPACKED_LIMIT)
    except zlib.error:
        return body
    return plain if unpacker.eof and not unpacker.unused_data else body


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
    """The parts of a multipart body: name, and everything else but the boundary, which is a random word."""
    boundary = _BOUNDARY.match(body)
    if boundary is None:
        raise NotATree
    line = b"\n--" + boundary[1].rstrip()
    pieces = (b"\n" + body).split(line)[1:-1]
    return tuple(_part(number, piece) for number, piece in enumerate(pieces))


def _part(number: int, piece: bytes) -> tuple[str, str]:
    head, _, content = piece.partition(b"\r\n\r\n")
    text = head.decode("utf-8", "surrogateescape")
    name = _PART_NAME.search(text)
    labels = "\n".join(line for line in text.strip().splitlines() if not _plain_disposition(line))
    value = content.removesuffix(b"\r").decode("utf-8", "surrogateescape")
    return (name[1] if name else str(number)), f"{labels}\n\n{value}" if labels else value


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
