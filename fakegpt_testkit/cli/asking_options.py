"""The options of commands that ask a service and judge what it answers. Knows no command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

SEVERITIES: Final = ("harmless", "added", "broken")
"""Those of ``drift.Severity``, which takes longer to load than ``--help`` may take."""

proxy = click.option("--proxy", help="An HTTP proxy for all requests.")
timeout = click.option(
    "--timeout", type=float, default=300.0, show_default=True, help="Seconds that each request may take."
)


def fail_on(told: str, *more: str, default: str = "broken") -> Decorator:
    """The least severity that counts; ``more`` are words beside the severities."""
    choice = click.Choice([*SEVERITIES, *more])
    return click.option("--fail-on", type=choice, default=default, show_default=True, help=told)


def report(told: str) -> Decorator:
    """Where to write what was found."""
    return click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help=told)
