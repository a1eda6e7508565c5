"""What a suite can say to the plugin, in which four places, and which of them wins.

Knows what the options are called and how they read on a command line, and nothing of what they do.
"""

from __future__ import annotations

from random import SystemRandom
from typing import TYPE_CHECKING, Any, Final, Protocol

import pytest

from fakegpt_testkit.errors import FakeGptTestkitError

if TYPE_CHECKING:
    from collections.abc import Mapping

LIVE_URL: Final = "https://chat-shared2.zhile.io"
"""Where the historical service was, and what its requests are stored as."""

MARKER: Final = "fakegpt"

OPTIONS: Final[dict[str, tuple[str | None, str]]] = {
    "record_mode": ("none", "what becomes of a marked test's requests: none, once, new_episodes, all or rewrite"),
    "url": (LIVE_URL, "the service to record from"),
    "cassette_dir": ("cassettes", "the folder of the cassettes, seen from the rootdir"),
    "pace": ("lockstep", "when a replayed chunk arrives: lockstep, recorded, or a factor of the recorded times"),
    "recut": (None, "play each body in other chunks: byte, event, line, sizes such as 3,5, a seed, or random"),
}
"""What the command line and the ini file can say: its default and its help, by its name in ``fakegpt_config``."""


class Worker(Protocol):
    """What of pytest-xdist's picture of a worker process is used here."""

    config: pytest.Config
    workerinput: dict[str, object]


def declare(parser: pytest.Parser) -> None:
    """Add each option, and an ini key with underscores for it."""
    group = parser.getgroup("fakegpt", "recording and replaying streaming chat")
    for name, (default, explained) in OPTIONS.items():
        flag = f"--fakegpt-{name.replace('_', '-')}"
        group.addoption(flag, dest=f"fakegpt_{name}", default=None, help=f"{explained} (default: {default})")
        parser.addini(f"fakegpt_{name}", explained, default=None)


def for_run(config: pytest.Config, name: str) -> Any:
    """What the command line says of an option, else the ini file, else its default."""
    sources = (config.getoption(f"fakegpt_{name}"), config.getini(f"fakegpt_{name}"), OPTIONS[name][0])
    return next((value for value in sources if value is not None), None)


def for_test(config: pytest.Config, configured: Mapping[str, object], markers: list[pytest.Mark]) -> dict[str, Any]:
    """What the nearest marker says of each option, else the command line, ``configured``, the ini file; with ours."""
    said: dict[str, Any] = {**configured}
    for name in OPTIONS:
        asked = config.getoption(f"fakegpt_{name}")
        said[name] = asked if asked is not None else configured.get(name, for_run(config, name))
    for marker in reversed(markers):
        said.update(marker.kwargs)
    return said


def settle_cuts(config: pytest.Config) -> None:
    """Put a seed in the place of ``random``, for all workers of the run; refuse what is no way of cutting."""
    how = for_run(config, "recut")
    if how is None:
        return
    from fakegpt_testkit.effects import recut

    if how == "random":
        drawn = getattr(config, "workerinput", {}).get("fakegpt_recut")
        how = config.option.fakegpt_recut = drawn or str(SystemRandom().randrange(1_000_000))
    try:
        recut(how)
    except FakeGptTestkitError as wrong:
        raise pytest.UsageError(str(wrong)) from None
