"""What a provider tells of a service that gave no answer, and of a call that asks for none."""

from __future__ import annotations

from fakegpt_testkit.errors.root import FakeGptTestkitError

_DETAIL_SHOWN = 500


class ProviderError(FakeGptTestkitError, RuntimeError):
    """A provider's flow did not lead to an answer.

    ``step`` is the request it happened at: ``loads``, ``login``, ``session`` or ``conversation``; ``status`` the
    response's status, ``detail`` the server's own words, ``code`` its own word for the error; empty when it gave none.
    """

    def __init__(self, url: str, step: str, status: int, detail: str = "", code: str = "") -> None:
        super().__init__(url, step, status, detail, code)
        self.url = url
        self.step = step
        self.status = status
        self.detail = detail
        self.code = code

    def _said(self) -> str:
        said = self.detail[:_DETAIL_SHOWN] or "without saying why"
        return f"{said} ({self.code})" if self.code else said


class StepRefused(ProviderError):  # noqa: N818 - says what happened, not that it is an error
    """The service answered a step with a status that is an error."""

    def __str__(self) -> str:
        return f"{self.url} refused the step {self.step} with status {self.status}: {self._said()}"


class TokenRefused(StepRefused):
    """The service refused the access token, or called the session expired; after a new login too."""

    def __str__(self) -> str:
        return f"{super().__str__()}; a new login did not help"


class WebPageAnswered(ProviderError):  # noqa: N818 - says what happened, not that it is an error
    """A web page came in place of an answer; ``detail`` is its title."""

    def __str__(self) -> str:
        return (
            f"{self.url} answered the step {self.step} with a web page, status {self.status}, title {self.detail!r}: "
            "a challenge for browsers or a gateway's error; open the address in a browser to see which"
        )


class WrongContent(ProviderError):  # noqa: N818 - says what happened, not that it is an error
    """A step was answered with content of another kind: ``wanted`` says which was needed, ``got`` which came."""

    def __init__(
        self, url: str, step: str, status: int, wanted: str, got: str, detail: str = "", code: str = ""
    ) -> None:
        super().__init__(url, step, status, detail, code)
        self.args = (url, step, status, wanted, got, detail, code)
        self.wanted = wanted
        self.got = got

    def __str__(self) -> str:
        said = f": {self._said()}" if self.detail else ""
        return (
            f"{self.url} answered the step {self.step} with status {self.status} and {self.got}; "
            f"wanted: {self.wanted}{said}"
        )


class FieldMissing(ProviderError):  # noqa: N818 - says what happened, not that it is an error
    """The JSON answer of a step lacks what the next step needs: ``field``."""

    def __init__(self, url: str, step: str, status: int, field: str, detail: str = "", code: str = "") -> None:
        super().__init__(url, step, status, detail, code)
        self.args = (url, step, status, field, detail, code)
        self.field = field

    def __str__(self) -> str:
        said = f": {self._said()}" if self.detail else ""
        login = "; nobody is logged in: the login set no cookie that came back" if self.step == "session" else ""
        return (
            f"{self.url} answered the step {self.step} with status {self.status} and JSON that has no usable "
            f"{self.field}{said}{login}"
        )


class NoLoads(ProviderError):  # noqa: N818 - says what happened, not that it is an error
    """The service has no account to lend: its list of loads is empty."""

    def __str__(self) -> str:
        return f"{self.url} lists no loads at all, so there is no account to log in with; try again later"


class NoValidResponse(ProviderError):  # noqa: N818 - says what happened, not that it is an error
    """The stream ended without a text."""

    def __str__(self) -> str:
        return f"No valid response: {self.url} ended the stream of the step {self.step} without any text"


class AnswerFailed(NoValidResponse):
    """The service reported an error within the stream of its answer."""

    def __str__(self) -> str:
        return f"No valid response: {self.url} broke off the step {self.step} with an error: {self._said()}"


class AnswerCutOff(ProviderError):  # noqa: N818 - says what happened, not that it is an error
    """The stream ended in good order, but in the middle of the answer: its last event and its end mark are missing."""

    def __str__(self) -> str:
        return f"{self.url} ended the stream of the step {self.step} before the answer was complete; ask again"


class UnknownKeywords(FakeGptTestkitError, RuntimeError, TypeError):  # noqa: N818 - says what happened
    """A provider was given keywords that it does not know."""

    def __init__(self, provider: str, keywords: tuple[str, ...], known: tuple[str, ...]) -> None:
        super().__init__(provider, keywords, known)
        self.provider = provider
        self.keywords = keywords
        self.known = known

    def __str__(self) -> str:
        named = ", ".join(self.keywords)
        return f"{self.provider} knows no keyword {named}; it knows: {', '.join(self.known)}"


class BadMessages(FakeGptTestkitError, ValueError):  # noqa: N818 - says what happened
    """The messages of a chat cannot be sent: there are none, or one (``index``) is not a role and a content."""

    def __init__(self, problem: str, index: int | None = None) -> None:
        where = "messages" if index is None else f"messages[{index}]"
        super().__init__(
            f"{where}: {problem}\n"
            '  wanted: a non-empty list such as [{"role": "user", "content": "Hello"}]; nothing was sent'
        )
        self.problem = problem
        self.index = index
