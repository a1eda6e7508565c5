"""One exchange while it is recorded: kept as values, and noted in the journal event by event, redacted.

Knows neither the client nor the file: the seam tells it what happens, the session asks it for the interaction.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from fakegpt_testkit.errors import StorageError
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Interaction, Provenance, Tape, header
from fakegpt_testkit.recorder.origins import Origins, canonical_head, canonical_request
from fakegpt_testkit.redaction import StreamRedactor

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.exchange import Request
    from fakegpt_testkit.redaction import Redactor

STAND_IN = "fakegpt-testkit-upstream"
"""How a stand-in's ``Server`` field begins."""


class Log(Protocol):
    """Where a recording is noted while it runs, for the case that the process dies; see ``storage.Journal``."""

    def request(self, number: int, request: Request, provenance: Provenance) -> None: ...

    def head(self, number: int, head: Head) -> None: ...

    def chunk(self, number: int, chunk: Chunk) -> None: ...

    def ending(self, number: int, ending: Ending) -> None: ...


class NoLog:
    """The log of a recording whose journal could not be made: it goes on without."""

    def request(self, number: int, request: Request, provenance: Provenance) -> None:
        """See ``Log``."""

    def head(self, number: int, head: Head) -> None:
        """See ``Log``."""

    def chunk(self, number: int, chunk: Chunk) -> None:
        """See ``Log``."""

    def ending(self, number: int, ending: Ending) -> None:
        """See ``Log``."""


class Recording:
    """A ``Take`` of the seam. ``interaction`` is None until the exchange has ended, and for one that left HTTP.

    ``lost`` is the request and the reason, when it could not be recorded.
    """

    def __init__(self, number: int, origins: Origins, redactor: Redactor, log: Log) -> None:
        self.interaction: Interaction | None = None
        self.lost: tuple[str, Exception] | None = None
        self._number = number
        self._origins = origins
        self._redactor = redactor
        self._log = log
        self._shown = StreamRedactor(redactor)
        self._request: Request | None = None
        self._origin = ""
        self._head = Head(0)
        self._chunks: list[Chunk] = []
        self._over = False

    def request(self, request: Request) -> None:
        """See ``Take``."""
        self._request, self._origin = canonical_request(request, self._origins)
        shown = self._redactor.request(self._request)
        self._note(lambda: self._log.request(self._number, shown, self._provenance()))

    def head(self, head: Head) -> None:
        """See ``Take``."""
        self._head = canonical_head(head, self._origins)
        self._shown = StreamRedactor(self._redactor, self._head.headers)
        self._note(lambda: self._log.head(self._number, self._redactor.head(self._head)))

    def chunk(self, chunk: Chunk) -> None:
        """See ``Take``."""
        if self._over:
            return
        self._chunks.append(chunk)
        self._show(chunk.at, self._shown.feed(chunk.data))

    def ended(self, ending: Ending) -> None:
        """See ``Take``."""
        if self._over or self._request is None:
            return
        self._over = True
        self._show(ending.at, self._shown.close())
        shown = replace(ending, note=self._redactor.text(ending.note))
        self._note(lambda: self._log.ending(self._number, shown))
        self.interaction = Interaction(self._request, Tape(self._head, tuple(self._chunks), ending), self._provenance())

    def discard(self) -> None:
        """See ``Take``."""
        self._over = True

    def failed(self, request: str, failure: Exception) -> None:
        """See ``Take``."""
        if self.interaction is None:
            self._over = True
            self.lost = request, failure

    def stop(self) -> None:
        """The client still reads, or has forgotten the response; for the recording it has left."""
        last = self._chunks[-1].at if self._chunks else self._head.at
        self.ended(Ending(EndingKind.ABANDONED, last, "still open when the cassette was closed"))
        self._over = True

    def _provenance(self) -> Provenance:
        server = header(self._head.headers, "Server") or ""
        return Provenance(
            at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            origin=self._origin,
            server=server if server.startswith(STAND_IN) else "",
        )

    def _show(self, at: float, data: bytes) -> None:
        if data:
            self._note(lambda: self._log.chunk(self._number, Chunk(at, data)))

    def _note(self, write: Callable[[], None]) -> None:
        """The journal is a safety net: without it the recording goes on."""
        try:
            write()
        except StorageError as failure:
            warnings.warn(f"{failure}; the recording goes on", RuntimeWarning, stacklevel=2)
