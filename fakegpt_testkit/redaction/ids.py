"""Takes the secrets out of a test's id, which names a cassette and stands in reports and hints.

Knows no environment and no suite: what these show to be secrets is handed to it. Another machine may not have it, so a
name with words in it can be found from an id that has anything in their place.
"""

from __future__ import annotations

import hashlib
import re
from itertools import islice
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.redaction.patterns import shapes
from fakegpt_testkit.redaction.values import looks_secret
from fakegpt_testkit.redaction.vault import findable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

_LEAST: Final = 12
_MOST_WAYS: Final = 256
_RUN: Final = re.compile(rf"[A-Za-z0-9._~+/=:%!@#$^*|-]{{{_LEAST},}}")
_WORD: Final = re.compile(r"REDACTED-\w+", re.ASCII)
_UUID: Final = re.compile(r"([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})", re.IGNORECASE)


def shown_id(test_id: str, parameters: Mapping[str, tuple[str, int]] | None = None, known: Collection[str] = ()) -> str:
    """The id with ``REDACTED-key2`` in place of each secret among its parameters: whose value, and its number.

    ``parameters``: what each argument is in this test, and pytest's number for it, from 0: of its test's combinations,
    or of a fixture's values. Without them the word tells nothing, and two tests may have one. No word is made of a
    secret, so none can be guessed at. ``known``: values that are secrets, whatever they look like.
    """
    given = parameters or {}

    def word(secret: str) -> str:
        named = (f"{name}{place}" for name, (value, place) in given.items() if secret in value)
        return f"REDACTED-{next(named, _of_all(given))}"

    test, bracket, shown = test_id.partition("[")
    secrets = sorted((each for each in known if findable(each)), key=len, reverse=True)
    for value, _ in given.values():
        if value in shown and (_is_secret(value) or any(each in value for each in secrets)):
            shown = shown.replace(value, word(value))
    for secret in secrets:
        for each in (secret, escaped(secret)):
            shown = shown.replace(each, word(each))
    return _with_words(test + bracket + shown, word)


def escaped(value: str) -> str:
    """A text as pytest writes it into an id."""
    return value.encode("unicode_escape").decode("ascii")


def ids_with(words: Iterable[str], test_id: str, parameters: Mapping[str, tuple[str, int]]) -> Iterator[str]:
    """The ids with these words that a machine may have made of this one, where it knew something in it as a secret.

    None where one of the words is no word of this test.
    """
    test, bracket, shown = test_id.partition("[")
    values = {f"REDACTED-{name}{place}": value for name, (value, place) in parameters.items() if value}
    found = [shown]
    for word in words:
        if word not in values and word != f"REDACTED-{_of_all(parameters)}":
            return
        value = values.get(word, "")
        ways = (each[:start] + word + each[end:] for each in found for start, end in _parts(each, value))
        found = [*islice(ways, _MOST_WAYS)]
    yield from (test + bracket + each for each in found)


def _parts(shown: str, value: str) -> Iterator[tuple[int, int]]:
    """Where a parameter may stand, this one or any: pytest puts hyphens between, and a parameter may have some."""
    ends = [*(at.start() for at in re.finditer("-", shown)), len(shown) - len("]")]
    for start in (0, *(end + 1 for end in ends[:-1])):
        for end in ends:
            if start < end and (not value or shown[start:end] == value):
                yield start, end


def words_in(name: str) -> list[str]:
    """The words in a name, as they stand there."""
    return _WORD.findall(name)


def _of_all(parameters: Mapping[str, tuple[str, int]]) -> str:
    return f"parameter{'_'.join(str(place) for _, place in parameters.values())}"


def may_be(shown: str, test_id: str) -> bool:
    """Whether a name with words in it may be this test's, here or where something in its id is known to be a secret."""
    anything = ".+".join(map(re.escape, _WORD.split(shown)))
    return re.fullmatch(anything, test_id, re.DOTALL) is not None


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
