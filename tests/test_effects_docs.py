"""The page on effects: each row of its catalogue is played, and no fault is missing."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
import pytest
from support.playing import consume, played

from fakegpt_testkit.effects import Effect, faults, script

pytestmark = pytest.mark.once

PAGE = (Path(__file__).parent.parent / "docs" / "effects.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(faults\..+?)` \| (.+) \| (?:`(\w+)`|no exception) \|$", PAGE, re.MULTILINE)
TARGETED = re.findall(r"^\| `(faults\.[^|`]+)` \| [^|]+ \|$", PAGE, re.MULTILINE)
TAPE = script("Hel", "lo", " there", every=0.05)[-1].response
BEFORE_3_10 = {"ClientConnectorDNSError": "ClientConnectorError", "ConnectionTimeoutError": "ServerTimeoutError"}


def read(written: str) -> Effect:
    effect = eval(written, {"faults": faults})  # the page is ours
    assert isinstance(effect, Effect)
    return effect


@pytest.mark.parametrize(("written", "failure"), [(row[0], row[2]) for row in ROWS], ids=lambda text: text)
async def test_the_client_sees_what_the_catalogue_says(written: str, failure: str) -> None:
    with played(TAPE, effects=[read(written)]):
        outcome = await consume(total=0.2)
    if not hasattr(aiohttp, failure):
        failure = BEFORE_3_10.get(failure, failure)
    assert (outcome.failure.__name__ if outcome.failure else "") == failure


def test_the_catalogue_has_every_fault() -> None:
    documented = {row[0].partition("(")[0].strip("`").removeprefix("faults.") for row in ROWS}
    assert documented == set(faults.__all__) - {"Sweep", "everywhere"}


@pytest.mark.parametrize("written", TARGETED)
def test_the_targets_on_the_page_are_written_as_they_read(written: str) -> None:
    read(written)
    assert len(TARGETED) >= 5
