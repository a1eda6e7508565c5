"""Tells which secrets are known beforehand: those of an environment, by names and values, and those of a suite.

Knows no process: the variables are handed to it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.redaction.names import words
from fakegpt_testkit.redaction.values import looks_secret, placeholder, plain_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fakegpt_testkit.redaction.settings import Redaction

_SECRET_WORDS: Final = frozenset(
    (
        *("key", "apikey", "token", "secret", "password", "passwd", "passphrase", "pass", "pwd", "pat", "credential"),
        *("auth", "cookie", "jwt", "bearer", "pem", "sas", "pin", "signature", "mnemonic", "dsn"),
    )
)
_NEVER: Final = frozenset({"GPG_KEY", "PWD", "OLDPWD"})
_LOGIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@]*:([^/\s@]+)@")
_PATH: Final = re.compile(r"(?:~|\.{1,2}|[A-Za-z]:)?[/\\][\w./\\ -]*|[A-Za-z][A-Za-z0-9+.-]*://[^@\s]*")
_LEAST: Final = 12
_LEAST_OF_A_PASSWORD: Final = 8


def expected(settings: Redaction, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Name and secret of each that is known beforehand. The functions among a suite's values are called."""
    for value in settings.values:
        known = value() if callable(value) else value
        if known:
            yield "value", known
    yield from secret_variables(environment, settings.variables)


def secret_variables(environment: Mapping[str, str], more: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Name and secret of each variable that holds one; of a connection's URL, the password. ``more``: names as well."""
    for name, value in environment.items():
        login = _LOGIN.match(value)
        if login:
            if len(login[1]) >= _LEAST_OF_A_PASSWORD and not placeholder(login[1]) and not plain_words(login[1]):
                yield name, login[1]
        elif name in more or (name not in _NEVER and _SECRET_WORDS.intersection(words(name)[-1:]) and _odd(value)):
            yield name, value


def _odd(value: str) -> bool:
    if looks_secret(value):
        return True
    known = _PATH.fullmatch(value) or plain_words(value) or placeholder(value) or " " in value
    return (
        len(value) >= _LEAST
        and not known
        and bool(re.search(r"\d", value))
        and bool(re.search(r"[A-Za-z]", value))
        and (re.search(r"[^A-Za-z0-9._/:-]", value) is not None)
    )
