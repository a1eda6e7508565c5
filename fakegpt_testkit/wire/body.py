"""Takes the framing off the body of a message: of a length, in HTTP chunks, or up to the connection's end.

By RFC 9112, 6.3 and 7.1. Knows no first line and no coding: the fields of the head come in as values.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.exchange import Breach, is_chunked
from fakegpt_testkit.wire.unread import CUT_OFF, note_more, note_unread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakegpt_testkit.exchange import Headers

_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?\r?\n", re.DOTALL)
_PLAIN_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})\r\n")
_LONGEST_LINE: Final = 65_536
"""Bytes of a chunk's head or a trailer's line that are waited for."""


class Broken(Exception):
    """The bytes stopped being HTTP; ``breach`` says what of it."""

    def __init__(self, breach: Breach, text: str) -> None:
        super().__init__(text)
        self.breach = breach


class BodyReader:
    """Reads one body; ``done`` once its end was seen."""

    def __init__(self, headers: Headers, *, to_eof: bool) -> None:
        self.chunked = is_chunked(headers)
        lengths = values(headers, "content-length")
        self.to_eof = to_eof and not self.chunked and not lengths
        self.rest = b""
        """What came after the end of the body, in the last call of ``feed``."""
        self._left = 0  # of the body, or of the HTTP chunk
        self._expects = "size" if self.chunked else "body"
        self._line = b""
        self._last_chunk = b""
        self.unread = b""
        """From where on it is no HTTP."""
        if lengths and not self.chunked:
            if not (lengths[0].isascii() and lengths[0].isdigit()):
                raise Broken(Breach.HEAD, f"Content-Length: {lengths[0]}")
            self._left = int(lengths[0])
        self.done = not self.chunked and not self.to_eof and not self._left

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        """The body's bytes in ``data``, each part with whether an HTTP chunk ended after it. Raises ``Broken``."""
        self.rest = b""
        if self.done:
            self.rest = data
        elif self.to_eof:
            yield data, False
        elif not self.chunked:
            part = data[: self._left]
            self._left -= len(part)
            self.done = not self._left
            self.rest = data[len(part) :]
            yield part, False
        else:
            yield from self._feed_chunks(self._line + data)

    @property
    def cut_off(self) -> str:
        """The note of an ending in the midst of an HTTP chunk, of its head or of the trailer; none between two."""
        if not self.chunked or self.done:
            return ""
        if self._expects in {"data", "end"}:
            return note_more(self._left)
        begun = self._last_chunk + self._line
        return note_unread(CUT_OFF, begun) if begun else ""

    def one_chunk(self, data: bytes) -> bytes:
        """What an HTTP chunk holds, where ``data`` is the whole next one; else nothing, and none is fed."""
        if self._expects != "size" or self._line or (head := _PLAIN_SIZE.match(data)) is None:
            return b""
        start = head.end()
        if len(data) != start + int(head[1], 16) + 2 or not data.endswith(b"\r\n"):
            return b""
        return data[start:-2]

    def _feed_chunks(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        at = 0
        self._line = b""
        while at < len(data):
            if self._expects == "data":
                part = data[at : at + self._left]
                at += len(part)
                self._left -= len(part)
                if not self._left:
                    self._expects = "end"
                    if data.startswith(b"\r\n", at):  # by far the most
                        at += 2
                        self._expects = "size"
                        yield part, True
                        continue
                yield part, False
                continue
            newline = data.find(b"\n", at) + 1
            if not newline:
                self._line = data[at:]
                if len(self._line) > _LONGEST_LINE:
                    raise Broken(Breach.CHUNK, "a chunk's head without an end")
                return
            line = data[at:newline]
            try:
                ends_chunk = self._read_line(line)
            except Broken:
                self.unread = data[at:]
                raise
            at = newline
            if ends_chunk:
                yield b"", True
            if self.done:
                self.rest = data[at:]
                return

    def _read_line(self, line: bytes) -> bool:
        """Take a line that is no data; gives whether an HTTP chunk ended."""
        if self._expects == "end":
            if line != b"\r\n":  # no client takes a newline alone here
                raise Broken(Breach.CHUNK, f"bytes after a chunk: {line[:60]!r}")
            self._expects = "size"
            return True
        if self._expects == "trailer":
            self.done = not line.rstrip(b"\r\n")
            if len(self._last_chunk) < _LONGEST_LINE:
                self._last_chunk += line
            return False
        match = _CHUNK_SIZE.fullmatch(line)
        if match is None:
            raise Broken(Breach.CHUNK, f"no chunk size: {line[:60]!r}")
        self._left = int(match[1], 16)
        self._expects = "data" if self._left else "trailer"
        self._last_chunk = b"" if self._left else line
        return False


def values(headers: Headers, name: str) -> list[str]:
    """Every value of a field, by its name in lower case."""
    return [value for key, value in headers if key.lower() == name]
