"""Finds the places where a secret stands under its name: headers, cookies, queries, forms, multipart, JSON in any text.

Knows no secrets: what stands in a place is handed to ``word``, which gives back what to put there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from typing import Final
from urllib.parse import unquote, unquote_plus

from fakegpt_testkit.bodies import parts_of
from fakegpt_testkit.exchange import PLACEHOLDER
from fakegpt_testkit.redaction.names import DELTA_KEYS, Names, Weight, Where, plain, untouchable, words
from fakegpt_testkit.redaction.patterns import basic_password
from fakegpt_testkit.redaction.values import looks_secret, plain_words, prose
from fakegpt_testkit.redaction.vault import Edit, unlatin

Word = Callable[[str, str], str]
"""(value, name of its place) → the word that stands for it."""

_PERHAPS: Final = Weight.PERHAPS
_OF_WORDS: Final = (("passphrase",), ("mnemonic",), ("phrase",), ("authorization",), ("cookie",))
_KEY: Final = re.compile(
    r"""["']((?:[A-Za-z0-9_.:\[\]$@/ -]|\\{1,8}u00[2-7][0-9A-Fa-f]){1,64}+)\\{0,15}["']\s{0,64}+:""", re.ASCII
)
_PART: Final = 2**16
_LONGEST_NAME: Final = 1024
"""With what stands around it: parts overlap by so much."""
_PLAIN_KEY: Final = re.compile(r"""["']([A-Za-z0-9_.:\[\]$@/ -]{1,64}+)\\{0,15}["']\s{0,64}+:""", re.ASCII)
"""The same of a text without escapes, which most are; found in a third of the time."""
_QUERY_NAME: Final = re.compile(r"(?:[?&;#]|\\u0026|&amp;)([A-Za-z0-9_.\[\]%-]{1,64}+)=(?=[^&\s])", re.ASCII)
_QUERY_NESTED: Final = re.compile(
    r"""%(?:25)?(?:3F|26)([A-Za-z0-9_.-]{1,64}+)%(?:25)?3D((?:(?!%(?:25)?(?:26|23))[^&\s"'<>;#\\]){1,4096}+)""",
    re.ASCII | re.IGNORECASE,
)
_NUMBERED: Final = re.compile(r"[a-z]{2,20}(?:[-_][a-z]{1,20}){0,8}(?:[-_]\d{1,4})?")
_QUERY_VALUE: Final = re.compile(r"""[^&;\s"'<>\\#]+""")
_NUMBER: Final = re.compile(r"\d{4,}+(?![.\deE])", re.ASCII)
_SCHEME: Final = re.compile(
    r"(bearer|basic|digest|token|negotiate|ntlm|api-?key|key|oauth|hawk|dpop|jwt|mac|sharedkey|aws4-hmac-sha256)"
    r"[ \t]+(?=\S)",
    re.ASCII | re.IGNORECASE,
)
_PAIR: Final = re.compile(r"\s*([^=;\s]+)\s*=\s*([^;]*)")
_NAME_AND_VALUE: Final = re.compile(
    r"""(?:name|key|header|field|property|(?<=["'])k)(?<![A-Za-z0-9_]name)\\{0,3}["']?\s{0,8}[:=]\s{0,8}\\{0,3}["']([A-Za-z0-9_.-]{1,64}+)\\{0,3}["']"""
    r"""[^<>{}\[\]]{0,80}?(?:value|content|(?<=["'])v)\\{0,3}["']?\s{0,8}[:=]\s{0,8}(\\{0,3}["'])""",
    re.ASCII,
)
_VALUE_AND_NAME: Final = re.compile(
    r"""(?<![A-Za-z0-9_])(?:value|content)(\\{0,3}["'])?\s{0,8}[:=]\s{0,8}(\\{0,3}["'])([^\s"'\\<>]{8,4096}+)\\{0,3}["']"""
    r"""[^<>{}\[\]]{0,80}?(?<![A-Za-z0-9_])(?:name|key|header)\\{0,3}["']?\s{0,8}[:=]\s{0,8}\\{0,3}["']([A-Za-z0-9_.-]{1,64}+)""",
    re.ASCII,
)
_FORM: Final = re.compile(r"""[A-Za-z0-9_.%+\[\]-]{1,64}+=[^\s{}"'<>\\]*+""", re.ASCII)
_TOKEN: Final = re.compile(r'"((?:[^"\\]|\\.)*+)"(\s{0,64}+:)?|[\[\]{}]')
_HEAD_OF_A_KEY: Final = re.compile(r"-----BEGIN [A-Z ]{1,60}-----")
"""The first line of a PEM file alone: the key stands in the next ones, and goes by its shape."""
_DEEP_REACH: Final = 16384
_DEEPEST_PART: Final = 8
_NAMED: Final = re.compile(
    r"""(?<![A-Za-z0-9_-])([A-Za-z][A-Za-z0-9_-]{1,60}+)(?:["'][ ]?,[ ]?b?["']|["']?[ ]?[=:][ ]?b?["']?)""", re.ASCII
)
_VALUE: Final = re.compile(r"""(?:(?i:bearer|basic|token|digest|apikey)[ ]{1,4})?[^\s"'<>,;&)\]}]++""")
_REST: Final = re.compile(r"""[^\r\n"']++""")
_SPACES: Final = re.compile(r"(?:[ \t\r\n]|\\[nrt])*+")


def json_keys(text: str) -> dict[str, str]:
    """The keys that a text holds as they are spelled there, and what they say."""
    if '"' not in text and "'" not in text:
        return {}
    return {key: json_name(key) for key in _found(_KEY if "u00" in text else _PLAIN_KEY, text)}


def _found(names: re.Pattern[str], text: str) -> set[str]:
    """The names that stand in a text, each once; of a large one in parts, for it may have a million of them."""
    found: set[str] = set()
    for start in range(0, max(1, len(text)), _PART):
        found.update(names.findall(text, max(0, start - _LONGEST_NAME), start + _PART))
    return found


def json_places(
    text: str, keys: dict[str, str], fixed: set[str], names: Names, word: Word, *, raw_stream: bool = False
) -> Iterator[Edit]:
    """Values under secret keys, at any depth: in JSON, in JSON inside strings, in Python's ``repr`` of a dict.

    In the raw text of a stream only the events' own keys count: JSON inside its strings may come in pieces, and is
    looked at where these are put together.
    """
    weights = {key: names.weight(name, Where.KEY) for key, name in keys.items() if key not in fixed}

    def said(key: str, value: str) -> bool:
        return plain(keys[key]) not in names.more and _said(keys[key], value)

    secret_keys = [
        key
        for key, weight in weights.items()
        if weight is Weight.YES or (weight is _PERHAPS and not (raw_stream and plain(keys[key]) in DELTA_KEYS))
    ]
    for found, quote in _under(text, secret_keys):
        if raw_stream and len(quote) > 1:
            continue
        key = found[2]
        for start, end, value, quoted in _values(text, found.end(), quote, deep=True):
            secret = value.strip()
            if not secret or (weights[key] is _PERHAPS and not looks_secret(secret)) or said(key, secret):
                continue
            if not quoted:
                number = word(secret, keys[key])
                yield Edit(start, end, number if number.isdigit() else f"{quote}{number}{quote}")
            elif (replacement := credential(value, keys[key], word)) != value:
                yield Edit(start, end, _escaped(replacement, len(quote) - 1))


def _said(name: str, value: str) -> bool:
    """Whether a value is a sentence or a placeholder: only a passphrase is made of words. A cookie has a name."""
    if words(name)[-1:] == ("cookie",) and "=" not in value and plain_words(value):
        return True
    if _has_a_word(value):
        return not PLACEHOLDER.fullmatch(value)
    return prose(value) and words(name)[-1:] not in _OF_WORDS


def _has_a_word(value: str) -> bool:
    """Whether a word of ours is in it already: then the rest was left when that was put there, and is left again."""
    return "REDACTED-" in value or PLACEHOLDER.search(value) is not None


def fixed_keys(keys: dict[str, str]) -> set[str]:
    """The keys of a text, as they are spelled there, whose values stay; ``token`` where there are ``logprobs``."""
    scored = any(plain(name) in {"logprob", "logprobs"} for name in keys.values())
    return {key for key, name in keys.items() if untouchable(name) or (scored and plain(name) == "token")}


def protected_places(text: str, fixed: set[str]) -> list[tuple[int, int]]:
    """The values that stay as they are whatever is in them, as spans in order."""
    places = (_values(text, found.end(), quote) for found, quote in _under(text, fixed))
    return [(start, end) for values in places for start, end, _, _ in values]


def _under(text: str, keys: Collection[str]) -> Iterator[tuple[re.Match[str], str]]:
    """Where one of these keys stands, and the quote around it with the backslashes that a string around it needs."""
    if not keys:
        return
    choices = "|".join(map(re.escape, sorted(keys, key=len, reverse=True)))
    for found in re.finditer(rf"""(["'])({choices})(\\{{0,15}})\1\s{{0,64}}+:""", text, re.ASCII):
        opening = text[max(0, found.start() - 16) : found.start()]
        if len(opening) - len(opening.rstrip("\\")) == len(found[3]):
            yield found, found[3] + found[1]


def json_name(key: str) -> str:
    """A key without its escapes."""
    return re.sub(r"\\+u00([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), key)


def _values(text: str, at: int, quote: str, *, deep: bool = False) -> Iterator[tuple[int, int, str, bool]]:
    """Start, end and meaning of the string or number at a place, or of each string in an array; whether quoted.

    ``deep``: also of the strings further below that look like secrets.
    """
    at = _after_spaces(text, at)
    in_array = text[at : at + 1] == "["
    if in_array:
        at = _after_spaces(text, at + 1)
    while text.startswith(quote, at):
        start = at + len(quote)
        end = _closing(text, start, len(quote) - 1, quote[-1])
        yield start, end, unescaped(text[start:end], len(quote) - 1), True
        if not in_array:
            return
        at = _after_spaces(text, end + len(quote))
        if text[at : at + 1] != ",":
            return
        at = _after_spaces(text, at + 1)
    if deep and quote == '"' and (text[at : at + 1] == "{" or (in_array and text[at : at + 1] == "[")):
        yield from _deep(text, at)
        return
    number = _NUMBER.match(text, at)
    if number and not in_array:
        yield at, number.end(), number[0], False


def _deep(text: str, at: int) -> Iterator[tuple[int, int, str, bool]]:
    """The strings below an object or an array that look like secrets: all of them stand under its name."""
    depth = 0
    for token in _TOKEN.finditer(text, at, at + _DEEP_REACH):
        if token[1] is not None:
            value = unescaped(token[1], 0)
            if not token[2] and looks_secret(value):
                yield *token.span(1), value, True
        else:
            depth += 1 if token[0] in "[{" else -1
            if depth <= 0:
                return


def _after_spaces(text: str, at: int) -> int:
    spaces = _SPACES.match(text, at)
    return spaces.end() if spaces else at


def _closing(text: str, start: int, depth: int, mark: str) -> int:
    """Where a string ends: at a quote escaped as often as the one that opened it, or where what is around it ends."""
    at = start
    while True:
        at = text.find(mark, at)
        line = text.find("\n", start, at if at >= 0 else len(text))
        if at < 0 or line >= 0:
            line = line if line >= 0 else len(text)
            return start + len(text[start:line].rstrip("\r}]"))
        escapes = 0
        while at - escapes > start and text[at - escapes - 1] == "\\":
            escapes += 1
        if escapes < depth or (escapes - depth) % (2 * (depth + 1)) == 0:
            return at - min(escapes, depth)
        at += 1


def _escaped(text: str, depth: int) -> str:
    """A word of several lines as it stands in a JSON string, in ``depth`` backslashes' worth of other strings."""
    if "\n" in text or "\r" in text:
        for _ in range(depth.bit_length() + 1):
            text = json.dumps(text)[1:-1]
    return text


def unescaped(raw: str, depth: int) -> str:
    """What a JSON string means that stands in ``depth`` backslashes' worth of other strings."""
    value = unlatin(raw)
    while "\\" in value:
        try:
            value = str(json.loads(f'"{value}"', strict=False))
        except ValueError:
            break
        if depth == 0:
            break
        depth //= 2
    return value


def pair_places(text: str, names: Names, word: Word) -> Iterator[Edit]:
    """Values beside a secret name: ``<input name="csrf_token" value="…">``, ``{"name": "Cookie", "value": "…"}``."""
    for pair in _NAME_AND_VALUE.finditer(text):
        weights = {names.weight(pair[1], where) for where in (Where.HEADER, Where.KEY)}
        start, quote = pair.end(), pair[2]
        end = _closing(text, start, len(quote) - 1, quote[-1])
        value = unescaped(text[start:end], len(quote) - 1)
        sure = Weight.YES in weights and _PERHAPS not in weights
        if start == end or not (sure or (_PERHAPS in weights and looks_secret(value))):
            continue
        replacement = header_value(pair[1].lower(), value, names, word)
        if replacement is not None and replacement != value:
            yield Edit(start, end, replacement)
    for pair in _VALUE_AND_NAME.finditer(text):
        weights = {names.weight(pair[4], where) for where in (Where.HEADER, Where.KEY)}
        if weights != {Weight.NO} and looks_secret(pair[3]) and not PLACEHOLDER.search(pair[3]):
            yield Edit(*pair.span(3), word(unlatin(pair[3]), pair[4]))


def query_places(text: str, names: Names, word: Word, *, asked: bool = False) -> Iterator[Edit]:
    """Values under secret names in the queries of URLs that stand anywhere in a text.

    In a URL that was not ``asked`` for, words under an everyday name are words: ``?key=introduction-2``.
    """
    if "%" in text:
        for nested in _QUERY_NESTED.finditer(text):
            if names.weight(nested[1], Where.FIELD) is not Weight.NO and looks_secret(unquote(nested[2])):
                yield Edit(*nested.span(2), _field(nested[2], nested[1], word))
    found = _found(_QUERY_NAME, text) if "=" in text else ()
    secret = {name for name in found if names.weight(unquote(name), Where.FIELD) is not Weight.NO}
    if not secret:
        return
    choices = "|".join(map(re.escape, sorted(secret, key=len, reverse=True)))
    for name in re.finditer(rf"(?:[?&;#]|\\u0026|&amp;)({choices})=", text):
        value = _QUERY_VALUE.match(text, name.end())
        if value and _counts(names.weight(unquote(name[1]), Where.FIELD), unquote_plus(value[0])):
            if not asked and names.weight(unquote(name[1]), Where.KEY) is _PERHAPS and _NUMBERED.fullmatch(value[0]):
                continue
            yield Edit(value.start(), value.end(), _field(value[0], unquote(name[1]), word))


def _counts(weight: Weight, value: str) -> bool:
    return weight is Weight.YES or (weight is _PERHAPS and looks_secret(value))


def form_places(text: str, names: Names, word: Word, *, labelled: bool = False) -> Iterator[Edit]:
    """Values under secret names in ``a=1&b=2``; a body that is something else, and has no label for it, has none."""
    if not labelled and not _FORM.fullmatch(text):
        return
    for pair in re.finditer(r"([^&=]+)=([^&\r\n]*)", text):
        name = unquote_plus(pair[1])
        if pair[2] and _counts(names.weight(name, Where.FIELD), unquote_plus(pair[2])):
            yield Edit(pair.start(2), pair.end(2), _field(pair[2], name, word))


def _field(raw: str, name: str, word: Word) -> str:
    value = unquote_plus(raw, errors="surrogateescape") if "%" in raw or "+" in raw else unlatin(raw)
    return raw if _has_a_word(value) else word(value, name)


def multipart_places(text: str, names: Names, word: Word) -> Iterator[Edit]:
    """The contents of parts under secret names, also of parts within parts."""
    if text.startswith("--"):
        yield from _part_places(text.encode("latin-1"), 0, _DEEPEST_PART, names, word)


def _part_places(body: bytes, at: int, deeper: int, names: Names, word: Word) -> Iterator[Edit]:
    for part in parts_of(body):
        content = body[part.start : part.end]
        if not _counts(names.weight(part.name, Where.FIELD), content.decode("latin-1").strip()):
            if deeper and content.startswith(b"--"):
                yield from _part_places(content, at + part.start, deeper - 1, names, word)
            continue
        value = unlatin(content.decode("latin-1"))
        if value.strip() and not _has_a_word(value):
            yield Edit(at + part.start, at + part.end, word(value, part.name))


def header_value(name: str, value: str, names: Names, word: Word) -> str | None:
    """A header's value with the secret taken out; None when its name is none of a secret's."""
    if not _counts(names.weight(name, Where.HEADER), _SCHEME.sub("", value)):
        return None
    match plain(name):
        case "cookie":
            return _PAIR.sub(lambda pair: _cookie(pair, word), value)
        case "setcookie":
            return _PAIR.sub(lambda pair: _cookie(pair, word), value, count=1)
        case _:
            return credential(value, name, word)


def _cookie(pair: re.Match[str], word: Word) -> str:
    value = pair[2].rstrip().strip('"')
    if not value or PLACEHOLDER.fullmatch(value):
        return pair[0]
    name = pair[0][: pair.start(2) - pair.start()]
    before, _, after = pair[2].partition(value)
    return f"{name}{before}{word(value, pair[1])}{after}"


def credential(value: str, name: str, word: Word) -> str:
    """A value with its secret replaced: all of it except the scheme in ``Bearer …``. Learns a ``Basic`` password."""
    scheme = _SCHEME.match(value) if plain(name).endswith("authorization") else None
    kept = scheme[0] if scheme else ""
    secret = value[len(kept) :].strip()
    if not secret or PLACEHOLDER.fullmatch(secret) or _HEAD_OF_A_KEY.fullmatch(secret):
        return value
    if scheme and scheme[1].lower() == "basic" and (password := basic_password(secret)):
        word(password, "password")
    return kept + word(secret, name) + ("\n" if secret.startswith("-----BEGIN") and value.endswith("\n") else "")


def text_places(text: str, names: Names, word: Word) -> Iterator[Edit]:
    """Values after a secret name in a log line or an error: ``X-Api-Key: …``, ``password=…``, ``('Cookie', '…')``."""
    for found in _NAMED.finditer(text):
        name = found[1]
        weights = {names.weight(name, where) for where in (Where.HEADER, Where.KEY)}
        if Weight.YES not in weights or weights == {Weight.YES, _PERHAPS} or plain(name).startswith("email"):
            continue
        shape = _REST if plain(name).endswith("cookie") else _VALUE
        value = shape.match(text, found.end())
        if value and (replacement := header_value(name.lower(), value[0], names, word)) and replacement != value[0]:
            yield Edit(value.start(), value.end(), replacement)
