"""The rest of an HTTP/2 stream that its client has left, read for the recording where it is still worth it.

Knows no recording: how long it is worth it is the capture's to say. Other streams of the connection go on meanwhile.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, Protocol

from fakegpt_testkit import clock

if TYPE_CHECKING:
    from types import ModuleType

_STEP: Final = 0.05
"""Seconds for which the connection is kept from its other streams at most."""


class Rest(Protocol):
    """What hears the stream."""

    def grace(self) -> float:
        """How many seconds it is still worth to read on."""

    @property
    def url(self) -> Any:
        """The client's own value."""


class Patience(dict[str, float]):
    """A request's timeouts, whose limit for a read is as long as reading on is still worth it."""

    def __init__(self, rest: Rest) -> None:
        super().__init__()
        self._rest = rest

    def get(self, name: str, default: Any = None) -> Any:
        """See ``dict``."""
        return min(self._rest.grace(), _STEP) if name == "read" else default


def _asking_on(core: ModuleType, rest: Rest) -> Any:
    """A request in whose name the rest is read."""
    return core.Request(b"GET", rest.url, extensions={"timeout": Patience(rest)})


def read_on(core: ModuleType, connection: Any, rest: Rest, stream_id: int) -> None:
    """Read until it is not worth it any more. What fails here is the recording's to know, and not the client's."""
    while rest.grace() and connection._read_exception is None:
        try:
            for _ in connection._receive_response_body(request=_asking_on(core, rest), stream_id=stream_id):
                if not rest.grace():
                    return
        except core.ReadTimeout:
            _go_on(connection)
        except Exception:
            return


async def read_on_awaited(core: ModuleType, connection: Any, rest: Rest, stream_id: int) -> None:
    """The twin of ``read_on``; where a test holds the clock, by which the wait would end, nothing more is read."""
    if clock.stands_still():
        return
    while rest.grace() and connection._read_exception is None:
        received = connection._receive_response_body(request=_asking_on(core, rest), stream_id=stream_id)
        try:
            async with aclosing(received) as parts:
                async for _ in parts:
                    if not rest.grace():
                        return
        except core.ReadTimeout:
            _go_on(connection)
        except Exception:
            return


def _go_on(connection: Any) -> None:
    """That wait was ours: for the client the connection is as good as it was."""
    connection._read_exception = None
    connection._connection_error = False
