"""What a caller wants of a cassette, as one value that is right once it exists.

Knows no file and no client. What is heavy is imported by the check that needs it: most settings are as they were made.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict, Unpack, cast

from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.matching import DEFAULT_MATCH_ON
from fakegpt_testkit.recorder.modes import RecordMode
from fakegpt_testkit.wording import choice

if TYPE_CHECKING:
    from typing import Self

    from fakegpt_testkit.effects import Effect
    from fakegpt_testkit.matching import Matcher
    from fakegpt_testkit.redaction import Redaction
    from fakegpt_testkit.wire.deck import Pace

Mode = RecordMode | Literal["none", "once", "new_episodes", "all", "rewrite", "verify"]
"""A record mode, or its name."""
Consequence = Literal["ignore", "warn", "fail"]
"""What happens when something is left at the end of a block."""
OnException = bool | Literal["aside"]
"""What becomes of what a failing block recorded."""
AfterLeaving = Literal["stop", "read"]
"""What a recording does where the client leaves before the end of an answer."""
Stale = Literal["warn", "fail", "record"]
"""What happens when a recording is too old."""
Threshold = Literal["harmless", "added", "broken", "never"]
"""From which severity on a drift fails."""
Recut = int | str | Sequence[int] | None
"""How a recorded stream is cut into other chunks: a seed, "byte", "event", "line", sizes in bytes, or as recorded."""
Check = Callable[[str, Any], object]
"""Takes a setting's name and what was written, gives what is meant, or raises ``BadSetting``."""

_PACES: Final = ("lockstep", "recorded")
_HOURS: Final = {"h": 1, "d": 24, "w": 168}


# --- checks: a value as it was written comes in, the value that is meant goes out ---


def _one_of(*choices: str) -> Callable[[str, object], str]:
    def check(name: str, value: object) -> str:
        if value not in choices:
            raise BadSetting(name, value, f"one of {', '.join(choices)}")
        return str(value)

    return check


def _mode(name: str, value: object) -> RecordMode:
    return RecordMode(_one_of(*RecordMode)(name, value))


def _pace(name: str, value: object) -> Pace:
    if value in _PACES:
        return cast("Pace", value)
    with suppress(ValueError, TypeError):
        factor = float(cast("Any", value))
        if 0 <= factor < math.inf and not isinstance(value, bool):
            return factor
    raise BadSetting(name, value, "'lockstep', 'recorded', or a factor of the recorded times such as 0.5")


def _age(name: str, value: object) -> timedelta | None:
    """A time from its text, such as ``30d``, ``12h`` or ``8w``, or from a number of days."""
    if value is None or isinstance(value, timedelta):
        return value
    words = re.fullmatch(r"(\d+(?:\.\d+)?)([hdw]?)", str(value).strip())
    if words is not None:
        with suppress(OverflowError):
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


def _cuts(name: str, value: object) -> Recut:
    from fakegpt_testkit.effects import recut
    from fakegpt_testkit.errors import EffectMisplaced

    if value is None:
        return None
    try:
        recut(cast("Any", value))
    except (EffectMisplaced, TypeError):
        wanted = "a seed, 'byte', 'event', 'line', or sizes such as [3, 5] (on the command line 3,5)"
        raise BadSetting(name, value, wanted) from None
    return cast("Recut", value)


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
    from urllib.parse import urlsplit

    with suppress(ValueError, TypeError, AttributeError):
        parts = urlsplit(cast("str", value))
        if isinstance(value, str) and parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return value
    raise BadSetting(name, value, "a URL such as http://localhost:8080")


def _on_exception(name: str, value: object) -> OnException:
    if value == "aside":
        return "aside"
    if not isinstance(value, bool):
        raise BadSetting(name, value, "True, False or 'aside'")
    return value


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
    if value and value not in names:
        raise BadSetting(name, value, f"{choice(str(value), names)}, or one that was added")
    return str(value)


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
    "max_age": _age,
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
            wrong.append(BadSetting("a setting", name, choice(name, sorted(checks))))
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


# --- the settings ---


@dataclass(frozen=True, kw_only=True)
class _Checked:
    """Settings that check themselves, and name all that is wrong at once. Without slots, since they are mixed."""

    def __post_init__(self) -> None:
        written = {each.name: getattr(self, each.name) for each in fields(self)}
        changed = {each.name: written[each.name] for each in fields(self) if written[each.name] is not each.default}
        read, wrong = read_all(changed, CHECKS)
        refuse(wrong)
        for name, value in read.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, kw_only=True)
class Matching(_Checked):
    """What decides which recorded request answers (docs/matching.md).

    Equal requests are answered in the order they were recorded, and again from the last one only with
    ``allow_playback_repeats``. ``echo`` are fields that decide nothing and that the answer repeats: where the recorded
    answer holds the recorded value, the played one holds the asked one.
    """

    match_on: Sequence[str | Matcher] = DEFAULT_MATCH_ON
    ignore: Sequence[str] = ()
    echo: Sequence[str] = ()
    allow_playback_repeats: bool = False


@dataclass(frozen=True, kw_only=True)
class Playing(_Checked):
    """How recorded answers are played (docs/effects.md).

    ``pace`` is ``"lockstep"`` (each chunk when the client reads, no waiting), ``"recorded"``, or a factor of the
    recorded times. ``faults`` change what is played, after ``recut`` has cut it into other chunks; an answer that a
    fault spoilt is there for the next equal request. ``dialect`` names the one that streams are read in where their
    events do not show it, ``"openai-chat"``; without it each stream's own is found.
    """

    pace: Pace = "lockstep"
    dialect: str = ""
    faults: Sequence[Effect] = ()
    recut: Recut = None


@dataclass(frozen=True, kw_only=True)
class Recording(_Checked):
    """What is recorded, and how it is stored.

    ``origins`` says which address stands for which: ``{"http://localhost:8080": "https://chat.example"}`` stores the
    first as the second. ``passthrough`` are hosts that are asked and not recorded, as are the servers that this process
    opens meanwhile: ``["localhost:6333", "*.internal"]``, or ``"own"`` for all of this process. ``redaction`` adds to
    what is never stored. With ``record_on_exception=False`` a block that raises leaves the file as it was; with
    ``"aside"``, as in a marked test, it does so too, and what was recorded is kept beside it, as ``NAME.failed``.
    With ``after_leaving="read"`` the rest of a stream that the client left is recorded too, up to 60 seconds of it,
    for another test that reads more; the cassette tells when the client left.
    """

    record_mode: Mode = RecordMode.NONE
    origins: Mapping[str, str] | None = None
    passthrough: Sequence[str] = ()
    redaction: Redaction | None = None
    record_on_exception: OnException = True
    after_leaving: AfterLeaving = "stop"

    @property
    def mode(self) -> RecordMode:
        """The record mode, however it was written."""
        return RecordMode(self.record_mode)


@dataclass(frozen=True, kw_only=True)
class Checks(_Checked):
    """What is looked at when the block is over.

    A recording older than ``max_age`` (``"30d"``, a number of days, a timedelta) is ``stale``: ``"warn"``, ``"fail"``,
    or ``"record"``, which makes it anew where the mode may record, and else warns. ``unplayed`` says what happens when
    a block did not ask for some interactions, ``unapplied`` when a fault changed no answer, and ``refused`` when a
    request was neither recorded nor let out and the block went on all the same. With ``record_mode="verify"`` a drift
    at least as severe as ``drift`` fails.
    """

    max_age: timedelta | str | float | None = None
    stale: Stale = "warn"
    refused: Consequence = "ignore"
    unplayed: Consequence = "ignore"
    unapplied: Consequence = "fail"
    drift: Threshold = "broken"

    @property
    def oldest(self) -> timedelta | None:
        """How old a recording may be; None for any age."""
        return _age("max_age", self.max_age)


class Changes(TypedDict, total=False):
    """The same settings as keywords, each where it differs from what it was."""

    match_on: Sequence[str | Matcher]
    ignore: Sequence[str]
    echo: Sequence[str]
    allow_playback_repeats: bool
    pace: Pace
    dialect: str
    faults: Sequence[Effect]
    recut: Recut
    record_mode: Mode
    origins: Mapping[str, str] | None
    passthrough: Sequence[str]
    redaction: Redaction | None
    record_on_exception: OnException
    after_leaving: AfterLeaving
    max_age: timedelta | str | float | None
    stale: Stale
    refused: Consequence
    unplayed: Consequence
    unapplied: Consequence
    drift: Threshold


@dataclass(frozen=True, kw_only=True)
class Settings(Matching, Playing, Recording, Checks):
    """Everything that ``use_cassette`` can be told, and its marker. Frozen: ``changed`` makes another one.

    Raises ``BadSetting`` when it is made, with a line for each value that means nothing.
    """

    def changed(self, **changes: Unpack[Changes]) -> Self:
        """These settings with others in their place."""
        return self.merged(changes)

    def merged(self, changes: Mapping[str, object]) -> Self:
        """The same, of settings whose names and values were written where no type checker looks."""
        if not changes:
            return self
        read, wrong = read_all(changes, CHECKS)
        refuse(wrong)
        made = object.__new__(type(self))  # what is read already need not check itself again
        vars(made).update(vars(self), **read)
        return made


@dataclass(frozen=True, slots=True)
class Advice:
    """What errors tell a person to type: to record in a mode, and to record from ``elsewhere``."""

    record: Callable[[str], str] = "use_cassette(…, record_mode={!r})".format
    elsewhere: str = "use_cassette(…, origins={<that URL>: <this one>}), with the client at that URL"
