"""``fakegpt-testkit serve``: cassettes on a real socket, until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fakegpt_testkit.cli.terminal import console, escaped, example, print_json, progress_console

if TYPE_CHECKING:
    from fakegpt_testkit.serving import Server

_PORT = 8088
_SDKS = (
    ("OPENAI_BASE_URL", "/v1", ("/chat/completions", "/responses", "/embeddings", "/models")),
    ("ANTHROPIC_BASE_URL", "", ("/v1/messages",)),
)
"""What the SDKs read, and the paths by whose ends a cassette shows that it is one of theirs."""


@click.command(
    epilog=example(
        "fakegpt-testkit serve cassettes",
        "fakegpt-testkit serve cassettes/test_chat --gap 5ms --fault 'reset(3)'",
    )
)
@click.argument("cassettes", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--port", type=click.IntRange(0, 65535), default=_PORT, show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--pace", help="recorded, or a factor of the recorded times.  [default: recorded]")
@click.option("--gap", help="The same time between all arrivals, such as 5ms, in place of a pace.")
@click.option("--fault", "faults", multiple=True, help="A fault as in Python, 'reset(3)'; may be given several times.")
@click.option("--ignore", multiple=True, help="A field that does not decide, body.user; may be given several times.")
@click.option("--origin", help="Only what was recorded from this URL; with --record: the URL to store for upstream's.")
@click.option("--record", is_flag=True, help="Ask --upstream for what the one cassette has not, and record it.")
@click.option("--upstream", help="The live service, such as https://api.openai.com/v1.")
@click.option(
    "--record-mode",
    type=click.Choice(["once", "new_episodes", "rewrite"]),
    default="new_episodes",
    show_default=True,
    help="What --record adds to a cassette that there is.",
)
@click.option("--once", is_flag=True, help="Play equal requests in their recorded order, each once.")
@click.option("--cors", multiple=True, help="An origin whose pages may read answers, or *; may be given several times.")
@click.option("--allow-host", multiple=True, help="Another name this server is asked under; several times.")
@click.option("--watch", is_flag=True, help="Read changed cassettes anew.")
@click.option("--json", "as_json", is_flag=True, help="Print the URL as JSON.")
def serve(
    cassettes: tuple[Path, ...],
    port: int,
    host: str,
    pace: str | None,
    gap: str | None,
    faults: tuple[str, ...],
    ignore: tuple[str, ...],
    origin: str | None,
    upstream: str | None,
    record_mode: str,
    cors: tuple[str, ...],
    allow_host: tuple[str, ...],
    *,
    once: bool,
    record: bool,
    watch: bool,
    as_json: bool,
) -> None:
    """Serve cassettes over HTTP until Ctrl-C, for programs in any language.

    A folder stands for all cassettes below it. A request that no cassette has is answered with 404 and what differs.
    """
    from fakegpt_testkit.maintenance import catalog
    from fakegpt_testkit.recorder import Settings
    from fakegpt_testkit.serving import (
        MATCH_ON,
        Access,
        Door,
        Library,
        Recorder,
        Server,
        Terms,
        read_fault,
        read_timing,
        run,
    )

    played = Settings(match_on=MATCH_ON, faults=[read_fault(each) for each in faults], ignore=ignore)
    terms = Terms(played, read_timing(pace, gap), steady=not once, command=_RECORD)
    recorder = None
    if record:
        if upstream is None or len(cassettes) != 1 or cassettes[0].is_dir():
            raise click.UsageError("--record takes one cassette and --upstream URL")
        recorder = Recorder(cassettes[0], upstream, played.merged({"record_mode": record_mode}), origin)
    elif upstream is not None:
        raise click.UsageError("--upstream is for --record")
    library = Library(lambda: () if record else catalog.found(cassettes), origin)
    library.load()
    problems = progress_console()

    def say(line: str) -> None:
        problems.print(escaped(line), soft_wrap=True)

    if recorder is not None:
        recorder.say = say
    server = Server(library, terms, Access(allow_host, cors), say=say, recorder=recorder)
    run(server, Door(host, port), lambda url: _tell(server, url, as_json=as_json), watch=watch)


_RECORD = "fakegpt-testkit serve --record --upstream URL CASSETTE"


def _tell(server: Server, url: str, *, as_json: bool) -> None:
    """Where it listens, in one line for those who wait for it; then what to set for the SDKs."""
    variables = {name: url + below for name, below, ends in _SDKS if _is_asked(server, name, ends)}
    if as_json:
        print_json({"url": url, "control": f"{url}/__fakegpt", "environment": variables})
        return
    out = console()
    told = server.library.shelf.told if server.recorder is None else f"{server.recorder.upstream} is recorded"
    out.print(escaped(f"{told} at {url}"), soft_wrap=True)
    for name, value in variables.items():
        out.print(escaped(f"{name}={value}"), soft_wrap=True)
    out.print(f"Ctrl-C stops it; what was asked: {url}/__fakegpt/", style="dim", soft_wrap=True)
    out.file.flush()


def _is_asked(server: Server, name: str, ends: tuple[str, ...]) -> bool:
    if server.recorder is not None:
        return name.partition("_")[0].lower() in server.recorder.upstream
    return any(each.request.path.endswith(ends) for each in server.library.shelf.interactions)
