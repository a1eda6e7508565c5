"""The walk through the code in the page of the design goes where the code goes: each room that it names is entered."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.commands import ran

from fakegpt_testkit import use_cassette
from fakegpt_testkit.effects import faults
from fakegpt_testkit.fakegpt.provider import FakeGpt, apart
from fakegpt_testkit.fakegpt.stand_in import Options, serve_in_thread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

pytestmark = pytest.mark.once

PAGE = Path(__file__).parents[1] / "docs/design.md"
OPTIONS = ("-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function")
MARKED = """
import pytest
from fakegpt_testkit.effects import script

@pytest.mark.fakegpt(script("Hello"))
async def test_it(fakegpt):
    assert "".join([text async for text in fakegpt.create_async_generator("", [{"role": "user", "content": "Hi"}])])
"""


def walks() -> dict[str, set[str]]:
    """Each walk by its first words, and the rooms that it names."""
    text = PAGE.read_text(encoding="utf-8")
    rooms = {
        room
        for row in re.findall(r"^\| \w* ?\| (`.+?`) \| ", text, re.MULTILINE)
        for room in re.findall(r"`(\w+)`", row)
    }
    found = re.findall(r"^\*\*(.+?)\.\*\*(.+?)\n\n", text.partition("## A walk")[2], re.MULTILINE | re.DOTALL)
    return {title: set(re.findall(r"`(\w+)`", way)) & rooms for title, way in found[:5]}


@contextmanager
def watched(entered: set[str]) -> Iterator[None]:
    """Whose functions are called meanwhile, in any thread."""

    def note(frame: FrameType, event: str, _: object) -> None:
        name = frame.f_globals.get("__name__", "") if event == "call" else ""
        if name.startswith("fakegpt_testkit."):
            entered.add(name.split(".")[1])

    before = sys.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(before)
        threading.setprofile(None)


async def ask(provider: type[FakeGpt]) -> str:
    return "".join([text async for text in provider.create_async_generator("", [{"role": "user", "content": "Hi"}])])


def test_each_room_that_a_walk_names_is_entered_on_that_way(tmp_path: Path, pytester: pytest.Pytester) -> None:
    told = walks()
    assert [len(rooms) >= 4 for rooms in told.values()] == [True] * 5
    entered: dict[str, set[str]] = {title: set() for title in told}
    prompt, recorded, played, check, marked = entered.values()
    path = tmp_path / "walk.yaml"
    with serve_in_thread(Options(text="Hello")) as service:
        with watched(recorded), use_cassette(path, record_mode="once"):
            asyncio.run(ask(apart(service.url)))
        with watched(prompt), use_cassette(path, record_mode="none"):
            asyncio.run(ask(apart(service.url)))
        with watched(played), use_cassette(path, record_mode="none", faults=[faults.heartbeat(1)]):
            asyncio.run(ask(apart(service.url)))
    with watched(check):
        assert ran("check", path).exit_code == 0
    pytester.makepyfile(MARKED)
    with watched(marked):
        pytester.runpytest_inprocess("-p", "no:cacheprovider", *OPTIONS).assert_outcomes(passed=1)
    assert {title: missed for title in told if (missed := told[title] - entered[title])} == {}
