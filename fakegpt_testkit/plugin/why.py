"""What ``fakegpt-testkit why`` tells of a test: its settings, where each was written, and what the last run did.

Kept in pytest's own cache. Knows no cassette. Figures come without secrets; a setting that may hold one is only named.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fakegpt_testkit.wording import VALUE_SHOWN, in_a_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pytest

    from fakegpt_testkit.plugin.options import WrittenAt

PROPERTY: Final = "fakegpt_why"
"""How it travels with a test's report, to xdist's controller too; it is taken off there."""
KEPT: Final = "fakegpt/tests"
"""Its name in pytest's cache."""
_MOST: Final = 5000

Source = tuple[str, str, str]
"""A setting's name, its value in words, and where that was written."""


def sources(layers: Sequence[WrittenAt], written: Mapping[str, object]) -> tuple[Source, ...]:
    """Where each setting comes from that is ``written`` in the end."""
    found = []
    for name, value in written.items():
        where = [place for place, values in layers if name in values and values[name] is value]
        found.append((name, _shown(value), where[-1] if where else "a hook or the plugin"))
    return tuple(found)


def _shown(value: object) -> str:
    """In words; of what may hold a secret, only what it is."""
    plain = isinstance(value, (str, int, float, bool, list, tuple, dict, set, type(None)))
    return in_a_line(value, VALUE_SHOWN) if plain else f"a {type(value).__name__}"


def note(item: pytest.Item, settings: Sequence[Source]) -> None:
    """Keep what is told of a test where its report takes it along, beside its figures."""
    item.user_properties.append((PROPERTY, json.dumps(settings)))


def take(report: pytest.TestReport) -> str | None:
    """The settings that came along with a report, as they came; nobody else is to see them."""
    said = [str(value) for name, value in report.user_properties if name == PROPERTY]
    report.user_properties[:] = [each for each in report.user_properties if each[0] != PROPERTY]
    return said[-1] if said else None


def keep(config: pytest.Config, said: Mapping[str, tuple[str, str]]) -> None:
    """Put the tests' figures and settings beside what earlier runs did; where pytest has no cache, nothing is kept."""
    cache = getattr(config, "cache", None)
    if cache is None or not said:
        return
    told: dict[str, dict[str, Any]] = {
        test: {**json.loads(figures), "settings": json.loads(settings)} for test, (figures, settings) in said.items()
    }
    before = cache.get(KEPT, {})
    kept = {test: what for test, what in (before if isinstance(before, dict) else {}).items() if test not in told}
    cache.set(KEPT, dict([*kept.items(), *told.items()][-_MOST:]))
