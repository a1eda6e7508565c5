"""Every code block of every page runs, in its order, as a reader would run it; links lead somewhere."""

from __future__ import annotations

import re
import tomllib
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from pages import PAGES, ROOT, Page, Reader

import fakegpt_testkit

if TYPE_CHECKING:
    from pathlib import Path


UNRUN = {"README.md": 1, "docs/benchmarks-replay.md": 1, "docs/design.md": 1, "docs/matching.md": 1}
"""How many blocks of each page cannot run here; the page says why, in a comment above each."""


@pytest.mark.parametrize("page", [page for page in PAGES if page.blocks], ids=lambda page: page.name)
def test_a_page_does_what_it_says(
    page: Page, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with ExitStack() as running:
        Reader(page, pytester, running).read()


def test_only_these_blocks_are_not_run() -> None:
    unrun = {page.name: tuple(block.unrun for block in page.blocks if block.unrun) for page in PAGES}
    assert {name: len(reasons) for name, reasons in unrun.items() if reasons} == UNRUN


def test_the_readme_opens_with_one_test_of_four_lines() -> None:
    readme = PAGES[0]
    first = readme.blocks[0].text.partition("@pytest")[2].splitlines()
    assert readme.text.index(readme.blocks[0].text) < 300
    assert len(first) <= 4


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Page) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)", page.text)
    assert [link for link in links if not (page.path.parent / link).exists()] == []


def test_the_rooms_of_the_design_are_those_of_the_contract() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ][0]
    layers = [set(layer.split(" : ")) for layer in contract["layers"] if layer != "__main__"]
    rows = re.findall(r"^\| (`.+?`) \| ", (ROOT / "docs/design.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == layers


def test_the_reference_says_where_each_public_name_is_explained() -> None:
    page = (ROOT / "docs/reference/index.md").read_text(encoding="utf-8")
    named = {name for row in re.findall(r"^\| (`.+?`) \|", page, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert named - {"fakegpt_testkit"} == set(fakegpt_testkit.__all__)


@pytest.mark.parametrize("name", fakegpt_testkit.__all__)
def test_each_public_name_is_explained(name: str) -> None:
    named = getattr(fakegpt_testkit, name)
    assert isinstance(named, tuple) or (named.__doc__ and not named.__doc__.startswith(f"{name}("))
