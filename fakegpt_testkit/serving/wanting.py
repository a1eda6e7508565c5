"""What a scenario is to be like, from the JSON or the words that somebody wrote: its cassettes or script, faults, pace.

Runs nothing that was written: a fault is read as a call with literal arguments, and only faults can be named.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from inspect import signature
from typing import TYPE_CHECKING, Final, cast

from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.dialects import ToolCall
from fakegpt_testkit.effects import Effect, faults, script
from fakegpt_testkit.errors import BadSetting, EffectMisplaced
from fakegpt_testkit.serving.library import Shelf
from fakegpt_testkit.serving.timing import RECORDED, read_timing
from fakegpt_testkit.wording import choice

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.exchange import Interaction
    from fakegpt_testkit.serving.acting import Casting, StandIns
    from fakegpt_testkit.serving.world import Terms

_FAULTS: Final = frozenset(faults.__all__) - {"Sweep", "everywhere"}
_WANTED: Final = "a fault with its arguments, such as 'reset(3)' or 'status(429).on(path=\"/v1/*\").times(1)'"
_SETTINGS: Final = frozenset({"allow_playback_repeats", "echo", "faults", "ignore", "match_on", "recut"})
KEYS: Final = (*sorted(_SETTINGS), "cassettes", "gap", "pace", "script", "stand_in", "steady")
_SCRIPT: Final = """script's arguments, such as {"dialect": "openai-chat", "texts": ["Hel", "lo"]}, or a list of them"""
_ARGUMENTS: Final = frozenset({*signature(script).parameters})


@dataclass(frozen=True, slots=True)
class Wish:
    """Which cassettes, and on which terms; or a stand-in that knows its own."""

    shelf: Shelf
    terms: Terms
    casting: Casting | None = None


def read_wish(said: object, shelf: Shelf, terms: Terms, stand_ins: StandIns, *, steady: bool) -> Wish:
    """What was said, and the server's own shelf and terms for the rest. Raises ``BadSetting``.

    ``stand_ins`` has the stand-ins that can be asked for.
    """
    if not isinstance(said, dict):
        raise BadSetting("a scenario", said, f"an object with some of {', '.join(KEYS)}")
    for name in said:
        if name not in KEYS:
            raise BadSetting("a scenario's setting", name, choice(name, KEYS))
    given = [name for name in ("cassettes", "script", "stand_in") if name in said]
    if len(given) > 1:
        raise BadSetting(given[1], said[given[1]], f"{' or '.join(given)}: a scenario answers from one of them")
    if "stand_in" in said:
        if len(said) > 1:
            raise BadSetting("stand_in", said["stand_in"], "alone: a stand-in has settings of its own")
        return Wish(Shelf(()), replace(terms, timing=RECORDED), _casting(said["stand_in"], stand_ins))
    if "script" in said:
        shelf = Shelf((Cassette(read_script(said["script"]), "the script"),))
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


def read_script(said: object) -> tuple[Interaction, ...]:
    """The interactions of a script, or of several, from the arguments of ``script``. Raises ``BadSetting``."""
    made: list[Interaction] = []
    for each in said if isinstance(said, list) and said else [said]:
        if not isinstance(each, dict):
            raise BadSetting("script", each, _SCRIPT)
        for name in each:
            if name not in _ARGUMENTS:
                raise BadSetting("script's argument", name, choice(name, sorted(_ARGUMENTS)))
        arguments = {name: value for name, value in each.items() if name != "texts"}
        if "tool_calls" in arguments:
            arguments["tool_calls"] = [_tool_call(call) for call in _several("tool_calls", arguments["tool_calls"])]
        try:
            made += script(*_texts("texts", each.get("texts", [])), **arguments)
        except (TypeError, ValueError, AttributeError, EffectMisplaced) as wrong:
            raise BadSetting("script", each, f"{_SCRIPT} ({wrong})") from None
    return tuple(made)


def _tool_call(said: object) -> ToolCall:
    try:
        return ToolCall(**cast("dict[str, str]", said))
    except TypeError as wrong:
        wanted = """calls, such as {"name": "weather", "arguments": {"city": "Rome"}}"""
        raise BadSetting("tool_calls", said, f"{wanted} ({wrong})") from None


def _casting(said: object, known: StandIns) -> Casting:
    """Which stand-in, by its ``dialect``; the rest of what was said is for that."""
    if not isinstance(said, dict) or not all(isinstance(name, str) for name in said):
        raise BadSetting("stand_in", said, "an object with a stand-in's settings")
    name = said.get("dialect", next(iter(known), ""))
    if not isinstance(name, str) or name not in known:
        raise BadSetting("stand_in's dialect", name, f"one of {', '.join(known) or 'none, for it knows none'}")
    return known[name]({key: value for key, value in said.items() if key != "dialect"})


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
