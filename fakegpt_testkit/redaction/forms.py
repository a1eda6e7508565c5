"""Gives a word the form of what it stands for, so that a client that reads the form still can.

Knows no places: a secret and its word go in, and the word in the secret's form comes out.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Final

from fakegpt_testkit.exchange import PLACEHOLDER
from fakegpt_testkit.redaction.patterns import shapes

_JWT: Final = re.compile(r"(eyJ[A-Za-z0-9_-]{4,})\.(eyJ[A-Za-z0-9_-]{4,}|e30)\.[A-Za-z0-9_-]*", re.ASCII)
_ADDRESS: Final = re.compile(r"[^\s@:/<>\"']{1,64}@[A-Za-z0-9.-]{1,255}\.[A-Za-z]{2,24}")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}", re.ASCII)
_KEPT_CLAIMS: Final = frozenset({"iss", "aud", "typ", "scope", "token_type", "token_use", "ver"})
_LOGIN: Final = re.compile(r"basic|authorization", re.IGNORECASE)
"""What stands there is a user and a password."""
_URL: Final = re.compile(r"([a-z][a-z0-9+.-]*://)([^/?#\s@]*@)?([A-Za-z0-9.:\[\]-]+)(?:[/?#]\S*)?")
_PEM: Final = re.compile(
    r"(-----BEGIN [A-Z ]{0,40}-----)((?:\s|\\{1,8}[nr])*)[\s\S]*?((?:\s|\\{1,8}[nr])*)(-----END [A-Z ]{0,40}-----\s*)"
)
_PADDED: Final = re.compile(r"(?=.*[+/=])[A-Za-z0-9+/]{14,}={0,2}", re.ASCII)
"""Base64 of bytes that are no text; without a sign of it, it is like any other random letters."""
_DIGITS: Final = re.compile(r"[0-9]{4,}")
_WORD_OF_DIGITS: Final = re.compile(r"90[0-9]{2}|900[0-9]{2}|900+[0-9]{3}")
"""One in a thousand numbers of five or six digits is such a word already, one in a hundred of four, and stays."""
_SHORT_NUMBER: Final = 6
_MOST_OF_A_LOGIN: Final = 84
_UNDECODABLE: Final = 1
"""Letters beyond a multiple of four that no base64 has."""


def in_form(value: str, word: str) -> str:
    """A JWT whose claims about time can be read, an address, base64 of text; the word itself for all else."""
    if (token := _JWT.fullmatch(value)) and (claims := _claims(token[2])) is not None:
        return f"{token[1]}.{claims}.{_decodable(word)}"
    if _ADDRESS.fullmatch(value):
        return f"{word}@example.invalid"
    if encodes_text(value):
        return _base64(word) if not _LOGIN.search(word) else _login(value, word)
    if len(value) % 4 == 0 and _PADDED.fullmatch(value):
        return _base64(word)
    if of_digits(value):
        return _digits(word, len(value))
    if url := _URL.fullmatch(value):
        host = "redacted.invalid" if any(True for _ in shapes(url[3], frozenset())) else url[3]
        return f"{url[1]}{word}:{word}@{host}" if url[2] else f"{url[1]}{host}/{word}"
    if key := _PEM.fullmatch(value):
        return f"{key[1]}{key[2]}{_base64(word)}{key[3]}{key[4]}"
    return word


def of_digits(value: str) -> bool:
    """Whether it is a number: its word is one too, which says not that it is a word."""
    return _DIGITS.fullmatch(value) is not None


def stands_already(value: str) -> bool:
    """Whether it is a word of digits or at a secret's length, or a URL or a key with a word in it."""
    if _WORD_OF_DIGITS.fullmatch(value) or (value.endswith(".") and PLACEHOLDER.fullmatch(value.rstrip("."))):
        return True
    return PLACEHOLDER.search(value) is not None and bool(_URL.fullmatch(value) or _PEM.fullmatch(value))


def _base64(word: str) -> str:
    return base64.b64encode(word.encode()).decode()


def _login(value: str, word: str) -> str:
    """What ``Basic`` says, with the word as user and as password; the word itself for what is no login."""
    both = _base64(f"{word}:{word}")
    return both if b":" in base64.b64decode(value) and len(both) <= _MOST_OF_A_LOGIN else word


def _digits(word: str, length: int) -> str:
    """A nine, zeros, and the word's number: no zero is first, or it would be no number in JSON."""
    number = int(word.rpartition("-")[2]) % (100 if length < _SHORT_NUMBER else 1000)
    return f"9{number:0{length - 1}}"


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
