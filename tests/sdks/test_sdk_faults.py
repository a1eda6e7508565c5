"""What each official SDK makes of each effect: the table on the page of effects, played."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.sdks import SDKS

from fakegpt_testkit.dialects import ToolCall
from fakegpt_testkit.effects import Effect, faults, script
from fakegpt_testkit.errors import EffectMisplaced
from fakegpt_testkit.recorder import use_cassette

if TYPE_CHECKING:
    from support.sdk import Read

PAGE = (Path(__file__).parents[2] / "docs" / "effects.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("### What each SDK makes of it\n\n")[2].partition("\n\n")[2].partition("\n\n")[0]
HEADER, _, *ROWS = [[cell.strip(" `") for cell in line.strip("| ").split("|")] for line in TABLE.splitlines()]
NOT_THERE = "not there"


def read(written: str) -> Effect:
    effect = eval(written, {"faults": faults, "ToolCall": ToolCall})  # the page is ours
    assert isinstance(effect, Effect)
    return effect


def answer(name: str, effect: Effect) -> Read:
    sdk = SDKS[name]
    url = "" if sdk.dialect == "ollama" else sdk.site
    with use_cassette(script("Hel", "lo", " there", dialect=sdk.dialect, url=url), faults=[effect], unapplied="ignore"):
        return sdk.get()


def outcome(name: str, written: str) -> str:
    """The exception's class, a dash where the SDK is content, or that the dialect has no such thing."""
    try:
        answer(name, read(written))
    except Exception as failure:
        return NOT_THERE if is_misplaced(failure) else type(failure).__name__
    return "—"


def is_misplaced(failure: BaseException | None) -> bool:
    """Whether the effect could not be applied, whatever the SDK made an exception of."""
    return failure is not None and (isinstance(failure, EffectMisplaced) or is_misplaced(failure.__context__))


def test_the_table_has_every_sdk() -> None:
    assert ["effect", *SDKS] == HEADER
    assert len(ROWS) >= 12


@pytest.mark.parametrize("name", SDKS)
def test_each_sdk_makes_of_each_effect_what_the_table_says(name: str) -> None:
    column = HEADER.index(name)
    assert {row[0]: outcome(name, row[0]) for row in ROWS} == {row[0]: row[column] for row in ROWS}


@pytest.mark.parametrize("name", SDKS)
def test_each_sdk_reads_what_an_answer_was_made_to_say(name: str) -> None:
    said = answer(name, faults.said("Something else"))
    assert said.text == "Something else"
    called = answer(name, faults.called(ToolCall("get_weather", {"city": "Paris"}), ToolCall("now")))
    assert (called.text, called.calls) == ("Hello there", (("get_weather", {"city": "Paris"}), ("now", {})))
