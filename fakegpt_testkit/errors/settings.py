"""What the caller wrote and cannot be meant: change the setting, the name or the argument. Knows no room's settings."""

from __future__ import annotations

from fakegpt_testkit.errors.root import FakeGptTestkitError
from fakegpt_testkit.wording import in_a_line


class BadSetting(FakeGptTestkitError, ValueError):
    """A setting, an option or an argument has a value that means nothing; ``more`` are others that are wrong too.

    Each has a line of its own, whatever the value is.
    """

    name: str
    value: object
    wanted: str
    more: tuple[BadSetting, ...] = ()

    def __str__(self) -> str:
        lines = [f"{each.name} is {in_a_line(each.value)}; wanted: {each.wanted}" for each in (self, *self.more)]
        return "\n".join(lines)


class EffectMisplaced(FakeGptTestkitError, ValueError):
    """An effect was given a place, a number or a value that the response has not, or that means nothing."""

    effect: str
    problem: str
    wanted: str
    _message = "{self.effect} cannot be applied: {self.problem}\n  {self.wanted}"


class CassetteNameRefused(FakeGptTestkitError, ValueError):
    """A cassette's name that would lead out of the cassettes' folder."""

    name: str
    folder: str
    problem: str
    _message = (
        "{self.name!r} cannot name a cassette in {self.folder}: {self.problem}\n"
        "  use a relative name with forward slashes that stays inside the folder, such as test_chat/greets"
    )


class EventNotEncodable(FakeGptTestkitError, ValueError):
    """A server-sent event holds what no event stream can carry."""

    field: str
    value: str
    problem: str
    _message = "the {self.field} of a server-sent event cannot be written: {self.value!r} is {self.problem}"


class UnknownKeywords(FakeGptTestkitError, RuntimeError, TypeError):
    """A provider was given keywords that it does not know."""

    provider: str
    keywords: tuple[str, ...]
    known: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.provider} knows no keyword {', '.join(self.keywords)}; it knows: {', '.join(self.known)}"


class BadMessages(FakeGptTestkitError, ValueError):
    """The messages of a chat cannot be sent: there are none, or one (``index``) is not a role and a content."""

    problem: str
    index: int | None = None

    def __str__(self) -> str:
        where = "messages" if self.index is None else f"messages[{self.index}]"
        return (
            f"{where}: {self.problem}\n"
            '  wanted: a non-empty list such as [{"role": "user", "content": "Hello"}]; nothing was sent'
        )
