"""``fakegpt-testkit stand-in``: a service that speaks a provider's dialect, until Ctrl-C."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import click

from fakegpt_testkit.cli.terminal import console, escaped, example, print_json

if TYPE_CHECKING:
    from fakegpt_testkit.serving import Server

_DIALECTS: Final = (
    *("openai-chat", "openai-responses", "anthropic", "gemini", "ollama", "cohere", "bedrock"),
    "bedrock-invoke",
)
_SITE: Final = "http://stand-in.invalid"


@click.command(
    name="stand-in",
    epilog=example(
        "fakegpt-testkit stand-in --dialect openai-chat --port 8080 --delay 0.05",
        "fakegpt-testkit stand-in --dialect anthropic --fault 'error_event(2)'",
    ),
)
@click.option("--dialect", type=click.Choice(_DIALECTS), required=True, help="Whose answers it gives.")
@click.option("--text", default="Hello from the stand-in.", show_default=True, help="The answer, a word in each event.")
@click.option("--reasoning", default="", help="What the model thought before.")
@click.option("--delay", type=click.FloatRange(min=0), default=0.0, show_default=True, help="Seconds between events.")
@click.option(
    "--cuts", help="Other chunks: byte, event, line, sizes such as 3,5, or a seed.  [default: each event one]"
)
@click.option(
    "--fault", multiple=True, help="A fault as in Python, 'reset(3)' or 'heartbeat(1)'; may be given several times."
)
@click.option("--plain", is_flag=True, help="Answer with one JSON body, not with a stream.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--json", "as_json", is_flag=True, help="Print the URL as JSON.")
def speak(host: str, port: int, *, as_json: bool, **flags: Any) -> None:
    """Run a service that answers as a provider does, until Ctrl-C: any SDK can be pointed at it by its base URL.

    Every request to the dialect's endpoint gets the same answer, whatever stands before it in the path. FakeGpt's own
    stand-in is the command upstream.
    """
    from fakegpt_testkit.serving import Door, run

    dialect = flags["dialect"]

    def ready(url: str) -> None:
        base = f"{url}/v1" if dialect.startswith("openai") else url
        if as_json:
            print_json({"url": url, "base_url": base, "dialect": dialect})
        else:
            out = console()
            out.print(escaped(f"{dialect} at {base}"))
            out.print("Ctrl-C stops it.", style="dim")
            out.file.flush()

    run(speaking(**flags), Door(host, port, None), ready, None)


def speaking(
    *, dialect: str, text: str, reasoning: str, delay: float, cuts: str | None, fault: tuple[str, ...], plain: bool
) -> Server:
    """The server that says it; what stands before the dialect's own path decides nothing."""
    from fakegpt_testkit.cassette import Cassette
    from fakegpt_testkit.effects import script
    from fakegpt_testkit.recorder import Settings
    from fakegpt_testkit.serving import MATCH_ON, Library, Server, Shelf, Terms, read_fault, read_timing

    words = re.findall(r"\s*\S+\s*", text) or [text]
    answers = tuple(
        interaction
        for url in (_SITE, f"{_SITE}/*")
        for interaction in script(*words, dialect=dialect, reasoning=reasoning, url=url, every=delay, stream=not plain)
    )
    settings = Settings(match_on=MATCH_ON, faults=[read_fault(each) for each in fault], recut=cuts)
    library = Library(lambda: (), shelf=Shelf((Cassette(answers, f"the stand-in for {dialect}"),)))
    return Server(library, Terms(settings, read_timing("recorded", None), steady=True))
