"""What the audit hook does not see: names that are looked up before it is asked, uvloop, libpq, multiprocessing.

Knows which methods these are, on which classes, and takes their place while something is guarded.
"""

from __future__ import annotations

import _socket
import functools
import socket
import sys
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from fakegpt_testkit.guard import interpreters, libpq
from fakegpt_testkit.guard.addresses import stays_here, text_of
from fakegpt_testkit.guard.audit import INSIDE, OUTSIDE, check_start
from fakegpt_testkit.guard.policy import active
from fakegpt_testkit.importing import Later, is_initializing

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from fakegpt_testkit.guard.policy import Guard


def patch() -> None:
    """Put checks in front of what looks a name up before it audits, and of what starts programs without auditing."""
    for name in _NAMING:
        _check_first(socket.socket, name, _check_name_of_socket)
    for name in ("socket", "SocketType"):
        _patched.append((_socket, name, getattr(_socket, name)))
        setattr(_socket, name, _PlainSocket)
    for name in (*libpq.DOORS, *interpreters.DOORS):
        if (module := sys.modules.get(name)) is not None and not is_initializing(module):
            _bind(name, module)
    sys.meta_path.insert(0, _later)
    with suppress(ImportError):
        import _posixsubprocess

        _check_first(_posixsubprocess, "fork_exec", _check_fork_exec)
    if (loop := _uvloop()) is not None:
        for name, check in _UVLOOP.items():
            _check_first(loop, name, check)


def unpatch() -> None:
    """Put everything back."""
    if _later in sys.meta_path:
        sys.meta_path.remove(_later)
    while _patched:
        owner, name, original = _patched.pop()
        if original is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, original)


def _bind(name: str, module: ModuleType) -> None:
    """Put the checks in front of what a module of C has, once it is loaded."""
    for function, check in {**libpq.DOORS, **interpreters.DOORS}[name].items():
        if hasattr(module, function):
            _check_first(module, function, check)


_later: Final = Later({*libpq.DOORS, *interpreters.DOORS}, _bind)

_NAMING: Final = [name for name in ("connect", "connect_ex", "sendto", "sendmsg") if hasattr(socket.socket, name)]
"""The methods of a socket that look a name up."""

_patched: list[tuple[Any, str, Any]] = []
_ABSENT: Final = object()


def _check_first(owner: Any, name: str, check: Callable[..., None]) -> None:
    _patched.append((owner, name, vars(owner).get(name, _ABSENT)))
    setattr(owner, name, _checking(f"{owner.__name__}.{name}", getattr(owner, name), check))


@functools.lru_cache(maxsize=64)
def _checking(call: str, original: Callable[..., Any], check: Callable[..., None]) -> Callable[..., Any]:
    @functools.wraps(original)
    def checking(*args: Any, **kwargs: Any) -> Any:
        if (guard := active()) is not None:
            check(guard, call, *args, **kwargs)
        return original(*args, **kwargs)

    return checking


def _check_name_of_socket(guard: Guard, call: str, sock: socket.socket, *args: Any) -> None:
    """The audit event comes after a name in the address was looked up."""
    address = args[-1]
    if sock.family in OUTSIDE and isinstance(address, tuple) and len(address) > 1 and isinstance(address[0], str):
        guard.check_name(call, address[0], address[1])


class _Plainly(type):
    """Whatever is a socket of the C module stays an instance of what is there by its name."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _PLAIN)


_PLAIN: Final = _socket.socket


class _PlainSocket(_socket.socket, metaclass=_Plainly):
    """The C module's own socket, which a program may use without ``socket``; its methods cannot be replaced."""


for _name in _NAMING:
    setattr(_PlainSocket, _name, _checking(f"_socket.{_name}", getattr(_socket.socket, _name), _check_name_of_socket))


def _check_fork_exec(guard: Guard, _: str, command: tuple[object, ...], *__: object) -> None:
    check_start(guard, "multiprocessing", tuple(command))


@functools.cache
def _uvloop() -> Any:
    """The class of uvloop's loops, imported where it is installed: a test may import it when it already runs."""
    with suppress(ImportError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import uvloop

        return uvloop.Loop
    return None


def _check_connection(
    guard: Guard, call: str, _: object, __: object, host: Any = None, port: Any = None, **___: object
) -> None:
    if host is not None:
        guard.check_address(call, text_of(host), port)


def _check_datagrams(
    guard: Guard, call: str, _: object, __: object, local_addr: Any = None, remote_addr: Any = None, **more: Any
) -> None:
    """Where a datagram of an open endpoint goes is not seen; one that is bound to the loopback cannot leave it."""
    if remote_addr is not None:
        guard.check_address(call, text_of(remote_addr[0]), remote_addr[1])
    elif (sock := more.get("sock")) is not None:
        _check_open(guard, call, sock)
    elif local_addr is None or not stays_here(text_of(local_addr[0])):
        guard.block(call, "anywhere, from an endpoint without a remote address", "*")


def _check_open(guard: Guard, call: str, sock: socket.socket) -> None:
    if sock.family in INSIDE:
        return
    with suppress(OSError):
        sock.getpeername()
        return  # it was checked when it was connected
    if not stays_here(str(sock.getsockname()[0])):
        guard.block(call, "anywhere, from a socket without a remote address", "*")


def _check_asked_name(guard: Guard, call: str, _: object, host: Any, port: Any = None, **__: object) -> None:
    if host is not None:
        guard.check_name(call, text_of(host), port)


def _check_asked_address(guard: Guard, call: str, _: object, address: Any, *__: object) -> None:
    guard.check_address(call, text_of(address[0]), address[1])


def _check_loop_socket(guard: Guard, call: str, _: object, sock: socket.socket, *args: Any) -> None:
    _check_name_of_socket(guard, call, sock, *args)


def _check_program(guard: Guard, call: str, *arguments: object, **_: object) -> None:
    check_start(guard, call, (arguments[2],))  # after the loop and the protocol's factory


_UVLOOP: Final[dict[str, Callable[..., None]]] = {
    "create_connection": _check_connection,
    "create_datagram_endpoint": _check_datagrams,
    "getaddrinfo": _check_asked_name,
    "getnameinfo": _check_asked_address,
    "sock_connect": _check_loop_socket,
    "subprocess_exec": _check_program,
    "subprocess_shell": _check_program,
}
