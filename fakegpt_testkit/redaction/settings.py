"""What a suite says of its secrets: names, patterns, functions, values, and what it keeps.

Knows no message: its redactor does the work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.redaction.names import names
from fakegpt_testkit.redaction.patterns import PATTERN_NAMES
from fakegpt_testkit.redaction.people import ASKED_SHAPES
from fakegpt_testkit.redaction.vault import findable

Finder = Callable[[str], Iterable[str]]
"""A suite's own function: takes a text, gives back the secrets that are in it, as they stand there."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """What a suite adds to the built-in rules, and what it keeps readable.

    ``names``: more names of headers, cookies, query and form fields and JSON keys, in any spelling. ``patterns``: more
    regular expressions; the secret is group 1, or all of the match. ``functions``: see ``Finder``. ``keep``: single
    built-in names or patterns that are no secret here. There is no switch for all of them. ``values``: secrets that are
    known, or functions that give one, or None; they are replaced wherever they stand, in any encoding. ``variables``:
    variables of the environment that hold a secret, beside those whose name and value say so. ``shapes``: what is no
    secret by itself and is to be redacted too: ``email``, every address; ``phone``, telephone numbers; ``iban``, bank
    accounts; ``card``, payment cards.

    Raises ``BadSetting`` for a setting that would do nothing, and for a pattern that cannot be compiled.
    """

    names: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    functions: tuple[Finder, ...] = ()
    keep: tuple[str, ...] = ()
    values: tuple[str | Callable[[], str | None], ...] = field(default=(), repr=False)
    variables: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names(self.names, self.keep, PATTERN_NAMES)
        for pattern in self.patterns:
            compiled(pattern)
        for shape in self.shapes:
            if shape not in ASKED_SHAPES:
                raise BadSetting("a shape to redact", shape, f"one of {', '.join(sorted(ASKED_SHAPES))}")
        for value in self.values:
            if isinstance(value, str) and not findable(value):
                wanted = "one of eight characters or more that is no word and no number: texts would be full of it"
                raise BadSetting("a value to redact", "…", wanted)


def compiled(pattern: str) -> re.Pattern[str]:
    """A suite's pattern; raises ``BadSetting`` for what is no pattern."""
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise BadSetting("a pattern to redact", pattern, f"a regular expression ({error})") from error
    if expression.fullmatch(""):
        raise BadSetting("a pattern to redact", pattern, "one that matches no empty text")
    return expression
