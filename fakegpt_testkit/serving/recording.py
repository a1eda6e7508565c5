"""A server that records: what the cassette has is played, the rest is asked of the live service and kept, or compared.

Knows no socket: requests come in from connections, and go out by a relay.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fakegpt_testkit import clock
from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.clients.unconnected import why_unconnected
from fakegpt_testkit.errors import BadSetting, CassetteMissing, FakeGptTestkitError, SecretStays
from fakegpt_testkit.exchange import Request, Tape
from fakegpt_testkit.recorder.deck import CassetteDeck, replaced, to_save
from fakegpt_testkit.recorder.drift import find_drift
from fakegpt_testkit.recorder.file import CassetteFile, shorten
from fakegpt_testkit.recorder.modes import RecordMode, rules_of
from fakegpt_testkit.recorder.noting import NoLog
from fakegpt_testkit.recorder.origins import origin_of
from fakegpt_testkit.recorder.selection import not_connected
from fakegpt_testkit.recorder.settings import Advice, Settings
from fakegpt_testkit.recorder.written import read_url
from fakegpt_testkit.serving.forwarding import Relay, fields_for
from fakegpt_testkit.serving.plan import SendProgress
from fakegpt_testkit.serving.unreachable import unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from fakegpt_testkit.drift import Drift
    from fakegpt_testkit.exchange import Interaction
    from fakegpt_testkit.recorder.recording import RecordedExchange
    from fakegpt_testkit.serving.connection import Connection
    from fakegpt_testkit.serving.fitting import Here
    from fakegpt_testkit.serving.reading import ReadRequest

MOST_COMPARED: Final = 10_000
"""Answers that are kept to be compared at the end, where a cassette is verified."""
_MOST_FAILED: Final = 100
_SAVE_AFTER: Final = 0.1
"""Seconds from an exchange's end to the file: those that end together are written together."""
_PORTS: Final = {"http": 80, "https": 443}


class Recorder:
    """Records into one cassette, or verifies it. ``canonical`` is the URL that is stored in the place of ``upstream``.

    It saves after each exchange, or ``at_end``: then ``failed`` may say before that what asked was no success.

    Raises ``CassetteMissing`` in a mode that has nothing to do without one, ``BadSetting`` for faults on what is
    verified.
    """

    def __init__(
        self,
        path: Path,
        upstream: str,
        settings: Settings,
        canonical: str | None = None,
        advice: Advice | None = None,
        *,
        at_end: bool = False,
    ) -> None:
        self.upstream = read_url("upstream", upstream)
        self._origin = origin_of(upstream)
        self._host = urlsplit(self._origin).netloc
        self._file = CassetteFile(path)
        self._base = self._file.load()
        origins = {self._origin: origin_of(canonical)} if canonical else {}
        settings = settings.changed(origins=origins)
        advice = advice or Advice()
        self.allowed = rules_of(settings.mode, missing=self._base is None)
        if self._base is None and not self.allowed.records:
            raise CassetteMissing(self._file.shown, "the server", advice.record(RecordMode.ONCE.value))
        if self.allowed.verifies and settings.faults:
            raise BadSetting("faults", ", ".join(map(str, settings.faults)), "none where the live service is verified")
        open_log = NoLog if self.allowed.verifies else self._file.open_journal
        base = _asking_again(self._base, settings.mode)
        self._deck = CassetteDeck(self._file.shown, base, settings.mode, settings, advice, open_log)
        self._on_failure = settings.record_on_exception
        self._at_end = at_end
        self.failed = False
        """Whether what was recorded is that of a program that failed; see ``record_on_exception``."""
        self._has_saved = False
        self._failed: list[tuple[str, Exception]] = []
        self.unsaved: Exception | None = None
        """Why something that was to be saved was not."""
        self._running: set[int] = set()
        self._due: clock.Timer | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._tls = ssl.create_default_context() if upstream.startswith("https:") else None
        self.say: Callable[[str], None] = lambda _: None

    @property
    def path(self) -> str:
        """The cassette, as a person would write it."""
        return self._file.shown

    @property
    def mode(self) -> RecordMode:
        """In which it records."""
        return self._deck.mode

    @property
    def told(self) -> str:
        """What it does, for people."""
        if not self.allowed.records:
            return f"{self.path} is played"
        return f"{self.upstream} is {'verified' if self.allowed.verifies else 'recorded'}"

    @property
    def recorded(self) -> bool:
        """Whether the cassette is written."""
        return self.allowed.records and not self.allowed.verifies

    @property
    def lost(self) -> tuple[tuple[str, Exception], ...]:
        """The requests of which nothing was recorded, or that could not be compared, with the reason."""
        return (*self._failed, *self._deck.recordings.lost)

    @property
    def drift(self) -> Drift | None:
        """What the live service said otherwise than the cassette, so far; None where nothing is verified."""
        if not self.allowed.verifies:
            return None
        deck = self._deck
        heard = deck.recordings.interactions
        return find_drift(deck.path, deck.old, heard, deck.selection.rules, deck.redactor, deck.command)

    def ask(self, asked: ReadRequest) -> tuple[int, Request, Tape | None]:
        """A request's number, the request as it goes to the service, and the recorded answer. Raises for a miss."""
        number = self._deck.ask()
        target = asked.target if asked.target != "*" else "/*"
        request = Request(asked.method, self._origin + target, fields_for(asked, self._host), asked.body)
        try:
            if not self._deck.plays:
                return number, request, None
            refusal = self._deck.refuse(number, request.method, request.uri)
            nobody = None if refusal is None else unreachable(request.uri, refusal.note)
            return number, request, nobody or self._deck.play(number, request)
        finally:
            self._deck.selection.forget(number)
            self._deck.refused.clear()

    def forward(
        self,
        number: int,
        request: Request,
        asked: ReadRequest,
        connection: Connection,
        here: Here,
        tell: Callable[[Interaction, SendProgress], None],
    ) -> None:
        """Send a request on to the live service, and its answer to the client; ``tell`` hears what was recorded."""
        recording = self._deck.recordings.begin(number)
        self._running.add(number)
        if self.allowed.verifies and number >= MOST_COMPARED:
            self._fail(request, FakeGptTestkitError(f"{MOST_COMPARED} answers are kept to be compared, and no more"))
            self._deck.recordings.forget(number)

        def ended() -> None:
            self._running.discard(number)
            heard = self._deck.recordings.heard(number)
            if heard is None:
                recording.discard()
            else:
                progress = SendProgress(heard.response, request.method)
                progress.sent, progress.left_early = relay.sent, relay.left_early
                tell(heard, progress)
            if self._due is None and self.recorded and not self._at_end:
                self._due = clock.call_later(asyncio.get_running_loop(), _SAVE_AFTER, self._save_now)

        relay = Relay(connection, asked, request, recording, here, (self._origin,), ended)
        connection.hand_over(relay)
        nobody = partial(self._unreachable, request, recording)
        task = asyncio.get_running_loop().create_task(self._connect(relay, connection, nobody, ended))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(
        self, relay: Relay, connection: Connection, nobody: Callable[[OSError], Tape], ended: Callable[[], None]
    ) -> None:
        parts = urlsplit(self._origin)
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: relay, parts.hostname or "", parts.port or _PORTS[parts.scheme], ssl=self._tls
            )
        except OSError as failure:
            answer = nobody(failure)
            ended()
            if not connection.gone:
                connection.fail(answer.status, answer.body)

    def _unreachable(self, request: Request, recording: RecordedExchange, failure: OSError) -> Tape:
        """The answer where nobody is at the service, which is kept where it is known why."""
        why = why_unconnected(failure)
        if why is None or self.allowed.verifies:
            self._fail(request, failure)
            self.say(f"{self._origin} could not be reached, so nothing of this request was recorded: {failure}")
        else:
            recording.unconnected(Request(request.method, request.uri), why)
            self.say(f"{self._origin} could not be reached ({why.note}), and {self.path} keeps that")
        return unreachable(request.uri, str(failure) if why is None else why.note)

    def _save_now(self) -> None:
        try:
            self.save()
        except (FakeGptTestkitError, OSError) as failure:
            self.unsaved = failure
            self.say(f"not saved: {failure}")

    def _fail(self, request: Request, failure: Exception) -> None:
        if len(self._failed) < _MOST_FAILED:
            self._failed.append((self._deck.redactor.request(request).title, failure.with_traceback(None)))

    def save(self) -> int:
        """Write what was recorded whole since the last time; how many exchanges that were."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if not self.recorded:
            return 0
        self._deck.recordings.meet()
        new = self._deck.recordings.interactions
        try:
            if new:
                self._write(new)
        except SecretStays:  # what cannot be redacted is given up, or nothing would be saved any more
            self._forget()
            raise
        self._forget()
        return len(new)

    def _write(self, new: Sequence[Interaction]) -> None:
        base = self._base or Cassette((), self._file.shown)
        replaces = self._deck.mode is RecordMode.REWRITE and not self._has_saved
        if not self._has_saved:
            mine = to_save(self._deck)
        else:
            # redacted first, since a secret that a new one tells may stand in an earlier one
            gone = replaced(self._deck, [self._deck.redactor.interaction(each) for each in new])
            kept = (*(each for each in base.interactions if each not in gone), *new)
            mine = replace(base, interactions=self._deck.without_secrets(kept))
        self._file.save(base, mine, replaces=replaces)
        self._base = self._file.load()
        self._has_saved = True

    def _forget(self) -> None:
        for request, failure in self._deck.recordings.lost:
            self.say(f"not recorded: {request}: {failure!r}")
            self._failed = [*self._failed, (request, failure)][:_MOST_FAILED]
        self._deck.recordings.forget_ended()
        if not self._running:
            self._deck.recordings.begin_log_anew()
            self._file.close()

    def close(self) -> None:
        """Keep what still runs as it is now, and save."""
        self._deck.recordings.stop()
        self._running.clear()
        if self.failed and self.recorded:
            self._close_failed()
        else:
            self.save()

    def _close_failed(self) -> None:
        """What a failed program recorded never replaces a recording."""
        self._deck.recordings.drop_unconnected()
        replaces = self._deck.mode in {RecordMode.ALL, RecordMode.REWRITE} and self._file.path.exists()
        if replaces or not self._on_failure:
            if self._file.close():
                self.say(f"{self.path} is unchanged: the test that recorded it failed")
        elif self._on_failure != "aside":
            self.save()
        elif self._deck.recordings.interactions:
            self._file.save_aside(to_save(self._deck))
            self._file.close()
            self.say(
                f"{self.path} is left as it was: what recorded it failed. It is kept in {shorten(self._file.aside)}"
            )


def _asking_again(base: Cassette | None, mode: RecordMode) -> Cassette | None:
    """The cassette as it plays: where a new answer is recorded, who was not there is asked again."""
    if base is None or mode is not RecordMode.NEW_EPISODES:
        return base
    return replace(base, interactions=tuple(each for each in base.interactions if not not_connected(each)))
