"""One request sent on to the live service: its answer goes to the client as it comes, and to a recording.

The bytes are passed on, not what a client makes of them, so that the client meets each ending as it is. Knows no
cassette: what hears the exchange is handed in.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from fakegpt_testkit import clock
from fakegpt_testkit.errors import FakeGptTestkitError
from fakegpt_testkit.exchange import Breach, EndingKind, Tape, header
from fakegpt_testkit.serving.fitting import rewritten
from fakegpt_testkit.serving.player import reset, unsent
from fakegpt_testkit.serving.unreachable import unreachable
from fakegpt_testkit.wire.body import Broken
from fakegpt_testkit.wire.capture import Capture, reset_name
from fakegpt_testkit.wire.reading import split_head
from fakegpt_testkit.wire.writing import encode_head, is_delimited, keeps_open

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.exchange import Headers, Request
    from fakegpt_testkit.serving.fitting import Here
    from fakegpt_testkit.serving.reading import ReadRequest
    from fakegpt_testkit.wire.deck import ExchangeSink

_HOP: Final = frozenset(
    {"connection", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Fields that are about the client's connection only, by RFC 9110, 7.6.1; and those that are written anew."""
_POLL: Final = 0.005
MOST_HEAD: Final = 2**20
"""Bytes of a live answer's head that are waited for: some clients take 64 KiB of it, and none a mebibyte."""


class Front(Protocol):
    """The client's connection."""

    transport: asyncio.Transport

    def done(self, *, keep: bool) -> None:
        """The answer is whole."""

    def fail(self, status: int, body: bytes) -> None:
        """Answer that there is no answer, in JSON."""


def encode_request(asked: ReadRequest, headers: Headers) -> bytes:
    """A request's bytes as they are sent on."""
    lines = [
        f"{asked.method} {asked.target} HTTP/{asked.version}",
        *(f"{name}: {value}" for name, value in headers),
        "",
        "",
    ]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + asked.body


def fields_for(asked: ReadRequest, host: str) -> Headers:
    """The fields of a request as they are sent on: the client's, without what was about its connection to us."""
    named = {each.strip().lower() for each in (header(asked.headers, "Connection") or "").split(",")}
    sent = [each for each in asked.headers if each[0].lower() not in _HOP | named | {"content-length"}]
    if header(asked.headers, "Accept-Encoding") is None:
        sent.append(("Accept-Encoding", "identity"))
    if asked.body or header(asked.headers, "Content-Length") or header(asked.headers, "Transfer-Encoding"):
        sent.append(("Content-Length", str(len(asked.body))))
    return (("Host", host), *sent)


class Relay(asyncio.Protocol):
    """The connection to the live service for one request; to the client's connection it is what answers."""

    def __init__(
        self,
        front: Front,
        asked: ReadRequest,
        request: Request,
        recording: ExchangeSink,
        here: Here,
        origins: tuple[str, ...],
        ended: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._front = front
        self._data = encode_request(asked, request.headers)
        self._method = request.method
        self._uri, self._title = request.uri, request.title
        self._recording = recording
        self._wants_more = asked.keeps_open
        self._here = here
        self._origins = origins
        self._ended = ended
        self._capture = Capture(recording, request.method, request.uri, clock.waiting())
        self._held: bytearray | None = bytearray()
        self._transport: asyncio.Transport | None = None
        self._keeps = False
        self._over = False
        self._lingering: clock.Timer | None = None
        self.holds = asked.version != "1.0"
        """Whether a client that says no more has gone; one of HTTP/1.0 may wait for its answer all the same."""
        self.sent = 0
        """How many bytes went to the client."""
        self.left_early = False
        """Whether the client left before all had come."""

    # --- the live service ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._over:  # the client did not wait
            transport.abort()
            return
        self._capture.written(self._data)
        transport.write(self._data)

    def data_received(self, data: bytes) -> None:
        if self._over and self._lingering is None:
            return
        self._capture.heard(data)
        if self._lingering is not None:
            if self._capture.over:
                self._stop()
            return
        if self._held is None:
            self._write(data)
        else:
            self._held += data
            if len(self._held) > MOST_HEAD:
                self._give_up(f"the head of its answer is larger than {MOST_HEAD} bytes")
                return
            self._pass_head()
        if self._capture.answer.finished:
            self._finish(keep=self._keeps)

    def eof_received(self) -> None:
        """The service has said all."""

    def connection_lost(self, exc: Exception | None) -> None:
        if self._over and self._lingering is None:
            return
        if exc is None:
            self._capture.ended()
        else:
            self._capture.lost(EndingKind.RESET, reset_name(exc))
        if self._lingering is not None:
            self._stop()
            return
        if self._held:
            self._write(bytes(self._held))
        if exc is None:
            self._finish(keep=False)
        else:
            self._over = True
            self._reset()

    # --- the client ---

    def pause(self) -> None:
        """The client reads more slowly than the service sends."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """It has read."""
        if self._transport is not None:
            self._transport.resume_reading()

    def left(self) -> None:
        """The client has gone."""
        if self._over:
            return
        self._over = self.left_early = True
        if self._transport is None:
            self._ended()
        elif grace := self._capture.grace():
            self._transport.resume_reading()
            self._lingering = clock.call_later(self._loop, grace, self._stop)
        else:
            self._stop()

    def _stop(self) -> None:
        """The client has gone, and nothing more is heard for the recording."""
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        assert self._transport is not None, "nothing was heard without"
        self._capture.left()
        self._transport.abort()
        self._ended()

    def _pass_head(self) -> None:
        """Pass on the head once it is whole: as it came, except for what would lead a client past this server."""
        assert self._held is not None
        while True:
            try:
                split = split_head(self._held)
            except Broken:
                split = None
            if self._capture.answer.malformed is Breach.HEAD:
                self._write(bytes(self._held))
                self._held = None
                return
            if split is None:
                return
            line, _, rest = split
            if line.split(b" ")[1:2] and line.split(b" ")[1].startswith(b"1"):  # what was said before the answer
                self._held = bytearray(rest)
                continue
            break
        head = self._capture.answer.head
        if head is None:
            return
        self._held = None
        fitted = rewritten(head, self._here, self._origins)
        self._keeps = self._wants_more and keeps_open(fitted) and is_delimited(Tape(fitted), self._method)
        self._write(encode_head(fitted, fitted.headers) + rest)

    def _give_up(self, problem: str) -> None:
        """Pass on nothing of what cannot be an answer, and record nothing of it."""
        self._over = True
        self._held = None
        assert self._transport is not None, "nothing was heard without"
        self._transport.abort()
        self._recording.failed(self._title, FakeGptTestkitError(problem))
        self._ended()
        answer = unreachable(self._uri, problem)
        self._front.fail(answer.status, answer.body)

    def _write(self, data: bytes) -> None:
        self.sent += len(data)
        self._front.transport.write(data)

    def _finish(self, *, keep: bool) -> None:
        self._over = True
        if self._transport is not None:
            self._transport.close()
        self._ended()
        self._front.done(keep=keep)

    def _reset(self) -> None:
        if self._front.transport.get_write_buffer_size() or (
            not self._front.transport.is_closing() and unsent(self._front.transport)
        ):
            clock.call_later(self._loop, _POLL, self._reset)
            return
        self._ended()
        if not self._front.transport.is_closing():
            reset(self._front.transport)
