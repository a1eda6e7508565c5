"""HTTP/1 bytes to values, through aiohttp's own parsers.

Does no I/O and knows no cassette: a request is read from the bytes a client wrote, a response from the bytes it
received.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp.base_protocol import BaseProtocol
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpRequestParser
from aiohttp.streams import EMPTY_PAYLOAD

from fakegpt_testkit.exchange import Chunk, Head, Headers, Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import StreamReader
    from aiohttp.http import RawRequestMessage, RawResponseMessage

NO_LIMIT = 2**30
"""For parsers whose output is taken away at once: they must never ask a transport to pause."""

SWITCHING_PROTOCOLS = 101
OK = 200


def take_ready(payload: StreamReader) -> tuple[bytes, tuple[int, ...]]:
    """Everything a reader holds now, and the offsets in it at which HTTP chunks ended.

    Raises what the reader would raise. ``readchunk`` is the one public method that tells chunk ends; it is a coroutine
    that suspends only when there is nothing to give, so one step of it is a read that never waits.
    """
    data = bytearray()
    ends: list[int] = []
    while payload is not EMPTY_PAYLOAD:  # which gives the end of an HTTP chunk for ever
        reading = payload.readchunk()
        try:
            reading.send(None)
        except StopIteration as done:
            piece, chunk_ended = done.value
        else:
            reading.close()
            break
        if not piece and not chunk_ended:
            break
        data += piece
        if chunk_ended:
            ends.append(len(data))
    return bytes(data), tuple(ends)


def decode_headers(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Header fields as text, by aiohttp's own rule for bytes that are not UTF-8."""
    return tuple(
        (name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")) for name, value in raw
    )


class NoTransport(asyncio.Transport):
    """What a handler is told it hangs on when its bytes are brought to it."""

    def close(self) -> None:
        """Nothing is open."""


class RequestReader:
    """Reads one request from what a client wrote."""

    def __init__(self, method: str, uri: str, loop: asyncio.AbstractEventLoop) -> None:
        self._method = method
        self._uri = uri
        protocol = BaseProtocol(loop)
        protocol.transport = NoTransport()  # a reader without one takes the connection for closed
        self._parser = HttpRequestParser(
            protocol, loop, NO_LIMIT, max_line_size=NO_LIMIT, max_field_size=NO_LIMIT, auto_decompress=False
        )
        self._message: RawRequestMessage | None = None
        self._payload: StreamReader | None = None
        self._body = bytearray()
        self._written: list[bytes] = []
        self.complete = False

    def feed(self, data: bytes) -> None:
        """Take what was written, in any cuts."""
        self._written.append(data)
        messages, _, _ = self._parser.feed_data(data)
        for self._message, self._payload in messages:
            break
        if self._payload is not None:
            self._body += take_ready(self._payload)[0]
            self.complete = self._payload.is_eof()

    @property
    def written(self) -> bytes:
        """All that was written, as it was."""
        return b"".join(self._written)

    @property
    def expects_continue(self) -> bool:
        """Whether the head is complete and the body waits for ``100 Continue``."""
        return self._message is not None and self._message.headers.get("Expect", "").lower() == "100-continue"

    @property
    def request(self) -> Request:
        """The request as far as it was written."""
        headers = decode_headers(self._message.raw_headers) if self._message else ()
        return Request(self._method, self._uri, headers, bytes(self._body))


class ResponseReader(ResponseHandler):
    """Reads one response from what a server sent, by a second handler of the kind that reads it for the client.

    ``head`` and ``chunks`` grow as bytes come; ``malformed`` says that they stopped being HTTP.
    """

    def __init__(self, method: str, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.transport = NoTransport()  # a reader without one takes the connection for closed
        self.set_response_params(
            skip_payload=method == "HEAD",
            read_until_eof=True,
            read_bufsize=NO_LIMIT,
            max_line_size=NO_LIMIT,
            max_field_size=NO_LIMIT,
        )
        self.message: RawResponseMessage | None = None
        self.content: StreamReader | None = None
        self.head: Head | None = None
        self.malformed = ""
        self._in_http_chunk = False

    # The queue's one entrance, called by the parser; there is nobody to queue for.
    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:  # noqa: ARG002
        message, content = data
        if message.code >= OK or message.code == SWITCHING_PROTOCOLS:
            self.message, self.content = message, content

    def take(self, data: bytes, at: float) -> Chunk | None:
        """Take what was received together at a time; give the chunk of body in it, if there is one."""
        self.data_received(data)
        return self._take(at)

    def read_end(self) -> None:
        """Take the end of the connection: for a body without a length it is the end of the body."""
        if self.content is not None and not self.content.is_eof():
            self.connection_lost(None)

    @property
    def finished(self) -> bool:
        """Whether everything that the framing announced has arrived."""
        return self.content is not None and self.content.is_eof() and self.content.exception() is None

    def _take(self, at: float) -> Chunk | None:
        if self.head is None and self.message is not None:
            version = self.message.version
            self.head = Head(
                self.message.code,
                self.message.reason,
                decode_headers(self.message.raw_headers),
                f"{version.major}.{version.minor}",
                at,
            )
        if (failure := self.exception()) is not None:
            self.malformed = self.malformed or repr(failure)
        if self.content is None:
            return None
        if (failure := self.content.exception()) is not None:
            self.malformed = self.malformed or repr(failure)
            return None
        data, ends = take_ready(self.content)
        if ends == (0,) and not self._in_http_chunk and self.content.is_eof():
            ends = ()  # aiohttp's reader calls the end mark an HTTP chunk's end too
        if data or ends:
            self._in_http_chunk = not ends or ends[-1] < len(data)
            return Chunk(at, data, ends)
        return None
