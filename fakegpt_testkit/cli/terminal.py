"""What every command says, and how: to a person with rich, to a program as JSON, to both in plain characters.

Knows no command.
"""

from __future__ import annotations

import json
import re
import sys
from contextlib import contextmanager
from functools import partial
from threading import Timer
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console
    from rich.text import Text

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What would move the cursor, ring, colour or reorder the line when a terminal got it from a cassette."""


_PATIENCE = 1.0
"""Seconds after which a person wants to know that something is being done."""


class CliError(click.ClickException):
    """A command could not do its work: the text is printed, and the exit code is 2."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the text, each line of it, without a traceback."""
        click.echo(f"Error: {escape_controls(self.format_message())}", file=file, err=file is None)


def console(*, quiet: bool = False, wrap: bool = False) -> Console:
    """Where results go; made anew for each command, because tests and pipes change what stdout is.

    With ``wrap`` a terminal gets no line that is longer than it is wide; a pipe gets the lines as they are.
    """
    from rich.console import Console

    long = not (wrap and sys.stdout.isatty())
    return Console(file=sys.stdout, highlight=False, soft_wrap=long, emoji=False, quiet=quiet)


class Telling:
    """Prints a text that comes in pieces, and breaks it between words where the terminal ends.

    On a terminal a word is printed when it is whole; call ``end`` after the last piece.
    """

    def __init__(self, out: Console, style: str) -> None:
        from rich.cells import cell_len

        self._out = out
        self._style = style
        self._size = cell_len
        self._word = ""
        self._column = 0

    def __call__(self, piece: str) -> None:
        """Take the next piece."""
        if self._out.soft_wrap:
            self._print(piece)
            return
        *words, self._word = re.split("(?<=[ \n])", self._word + piece)
        for word in words:
            self._put(word)

    def end(self) -> None:
        """Print what is left of the last word."""
        self._put(self._word)
        self._word = ""

    def _put(self, word: str) -> None:
        size = self._size(word.rstrip())
        if self._column and self._column + size > self._out.width:
            self._print("\n")
            self._column = 0
        self._print(word)
        self._column = 0 if word.endswith("\n") else self._column + self._size(word)

    def _print(self, text: str) -> None:
        self._out.print(escaped(text, self._style), end="", soft_wrap=True)
        self._out.file.flush()


def progress_console() -> Console:
    """Where progress goes, so that results can be piped."""
    from rich.console import Console

    return Console(file=sys.stderr, highlight=False, emoji=False)


def example(*commands: str) -> str:
    """The end of a command's help: how it is called, line by line as given."""
    return "\n".join(["\b", "Example:", *(f"  {command}" for command in commands)])


def escape_controls(text: str) -> str:
    """The text with what a terminal would obey written out: a cassette's bytes come from elsewhere."""
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}" if found[0] < "\u0100" else "\ufffd", text)


def escaped(text: str, style: str = "") -> Text:
    """A text of a cassette, to be printed as it is: no markup, no escape codes."""
    from rich.text import Text

    return Text(escape_controls(text), style)


def print_json(value: object) -> None:
    """A result for programs."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def format_error(error: BaseException) -> str:
    """An error's text and the notes that were added to it on its way."""
    return "\n".join(_lines(error))


def _lines(error: BaseException) -> Iterator[str]:
    yield str(error) or type(error).__name__
    yield from getattr(error, "__notes__", ())


Item = TypeVar("Item")


def tracked(items: Sequence[Item], doing: str) -> Iterator[Item]:
    """The items, with a bar that says how many are left, as ``waiting`` shows it."""
    with waiting(doing, len(items)) as advance:
        for item in items:
            yield item
            advance()


@contextmanager
def waiting(doing: str, steps: int | None = None) -> Iterator[Callable[[], None]]:
    """Show on a terminal's stderr that something is being done, once the block has taken longer than a second.

    Gives what to call after each of so many ``steps``; where there are none to count the bar only moves.
    """
    from rich.progress import Progress

    progress = Progress(console=progress_console(), transient=True)
    task = progress.add_task(doing, total=steps)
    timer = Timer(_PATIENCE, progress.start)
    timer.daemon = True
    if progress.console.is_terminal:
        timer.start()
    try:
        yield partial(progress.advance, task)
    finally:
        timer.cancel()
        if timer.ident is not None:
            timer.join()
        if progress.live.is_started:
            progress.stop()
