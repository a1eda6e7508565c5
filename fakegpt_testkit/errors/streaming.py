"""What cannot be read as an event or written as one."""

from __future__ import annotations

from fakegpt_testkit.errors.root import FakeGptTestkitError


class EventTooLarge(FakeGptTestkitError):  # noqa: N818 - says what happened, not that it is an error
    """A server-sent event, or one line of its stream, is larger than the parser may hold."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"a server-sent event of at most {limit} bytes was wanted, and a larger one is arriving\n"
            "  if it is meant, give the parser a larger max_event_size; if not, look whether the body is an event "
            "stream"
        )
        self.limit = limit


class EventNotEncodable(FakeGptTestkitError, ValueError):  # noqa: N818 - says what happened
    """A server-sent event holds what no event stream can carry."""

    def __init__(self, field: str, value: str, problem: str) -> None:
        super().__init__(f"the {field} of a server-sent event cannot be written: {value!r} is {problem}")
        self.field = field
        self.value = value
        self.problem = problem


class PayloadUnreadable(FakeGptTestkitError, ValueError):  # noqa: N818 - says what happened
    """The data of an event is no JSON, or not of the shape that was asked for."""

    def __init__(self, data: str, problem: str) -> None:
        super().__init__(
            f"JSON of the shape that was asked for was wanted, and an event's data is other: {problem}\n"
            "  look at this error's data, and ask for a wider shape (such as dict) or pass over such events"
        )
        self.data = data
        self.problem = problem
