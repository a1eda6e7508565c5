"""HTTP/1 bytes as values: a request as a client writes it, a response as a server sends it, in any cuts.

By RFC 9112. Knows no HTTP library, no socket and no clock: when bytes arrived comes in with them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.exchange import SURPLUS, Breach, Chunk, Head, Request
from fakegpt_testkit.wire.body import BodyReader, Broken, values
from fakegpt_testkit.wire.codings import Decoding, Undecodable
from fakegpt_testkit.wire.unread import note_unread

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.exchange import Headers

CONTINUE: Final = 100
OK: Final = 200
SWITCHING_PROTOCOLS: Final = 101
BODILESS: Final = frozenset({204, 304})

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/(1(?:\.\d)?) +(\d{3})(?: (.*?))?[ \t]*", re.DOTALL)
_NAME = re.compile(r"[!-9;-~]+")
_BLANK: Final = " \t\r\v\f"
"""What is no word of a line: to bytes, not to all of Unicode."""


class RequestReader:
    """Reads one request from what a client wrote. Method and URI are known to who asks; the rest is read."""

    def __init__(self, method: str, uri: str) -> None:
        self._method = method
        self._uri = uri
        self._head: bytearray | None = bytearray()
        self._headers: Headers = ()
        self._framing: BodyReader | None = None
        self._body = bytearray()
        self._written: list[bytes] = []
        self.line = b""
        """The request line, once the head is whole."""
        self.rest = b""
        """What was written after the request: another one."""

    def feed(self, data: bytes) -> None:
        """Take what was written, in any cuts. Raises ``Broken``."""
        self._written.append(data)
        if self._framing is None:
            assert self._head is not None
            self._head += data
            found = split_head(self._head)
            if found is None:
                return
            (self.line, self._headers, data), self._head = found, None
            self._framing = BodyReader(self._headers, to_eof=False)
        for part, _ in self._framing.feed(data):
            self._body += part
        self.rest += self._framing.rest

    @property
    def has_head(self) -> bool:
        """Whether the head is whole."""
        return self._framing is not None

    @property
    def complete(self) -> bool:
        """Whether all of the request was written."""
        return self._framing is not None and self._framing.done

    @property
    def size(self) -> int:
        """How many bytes of the body were written."""
        return len(self._body)

    @property
    def written(self) -> bytes:
        """All that was written, as it was."""
        return b"".join(self._written)

    @property
    def expects_continue(self) -> bool:
        """Whether the head is whole and the body waits for ``100 Continue``."""
        return any(name.lower() == "expect" and value.lower() == "100-continue" for name, value in self._headers)

    @property
    def request(self) -> Request:
        """The request as far as it was written."""
        return Request(self._method, self._uri, self._headers, bytes(self._body))


class ResponseReader:
    """Reads one response from what a server sent. ``head`` and ``malformed`` are set as the bytes come.

    ``takes_interim``: an interim answer but ``100 Continue`` is the answer itself, as some clients read it.
    """

    def __init__(self, method: str, *, takes_interim: bool = False) -> None:
        self._method = method
        self._takes_interim = takes_interim
        self._raw = b""
        self._framing: BodyReader | None = None
        self.one_http_chunk: Callable[[bytes], bytes] = _no_chunk
        """Reads the next arrival where it is one HTTP chunk of a body without a coding, by far the most.

        Gives what that holds; for all else nothing, and then nothing is read.
        """
        self._decoding = Decoding(())
        self._total = 0
        self._in_http_chunk = False
        self.head: Head | None = None
        self.malformed: Breach | None = None
        self.coded: tuple[Chunk, Chunk] | None = None
        """What the last ``read`` took of a coded body: the chunk, also an empty one, and as it came."""
        self.surplus = b""
        """What came after the end of the body, at first."""

    def take(self, data: bytes, at: float) -> Chunk | None:
        """Take what was received together at a time; give the chunk of body in it, if there is one."""
        self.coded = None
        if self.malformed or not data:
            return None
        if self._framing is None:
            data, self._raw = self._raw + data, b""
            try:
                data = self._read_head(data, at)
            except Broken as broken:
                self._raw, self.head, self._framing, self.malformed = data, None, None, broken.breach
                return None
        return self._read_body(data, at) if self._framing is not None else None

    def read_end(self) -> None:
        """Take the end of the connection: for a body without a length it is the end of the body."""
        if self._framing is not None and self._framing.to_eof and not self.malformed:
            self._framing.done = True

    @property
    def finished(self) -> bool:
        """Whether everything that the framing announced has arrived."""
        return self._framing is not None and self._framing.done and not self.malformed

    @property
    def goes_on(self) -> bool:
        """Whether more of a body has to come whose end tells itself, or is the end of the connection.

        Not of a packed one, of which little may be much.
        """
        framing = self._framing
        if framing is None or framing.done or self.malformed or self._decoding.is_coded:
            return False
        return framing.chunked or framing.to_eof

    @property
    def keeps_open(self) -> bool:
        """Whether the connection can be used again after the body, by RFC 9112, 9.3."""
        if self.head is None or self._framing is None or self._framing.to_eof:
            return False
        said = ",".join(values(self.head.headers, "connection")).lower()
        return "keep-alive" in said if self.head.version == "1.0" else "close" not in said

    @property
    def mislabelled(self) -> bool:
        """Whether the body was not of its coding from its first byte, and so is given as it came."""
        return self._decoding.mislabelled

    @property
    def unread(self) -> bytes:
        """The beginning of a head that is not whole, or of something else."""
        return self._raw

    @property
    def note(self) -> str:
        """What a player is to know of how it ended, if that was by its bytes or by the end of the connection."""
        framing = self._framing
        if self.malformed is not None:
            unread = framing.unread if framing is not None and self.malformed is Breach.CHUNK else b""
            return note_unread(self.malformed.value, unread) if unread else self.malformed.value
        if framing is not None and framing.done:
            return note_unread(SURPLUS, self.surplus) if self.surplus else ""
        return framing.cut_off if framing is not None else ""

    def _read_head(self, data: bytes, at: float) -> bytes:
        while self._framing is None:
            if not b"HTTP/".startswith(data[:5]):
                raise Broken(Breach.HEAD, f"no status line: {data[:40]!r}")
            found = split_head(data)
            if found is None:
                self._raw = data
                return b""
            line, headers, rest = found
            match = _STATUS_LINE.fullmatch(line)
            if match is None:
                raise Broken(Breach.HEAD, f"no status line: {line[:60]!r}")
            for name, value in headers:  # some clients refuse the head, others take what follows for the body
                if not _NAME.fullmatch(name) or "\r" in value:
                    raise Broken(Breach.HEAD, f"no header field: {name[:60]!r}")
            data, status = rest, int(match[2])
            if status == CONTINUE or (status < OK and status != SWITCHING_PROTOCOLS and not self._takes_interim):
                continue
            self.head = Head(status, text(match[3] or b""), headers, text(match[1]), at)
            bodiless = self._method == "HEAD" or status in BODILESS or status < OK
            self._framing = BodyReader(() if bodiless else headers, to_eof=not bodiless)
            if not bodiless:
                self._decoding = Decoding(headers)
            self.one_http_chunk = _no_chunk if self._decoding.is_coded else self._framing.one_chunk
        return data

    def _read_body(self, data: bytes, at: float) -> Chunk | None:
        framing = self._framing
        assert framing is not None
        parts: list[bytes] = []
        ends: list[int] = []
        size = 0
        coding = _CodedPieces() if self._decoding.is_coded else None
        try:
            for part, ended in framing.feed(data):
                plain = part
                if coding is not None:
                    coding.take(part, ended=ended)
                    plain = self._decoding.decode(part) if part else part
                parts.append(plain)
                size += len(plain)
                if ended and (ends[-1] != size if ends else self._total + size):
                    ends.append(size)  # not for HTTP chunks that decode to nothing, but the late end of one counts
        except Broken as broken:
            self.malformed, self.one_http_chunk = broken.breach, _no_chunk
        except Undecodable:
            self.malformed = Breach.CODING
        out = parts[0] if len(parts) == 1 else b"".join(parts)
        self._total += size
        self.surplus = self.surplus or framing.rest
        if coding is not None and coding.came:
            self.coded = Chunk(at, out, tuple(ends)), Chunk(at, b"".join(coding.parts), tuple(coding.ends))
        if ends == [0] and not self._in_http_chunk and framing.done:
            return None  # the coding's own end, which came with the body's
        if not out and not ends:
            return None
        self._in_http_chunk = not ends or ends[-1] < size
        return Chunk(at, out, tuple(ends))


class _CodedPieces:
    """What came together of a coded body, and where HTTP chunks ended in it."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.ends: list[int] = []
        self._size = 0

    @property
    def came(self) -> bool:
        """Whether anything did."""
        return self._size > 0 or bool(self.ends)

    def take(self, part: bytes, *, ended: bool) -> None:
        """Some more of it; whether an HTTP chunk ended after it."""
        self.parts.append(part)
        self._size += len(part)
        if ended:
            self.ends.append(self._size)


def _no_chunk(_: bytes) -> bytes:
    return b""


def split_head(data: bytes | bytearray) -> tuple[bytes, Headers, bytes] | None:
    """First line, the fields in order with their case, and what follows; None while the head is not whole."""
    end = _END_OF_HEAD.search(data)
    if end is None:
        return None
    line, more, rest = bytes(data[: end.start()]).replace(b"\r\n", b"\n").partition(b"\n")
    fields: list[tuple[str, str]] = []
    for each in text(rest).split("\n") if more else ():  # made to text at once, and not word by word
        if each[:1] in (" ", "\t") and fields:  # obsolete line folding, RFC 9112, 5.2
            fields[-1] = fields[-1][0], f"{fields[-1][1]} {each.strip(_BLANK)}"
            continue
        name, colon, value = each.partition(":")
        if not colon or not name.strip(_BLANK):
            raise Broken(Breach.HEAD, f"no header field: {each.encode('utf-8', 'surrogateescape')[:60]!r}")
        fields.append((name, value.strip(" \t")))
    return line, tuple(fields), bytes(data[end.end() :])


def text(raw: bytes) -> str:
    """Bytes of a head as text; what is not UTF-8 comes back when it is written."""
    return raw.decode("utf-8", "surrogateescape")
