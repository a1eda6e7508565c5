"""A server that records: what the cassette has is played, the rest is asked of the live service and kept.

Knows no socket: requests come in from connections, and go out by a relay.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.errors import BadSetting, FakeGptTestkitError, SecretStays
from fakegpt_testkit.exchange import Request, Tape
from fakegpt_testkit.recorder.deck import CassetteDeck, replaced, to_save
from fakegpt_testkit.recorder.file import CassetteFile
from fakegpt_testkit.recorder.modes import RecordMode
from fakegpt_testkit.recorder.origins import origin_of
from fakegpt_testkit.recorder.settings import Advice, Settings, read_url
from fakegpt_testkit.serving.forwarding import Relay, fields_for
from fakegpt_testkit.serving.plan import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from fakegpt_testkit.exchange import Interaction
    from fakegpt_testkit.serving.connection import Connection
    from fakegpt_testkit.serving.fitting import Here
    from fakegpt_testkit.serving.reading import Asked

MODES: Final = ("once", "new_episodes", "all", "rewrite")
_SAVE_AFTER: Final = 0.1
"""Seconds from an exchange's end to the file: those that end together are written together."""
_PORTS: Final = {"http": 80, "https": 443}


class Recorder:
    """Records into one cassette. ``play`` answers from it, ``miss`` tells why a request gets no answer."""

    def __init__(self, path: Path, upstream: str, settings: Settings, canonical: str | None = None) -> None:
        if settings.mode.value not in MODES:
            raise BadSetting("record_mode", settings.mode.value, f"one of {', '.join(MODES)}")
        self.upstream = read_url("upstream", upstream)
        self._origin = origin_of(upstream)
        self._host = urlsplit(self._origin).netloc
        self._file = CassetteFile(path)
        self._base = self._file.load()
        origins = {self._origin: origin_of(canonical)} if canonical else {}
        settings = settings.changed(origins=origins)
        self._deck = CassetteDeck(
            self._file.shown, self._base, settings.mode, settings, Advice(), self._file.open_journal
        )
        self._has_saved = False
        self._running: set[int] = set()
        self._due: asyncio.TimerHandle | None = None
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

    def ask(self, asked: Asked) -> tuple[int, Request, Tape | None]:
        """A request's number, the request as it goes to the service, and the recorded answer. Raises for a miss."""
        number = self._deck.ask()
        target = asked.target if asked.target != "*" else "/*"
        request = Request(asked.method, self._origin + target, fields_for(asked, self._host), asked.body)
        try:
            return number, request, self._deck.play(number, request) if self._deck.plays else None
        finally:
            self._deck.selection.forget(number)
            self._deck.refused.clear()

    def forward(
        self,
        number: int,
        request: Request,
        asked: Asked,
        connection: Connection,
        here: Here,
        tell: Callable[[Interaction, Progress], None],
    ) -> None:
        """Send a request on to the live service, and its answer to the client; ``tell`` hears what was recorded."""
        recording = self._deck.record(number)
        self._running.add(number)

        def ended() -> None:
            self._running.discard(number)
            heard = self._deck.recordings.heard(number)
            if heard is None:
                recording.discard()
            else:
                progress = Progress(heard.response, request.method)
                progress.sent, progress.left_early = relay.sent, relay.left_early
                tell(heard, progress)
            if self._due is None:
                self._due = asyncio.get_running_loop().call_later(_SAVE_AFTER, self._save_now)

        relay = Relay(connection, asked, request, recording, here, (self._origin,), ended)
        connection.hand_over(relay)
        task = asyncio.get_running_loop().create_task(self._connect(relay, connection, ended))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, relay: Relay, connection: Connection, ended: Callable[[], None]) -> None:
        parts = urlsplit(self._origin)
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: relay, parts.hostname or "", parts.port or _PORTS[parts.scheme], ssl=self._tls
            )
        except OSError as failure:
            ended()
            said = f"{self._origin} could not be reached, so nothing of this request was recorded: {failure}"
            self.say(said)
            if not connection.gone:
                connection.fail(502, said)

    def _save_now(self) -> None:
        try:
            self.save()
        except (FakeGptTestkitError, OSError) as failure:
            self.say(f"not saved: {failure}")

    def save(self) -> int:
        """Write what was recorded whole since the last time; how many exchanges that were."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
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
            mine = replace(base, interactions=self._deck.redactor.interactions(kept, self._deck.path))
        self._file.save(base, mine, replaces=replaces)
        self._base = self._file.load()
        self._has_saved = True

    def _forget(self) -> None:
        for request, failure in self._deck.recordings.lost:
            self.say(f"not recorded: {request}: {failure!r}")
        self._deck.recordings.forget_ended()
        if not self._running:
            self._deck.recordings.begin_log_anew()
            self._file.close()

    def close(self) -> None:
        """Keep what still runs as it is now, and save."""
        self._deck.recordings.stop()
        self._running.clear()
        self.save()
