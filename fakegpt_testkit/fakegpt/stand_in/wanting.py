"""The stand-in's options from JSON that somebody wrote. Knows no server."""

from __future__ import annotations

from dataclasses import fields
from types import NoneType
from typing import Any, Final

from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.fakegpt.stand_in.options import Options, StepRefusal
from fakegpt_testkit.wording import choice

_TEXT: Final = (str, NoneType)
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "text": _TEXT,
    "body": _TEXT,
    "events": (int, NoneType),
    "delay": (int, float),
    "refusal": (dict, NoneType),
    "noise": (list,),
    "drift": (list,),
    "times": (int, NoneType),
}
"""What JSON has for an option; for others what their default is."""


def read_options(said: object) -> Options:
    """What an object of JSON says, by the options' names; a ``body`` is text. Raises ``BadSetting``."""
    told = _fields_of(Options, "stand_in", said)
    for name in ("noise", "drift"):
        if name in told:
            told[name] = frozenset(map(str, told[name]))
    if told.get("body") is not None:
        told["body"] = told["body"].encode()
    if told.get("refusal") is not None:
        told["refusal"] = StepRefusal(**_fields_of(StepRefusal, "refusal", told["refusal"]))
    return Options(**told)


def _fields_of(of: type[Options | StepRefusal], what: str, said: object) -> dict[str, Any]:
    known = {each.name: _KINDS.get(each.name, (type(each.default),)) for each in fields(of)}
    if not isinstance(said, dict):
        raise BadSetting(what, said, f"an object with some of {', '.join(known)}")
    for name, value in said.items():
        if name not in known:
            raise BadSetting(f"{what}'s option", name, choice(name, known))
        if type(value) not in known[name]:
            wanted = " or ".join("null" if each is NoneType else each.__name__ for each in known[name])
            raise BadSetting(f"{what}.{name}", value, wanted)
    return dict(said)
