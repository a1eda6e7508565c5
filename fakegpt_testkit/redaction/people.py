"""Finds what may say who somebody is: e-mail addresses, telephone numbers, bank accounts, payment cards.

Knows no secret: such things are told, and taken out where a suite asks for it. Every expression is linear in its input.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.redaction.large import Latin, stretches_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_AT: Final = re.compile(
    r"(?:@|%40|\\u0040)([A-Za-z0-9](?:[A-Za-z0-9-]{0,62}+)(?:\.[A-Za-z0-9][A-Za-z0-9-]{0,62}+){1,8}+)", re.ASCII
)
_RESERVED: Final = re.compile(
    r"(?:@|%40|\\u0040)(?:[A-Za-z0-9.-]*\.)?(?:example(?:\.(?:com|net|org))?|invalid|test|localhost)\Z", re.IGNORECASE
)
"""Domains that belong to nobody."""
_LOCAL: Final = re.compile(r"[A-Za-z0-9._+-]+\Z", re.ASCII)
_ESCAPE: Final = re.compile(r"(?:\\[nrt]|\\u[0-9a-f]{4}|%[0-9A-F]{2})(?=[^%\\]*\Z)", re.IGNORECASE)
_USERINFO: Final = re.compile(r"""\\?/\\?/[^/\s@"'<>\\]*\Z""")
_LOCAL_LIMIT: Final = 64
"""Of an address before its @; and where a URL's own user may start before that."""

_PHONE: Final = re.compile(
    r"(?<![A-Za-z0-9+/=%_-])(?:"
    r"\+[1-9][0-9]{0,2}(?:[ -]?\([0-9]{1,4}\))?(?:[ -]?[0-9]{2,4}){2,5}"
    r"|\([2-9][0-9]{2}\) ?[0-9]{3}-[0-9]{4}"  # North America
    r"|(?<![0-9A-Z] )0[1-9][0-9]{1,4}[ /][0-9]{3,8}(?: [0-9]{2,8}){0,3}(?! [0-9])"  # most of Europe
    r")(?![A-Za-z0-9+/=_-]|\.[0-9])",
    re.ASCII,
)
_IBAN: Final = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])")
_CARD: Final = re.compile(
    r"(?<![A-Za-z0-9.+/=_-])(?:4|5[1-5]|2[2-7]|3[4-8]|6[05])[0-9]{2,3}(?:[ -]?[0-9]{4,6}){2,3}(?:[ -]?[0-9]{1,4})?"
    r"(?![A-Za-z0-9+/=_-]|\.[0-9])",
    re.ASCII,
)
_CARD_LENGTHS: Final = range(13, 20)
_CARDS_OF_DOCUMENTS: Final = frozenset(
    ("4242424242424242", "4111111111111111", "5555555555554444", "378282246310005", "6011111111111117")
)
"""They belong to nobody."""


def told_of_people(text: str, kinds: Iterable[str]) -> Iterator[tuple[int, int, str]]:
    """Start, end and kind of each thing of these kinds."""
    for kind in kinds:
        for start, end in _FINDERS[kind](text):
            yield start, end, kind


def personal(text: str | bytes) -> list[tuple[str, int]]:
    """What in a text may say who somebody is: each kind with how often; not what stands in programs and examples."""
    counts: Counter[str] = Counter()
    for part in stretches_of(text if isinstance(text, str) else Latin(text)):
        counts.update(_kinds_in(part.text))
    return sorted(counts.items())


def _kinds_in(text: str) -> Iterator[str]:
    for start, end, kind in told_of_people(text, _FINDERS):
        value, after = text[start:end], text[end : end + 1]
        if not (kind == "email" and (after in {":", "("} or value.startswith("git@") or _RESERVED.search(value))):
            yield kind


def _emails(text: str) -> Iterator[tuple[int, int]]:
    """From the @ outwards: a search that starts at the name is quadratic in long words."""
    if "@" not in text and "%40" not in text and "\\u0040" not in text:
        return
    for found in _AT.finditer(text):
        before = text[max(0, found.start() - 2 * _LOCAL_LIMIT) : found.start()]
        local = _LOCAL.search(before, max(0, len(before) - _LOCAL_LIMIT))
        last_label = found[1].rpartition(".")[2]
        if local is None or not last_label.isalpha() or not 2 <= len(last_label) <= 24:
            continue
        name = local[0].lstrip(".+-")
        escape = _ESCAPE.search(before)
        if escape and escape.end() > len(before) - len(name):
            name = before[escape.end() :]
        if name and not _USERINFO.search(before[: len(before) - len(name)]):
            yield found.start() - len(name), found.end()


def _phones(text: str) -> Iterator[tuple[int, int]]:
    return (found.span() for found in _PHONE.finditer(text))


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    """Those whose check digits are right."""
    for found in _IBAN.finditer(text):
        plain = found[0].replace(" ", "")
        if int("".join(str(int(each, 36)) for each in plain[4:] + plain[:4])) % 97 == 1:
            yield found.span()


def _cards(text: str) -> Iterator[tuple[int, int]]:
    """Those whose last digit is right: of other numbers, one in ten is."""
    for found in _CARD.finditer(text):
        digits = [int(each) for each in found[0] if each.isdigit()]
        doubled = sum(sum(divmod(2 * each, 10)) for each in digits[-2::-2])
        right = len(digits) in _CARD_LENGTHS and (doubled + sum(digits[-1::-2])) % 10 == 0
        if right and "".join(map(str, digits)) not in _CARDS_OF_DOCUMENTS:
            yield found.span()


_FINDERS: Final[dict[str, Callable[[str], Iterator[tuple[int, int]]]]] = {
    "card": _cards,
    "email": _emails,
    "iban": _ibans,
    "phone": _phones,
}
ASKED_SHAPES: Final = frozenset(_FINDERS)
"""Shapes that answers are full of and that are no secrets; a suite may ask for them."""
