"""A server for one test: its URL, what was asked there, what was not recorded.

Knows no pytest. It can be looked at from any thread, while it serves and afterwards.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.dialects import is_stream
from fakegpt_testkit.errors import RecordingIncomplete, VerificationIncomplete
from fakegpt_testkit.recorder.drift import check_drift
from fakegpt_testkit.recorder.modes import RecordMode, rules_of
from fakegpt_testkit.serving.library import Library, Shelf, load
from fakegpt_testkit.serving.recording import Recorder
from fakegpt_testkit.serving.running import serve
from fakegpt_testkit.serving.server import Server
from fakegpt_testkit.serving.threads import loop_in_a_thread
from fakegpt_testkit.serving.timing import QUICK, read_timing
from fakegpt_testkit.serving.world import Terms
from fakegpt_testkit.timeline import Stream, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fakegpt_testkit.drift import Drift
    from fakegpt_testkit.errors import FakeGptTestkitError
    from fakegpt_testkit.exchange import Interaction, Request
    from fakegpt_testkit.recorder import Advice, Settings
    from fakegpt_testkit.serving.journal import Entry
    from fakegpt_testkit.serving.threads import Call
    from fakegpt_testkit.serving.world import World

T = TypeVar("T")
_OF_THE_HOST: Final = frozenset({"host", "port", "scheme"})
"""Matchers that cannot decide here: the host is the server's own."""


class Served:
    """Answers the requests of one test from a cassette."""

    def __init__(self, url: str, world: World, recorder: Recorder | None, call: Call) -> None:
        self.url = url
        """Where it listens, without a slash at the end."""
        self._world = world
        self._recorder = recorder
        self._call: Call | None = call

    @property
    def requests(self) -> tuple[Request, ...]:
        """What was asked, in that order, as it was sent: at most the last thousand."""
        return self._look(lambda: tuple(each.request for each in self._world.journal.entries))

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams that were played, as the effects left them, and how much of each was sent; and those recorded."""
        return self._look(lambda: tuple(self._stream(each) for each in self._world.journal.entries if _is_stream(each)))

    @property
    def unmatched(self) -> tuple[FakeGptTestkitError, ...]:
        """Why requests had no answer, in the order they were asked."""
        return self._look(lambda: tuple(each.problem for each in self._world.journal.unmatched if each.problem))

    def environment(self, **below: str) -> dict[str, str]:
        """For a subprocess: our environment with addresses here, ``environment(OPENAI_BASE_URL="/v1")``."""
        return {**os.environ, **{name: f"{self.url}{path}" for name, path in below.items()}}

    # --- what checks and reports ask of a session ---

    @property
    def path(self) -> str:
        """The cassette."""
        return self._world.shelf.name

    @property
    def redacted(self) -> dict[str, int]:
        """How many words stand where secrets were, by name, in what was played."""
        from fakegpt_testkit.recorder.redacted import redacted_words

        return redacted_words(self.exchanged)

    @property
    def redacted_places(self) -> tuple[str, ...]:
        """Where redaction changed the text of an answer that was served."""
        from fakegpt_testkit.recorder.changes import redacted_places

        return tuple(redacted_places(self.exchanged))

    def eraser(self) -> Callable[[str], str]:
        """What takes out of a text the secrets that were asked with."""
        found: Callable[[str], str] = self._look(self._world.eraser)
        return found

    @property
    def loaded(self) -> Cassette:
        """What is served."""
        return Cassette(self._world.shelf.interactions, self.path)

    @property
    def plays(self) -> bool:
        """Whether all that it answers comes from the cassette."""
        return self._recorder is None

    @property
    def record_mode(self) -> RecordMode:
        """In which it records, if it does."""
        return RecordMode.NONE if self._recorder is None else self._recorder.mode

    @property
    def drift(self) -> Drift | None:
        """What the live service said otherwise than the cassette, so far; None where nothing is verified."""
        recorder = self._recorder
        return self._look(lambda: recorder.drift) if recorder is not None else None

    @property
    def recorded(self) -> tuple[Interaction, ...]:
        """What was asked of the live service and recorded; nothing where the cassette is verified."""
        if self._recorder is None or not self._recorder.recorded:
            return ()
        return self._look(
            lambda: tuple(each.played for each in self._world.journal.entries if each.live and each.played)
        )

    @property
    def refused(self) -> tuple[FakeGptTestkitError, ...]:
        """The same as ``unmatched``."""
        return self.unmatched

    @property
    def passed(self) -> int:
        """None: a server is asked only for what it is to answer."""
        return 0

    @property
    def exchanged(self) -> tuple[Interaction, ...]:
        """What was played."""
        return self._look(lambda: tuple(each.played for each in self._world.journal.entries if each.played))

    @property
    def unplayed_numbers(self) -> tuple[int, ...]:
        """The numbers of the interactions that were never asked for, from 1."""
        return self._look(lambda: self._world.unplayed_numbers)

    @property
    def unapplied(self) -> tuple[tuple[str, str], ...]:
        """The faults that changed no answer so far, each with the reason."""
        return self._look(lambda: self._world.unapplied)

    def describe(self, width: int = 200) -> str:
        """The streams' texts, last events and endings for the report of a failed test, redacted, in lines so long."""
        shown = (replace(each, interaction=self._world.shown_interaction(each.interaction)) for each in self.streams)
        return "\n".join(describe(replace(each, reading=None), width) for each in shown)

    def _stream(self, entry: Entry) -> Stream:
        assert entry.played is not None
        return Stream(entry.played, None if entry.live else entry.progress)

    def failed(self) -> None:
        """What asked has failed: what was recorded is kept as ``record_on_exception`` says."""
        if self._recorder is not None:
            self._recorder.failed = True

    def closed(self) -> None:
        """The server has ended: nothing changes any more."""
        self._call = None

    def _look(self, see: Callable[[], T]) -> T:
        """Where the loop runs, so that nothing changes meanwhile."""

        async def now() -> T:
            return see()

        return see() if self._call is None else self._call(now())


@contextmanager
def serve_cassette(
    source: Path | Sequence[Interaction],
    settings: Settings,
    command: str,
    upstream: str = "",
    advice: Advice | None = None,
) -> Iterator[Served]:
    """Serve a cassette, or interactions in its place, on a free port until the block ends.

    In a mode that records, what the cassette has not is asked of ``upstream``, in one that verifies everything. The
    pace of 5 ms between arrivals stands in the place of lockstep. ``command`` and ``advice`` are what errors tell to
    type. Raises ``RecordingIncomplete``, ``VerificationIncomplete`` or ``Drifted`` at the end of a block that has not
    raised.
    """
    matchers = tuple(each for each in settings.match_on if each not in _OF_THE_HOST)
    settings = replace(settings, match_on=matchers)
    recorder = None
    if isinstance(source, Path) and rules_of(settings.mode, missing=not source.exists()).records:
        recorder = Recorder(source, upstream, settings, advice=advice, at_end=True)
        recorder.say = _say
        cassette = Cassette((), recorder.path)
    elif isinstance(source, Path):
        cassette = load(source, command=command)
    else:
        cassette = Cassette(tuple(source), "the script")
    library = Library(lambda: (), shelf=Shelf((cassette,)))
    timing = QUICK if settings.pace == "lockstep" else read_timing(settings.pace)
    server = Server(library, Terms(settings, timing, command=command), recorder=recorder)
    with loop_in_a_thread("fakegpt-server") as call:
        context = serve(server)
        served = Served(call(context.__aenter__()), server.world, recorder, call)
        try:
            yield served
        finally:
            call(context.__aexit__(None, None, None))
            served.closed()
    if recorder is not None:
        _check(recorder, settings.drift)


def _say(line: str) -> None:
    """Where pytest shows it with the test that failed."""
    sys.stderr.write(f"{line}\n")


def _check(recorder: Recorder, threshold: str) -> None:
    """Raise what a recording in this process would, at its end."""
    if recorder.unsaved is not None:
        raise recorder.unsaved
    if recorder.lost:
        kind = RecordingIncomplete if recorder.recorded else VerificationIncomplete
        raise kind(recorder.path, tuple((request, repr(reason)) for request, reason in recorder.lost))
    if recorder.drift is not None:
        check_drift(recorder.drift, threshold)


def _is_stream(entry: Entry) -> bool:
    return entry.played is not None and is_stream(entry.played.response)
