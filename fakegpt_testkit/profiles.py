"""Services that the package knows more of than their dialect: what is volatile, how one logs in, what a script is.

Knows none of them. Each is named where the package is put together, and imported when somebody first asks: it then adds
what it has, here and to the dialects.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from fakegpt_testkit.exchange import Interaction, Request

_NEAR: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Flow(Protocol):
    """Makes up the answers to the requests of a service's flow."""

    def __call__(
        self, texts: Sequence[str], events: Sequence[bytes], *, url: str, every: float, steps: Sequence[str] | None
    ) -> tuple[Interaction, ...]:
        """An answer that grows by ``texts``, or is ``events`` as they are; ``url`` is the service's own where empty."""


class Client(Protocol):
    """Asks a service its questions again."""

    def __call__(
        self, url: str, proxy: str | None, timeout: float | None
    ) -> Callable[[str, str], Coroutine[None, None, None]]:
        """One login's way to read, and forget, the whole answer to a prompt and a model."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One service.

    ``host`` is where it is, or was, in public. ``volatile`` are the fields of its requests that differ between two runs
    of the same call, in the language of what is ignored; ``owns`` says whether a recorded request is one of its own.
    ``flow`` writes a script, ``login`` has the titles of the requests that come before a question, ``question`` is the
    prompt and the model of a request that the ``client`` would send in just this shape.
    """

    name: str
    host: str
    volatile: tuple[str, ...]
    owns: Callable[[Request], bool]
    flow: Flow
    login: frozenset[str]
    question: Callable[[Request], tuple[str, str] | None]
    client: Client

    def is_volatile(self, asked: Request, recorded: Request) -> bool:
        """Whether ``volatile`` holds between the two: of one origin, or one of them the service's or a stand-in's.

        Two strangers with the same paths are two services, and a recording of one never answers for the other.
        """
        one, other = (each.uri.split("/")[:3] for each in (asked, recorded))
        near = one == other or self._is_at(one[-1]) or self._is_at(other[-1])
        return near and self.owns(recorded)

    def _is_at(self, authority: str) -> bool:
        host = re.sub(r":[0-9]*\Z", "", authority.rpartition("@")[2]).lower()
        return host == self.host or host in _NEAR


_expected: list[str] = []
_dialects: list[str] = []
_known: list[Profile] = []


def expect(module: str, dialect: str) -> None:
    """Import this module when somebody first asks what is known, and the other one when a dialect is looked for."""
    _expected.append(module)
    _dialects.append(dialect)


def arrive(*, dialects: bool = False) -> None:
    """Import what is expected; once it is there, nothing happens."""
    for module in _dialects if dialects else _expected:
        importlib.import_module(module)  # waits for a thread that is importing it: half of it is no answer


def add(profile: Profile) -> None:
    """Know one service more."""
    _known.append(profile)


def known() -> tuple[Profile, ...]:
    """Every service that has a profile."""
    arrive()
    return tuple(_known)


def owned(recorded: Request) -> tuple[str, ...]:
    """The fields that may differ from a recorded request if one is asked that is surely of its service."""
    arrive()
    return tuple(field for each in _known if each.owns(recorded) for field in each.volatile)


def volatile(asked: Request, recorded: Request) -> tuple[str, ...]:
    """The fields that may differ between a request and a recorded one, since they are a service's that we know."""
    arrive()
    found: tuple[str, ...] = ()
    for each in _known:
        if each.is_volatile(asked, recorded):
            found += each.volatile
    return found
