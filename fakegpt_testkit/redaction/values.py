"""Tells by a value alone whether it can be a secret: opaque, or a word, a sentence, a path, a date, a placeholder.

Knows no names and no places: it is given what stands there.
"""

from __future__ import annotations

import re
from typing import Final

_OPAQUE: Final = re.compile(r"[A-Za-z0-9._~+/=:%!@#$^*|-]{1,4096}")
_TURNS: Final = re.compile(r"(?<=[A-Za-z])[0-9]|(?<=[0-9])[A-Za-z]")
"""From letters to digits and back: a key has many, ``ERR_4012`` none and ``gpt-4o-2024`` one."""
_FEW: Final = 16
_HEX: Final = re.compile(r"(?=[A-Fa-f]*[0-9])(?=[0-9]*[A-Fa-f])[0-9a-fA-F]{24,}")
_MIXED: Final = re.compile(r"[A-Za-z0-9+/_=-]{20,}")
_CASES: Final = re.compile(r"[a-z][A-Z]")
_WORDS: Final = re.compile(
    r"(?:[A-Z]?[a-z]{1,16}|[A-Z]{1,12})(?:[-_./: ]{1,2}(?:[A-Z]?[a-z]{0,16}|[A-Z]{1,12}))*+[.!]?"
)
_KNOWN_FORMS: Final = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){1,3}-?[0-9a-f]{0,12}"  # a UUID, or its beginning where a text was cut off
    r"|\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?"  # a date, a time
    r"|v?\d+(?:\.\d+){1,3}(?:[-+.][A-Za-z0-9.]+)?"  # a version
    r"|[a-z][a-z0-9+.-]*:/?/?[A-Za-z0-9.-]+(?::\d+)?(?:/[a-z0-9._~/-]*)?"  # a URL without a query
    r"|(?:~|\.{1,2})?/?(?:[\w.-]+/)+[\w-]*\.[A-Za-z]\w{0,4}"  # a file in folders
    r"|[A-Za-z0-9]+(?:[-_.][A-Za-z0-9]+)*\.(?:py|js|ts|json|ya?ml|txt|md|png|jpe?g|gif|html?|css|so|zip|toml|cfg)"
    r"|\#[0-9a-fA-F]{3,8}"
    r"|[-+]?\d[\d.,eE+-]*",
    re.IGNORECASE,
)
_MASK: Final = re.compile(
    r"your[-_ ]|^<.*>$|\$\{|^\$[A-Za-z_]|\{\{|\*{4}|x{4,}|\.\.\.|…|REDACTED|UkVEQUNURUQt|%\(|^%s", re.IGNORECASE
)
_STAND_IN: Final = re.compile(
    r"my[-_ ]?(?:key|token|secret)|example|changeme|placeholder|dummy|not[-_]needed|insert|replace[-_]", re.IGNORECASE
)
_SHORT: Final = 12
_MASKED: Final = 4
_LONG: Final = 20
_TURNS_OF_A_KEY: Final = 3


def is_alphanumeric(text: str) -> bool:
    """Whether it is letters and digits of ASCII alone: bytes tell that ten times as fast as a str does."""
    return text[:_FEW].isalnum() and text.isascii() and text.encode().isalnum()


def looks_secret(value: str) -> bool:
    """Whether a value is opaque: what no one writes as a word, a sentence, a program, a date or an error code."""
    if len(value) < _SHORT or not _OPAQUE.fullmatch(value):
        return False
    if placeholder(value) or _KNOWN_FORMS.fullmatch(value) or _WORDS.fullmatch(value):
        return False
    if len(_TURNS.findall(value)) >= _TURNS_OF_A_KEY or _HEX.fullmatch(value):
        return not _of_words(value)
    return bool(len(value) >= _LONG and _MIXED.fullmatch(value) and _mixed(value))


def opaque(rest: str) -> bool:
    """Whether what follows a key's prefix is random: ``sk-fix-login-redirect-loop`` is a branch."""
    if placeholder(rest):
        return False
    turns = len(_TURNS.findall(rest))
    return turns >= _TURNS_OF_A_KEY or (turns >= 1 and not re.search(r"[-_. ]", rest)) or _mixed(rest)


def placeholder(value: str) -> bool:
    """Whether it stands where a reader is to put a secret, or where one was masked."""
    return masked(value) or _STAND_IN.search(value) is not None


def masked(value: str) -> bool:
    """Whether it was masked, or is a variable of a template."""
    return _MASK.search(value) is not None or (len(value) >= _MASKED and len(set(value)) == 1)


def prose(value: str) -> bool:
    """Whether it is a sentence or something else that no password is, whatever its name says."""
    words_of = value.split()
    if masked(value):
        return True
    return len(words_of) > 1 and not any(_TURNS.search(each) for each in words_of)


def plain_words(value: str) -> bool:
    """Whether a value is words of a language, joined or not: texts hold them too, and mean something else by them."""
    return _WORDS.fullmatch(value) is not None


def _mixed(value: str) -> bool:
    """Letters of both cases in no order that a name in a program has: most of its words have one or two letters."""
    words = re.findall(r"[A-Z]+[a-z]*|[a-z]+|\d+", value)
    odd = sum(len(each) == 1 or each[:2].isupper() for each in words if each.isalpha())
    return len(_CASES.findall(value)) >= 3 and (len(value) / max(1, len(words)) < 3.2 or 3 <= odd >= len(words) / 3)


def _of_words(value: str) -> bool:
    """Whether its parts are words and numbers that stand apart: ``py3-none-linux-x86_64``, ``2024-05-01T10h``."""
    parts = [each for each in re.split(r"[-_./:=@]+", value) if each]
    return len(parts) > 1 and all(len(_TURNS.findall(each)) <= (2 if len(each) < _SHORT else 1) for each in parts)
