"""The options by which a command learns what a suite's own redaction adds and keeps."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.redaction import Redaction


def as_python(redaction: Redaction) -> str:
    """What a suite writes to redact the same; empty for what is redacted anyway."""
    written = [
        f"{name}={value!r}"
        for name in ("names", "patterns", "keep", "shapes", "variables")
        if (value := getattr(redaction, name))
    ]
    return f"Redaction({', '.join(written)})" if written else ""


def redacting(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a suite's redaction, and call it with the ``redaction`` that they make."""

    @wraps(command)
    def called(
        *,
        name: tuple[str, ...],
        pattern: tuple[str, ...],
        keep: tuple[str, ...],
        shape: tuple[str, ...],
        variable: tuple[str, ...],
        **others: Any,
    ) -> None:
        from fakegpt_testkit.redaction import Redaction

        redaction = Redaction(names=name, patterns=pattern, keep=keep, shapes=shape, variables=variable)
        command(redaction=redaction, **others)

    for option in (
        click.option("--variable", multiple=True, help="One more variable of the environment that holds a secret."),
        click.option("--shape", multiple=True, help="What is redacted only if asked for: card, email, iban, phone."),
        click.option("--keep", multiple=True, help="A built-in name or pattern that is no secret here."),
        click.option("--pattern", multiple=True, help="One more regular expression of a secret."),
        click.option("--name", multiple=True, help="One more name of a header, field or key to redact."),
    ):
        called = option(called)
    return called
