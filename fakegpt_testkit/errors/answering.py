"""A service gave no answer, or none that can be read: ask again, or look at the service. Knows no protocol."""

from __future__ import annotations

from fakegpt_testkit.errors.root import FakeGptTestkitError
from fakegpt_testkit.wording import shortened

_DETAIL_SHOWN = 500


class ProviderError(FakeGptTestkitError, RuntimeError):
    """A provider's flow did not lead to an answer.

    ``step`` is the request it happened at: ``loads``, ``login``, ``session`` or ``conversation``; ``status`` the
    response's status, ``detail`` the server's own words, ``code`` its own word for the error; empty when it gave none.
    """

    url: str
    step: str
    status: int
    detail: str = ""
    code: str = ""
    _message = "{self.url} gave no answer at the step {self.step}, status {self.status}: {self._reason}"

    @property
    def _reason(self) -> str:
        reason = shortened(self.detail, _DETAIL_SHOWN) or "without saying why"
        return f"{reason} ({self.code})" if self.code else reason

    @property
    def _reason_if_given(self) -> str:
        return f": {self._reason}" if self.detail else ""


class StepRefused(ProviderError):
    """The service answered a step with a status that is an error."""

    _message = "{self.url} refused the step {self.step} with status {self.status}: {self._reason}"


class TokenRefused(StepRefused):
    """The service refused the access token, or called the session expired; after a new login too."""

    _message = f"{StepRefused._message}; a new login did not help"


class WebPageAnswered(ProviderError):
    """A web page came in place of an answer; ``detail`` is its title."""

    _message = (
        "{self.url} answered the step {self.step} with a web page, status {self.status}, title {self.detail!r}: "
        "a challenge for browsers or a gateway's error; open the address in a browser to see which"
    )


class WrongContent(ProviderError):
    """A step was answered with content of another kind: ``wanted`` says which was needed, ``got`` which came."""

    wanted: str = ""
    got: str = ""
    _message = (
        "{self.url} answered the step {self.step} with status {self.status} and {self.got}; "
        "wanted: {self.wanted}{self._reason_if_given}"
    )


class FieldMissing(ProviderError):
    """The JSON answer of a step lacks what the next step needs: ``field``."""

    field: str = ""

    _message = (
        "{self.url} answered the step {self.step} with status {self.status} and JSON that has no usable "
        "{self.field}{self._reason_if_given}"
    )

    def __str__(self) -> str:
        login = "; nobody is logged in: the login set no cookie that came back" if self.step == "session" else ""
        return f"{super().__str__()}{login}"


class NoLoads(ProviderError):
    """The service has no account to lend: its list of loads is empty."""

    _message = "{self.url} lists no loads at all, so there is no account to log in with; try again later"


class NoValidResponse(ProviderError):
    """The stream ended without a text."""

    _message = "No valid response: {self.url} ended the stream of the step {self.step} without any text"


class AnswerFailed(NoValidResponse):
    """The service reported an error within the stream of its answer."""

    _message = "No valid response: {self.url} broke off the step {self.step} with an error: {self._reason}"


class AnswerCutOff(ProviderError):
    """The stream ended in good order, but in the middle of the answer: its last event and its end mark are missing."""

    _message = "{self.url} ended the stream of the step {self.step} before the answer was complete; ask again"


class EventTooLarge(FakeGptTestkitError):
    """A server-sent event, or one line of its stream, is larger than the parser may hold."""

    limit: int
    _message = (
        "a server-sent event is larger than {self.limit} bytes, the most that this parser takes\n"
        "  if that is intended, give the parser a larger max_event_size; if not, check that the body is an event "
        "stream"
    )


class PayloadUnreadable(FakeGptTestkitError, ValueError):
    """The data of an event is no JSON, or not of the shape that was asked for."""

    data: str
    problem: str
    _message = (
        "an event's data is not JSON of the requested shape: {self.problem}\n"
        "  look at this error's data; then request a wider shape (such as dict), or skip such events"
    )
