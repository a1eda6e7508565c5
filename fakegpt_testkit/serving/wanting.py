"""What a scenario is to be like, from the JSON or the words that somebody wrote: its cassettes, faults, pace.

Runs nothing that was written: a fault is read as a call with literal arguments, and only faults can be named.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from fakegpt_testkit.effects import Effect, faults
from fakegpt_testkit.errors import BadSetting, EffectMisplaced
from fakegpt_testkit.serving.timing import read_timing

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.serving.library import Shelf
    from fakegpt_testkit.serving.world import Terms

_FAULTS: Final = frozenset(faults.__all__) - {"Sweep", "everywhere"}
_WANTED: Final = "a fault with its arguments, such as 'reset(3)' or 'status(429).on(path=\"/v1/*\").times(1)'"
_SETTINGS: Final = frozenset({"allow_playback_repeats", "echo", "faults", "ignore", "match_on", "recut"})
KEYS: Final = (*sorted(_SETTINGS), "cassettes", "gap", "pace", "steady")


@dataclass(frozen=True, slots=True)
class Wish:
    """Which cassettes, and on which terms."""

    shelf: Shelf
    terms: Terms


def read_wish(said: object, shelf: Shelf, terms: Terms, *, steady: bool) -> Wish:
    """What was said, and the server's own shelf and terms for the rest. Raises ``BadSetting``."""
    if not isinstance(said, dict):
        raise BadSetting("a scenario", said, f"an object with some of {', '.join(KEYS)}")
    for name in said:
        if name not in KEYS:
            raise BadSetting("a scenario's setting", name, f"one of {', '.join(KEYS)}")
    if "cassettes" in said:
        shelf = shelf.chosen(_texts("cassettes", said["cassettes"]))
    changes = {name: said[name] for name in said if name in _SETTINGS}
    if "faults" in changes:
        changes["faults"] = [read_fault(each) for each in _several("faults", changes["faults"])]
    timing = read_timing(said.get("pace"), said.get("gap")) if {"pace", "gap"} & set(said) else terms.timing
    steady = said.get("steady", steady)
    if not isinstance(steady, bool):
        raise BadSetting("steady", steady, "true or false")
    settings = terms.settings.merged(changes)
    return Wish(shelf, replace(terms, settings=settings, timing=timing, steady=steady))


def read_fault(said: object) -> Effect:
    """A fault, written as in Python. Raises ``BadSetting``."""
    if isinstance(said, str):
        try:
            return _call(ast.parse(said.strip(), mode="eval").body)
        except (SyntaxError, ValueError, TypeError, EffectMisplaced, RecursionError) as wrong:
            raise BadSetting("faults", said, f"{_WANTED} ({wrong})") from None
    raise BadSetting("faults", said, _WANTED)


def _call(node: ast.expr) -> Effect:
    if isinstance(node, ast.Name):
        node = ast.Call(node, [], [])
    if not isinstance(node, ast.Call):
        raise TypeError("it is no call")
    args = [ast.literal_eval(each) for each in node.args]
    kwargs = {str(each.arg): ast.literal_eval(each.value) for each in node.keywords}
    match node.func:
        case ast.Name(id=name) if name in _FAULTS:
            made = cast("Callable[..., Effect]", getattr(faults, name))(*args, **kwargs)
        case ast.Attribute(value=value, attr="on" | "times" as name):
            made = cast("Callable[..., Effect]", getattr(_call(value), name))(*args, **kwargs)
        case _:
            raise TypeError(f"the faults are {', '.join(sorted(_FAULTS))}")
    return made


def _several(name: str, value: object) -> list[object]:
    if not isinstance(value, list):
        raise BadSetting(name, value, "a list")
    return value


def _texts(name: str, value: object) -> list[str]:
    texts = _several(name, value)
    if not all(isinstance(each, str) for each in texts):
        raise BadSetting(name, value, "a list of names")
    return cast("list[str]", texts)
