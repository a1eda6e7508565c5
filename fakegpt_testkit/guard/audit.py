"""What Python's audit hook sees of calls that leave the process, and what they are stopped by.

Knows no library: whatever goes through Python's own sockets and subprocesses comes by here.
"""

from __future__ import annotations

import functools
import os
import socket
import sys
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from fakegpt_testkit import errors
from fakegpt_testkit.guard.addresses import text_of
from fakegpt_testkit.guard.policy import active, guards

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.guard.policy import Guard

_Inspection: TypeAlias = "Callable[[Guard, str, tuple[Any, ...]], None]"

INSIDE: Final = frozenset(
    getattr(socket, name) for name in ("AF_UNIX", "AF_NETLINK", "AF_ALG") if hasattr(socket, name)
)
"""Families of sockets that end in this machine's kernel."""

PACKETS: Final = getattr(socket, "AF_PACKET", None)
"""The family of sockets that send raw packets, where the system has it."""

OUTSIDE: Final = frozenset({socket.AF_INET, socket.AF_INET6})


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if not guards:
        return
    check = _CHECKS.get(event)
    if check is not None and (guard := active()) is not None:
        check(guard, event, args)


_hook.__cantrace__ = True  # type: ignore[attr-defined] # else no debugger and no coverage sees what it calls


@functools.cache
def install() -> None:
    """Begin to see the process's audit events, once."""
    import fakegpt_testkit.errors.suites  # noqa: F401 - what stops a call is loaded before, not in the midst of the call

    sys.addaudithook(_hook)  # for good: there is no taking it away


def _check_send(guard: Guard, call: str, args: tuple[Any, ...]) -> None:
    sock, address = args
    if address is None or sock.family in INSIDE:
        return
    try:
        if sock.family in OUTSIDE:
            guard.check_address(call, text_of(address[0]), address[1])
        else:
            guard.block(call, repr(address), "*")
    except errors.NetworkBlocked:
        if call == "socket.connect":
            sock.close()  # who opened it does so after an OSError only
        raise


def _check_look_up(guard: Guard, call: str, args: tuple[Any, ...]) -> None:
    host, port = (*args, None)[:2]
    if host is not None:
        guard.check_name(call, text_of(host), port)


def _check_reverse(guard: Guard, call: str, args: tuple[Any, ...]) -> None:
    """What asks for an address's name sends the address."""
    given = args[0]
    host, port = (given[0], given[1]) if isinstance(given, tuple) else (given, None)
    guard.check_address(call, text_of(host), port)


def check_start(guard: Guard, call: str, args: tuple[Any, ...]) -> None:
    """Stop a program from being started, and this one from being copied."""
    if guard.subprocesses:
        return
    program = args[0] if args else ""
    shown = os.fsdecode(program) if isinstance(program, (str, bytes, os.PathLike)) else repr(program)
    if call == "os.system":
        shown = shown.partition(" ")[0]  # a command line; what follows the program may hold a secret
    guard.block(call, shown or "a copy of this process", "")


def _check_open(guard: Guard, call: str, args: tuple[Any, ...]) -> None:
    """Stop a socket of raw packets where it is opened: it sends without naming anybody."""
    if args[1] == PACKETS:
        guard.block(call, "raw packets", "*")


def _check_interpreter(guard: Guard, call: str, _: tuple[Any, ...]) -> None:
    """Stop another interpreter in this process from being made: it has no audit hook of ours."""
    guard.block(call, "another interpreter of this process, which the guard does not see", "*")


_CHECKS: Final[dict[str, _Inspection]] = {
    "cpython.PyInterpreterState_New": _check_interpreter,
    "socket.__new__": _check_open,
    "socket.connect": _check_send,
    "socket.sendto": _check_send,
    "socket.sendmsg": _check_send,
    "socket.getaddrinfo": _check_look_up,
    "socket.gethostbyname": _check_look_up,
    "socket.gethostbyaddr": _check_reverse,
    "socket.getnameinfo": _check_reverse,
    **dict.fromkeys(
        (
            "subprocess.Popen",
            "os.posix_spawn",
            "os.spawn",
            "os.exec",
            "os.fork",
            "os.forkpty",
            "os.system",
            "os.startfile",
            "_winapi.CreateProcess",
        ),
        check_start,
    ),
}
