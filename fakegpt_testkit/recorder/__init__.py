"""``use_cassette``: record what an aiohttp client does, or play it what was recorded.

Knows no pytest: the plugin calls this like anybody else.
"""

from __future__ import annotations

import inspect
import math
import warnings
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from fakegpt_testkit import cassette as cassettes
from fakegpt_testkit import storage
from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.clients.aiohttp import Pace, insert
from fakegpt_testkit.drift import check_threshold
from fakegpt_testkit.errors import (
    BadSetting,
    CassetteMissing,
    FakeGptTestkitError,
    RecordingIncomplete,
    StorageError,
    VerificationIncomplete,
)
from fakegpt_testkit.matching import DEFAULT_MATCH_ON, FAKEGPT_VOLATILE, Matcher, Rules
from fakegpt_testkit.recorder.checks import Age, check_unapplied, check_unplayed, read_age
from fakegpt_testkit.recorder.drift import check_drift, refuse_faults
from fakegpt_testkit.recorder.injection import Changes
from fakegpt_testkit.recorder.origins import Origins, origin_of
from fakegpt_testkit.recorder.recording import NoLog
from fakegpt_testkit.recorder.session import RecordMode, Session
from fakegpt_testkit.redaction import Redaction, Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fakegpt_testkit.effects import Effect
    from fakegpt_testkit.exchange import Interaction
    from fakegpt_testkit.recorder.recording import Log

__all__ = [
    "Origins",
    "RecordMode",
    "Session",
    "check_options",
    "check_unapplied",
    "check_unplayed",
    "load_cassette",
    "read_mode",
    "use_cassette",
]


def check_options(options: Iterable[str], also: Iterable[str] = ()) -> None:
    """Raise for a name that neither ``use_cassette`` nor the caller takes, who passes on what others wrote."""
    known = _options() | {*also}
    for unknown in sorted(set(options) - known):
        raise BadSetting("an option of fakegpt", unknown, f"one of {', '.join(sorted(known))}")


@cache
def _options() -> frozenset[str]:
    return frozenset(inspect.signature(use_cassette).parameters) - {"path"}


def read_mode(mode: str) -> RecordMode:
    """The record mode of this name."""
    if mode in list(RecordMode):
        return RecordMode(mode)
    raise BadSetting("record_mode", mode, f"one of {', '.join(RecordMode)}")


def read_pace(pace: Pace | str) -> Pace:
    """The pace, also from the text of a factor."""
    if pace == "lockstep":
        return "lockstep"
    if pace == "recorded":
        return "recorded"
    with suppress(ValueError):
        factor = float(pace)
        if 0 <= factor < math.inf:
            return factor
    raise BadSetting("pace", pace, "'lockstep', 'recorded', or a factor of the recorded times such as 0.5")


def load_cassette(path: str | PathLike[str]) -> Cassette:
    """The cassette in a file, as values.

    Raises ``CassetteMissing`` when there is no such file, ``CassetteError`` when it cannot be read as a cassette, and
    ``StorageError`` when it cannot be read at all.
    """
    loaded = _load(Path(path))
    if loaded is None:
        raise CassetteMissing(str(path), "load_cassette", "use_cassette(…, record_mode='once')")
    return loaded


def _load(path: Path) -> Cassette | None:
    data = storage.read(path)
    return None if data is None else cassettes.loads(data, str(path))


@contextmanager
def use_cassette(
    path: str | PathLike[str] | Cassette | Sequence[Interaction],
    *,
    record_mode: RecordMode | str = RecordMode.NONE,
    pace: Pace | str = "lockstep",
    match_on: Sequence[str | Matcher] = DEFAULT_MATCH_ON,
    ignore: Sequence[str] = (),
    allow_playback_repeats: bool = False,
    faults: Sequence[Effect] = (),
    recut: int | str | Sequence[int] | None = None,
    origins: Origins | None = None,
    redaction: Redaction | None = None,
    record_on_exception: bool = True,
    max_age: timedelta | str | float | None = None,
    stale: str = "warn",
    unplayed: str = "ignore",
    drift: str = "broken",
    unapplied: str = "fail",
    command: str = "",
    elsewhere: str = "",
) -> Iterator[Session]:
    """Record the aiohttp traffic of the block, or play it from the cassette.

    ``path`` is a file, or interactions as ``effects.script`` makes them: these are played in every record mode.

    ``record_mode`` is one of ``RecordMode``. ``pace`` is ``"lockstep"`` (each chunk when the client reads, no waiting),
    ``"recorded"``, or a factor of the recorded times. ``match_on`` and ``ignore`` decide which recorded request answers
    (docs/matching.md); equal requests are answered in the order they were recorded, and again from the last one only
    with ``allow_playback_repeats``. ``faults`` change what is played (docs/effects.md), after ``recut`` has cut it into
    other chunks; an answer that a fault spoilt is there for the next equal request. ``origins`` says which address
    stands for which: ``{"http://localhost:8080": "https://chat.example"}`` stores the first as the second.
    ``redaction`` adds to what is never stored. With ``record_on_exception=False`` a block that raises leaves the file
    as it was. A recording older than ``max_age`` (``"30d"``, a timedelta) is ``stale``: ``"warn"``, ``"fail"``, or
    ``"record"``, which makes it anew where the mode may record, and else warns. ``unplayed`` says what becomes of
    interactions that a block did not ask for: ``"ignore"``, ``"warn"`` or ``"fail"``; ``unapplied`` says it of faults
    that changed no answer. ``command`` and ``elsewhere`` are quoted by errors as the way to record, and to record from
    another URL.

    With ``record_mode="verify"`` nothing is written: what the live service says is compared with the cassette, which
    the session's ``drift`` tells, and a block whose drift is at least what ``drift`` says (``"harmless"``, ``"added"``,
    ``"broken"`` or ``"never"``) raises ``Drifted`` at its end (docs/verify.md).

    It is entered with a plain ``with``, also around asynchronous code, and can be nested; the innermost one counts.
    Raises ``CassetteError`` for a damaged file, before anything is asked.
    """
    file, given = _place(path)
    again = RecordMode.ALL if record_mode == RecordMode.VERIFY else RecordMode.NEW_EPISODES
    command = command or f"use_cassette(…, record_mode={again.value!r})"
    journals: list[storage.Journal] = []

    def open_journal() -> Log:
        if session.verifies:
            return NoLog()
        try:
            journals.append(storage.Journal(file))
        except StorageError as failure:
            warnings.warn(f"{failure}; the recording goes on without", RuntimeWarning, stacklevel=2)
            return NoLog()
        return journals[-1]

    mode = read_mode(record_mode) if given is None else RecordMode.NONE
    old = _load(file) if given is None else given
    check_threshold("drift", drift)
    if mode is RecordMode.VERIFY:
        refuse_faults(faults)
    if max_age is not None and old is not None and mode not in _ALL_LIVE:
        age = Age(read_age(max_age), stale, records=mode is not RecordMode.NONE)
        if age.renews(shorten(file), old.interactions, datetime.now(UTC), command):
            mode = RecordMode.REWRITE
    session = Session(
        shorten(file),
        old,
        record_mode=mode,
        pace=read_pace(pace),
        rules=Rules(tuple(match_on), (*FAKEGPT_VOLATILE, *ignore)),
        allow_playback_repeats=allow_playback_repeats,
        changes=Changes(faults, recut),
        origins={origin_of(asked): origin_of(stored) for asked, stored in (origins or {}).items()},
        redactor=Redactor(redaction or Redaction()),
        command=command,
        elsewhere=elsewhere or "use_cassette(…, origins={<that URL>: <this one>}), with the client at that URL",
        open_log=open_journal,
    )
    try:
        with insert(session):
            yield session
    except BaseException as failure:
        if session.verifies:
            _verify_failed(session, drift, failure)
        else:
            _save_failed(session, file, failure, journals, keep=record_on_exception)
        raise
    if session.verifies:
        _verify(session, drift)
        return
    try:
        _save(session, file, journals)
    except BaseException as failure:
        _leave(journals, failure)
        raise
    if session.lost:
        raise _incomplete(session) from session.lost[0][1]
    check_unapplied(session, unapplied)
    check_unplayed(session, unplayed)


_ALL_LIVE = frozenset({RecordMode.ALL, RecordMode.REWRITE, RecordMode.VERIFY})
"""Here the age of what was recorded does not matter: it is asked again."""


def _verify(session: Session, threshold: str) -> None:
    session.stop()
    if session.lost:
        raise _incomplete(session) from session.lost[0][1]
    if session.drift is not None:
        check_drift(session.drift, threshold)


def _verify_failed(session: Session, threshold: str, failure: BaseException) -> None:
    """The block's own exception stays the first; what drifted may be why."""
    try:
        _verify(session, threshold)
    except FakeGptTestkitError as found:
        failure.add_note(str(found))


def _place(source: str | PathLike[str] | Cassette | Sequence[Interaction]) -> tuple[Path, Cassette | None]:
    """The file, and None; or a name for people, and what was given as values."""
    if isinstance(source, (str, PathLike)):
        return Path(source), None
    cassette = source if isinstance(source, Cassette) else Cassette(tuple(source))
    return Path(cassette.path or "a script"), cassette


def _incomplete(session: Session) -> RecordingIncomplete:
    kind = VerificationIncomplete if session.verifies else RecordingIncomplete
    return kind(session.path, tuple((request, repr(reason)) for request, reason in session.lost))


def shorten(path: Path) -> str:
    """The path as a person would write it: seen from the current folder where that is shorter."""
    with suppress(ValueError):
        return str(path.absolute().relative_to(Path.cwd()))
    return str(path)


def _save(session: Session, file: Path, journals: list[storage.Journal]) -> None:
    session.stop()
    if session.recorded:
        with storage.lock(file):
            current = _load(file)
            mine = session.cassette()
            if current is not None and session.record_mode is not RecordMode.REWRITE:
                mine = cassettes.merge(session.loaded, current, mine)
            storage.write(file, cassettes.dumps(mine))
    for journal in journals:
        journal.remove()


def _save_failed(
    session: Session, file: Path, failure: BaseException, journals: list[storage.Journal], *, keep: bool
) -> None:
    """Keep what a failed block recorded, but never in an older recording's place; its exception stays the first."""
    if session.lost:
        failure.add_note(str(_incomplete(session)))
    replaces = session.record_mode in {RecordMode.ALL, RecordMode.REWRITE} and file.exists()
    if replaces or not keep:
        for journal in journals:
            journal.remove()
        if journals:
            failure.add_note(f"{shorten(file)} is unchanged: the block that recorded it raised")
        return
    try:
        _save(session, file, journals)
    except FakeGptTestkitError as unsaved:
        failure.add_note(str(unsaved))
        _leave(journals, failure)


def _leave(journals: list[storage.Journal], failure: BaseException) -> None:
    """Keep the journals of what could not be saved."""
    for journal in journals:
        journal.close()
        failure.add_note(f"what was recorded is kept in {journal.path}; to get it back: fakegpt-testkit recover")
