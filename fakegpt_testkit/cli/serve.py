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
@click.option("--origin", help="Only what was recorded from this URL.")
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
    cors: tuple[str, ...],
    allow_host: tuple[str, ...],
    *,
    once: bool,
    watch: bool,
    as_json: bool,
) -> None:
    """Serve cassettes over HTTP until Ctrl-C, for programs in any language.

    A folder stands for all cassettes below it. A request that no cassette has is answered with 404 and what differs.
    """
    from fakegpt_testkit.maintenance import catalog
    from fakegpt_testkit.recorder import Settings
    from fakegpt_testkit.serving import MATCH_ON, Access, Door, Library, Server, Terms, read_fault, read_timing, run

    played = Settings(match_on=MATCH_ON, faults=[read_fault(each) for each in faults], ignore=ignore)
    terms = Terms(played, read_timing(pace, gap), steady=not once, command=_RECORD)
    library = Library(lambda: catalog.found(cassettes), origin)
    library.load()
    problems = progress_console()
    server = Server(
        library, terms, Access(allow_host, cors), say=lambda line: problems.print(escaped(line), soft_wrap=True)
    )
    run(server, Door(host, port), lambda url: _tell(server, url, as_json=as_json), watch=watch)


_RECORD = "record it with the tests, or in another terminal: fakegpt-testkit record --help"


def _tell(server: Server, url: str, *, as_json: bool) -> None:
    """Where it listens, in one line for those who wait for it; then what to set for the SDKs."""
    variables = {name: url + below for name, below, ends in _SDKS if _is_asked(server, ends)}
    if as_json:
        print_json({"url": url, "control": f"{url}/__fakegpt", "environment": variables})
        return
    out = console()
    out.print(escaped(f"{server.library.shelf.told} at {url}"), soft_wrap=True)
    for name, value in variables.items():
        out.print(escaped(f"{name}={value}"), soft_wrap=True)
    out.print(f"Ctrl-C stops it; what was asked: {url}/__fakegpt/", style="dim", soft_wrap=True)
    out.file.flush()


def _is_asked(server: Server, ends: tuple[str, ...]) -> bool:
    return any(each.request.path.endswith(ends) for each in server.library.shelf.interactions)
