"""What of a test may be shown: its id, and pytest's report of its failure.

Knows the secrets of the environment and of the test's settings; those that were met, a session takes out.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.redaction import Redaction

_PACKAGE: Final = "fakegpt_testkit."
_LEAST: Final = 8
_IN_IDS: Final = (str, bytes, int, float, complex, Enum, re.Pattern, type(None))
_WORDED_COMMAND: Final = re.compile(r"(pytest \S*::\w+)\[[^\n]*?REDACTED-[^\n]*?\](?=['\"]? --fakegpt)")
_shown = pytest.StashKey[str]()


def shown_id(item: pytest.Item) -> str:
    """The id of a test without the secrets among its parameters. Most tests have none, and import nothing.

    Until the test's settings are known, and noted by ``settle``, those of the environment are taken out alone.
    """
    return item.stash[_shown] if _shown in item.stash else _without_secrets(item, None)


def settle(item: pytest.Item, settings: Redaction | None) -> None:
    """Note what may be shown of a test, once the settings are known: for its name, its reports and its hints alike."""
    note(item, _without_secrets(item, settings))


def note(item: pytest.Item, shown: str) -> None:
    """Show the test by this id from now on."""
    item.stash[_shown] = shown


def learn(item: pytest.Item, known_out: Callable[[str], str]) -> bool:
    """Show the test without those of its parameters that a recording met as secrets; whether there were some."""
    given = item.callspec.params.values() if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ()
    met = {value for value in map(_text, given) if value and known_out(value) != value}
    if met:
        from fakegpt_testkit import redaction

        note(item, redaction.shown_id(shown_id(item), parameters(item), met))
    return bool(met)


def may_have(item: pytest.Item) -> bool:
    """Whether a secret may be among the test's parameters: there is room for one."""
    return len(item.nodeid.partition("[")[2]) > _LEAST


def _without_secrets(item: pytest.Item, settings: Redaction | None) -> str:
    if not may_have(item):
        return item.nodeid
    from fakegpt_testkit import redaction

    known = {secret for _, secret in redaction.expected(settings or redaction.Redaction(), os.environ)}
    return redaction.shown_id(item.nodeid, parameters(item), known)


def parameters(item: pytest.Item) -> dict[str, tuple[str, int]]:
    """What each argument is in this test, as its id has it, and pytest's number for that."""
    calls = getattr(item, "callspec", None)  # of tests with parameters alone
    if not calls:
        return {}
    return {name: (_worded(calls.params[name], item.nodeid), place) for name, place in calls.indices.items()}


def _worded(value: object, test_id: str) -> str:
    """The value in an id. Other objects are not asked for words: they may take long over it, or have none."""
    text = _text(value)
    return text if text.isascii() or text in test_id else text.encode("unicode_escape").decode("ascii")


def _text(value: object) -> str:
    return str(value) if isinstance(value, _IN_IDS) else ""


def hide_frames() -> None:
    """Have pytest leave our frames out of tracebacks: their arguments are requests, and nobody's test is wrong there.

    ``--full-trace`` shows them.
    """
    for name, module in sys.modules.copy().items():
        if name.startswith(_PACKAGE):
            vars(module).setdefault("__tracebackhide__", True)


def take_out(report: pytest.TestReport, redact: Callable[[str], str]) -> None:
    """Take secrets out of what a failed test's report shows: the client's own frames have requests as arguments too."""
    report.longrepr = _taken_out(report.longrepr, lambda text: without(text, redact))
    report.sections[:] = [(title, without(text, redact)) for title, text in report.sections]


def without(text: str, redact: Callable[[str], str]) -> str:
    """A text without its secrets; a command for one of a test's parameters is for all of them then, and works."""
    told = redact(text)
    return text if told == text else _WORDED_COMMAND.sub(r"\1", told)


def _taken_out(value: Any, redact: Callable[[str], str]) -> Any:
    """Pytest's values of a failure, with each text in them changed."""
    match value:
        case str():
            return redact(value)
        case list() | tuple():
            return type(value)(_taken_out(each, redact) for each in value)
        case _ if is_dataclass(value):
            for each in fields(value):
                setattr(value, each.name, _taken_out(getattr(value, each.name), redact))
    return value
