"""``use_cassette``: a block of code whose requests are recorded, or answered from what was recorded.

Knows no pytest: the plugin calls this like anybody else.
"""

from __future__ import annotations

import functools
import inspect
from contextlib import AbstractContextManager, aclosing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, Unpack, cast

from fakegpt_testkit import clock
from fakegpt_testkit.clients import insert
from fakegpt_testkit.errors import (
    BadSetting,
    CassetteMissing,
    FakeGptTestkitError,
    RecordingIncomplete,
    SecretStays,
    VerificationIncomplete,
)
from fakegpt_testkit.recorder.checks import (
    check_changed,
    check_forks,
    check_open,
    check_own,
    check_refused,
    check_unapplied,
    check_unmet,
    check_unplayed,
    renews,
)
from fakegpt_testkit.recorder.deck import CassetteDeck, to_save
from fakegpt_testkit.recorder.file import CassetteFile, read_source, shorten
from fakegpt_testkit.recorder.modes import RecordMode, rules_of
from fakegpt_testkit.recorder.noting import NoLog
from fakegpt_testkit.recorder.session import Session
from fakegpt_testkit.recorder.settings import Advice, Changes, Settings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Sequence
    from os import PathLike
    from types import TracebackType

    from fakegpt_testkit.cassette import Cassette
    from fakegpt_testkit.exchange import Interaction

_P = ParamSpec("_P")
_T = TypeVar("_T")
_DEFAULT = Settings()
_VERIFIED = "what the live service says is compared, not what a fault makes of it"


def load_cassette(path: str | PathLike[str]) -> Cassette:
    """The cassette in a file, as values.

    Raises ``CassetteMissing`` when there is no such file, ``CassetteError`` when it cannot be read as a cassette, and
    ``StorageError`` when it cannot be read at all.
    """
    loaded = CassetteFile(Path(path)).load()
    if loaded is None:
        raise CassetteMissing(str(path), "load_cassette", Advice().record("once"))
    return loaded


def use_cassette(
    path: str | PathLike[str] | Cassette | Sequence[Interaction],
    settings: Settings | None = None,
    *,
    advice: Advice | None = None,
    **changes: Unpack[Changes],
) -> Block:
    """Record the traffic of a block or a function, or play it from the cassette.

    ``path`` is a file, or interactions as ``script`` makes them: these are played in every record mode. ``settings``
    are all of ``Settings``, ``changes`` those that are to be other here; ``advice`` is what errors tell to type.

    It records where its mode says so, in continuous integration too: what ``CI`` forbids are marked tests and commands.

    It is entered with a plain ``with``, also around asynchronous code, or put above a function, also an asynchronous
    one or a generator, for as long as that runs. It can be nested; the innermost one counts. Raises ``BadSetting`` at
    once, and ``CassetteError`` for a damaged file when it is entered, before anything is asked.
    """
    if settings is not None and not isinstance(settings, Settings):
        raise BadSetting("settings", settings, "a Settings, or each as a keyword: use_cassette(path, pace='recorded')")
    wanted = (_DEFAULT if settings is None else settings).merged(changes)
    file, given = read_source(path)
    if wanted.faults and wanted.mode is RecordMode.VERIFY and given is None:
        raise BadSetting("faults", ", ".join(map(str, wanted.faults)), f"none with record_mode='verify': {_VERIFIED}")
    return Block(file, given, wanted, advice or Advice())


class Block:
    """What ``use_cassette`` gives: a context manager that can be entered again, and a decorator."""

    def __init__(self, path: Path, given: Cassette | None, settings: Settings, advice: Advice) -> None:
        self._wanted = path, given, settings, advice
        self._entered: list[_Use] = []

    def __enter__(self) -> Session:
        use = _Use(*self._wanted)
        use.inserted.__enter__()
        self._entered.append(use)
        return use.session

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, traceback: TracebackType | None
    ) -> None:
        use: _Use = self._entered.pop()
        use.inserted.__exit__(kind, failure, traceback)
        if use.is_copy:
            return  # the process that opened it saves it
        if failure is None:
            use.finish()
        else:
            use.fail(failure)

    def __call__(self, function: Callable[_P, _T]) -> Callable[_P, _T]:
        """The function with the cassette around it, as long as it runs: until it is awaited, or its generator ends.

        Raises ``BadSetting`` for what is no function: a class's methods would run without the cassette.
        """
        if isinstance(function, type) or not callable(function):
            raise BadSetting("what use_cassette decorates", function, "a function; of a class, decorate the methods")
        return cast("Callable[_P, _T]", functools.wraps(function)(self._wrapper(function)))

    def _wrapper(self, function: Callable[..., Any]) -> Callable[..., object]:
        def anew() -> Block:
            return Block(*self._wanted)

        async def coroutine(*args: object, **kwargs: object) -> object:
            with anew():
                return await function(*args, **kwargs)

        async def async_generator(*args: object, **kwargs: object) -> AsyncGenerator[object, object]:
            with anew():
                async with aclosing(function(*args, **kwargs)) as items:
                    step = items.asend(None)
                    while True:
                        try:
                            item = await step
                        except StopAsyncIteration:
                            return
                        try:
                            step = items.asend((yield item))
                        except Exception as thrown:
                            step = items.athrow(thrown)

        def generator(*args: object, **kwargs: object) -> Generator[object, object, object]:
            with anew():
                return (yield from function(*args, **kwargs))

        def call(*args: object, **kwargs: object) -> object:
            with anew():
                return _done(function(*args, **kwargs))

        if inspect.iscoroutinefunction(function):
            return coroutine
        if inspect.isasyncgenfunction(function):
            return async_generator
        return generator if inspect.isgeneratorfunction(function) else call


def _done(result: object) -> object:
    """What a function gave back; a coroutine would begin once its cassette is closed, and ask the live service."""
    if not inspect.iscoroutine(result):
        return result
    result.close()
    raise BadSetting("what a decorated function gives back", result, "no coroutine; decorate the async def itself")


class _Use:
    """One use of a cassette, from when it is opened to when it is saved, compared and checked."""

    session: Session
    inserted: AbstractContextManager[None]

    def __init__(self, path: Path, given: Cassette | None, settings: Settings, advice: Advice) -> None:
        self._file = CassetteFile(path)
        self._settings = settings
        old = given or self._file.load()
        if given is not None:
            advice = replace(advice, record=lambda _: "")  # there is nothing to record into
        mode = RecordMode.NONE if given is not None else settings.mode
        if old is not None and renews(settings, mode, self._file.shown, old.interactions, clock.now(), advice):
            mode = RecordMode.REWRITE
        verifies = rules_of(mode, missing=old is None).verifies
        open_log = NoLog if verifies else self._file.open_journal
        self._deck = CassetteDeck(self._file.shown, old, mode, settings, advice, open_log)
        self.session = Session(self._deck)
        self.inserted = insert(self._deck)

    @property
    def is_copy(self) -> bool:
        """Whether this is a forked copy of the process that opened the cassette to record into it."""
        forks = self._deck.recordings.forks
        return forks is not None and forks.copied

    def finish(self) -> None:
        """The block is over: save it or compare it, then look at what it left."""
        if self.session.verifies:
            self._verify()
            check_unmet(self.session)
            return
        try:
            self._save()
        except BaseException as failure:
            self._keep(failure)
            raise
        if self.session.lost:
            raise self._incomplete() from self.session.lost[0][1]
        check_unmet(self.session)  # after the save: where warnings are errors, none may cost the recording
        check_forks(self.session.path, self._deck.recordings.forks)
        check_open(self.session.path, self.session.left_open)
        check_own(self.session, self._deck.passing.taken)
        check_refused(self.session, self._settings.refused)
        check_unapplied(self.session, self._settings.unapplied)
        check_unplayed(self.session, self._settings.unplayed)

    def fail(self, failure: BaseException) -> None:
        """The block has failed, and its exception stays the first; what it recorded never replaces a recording."""
        if self.session.verifies:
            try:
                self._verify()
            except FakeGptTestkitError as found:
                failure.add_note(str(found))  # which may be why
            return
        if self.session.lost:
            failure.add_note(str(self._incomplete()))
        self._deck.recordings.drop_unconnected()
        mode = self.session.record_mode
        replaces = mode in {RecordMode.ALL, RecordMode.REWRITE} and self._file.path.exists()
        if replaces or not self._settings.record_on_exception:
            self._deck.recordings.note()  # a report of the failure must not show what came last
            self._deck.recordings.begin_log_anew()
            if self._file.close():
                failure.add_note(f"{self._file.shown} is unchanged: the block that recorded it raised")
            return
        try:
            if self._settings.record_on_exception == "aside":
                self._save_aside(failure)
            else:
                self._save()
        except FakeGptTestkitError as unsaved:
            failure.add_note(str(unsaved))
            self._keep(failure)

    def _keep(self, failure: BaseException) -> None:
        """What could not be saved is in a journal, all of it."""
        self._deck.recordings.note()
        self._file.keep_journals(failure)

    def _close_file(self) -> None:
        self._deck.recordings.end_log()
        self._file.close()

    def _save(self) -> None:
        self.session.close()
        if self.session.recorded:
            mine = self._redacted()
            replaces = self.session.record_mode is RecordMode.REWRITE
            self._file.save(self.session.loaded, mine, replaces=replaces)
            self._close_file()
            check_changed(self.session, mine)
        self._close_file()

    def _redacted(self) -> Cassette:
        """What is to be saved. What cannot be redacted is not kept in a journal either."""
        try:
            return to_save(self._deck)
        except SecretStays:
            self._close_file()
            raise

    def _save_aside(self, failure: BaseException) -> None:
        self.session.close()
        if self.session.recorded:
            self._file.save_aside(self._redacted())
            kept = shorten(self._file.aside)
            before = "unchanged" if self._file.path.exists() else "not written"
            failure.add_note(
                f"{self._file.shown} is {before}: what recorded it failed. What was recorded is kept in {kept}\n"
                f"  to record it again: {self._deck.command}\n"
                f"  to play it all the same: record_on_exception=True"
            )
        self._close_file()

    def _verify(self) -> None:
        self.session.close()
        if self.session.lost:
            raise self._incomplete() from self.session.lost[0][1]
        if self.session.drift is not None:
            from fakegpt_testkit.recorder.drift import check_drift

            check_drift(self.session.drift, self._settings.drift)

    def _incomplete(self) -> RecordingIncomplete:
        kind = VerificationIncomplete if self.session.verifies else RecordingIncomplete
        lost = tuple((request, repr(reason)) for request, reason in self.session.lost)
        return kind(self.session.path, lost)
