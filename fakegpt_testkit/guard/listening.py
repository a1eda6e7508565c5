"""Which servers this process has opened, and which of them since a moment: seen where their sockets are bound.

Knows no cassette and stops nothing. Not seen is what a library binds without Python's sockets.
"""

from __future__ import annotations

import socket
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

from fakegpt_testkit.guard.addresses import address_of, is_loopback_name

if TYPE_CHECKING:
    from collections.abc import Iterator

_INTERNET: Final = frozenset({socket.AF_INET, socket.AF_INET6})
_MOST: Final = 1000
"""So many are kept; the oldest go first."""


@dataclass(frozen=True, slots=True)
class _Bound:
    """A socket that was bound: when, by count, to which port where the caller chose it, if for all tests, or by us."""

    number: int
    sock: ref[socket.socket]
    port: int
    service: bool
    ours: bool

    def listens_at(self, port: int) -> bool:
        sock = self.sock()
        if sock is None:
            return False
        with suppress(OSError):  # closed; or handed over to somebody who listens below Python
            return bool(sock.getsockname()[1] == port and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        return False


_bound: list[_Bound] = []
_numbers = count(1)
_services: list[bool] = []


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event != "socket.bind":
        return
    sock, address = args
    if sock.family in _INTERNET and sock.type & socket.SOCK_STREAM:
        _bound[:] = [each for each in _bound if each.sock() is not None][-_MOST:]
        _bound.append(_Bound(next(_numbers), ref(sock), address[1], bool(_services), any(_services)))


_hook.__cantrace__ = True  # type: ignore[attr-defined] # else no debugger and no coverage sees what it calls


@cache
def _install() -> None:
    sys.addaudithook(_hook)  # for good: there is no taking it away


def watch() -> int:
    """Begin to see what is opened; gives the moment, for ``opened``."""
    _install()
    return next(_numbers)


@contextmanager
def services(*, ours: bool = False) -> Iterator[None]:
    """What is opened until the block ends is a service, like one that was there before: it is recorded and played.

    ``ours``: this package serves it, so that nobody is surprised to find it recorded.
    """
    _services.append(ours)
    try:
        yield
    finally:
        _services.pop()


def opened(host: str, port: int, since: int = 0) -> bool:
    """Whether a server of this process listens there that was opened since a moment, and is no service.

    With 0, any server of this process, services too.
    """
    found = _at(host, port)
    return any(each.number > since and not (since and each.service) for each in found)


def is_own(host: str, port: int) -> bool:
    """Whether a server of this process listens there that this package does not serve."""
    return any(not each.ours for each in _at(host, port))


def _at(host: str, port: int) -> list[_Bound]:
    address = address_of(host)
    if not (is_loopback_name(host) if address is None else address.is_loopback or address.is_unspecified):
        return []
    return [each for each in _bound if each.listens_at(port)]
