"""Counts the words that stand where secrets were, in what one use of a cassette played and kept.

Knows no secret and no redactor: interactions as they are kept go in.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fakegpt_testkit.exchange import PLACEHOLDER, placeholder_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fakegpt_testkit.exchange import Interaction

MARKS = (b"REDACTED-", b"UkVEQUNURUQt")
"""One of these is in every word."""
_PLAIN, _CODED = (mark.decode() for mark in MARKS)


def redacted_words(interactions: Iterable[Interaction]) -> dict[str, int]:
    """How often a word of each name stands there."""
    texts = (text for each in interactions for text in _texts(each))
    found = (word[0] for text in texts for word in PLACEHOLDER.finditer(text))
    return dict(sorted(Counter(placeholder_label(word)[0] for word in found).items()))


def _texts(interaction: Interaction) -> Iterator[str]:
    request, response = interaction.request, interaction.response
    for value in (request.uri, *(value for _, value in (*request.headers, *response.headers))):
        if _PLAIN in value or _CODED in value:  # looking for a whole word takes thirty times as long
            yield value
    for body in (request.body, response.body):
        if any(mark in body for mark in MARKS):
            yield body.decode("latin-1")
