"""``fakegpt-testkit serve``: cassettes on a real socket, until Ctrl-C."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from fakegpt_testkit.cli.asking_options import fail_on, report
from fakegpt_testkit.cli.dialect_option import speaking
from fakegpt_testkit.cli.terminal import console, escaped, example, print_json, progress_console

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from fakegpt_testkit.serving import Casting, Recorder, Server, Terms

_PORT: Final = 8088
_VARIABLES: Final = "FAKEGPT_SERVE"
_RECORD: Final = "fakegpt-testkit serve --record --upstream URL CASSETTE"


class _Fault(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.4
    """A fault as it was written; in a variable several are kept apart by semicolons, since calls have blanks."""

    name = "fault"
    envvar_list_splitter = ";"


@click.command(
    context_settings={"auto_envvar_prefix": _VARIABLES},
    epilog=example(
        "fakegpt-testkit serve cassettes",
        "fakegpt-testkit serve cassettes/test_chat --gap 5ms --fault 'reset(3)'",
        "FAKEGPT_SERVE_PORT=9000 fakegpt-testkit serve cassettes",
    ),
)
@click.argument("cassettes", type=click.Path(path_type=Path), nargs=-1)
@click.option("--port", type=click.IntRange(0, 65535), default=_PORT, show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--pace", help="recorded, or a factor of the recorded times.  [default: recorded]")
@click.option("--gap", help="The same time between all arrivals, such as 5ms, in place of a pace.")
@click.option(
    "--fault", type=_Fault(), multiple=True, help="A fault as in Python, 'reset(3)'; may be given several times."
)
@click.option("--ignore", multiple=True, help="A field that does not decide, body.user; may be given several times.")
@click.option("--echo", multiple=True, help="A field that the answer repeats, body.id; may be given several times.")
@click.option("--origin", help="Only what was recorded from this URL; with --record: the URL to store for upstream's.")
@click.option("--record", is_flag=True, help="Ask --upstream for what the one cassette has not, and record it.")
@click.option("--upstream", help="The live service, such as https://api.openai.com/v1.")
@click.option(
    "--record-mode",
    type=click.Choice(["none", "once", "new_episodes", "all", "rewrite", "verify"]),
    default="new_episodes",
    show_default=True,
    help="What --record does with a cassette that there is; verify compares with it, and writes nothing.",
)
@fail_on("The least drift for which --record-mode verify exits with 1.", "never")
@report("A file for what it found: .md, .json or .txt.")
@click.option(
    "--after-leaving",
    type=click.Choice(["stop", "read"]),
    default="stop",
    show_default=True,
    help="Whether --record reads on where a client leaves a stream.",
)
@speaking
@click.option("--once", is_flag=True, help="Play equal requests in their recorded order, each once.")
@click.option("--cors", multiple=True, help="An origin whose pages may read answers, or *; may be given several times.")
@click.option("--allow-host", multiple=True, help="Another name this server is asked under; several times.")
@click.option("--tls", is_flag=True, help="Encrypt, with a certificate made for this run; prints what is to trust it.")
@click.option("--ca", type=click.Path(path_type=Path), help="With --tls: the file to write what is to be trusted to.")
@click.option("--cert", type=click.Path(exists=True, path_type=Path), help="Encrypt, with a certificate of one's own.")
@click.option("--key", type=click.Path(exists=True, path_type=Path), help="The key of --cert, if that has none.")
@click.option("--fail-on-unmatched", is_flag=True, help="Exit with 1 if a request had no answer.")
@click.option("--watch", is_flag=True, help="Read changed cassettes anew.")
@click.option("--json", is_flag=True, help="Print the URL as JSON.")
@click.option(
    "--health",
    metavar="URL",
    allow_from_autoenv=False,
    help="Serve nothing: ask the server at this URL whether it answers; exits with 1 if not.",
)
def serve(cassettes: tuple[Path, ...], health: str | None, **flags: Any) -> None:
    """Serve cassettes over HTTP until Ctrl-C, for programs in any language.

    A folder stands for all cassettes below it. A request that no cassette has is answered with 404 and what differs.
    Each option can be a variable, too: --allow-host is FAKEGPT_SERVE_ALLOW_HOST.
    """
    if health is not None:
        _ask(health)
    _refuse_the_unused(**flags)
    if not cassettes:
        raise click.UsageError("which cassettes? Give files or folders: fakegpt-testkit serve cassettes")
    from fakegpt_testkit.serving import Door, run

    server = _server(cassettes, **flags)
    with _tls(server, **flags) as (context, trusted):
        door = Door(flags["host"], flags["port"], context)
        run(
            server,
            door,
            lambda url: _tell(server, url, trusted, as_json=flags["json"]),
            server if flags["watch"] else None,
        )
    status = _settle(server.recorder, **flags) if server.recorder is not None else 0
    if flags["fail_on_unmatched"] and server.missed:
        status = 1
    sys.exit(status)


def _refuse_the_unused(**flags: Any) -> None:
    """An option that nobody would look at is an error."""
    context = click.get_current_context()
    given = {name for name in flags if context.get_parameter_source(name) is not ParameterSource.DEFAULT}
    verifies = flags["record_mode"] == "verify"
    for there, what, names in (
        (flags["record"], "for --record", ("upstream", "record_mode", "after_leaving")),
        (flags["record"] and verifies, "for --record --record-mode verify", ("report", "fail_on")),
        (not flags["record"], "for what is served without --record", ("watch",)),
        (flags["tls"], "for --tls", ("ca",)),
        (flags["cert"] is not None, "for --cert", ("key",)),
    ):
        for name in names if not there else ():
            if name in given:
                raise click.UsageError(f"--{name.replace('_', '-')} is {what}")


def _settle(recorder: Recorder, **flags: Any) -> int:
    """Say what was verified; the exit status: 1 for a drift or what was not saved, 2 for what was not compared."""
    if recorder.drift is None:
        return int(recorder.unsaved is not None or bool(recorder.lost))
    from fakegpt_testkit import drift, storage

    found = recorder.drift
    if flags["report"] is not None:
        storage.write(flags["report"], drift.report([found], str(flags["report"])).encode())
    if flags["json"]:
        print_json(drift.described([found]))
    for line in () if flags["json"] else drift.report_lines([found]):
        console().print(escaped(line), soft_wrap=True)
    for request, reason in recorder.lost:
        progress_console().print(escaped(f"not compared: {request}: {reason}"), soft_wrap=True)
    if found.fails(flags["fail_on"]):
        return 1
    return 2 if recorder.lost or not found.compared else 0


def _ask(url: str) -> None:
    from fakegpt_testkit.serving.health import ask

    is_well, said = ask(url)
    console().print(escaped(said), soft_wrap=True)
    sys.exit(0 if is_well else 1)


def _server(cassettes: tuple[Path, ...], **flags: Any) -> Server:
    from fakegpt_testkit.maintenance import catalog
    from fakegpt_testkit.recorder import Settings
    from fakegpt_testkit.serving import MATCH_ON, Access, Library, Server, Terms, read_fault, read_timing

    faults = [read_fault(each) for each in flags["fault"]]
    played = Settings(match_on=MATCH_ON, faults=faults, ignore=flags["ignore"], echo=flags["echo"])
    terms = Terms(played, read_timing(flags["pace"], flags["gap"]), steady=not flags["once"], command=_RECORD)
    recorder = _recorder(cassettes, terms, **flags)
    library = Library(
        lambda: () if recorder is not None else catalog.found(cassettes), flags["origin"], dialect=flags["dialect"]
    )
    library.load()
    problems = progress_console()

    def say(line: str) -> None:
        problems.print(escaped(line), soft_wrap=True)

    if recorder is not None:
        recorder.say = say
    access = Access(flags["allow_host"], flags["cors"])
    return Server(library, terms, access, say=say, recorder=recorder, stand_ins=_stand_ins())


def _stand_ins() -> dict[str, Callable[[object], Casting]]:
    """The services that a scenario can stand in for; without a dialect the first one."""
    from fakegpt_testkit.dialects.writing import WRITERS
    from fakegpt_testkit.fakegpt.stand_in.serving import scenario
    from fakegpt_testkit.serving import provider

    return {"fakegpt": scenario, **{name: partial(provider, name) for name in WRITERS}}


def _recorder(cassettes: tuple[Path, ...], terms: Terms, **flags: Any) -> Recorder | None:
    from fakegpt_testkit.recorder import Advice
    from fakegpt_testkit.serving import Recorder

    if not flags["record"]:
        return None
    if flags["upstream"] is None or len(cassettes) != 1 or cassettes[0].is_dir():
        raise click.UsageError("--record takes one cassette and --upstream URL")
    if flags["report"] is not None:
        from fakegpt_testkit import drift

        drift.report((), str(flags["report"]))  # refused now, if it is to be
    settings = terms.settings.merged({name: flags[name] for name in ("record_mode", "after_leaving", "dialect")})
    command = f"fakegpt-testkit serve --record --record-mode {{}} --upstream {flags['upstream']} {cassettes[0]}"
    return Recorder(cassettes[0], flags["upstream"], settings, flags["origin"], Advice(command.format))


@contextmanager
def _tls(server: Server, **flags: Any) -> Iterator[tuple[ssl.SSLContext | None, Path | None]]:
    """What to encrypt with, and the file of what is to be trusted."""
    from fakegpt_testkit.serving import certificates

    if flags["cert"] is not None:
        if flags["tls"]:
            raise click.UsageError("--tls makes a certificate, --cert has one: give one of them")
        yield certificates.loaded(flags["cert"], flags["key"]), None
    elif flags["tls"]:
        with certificates.made(flags["host"], *server.access.hosts, authority=flags["ca"]) as tls:
            yield tls
    else:
        yield None, None


def _tell(server: Server, url: str, trusted: Path | None, *, as_json: bool) -> None:
    """Where it listens, in one line for those who wait for it; then what to set for the SDKs."""
    from fakegpt_testkit.serving import certificates, variables

    if server.recorder is None:
        told = variables.by_paths((each.request.path for each in server.library.shelf.interactions), url)
    else:
        told = variables.by_service(server.recorder.upstream, url)
    if trusted is not None:
        told |= dict.fromkeys(certificates.TRUSTING, str(trusted))
    if as_json:
        print_json({"url": url, "control": f"{url}/__fakegpt", "environment": told})
        return
    out = console()
    what = server.library.shelf.told if server.recorder is None else server.recorder.told
    out.print(escaped(f"{what} at {url}"), soft_wrap=True)
    for name, value in told.items():
        out.print(escaped(f"{name}={value}"), soft_wrap=True)
    out.print(f"Ctrl-C stops it; what was asked: {url}/__fakegpt/", style="dim", soft_wrap=True)
    out.file.flush()
