"""Finds values beside their names in formats of text: INI, .env, YAML, XML, HTML, CSV, log lines, command lines, parts.

Knows no secrets, and parses no format: what stands in a place is handed to ``word``, which gives what to put there.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from itertools import islice
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.exchange import PLACEHOLDER
from fakegpt_testkit.redaction.names import Names, Weight, Where, words
from fakegpt_testkit.redaction.values import is_alphanumeric, looks_secret, plain_words, prose
from fakegpt_testkit.redaction.vault import Edit, unlatin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_VALUE: Final = r"""[A-Za-z0-9._~+/=:%!@#$^*|-]{12,4096}+"""
_COATS: Final = (
    r"""(?:[&!][A-Za-z!]{1,16}[ ]{1,4})?(?:(?i:bearer|basic|token)[ ]{1,4})?(?:[bfru](?=["']))?"""
    rf"""\\{{0,7}}["'`{{]?({_VALUE})"""
)
_SEPARATORS: Final = (
    (("=", ":"), re.compile(rf"""[=:][=>]?[ \t]{{0,8}}{_COATS}""", re.ASCII)),
    (("',", '",'), re.compile(rf"""["'],[ ]?{_COATS}""", re.ASCII)),
    (("\t",), re.compile(rf"\t{_COATS}", re.ASCII)),
    (("| ",), re.compile(rf"\|[ ]{{1,16}}{_COATS}", re.ASCII)),
    (("->",), re.compile(rf"->[ ]?{_COATS}", re.ASCII)),
    ((": |", ": >"), re.compile(rf":[ ][|>][+-]?\r?\n[ ]{{1,16}}{_COATS}", re.ASCII)),
)
"""What stands between a name and its value, each with what a text holds that has one."""
_OF_NAMES: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
_LONGEST_NAME: Final = 61
_INDEX: Final = re.compile(r"\[\d{1,6}\]\Z")
_WITHIN: Final = re.compile(r"([A-Za-z][A-Za-z0-9_.-]{1,60})[=:]", re.ASCII)
_MOST_WITHIN: Final = 8
_SPOKEN: Final = (
    ("--", re.compile(rf"--([a-z][a-z0-9-]{{1,40}})[ ][\"'`]?({_VALUE})", re.ASCII)),
    ("assw", re.compile(rf"([Pp]assw(?:ord|d))[ ][\"'`]?({_VALUE})", re.ASCII)),
    ("ASSW", re.compile(rf"(PASSW(?:ORD|D))[ ][\"'`]?({_VALUE})", re.ASCII)),
    ("IDENTIFIED BY ", re.compile(rf"(IDENTIFIED BY)[ ][\"'`]?({_VALUE})", re.ASCII)),
    ("AUTH ", re.compile(rf"(AUTH [a-z]{{1,20}})[ ]({_VALUE})", re.ASCII)),
    ("bearer.", re.compile(rf"(bearer)\.({_VALUE})", re.ASCII)),
    ("set -", re.compile(rf"set -[gUx]{{1,3}}[ ]([A-Z][A-Z0-9_]{{2,60}})[ ][\"'`]?({_VALUE})", re.ASCII)),
    (' "', re.compile(rf"(?<![\w-])([A-Za-z][A-Za-z0-9]*+(?:[_-][A-Za-z0-9]++)++)[ ]{{1,4}}\"({_VALUE})\"", re.ASCII)),
    ("_", re.compile(rf"\b([a-z][a-z0-9]*+(?:_[a-z0-9]++)++),[ ]?[\"']({_VALUE})[\"']", re.ASCII)),
    ("ENV ", re.compile(rf"ENV[ ]([A-Z][A-Z0-9_]{{2,60}})[ ][\"'`]?({_VALUE})", re.ASCII)),
)
"""A name and its value with nothing but a space between them, each with what a text holds that has one."""
_PASSWORDS: Final = ("IDENTIFIED", "AUTH")
_SEGMENT: Final = re.compile(r"/([A-Za-z][\w.-]{1,40})/([A-Za-z0-9._~+=:%!@$*-]{12,4096}+)", re.ASCII)
_NAMES_OF_SEGMENTS: Final = frozenset({"token", "secret", "password", "apikey", "key", "ticket", "jwt"})
_PREFIXED: Final = re.compile(r"(?:[\xd9\x8cx]|\0)([\x0c-\xff])(\0\0\0)?(?=[A-Za-z0-9])")
"""In binary formats a value's length stands before it: MessagePack, pickle, CBOR; BSON counts a zero at its end."""
_NAME_IN_BINARY: Final = re.compile(r"([A-Za-z][A-Za-z0-9_.-]{2,60})[\x80-\x9f\0]{0,2}\Z")
_REACH: Final = 80
_ELEMENT: Final = re.compile(
    r"<(?:\w{1,32}:)?(\w[\w.-]{0,60}+)(?:\s[^<>]{0,200})?>\s{0,16}(?:<!\[CDATA\[)?([^<>\s\]]{1,4096}+)(?:\]\]>)?\s{0,16}</",
    re.ASCII,
)
_PLIST: Final = re.compile(
    r"<(?:key|name)>([\w.-]{1,60})</(?:key|name)>\s{0,64}(?:<value>\s{0,64})?<(?:string|value)>([^<>\s]{1,4096}+)</",
    re.ASCII,
)
_PAIRED: Final = re.compile(
    r"""\b(?:name|key|header)(?:=|:[ ])["']?([A-Za-z][\w.-]{1,60})["']?(?:,?[ ]|[ ]{0,8}\r?\n[ ]{0,32})"""
    rf"""[^<>\r\n]{{0,40}}?\bvalue(?:=|:[ ])["']?({_VALUE})""",
    re.ASCII,
)
"""Names and values that are not both in quotes, as in YAML and in HTML."""
_INSERT: Final = re.compile(
    r"\(([\w`\", ]{1,400}+)\)\s{1,8}VALUES\s{0,8}\(([^()]{1,4096}+)\)", re.ASCII | re.IGNORECASE
)
_LOGIN: Final = re.compile(r"""(?<!\S)(?:-u|--user)[ =]["']?[^\s:"'\\]{1,64}:([^\s"'\\]{8,256}+)""")
_COLUMNS: Final = re.compile(r"""\A["\w -]{1,64}+(?:([,;\t])["\w -]{1,64}+){1,64}+\r?\n""", re.ASCII)
_PART: Final = re.compile(
    r"""(?i:content-disposition):[^\r\n]{0,200}?\bname(?:\*=[\w-]*'\w*'|="?)([\w.\[\]:-]{1,64}+)[^\r\n]{0,200}+\r?\n"""
    r"""(?:[^\r\n]{1,400}+\r?\n){0,8}\r?\n([^\r\n]{1,4096}+)""",
    re.ASCII,
)


def assigned_places(
    text: str, names: Names, word: Callable[[str, str], str], protected: Sequence[tuple[int, int]] = ()
) -> Iterator[Edit]:
    """Values that look like secrets after a name that says so, outside what stays as it is."""
    if is_alphanumeric(text):  # something stands between a name and its value
        return
    for hints, separator in _SEPARATORS:
        if any(hint in text for hint in hints):
            yield from _separated(text, separator, names, word, protected)
    for hint, spoken in _SPOKEN:
        if hint in text:
            for found in spoken.finditer(text):
                name = "password" if found[1].startswith(_PASSWORDS) else found[1]
                if _weight(name, names) is not Weight.NO:
                    yield from _edit(text, found.span(2), name, word)
    if "-u" in text:
        yield from (_whole(found, 1, "password", word) for found in _LOGIN.finditer(text) if not _words(found[1]))
    yield from _of_formats(text, names, word)


def _of_formats(text: str, names: Names, word: Callable[[str, str], str]) -> Iterator[Edit]:
    """Values whose place in a format tells their names: elements, parts, pairs, columns."""
    if "</" in text:
        yield from _elements(text, names, word)
    if "ame" in text and "isposition" in text:
        yield from _marked(text, _PART, names, word)
    if "value" in text:
        yield from _marked(text, _PAIRED, names, word)
    yield from _columns(text, names, word)
    if "VALUES" in text or "values" in text:
        yield from _inserted(text, names, word)


def _marked(text: str, place: re.Pattern[str], names: Names, word: Callable[[str, str], str]) -> Iterator[Edit]:
    for found in place.finditer(text):
        if _weight(found[1], names) is not Weight.NO:
            yield from _edit(text, found.span(2), found[1], word)


def _inserted(text: str, names: Names, word: Callable[[str, str], str]) -> Iterator[Edit]:
    """Values of an SQL statement that stand where their columns do."""
    for found in _INSERT.finditer(text):
        at = found.start(2)
        for name, value in zip(found[1].split(","), found[2].split(","), strict=False):
            shown = value.strip(" '\"")
            if shown and _weight(name.strip(' `"'), names) is not Weight.NO:
                start = at + value.index(shown)
                yield from _edit(text, (start, start + len(shown)), name.strip(' `"'), word)
            at += len(value) + 1


def _separated(
    text: str,
    separator: re.Pattern[str],
    names: Names,
    word: Callable[[str, str], str],
    protected: Sequence[tuple[int, int]],
) -> Iterator[Edit]:
    for found in separator.finditer(text):
        after = bisect_left(protected, (found.end(), 0))
        if after and protected[after - 1][1] > found.start(1):
            continue
        for name, start in _named(text, found):
            if _weight(name, names) is not Weight.NO:
                yield from _edit(text, (start, found.end(1)), name, word)
                break


def _elements(text: str, names: Names, word: Callable[[str, str], str]) -> Iterator[Edit]:
    for found in (*_PLIST.finditer(text), *_ELEMENT.finditer(text)):
        weight = _weight(found[1], names)
        sure = weight is Weight.YES and names.weight(found[1], Where.KEY) is not Weight.PERHAPS
        if sure and not prose(found[2]):
            yield _whole(found, 2, found[1], word)
        elif weight is not Weight.NO:
            yield from _edit(text, found.span(2), found[1], word)


def _named(text: str, found: re.Match[str]) -> Iterator[tuple[str, int]]:
    """What may be the value's name, before it or, where the value holds more than one separator, in it."""
    before = text[max(0, found.start() - _REACH) : found.start()]
    name, rest = _last_name(before)
    if name:
        yield name, found.start(1)
        if found[0][0] == "=" and rest.endswith((": ", ": &")):  # let api_key: &str = "…"
            yield _last_name(rest[: rest.rindex(":")])[0], found.start(1)
    for within in islice(_WITHIN.finditer(found[1]), _MOST_WITHIN):
        yield within[1], found.start(1) + within.end()


def _last_name(before: str) -> tuple[str, str]:
    """The name at the end of a text, and what is before that."""
    plain = before.rstrip(" \t").rstrip("\"'\\]")
    if plain.endswith(tuple("0123456789")) and plain != before and (index := _INDEX.search(f"{plain}]")):
        plain = plain[: index.start()].rstrip("\"'\\")
    rest = plain.rstrip(_OF_NAMES)
    name = plain[len(rest) :].lstrip("0123456789_.-")
    return name[-_LONGEST_NAME:], rest


def columns_head(text: str) -> str:
    """The line that names the columns of a table of text; none where there is no such table."""
    head = _COLUMNS.match(text)
    return head[0] if head else ""


def segment_places(uri: str, names: Names, word: Callable[[str, str], str]) -> Iterator[Edit]:
    """Segments of a path after one that names them: ``/reset/token/…``."""
    for found in _SEGMENT.finditer(uri):
        named = _NAMES_OF_SEGMENTS.intersection(words(found[1])[-1:])
        if named and _weight(found[1], names) is not Weight.NO:
            yield from _edit(uri, found.span(2), found[1], word)


def prefixed_places(text: str, names: Names, word: Callable[[str, str], str]) -> Iterator[Edit]:
    """Values in a binary format that tells their length, after their names."""
    for found in _PREFIXED.finditer(text):
        size = ord(found[1]) - (1 if found[2] else 0)
        name = _NAME_IN_BINARY.search(text[max(0, found.start() - _REACH) : found.start()])
        if name and _weight(name[1], names) is not Weight.NO:
            yield from _edit(text, (found.end(), found.end() + size), name[1], word)


def _columns(text: str, names: Names, word: Callable[[str, str], str]) -> Iterator[Edit]:
    head = _COLUMNS.match(text)
    if not head:
        return
    between = head[1]
    heads = [each.strip(' "') for each in head[0].strip("\r\n").split(between)]
    secret = {at: each for at, each in enumerate(heads) if _weight(each, names) is not Weight.NO}
    if not secret:
        return
    for line in re.finditer(r"[^\r\n]+", text[head.end() :]):
        start = head.end() + line.start()
        for at, cell in enumerate(line[0].split(between)):
            value = cell.strip(' "')
            if at in secret and looks_secret(value):
                begin = start + cell.index(value)
                yield Edit(begin, begin + len(value), word(unlatin(value), secret[at]))
            start += len(cell) + 1


def _words(value: str) -> bool:
    return prose(value) or plain_words(value)


def _weight(name: str, names: Names) -> Weight:
    return max((names.weight(name, Where.HEADER), names.weight(name, Where.KEY)), key=lambda each: each.value)


def _edit(text: str, span: tuple[int, int], name: str, word: Callable[[str, str], str]) -> Iterator[Edit]:
    start, end = span
    value = text[start:end].rstrip(".:!")
    if looks_secret(value) and not PLACEHOLDER.search(value):
        yield Edit(start, start + len(value), word(unlatin(value), name))


def _whole(found: re.Match[str], group: int, name: str, word: Callable[[str, str], str]) -> Edit:
    secret = found[group]
    return Edit(*found.span(group), secret if PLACEHOLDER.search(secret) else word(unlatin(secret), name))
