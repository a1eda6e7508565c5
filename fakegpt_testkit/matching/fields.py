"""Names the fields of a request that decide no match: ``query.t``, ``POST /v1/chat body.messages[*].id``.

Knows nothing of values: a field is a path, and whether a path is ignored is asked step by step while a body is walked.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from fakegpt_testkit.errors import BadSetting

Key = str | int
"""A key of an object or an index of an array."""

Path = tuple[Key, ...]
"""From the root on: ``("body", "messages", 0, "id")``."""

_ROOTS: Final = ("scheme", "host", "port", "query", "headers", "body")
_RULE: Final = re.compile(r"(?:(?P<method>[A-Za-z*]+) +(?P<path>[/*]\S*) +)?(?P<field>[a-z]+(?=[.\[]|\Z).*)", re.DOTALL)
_STEP: Final = re.compile(r'\.(?P<name>[^.\[\]"\s]+)|\[(?P<index>\d+|\*)\]|\[(?P<quoted>"(?:[^"\\]|\\.)*")\]')


class _Wild:
    """A step that stands for other steps."""

    __slots__ = ("word",)

    def __init__(self, word: str) -> None:
        self.word = word


_ONE: Final = _Wild("*")
_ANY_DEPTH: Final = _Wild("**")

_PathPattern = tuple[Key | _Wild, ...]

Reach = tuple[_PathPattern, ...]
"""What is left of the ignored paths at one place of a body; an empty pattern among them: this place is ignored."""


@dataclass(frozen=True, slots=True)
class _Ignored:
    """What is ignored of which requests."""

    method: re.Pattern[str]
    path: re.Pattern[str]
    pattern: _PathPattern


@lru_cache(maxsize=1024)
def _parsed(rule: str) -> _Ignored:
    words = _RULE.fullmatch(rule)
    field = words["field"] if words else ""
    root = re.match(r"[a-z]*", field)
    name = root[0] if root else ""
    if words is None or name not in _ROOTS:
        wanted = (
            f"a path that starts with one of {', '.join(_ROOTS)}, as in 'query.t', 'body.messages[*].id' or "
            "'POST /v1/chat body.user'"
        )
        raise BadSetting("a field to ignore", rule, wanted)
    steps = [*_steps(rule, field, len(name))]
    if name == "headers" and steps and isinstance(steps[0], str):
        steps[0] = steps[0].lower()
    return _Ignored(_glob(words["method"] or "*"), _glob(words["path"] or "*"), (name, *steps))


def _steps(rule: str, field: str, at: int) -> list[Key | _Wild]:
    steps: list[Key | _Wild] = []
    while at < len(field):
        found = _STEP.match(field, at)
        if found is None:
            wanted = (
                f"a path, which it stops being at {field[at:]!r}; a step is '.name', '.*', '.**', '[0]', '[*]' or "
                "'[\"any name\"]'"
            )
            raise BadSetting("a field to ignore", rule, wanted)
        at = found.end()
        if found["quoted"]:
            steps.append(str(json.loads(found["quoted"])))
        elif found["name"]:
            steps.append({"*": _ONE, "**": _ANY_DEPTH}.get(found["name"], found["name"]))
        else:
            steps.append(_ONE if found["index"] == "*" else int(found["index"]))
    return steps


def _glob(words: str) -> re.Pattern[str]:
    return re.compile(re.escape(words).replace(r"\*", ".*"), re.IGNORECASE if words.isalpha() else 0)


def check(rules: tuple[str, ...]) -> None:
    """Raise ``BadSetting`` for the first rule that is not one."""
    for rule in rules:
        _parsed(rule)


@lru_cache(maxsize=1024)
def reach(rules: tuple[str, ...], method: str, path: str, root: str) -> Reach:
    """What the rules ignore under one root (``query``, ``body``, …) of a request to this method and path."""
    ignored = (_parsed(rule) for rule in rules)
    return tuple(
        rule.pattern[1:]
        for rule in ignored
        if rule.pattern[0] == root and rule.method.fullmatch(method) and rule.path.fullmatch(path)
    )


def concerns(rules: tuple[str, ...], method: str, path: str) -> bool:
    """Whether any of the rules ignores something of a request to this method and path."""
    return any(rule.method.fullmatch(method) and rule.path.fullmatch(path) for rule in map(_parsed, rules))


def onward(reached: Reach, step: Key) -> Reach:
    """What is left of the ignored paths one step further in."""
    further: list[_PathPattern] = []
    for pattern in reached:
        if pattern[:1] == (_ANY_DEPTH,):
            further.append(pattern)
            pattern = pattern[1:]  # "**" may also stand for no step at all
        if pattern and (pattern[0] is _ONE or pattern[0] == step):
            further.append(pattern[1:])
    return tuple(further)


def worded(path: Path) -> str:
    """A path as a rule and an error spell it: ``body.messages[0].id``."""
    return "".join(_worded_step(step) for step in path).removeprefix(".")


def _worded_step(step: Key) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if _STEP.fullmatch(f".{step}") and step not in {"*", "**"}:
        return f".{step}"
    return f"[{json.dumps(step, ensure_ascii=False)}]"
