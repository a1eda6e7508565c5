"""The two sockets that stand in for a live one during an exchange: one that listens, and one to nowhere that plays.

Know no cassette and no request line: what is written is told to the exchange that holds them, and what comes is asked
of it.
"""

from __future__ import annotations

import errno
import io
import os
import socket
import threading
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from fakegpt_testkit.exchange import SOCK_WRITE, EndingKind
from fakegpt_testkit.wire.capture import reset_name

if TYPE_CHECKING:
    from fakegpt_testkit.wire.arrivals import Arrivals
    from fakegpt_testkit.wire.capture import Capture

FOR_EVER = threading.TIMEOUT_MAX
READ_SIZE = 65536
READABLE = frozenset({"rb", "br"})


class TapSocket:
    """A live socket with an ear on it, for one exchange. Everything else is the live one's."""

    def __init__(self, live: Any, capture: Capture) -> None:
        self.live = live
        self.capture = capture
        self._broken = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.live, name)

    def sendall(self, data: Any, *flags: int) -> None:
        self.capture.written(bytes(data))
        try:
            self.live.sendall(data, *flags)
        except TimeoutError:
            self.capture.lost(EndingKind.TIMEOUT, SOCK_WRITE)
            raise
        except OSError as failure:
            self._broken = reset_name(failure)  # the client may read an answer all the same
            raise

    def close(self) -> None:
        """The client closes it: where it could not send on and read no answer, that is how it ended."""
        if self._broken:
            self.capture.lost(EndingKind.RESET, self._broken)
        self.live.close()

    def send(self, data: Any, *flags: int) -> int:
        sent: int = self.live.send(data, *flags)
        self.capture.written(bytes(data)[:sent])
        return sent

    def makefile(self, mode: str = "r", buffering: int | None = None, **options: Any) -> Any:
        """What a response is read from: the live socket's own reader, heard."""
        if mode not in READABLE:
            return self.live.makefile(mode, buffering, **options)
        return buffered(self.open_file(peeks=is_peek(buffering)), buffering)

    def open_file(self, *, peeks: bool = False) -> TapFile:
        """The live socket's own reader, heard."""
        return TapFile(self.live.makefile("rb", buffering=0), self, peeks=peeks)


class TapFile(io.RawIOBase):
    """The live socket's reader, with each of its reads told to the capture."""

    def __init__(self, raw: io.RawIOBase, tap: TapSocket, *, peeks: bool) -> None:
        self._raw = raw
        self._tap = tap
        self._peeks = peeks
        self._capture = tap.capture
        self._read = self._raw.readinto

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, room: Any) -> int | None:
        capture = self._capture
        try:
            count: int | None = self._read(room)
        except TimeoutError:
            capture.lost(EndingKind.TIMEOUT, "sock_read")
            raise
        except OSError as failure:
            capture.lost(EndingKind.RESET, errno.errorcode.get(failure.errno or 0, "ECONNRESET"))
            raise
        except BaseException:
            capture.lost(EndingKind.CANCELLED)
            raise
        if count is not None:
            capture.heard(bytes(room[:count]))
        return count

    def close(self) -> None:
        if self.closed:
            return
        super().close()
        try:
            if not self._peeks:
                self._hear_out()
                self._tap.capture.left()
        finally:
            self._raw.close()

    def _hear_out(self) -> None:
        """A client that left at the end mark: what still comes is only the framing's end, worth a short wait.

        Or the rest is wanted, however long it takes.
        """
        capture, live = self._tap.capture, self._tap.live
        if not capture.grace():
            return
        before = live.gettimeout()
        try:
            while left := capture.grace():
                live.settimeout(left)
                capture.heard(self._raw.read(READ_SIZE) or b"")
        except TimeoutError:
            pass
        except OSError as failure:
            capture.lost(EndingKind.RESET, reset_name(failure))
        with suppress(OSError):
            live.settimeout(before)


class Supplier(Protocol):
    """What a socket to nowhere asks for: the exchange that it is used for now."""

    def written(self, data: bytes) -> Arrivals | None:
        """The client sent a part of its request; gives what plays where the server takes no more of it."""

    def ready(self) -> bool:
        """Whether an answer to a head alone can be read, as a poll asks: ``100 Continue``."""

    def said(self, most: int) -> bytes:
        """The next bytes of that answer; none when there is none."""

    def source(self) -> Arrivals | TapFile:
        """Where the rest comes from: a tape, or the live service that was asked after all."""

    def closed(self) -> None:
        """The response was closed, read or not."""


class PlayedSocket:
    """A socket to nowhere, on which a connection's exchanges play one after the other.

    ``aside`` is the live socket whose place it took; it goes back when nothing plays any more.
    """

    _unclosed = False

    def __init__(self, peer: tuple[str, int], timeout: object, *, aside: Any = None, tls: bool = False) -> None:
        self.aside = aside
        self.exchange: Supplier | None = None
        self._read: Supplier | None = None  # the exchange whose answer has a file: that one closes it
        self._peer = peer
        self._timeout = socket.getdefaulttimeout()  # what http.client's mark for "not said" means
        if timeout is None or isinstance(timeout, (int, float)):
            self.settimeout(timeout)
        self._tls = tls
        self._shut = threading.Event()
        self._pair: tuple[socket.socket, socket.socket] | None = None
        self._unclosed = True

    def sendall(self, data: Any, *_: int) -> None:
        if self.exchange is None:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        blocked = self.exchange.written(bytes(data))
        if blocked is not None:
            self._wait_for(blocked, 0, "The write operation timed out")

    def send(self, data: Any, *_: int) -> int:
        self.sendall(data)
        return len(data)

    def recv(self, size: int, *_: int) -> bytes:
        room = bytearray(size)
        return bytes(room[: self.recv_into(room)])

    def recv_into(self, room: Any, *_: int) -> int:
        """The next arrival, when it is due: cut at the room there is, as a socket's."""
        if self.exchange is None or self._shut.is_set():
            return 0
        data = self.exchange.said(len(room))
        if not data:
            source = self.exchange.source()
            if isinstance(source, TapFile):
                return source.readinto(room) or 0
            data = self._wait_for(source, len(room))
        room[: len(data)] = data
        return len(data)

    def _wait_for(self, arrivals: Arrivals, most: int, of_tls: str = "The read operation timed out") -> bytes:
        wait = arrivals.wait(self._timeout)
        if wait.seconds and self._shut.wait(min(wait.seconds, FOR_EVER)):
            return b""
        if wait.times_out:
            arrivals.stop()
            raise TimeoutError(of_tls if self._tls else "timed out")
        return arrivals.take(most)

    def makefile(self, mode: str = "r", buffering: int | None = None, **_: Any) -> Any:
        """What a response is read from."""
        assert mode in READABLE, "http.client reads bytes"
        self._read = self.exchange
        return buffered(PlayedFile(self, None if is_peek(buffering) else self.exchange), buffering)

    def settimeout(self, timeout: float | None) -> None:
        self._timeout = None if timeout is None else float(timeout)

    def gettimeout(self) -> float | None:
        return self._timeout

    def fileno(self) -> int:
        """For a poll: readable when an answer to ``Expect: 100-continue`` waits, else silent as an idle connection."""
        near, far = self._pair = self._pair or socket.socketpair()
        if self.exchange is not None and self.exchange.ready():
            far.send(b"!")
        return near.fileno()

    def shutdown(self, _: int) -> None:
        self._shut.set()

    def close(self) -> None:
        """Close it, and the live one that it stands for; the client lets go of an answer that it has not begun."""
        if self.exchange is not None and self.exchange is not self._read:
            self.exchange.closed()
        self._unclosed = False
        self._close_pair()
        if self.aside is not None:
            self.aside.close()
            self.aside = None

    def _close_pair(self) -> None:
        for each in self._pair or ():
            each.close()
        self._pair = None

    def step_aside(self) -> Any:
        """Give the live socket back."""
        self._unclosed = False
        self._close_pair()
        aside, self.aside = self.aside, None
        return aside

    def __del__(self, warn: Any = warnings.warn) -> None:
        if self._unclosed:
            warn(f"unclosed <socket.socket to nowhere, raddr={self._peer}>", ResourceWarning, source=self)
        self.close()

    # What clients and their users ask a socket.

    def getpeername(self) -> tuple[str, int]:
        return self._peer

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 0

    def setsockopt(self, *_: Any) -> None:
        """Nothing to set."""

    def getpeercert(self, binary_form: bool = False) -> bytes | dict[str, Any]:
        return b"" if binary_form else {}

    def selected_alpn_protocol(self) -> str:
        return "http/1.1"

    def version(self) -> str:
        return "TLSv1.3"


class PlayedFile(io.RawIOBase):
    """What ``makefile`` of a socket to nowhere reads from: one arrival a call, as of a live one."""

    def __init__(self, played: PlayedSocket, exchange: Supplier | None) -> None:
        self._played = played
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._played.fileno()

    def readinto(self, room: Any) -> int:
        return self._played.recv_into(room)

    def close(self) -> None:
        if self.closed:
            return
        super().close()
        if self._exchange is not None:
            self._exchange.closed()


def buffered(raw: io.RawIOBase, buffering: int | None) -> Any:
    """As ``socket.makefile`` does."""
    if buffering == 0:
        return raw
    return io.BufferedReader(raw, io.DEFAULT_BUFFER_SIZE if buffering in {None, -1} else buffering or 1)


def is_peek(buffering: int | None) -> bool:
    """Whether a reader is no response's: one without a buffer is botocore's look for ``100 Continue``."""
    return buffering == 0
