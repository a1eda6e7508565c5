"""What of a test may be shown: its id, and pytest's report of its failure.

Knows no secret: a session takes those out that it has met.
"""

from __future__ import annotations

import re
import sys
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

_PACKAGE: Final = "fakegpt_testkit."
_LEAST: Final = 12
_IN_IDS: Final = (str, bytes, int, float, complex, Enum, re.Pattern)


def shown_id(item: pytest.Item) -> str:
    """The id of a test without what looks like a secret among its parameters. Most have none, and import nothing."""
    if len(item.nodeid.partition("[")[2]) < _LEAST:
        return item.nodeid
    from fakegpt_testkit.redaction import shown_id as redacted

    return redacted(item.nodeid, _parameters(item))


def _parameters(item: pytest.Item) -> dict[str, tuple[str, int]]:
    """What each argument is in this test, and pytest's number for that."""
    calls = getattr(item, "callspec", None)  # of tests with parameters alone
    return {name: (_worded(calls.params[name]), place) for name, place in calls.indices.items()} if calls else {}


def _worded(value: object) -> str:
    """What pytest makes an id of. Other objects are not asked for words: they may take long over it, or have none."""
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
    report.longrepr = _taken_out(report.longrepr, redact)
    report.sections[:] = [(title, redact(text)) for title, text in report.sections]


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
