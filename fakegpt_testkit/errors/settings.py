"""Settings that cannot be meant."""

from __future__ import annotations

from fakegpt_testkit.errors.root import FakeGptTestkitError


class BadOption(FakeGptTestkitError, ValueError):  # noqa: N818 - says what happened, not that it is an error
    """An option of ``use_cassette`` has a value that means nothing."""

    def __init__(self, name: str, value: object, wanted: str) -> None:
        super().__init__(name, value, wanted)
        self.name = name
        self.value = value
        self.wanted = wanted

    def __str__(self) -> str:
        return f"{self.name} is {self.value!r}; wanted: {self.wanted}"


class StandInMisconfigured(FakeGptTestkitError, ValueError):  # noqa: N818 - says what happened, not that it is an error
    """An option of the stand-in service has a value that means nothing."""

    def __init__(self, option: str, value: object, wanted: str) -> None:
        super().__init__(option, value, wanted)
        self.option = option
        self.value = value
        self.wanted = wanted

    def __str__(self) -> str:
        return f"the stand-in's option {self.option} is {self.value!r}; wanted: {self.wanted}"


class MatchingRuleError(FakeGptTestkitError):
    """A matcher's name or an ignored path that means nothing."""


class RedactionSettingError(FakeGptTestkitError):
    """A name or pattern to redact, or to keep, that would do nothing or harm."""
