"""Compares what the live service said with what a cassette holds, both without their secrets.

Knows no file and no client: what was exchanged comes in, a drift or its error goes out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fakegpt_testkit import drift
from fakegpt_testkit.errors import Drifted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakegpt_testkit.drift import Drift
    from fakegpt_testkit.exchange import Interaction
    from fakegpt_testkit.matching import Rules
    from fakegpt_testkit.redaction import Redactor


def find_drift(
    path: str, old: Sequence[Interaction], new: Sequence[Interaction], rules: Rules, redactor: Redactor, command: str
) -> Drift:
    """What is new of it, without the secrets that ``redactor`` has met; the old ones' have words of their own."""
    stored = redactor.anew()
    found = drift.drift_of(path, _redacted(old, stored), _redacted(new, redactor), rules)
    told = (replace(each, text=redactor.text(each.text)) for each in found.differences)  # a name may be a secret too
    return replace(found, differences=tuple(told), command=command)


def _redacted(interactions: Sequence[Interaction], redactor: Redactor) -> list[Interaction]:
    return list(redactor.interactions(interactions))


def check_drift(found: Drift, threshold: str) -> None:
    """Raise ``Drifted`` for what is at least as severe as the threshold."""
    if not found.fails(threshold):
        return
    severe = sorted(found.differences, key=lambda each: -each.severity)
    counting = [each for each in severe if replace(found, differences=(each,)).fails(threshold)]
    told = tuple((each.severity.word, each.number, each.where, each.text) for each in counting)
    raise Drifted(found.cassette, threshold, told, found.command)
