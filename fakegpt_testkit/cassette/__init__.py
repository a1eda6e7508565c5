"""Interactions and their text form: a vcrpy cassette that plain vcrpy replays, and that a person can read.

Values in, bytes out, and back. Knows no files and no HTTP library. What writes, and what parses any
YAML, is loaded when it is used: a replay of what was recorded here needs neither.
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fakegpt_testkit.bodies import GZIP, TooLarge, inflated, is_utf_8
from fakegpt_testkit.cassette import canonical
from fakegpt_testkit.cassette.json_text import is_json, parse_json
from fakegpt_testkit.cassette.reading import interactions_of
from fakegpt_testkit.cassette.tools import tool_of
from fakegpt_testkit.cassette.tree import MAX_BYTES, MAX_NODES, BadShape, Mapping
from fakegpt_testkit.errors import CassetteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fakegpt_testkit.cassette.canonical import GivenBack
    from fakegpt_testkit.cassette.tree import Node
    from fakegpt_testkit.exchange import Headers, Interaction

__all__ = [
    "MAX_BYTES",
    "MAX_NODES",
    "Cassette",
    "dumps",
    "is_recording",
    "is_yaml",
    "least_values",
    "loads",
    "merge",
    "parted",
    "pieces",
]

_ADVICE = "repair the line, take the file from version control, or remove it and record it again; it was not touched"
_TOO_LARGE = "it was not written: record the large answers into cassettes of their own, or record smaller answers"
_GZIP = b"\x1f\x8b"
_ENTRIES = re.compile(rb"\"(?:http_)?interactions\"\s*:")
_CONFLICT_MARKS = (b"<<<<<<< ", b"=======", b">>>>>>> ", b"||||||| ")


@dataclass(frozen=True, slots=True)
class Cassette:
    """Interactions in the order they were asked; ``path`` names the file they came from, for people."""

    interactions: tuple[Interaction, ...] = ()
    path: str = ""


def dumps(cassette: Cassette) -> bytes:
    """The text of a cassette, in UTF-8; what was loaded from it gives the same bytes again.

    Raises ``CassetteError`` for one that would be too large to be read.
    """
    return b"".join(pieces(cassette))


def pieces(cassette: Cassette) -> Iterator[bytes]:
    """The same text in pieces, as it is written. Where the bodies alone are too large, the error comes before all."""
    from fakegpt_testkit.cassette.writing import CassetteText

    text = CassetteText(cassette.interactions)
    least = sum(len(each.request.body) + len(each.response.body) for each in cassette.interactions)
    written = iter(text)
    for piece in written:
        if max(text.size, least) > MAX_BYTES or text.values > MAX_NODES:
            break
        yield piece
    for _ in written:  # to count it
        pass
    for many, most, what in ((text.size, MAX_BYTES, "bytes"), (text.values, MAX_NODES, "values")):
        if many > most:
            problem = f"the file would have {many} {what}, and at most {most} are read"
            raise CassetteError(cassette.path or "the cassette", None, problem, _TOO_LARGE)


def parted(interactions: Iterable[Interaction]) -> list[tuple[Interaction, ...]]:
    """The interactions in as few parts, in order, as can each be written; one that is too large stands alone."""
    from fakegpt_testkit.cassette.writing import CassetteText

    parts: list[list[Interaction]] = []
    size = values = 0
    for each in interactions:
        text = CassetteText((each,))  # with a first and a last line each, so that no part is written too large
        for _ in text:
            pass
        if not parts or size + text.size > MAX_BYTES or values + text.values > MAX_NODES:
            parts.append([])
            size = values = 0
        parts[-1].append(each)
        size, values = size + text.size, values + text.values
    return [tuple(part) for part in parts]


def least_values(headers: Headers) -> int:
    """How many values a request or a head with these fields makes in the file, at the least."""
    from fakegpt_testkit.cassette import writing

    return writing.least_values(headers)


def loads(data: bytes | GivenBack, source: str, *, others: bool = False) -> Cassette:
    """The cassette in these bytes; ``source`` names them in errors. Anything else is a CassetteError, soon.

    Text or gzip, YAML or JSON. With ``others`` recordings of other tools are read too, where they hold what we need:
    HAR, go-vcr, Ruby's VCR; without, the error has their name. ``GivenBack`` is read once: its memory is given back
    while the bodies are taken out of it, and a file of a form that needs a parser is read anew as a whole.
    """
    if not isinstance(data, bytes):
        if (root := canonical.read_pages(data)) is not None:
            with suppress(BadShape):
                return Cassette(interactions_of(root), source)
        del root
        data = data.again()
    try:
        return Cassette(_load(data, others=others), source)
    except BadShape as wrong:
        raise CassetteError(source, wrong.line, wrong.problem, wrong.advice or _ADVICE) from None


def is_yaml(data: bytes) -> bool:
    """Whether these bytes are neither packed nor JSON, so that what we write can take their place."""
    return not data.startswith(_GZIP) and not is_json(data)


def is_recording(data: bytes) -> bool:
    """Whether these bytes are a cassette or a known tool's recording, or would be if they were whole."""
    try:
        plain = _unpacked(data) if data.startswith(_GZIP) else data
        root = _parse(plain.removeprefix(b"\xef\xbb\xbf"))
    except (BadShape, UnicodeDecodeError):
        return _ENTRIES.search(data) is not None
    return tool_of(root) is not None or (isinstance(root, Mapping) and "interactions" in root)


def _load(data: bytes, *, others: bool) -> tuple[Interaction, ...]:
    if len(data) > MAX_BYTES:
        raise BadShape(f"the file has {len(data)} bytes, and at most {MAX_BYTES} are read")
    if data.startswith(_GZIP):
        data = _unpacked(data)
    _check_utf_8(data)
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in data:  # a checkout with CRLF line ends; to YAML they are the same
        data = data.replace(b"\r\n", b"\n")
    if (root := canonical.read_canonical(data)) is not None:
        with suppress(BadShape):  # a parser finds it again, with its line
            return interactions_of(root)
    try:
        return interactions_of(_parse(data), others=others)
    except BadShape:
        _check_conflict(data)
        raise


def _parse(data: bytes) -> Node:
    from fakegpt_testkit.cassette.yaml_text import parse

    if not is_json(data):
        return parse(data)
    try:
        return parse_json(data)
    except BadShape as wrong:
        try:
            return parse(data)  # a flow mapping of YAML begins as JSON does
        except BadShape as as_yaml:
            raise (as_yaml if wrong.line is None else wrong) from None


def _unpacked(data: bytes) -> bytes:
    try:
        plain = inflated(data, GZIP, MAX_BYTES)
    except TooLarge:
        raise BadShape(f"the file unpacks to more than {MAX_BYTES} bytes") from None
    if plain is None:
        raise BadShape("the file begins as gzip does, and is none: it was cut off or changed")
    return plain


def _check_utf_8(data: bytes) -> None:
    if is_utf_8(data):
        return
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadShape(f"not UTF-8: {error.reason}", line, "save the file as UTF-8") from None


def _check_conflict(data: bytes) -> None:
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.startswith(_CONFLICT_MARKS):
            raise BadShape("a merge conflict was left in the file", number, "keep one side, or both in turn")


def merge(base: Cassette, current: Cassette, mine: Cassette) -> Cassette:
    """What two recordings of one cassette leave.

    ``base`` was read, ``current`` lies there now, ``mine`` was to be saved. Interactions that both kept come first,
    then the other's new ones, then mine.
    """
    was, there = Counter(base.interactions), Counter(current.interactions)
    others = _without(current.interactions, was)
    new = _without(mine.interactions, was)
    kept = _without(mine.interactions, Counter(new))
    return Cassette((*_within(kept, there), *others, *new), mine.path)


def _without(interactions: tuple[Interaction, ...], taken: Counter[Interaction]) -> tuple[Interaction, ...]:
    """The interactions that remain when each of ``taken`` is taken away once."""
    left = Counter(taken)
    rest = []
    for interaction in interactions:
        if left[interaction] > 0:
            left[interaction] -= 1
        else:
            rest.append(interaction)
    return tuple(rest)


def _within(interactions: tuple[Interaction, ...], there: Counter[Interaction]) -> tuple[Interaction, ...]:
    rest = _without(interactions, there)
    return _without(interactions, Counter(rest))
