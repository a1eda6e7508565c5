"""The command that tells of one test which layer did what: its cassette, its settings, and the last run."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fakegpt_testkit.cli.terminal import CliError, console, escaped, example, print_json
from fakegpt_testkit.wording import counted, listed, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEPT = Path("v", "fakegpt", "tests")


@click.command(epilog=example("fakegpt-testkit why tests/test_chat.py::test_greets"))
@click.argument("test")
@click.option(
    "--cache-dir",
    default=".pytest_cache",
    show_default=True,
    metavar="FOLDER",
    help="pytest's cache_dir, where the suite has another.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def why(test: str, *, cache_dir: str, as_json: bool) -> None:
    """Tell of a test which cassette it has, where its settings come from, and what happened in the last run.

    TEST is its id, or a part that no other test's has.
    """
    root, told = _told(test, Path(cache_dir, _KEPT))
    if as_json:
        print_json(told)
        return
    out = console()
    for line in _lines(root, told):
        out.print(escaped(line), soft_wrap=True)


def _told(test: str, file: Path) -> tuple[Path, dict[str, Any]]:
    here = Path.cwd()
    root = next((each for each in (here, *here.parents) if (each / file).is_file()), None)
    kept: dict[str, dict[str, Any]] = {}
    if root is not None:
        with suppress(ValueError, OSError):
            kept = json.loads((root / file).read_text(encoding="utf-8"))
    found = [test] if test in kept else [each for each in kept if test in each]
    if root is None or not found:
        run = f"pytest {quoted(test)}" if ".py" in test else f"pytest -k {quoted(test.partition('[')[0])}"
        raise CliError(f"nothing is known of {test}: no run of it kept anything here; run it first: {run}")
    if len(found) > 1:
        raise CliError(f"{test} is a part of {counted(len(found), 'test')}:{listed(found)}")
    return root, kept[found[0]]


def _lines(root: Path, said: dict[str, Any]) -> Iterator[str]:
    yield f"{said['test']} {'passed' if said['passed'] else 'failed'} when it ran last"
    if said["cassette"]:
        there = "" if (root / said["cassette"]).exists() else ", which is not there"
        yield f"  cassette: {said['cassette']}{there}; {counted(said['loaded'], 'interaction')} when it was opened"
    else:
        yield "  cassette: none; it plays what its marker gives"
    yield f"  record mode: {said['mode']}"
    for name, value, where in said["settings"]:
        yield f"  {name} = {value}, from {where}"
    if not said["settings"]:
        yield "  no setting was written for it: all are the defaults"
    yield (
        f"  played {said['replayed']}, recorded {said['recorded']}, refused {len(said['refused'])}, "
        f"passed through {said['passed_through']}, blocked {len(said['blocked'])}"
    )
    if said["unplayed"]:
        yield f"  not asked for: interactions {', '.join(map(str, said['unplayed']))}"
    for each in said["refused"]:
        yield "  refused: " + each.replace("\n", "\n  ")
    for each in said["blocked"]:
        yield f"  blocked: {each}"
    if words := said.get("redacted"):  # an older run did not keep it
        yield f"  redacted in what it played and recorded: {', '.join(f'{each} ({words[each]})' for each in words)}"
