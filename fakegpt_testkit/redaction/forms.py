"""Gives a word the form of what it stands for, so that a client that reads the form still can.

Knows no places: a secret and its word go in, and the word in the secret's form comes out.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Final

_JWT: Final = re.compile(r"(eyJ[A-Za-z0-9_-]{4,})\.(eyJ[A-Za-z0-9_-]{4,}|e30)\.[A-Za-z0-9_-]*", re.ASCII)
_ADDRESS: Final = re.compile(r"[^\s@:/<>\"']{1,64}@[A-Za-z0-9.-]{1,255}\.[A-Za-z]{2,24}")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}", re.ASCII)
_KEPT_CLAIMS: Final = frozenset({"iss", "aud", "typ", "scope", "token_type", "token_use", "ver"})
_LOGIN: Final = re.compile(r"basic|authorization", re.IGNORECASE)
"""What stands there is shown as a word: who sent it does not read it back."""
_UNDECODABLE: Final = 1
"""Letters beyond a multiple of four that no base64 has."""


def in_form(value: str, word: str) -> str:
    """A JWT whose claims about time can be read, an address, base64 of text; the word itself for all else."""
    if (token := _JWT.fullmatch(value)) and (claims := _claims(token[2])) is not None:
        return f"{token[1]}.{claims}.{_decodable(word)}"
    if _ADDRESS.fullmatch(value):
        return f"{word}@example.invalid"
    if encodes_text(value) and not _LOGIN.search(word):
        return base64.b64encode(word.encode()).decode()
    return word


def encodes_text(value: str) -> bool:
    """Whether it is base64 of something that people can read: random letters decode to none."""
    if not _BASE64.fullmatch(value) or len(value) % 4:
        return False
    try:
        return base64.b64decode(value, validate=True).decode().isprintable()
    except (binascii.Error, UnicodeDecodeError):
        return False


def _decodable(word: str) -> str:
    if len(word) % 4 != _UNDECODABLE:
        return word
    name, _, number = word.rpartition("-")
    return f"{name}-0{number}"


def _claims(part: str) -> str | None:
    try:
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return None
    if not isinstance(claims, dict):
        return None
    blank = {key: value if key in _KEPT_CLAIMS else _blank(value) for key, value in claims.items()}
    text = json.dumps(blank, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _blank(value: object) -> object:
    """Numbers and switches are times and rights; a text may name a person."""
    match value:
        case str():
            return "redacted"
        case dict():
            return {key: _blank(each) for key, each in value.items()}
        case list():
            return [_blank(each) for each in value]
        case _:
            return value
