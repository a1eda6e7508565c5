"""``fakegpt-testkit stand-in``: a service that speaks a provider's dialect, until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import click
from click.core import ParameterSource

from fakegpt_testkit.cli.terminal import console, escaped, example, print_json

if TYPE_CHECKING:
    from fakegpt_testkit.fakegpt.stand_in import Options
    from fakegpt_testkit.fakegpt.stand_in.options import StreamCuts
    from fakegpt_testkit.serving import Casting

_FAKEGPT: Final = "fakegpt"
_DIALECTS: Final = (
    *(_FAKEGPT, "openai-chat", "openai-responses", "anthropic", "gemini", "ollama", "cohere", "bedrock"),
    "bedrock-invoke",
)
_STEPS: Final = ("loads", "login", "session", "conversation")
_SHARED: Final = frozenset({"dialect", "text", "delay", "cuts", "port", "host", "allow_host", "as_json"})
_OTHERS: Final = frozenset({"reasoning", "fault"})
"""What FakeGpt's stand-in does not have; all that is neither here nor shared, only that one has."""
_FAKEGPTS_CUTS: Final = ("event", "random", "byte", "utf8", "data", "crlf")


@click.command(
    name="stand-in",
    epilog=example(
        "fakegpt-testkit stand-in --dialect openai-chat --port 8080 --delay 0.05",
        "fakegpt-testkit stand-in --dialect anthropic --fault 'error_event(2)'",
        "fakegpt-testkit stand-in --cuts random --noise ping",
    ),
)
@click.option(
    "--dialect",
    type=click.Choice(_DIALECTS),
    default=_FAKEGPT,
    show_default=True,
    help="Whose service it stands in for. Options after --fault are for fakegpt alone.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--host", default="localhost", show_default=True, help="The address to listen on.")
@click.option("--allow-host", multiple=True, help="Another name it is asked under; may be given several times.")
@click.option("--json", "as_json", is_flag=True, help="Print the URL as JSON.")
@click.option("--text", help="The answer.  [default: one of its own]")
@click.option("--delay", type=click.FloatRange(min=0), default=0.0, show_default=True, help="Seconds between chunks.")
@click.option(
    "--cuts",
    help="Other chunks: byte, event, line, sizes such as 3,5, or a seed; "
    f"for fakegpt {', '.join(_FAKEGPTS_CUTS)}.  [default: event]",
)
@click.option("--reasoning", default="", help="What the model thought before; not for fakegpt.")
@click.option(
    "--fault",
    multiple=True,
    help="A fault as in Python, 'reset(3)' or 'heartbeat(1)'; may be given several times; not for fakegpt.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Makes every id, token, cookie and random cut.")
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
@click.pass_context
def stand_in_command(context: click.Context, /, dialect: str, host: str, port: int, **flags: Any) -> None:
    """Run a stand-in for a service until Ctrl-C: any SDK can be pointed at it by its base URL.

    Every question to the dialect's endpoint gets the same answer, whatever stands before it in the path: a stream where
    the request asks for one, else one JSON body. For fakegpt it is the whole flow, login and all, and its answers
    are deterministic: the same options give the same answers to the same requests.
    """
    _refuse_the_other_s(context, dialect)
    allow_hosts, as_json = flags.pop("allow_host"), flags.pop("as_json")

    def say(name: str, url: str, **more: str) -> None:
        base = more.get("base_url", url)
        if as_json:
            print_json({"url": url, **more})
        else:
            out = console()
            out.print(escaped(f"{name} at {base}"))
            out.print("Ctrl-C stops it.", style="dim")
            out.file.flush()

    if dialect == _FAKEGPT:
        from fakegpt_testkit.fakegpt import stand_in as service

        options = _options(flags)
        service.run(
            options,
            host=host,
            port=port,
            ready=lambda here: say(here.name, here.url, server=here.name),
            allow_hosts=allow_hosts,
        )
        return
    from fakegpt_testkit.serving import Access, Door, Library, Server, run

    server = Server(Library(lambda: ()), access=Access(allow_hosts), casting=_casting(dialect, flags))
    suffix = "/v1" if dialect.startswith("openai") else ""
    door = Door("127.0.0.1" if host == "localhost" else host, port)
    run(server, door, lambda url: say(dialect, url, base_url=f"{url}{suffix}", dialect=dialect))


def _refuse_the_other_s(context: click.Context, dialect: str) -> None:
    """An option that the dialect's stand-in would not look at is an error."""
    for parameter in context.command.params:
        name = parameter.name or ""
        is_other_s = name in _OTHERS if dialect == _FAKEGPT else name not in _SHARED | _OTHERS
        if is_other_s and context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            whose = "the other dialects" if dialect == _FAKEGPT else _FAKEGPT
            raise click.UsageError(f"{parameter.opts[0]} is for {whose}, not for --dialect {dialect}")


def _casting(dialect: str, flags: dict[str, Any]) -> Casting:
    from fakegpt_testkit.serving import provider

    said = {name: flags[name] for name in ("text", "reasoning", "delay", "cuts") if flags[name] is not None}
    return provider(dialect, said | {"faults": [*flags["fault"]]})


def _options(flags: dict[str, Any]) -> Options:
    from fakegpt_testkit.fakegpt.stand_in import Options, StepRefusal

    flags = {name: value for name, value in flags.items() if name not in _OTHERS}
    refused = {name.removeprefix("refuse_"): flags.pop(name) for name in list(flags) if name.startswith("refuse_")}
    step = flags.pop("refuse")
    body: Path | None = flags.pop("body")
    cuts = flags.pop("cuts") or _FAKEGPTS_CUTS[0]
    if cuts not in _FAKEGPTS_CUTS:
        raise click.BadParameter(f"{cuts!r} is not one of {', '.join(_FAKEGPTS_CUTS)}", param_hint="--cuts")
    return Options(
        cuts=cast("StreamCuts", cuts),
        noise=frozenset(flags.pop("noise")),
        drift=frozenset(flags.pop("drift")),
        newline="\r\n" if flags.pop("newline") == "crlf" else "\n",
        body=None if body is None else body.read_bytes(),
        refusal=None if step is None else StepRefusal(step, **refused),
        **flags,
    )
