"""Finds values beside their names in formats of text: INI, .env, YAML, XML, HTML, CSV, log lines, command lines, parts.

Knows no secrets, and parses no format: what stands in a place is handed to ``word``, which gives what to put there.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.exchange import PLACEHOLDER
from fakegpt_testkit.redaction.names import Names, Weight, Where
from fakegpt_testkit.redaction.values import looks_secret, prose
from fakegpt_testkit.redaction.vault import Edit, unlatin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_VALUE: Final = r"""[A-Za-z0-9._~+/=:%!@#$^*|-]{12,4096}+"""
_SEPARATOR: Final = re.compile(
    rf"""(?:[:=][ \t]{{0,8}}|["'],[ ]?)(?:(?i:bearer|basic|token)[ ]{{1,4}})?\\{{0,7}}["'{{]?({_VALUE})""", re.ASCII
)
_NAME_BEFORE: Final = re.compile(
    r"""([A-Za-z][A-Za-z0-9_.-]{0,60})(?:\[\d+\])?(?:\\{0,7}["']?)?[ \t]{0,8}\Z""", re.ASCII
)
_REACH: Final = 80
_ELEMENT: Final = re.compile(
    r"<(?:\w{1,32}:)?(\w[\w.-]{0,60}+)(?:\s[^<>]{0,200})?>\s{0,16}([^<>\s]{1,4096}+)\s{0,16}</", re.ASCII
)
_PLIST: Final = re.compile(r"<key>([\w.-]{1,60})</key>\s{0,64}<string>([^<>\s]{1,4096}+)</string>", re.ASCII)
_LOGIN: Final = re.compile(r"""(?<!\S)(?:-u|--user)[ =]["']?[^\s:"'\\]{1,64}:([^\s"'\\]{8,256}+)""")
_LONGEST_HEAD: Final = 65
"""Of a column's head, with the comma after it."""
_COLUMNS: Final = re.compile(r"\A[\w -]{1,64}+(?:,[\w -]{1,64}+){1,64}+\r?\n", re.ASCII)
_PART: Final = re.compile(
    r"""(?i:content-disposition):[^\r\n]{0,200}?\bname(?:\*=[\w-]*'\w*'|="?)([\w.\[\]:-]{1,64}+)[^\r\n]{0,200}+\r?\n"""
    r"""(?:[^\r\n]{1,400}+\r?\n){0,8}\r?\n([^\r\n]{1,4096}+)""",
    re.ASCII,
)


def assigned_places(
    text: str, names: Names, word: Callable[[str, str], str], protected: Sequence[tuple[int, int]] = ()
) -> Iterator[Edit]:
    """Values that look like secrets after a name that says so, outside what stays as it is."""
    separated = ":" in text or "=" in text or '",' in text or "'," in text
    for found in _SEPARATOR.finditer(text) if separated else ():
        before = _NAME_BEFORE.search(text[max(0, found.start() - _REACH) : found.start()])
        after = bisect_left(protected, (found.end(), 0))
        if after and protected[after - 1][1] > found.start(1):
            continue
        if before and _weight(before[1], names) is not Weight.NO:
            yield from _edit(found, 1, before[1], word)
    if "</" in text:
        for found in (*_PLIST.finditer(text), *_ELEMENT.finditer(text)):
            weight = _weight(found[1], names)
            sure = weight is Weight.YES and names.weight(found[1], Where.KEY) is not Weight.PERHAPS
            if sure and not prose(found[2]):
                yield _whole(found, 2, found[1], word)
            elif weight is not Weight.NO:
                yield from _edit(found, 2, found[1], word)
    if "-u" in text:
        yield from (_whole(found, 1, "password", word) for found in _LOGIN.finditer(text) if not prose(found[1]))
    if "ame" in text and "isposition" in text:
        for found in _PART.finditer(text):
            if _weight(found[1], names) is not Weight.NO:
                yield from _edit(found, 2, found[1], word)
    yield from _columns(text, names, word)


def _columns(text: str, names: Names, word: Callable[[str, str], str]) -> Iterator[Edit]:
    head = _COLUMNS.match(text) if "," in text[:_LONGEST_HEAD] else None
    if not head:
        return
    heads = [each.strip() for each in head[0].strip().split(",")]
    secret = {at: each for at, each in enumerate(heads) if _weight(each, names) is not Weight.NO}
    if not secret:
        return
    for line in re.finditer(r"[^\r\n]+", text[head.end() :]):
        start = head.end() + line.start()
        for at, cell in enumerate(line[0].split(",")):
            value = cell.strip(' "')
            if at in secret and looks_secret(value):
                begin = start + cell.index(value)
                yield Edit(begin, begin + len(value), word(unlatin(value), secret[at]))
            start += len(cell) + 1


def _weight(name: str, names: Names) -> Weight:
    return max((names.weight(name, Where.HEADER), names.weight(name, Where.KEY)), key=lambda each: each.value)


def _edit(found: re.Match[str], group: int, name: str, word: Callable[[str, str], str]) -> Iterator[Edit]:
    value = found[group].rstrip(".:!")
    if looks_secret(value) and not PLACEHOLDER.search(value):
        start = found.start(group)
        yield Edit(start, start + len(value), word(unlatin(value), name))


def _whole(found: re.Match[str], group: int, name: str, word: Callable[[str, str], str]) -> Edit:
    secret = found[group]
    return Edit(*found.span(group), secret if PLACEHOLDER.search(secret) else word(unlatin(secret), name))
