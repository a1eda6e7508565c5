"""The commands that know the tests: orphans and prune."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from fakegpt_testkit.cli.terminal import CliError, console, escaped, example, print_json, tracked, waiting
from fakegpt_testkit.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fakegpt_testkit.maintenance.orphans import Orphans, Unused

Command = TypeVar("Command", bound="Callable[..., Any]")


def _tests(command: Command) -> Command:
    """The options by which both commands learn what the tests use."""
    for option in (
        click.argument("pytest_args", nargs=-1, type=click.UNPROCESSED),
        click.option(
            "--report",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="The JSON of a run, by pytest --fakegpt-report: tells which interactions no test played.",
        ),
        click.option(
            "--folder",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            help="Where the cassettes lie.  [default: what pytest is configured with]",
        ),
        click.option(
            "--tests",
            type=click.File("r", encoding="utf-8"),
            help="A list of test ids, one a line, in place of asking pytest; - is standard input. Needs --folder.",
        ),
    ):
        command = option(command)
    return command


@click.command(
    epilog=example(
        "fakegpt-testkit orphans",
        "fakegpt-testkit orphans --folder tests/cassettes",
        "fakegpt-testkit orphans --report figures.json",
    )
)
@_tests
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def orphans(
    tests: TextIO | None, folder: Path | None, report: Path | None, pytest_args: tuple[str, ...], *, as_json: bool
) -> None:
    """List the cassettes that no test uses, and the interactions that no test plays.

    The exit code is 1 when there are any.

    Pytest says which tests there are, without running one. PYTEST_ARGS go to it, but it has to see the whole suite. A
    test's cassette is the one that its marker gives it. Cassettes that a test opens by use_cassette itself are not
    seen, so keep those in another folder. What is played of a cassette is known from a run: see --report.
    """
    known, rest = _found(tests, folder, report, pytest_args)
    if as_json:
        print_json({"tests": known.tests, "orphans": list(map(str, known.orphans)), "interactions": _told(rest)})
    else:
        out = console()
        _print(known, rest)
        counts = [counted(known.tests, "test"), counted(len(known.orphans), "orphan")]
        counts += [] if rest is None else [counted(_count(rest), "orphan interaction")]
        out.print(escaped(", ".join(counts)), style="bold")
    if known.orphans or rest:
        raise click.exceptions.Exit(1)


@click.command(epilog=example("fakegpt-testkit prune", "fakegpt-testkit prune --report figures.json --yes"))
@_tests
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON; needs --yes.")
def prune(
    tests: TextIO | None,
    folder: Path | None,
    report: Path | None,
    pytest_args: tuple[str, ...],
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Remove the cassettes that no test uses, after asking.

    With --report, also the interactions that no test plays, from cassettes that did not change since that run.
    """
    from fakegpt_testkit.maintenance import orphans

    if as_json and not yes:
        raise click.UsageError("--json needs --yes: a question has no place in JSON")
    known, rest = _found(tests, folder, report, pytest_args)
    what = counted(len(known.orphans), "cassette")
    what += "" if rest is None else f" and {counted(_count(rest), 'interaction')}"
    if not as_json:
        _print(known, rest)
    if (known.orphans or rest) and not yes:
        click.confirm(f"Remove {what}?", abort=True)
    orphans.prune(tracked(known.orphans, "removing"), known.folders)
    for unused in tracked(rest or (), "pruning"):
        orphans.take_out(unused)
    if as_json:
        print_json({"tests": known.tests, "removed": list(map(str, known.orphans)), "interactions": _told(rest)})
    else:
        console().print(escaped(f"{what} removed"), style="bold")


def _found(
    tests: TextIO | None, folder: Path | None, report: Path | None, pytest_args: tuple[str, ...]
) -> tuple[Orphans, tuple[Unused, ...] | None]:
    """What is not used; the interactions are None where nobody gave a report."""
    from fakegpt_testkit.maintenance import orphans

    known = _usage(tests, folder, pytest_args)
    if report is None:
        return known, None
    with waiting("reading"):
        return known, orphans.unplayed(report, known)


def _usage(tests: TextIO | None, folder: Path | None, pytest_args: tuple[str, ...]) -> Orphans:
    from fakegpt_testkit.maintenance import orphans

    if tests is not None:
        if folder is None or pytest_args:
            raise click.UsageError("--tests needs --folder, and pytest is not asked then")
        try:
            known = orphans.listed(tests, folder)
        except UnicodeDecodeError:
            raise CliError(f"{tests.name} is no list of tests: it is not UTF-8; wanted: one id a line") from None
        if not known.tests:
            raise CliError(f"{tests.name} names no test, so every cassette would be an orphan; wanted: one id a line")
        return known
    place = () if folder is None else (f"--fakegpt-cassette-dir={folder.resolve()}",)
    with waiting("asking pytest which tests there are"):
        return orphans.collected((*place, *pytest_args))


def _print(known: Orphans, rest: Iterable[Unused] | None) -> None:
    out = console()
    for path in known.orphans:
        out.print(escaped(_shown(path)))
    for each in rest or ():
        for number, request in zip(each.numbers, each.requests, strict=True):
            out.print(escaped(f"{_shown(each.cassette)}, interaction {number}: {request}"))


def _told(rest: Iterable[Unused] | None) -> list[dict[str, object]] | None:
    """The interactions for programs; None where nobody asked."""
    if rest is None:
        return None
    return [
        {"path": str(each.cassette), "number": number, "request": request}
        for each in rest
        for number, request in zip(each.numbers, each.requests, strict=True)
    ]


def _count(rest: Iterable[Unused]) -> int:
    return sum(len(each.numbers) for each in rest)


def _shown(path: Path) -> str:
    """The path relative to the current folder, where it lies below."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
