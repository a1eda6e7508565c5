"""Who is kept from the network, and what may pass all the same.

Knows neither how a call was noticed nor what it does; decides over hosts and programs.
"""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NoReturn

from fakegpt_testkit import errors
from fakegpt_testkit.guard.addresses import Address, address_of, is_loopback_name, network_of
from fakegpt_testkit.guard.callers import asking_library
from fakegpt_testkit.nesting import Layer, innermost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakegpt_testkit.errors import NetworkBlocked


@dataclass(slots=True)
class Guard:
    """Who is kept from the network, what may pass all the same, and what was stopped so far.

    ``hosts`` are names (``*`` stands for anything), addresses and networks such as ``10.0.0.0/8``. The loopback of
    ``this_machine`` may be reached too, except ``proxies``: its ports behind which the network begins.
    """

    test: str
    hosts: tuple[str, ...] = ()
    proxies: frozenset[int] = frozenset()
    subprocesses: bool = True
    this_machine: bool = True
    blocked: list[NetworkBlocked] = field(default_factory=list)
    _learned: set[str] = field(default_factory=set)
    _looked_up: bool = False

    def block(self, call: str, address: str, option: str) -> NoReturn:
        """Stop a call, and keep that it was stopped: many programs swallow exceptions."""
        stopped = errors.NetworkBlocked(self.test, call, address, option, asking_library() if option else "")
        self.blocked.append(stopped)
        raise stopped

    def check_address(self, call: str, host: str, port: object) -> None:
        """Stop a call that would send something to this host, given as an address or a name."""
        address = address_of(host)
        if address is None:
            self.check_name(call, host, port)
            if is_loopback_name(host) and port in self.proxies and not self._allows_name(host):
                self.block(call, f"{host}:{port}, a proxy of the environment", host)
            return
        if self._allows_address(address):
            return
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if not self.this_machine or not (address.is_loopback or address.is_unspecified):
            self.block(call, shown, host)
        if port in self.proxies:
            self.block(call, f"{shown}, a proxy of the environment", host)

    def check_name(self, call: str, host: str, port: object = None) -> None:
        """Stop a name from being looked up. An address needs no looking up."""
        if address_of(host) is not None or (self.this_machine and is_loopback_name(host)):
            return
        if not self._allows_name(host):
            self.block(call, f"{host}:{port}" if port else host, host)
        self._learn(host)

    def _allows_name(self, host: str) -> bool:
        return any(fnmatchcase(host.lower().rstrip("."), each.lower()) for each in self.hosts)

    def _allows_address(self, address: Address) -> bool:
        networks = [network for each in self.hosts if (network := network_of(each)) is not None]
        if "*" in self.hosts or any(address in network for network in networks):
            return True
        names = [each for each in self.hosts if network_of(each) is None and "*" not in each]
        if str(address) not in self._learned and names and not self._looked_up:
            self._looked_up = True  # looked up before the guard, in a cache of the program's own
            for name in names:
                self._learn(name)
        return str(address) in self._learned

    def _learn(self, host: str) -> None:
        """An allowed name's addresses are allowed too."""
        with unguarded(), suppress(OSError, UnicodeError):
            self._learned.update(str(info[4][0]).partition("%")[0] for info in socket.getaddrinfo(host, None))


guards: list[Layer[Guard]] = []
"""Those in force, the innermost last; an empty layer where everything may pass."""

_thread = threading.local()


def active() -> Guard | None:
    """The guard that counts for this thread, now."""
    if not guards or getattr(_thread, "unguarded", False):
        return None
    return innermost(guards)


@contextmanager
def unguarded() -> Iterator[None]:
    """Let this thread's own look-ups pass."""
    _thread.unguarded = True
    try:
        yield
    finally:
        _thread.unguarded = False
