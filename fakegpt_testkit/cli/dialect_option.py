"""The option by which a command learns whose dialect streams are in that do not show it, also one of a suite's own."""

from __future__ import annotations

import importlib
import sys
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.dialects import Dialect


def speaking(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option, and call it with the name of the ``dialect``, which is known then; or with ``""``."""

    @wraps(command)
    def called(*, dialect: str, **others: Any) -> None:
        command(dialect=_known(dialect) if dialect else "", **others)

    return click.option(
        "--dialect",
        default="",
        metavar="NAME",
        help="Whose streams those are that show it nowhere: openai-chat, or MODULE:NAME of a dialect of your own.",
    )(called)


def _known(said: str) -> str:
    """The name of a dialect; one that stands in a module is imported and added."""
    from fakegpt_testkit import dialects

    module, colon, name = said.partition(":")
    if colon:
        own = _imported(module, name)
        dialects.add(own)
        return own.name
    names = [each.name for each in dialects.known()]
    if said not in names:
        raise _refused(f"{said!r} is none of {', '.join(names)}; one of your own is MODULE:NAME")
    return said


def _imported(module: str, name: str) -> Dialect:
    from fakegpt_testkit import dialects

    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as problem:  # whatever a module of somebody else's raises
        raise _refused(f"{module}:{name} could not be imported: {type(problem).__name__}: {problem}") from problem
    if not isinstance(found, dialects.Dialect):
        raise _refused(f"{module}:{name} is of type {type(found).__name__}, and no Dialect")
    return found


def _refused(problem: str) -> click.BadParameter:
    return click.BadParameter(problem, param_hint="--dialect")
