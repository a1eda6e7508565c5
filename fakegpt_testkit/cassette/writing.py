"""Writes interactions as the text of a vcrpy cassette: the same interactions, the same bytes.

Knows the layout, and nothing of reading it. What vcrpy would drop or stumble over stands under one key of ours, inside
``response``, where vcrpy keeps what it does not know.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from zlib import crc32

from fakegpt_testkit.cassette.keys import OURS, order_word
from fakegpt_testkit.cassette.scalars import block, inline
from fakegpt_testkit.cassette.track import write_moment, write_track
from fakegpt_testkit.exchange import EndingKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fakegpt_testkit.exchange import Headers, Interaction, Tape

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LONGEST_KEY = 1000
_FIRST = "- request:"
_PIECE = 2**18
_PART = re.compile(r" *(?:[-?] |:$)")
_VISIBLE = re.compile(r"[ -~]*")


class CassetteText:
    """The whole file in pieces, to be gone through once: a large body is never held as text.

    ``size`` is how many bytes were given out, ``values`` how many values a reader counts in them. ``version`` is its
    last line, so a file without it was cut off.
    """

    def __init__(self, interactions: Iterable[Interaction]) -> None:
        self._interactions = interactions
        self.size = 0
        self.values = 5

    def __iter__(self) -> Iterator[bytes]:
        waiting: list[bytes] = []
        given = 0
        for part in self._parts():
            waiting.append(part)
            self.size += len(part)
            if self.size - given >= _PIECE:
                yield b"".join(waiting)
                waiting.clear()
                given = self.size
        yield b"".join(waiting)

    def _parts(self) -> Iterator[bytes]:
        lines: list[str] = []
        for interaction in self._interactions:
            lines = lines or ["interactions:"]
            for line in _interaction(interaction):
                self.values += _values(line if isinstance(line, str) else line.key)
                if isinstance(line, str):
                    lines.append(line)
                    continue
                yield "\n".join((*lines, line.key)).encode()
                yield from block(line.data, line.indent)
                lines = [""]
        yield "\n".join((*(lines or ["interactions: []"]), "version: 1\n")).encode()


@dataclass(frozen=True, slots=True)
class _Body:
    """A body's line: its key up to the value, which stands ``indent`` columns in."""

    key: str
    data: bytes
    indent: int


def least_values(headers: Headers) -> int:
    """How many values a request or a head with these fields makes in the file, at the least."""
    return 11 + 2 * len({name for name, _ in headers}) + len(headers)


def _values(line: str) -> int:
    """A key with its value or collection, one value of a list, half of a long key; or an interaction's first line."""
    if line == _FIRST:
        return 3
    return 1 if _PART.match(line) else 2


def _interaction(interaction: Interaction) -> list[str | _Body]:
    request, tape = interaction.request, interaction.response
    head = tape.head
    shown, hidden = _shown_and_hidden(head.headers, len(tape.body), request.method)
    reason_shown = _VISIBLE.fullmatch(head.reason) is not None
    return [
        _FIRST,
        f"    method: {inline(request.method)}",
        f"    uri: {inline(request.uri)}",
        _Body("    body: ", request.body, 4) if request.body else "    body: null",
        *_headers("    headers", request.headers),
        "  response:",
        "    status:",
        f"      code: {head.status}",
        f"      message: {inline(head.reason) if reason_shown else repr('')}",
        *_headers("    headers", shown),
        "    body:",
        _Body("      string: ", tape.body, 6),
        f"    {OURS}:",
        *_words(interaction, reason_shown=reason_shown),
        *(_headers("      hidden", hidden) if hidden else ()),
        *_order("order", head.headers, [*_grouped(shown), *_grouped(hidden)]),
        *_order("request_order", request.headers, _grouped(request.headers)),
        *_track(interaction),
        *_coded(tape),
    ]


def _words(interaction: Interaction, *, reason_shown: bool) -> list[str]:
    provenance, head = interaction.provenance, interaction.response.head
    words = {
        "recorded": provenance.at,
        "origin": provenance.origin,
        "server": provenance.server,
        "http": "" if head.version == "1.1" else head.version,
        "early": "true" if head.early else "",
        "dialect": head.dialect,
        "reason": "" if reason_shown else head.reason,
    }
    return [f"      {key}: {inline(value)}" for key, value in words.items() if value]


def _track(interaction: Interaction) -> list[str]:
    ending = interaction.response.ending
    lines = [f"      track: {inline(write_track(interaction.response))}"]
    if ending.kind is not EndingKind.COMPLETE:
        lines.append(f"      ending: {ending.kind.value}")
    if ending.note:
        lines.append(f"      note: {inline(ending.note)}")
    if ending.left is not None:
        lines.append(f"      left: {inline(write_moment(ending.left))}")
    return lines


def _coded(tape: Tape) -> list[str | _Body]:
    """The body before decoding; ``crc32`` is the decoded one's, since somebody may edit that."""
    received = tape.received
    if not received:
        return []
    data = b"".join(chunk.data for chunk in received)
    return [
        "      coded:",
        f"        crc32: {inline(f'{crc32(tape.body):08x}')}",
        f"        track: {inline(write_track(replace(tape, chunks=received, coded=None)))}",
        _Body("        string: ", data, 8),
    ]


def _headers(key: str, headers: Headers) -> list[str]:
    if not headers:
        return [f"{key}: {{}}"]
    margin = " " * (len(key) - len(key.lstrip()) + 2)
    lines = [f"{key}:"]
    last = None
    for name, value in _grouped(headers):
        if name != last:
            word = inline(name)
            # YAML looks no further than 1,024 characters for the colon after a key
            lines += [f"{margin}? {word}", f"{margin}:"] if len(word) > _LONGEST_KEY else [f"{margin}{word}:"]
            last = name
        lines.append(f"{margin}- {inline(value)}")
    return lines


def _grouped(headers: Headers) -> list[tuple[str, str]]:
    """The fields as a mapping from name to values holds them: one name's values together, at the name's first place."""
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value)
    return [(name, value) for name, group in values.items() for value in group]


def _order(key: str, headers: Headers, stored: list[tuple[str, str]]) -> list[str]:
    """The names in the order they arrived, when that is not the order they are stored in."""
    if list(headers) == stored:
        return []
    return [f"      {key}: {inline(' '.join(order_word(name) for name, _ in headers))}"]


def _shown_and_hidden(headers: Headers, size: int, method: str) -> tuple[Headers, Headers]:
    """The fields that vcrpy may see, and those that are not true of the stored body or that its stubs cannot take.

    One name's fields stay together, or their order could not be told.
    """
    hidden = {
        name
        for name, value in headers
        if not (_TOKEN.fullmatch(name) and _VISIBLE.fullmatch(value) and _is_true(name.lower(), value, size, method))
    }
    return tuple(item for item in headers if item[0] not in hidden), tuple(
        item for item in headers if item[0] in hidden
    )


def _is_true(name: str, value: str, size: int, method: str) -> bool:
    if name == "content-encoding":
        return False  # the body is stored decoded: httpx and urllib3 would inflate it again
    return name != "content-length" or method == "HEAD" or value == str(size)
