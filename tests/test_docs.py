"""Every code block of every page runs, in its order, as a reader would run it; links lead somewhere."""

from __future__ import annotations

import pkgutil
import re
import tomllib
import types
from itertools import groupby
from typing import TYPE_CHECKING

import pytest
from support.pages import PAGES, ROOT, Page, Reader, prepare

import fakegpt_testkit
from fakegpt_testkit import plugin
from fakegpt_testkit.dialects.known import added, remove

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.once, pytest.mark.untraced, pytest.mark.plugins("xdist", "recording")]


UNRUN = {
    "README.md": 3,
    "docs/benchmarks-replay.md": 1,
    "docs/benchmarks-serving.md": 1,
    "docs/benchmarks-sizes.md": 1,
    "docs/benchmarks-suite.md": 1,
    "docs/design.md": 1,
    "docs/matching.md": 1,
}
"""How many blocks of each page cannot run here; the page says why, in a comment above each."""


@pytest.fixture(autouse=True)
def _nobody_else_has_a_pages_dialect() -> Iterator[None]:
    before = added()
    yield
    for each in added():
        if each not in before:
            remove(each.name)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.blocks and not page.needs_programs], ids=lambda page: page.name
)
def test_a_page_does_what_it_says(
    page: Page, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    prepare(monkeypatch, tmp_path)
    Reader(page, pytester).read()


def test_only_these_blocks_are_not_run() -> None:
    unrun = {page.name: tuple(block.unrun for block in page.blocks if block.unrun) for page in PAGES}
    counted = {name: len(reasons) for name, reasons in unrun.items() if reasons}
    assert counted == UNRUN, "let a block run if it can; if it can't, say why above it, and count it here"


def test_the_readme_opens_with_one_test_of_four_lines() -> None:
    readme = PAGES[0]
    first = readme.blocks[0].text.partition("@pytest")[2].splitlines()
    assert readme.text.index(readme.blocks[0].text) < 300
    assert len(first) <= 4


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Page) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)", page.text)
    assert [link for link in links if not (ROOT / page.name / ".." / link).resolve().exists()] == []


@pytest.mark.parametrize("page", ["README.md", "docs/clients.md"])
def test_each_client_that_works_is_in_the_tests_that_are_named(page: str) -> None:
    """And the tests are there, each with the client's name in it, or in what all clients' tests share."""
    text = (ROOT / page).read_text(encoding="utf-8")
    table = re.search(r"^\| client \|.*shown by \|\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table is not None
    shared = (ROOT / "tests/support/clients.py").read_text(encoding="utf-8")
    paths: list[Path] = []
    for row in table[1].splitlines():
        first, *_, last = (cell.strip() for cell in row.strip("|").split("|"))
        if last != "the same":
            paths = [ROOT / each for each in re.findall(r"`(tests/[\w/.]+)`", last)]
        files = [file for path in paths for file in ([path] if path.suffix else path.glob("*.py"))]
        assert files, row
        known = (shared + "".join(file.read_text(encoding="utf-8") for file in files)).replace("-", "_")
        names = [each.split(" ")[0].strip("`").replace("-", "_") for each in first.partition(";")[0].split(", ")]
        clients = [each for each in names if each not in {"where", "whose", "likewise"}]
        assert clients, row
        assert [each for each in clients if each not in known] == [], row


def test_the_rooms_of_the_design_are_those_of_the_contract() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ][0]
    layers = [set(layer.split(" : ")) for layer in contract["layers"] if layer != "__main__"]
    page = (ROOT / "docs/design.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \w* ?\| (`.+?`) \| ", page, re.MULTILINE)
    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == layers


def test_a_walk_through_the_code_meets_each_room_once() -> None:
    page = (ROOT / "docs/design.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \w* ?\| (`.+?`) \| ", page, re.MULTILINE)
    rooms = {room for row in rows for room in re.findall(r"`(\w+)`", row)}
    walks = [text for text in page.partition("## A walk")[2].partition("\n## ")[0].split("\n\n") if text[:2] == "**"]
    assert len(walks) == 5
    for walk in walks:
        met = [room for room, _ in groupby(word for word in re.findall(r"`(\w+)`", walk) if word in rooms)]
        assert len(met) >= 4, walk
        assert len(met[1:]) == len(set(met[1:])), met  # a face may stand at both ends


def test_the_reference_says_where_each_public_name_is_explained() -> None:
    page = (ROOT / "docs/reference/index.md").read_text(encoding="utf-8")
    named = {name for row in re.findall(r"^\| (`.+?`) \|", page, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert named - {"fakegpt_testkit"} == set(fakegpt_testkit.__all__)


def test_the_reference_names_only_what_is_there() -> None:
    for path in sorted((ROOT / "docs/reference").glob("*.md")):
        page = path.read_text(encoding="utf-8")
        for target, options in re.findall(r"^\.\. auto\w+:: ([\w.]+).*\n((?:   :.*\n)*)", page, re.MULTILINE):
            named = pkgutil.resolve_name(target)
            for members in re.findall(r":members: (.+)", options):
                assert [name for name in members.split(", ") if not hasattr(named, name)] == [], target


def test_the_page_of_the_plugin_has_each_fixture() -> None:
    page = (ROOT / "docs/plugin.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `(fakegpt\w*)` \|", page, re.MULTILINE))
    fixtures = {name for name in vars(plugin) if name.startswith("fakegpt")}
    assert rows == fixtures - {"fakegpt_guard"}  # that one is put around unmarked tests, for no one to ask for


@pytest.mark.parametrize("name", fakegpt_testkit.__all__)
def test_each_public_name_is_explained(name: str) -> None:
    named = getattr(fakegpt_testkit, name)
    if not isinstance(named, type) and not isinstance(named, types.ModuleType | types.FunctionType):
        pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs/reference").glob("*.md"))
        assert re.search(rf"autodata:: fakegpt_testkit\.[\w.]*\.{name}$", pages, re.MULTILINE)  # the name of a type
    else:
        assert named.__doc__
        assert not named.__doc__.startswith(f"{name}(")


WRONG = {
    "another output": ("```console\n$ echo a\nb\n```", "$ echo a\na\n"),
    "more output than is shown": ("```console\n$ echo a; echo b\na\n```", "$ echo a; echo b\na\nb\n"),
    "a command that fails": ("```console\n$ false\n```", "$ false\n"),
    "a command that was to fail": ("```console\n$ true    # exit code 1\n```", "$ true "),
    "a program without a name": ("```javascript\n1 + 1\n```", "names no file"),
    "an unknown language": ("```brainfuck\n+\n```", "what is 'brainfuck'"),
    "an output without its command": ("```text\nall is well\n```", "what is 'text'"),
    "an indented block": ("    $ true\n", "what is ''"),
    "no Python": ("```python\ndef\n```", "invalid syntax"),
    "no YAML": ("```yaml\na: [\n```", "expected the node content"),
    "a workflow that fails": ("```yaml\njobs: {a: {steps: [{run: echo oh; false}]}}\n```", "oh\n"),
    "a cassette that is none": ("```yaml\ninteractions: []\n```", "version"),
    "an extra that we have not": ("```console\n$ pip install fakegpt-testkit[all]\n```", "'all'"),
    "a package that nobody has": ("```console\n$ pip install fakegpt-no-such-thing\n```", "fakegpt-no-such-thing"),
    "a test that fails": ("```python\ndef test_a():\n    assert 1 == 2\n```", "assert 1 == 2"),
    "a test that never runs": ("```python\n# other.py\ndef test_a():\n    pass\n```", "never passed: {'test_a'}"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_a_page_that_is_wrong_fails(text: str, said: str, pytester: pytest.Pytester) -> None:
    with pytest.raises(Exception, match=re.escape(said)):
        Reader(Page("a.md", text), pytester).read()


RIGHT = {
    "any words": "```console\n$ echo one two three\none … three\n```",
    "any lines": "```console\n$ echo a; echo b; echo c\na\n…\n```",
    "no lines": "```console\n$ echo a\n…\na\n…\n```",
    "an exit code": "```console\n$ (exit 3)    # exit code 3: so it is meant\n```",
    "a file": "```ini\n# a.ini\n[b]\n```\n\n```console\n$ cat a.ini\n# a.ini\n[b]\n```",
    "a directive of the site": "```{toctree}\nnothing\n```",
    "not run": "<!-- not run: it takes a year -->\n```console\n$ false\n```",
}


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_a_page_that_is_right_passes(text: str, pytester: pytest.Pytester) -> None:
    Reader(Page("a.md", text), pytester).read()


def test_a_mark_is_for_the_next_block_only() -> None:
    marked = "<!-- not run: a -->\n```text\na\n```\n\n"
    unmarked = "```text\nb\n```\n\n<!-- not run: c -->\n\nWords.\n\n```text\nd\n```"
    assert [(block.unrun, block.line) for block in Page("a.md", marked + unmarked).blocks] == [
        ("a", 2),
        ("", 6),
        ("", 14),
    ]
