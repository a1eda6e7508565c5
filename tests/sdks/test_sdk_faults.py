"""What each official SDK makes of each effect: the table on the page of effects, played."""

from __future__ import annotations

import inspect
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.sdks import ASYNC, SDKS
from test_dialects_errors import ERRORS

from fakegpt_testkit.dialects import ToolCall
from fakegpt_testkit.effects import Effect, faults, script
from fakegpt_testkit.errors import EffectMisplaced
from fakegpt_testkit.recorder import use_cassette
from fakegpt_testkit.timeline import Stream

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from support.sdk import Read

PAGE = (Path(__file__).parents[2] / "docs" / "effects.md").read_text(encoding="utf-8")
SDK_PART = PAGE.partition("### What each SDK makes of it\n\n")[2].partition("\n### ")[0]
TABLES = [part for part in SDK_PART.split("\n\n") if part.startswith("|")]


def rows(table: str) -> list[list[str]]:
    header, _, *rest = [[cell.strip(" `") for cell in line.strip("| ").split("|")] for line in table.splitlines()]
    return [header, *rest]


HEADER, *ROWS = rows(TABLES[0])
ASYNC_OTHERWISE = {("google-genai", effect): raised for effect, raised in rows(TABLES[1])[1:]}
NOT_THERE = "not there"


def read(written: str) -> Effect:
    effect = eval(written, {"faults": faults, "ToolCall": ToolCall})  # the page is ours
    assert isinstance(effect, Effect)
    return effect


def answer(name: str, effect: Effect) -> Read:
    with playing(name, effect):
        return SDKS[name].get()


def playing(name: str, effect: Effect) -> AbstractContextManager[object]:
    sdk = SDKS[name]
    url = "" if sdk.dialect == "ollama" else sdk.site
    made = script("Hel", "lo", " there", dialect=sdk.dialect, url=url)
    return use_cassette(made, faults=[effect], unapplied="ignore")


def named(failure: Exception) -> str:
    return NOT_THERE if is_misplaced(failure) else type(failure).__name__


def outcome(name: str, written: str) -> str:
    """The exception's class, a dash where the SDK is content, or that the dialect has no such thing."""
    try:
        answer(name, read(written))
    except Exception as failure:
        return named(failure)
    return "—"


async def outcome_async(name: str, written: str) -> str:
    try:
        with playing(name, read(written)):
            await SDKS[name].get_async()
    except Exception as failure:
        return named(failure)
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


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
@pytest.mark.parametrize("name", ASYNC)
async def test_its_asynchronous_client_makes_the_same_of_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "randint", lambda *_: -1)  # google-genai waits so many seconds and one to ask again
    column = HEADER.index(name)
    raising = [row for row in ROWS if row[column] not in ("—", NOT_THERE)]
    wanted = {row[0]: ASYNC_OTHERWISE.get((name, row[0]), row[column]) for row in raising}
    assert {row[0]: await outcome_async(name, row[0]) for row in raising} == wanted


RAISED = {
    "openai": {"an event named error with words at its top": "—", "a bare line": "—", "": "APIError"},
    "openai responses": {"responses, nested": "APIError", "": "—"},
    "anthropic": {"": "APIStatusError"},
    "google-genai": {"": "ServerError"},
    "ollama": {"": "ResponseError"},
    "cohere": {"": "—"},
    "groq": {"an event named error with words at its top": "AttributeError", "a bare line": "—", "": "APIError"},
    "mistralai": {"an error beside choices": "—", "a bare line": "—", "": "ResponseValidationError"},
    "botocore": {"": "EventStreamError"},
    "anthropic bedrock": {"": "APIStatusError"},
}
"""What each SDK makes of an error that the service reports within a stream; ours is told of each."""


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
@pytest.mark.parametrize("name", SDKS)
async def test_what_is_an_error_within_a_stream_to_us_is_an_exception_to_the_sdk_or_passed_over(name: str) -> None:
    sdk = SDKS[name]
    found: dict[str, str] = {}
    for case, (body, dialect, error) in ERRORS.items():
        if dialect != sdk.dialect.removesuffix("-invoke"):
            continue
        made = script(events=[body], dialect=sdk.dialect, url="" if sdk.dialect == "ollama" else sdk.site)
        assert Stream(made[0]).error == error
        ways = [sdk.get] if sdk.ask_async is None else [sdk.get, sdk.get_async]
        for way in ways:
            raised = "—"
            with use_cassette(made):
                try:
                    told = way()
                    if inspect.isawaitable(told):
                        await told
                except Exception as failure:
                    raised = type(failure).__name__
            assert found.setdefault(case, raised) == raised, (case, way)
    wanted = RAISED[name]
    assert found == {case: wanted.get(case, wanted[""]) for case in found}
    assert found


@pytest.mark.parametrize("name", SDKS)
def test_each_sdk_reads_what_an_answer_was_made_to_say(name: str) -> None:
    said = answer(name, faults.said("Something else"))
    assert said.text == "Something else"
    called = answer(name, faults.called(ToolCall("get_weather", {"city": "Paris"}), ToolCall("now")))
    assert (called.text, called.calls) == ("Hello there", (("get_weather", {"city": "Paris"}), ("now", {})))
