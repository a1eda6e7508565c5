"""What a caller wants of a cassette, as one value that is right once it exists.

Knows no file and no client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

from fakegpt_testkit.matching import DEFAULT_MATCH_ON
from fakegpt_testkit.recorder.modes import RecordMode
from fakegpt_testkit.recorder.written import CHECKS, read_age, read_all, refuse

if TYPE_CHECKING:
    from datetime import timedelta
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
"""Whether what a failing block recorded is saved."""
AfterLeaving = Literal["stop", "read"]
"""What a recording does where the client leaves before the end of an answer."""
Stale = Literal["warn", "fail", "record"]
"""What happens when a recording is too old."""
Threshold = Literal["harmless", "added", "broken", "never"]
"""From which severity on a drift fails."""
Recut = int | str | Sequence[int] | None
"""How a recorded stream is cut into other chunks: a seed, "byte", "event", "line", sizes in bytes, or as recorded."""


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
        return read_age("max_age", self.max_age)


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
