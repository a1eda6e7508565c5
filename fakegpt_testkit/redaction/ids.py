"""Takes the secrets out of a test's id, which names a cassette and stands in reports and hints.

Knows no environment and no suite: the same id gives the same text on every machine, or its cassette is not found.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.redaction.patterns import shapes
from fakegpt_testkit.redaction.values import looks_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LEAST: Final = 12
_RUN: Final = re.compile(rf"[A-Za-z0-9._~+/=:%!@#$^*|-]{{{_LEAST},}}")
_WORD: Final = re.compile(r"REDACTED-\w+", re.ASCII)
_UUID: Final = re.compile(r"([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})", re.IGNORECASE)


def shown_id(test_id: str, parameters: Mapping[str, tuple[str, int]] | None = None) -> str:
    """The id with ``REDACTED-key2`` in place of each opaque value among its parameters: whose value, and its number.

    ``parameters``: what each argument is in this test, and pytest's number for it, from 0: of its test's combinations,
    or of a fixture's values. Without them the word tells nothing, and two tests may have one. No word is made of a
    secret, so none can be guessed at.
    """
    known = parameters or {}
    places = "_".join(str(place) for _, place in known.values())

    def word(secret: str) -> str:
        named = (f"{name}{place}" for name, (value, place) in known.items() if secret in value)
        return f"REDACTED-{next(named, f'parameter{places}')}"

    test, bracket, shown = test_id.partition("[")
    for value, _ in known.values():
        if value in shown and _is_secret(value):
            shown = shown.replace(value, word(value))
    return _with_words(test + bracket + shown, word)


def is_one(shown: str, other: str) -> bool:
    """Whether two shown names differ in nothing but the words in them."""
    return _WORD.sub("", shown) == _WORD.sub("", other)


def former_id(test_id: str) -> str:
    """The id as earlier versions wrote it, digits made of the secret in it: to find their cassettes, never to show."""
    return _with_words(test_id, lambda secret: f"REDACTED-{hashlib.sha256(secret.encode()).hexdigest()[:6]}")


def _is_secret(value: str) -> bool:
    whole = (0, len(value))
    return looks_secret(value) or any(found[:2] == whole for found in shapes(value, frozenset()))


def _with_words(test_id: str, word: Callable[[str], str]) -> str:
    test, bracket, parameters = test_id.partition("[")
    if len(parameters) < _LEAST:
        return test_id
    kept = parameters
    for start, end, _ in sorted(shapes(parameters, frozenset(), anywhere=True), reverse=True):
        if not _WORD.match(kept[start:end]):
            kept = kept[:start] + word(kept[start:end]) + kept[end:]
    runs = _RUN.sub(lambda run: "".join(_without(each, word) for each in _UUID.split(run[0])), kept)
    return test + bracket + runs


def _without(run: str, word: Callable[[str], str]) -> str:
    """Pytest joins the ids of parameters by hyphens, which a secret may hold too."""
    if _UUID.fullmatch(run):
        return run
    if "REDACTED-" not in run and looks_secret(run):
        return word(run)
    return "-".join(word(each) if looks_secret(each) else each for each in run.split("-"))
