"""The commands that write cassettes: record, scrub, convert, recover."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from fakegpt_testkit import clock
from fakegpt_testkit.ci import is_ci
from fakegpt_testkit.cli.asking_options import proxy, timeout
from fakegpt_testkit.cli.dialect_option import speaking
from fakegpt_testkit.cli.redaction_options import as_python, redacting
from fakegpt_testkit.cli.terminal import CliError, console, escaped, example, format_error, print_json, tracked, waiting
from fakegpt_testkit.errors import FakeGptTestkitError
from fakegpt_testkit.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fakegpt_testkit.cassette import Cassette
    from fakegpt_testkit.cli.terminal import Item
    from fakegpt_testkit.fakegpt.provider import FakeGpt
    from fakegpt_testkit.recorder import Session
    from fakegpt_testkit.redaction import Redaction
    from fakegpt_testkit.storage import Leftover

_FILE = click.Path(dir_okay=False, path_type=Path)
_PATHS = click.Path(path_type=Path)

Made = TypeVar("Made")


@click.command(
    epilog=example('fakegpt-testkit record "Say hello" --url http://localhost:8080 --cassette cassettes/hello.yaml')
)
@click.argument("prompt")
@click.option("--cassette", type=_FILE, required=True, help="Where the recording goes.")
@click.option("--url", help="The service to ask.  [default: the live service]")
@click.option("--model", default="", help="The model to ask for.  [default: the service's]")
@proxy
@click.option(
    "--record-mode",
    type=click.Choice(["once", "new_episodes", "all", "rewrite"]),
    default="all",
    show_default=True,
    help="What happens to the recordings that the cassette has.",
)
@timeout
@click.option("--record-in-ci", is_flag=True, help="Record although the environment says CI.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def record(
    prompt: str,
    cassette: Path,
    url: str | None,
    model: str,
    proxy: str | None,
    record_mode: str,
    timeout: float,
    *,
    record_in_ci: bool,
    as_json: bool,
) -> None:
    """Ask a service that speaks FakeGpt a question and record the flow.

    For any other service: fakegpt-testkit serve --record --upstream URL, or a marked test.

    The cassette then replays for the live URL, whichever URL it was recorded from. With CI set in the environment
    nothing is recorded.

    A PROMPT of - is read from standard input.
    """
    if is_ci(os.environ) and not record_in_ci:
        raise CliError(
            f"nothing is recorded where the environment says CI={os.environ['CI']}\n"
            "  record on your own machine, or add --record-in-ci"
        )
    import asyncio

    import aiohttp

    from fakegpt_testkit.fakegpt.provider import FakeGpt, apart
    from fakegpt_testkit.recorder import Advice, Settings, use_cassette

    live = FakeGpt.url
    provider = apart(url or live)
    question = sys.stdin.read().removesuffix("\n") if prompt == "-" else prompt
    hear = partial(_hear, quiet=as_json)
    command = "the same command, with --url"
    settings = Settings().merged({"record_mode": record_mode, "origins": {provider.url: live}})
    try:
        with use_cassette(cassette, settings, advice=Advice(lambda _: command, command)) as session:
            text = asyncio.run(_ask(provider, model, question, proxy, timeout, hear))
    except aiohttp.ClientError as error:
        raise CliError(format_error(error)) from error
    if as_json:
        print_json({"path": str(cassette), "recorded": _titles(session), "text": text})
    else:
        out = console()
        out.print(
            escaped(f"\n{len(session.recorded)} of {len(session.recorded) + len(session.played)} requests recorded")
        )
        out.print(escaped(f"The cassette: {cassette}"))


async def _ask(
    provider: type[FakeGpt], model: str, question: str, proxy: str | None, seconds: float, hear: partial[None]
) -> str:
    pieces = []
    messages = [{"role": "user", "content": question}]
    async for piece in provider.create_async_generator(model, messages, proxy, timeout=seconds):
        pieces.append(piece)
        hear(piece)
    return "".join(pieces)


def _hear(text: str, *, quiet: bool) -> None:
    if not quiet:
        out = console()
        out.print(escaped(text), end="")
        out.file.flush()


def _titles(session: Session) -> list[str]:
    return [f"{each.request.method} {each.request.uri}" for each in session.recorded]


@click.command(epilog=example("fakegpt-testkit scrub cassettes --name x-internal-key"))
@click.argument("paths", type=_PATHS, nargs=-1, required=True)
@redacting
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def scrub(paths: tuple[Path, ...], redaction: Redaction, *, as_json: bool) -> None:
    """Redact cassettes in place.

    What is recorded today without a secret gets rid of it in old files too.

    A file in which there is nothing to redact is not touched; another tool's cassette that is, is written in our shape.
    """
    from fakegpt_testkit.maintenance import catalog

    files = catalog.found(paths)
    change = partial(_redacted, redaction)
    rewritten, failed = _on_each(files, "scrubbing", lambda file: (str(file), catalog.rewrite(file, change)))
    scrubbed = [file for file, changed in rewritten if changed]
    passed_over = catalog.passed_over(paths)
    if as_json:
        not_read = [str(each) for each in passed_over]
        print_json({"cassettes": len(files), "scrubbed": scrubbed, "not_read": not_read, "failed": failed})
        _fail(failed)
        return
    out = console()
    for file in scrubbed:
        out.print(escaped(f"scrubbed {file}"))
    for each in passed_over:
        out.print(escaped(f"{each}: not read: it is no recording"), style="dim")
    out.print(escaped(f"{len(scrubbed)} of {len(files)} cassettes had something to redact"), style="bold")
    if asked := as_python(redaction):
        said = "the suite needs it too, or its next recording holds it again"
        out.print(escaped(f"{said}: fakegpt_config with {{'redaction': {asked}}}"), soft_wrap=True)
    _fail(failed)


def _on_each(files: Sequence[Item], doing: str, act: Callable[[Item], Made]) -> tuple[list[Made], list[str]]:
    """What was made of each, and why nothing was made of some: one that is damaged does not keep the others from it."""
    made: list[Made] = []
    failed: list[str] = []
    for file in tracked(files, doing):
        try:
            made.append(act(file))
        except (FakeGptTestkitError, OSError) as error:
            failed.append(format_error(error))
    return made, failed


def _fail(failed: list[str]) -> None:
    if failed:
        raise CliError("\n".join(failed))


def _redacted(redaction: Redaction, cassette: Cassette) -> Cassette:
    from fakegpt_testkit.maintenance import catalog

    return catalog.redacted(cassette, redaction)


@click.command(epilog=example("fakegpt-testkit convert old/cassettes --to tests/cassettes"))
@click.argument("sources", type=_PATHS, nargs=-1, required=True)
@click.option("--to", "target", type=_PATHS, help="A file for one source, or a folder for many.  [default: in place]")
@redacting
@speaking
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def convert(
    sources: tuple[Path, ...], target: Path | None, redaction: Redaction, dialect: str, *, as_json: bool
) -> None:
    """Write other tools' recordings in our shape, redacted.

    That is those of vcrpy, pytest-recording and cassetter, of Ruby's VCR, betamax and go-vcr, and HAR files, Polly's
    among them; plain vcrpy still replays the result. JSON and packed files are written beside themselves, as YAML.

    Streams get one piece per event, since those tools do not record the chunks. Those that --dialect names keep it.
    """
    from fakegpt_testkit.cli import targets
    from fakegpt_testkit.maintenance import catalog

    pairs = targets.pairs(sources, target)
    converted, failed = _on_each(pairs, "converting", lambda pair: (*pair, *catalog.convert(*pair, redaction, dialect)))
    if as_json:
        described = [
            {"from": str(source), "to": str(written), "interactions": interactions, "changed": changed}
            for source, written, interactions, changed in converted
        ]
        print_json({"converted": described, "failed": failed})
        _fail(failed)
        return
    out = console()
    for source, written, interactions, changed in converted:
        kept = "" if changed else ", as it was"
        out.print(escaped(f"{source} → {written}: {counted(interactions, 'interaction')}{kept}"))
    _fail(failed)


@click.command(epilog=example("fakegpt-testkit recover", "fakegpt-testkit recover --all"))
@click.argument("journals", type=_FILE, nargs=-1)
@click.option("--all", "every", is_flag=True, help="Recover everything of this project that lies there.")
@click.option("--all-projects", is_flag=True, help="Of all projects, not of the one in this folder.")
@click.option("--discard", is_flag=True, help="Delete the journals that are named, or all, in place of recovering.")
@click.option("--into", type=_FILE, help="The cassette to recover into.  [default: the one that was recorded]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def recover(
    journals: tuple[Path, ...], *, every: bool, all_projects: bool, discard: bool, into: Path | None, as_json: bool
) -> None:
    """Bring back what a killed recording had received.

    Without arguments, list what there is of this project: of the next folder up that has a .git or pyproject.toml.
    """
    from fakegpt_testkit import storage
    from fakegpt_testkit.cli import targets
    from fakegpt_testkit.maintenance import catalog

    if every and journals:
        raise click.UsageError("journals were named and --all was given: give one of them")
    if (discard or into) and not (every or journals):
        raise click.UsageError(f"--{'discard' if discard else 'into'} wants journals, or --all")
    if discard and into:
        raise click.UsageError("--discard recovers nothing, and --into is for what is recovered")
    with waiting("looking"):
        there = storage.leftovers()
    here = there if all_projects else catalog.of_project(there, Path.cwd())
    if not journals and not every:
        _list(here, len(there) - len(here), " --all-projects" if all_projects else "", as_json=as_json)
        return
    wanted = targets.chosen(here if every else there, None if every else journals, readable=not discard)
    if discard:
        for each in wanted:
            storage.discard(each.path)
        said = [str(each.path) for each in wanted]
        print_json({"discarded": said}) if as_json else console().print(f"{counted(len(said), 'journal')} discarded")
        return
    done = [(leftover, *part) for leftover in tracked(wanted, "recovering") for part in catalog.recover(leftover, into)]
    if as_json:
        found = [{"journal": str(each.path), "cassette": str(path), "recovered": new} for each, path, new in done]
        print_json({"recovered": found})
        return
    out = console()
    for _, path, new in done:
        came = f"{counted(new, 'interaction')} recovered into {path}"
        out.print(escaped(came if new else f"nothing new for {path}: no answer had begun, or all of it is there"))
    if not done:
        out.print("Nothing to recover.")


def _list(there: Sequence[Leftover], elsewhere: int, which: str, *, as_json: bool) -> None:
    if as_json:
        fields = ("cassette", "running", "interactions", "problem", "at", "size", "test")
        print_json({"journals": [{"path": str(x.path), **{name: getattr(x, name) for name in fields}} for x in there]})
        return
    out = console()
    for each in there:
        state = each.problem or ("still recording" if each.running else counted(each.interactions, "interaction"))
        about = f"{state}, {each.size} bytes, {_age(each.at)}" + (f", by {each.test}" if each.test else "")
        out.print(escaped(f"{each.path}\n  of {each.cassette or 'an unknown cassette'}: {about}"))
    if not there:
        out.print("Nothing to recover: every recording was saved.")
    else:
        command = f"fakegpt-testkit recover --all{which}"
        out.print(f"To recover: {command}; or to leave it: {command} --discard", style="bold", soft_wrap=True)
    if elsewhere:
        out.print(f"{counted(elsewhere, 'journal')} of other projects: fakegpt-testkit recover --all-projects")


def _age(at: float) -> str:
    minutes = max(0, int(clock.seconds() - at)) // 60
    for unit, size in (("day", 1440), ("hour", 60)):
        if minutes >= size:
            return f"{counted(minutes // size, unit)} old"
    return f"{counted(minutes, 'minute')} old"
