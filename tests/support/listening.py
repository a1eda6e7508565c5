"""For tests that nothing, or something, reaches the network: a listener that counts, and one that answers."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class Listener:
    """Counts what reaches one port of this machine, by TCP and by UDP."""

    port: int
    stream: socket.socket
    datagrams: socket.socket
    _counted: int = 0
    _waits: int = 0
    _stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def arrived(self) -> int:
        """How many came until now; a connection that waits to be taken is counted too."""
        began = self._waits
        while self._waits < began + 2:  # the first may have begun to end before the last one came
            time.sleep(0.005)
        return self._counted

    def serve(self) -> None:
        while not self._stopped.is_set():
            try:
                taken, _ = self.stream.accept()
            except TimeoutError:
                self._waits += 1
            else:
                self._counted += 1
                with taken:
                    taken.settimeout(2)
                    with suppress(OSError):
                        taken.recv(4096)
                        taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def datagram_came(self) -> bool:
        with suppress(TimeoutError):
            self.datagrams.recv(100)
            self._counted += 1
            return True
        return False

    def stop(self) -> None:
        self._stopped.set()


@contextmanager
def answering_each(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """A port at which each connection is answered so, one after the other, and then closed."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                with listener.accept()[0] as taken:
                    answer(taken)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@contextmanager
def listening() -> Iterator[Listener]:
    with socket.socket() as stream, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        stream.bind(("127.0.0.1", 0))
        stream.listen()
        stream.settimeout(0.02)
        port = stream.getsockname()[1]
        datagrams.bind(("127.0.0.1", port))
        datagrams.settimeout(0.2)
        listener = Listener(port, stream, datagrams)
        thread = threading.Thread(target=listener.serve)
        thread.start()
        try:
            yield listener
        finally:
            listener.stop()
            thread.join()
