"""``fakegpt-testkit demo``: the main job, shown on a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from fakegpt_testkit.cli.terminal import Telling, console, escaped, example, print_json
from fakegpt_testkit.errors import NetworkBlocked

if TYPE_CHECKING:
    from rich.console import Console

    from fakegpt_testkit.fakegpt.demo import DemoAnswer, Recorded

_STEPS = ("borrow an account", "log in with it", "get an access token", "ask, and stream the answer")


@click.command(epilog=example("fakegpt-testkit demo", "fakegpt-testkit demo --cassette cassettes/demo.yaml"))
@click.option(
    "--cassette",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the recording goes.  [default: a new temporary folder]",
)
@click.option("--json", "as_json", is_flag=True, help="Print only the result, as JSON.")
def demo(cassette: Path | None, *, as_json: bool) -> None:
    """Record, stop the service, close the network, replay.

    The service is a stand-in that runs only for the recording.
    """
    import asyncio
    import tempfile

    from fakegpt_testkit.fakegpt import demo as show
    from fakegpt_testkit.fakegpt.stand_in import serve_in_thread

    out = console(quiet=as_json, wrap=True)
    path = cassette or Path(tempfile.mkdtemp(prefix="fakegpt-demo-")) / "demo.yaml"
    with asyncio.Runner() as runner:
        with serve_in_thread(show.OPTIONS) as service:
            url = service.url
            out.print(f"A stand-in of the chat service runs at {url}. Recording:\n", style="bold")
            telling = Telling(out, "cyan")
            live = show.record(runner, url, path, telling)
            telling.end()
            _print_requests(out, live)
        with show.network_closed():
            out.print("\nThe service is stopped and the network closed:", style="bold")
            out.print(escaped(f"  {_try(url)}"))
            out.print("\nReplaying the same question from the cassette, at the recorded pace:\n", style="bold")
            telling = Telling(out, "cyan")
            recorded = show.replay(runner, url, path, "recorded", telling)
            telling.end()
            lockstep = show.replay(runner, url, path, "lockstep", lambda _: None)
            chunks = show.chunks_replayed(runner, path)
    differs = show.differences(live, recorded, lockstep, chunks=chunks)
    if as_json:
        _print_json(path, live, recorded, lockstep, differs)
    _print_figures(out, live, recorded, lockstep, len(chunks))
    out.print(escaped(f"\nThe cassette: {path}"), soft_wrap=True)
    if differs:
        raise click.ClickException("the replay is not what was recorded\n  " + "\n  ".join(differs))
    out.print(f"All {len(chunks)} chunks and all of the text came again as they were.", style="bold green")


def _print_requests(out: Console, live: Recorded) -> None:
    out.print("\n\nThe requests of the flow:", style="bold")
    for number, ((method, uri, status), step) in enumerate(zip(live.requests, _STEPS, strict=True), 1):
        out.print(escaped(f"  {number} {method:4} {urlsplit(uri).path:18} {status}  {step}"))


def _try(url: str) -> str:
    """What a program meets that asks for the dead service without a cassette."""
    import socket

    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname, address.port), timeout=1).close()
    except NetworkBlocked as refused:
        return f"{refused.call} was refused: the network is closed, and only the cassette answers"
    raise click.ClickException(f"{url} could still be reached: the network was not closed")


def _print_figures(out: Console, live: Recorded, recorded: DemoAnswer, lockstep: DemoAnswer, chunks: int) -> None:
    from rich.table import Table

    table = Table("", "live", "replayed, recorded pace", "replayed, no waiting", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    heard = (live.heard, recorded, lockstep)
    table.add_row("first event with text", *(f"{each.first * 1000:.0f} ms" for each in heard))
    table.add_row("whole answer", *(f"{each.total * 1000:.0f} ms" for each in heard))
    table.add_row("pieces of text", *(str(len(each.pieces)) for each in heard))
    table.add_row("chunks", str(len(live.chunks)), "", str(chunks))
    out.print("\n")
    out.print(table)


def _print_json(path: Path, live: Recorded, recorded: DemoAnswer, lockstep: DemoAnswer, differs: list[str]) -> None:
    heard = {"live": live.heard, "recorded": recorded, "lockstep": lockstep}
    print_json(
        {
            "cassette": str(path),
            "requests": [{"method": method, "uri": uri, "status": status} for method, uri, status in live.requests],
            "chunks": len(live.chunks),
            "text": "".join(live.heard.pieces),
            "seconds": {name: {"first": each.first, "total": each.total} for name, each in heard.items()},
            "differences": differs,
        }
    )
