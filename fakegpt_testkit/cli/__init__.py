"""The command line ``fakegpt-testkit``. Wires; decides nothing.

Each module has the commands of one kind. What is heavy is imported by the commands that use it, so ``--help`` and
completion are quick.
"""

from __future__ import annotations

import errno
import sys
from io import TextIOWrapper
from typing import Any

import click

from fakegpt_testkit.cli.demo import demo
from fakegpt_testkit.cli.edit import convert, record, recover, scrub
from fakegpt_testkit.cli.inspect import check, diff, replay, show
from fakegpt_testkit.cli.serve import serve
from fakegpt_testkit.cli.stand_in import stand_in_command
from fakegpt_testkit.cli.suite import orphans, prune
from fakegpt_testkit.cli.terminal import CliError, example, format_error
from fakegpt_testkit.cli.verify import verify
from fakegpt_testkit.cli.why import why
from fakegpt_testkit.errors import FakeGptTestkitError

__all__ = ["main"]


class _Commands(click.Group):
    """Commands whose expected failures are texts with exit code 2, and nothing else."""

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # an ASCII terminal shows an emoji as its code
        try:
            return super().invoke(ctx)
        except (FakeGptTestkitError, OSError) as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # the reader of a pipe has left: click ends quietly
            raise CliError(format_error(error)) from error


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=example("fakegpt-testkit demo")
)
@click.version_option(package_name="fakegpt-testkit", prog_name="fakegpt-testkit")
def main() -> None:
    """Record a streaming chat once, replay it offline: the same bytes, chunks, timing and endings."""


for _command in (
    demo,
    record,
    replay,
    show,
    diff,
    check,
    scrub,
    convert,
    recover,
    orphans,
    prune,
    verify,
    serve,
    stand_in_command,
    why,
):
    main.add_command(_command)
