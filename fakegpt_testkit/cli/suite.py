"""The commands that know the tests: orphans and prune."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from fakegpt_testkit.cli.terminal import Trouble, console, example, print_json, progress_console, said

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.usage import Usage

Command = TypeVar("Command", bound="Callable[..., Any]")


def _tests(command: Command) -> Command:
    """The options by which both commands learn what the tests use."""
    command = click.argument("pytest_args", nargs=-1, type=click.UNPROCESSED)(command)
    command = click.option(
        "--folder",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Where the cassettes lie.  [default: what pytest is configured with]",
    )(command)
    return click.option(
        "--tests",
        type=click.File("r", encoding="utf-8"),
        help="A list of test ids, one a line, in place of asking pytest; - is standard input. Needs --folder.",
    )(command)


@click.command(epilog=example("fakegpt-testkit orphans", "fakegpt-testkit orphans --folder tests/cassettes"))
@_tests
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def orphans(tests: TextIO | None, folder: Path | None, pytest_args: tuple[str, ...], *, as_json: bool) -> None:
    """List the cassettes that no test uses.

    The exit code is 1 when there are any.

    Pytest says which tests there are, without running one. PYTEST_ARGS go to it, but it has to see the whole suite. A
    test's cassette is the one that its marker gives it. Cassettes that a test opens by use_cassette itself are not
    seen, so keep those in another folder.
    """
    from fakegpt_testkit import usage

    known = _usage(tests, folder, pytest_args)
    found = usage.orphans(known)
    if as_json:
        print_json({"tests": known.tests, "orphans": [str(path) for path in found]})
    else:
        out = console()
        for path in found:
            out.print(said(_shown(path)))
        out.print(said(f"{known.tests} tests, {len(found)} orphans"), style="bold")
    if found:
        raise click.exceptions.Exit(1)


@click.command(epilog=example("fakegpt-testkit prune", "fakegpt-testkit prune --yes"))
@_tests
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON; needs --yes.")
def prune(tests: TextIO | None, folder: Path | None, pytest_args: tuple[str, ...], *, yes: bool, as_json: bool) -> None:
    """Remove the cassettes that no test uses, after asking."""
    from fakegpt_testkit import usage

    if as_json and not yes:
        raise click.UsageError("--json needs --yes: a question has no place in JSON")
    known = _usage(tests, folder, pytest_args)
    found = usage.orphans(known)
    out = console()
    if not as_json:
        for path in found:
            out.print(said(_shown(path)))
    if found and not yes:
        click.confirm(f"Remove these {len(found)} of the cassettes?", abort=True)
    usage.prune(found, known.folders)
    if as_json:
        print_json({"tests": known.tests, "removed": [str(path) for path in found]})
    else:
        out.print(said(f"{len(found)} removed"), style="bold")


def _usage(tests: TextIO | None, folder: Path | None, pytest_args: tuple[str, ...]) -> Usage:
    from fakegpt_testkit import usage

    if tests is not None:
        if folder is None or pytest_args:
            raise click.UsageError("--tests needs --folder, and pytest is not asked then")
        known = usage.listed(tests, folder)
        if not known.tests:
            raise Trouble(f"{tests.name} names no test, so every cassette would be an orphan; wanted: one id a line")
        return known
    terminal = progress_console()
    place = () if folder is None else (f"--fakegpt-cassette-dir={folder.resolve()}",)
    if not terminal.is_terminal:
        return usage.collected((*place, *pytest_args))
    with terminal.status("asking pytest which tests there are"):
        return usage.collected((*place, *pytest_args))


def _shown(path: Path) -> str:
    """The path as seen from here, where it lies below."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
