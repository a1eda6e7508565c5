"""One client's connection: its requests in turn, its times and bounds, and what is written to it.

Knows no cassette and no scenario: who answers is handed in.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

from fakegpt_testkit import clock
from fakegpt_testkit.exchange import header
from fakegpt_testkit.serving.player import PlanPlayer
from fakegpt_testkit.serving.reading import ReadRequest, Refused, Requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.exchange import Headers
    from fakegpt_testkit.serving.plan import Plan, SendProgress
    from fakegpt_testkit.serving.reading import Limits
    from fakegpt_testkit.serving.timing import Timing

_HELD: Final = 65_536
"""Bytes of later requests that are taken while one is answered."""
_DRAINED: Final = 64 * 2**20
"""Bytes that are read and thrown away after a refusal: closing on unread bytes would reset the refusal away."""
_DRAIN_SECONDS: Final = 2.0
_GO_ON: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}


class Answering(Protocol):
    """What writes the answer to a request that takes its time."""

    @property
    def holds(self) -> bool:
        """Whether nothing more is written, so that the end of what the client sends is the client's leaving."""

    def pause(self) -> None:
        """The client reads more slowly than it is sent: wait."""

    def resume(self) -> None:
        """It has read."""

    def left(self) -> None:
        """The client has gone."""


class Answerer(Protocol):
    """Who answers the requests of all connections."""

    @property
    def limits(self) -> Limits:
        """What one client may take."""

    @property
    def connections(self) -> set[Connection]:
        """Those that are open: each adds itself, and takes itself out when its client has gone."""

    def refused(self, refused: Refused) -> tuple[bytes, Headers]:
        """The body and the fields of the answer to what cannot be read as a request."""

    def answer(self, asked: ReadRequest, connection: Connection) -> None:
        """A request came: call exactly one of ``reply``, ``play`` and ``hand_over``, now or soon."""


class Connection(asyncio.Protocol):
    """One connection, from its opening to its end. One request is answered at a time, in their order."""

    transport: asyncio.Transport

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer
        self._limits = answerer.limits
        self._loop = asyncio.get_running_loop()
        self._requests = Requests(answerer.limits)
        self._asked: ReadRequest | None = None
        self._answering: Answering | None = None
        self._timer: clock.Timer | None = None
        self._drained: int | None = None
        self._at_end = False
        self.gone = False
        """Whether there is no client any more."""

    # --- what the loop tells ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._answerer.connections.add(self)
        if len(self._answerer.connections) <= self._limits.connections:
            self._wait(self._limits.head_seconds)
        else:
            self.refuse(Refused(503, f"more than {self._limits.connections} connections are not served at once"))

    def data_received(self, data: bytes) -> None:
        if self._drained is not None:
            self._drained += len(data)
            if self._drained > _DRAINED:
                self.transport.abort()
            return
        waited_for = self._requests.waits_for
        self._requests.feed(data)
        if self._asked is not None:
            if self._requests.held > _HELD:
                self.transport.pause_reading()
            return
        self._go_on(waited_for)

    def eof_received(self) -> bool:
        """A client that says nothing more (HTTP/1.0, ``nc``) still gets what it asked for."""
        self._at_end = True
        if self._asked is None or self._drained is not None:
            return False
        return self._answering is None or not self._answering.holds

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self.gone = True
        self._stop_waiting()
        if self._answering is not None:
            self._answering.left()
        self._answering = self._asked = None
        self._answerer.connections.discard(self)

    def pause_writing(self) -> None:
        if self._answering is not None:
            self._answering.pause()

    def resume_writing(self) -> None:
        if self._answering is not None:
            self._answering.resume()

    # --- what an answerer calls ---

    @property
    def is_answering(self) -> bool:
        """Whether an answer is on its way that takes its time."""
        return self._answering is not None

    @property
    def is_secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.transport.get_extra_info("sslcontext") is not None

    @property
    def address(self) -> str:
        """The address of this machine that the client has reached."""
        name = self.transport.get_extra_info("sockname")
        return str(name[0]) if isinstance(name, tuple) else ""

    def play(self, plan: Plan, timing: Timing, progress: SendProgress) -> None:
        """Answer with what was recorded."""
        assert self._asked is not None
        keeps = self._asked.keeps_open
        player = PlanPlayer(
            self._loop, self.transport, plan, timing, progress, lambda can: self.done(keep=can and keeps)
        )
        self.hand_over(player)

    def hand_over(self, answering: Answering) -> None:
        """Answer by what writes to ``transport`` by itself and calls ``done`` at its end."""
        if self._asked is not None:  # else it was over at once
            self._answering = answering

    def reply(self, status: int, body: bytes, headers: Headers) -> None:
        """Answer at once, with the bytes' length."""
        asked = self._asked
        keep = asked is not None and asked.keeps_open
        fields = [*headers]
        if status not in {204, 304} and header(headers, "Content-Length") is None:
            fields.append(("Content-Length", str(len(body))))
        if not keep:
            fields.append(("Connection", "close"))
        lines = [
            f"HTTP/1.1 {status} {_REASONS.get(status, '')}",
            *(f"{name}: {value}" for name, value in fields),
            "",
            "",
        ]
        with_body = asked is None or asked.method != "HEAD"
        self.transport.write("\r\n".join(lines).encode("utf-8", "surrogateescape") + (body if with_body else b""))
        self.done(keep=keep)

    def refuse(self, refused: Refused) -> None:
        """Answer what cannot be read as a request, and hear no more of this client."""
        self._asked = None
        self._drained = 0
        body, fields = self._answerer.refused(refused)
        self.reply(refused.status, body, fields)

    def fail(self, status: int, body: bytes) -> None:
        """Answer that there is no answer, in JSON."""
        self._answering = None
        self.reply(status, body, (("Content-Type", "application/json"),))

    def done(self, *, keep: bool) -> None:
        """The answer is whole."""
        self._asked = self._answering = None
        if self.gone:
            return
        if keep and not self._at_end:
            self.transport.resume_reading()
            self._wait(self._limits.idle_seconds)
            self._loop.call_soon(self._go_on, "")
        elif keep and self._requests.waits_for:  # what was asked before the client said that this was all
            self._loop.call_soon(self._go_on, "")
        elif self._drained is not None and self.transport.can_write_eof() and not self._at_end:
            self.transport.write_eof()
            self._wait(_DRAIN_SECONDS)
        else:
            self.transport.close()

    # --- reading ---

    def _go_on(self, waited_for: str) -> None:
        """Take the next request, if it is whole; else see to it that it does not take for ever."""
        if self.gone or self._asked is not None or self._drained is not None or self.transport.is_closing():
            return
        try:
            asked = self._requests.next()
        except Refused as refused:
            self.refuse(refused)
            return
        if asked is not None:
            self._stop_waiting()
            self._asked = asked
            self._answerer.answer(asked, self)
            return
        if self._requests.asks_to_go_on():
            self.transport.write(_GO_ON)
        waits_for = self._requests.waits_for
        if waits_for == "body":
            self._wait(self._limits.body_seconds)
        elif waits_for == "head" and waited_for != "head":
            self._wait(self._limits.head_seconds)
        elif self._at_end:
            self.transport.close()

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = clock.call_later(self._loop, seconds, self._too_late)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        self._timer = None
        if self._drained is not None:
            self.transport.abort()
        elif self._asked is None and self._requests.waits_for:
            self.refuse(Refused(408, "the request did not come in time"))
        elif self._asked is None:
            self.transport.close()


def make(answerer: Answerer) -> Callable[[], Connection]:
    """What a listening socket calls for each client."""
    return lambda: Connection(answerer)
