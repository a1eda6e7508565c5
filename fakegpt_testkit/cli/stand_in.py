"""``fakegpt-testkit upstream``: the stand-in service, until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fakegpt_testkit.cli.terminal import console, escaped, example, print_json

if TYPE_CHECKING:
    from fakegpt_testkit.fakegpt.stand_in import Options

_STEPS = ("loads", "login", "session", "conversation")


@click.command(epilog=example("fakegpt-testkit upstream --port 8080 --cuts random --delay 0.05"))
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--host", default="localhost", show_default=True, help="The address to listen on.")
@click.option("--seed", type=int, default=0, show_default=True, help="Makes every id, token, cookie and random cut.")
@click.option("--text", help="The answer.  [default: made from the seed and the prompt]")
@click.option(
    "--body",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file whose bytes are sent as the whole stream.",
)
@click.option(
    "--finish",
    type=click.Choice(["stop", "max_tokens", "interrupted", "content_filter"]),
    default="stop",
    show_default=True,
    help="Why the answer ends.",
)
@click.option(
    "--noise",
    type=click.Choice(["system", "echo", "tool", "ping", "moderation"]),
    multiple=True,
    help="Events around the answer; may be given several times.",
)
@click.option("--newline", type=click.Choice(["lf", "crlf"]), default="lf", show_default=True, help="The line end.")
@click.option("--raw", is_flag=True, help=r"Send JSON as UTF-8, not as \uXXXX.")
@click.option(
    "--cuts",
    type=click.Choice(["event", "random", "byte", "utf8", "data", "crlf"]),
    default="event",
    show_default=True,
    help="Where the stream is cut into chunks.",
)
@click.option("--delay", type=float, default=0.0, show_default=True, help="Seconds between two chunks.")
@click.option(
    "--ending",
    type=click.Choice(["done", "unmarked", "close", "cut", "reset", "malformed", "stall", "endless"]),
    default="done",
    show_default=True,
    help="How the stream ends.",
)
@click.option("--events", type=int, help="How many events are sent before the ending.  [default: all]")
@click.option("--accounts", type=int, default=3, show_default=True, help="How many accounts the first step lists.")
@click.option("--busy", type=int, default=0, show_default=True, help="How many of these are in use.")
@click.option("--stale-tokens", type=int, default=0, show_default=True, help="How many tokens are refused when used.")
@click.option("--redirect", is_flag=True, help="Answer a login with 302 in place of 200.")
@click.option(
    "--drift",
    type=click.Choice(
        [
            "other-text",
            "other-ids",
            "other-timing",
            "new-field",
            "new-event",
            "gone-field",
            "other-type",
            "other-status",
            "other-ending",
        ]
    ),
    multiple=True,
    help="Answer not as before, for trying `verify`; may be given several times.",
)
@click.option("--refuse", type=click.Choice(_STEPS), help="Refuse this step, whatever is asked.")
@click.option("--refuse-status", type=int, default=429, show_default=True, help="The refusal's status.")
@click.option("--refuse-detail", default="Too many requests in 1 hour. Try again later.", help="The refusal's words.")
@click.option("--refuse-code", default="", help="The refusal's code, token_expired for instance.")
@click.option("--refuse-html", is_flag=True, help="Refuse with a challenge page.")
@click.option("--refuse-times", type=int, help="How often, before the step works.  [default: always]")
@click.option("--allow-host", multiple=True, help="Another name it is asked under; may be given several times.")
@click.option("--json", "as_json", is_flag=True, help="Print the URL as JSON.")
def upstream(port: int, host: str, *, allow_host: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Run the stand-in for the chat service until Ctrl-C.

    Its answers are deterministic: the same options give the same answers to the same requests.
    """
    from fakegpt_testkit.fakegpt.stand_in import Service, run

    def ready(service: Service) -> None:
        if as_json:
            print_json({"url": service.url, "server": service.name})
        else:
            out = console()
            out.print(escaped(f"{service.name} at {service.url}"))
            out.print("Ctrl-C stops it.", style="dim")
            out.file.flush()

    run(_options(flags), host=host, port=port, ready=ready, allow_hosts=allow_host)


def _options(flags: dict[str, Any]) -> Options:
    from fakegpt_testkit.fakegpt.stand_in import Options, Refusal

    refused = {name.removeprefix("refuse_"): flags.pop(name) for name in list(flags) if name.startswith("refuse_")}
    step = flags.pop("refuse")
    body: Path | None = flags.pop("body")
    return Options(
        noise=frozenset(flags.pop("noise")),
        drift=frozenset(flags.pop("drift")),
        newline="\r\n" if flags.pop("newline") == "crlf" else "\n",
        body=None if body is None else body.read_bytes(),
        refusal=None if step is None else Refusal(step, **refused),
        **flags,
    )
