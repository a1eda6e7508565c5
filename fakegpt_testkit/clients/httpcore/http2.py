"""HTTP/2 while it is recorded: what the client's own h2 state gives one stream is noted, one chunk a DATA frame.

A tap on the bytes could not read them: on a connection that was kept alive the state of HPACK is not known.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from fakegpt_testkit import clock
from fakegpt_testkit.clients.httpcore.exchanges import KEY, Asked
from fakegpt_testkit.clients.httpcore.failures import H2
from fakegpt_testkit.clients.httpcore.leaving import read_on, read_on_awaited
from fakegpt_testkit.cuts import Received
from fakegpt_testkit.exchange import Breach, Chunk, Ending, EndingKind, Head, Request
from fakegpt_testkit.wire.capture import TOGETHER, Moments, reset_name
from fakegpt_testkit.wire.codings import Decoding, Undecodable
from fakegpt_testkit.wire.leaving import Leaving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

_LONGEST_NOTE = 80


class StreamCapture:
    """One HTTP/2 stream, told to a recording."""

    def __init__(self, asked: Asked, headers: Iterable[tuple[bytes, bytes]], url: Any) -> None:
        self.url = url
        self._recording = asked.record()
        self._asked = asked
        self._headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
        self._body = bytearray()
        now = clock.waiting()
        self._moments = Moments(now)
        self._leaving = Leaving(self._recording, now, self._moments)
        self._waiting: list[Chunk] = []
        self._size = 0  # of what waits
        self._waits = False
        self._decoding = Decoding(())
        self._coded = Received()
        self._requested = self._over = False

    def grace(self) -> float:
        """How many seconds it is still worth to read on where the client leaves; see ``Capture``."""
        self._tell()
        return 0.0 if self._over else self._leaving.grace()

    def written(self, data: bytes) -> None:
        """A part of the request's body."""
        self._body += data

    def event(self, event: Any) -> None:
        """What h2 says of the stream."""
        if self._over:
            return
        match type(event).__name__:
            case "ResponseReceived":
                fields = [(_text(name), _text(value)) for name, value in event.headers]
                headers = tuple(field for field in fields if not field[0].startswith(":"))
                self._decoding = Decoding(headers)
                self._request()
                self._recording.head(Head(int(dict(fields)[":status"]), "", headers, "2", self._moments.next()))
            case "DataReceived":
                if event.data:
                    self._data(event.data)
            case "StreamEnded":
                self.ended(EndingKind.COMPLETE)

    def failed(self, core: ModuleType, failure: BaseException) -> None:
        """The wait for an event ended otherwise."""
        if self._leaving.begun and not isinstance(failure, (core.RemoteProtocolError, core.NetworkError)):
            return  # the client has left, and it is we who wait
        if isinstance(failure, core.ReadTimeout):
            self.ended(EndingKind.TIMEOUT, "sock_read")
        elif isinstance(failure, core.RemoteProtocolError):
            self.ended(EndingKind.RESET, f"{H2}{failure}"[:_LONGEST_NOTE])
        elif isinstance(failure, core.NetworkError):
            self.ended(EndingKind.RESET, reset_name(failure))
        else:
            self.ended(EndingKind.CANCELLED)

    def ended(self, kind: EndingKind, note: str = "") -> None:
        """Nothing follows."""
        if not self._over:
            self._tell()
            self._over = True
            self._request()
            self._recording.ended(Ending(kind, self._moments.next(), note, self._leaving.at), self._coded)

    def _data(self, received: bytes) -> None:
        try:
            chunk = Chunk(self._moments.next(), self._decoding.decode(received))
        except Undecodable:  # the client hears of it from its own decoder
            self._coded.add(Chunk(self._moments.last, b""), Chunk(self._moments.last, received))
            self.ended(EndingKind.MALFORMED, Breach.CODING.value)
            return
        if self._decoding.is_coded:
            self._coded.add(chunk, Chunk(chunk.at, received))
        if chunk.data:
            with self._recording.lock:
                self._waiting.append(chunk)
                self._size += len(received)
                self._waits = self._waits or self._recording.later(self._tell)
                if not self._waits or self._size >= TOGETHER or self._decoding.is_coded:
                    self._tell()

    def _tell(self) -> None:
        """Tell of what came shortly after each other, from whatever thread."""
        with self._recording.lock:
            chunks, self._waiting = self._waiting, []
            self._size, self._waits = 0, False
            if chunks:
                self._leaving.look(b"".join([chunk.data for chunk in chunks]))
                self._recording.chunk(*chunks)

    def _request(self) -> None:
        if not self._requested:
            self._requested = True
            self._recording.request(Request(self._asked.method, self._asked.uri, self._headers, bytes(self._body)))


def _text(raw: bytes | str) -> str:
    return raw.decode("latin-1") if isinstance(raw, bytes) else raw


class Captures:
    """The captures of each connection, by the number of the stream."""

    def __init__(self) -> None:
        self._all: WeakKeyDictionary[Any, dict[int, StreamCapture]] = WeakKeyDictionary()

    def begin(self, connection: Any, request: Any, stream_id: int) -> None:
        """A request's head is about to be sent."""
        asked = request.extensions.get(KEY)
        if isinstance(asked, Asked):
            self._all.setdefault(connection, {})[stream_id] = StreamCapture(asked, request.headers, request.url)

    def find(self, connection: Any, stream_id: int) -> StreamCapture | None:
        """The capture of this stream, if it is recorded."""
        return self._all.get(connection, {}).get(stream_id)

    def end(self, connection: Any, stream_id: int) -> None:
        """The client lets go of the stream."""
        if (capture := self._all.get(connection, {}).pop(stream_id, None)) is not None:
            capture.ended(EndingKind.ABANDONED)


def bind(core: ModuleType) -> list[tuple[type, str, Callable[[Any], Any]]]:
    """What is replaced; nothing before httpcore 0.17, which has other names within."""
    if not hasattr(core.HTTP2Connection, "_send_stream_data"):
        return []
    captures = Captures()
    owners = (core.HTTP2Connection, False), (core.AsyncHTTP2Connection, True)
    return [
        (owner, name, partial(replace, captures, core, awaited))
        for owner, awaited in owners
        for name, replace in (
            ("_send_request_headers", replace_headers),
            ("_send_stream_data", replace_data),
            ("_receive_stream_event", replace_event),
            ("_response_closed", replace_closed),
        )
    ]


def replace_headers(captures: Captures, core: ModuleType, awaited: bool, original: Any) -> Any:  # noqa: ARG001
    """What is called before a request's head goes; the twin's coroutine is handed on as it is."""

    def send_request_headers(self: Any, request: Any, stream_id: int) -> Any:
        captures.begin(self, request, stream_id)
        return original(self, request, stream_id)

    return send_request_headers


def replace_data(captures: Captures, core: ModuleType, awaited: bool, original: Any) -> Any:  # noqa: ARG001
    """What is called with each part of a request's body."""

    def send_stream_data(self: Any, request: Any, stream_id: int, data: bytes) -> Any:
        if (capture := captures.find(self, stream_id)) is not None:
            capture.written(data)
        return original(self, request, stream_id, data)

    return send_stream_data


def replace_event(captures: Captures, core: ModuleType, awaited: bool, original: Any) -> Any:
    """What gives the next event of a stream."""

    @contextmanager
    def told(self: Any, stream_id: int) -> Iterator[Callable[[Any], None]]:
        capture = captures.find(self, stream_id)
        try:
            yield capture.event if capture is not None else _nothing
        except BaseException as failure:
            if capture is not None:
                capture.failed(core, failure)
            raise

    def receive_stream_event(self: Any, request: Any, stream_id: int) -> Any:
        with told(self, stream_id) as tell:
            event = original(self, request, stream_id)
            tell(event)
        return event

    async def receive_stream_event_awaited(self: Any, request: Any, stream_id: int) -> Any:
        with told(self, stream_id) as tell:
            event = await original(self, request, stream_id)
            tell(event)
        return event

    return receive_stream_event_awaited if awaited else receive_stream_event


def replace_closed(captures: Captures, core: ModuleType, awaited: bool, original: Any) -> Any:
    """What is called when the client lets go of a stream."""

    def response_closed(self: Any, stream_id: int) -> None:
        try:
            if (capture := captures.find(self, stream_id)) is not None:
                read_on(core, self, capture, stream_id)
        finally:
            captures.end(self, stream_id)
            original(self, stream_id)

    async def response_closed_awaited(self: Any, stream_id: int) -> None:
        try:
            if (capture := captures.find(self, stream_id)) is not None:
                await read_on_awaited(core, self, capture, stream_id)
        finally:
            captures.end(self, stream_id)
            await original(self, stream_id)

    return response_closed_awaited if awaited else response_closed


def _nothing(_: object) -> None:
    """Nobody records this stream."""
