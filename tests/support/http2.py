"""A server that speaks HTTP/2 over TLS, in threads, and says what it is told to."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events

from support.behaviours import EVENTS
from support.tls import server_tls

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator


@contextmanager
def http2_server(
    *,
    resets_after: int = 0,
    parts: tuple[bytes | float, ...] = EVENTS,
    coding: str = "",
    ends: bool = True,
) -> Iterator[str]:
    """Answers each HTTP/2 request with these parts, one DATA frame each, or seconds to wait; then its stream ends.

    With ``resets_after`` it is reset after so many of them; without ``ends`` it stays open.
    """
    tls = server_tls()
    tls.set_alpn_protocols(["h2"])

    def converse(taken: ssl.SSLSocket) -> None:
        state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        state.initiate_connection()
        taken.sendall(state.data_to_send())
        with suppress(OSError):
            while data := taken.recv(65536):
                for event in state.receive_data(data):
                    if isinstance(event, h2.events.StreamEnded):
                        answer(taken, state, event.stream_id)
                taken.sendall(state.data_to_send())
        taken.close()

    def answer(taken: ssl.SSLSocket, state: h2.connection.H2Connection, stream: int) -> None:
        label = [("content-encoding", coding)] if coding else []
        state.send_headers(stream, [(":status", "200"), ("content-type", "text/event-stream"), *label])
        for number, part in enumerate(parts, 1):
            if isinstance(part, float):
                time.sleep(part)
                continue
            state.send_data(stream, part)
            taken.sendall(state.data_to_send())
            if number == resets_after:
                state.reset_stream(stream, 2)
                return
        if ends:
            state.end_stream(stream)

    listening = socket.create_server(("localhost", 0))

    def accept() -> None:
        with suppress(OSError):
            while True:
                taken, _ = listening.accept()
                threading.Thread(target=converse, args=(tls.wrap_socket(taken, server_side=True),), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)
