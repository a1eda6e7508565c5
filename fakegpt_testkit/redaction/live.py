"""Redacts a body while it arrives, whole events at a time, for what must be on the disk before the body is complete.

Knows no rules of its own: what a secret is, and whether one is still arriving, its redactor says.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.redaction.streams import is_stream

if TYPE_CHECKING:
    from fakegpt_testkit.redaction.redactor import Redactor
    from fakegpt_testkit.tape import Headers

_EVENT_END: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_LINE_END: Final = re.compile(rb"\n")
_HELD_LIMIT: Final = 1024 * 1024


class StreamRedactor:
    """Bytes in as they arrive, bytes without secrets out: complete events, or complete lines of what has no events.

    Held back: an unfinished event; and events in which a secret has begun and not ended, up to 1 MiB of them. All that
    went in comes out, changed like ``Redactor.body`` would have changed it, but for a secret that was a word cut in two
    before its first half looked like one.
    """

    def __init__(self, redactor: Redactor, headers: Headers = ()) -> None:
        self._redactor = redactor
        self._headers = headers
        self._held = b""
        self._searched = 0
        self._end: re.Pattern[bytes] | None = None

    def feed(self, data: bytes) -> bytes:
        """What can be shown of the body so far and was not given out before."""
        self._held += data
        if self._end is None:
            events = is_stream(self._held.decode("latin-1")) and not self._held.lstrip().startswith(b"{")
            self._end = _EVENT_END if events else _LINE_END
        end = max((found.end() for found in self._end.finditer(self._held, max(0, self._searched - 3))), default=0)
        self._searched = len(self._held)
        if not end:
            return b""
        complete = self._held[:end]
        if len(complete) < _HELD_LIMIT and self._redactor.unfinished(complete, self._headers):
            return b""
        self._held = self._held[end:]
        self._searched = len(self._held)
        return self._redactor.body(complete, self._headers)

    def close(self) -> bytes:
        """What was held back."""
        held, self._held = self._held, b""
        return self._redactor.body(held, self._headers) if held else b""
