"""Which requests are no part of a recording: they pass, asked and not recorded.

Knows no client; where a server of this process listens, the guard's room says.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fakegpt_testkit import guard

if TYPE_CHECKING:
    from collections.abc import Sequence

OWN: Final = "own"
"""What stands for all servers of this process."""

_ADDRESS: Final = r"\[[0-9a-f:.]+\]|[0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*"
_HOST: Final = re.compile(rf"(?P<host>{_ADDRESS}|[\w.*?-]+)(?::(?P<port>\d{{1,5}}))?", re.IGNORECASE)
guard.watch()  # from now on: a server may be older than the first cassette
_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}


class Passing:
    """What passes while a cassette is open: servers that this process opens meanwhile, and hosts that are named."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self.count = 0
        self.taken: set[str] = set()
        """Servers of this process that were asked and did not pass."""
        self._own = OWN in hosts
        self._hosts = [split_host(each) for each in hosts if each != OWN]
        self._since = guard.watch()

    def passes(self, uri: str) -> bool:
        """Whether a request to this URI is no part of the recording."""
        host, port = _place(uri)
        if any(fnmatchcase(host, name) and wanted in {None, port} for name, wanted in self._hosts):
            return True
        if guard.opened(host, port, 0 if self._own else self._since):
            return True
        if guard.is_own(host, port):
            self.taken.add(f"{host}:{port}")
        return False


def split_host(text: str) -> tuple[str, int | None]:
    """A host, which may have wildcards, and its port. Raises ``ValueError`` for a text that is neither."""
    found = _HOST.fullmatch(text)
    if found is None or not 0 < int(found["port"] or 1) < 65536:
        raise ValueError(text)
    return found["host"].strip("[]").lower(), int(found["port"]) if found["port"] else None


@lru_cache(maxsize=1024)
def _place(uri: str) -> tuple[str, int]:
    try:
        parts = urlsplit(uri)
        return (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", 0
