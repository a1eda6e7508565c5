"""``fakegpt-testkit verify``: asks a live service what cassettes hold, without the tests that use them."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fakegpt_testkit.cli.asking_options import fail_on, proxy, report, timeout
from fakegpt_testkit.cli.dialect_option import speaking
from fakegpt_testkit.cli.redaction_options import redacting
from fakegpt_testkit.cli.terminal import console, escaped, example, print_json, progress_console

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.status import Status

    from fakegpt_testkit.drift import Drift
    from fakegpt_testkit.maintenance.reverify import Way
    from fakegpt_testkit.redaction import Redaction


@click.command(
    epilog=example(
        "fakegpt-testkit verify cassettes --url http://localhost:8080 --report drift.md",
        'fakegpt-testkit verify cassettes/openai.yaml --header "Authorization: Bearer $KEY"',
    )
)
@click.argument("cassettes", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--url", help="The service to ask, in place of the recorded one.  [default: the recorded one]")
@click.option("--header", "headers", multiple=True, help="'Name: value' to send in place of what was redacted.")
@fail_on("The least drift that counts.", "never")
@report("A file: .md, .json or .txt.")
@proxy
@timeout
@redacting
@speaking
@click.option("-v", "--verbose", is_flag=True, help="Print harmless differences too.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def verify(
    cassettes: tuple[Path, ...],
    url: str | None,
    headers: tuple[str, ...],
    fail_on: str,
    report: Path | None,
    proxy: str | None,
    timeout: float,
    redaction: Redaction,
    dialect: str,
    *,
    verbose: bool,
    as_json: bool,
) -> None:
    """Ask a live service again what cassettes hold, and say what drifted.

    Exit code 0 says that nothing did that counts, 1 that something did, 2 that something could not be asked.

    A FakeGpt cassette is asked with a login of its own. Other requests are sent as they were recorded, in order, also
    those that change something; not those with a redacted secret, unless --header gives it. No cassette is written.
    """
    from fakegpt_testkit import drift, storage
    from fakegpt_testkit.maintenance import catalog, reverify

    if report is not None:
        drift.report((), str(report))  # refused now, if it is to be
    way = reverify.Way(url, tuple(map(_header, headers)), proxy, timeout)
    drifts = _verified(catalog.found(cassettes), way, redaction, dialect)
    if report is not None:
        storage.write(report, drift.report(drifts, str(report)).encode())
    if as_json:
        print_json(drift.described(drifts))
    else:
        out = console()
        styles = {"broken": "red", "added": "yellow", "not": "yellow", "harmless": "dim"}
        summary, *details = drift.report_lines(drifts, harmless=verbose)
        for line in details:
            out.print(escaped(line[len("  ") :], styles.get(line.split()[0], "")))
        out.print(escaped(summary, "bold"))
    if any(each.fails(fail_on) for each in drifts):
        raise click.exceptions.Exit(1)
    if any(unasked.why for each in drifts for unasked in each.unasked):
        raise click.exceptions.Exit(2)


def _verified(files: list[Path], way: Way, redaction: Redaction, dialect: str) -> list[Drift]:
    from fakegpt_testkit.maintenance import reverify

    terminal = progress_console()
    showing: AbstractContextManager[Status | None] = nullcontext()
    if terminal.is_terminal:
        showing = terminal.status("verifying")
    with showing as status:
        return [reverify.ask_again(file, way, redaction, partial(_show, status, file), dialect) for file in files]


def _show(status: Status | None, file: Path, what: str) -> None:
    if status is not None:
        status.update(escaped(f"{file}: {what}"))


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise click.BadParameter(f"wanted 'Name: value', got {text!r}", param_hint="--header")
    return name.strip(), value.strip()
