"""The commands that look at cassettes and change nothing: show, replay, check, diff."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fakegpt_testkit import clock
from fakegpt_testkit.cli.asking_options import fail_on
from fakegpt_testkit.cli.dialect_option import speaking
from fakegpt_testkit.cli.redaction_options import redacting
from fakegpt_testkit.cli.terminal import (
    CliError,
    Telling,
    console,
    escape_controls,
    escaped,
    example,
    print_json,
    tracked,
    waiting,
)
from fakegpt_testkit.wording import counted, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from fakegpt_testkit.checks import Finding
    from fakegpt_testkit.exchange import Interaction
    from fakegpt_testkit.redaction import Redaction
    from fakegpt_testkit.timeline import Moment, Timeline

_FILE = click.Path(dir_okay=False, path_type=Path)
_PATHS = click.Path(path_type=Path)
_KINDS = ("unreadable", "secret", "personal", "cut-off", "stale", "error", "unknown")
_SHOWN = 126
_LEAST = 20


@click.command(
    epilog=example(
        "fakegpt-testkit show cassettes/test_chat/test_greets.yaml",
        "fakegpt-testkit show cassettes/test_chat/test_greets.yaml --html greets.html",
    )
)
@click.argument("cassette", type=_FILE)
@click.option("--number", type=click.IntRange(min=1), help="Only this interaction, from 1.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--html", type=_FILE, help="Write one self-contained page with the timeline drawn.")
@speaking
def show(cassette: Path, number: int | None, dialect: str, *, as_json: bool, html: Path | None) -> None:
    """Show requests, streams, events, times and endings."""
    from fakegpt_testkit import storage
    from fakegpt_testkit.html import page
    from fakegpt_testkit.timeline import described

    timelines = _timelines(cassette, number, dialect)
    if html is not None:
        with waiting("drawing"):
            storage.write(html, page(str(cassette), timelines).encode())
    if as_json:
        print_json({"path": str(cassette), "interactions": [described(each) for each in timelines.values()]})
    elif html is not None:
        console().print(escaped(f"{html} is written"))
    else:
        out = console()
        out.print(escaped(f"{cassette}: {counted(len(timelines), 'interaction')}", "bold"))
        for nth, timeline in timelines.items():
            _print_timeline(out, nth, timeline)


@click.command(epilog=example("fakegpt-testkit replay cassettes/test_chat/test_greets.yaml --pace 0.5"))
@click.argument("cassette", type=_FILE)
@click.option("--pace", default="recorded", show_default=True, help="recorded, lockstep (no waiting), or a factor.")
@click.option("--number", type=click.IntRange(min=1), help="Only this interaction, from 1.  [default: each stream]")
@click.option("--json", "as_json", is_flag=True, help="Print the texts as JSON; waits for nothing.")
@speaking
def replay(cassette: Path, pace: str, number: int | None, dialect: str, *, as_json: bool) -> None:
    """Print the text of a cassette's streams at a pace.

    Of streams that are no chat, the events are printed.
    """
    from fakegpt_testkit.recorder import Settings

    kept = Settings().merged({"pace": pace}).pace
    factor = {"lockstep": 0.0, "recorded": 1.0}.get(str(kept), kept)
    streams = {nth: each for nth, each in _timelines(cassette, number, dialect).items() if each.is_stream}
    if as_json:
        texts = [{"number": nth, "text": each.text, "events": len(each.moments)} for nth, each in streams.items()]
        print_json({"path": str(cassette), "streams": texts})
        return
    if not streams:
        raise CliError(f"{cassette} has no event stream; to see what it has: fakegpt-testkit show {cassette}")
    out = console(wrap=True)
    for timeline in streams.values():
        began, telling = time.monotonic(), Telling(out, "")
        for moment in timeline.moments:
            time.sleep(max(0.0, began + moment.at * float(factor) - time.monotonic()))
            telling(_grown(moment) if timeline.text else f"{_on_a_line(out, moment.event.data)}\n")
        telling.end()
        ending = timeline.interaction.response.ending
        time.sleep(max(0.0, began + ending.at * float(factor) - time.monotonic()))
        out.print("" if ending.kind.value == "complete" else escaped(f"\n[{_ending(timeline)}]", "red"))
        _print_outside(out, timeline)


@click.command(epilog=example("fakegpt-testkit check cassettes --max-age 90 --allow cut-off"))
@click.argument("paths", type=_PATHS, nargs=-1, required=True)
@click.option("--max-age", type=click.IntRange(min=0), help="Days after which a cassette is stale.")
@click.option("--allow", type=click.Choice(_KINDS), multiple=True, help="A kind of finding that is fine here.")
@redacting
@speaking
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(
    paths: tuple[Path, ...],
    max_age: int | None,
    allow: tuple[str, ...],
    redaction: Redaction,
    dialect: str,
    *,
    as_json: bool,
) -> None:
    """Look cassettes over; exit code 1 if something is wrong.

    A cassette is wrong when it does not load (unreadable), holds a secret (secret) or what may be personal (personal),
    has a response or stream without its end (cut-off), is older than --max-age days (stale), holds nothing but errors
    (error), or has events that nobody knows (unknown).
    """
    from fakegpt_testkit import checks
    from fakegpt_testkit.errors import StorageError
    from fakegpt_testkit.maintenance import catalog

    age = None if max_age is None else timedelta(days=max_age)
    now = clock.now()
    files, passed_over = catalog.found(paths), catalog.passed_over(paths)

    def wrong(file: Path) -> list[Finding]:
        try:
            data = [catalog.pages_of(file)]
        except StorageError as problem:
            return [checks.Finding(checks.Kind.UNREADABLE, str(problem))]
        return checks.inspect(
            data.pop(),  # held by nobody else, so that it goes when it was read
            str(file),
            now=now,
            max_age=age,
            redaction=redaction,
            environment=os.environ,
            dialect=dialect,
        )

    findings = [
        (file, finding) for file in tracked(files, "checking") for finding in wrong(file) if finding.kind not in allow
    ]
    if as_json:
        print_json(
            {
                "cassettes": len(files),
                "not_read": [str(each) for each in passed_over],
                "findings": [
                    {"path": str(file), "kind": each.kind.value, "interaction": each.interaction, "text": each.text}
                    for file, each in findings
                ],
            }
        )
    else:
        out = console()
        for file, each in findings:
            where = "" if each.interaction is None else f", interaction {each.interaction}"
            out.print(escaped(f"{file}{where}: {each.kind.value}: {each.text}"))
        for file in passed_over:
            out.print(escaped(f"{file}: not read: it is no recording"), style="dim")
        out.print(escaped(f"{counted(len(files), 'cassette')}, {counted(len(findings), 'finding')}"), style="bold")
    if findings:
        raise click.exceptions.Exit(1)


@click.command(epilog=example("fakegpt-testkit diff old.yaml new.yaml --fail-on broken"))
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE)
@fail_on("The least difference that counts.", default="harmless")
@speaking
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")
def diff(old: Path, new: Path, fail_on: str, dialect: str, *, as_json: bool) -> None:
    """Compare two cassettes as streams of events.

    Exit code 0 says that they are the same, 1 that they differ, 2 that they could not be compared.

    Differences are harmless (another text, other ids), added (a new field or kind of event) or broken (a field gone,
    another type, status or ending). Chunks and times are not compared.
    """
    from fakegpt_testkit import drift

    with waiting("comparing"):
        found = drift.differences(_loaded(old, dialect), _loaded(new, dialect))
    worst = drift.worst(found)
    if as_json:
        print_json(
            {
                "severity": worst.name.lower(),
                "differences": [
                    {"severity": each.severity.name.lower(), "number": each.number, "in": each.where, "text": each.text}
                    for each in found
                ],
            }
        )
    else:
        out = console()
        styles = {"HARMLESS": "dim", "ADDED": "yellow", "BROKEN": "red"}
        for each in found:
            line = f"{each.severity.name.lower():8} {each.number} {each.where}: {each.text}"
            out.print(escaped(line, styles[each.severity.name]))
        out.print(escaped(f"{worst.name.lower()}: {counted(len(found), 'difference')}", "bold"))
    if worst >= drift.Severity[fail_on.upper()]:
        raise click.exceptions.Exit(1)


def _loaded(cassette: Path, dialect: str) -> tuple[Interaction, ...]:
    from fakegpt_testkit.dialects import read_in
    from fakegpt_testkit.maintenance import catalog

    return tuple(read_in(each, dialect) for each in catalog.load(cassette).interactions)


def _timelines(cassette: Path, number: int | None, dialect: str) -> dict[int, Timeline]:
    from fakegpt_testkit.timeline import timeline_of

    with waiting("reading"):
        interactions = _loaded(cassette, dialect)
    if number is not None and number > len(interactions):
        raise CliError(f"{cassette} has {counted(len(interactions), 'interaction')}; there is no number {number}")
    wanted = range(1, len(interactions) + 1) if number is None else (number,)
    return {nth: timeline_of(interactions[nth - 1]) for nth in tracked(wanted, "reading")}


def _print_timeline(out: Console, nth: int, timeline: Timeline) -> None:
    interaction = timeline.interaction
    tape, provenance = interaction.response, interaction.provenance
    out.print(escaped(f"\n{nth} {interaction.request.method} {interaction.request.uri}", "bold"))
    chunks = counted(len(tape.chunks), "chunk")
    status = f"{tape.status or 'no answer'} {tape.reason}".strip()
    out.print(escaped(f"  {status}, {len(tape.body)} bytes in {chunks}, {_ending(timeline)}"))
    if origin := ", ".join(word for word in (provenance.at, provenance.origin, provenance.server) if word):
        out.print(escaped(f"  recorded {origin}", "dim"))
    if tape.body and not tape.status:
        out.print(escaped(_cut(f"  in place of an answer's head: {tape.body!r}", _width(out))))
    if timeline.text:
        out.print("  text:", style="dim")
        out.print(*(f"    {line}" for line in _wrapped(out, timeline.text)), sep="\n", markup=False)
    for moment in timeline.moments:
        kind = "" if moment.event.event == "message" else f"{moment.event.event}: "
        grown = _grown(moment)
        what = f"+ {grown!r}" if grown else kind + moment.event.data
        at = f"  {moment.at * 1000:9.1f} ms  chunk {moment.chunk:<4} "
        out.print(escaped(at + _cut(what, _width(out) - len(at))))
    for gap in timeline.gaps:
        out.print(escaped(f"  silence of {gap.seconds * 1000:.1f} ms from {gap.start * 1000:.1f} ms on", "yellow"))
    _print_outside(out, timeline)


def _wrapped(out: Console, text: str) -> Iterator[str]:
    """The lines of a text to be indented, broken between words where the terminal ends; whole where there is none."""
    for line in text.splitlines():
        shown = escaped(line)
        for part in shown.wrap(out, max(out.width - 4, _LEAST)) if out.is_terminal else (shown,):
            yield part.plain.rstrip() if out.is_terminal else part.plain


def _print_outside(out: Console, timeline: Timeline) -> None:
    for each in timeline.outside:
        said = "  outside the events: "
        out.print(escaped(said + _cut(each, _width(out) - len(said)), "yellow"))


def _on_a_line(out: Console, data: str) -> str:
    """An event's data, as long as the terminal is wide; whole where there is none."""
    return _cut(data, out.width) if out.is_terminal else data


def _width(out: Console) -> int:
    """How long a line may be: as the terminal is wide, and where there is none as a page is."""
    return out.width if out.is_terminal else _SHOWN


def _ending(timeline: Timeline) -> str:
    ending = timeline.interaction.response.ending
    return f"{ending} after {ending.at * 1000:.1f} ms"


def _grown(moment: Moment) -> str:
    from fakegpt_testkit.dialects import Rewrite, Text

    return "".join(
        delta.text if isinstance(delta, Text) else f"\n{delta.text}"
        for delta in moment.deltas
        if isinstance(delta, (Text, Rewrite))
    )


def _cut(text: str, size: int) -> str:
    from rich.cells import cell_len, chop_cells

    size = max(size, _LEAST + 1)
    said = shortened(escape_controls(text).replace("\n", "\\n"), size - 1)
    return said if cell_len(said) <= size else f"{chop_cells(said, size - 1)[0]}…"  # some are two cells wide
