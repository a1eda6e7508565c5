"""Settings as somebody wrote them, read for what is meant, or refused in a line each.

Knows none of their homes but by name. What is heavy is imported by the check that needs it: most settings are as they
were made.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.matching import DEFAULT_MATCH_ON
from fakegpt_testkit.recorder.modes import RecordMode
from fakegpt_testkit.wording import choice, in_a_line

if TYPE_CHECKING:
    from fakegpt_testkit.effects import Effect
    from fakegpt_testkit.matching import Matcher
    from fakegpt_testkit.redaction import Redaction

Check = Callable[[str, Any], object]
"""Takes a setting's name and what was written, gives what is meant, or raises ``BadSetting``."""

_PACES: Final = ("lockstep", "recorded")
_HOURS: Final = {"h": 1, "d": 24, "w": 168}


def _one_of(*choices: str) -> Callable[[str, object], str]:
    def check(name: str, value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise BadSetting(name, value, f"one of {', '.join(choices)}")
        return str(value)

    return check


def _mode(name: str, value: object) -> RecordMode:
    return RecordMode(_one_of(*RecordMode)(name, value))


def _pace(name: str, value: object) -> str | float:
    if isinstance(value, str) and value in _PACES:
        return value
    with suppress(ValueError, TypeError, OverflowError):
        factor = float(cast("Any", value))
        if 0 <= factor < math.inf and not isinstance(value, bool):
            return factor
    raise BadSetting(name, value, "'lockstep', 'recorded', or a factor of the recorded times such as 0.5")


def read_age(name: str, value: object) -> timedelta | None:
    """A time from its text, such as ``30d``, ``12h`` or ``8w``, or from a number of days."""
    if value is None or (isinstance(value, timedelta) and value >= timedelta(0)):
        return value
    with suppress(OverflowError, ValueError):
        words = re.fullmatch(
            r"(\d+(?:\.\d+)?)([hdw]?)", f"{value}".strip() if isinstance(value, (str, int, float)) else ""
        )
        if words is not None:
            return timedelta(hours=_HOURS[words[2] or "d"] * float(words[1]))
    raise BadSetting(name, value, "a time such as 12h, 30d or 8w")


def read_flag(name: str, value: object) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise BadSetting(name, value, "True or False")
    return value


def _several(name: str, value: object, wanted: str) -> tuple[object, ...]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, (Sequence, set, frozenset)):
        raise BadSetting(name, value, wanted)
    return tuple(value)


def _match_on(name: str, value: object) -> tuple[str | Matcher, ...]:
    from fakegpt_testkit.matching import Rules

    matchers = _several(name, value, f"a list of matchers, such as {[*DEFAULT_MATCH_ON]}")
    for each in matchers:
        if not isinstance(each, str) and not callable(each):
            raise BadSetting(name, each, "the name of a matcher, or a function of two requests")
    return Rules(match_on=cast("tuple[str | Matcher, ...]", matchers)).match_on


def _ignore(name: str, value: object) -> tuple[str, ...]:
    from fakegpt_testkit.matching import Rules

    paths = _several(name, value, "a list of fields, such as ['query.t', 'body.messages[*].id']")
    for each in paths:
        if not isinstance(each, str):
            raise BadSetting(name, each, "the path of a field, such as 'query.t'")
    return Rules(ignored=cast("tuple[str, ...]", paths)).ignored


def _faults(name: str, value: object) -> tuple[Effect, ...]:
    from fakegpt_testkit.effects import Effect

    wanted = "a list of effects, such as [faults.reset(after_event=2)]"
    effects = _several(name, value, wanted)
    for each in effects:
        if not isinstance(each, Effect):
            raise BadSetting(name, each, wanted)
    return cast("tuple[Effect, ...]", effects)


def _cuts(name: str, value: object) -> object:
    from fakegpt_testkit.effects import recut
    from fakegpt_testkit.errors import EffectMisplaced

    if value is None:
        return None
    try:
        recut(cast("Any", value))
    except (EffectMisplaced, ValueError):
        wanted = "a seed, 'byte', 'event', 'line', or sizes such as [3, 5] (on the command line 3,5)"
        raise BadSetting(name, value, wanted) from None
    return value


def _origins(name: str, value: object) -> Mapping[str, str]:
    from fakegpt_testkit.recorder.origins import origin_of

    if not isinstance(value, Mapping):
        raise BadSetting(name, value, "which URL stands for which, {'http://localhost:8080': 'https://chat.example'}")
    return {
        origin_of(read_url(name, asked)): origin_of(read_url(name, stored))
        for asked, stored in cast("Mapping[object, object]", value).items()
    }


def read_url(name: str, value: object) -> str:
    """The URL of a service."""
    if isinstance(value, str) and _is_url(value):
        return value
    raise BadSetting(name, value, "a URL such as http://localhost:8080")


@lru_cache(maxsize=256)
def _is_url(text: str) -> bool:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _on_exception(name: str, value: object) -> bool | str:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value == "aside":
        return value
    raise BadSetting(name, value, "True, False or 'aside'")


def _passthrough(name: str, value: object) -> tuple[str, ...]:
    from fakegpt_testkit.recorder.passing import split_host

    wanted = "a list of hosts, such as ['own', 'localhost:6333', '*.internal']"
    hosts = tuple(value.replace(",", " ").split()) if isinstance(value, str) else _several(name, value, wanted)
    for each in hosts:
        try:
            split_host(cast("str", each))
        except (ValueError, TypeError, AttributeError):
            raise BadSetting(name, each, wanted) from None
    return cast("tuple[str, ...]", hosts)


def _dialect(name: str, value: object) -> str:
    from fakegpt_testkit import dialects

    names = [each.name for each in dialects.known()]
    if not isinstance(value, str) or (value and value not in names):
        raise BadSetting(name, value, f"{choice(in_a_line(value), names)}, or one that was added")
    return value


def _redaction(name: str, value: object) -> Redaction | None:
    from fakegpt_testkit.redaction import Redaction

    if value is not None and not isinstance(value, Redaction):
        raise BadSetting(name, value, "a Redaction, such as Redaction(names=('x-internal-key',))")
    return value


CHECKS: Final[Mapping[str, Check]] = {
    "match_on": _match_on,
    "ignore": _ignore,
    "echo": _ignore,
    "allow_playback_repeats": read_flag,
    "dialect": _dialect,
    "pace": _pace,
    "faults": _faults,
    "recut": _cuts,
    "record_mode": _mode,
    "origins": _origins,
    "redaction": _redaction,
    "passthrough": _passthrough,
    "record_on_exception": _on_exception,
    "after_leaving": _one_of("stop", "read"),
    "max_age": read_age,
    "stale": _one_of("warn", "fail", "record"),
    "refused": _one_of("ignore", "warn", "fail"),
    "unplayed": _one_of("ignore", "warn", "fail"),
    "unapplied": _one_of("ignore", "warn", "fail"),
    "drift": _one_of("harmless", "added", "broken", "never"),
}
"""The name of each setting, and how it is read."""


def read_all(values: Mapping[str, object], checks: Mapping[str, Check]) -> tuple[dict[str, Any], list[BadSetting]]:
    """The values that are meant, and an error for each that means nothing; a name without a check is one of these."""
    read, wrong = {}, []
    for name, value in values.items():
        if name not in checks:
            wrong.append(BadSetting("a setting", name, choice(str(name), sorted(checks))))
            continue
        try:
            read[name] = checks[name](name, value)
        except BadSetting as problem:
            wrong.append(problem)
    return read, wrong


def refuse(wrong: Sequence[BadSetting]) -> None:
    """Raise one error for all that is wrong, if anything is."""
    if wrong:
        first, *more = wrong
        raise BadSetting(first.name, first.value, first.wanted, tuple(more))
