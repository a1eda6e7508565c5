"""Keeps this process from the network: Python's audit hook, and the calls that are hidden from it.

Knows no pytest and no cassette. Not seen are sockets that were connected before, and libraries that call the operating
system by themselves (pycares, libcurl, gRPC's core). A forked child stays guarded, a program that is started does not.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from fakegpt_testkit import nesting
from fakegpt_testkit.guard.addresses import read_hosts, read_proxies
from fakegpt_testkit.guard.audit import install
from fakegpt_testkit.guard.hidden import patch, unpatch
from fakegpt_testkit.guard.listening import is_own, opened, services, watch
from fakegpt_testkit.guard.policy import Guard, guards

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

__all__ = ["Guard", "guarded", "is_own", "lifted", "opened", "read_hosts", "read_proxies", "services", "watch"]


@contextmanager
def guarded(guard: Guard) -> Iterator[Guard]:
    """Keep the whole process, all its threads, from the network. Guards nest; the innermost one counts."""
    install()
    if not guards:
        patch()
    try:
        with nesting.inside(guards, guard):
            yield guard
    finally:
        if not guards:
            unpatch()


def lifted() -> AbstractContextManager[None]:
    """Let everything pass again, inside of guards, until the block ends."""
    return nesting.lifted(guards)
