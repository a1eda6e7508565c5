"""Plays a tape to aiohttp's own response handler, on a transport that has no socket.

Knows no cassette and starts no task: all happens in callbacks of the loop. What the client sees, exceptions included,
comes from aiohttp's parser and reader as they meet the recorded bytes.
"""

from __future__ import annotations

import asyncio
import errno
import os
from types import coroutine
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import StreamReader
from aiohttp.client_proto import ResponseHandler

from fakegpt_testkit import clock
from fakegpt_testkit.clients.aiohttp.paces import pace_from
from fakegpt_testkit.clients.aiohttp.progress import Progress
from fakegpt_testkit.errors import ResponseNotRecorded
from fakegpt_testkit.exchange import EndingKind
from fakegpt_testkit.wire.writing import encode_breach, frames_of, is_delimited, keeps_open

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from aiohttp.http import RawResponseMessage

    from fakegpt_testkit.exchange import Tape
    from fakegpt_testkit.wire.deck import Pace


class PlayedReader(StreamReader):
    """A response's content that says when its client is about to wait.

    ``_wait`` is where every read of aiohttp's reader ends up when there is nothing to give; there is no public place
    that tells a client that waits from one that is busy. The other methods are for clients that poll.
    """

    __slots__ = ()
    _protocol: PlayedHandler

    async def _wait(self, func_name: str) -> None:
        player = self._protocol.player
        if player is not None and self._waiter is None and player.feeds_at_once:
            # A future that is set at once would cost the loop two rounds and twice the time. One round it has to be,
            # and before the bytes: other tasks, timers and a cancellation get their turn between two chunks, and a
            # second reader is refused, as on a wire. A total timeout that fires in it is raised by the next read.
            self._waiter = _GIVING_WAY
            try:
                await _give_way()
            finally:
                self._waiter = None
            if not self._buffer and not self._eof and self._exception is None:
                player.feed_at_once()
            if self._exception is not None:
                raise self._exception
            if self._buffer or self._eof or self._http_chunk_splits:
                return
        self._protocol.wanted()
        await super()._wait(func_name)

    async def wait_eof(self) -> None:
        """See ``StreamReader.wait_eof``: here all the rest arrives, since nothing else would make it."""
        self._protocol.wanted(all_of_it=True)
        await super().wait_eof()

    def read_nowait(self, n: int = -1) -> bytes:
        """See ``StreamReader.read_nowait``."""
        data = super().read_nowait(n)
        if not data:
            self._protocol.wanted()
        return data

    def at_eof(self) -> bool:
        """See ``StreamReader.at_eof``."""
        at_eof = super().at_eof()
        if not at_eof and not self._buffer:
            self._protocol.wanted()
        return at_eof

    def is_eof(self) -> bool:
        """See ``StreamReader.is_eof``: who asks again and again waits for the rest, read or not."""
        is_eof = super().is_eof()
        if not is_eof:
            self._protocol.wanted()
        return is_eof


@coroutine
def _give_way() -> Generator[None, None, None]:
    """Let the loop do one round."""
    yield


class _GivingWay(asyncio.Future[None]):
    """What stands in a reader's place for its waiter during that round: never done, and nothing to set."""

    def __init__(self) -> None:
        """Belongs to no loop."""

    def done(self) -> bool:
        return False

    def set_result(self, result: None) -> None:
        """Nobody awaits it."""

    def set_exception(self, exception: type | BaseException) -> None:
        """Nobody awaits it."""


_GIVING_WAY = _GivingWay()


class PlayedHandler(ResponseHandler):
    """aiohttp's handler, whose content asks the player for more."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.player: Player | None = None
        self.content: StreamReader | None = None
        self.force_close()  # never into the pool: there is no socket to use again

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        _, content = data
        if type(content) is StreamReader:
            content.__class__ = PlayedReader
            self.content = content
        super().feed_data(data, size)

    def resume_reading(self, *args: bool, **options: bool) -> None:
        if self._reading_paused:  # else there is nothing to resume, and aiohttp asks after each read
            super().resume_reading(*args, **options)

    def forget(self) -> None:
        """Let go of a content that takes or gives no more: a response that nobody holds is freed at once, as live."""
        if self.content is None or (self.content._eof and self.content._buffer):
            return
        if self.player is not None:
            self.player.count()
        self.player = self.content = None

    def wanted(self, *, all_of_it: bool = False) -> None:
        if self.player is not None:
            self.player.wanted(all_of_it=all_of_it)


def _unheard(_: bytes) -> None:
    """Written after all was decided."""


class PlayedTransport(asyncio.Transport):
    """A transport to nowhere: hands on what is written, and is closed like a socket's."""

    def __init__(
        self,
        handler: PlayedHandler,
        written: Callable[[bytes], None],
        peer: tuple[str, int],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(extra={"peername": peer})
        self._handler = handler
        self._written = written
        self._loop = loop
        self._closing = False
        self.reading = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._closing:
            self._written(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self.lose(None)

    def abort(self) -> None:
        self.lose(None)

    def hear_no_more(self) -> None:
        """Let go of who heard what is written: with it goes the client's session, which may be told as unclosed."""
        self._written = _unheard

    def lose(self, exc: BaseException | None) -> None:
        """End the connection. The handler hears of it in the loop's next round, as from a socket."""
        if self._closing:
            return
        self._closing = True
        self.hear_no_more()
        if self._handler.player is not None:
            self._handler.player.stop()
        self._loop.call_soon(self._lost, exc)

    def _lost(self, exc: BaseException | None) -> None:
        self._handler.connection_lost(exc)
        self._handler.forget()

    def is_reading(self) -> bool:
        return self.reading and not self._closing

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True
        if self._handler.player is not None:
            self._handler.player.resume()

    def can_write_eof(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is buffered."""

    def get_write_buffer_size(self) -> int:
        return 0


class Player:
    """Feeds one tape to one handler, at a pace. ``progress`` is what may be kept of it."""

    def __init__(
        self, tape: Tape, method: str, handler: PlayedHandler, transport: PlayedTransport, pace: Pace, where: str
    ) -> None:
        self.progress = Progress(self)
        self._loop = asyncio.get_running_loop()
        self._tape = tape
        self._method = method
        self._handler = handler
        self._transport = transport
        self._pace = pace_from(pace, clock.waiting)
        self._where = where
        self._delimited = is_delimited(tape, method)
        self._complete = tape.ending.kind is EndingKind.COMPLETE
        self._frames = frames_of(tape, method)
        self._next = next(self._frames, None)
        self._handle: clock.Timer | None = None
        self._ended = False
        self._over = False
        self.left_early = False
        self._counted = 0, 0
        self._pace.begin(self)

    def __del__(self) -> None:
        """Gone with its response, which nobody closed."""
        self.progress.keep(self)

    @property
    def is_open(self) -> bool:
        """Whether more is to be played, and the client has not let go."""
        return not (self._over or self._ended)

    @property
    def read(self) -> int:
        """How many bytes of the body the client has taken, after content decoding."""
        content = self._handler.content
        return self._counted[0] if content is None else content._cursor

    @property
    def fed(self) -> int:
        """How many bytes of the body have arrived at the client, after content decoding."""
        content = self._handler.content
        return self._counted[1] if content is None else content.total_bytes

    def count(self) -> None:
        """Note what the client took, before its content is let go of."""
        self._counted = self.read, self.fed

    def wanted(self, *, all_of_it: bool = False) -> None:
        """The client waits for bytes."""
        self._pace.wanted(self, all_of_it=all_of_it)

    @property
    def feeds_at_once(self) -> bool:
        """Whether the next arrival can be fed to a client that waits, in no time."""
        ready = self._next is not None and self._handle is None and not self._over
        return self._pace.takes_no_time and ready and self._transport.reading

    def feed_at_once(self) -> None:
        """Feed the next arrival if it still can be."""
        if self._next is not None and self.feeds_at_once:
            self._feed(self._next[1])

    def resume(self) -> None:
        """The client has room again."""
        self._pace.resumed(self)

    @property
    def keeps_alive(self) -> bool:
        """Whether a live connection could be used again after this."""
        return self._next is None and self._complete and self._delimited and keeps_open(self._tape.head)

    def stop(self) -> None:
        """Play nothing more. ``left_early`` says from then on whether the client went before all was played."""
        if not self._over:
            self.left_early = not self._ended
        self._over = True
        self.progress.keep(self)
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    @property
    def due(self) -> float:
        """When the next arrival came, or the end, in seconds since the request was sent."""
        return self._next[0] if self._next is not None else self._tape.ending.at

    @property
    def waits_at_its_end(self) -> bool:
        """Whether all has arrived but the end, and nothing is about to happen."""
        return self._next is None and self._handle is None

    def step_soon(self) -> None:
        """Take the next step in the loop's next round, if none is to come yet."""
        if self._handle is None and not self._over:
            self._handle = self._loop.call_soon(self._step)

    def step_at(self, moment: float) -> None:
        """Take the next step at a moment of the clock by which the client waits."""
        if not self._over:
            self._handle = clock.call_at(self._loop, moment, self._step)

    def step_next_round(self) -> None:
        """Take the next step a round later: on a wire it is another arrival, the client has read the one before."""
        self._handle = self._loop.call_soon(self._step_in_a_round)

    def _step_in_a_round(self) -> None:
        self._handle = self._loop.call_soon(self._step)

    def _step(self) -> None:
        self._handle = None
        if not self._transport.reading:
            self._pace.held_up()
        elif self._next is not None:
            self._feed(self._next[1])
        else:
            self._ended = True
            self._end()

    def _feed(self, data: bytes) -> None:
        self._next = after = next(self._frames, None)
        self._ended = after is None and self._delimited and self._complete
        self._handler.data_received(data)
        if not self._over:
            by_itself = self._complete if after is None else not after[2]
            no_head = self._handler.content is None and not self._tape.status  # nobody can ask for more yet
            self._pace.fed(self, belongs_to_it=by_itself or no_head)

    def _end(self) -> None:
        ending = self._tape.ending
        match ending.kind:
            case EndingKind.COMPLETE:
                if not self._delimited:
                    self._handler.eof_received()
                    self._transport.lose(None)
                self._over = True
            case EndingKind.EOF:
                self._handler.eof_received()
                self._transport.lose(None)
            case EndingKind.RESET:
                number = getattr(errno, ending.note, errno.ECONNRESET)
                self._transport.lose(OSError(number, os.strerror(number)))
            case EndingKind.MALFORMED:
                self._handler.data_received(encode_breach(self._tape, self._method))
                if self._pace.takes_no_time:
                    self._loop.call_soon(self._time_out_if_stuck)
            case EndingKind.TIMEOUT:
                # The client's own timer fires after some time; in lockstep none passes, so it fires now.
                if self._pace.takes_no_time:
                    self._fail(read_timeout() if ending.note == "sock_read" else TimeoutError())
            case EndingKind.CANCELLED | EndingKind.STALLED:
                pass  # the client waits, until it is cancelled or its own timeout fires
            case EndingKind.ABANDONED | EndingKind.KILLED | EndingKind.UNCONNECTED:
                self._fail(ResponseNotRecorded(self._where, len(self._tape.pieces), ending.kind.value))

    def _time_out_if_stuck(self) -> None:
        """Aiohttp's C parser tells nobody of a bad chunk head after good ones: the client hangs until its timeout."""
        content = self._handler.content
        if content is not None and content.exception() is None:
            content.set_exception(TimeoutError())

    def _fail(self, failure: Exception) -> None:
        self._over = True
        self._handler.set_exception(failure)
        if self._handler.content is not None:
            self._handler.content.set_exception(failure)


def read_timeout() -> TimeoutError:
    """What aiohttp raises when nothing came for ``sock_read`` seconds; the class got its name in aiohttp 3.10."""
    timed_out: type[TimeoutError] = getattr(aiohttp, "SocketTimeoutError", aiohttp.ServerTimeoutError)
    return timed_out("Timeout on reading data from socket")
