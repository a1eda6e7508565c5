"""Reads a request's body as a tree of values, by its own bytes first and by its labels where these do not tell.

Knows no rules: what decides a match and what is ignored is asked elsewhere.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from fakegpt_testkit.bodies import Part, parts_of, unpacked

JsonValue: TypeAlias = dict[str, "JsonValue"] | list["JsonValue"] | str | int | float | bool | None
"""What a body is compared as."""

Pairs = tuple[tuple[str, JsonValue], ...]

Order: TypeAlias = tuple[tuple[str, ...], ...]
"""The paths of the fields of forms and of parts, in the order in which they came."""

_FORM: Final = "application/x-www-form-urlencoded"
_DEEPEST: Final = 8
"""Bodies within bodies are read so deep; further in they are text."""

_SEPARATOR: Final = "\x1e"
"""Before each text of a JSON sequence, by RFC 7464."""

_MESSAGES: Final = frozenset({"application/http", "message/http", "message/rfc822"})
_CONTENT_ID: Final = re.compile(rb"^content-id:[ \t]*<([^>\r\n]{1,200})>", re.IGNORECASE | re.MULTILINE)
_BOUNDARY: Final = re.compile(r";\s*boundary=(?:\"[^\"]*\"|[^;\s]*)", re.IGNORECASE)
_GENERATED: Final = re.compile(r"[0-9a-f]{16,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Lines(list[JsonValue]):
    """The values of JSON lines, which are no JSON array."""


class InText(dict[str, JsonValue]):
    """An object that stood in a text, which is no object to a service."""


class ListInText(list[JsonValue]):
    """The same of an array."""


class LinesInText(Lines):
    """The same of JSON lines."""


class NotATree(ValueError):
    """The body is neither JSON nor a form: its bytes are all there is to compare."""


@lru_cache(maxsize=1024)
def tree(body: bytes, media: str) -> tuple[JsonValue, Order]:
    """The body as values, and the order of its fields where the order counts (forms, multipart).

    Kept for the last bodies, since each asked request is compared with many recorded ones; callers change nothing.
    """
    return _tree(body, media, 0)


def _tree(body: bytes, media: str, depth: int) -> tuple[JsonValue, Order]:
    if depth > _DEEPEST:
        raise NotATree
    body = unpacked(body)
    if media == _FORM:
        fields = parse_qsl(body.decode("utf-8", "surrogateescape"), keep_blank_values=True, errors="surrogateescape")
        return grouped(tuple((name, opened(value, depth)) for name, value in fields)), tuple(
            (name,) for name, _ in fields
        )
    if media.startswith("multipart/"):
        return _parts(body, depth)
    if media in _MESSAGES:
        return _message(body, depth)
    if "json" in media or body.lstrip()[:1] in (b"{", b"["):
        return opened(_json(body), depth), ()
    raise NotATree


def _json(body: bytes) -> JsonValue:
    """The value of a JSON text; those of JSON lines, or of a JSON sequence, as a list."""
    try:
        whole: JsonValue = json.loads(body)
    except (ValueError, RecursionError) as error:
        try:
            text = body.decode()
            lines = text.split(_SEPARATOR) if _SEPARATOR in text else text.split("\n")
            several = Lines(json.loads(line) for line in lines if line.strip())
        except (ValueError, RecursionError):
            raise NotATree from error
        if not several:
            raise NotATree from error
        return several
    return whole


def opened(value: JsonValue, depth: int = 0) -> JsonValue:
    """The value with what its texts hold in their place, where these are JSON objects, arrays or lines of such."""
    holder: list[JsonValue] = [value]
    todo: list[tuple[dict[str, JsonValue] | list[JsonValue], int]] = [(holder, depth)]
    while todo:
        here, level = todo.pop()
        for step, inner in [*here.items()] if isinstance(here, dict) else [*enumerate(here)]:
            found = _inner(inner) if isinstance(inner, str) and level < _DEEPEST else inner
            here[step] = found  # type: ignore[index] # a step of its own kind
            if isinstance(found, (dict, list)):
                todo.append((found, level + isinstance(inner, str)))
    return holder[0]


def _inner(text: str) -> JsonValue:
    """What a text holds where that is JSON, with a type that tells it from what stands there without quotes."""
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        value = _json(text.encode("utf-8", "surrogatepass"))
    except NotATree:
        return text
    if isinstance(value, Lines):
        return LinesInText(value)
    return InText(value) if isinstance(value, dict) else ListInText(value) if isinstance(value, list) else value


def grouped(pairs: Pairs) -> dict[str, JsonValue]:
    """Values by name; several of one name become a list."""
    names: dict[str, list[JsonValue]] = {}
    for name, value in pairs:
        names.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in names.items()}


def _parts(body: bytes, depth: int) -> tuple[JsonValue, Order]:
    """The parts of a multipart body: name, and everything else except the random words that only frame it."""
    if not depth:
        body = _with_plain_ids(body)
    pairs: list[tuple[str, JsonValue]] = []
    order: list[tuple[str, ...]] = []
    for number, part in enumerate(parts_of(body)):
        name, value, inner = _part(number, part, body, depth)
        pairs.append((name, value))
        order += ((name,), *((name, *path) for path in inner))
    if not pairs:
        raise NotATree
    return grouped(tuple(pairs)), tuple(order)


def _with_plain_ids(body: bytes) -> bytes:
    """The body with a number for each ``Content-ID``, a word that only its own references know (RFC 2392)."""
    for number, word in enumerate(dict.fromkeys(_CONTENT_ID.findall(body)), 1):
        body = re.sub(rb"(?<=<)%b(?=>)|(?<=cid:)%b\b" % ((re.escape(word),) * 2), b"part-%d" % number, body)
    return body


def _part(number: int, part: Part, body: bytes, depth: int) -> tuple[str, JsonValue, Order]:
    """A part's name and content. What its head says further is there too, except what says how to read the content."""
    lines = part.head.decode("utf-8", "surrogateescape").strip().splitlines()
    content = body[part.start : part.end]
    name = str(number) if not part.name or _GENERATED.fullmatch(part.name) else part.name
    try:
        values, order = _tree(content, _media(lines), depth + 1)
    except NotATree:
        labels = _labels(lines)
        text = content.decode("utf-8", "surrogateescape")
        return name, f"{labels}\n\n{text}" if labels else text, ()
    labels = _labels([line for line in lines if _label(line) != "content-type"])
    if not labels:
        return name, values, order
    return name, {"head": labels, "content": values}, tuple(("content", *path) for path in order)


def _message(body: bytes, depth: int) -> tuple[JsonValue, Order]:
    """A request, an answer or a mail within a body: its first line, its fields in any order, and what it holds."""
    head, blank, content = body.replace(b"\r\n", b"\n").partition(b"\n\n")
    lines = head.decode("utf-8", "surrogateescape").strip().splitlines()
    if not blank or not lines:
        raise NotATree
    try:
        values, order = _tree(content, _media(lines), depth + 1)
    except NotATree:
        values, order = content.decode("utf-8", "surrogateescape"), ()
    first, fields = ("", lines) if ":" in lines[0].partition(" ")[0] else (lines[0], lines[1:])
    return {"line": first, "head": _labels(fields), "content": values}, tuple(("content", *path) for path in order)


def _labels(lines: list[str]) -> str:
    """A head's lines that say something, in one order and one spelling, without the boundary of what they announce."""
    said = (line.partition(":") for line in lines if not _plain_disposition(line))
    return "\n".join(sorted(f"{name.strip().lower()}: {_BOUNDARY.sub('', value).strip()}" for name, _, value in said))


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
