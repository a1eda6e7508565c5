"""Every exception that the package raises, with one base.

Knows nothing of what it is raised by: each error takes the values it is about and words them.
"""


class FakeGptTestkitError(Exception):
    """The base of every error that this package raises on its own account."""


class CannotBeReplayed(FakeGptTestkitError):  # noqa: N818 - says what happened, not that it is an error
    """A request asks for something that a cassette cannot hold, a WebSocket for instance."""

    def __init__(self, method: str, uri: str, protocol: str) -> None:
        super().__init__(method, uri, protocol)
        self.method = method
        self.uri = uri
        self.protocol = protocol

    def __str__(self) -> str:
        return (
            f"{self.method} {self.uri} asks to switch to {self.protocol}: wanted a plain HTTP exchange, only those are "
            "recorded and replayed; run this part against a real or a stand-in server, outside the cassette"
        )


class ResponseNotRecorded(FakeGptTestkitError):  # noqa: N818 - says what happened, not that it is an error
    """The client reads on where the recording has nothing more, because nothing more was received then."""

    def __init__(self, where: str, chunks: int, ending: str) -> None:
        super().__init__(where, chunks, ending)
        self.where = where
        self.chunks = chunks
        self.ending = ending

    def __str__(self) -> str:
        return (
            f"{self.where} has no more to read: its recording was {self.ending} after {self.chunks} chunks, and the "
            "client reads on; record it again with a client that reads to the end"
        )


class CassetteMissing(FakeGptTestkitError):  # noqa: N818 - says what happened, not that it is an error
    """There is no cassette where one was wanted, so nothing can be played from it."""

    def __init__(self, path: str, request: str, command: str) -> None:
        super().__init__(path, request, command)
        self.path = path
        self.request = request
        self.command = command

    def __str__(self) -> str:
        return f"{self.request} wants {self.path}, and there is no such cassette\n  to record it: {self.command}"


class FakeGptTestkitWarning(UserWarning):
    """What may be meant, and often is not; it holds the error that it would be."""


class CassetteStale(FakeGptTestkitError):  # noqa: N818 - says what happened, not that it is an error
    """A cassette was recorded longer ago than its suite wants; ``since`` is the day of its oldest interaction."""

    def __init__(self, path: str, since: str, days: int, command: str) -> None:
        super().__init__(path, since, days, command)
        self.path = path
        self.since = since
        self.days = days
        self.command = command

    def __str__(self) -> str:
        return (
            f"{self.path} was recorded on {self.since}, which is longer ago than {_counted(self.days, 'day')}\n"
            f"  to record it again: {self.command}"
        )


class InteractionsUnplayed(FakeGptTestkitError):  # noqa: N818 - says what happened, not that it is an error
    """A cassette holds interactions that were not asked for; ``unplayed`` has their numbers, from 1, and requests."""

    def __init__(self, path: str, interactions: int, unplayed: tuple[tuple[int, str], ...]) -> None:
        super().__init__(path, interactions, unplayed)
        self.path = path
        self.interactions = interactions
        self.unplayed = unplayed

    def __str__(self) -> str:
        each = "".join(f"\n  {number}: {request}" for number, request in self.unplayed[:_DIFFERENCES_SHOWN])
        more = len(self.unplayed[_DIFFERENCES_SHOWN:])
        return (
            f"{len(self.unplayed)} of {_counted(self.interactions, 'interaction')} of {self.path} were not asked for"
            f"{each}{f'{chr(10)}  and {more} more' if more else ''}\n"
            "  if the flow is meant to be shorter now, record it again with record_mode='rewrite'; "
            "if not, look why the program stopped; or allow it with unplayed='ignore'"
        )


class FaultNeverApplied(FakeGptTestkitError):  # noqa: N818 - says what happened, not that it is an error
    """Faults changed no answer, so nothing was tested of them; ``faults`` has each with the reason.

    ``played`` are the requests that were answered.
    """

    def __init__(self, path: str, faults: tuple[tuple[str, str], ...], played: tuple[str, ...]) -> None:
        super().__init__(path, faults, played)
        self.path = path
        self.faults = faults
        self.played = played

    def __str__(self) -> str:
        each = "".join(f"\n  {fault}: {reason}" for fault, reason in self.faults)
        played = "".join(f"\n    {request}" for request in self.played[:_DIFFERENCES_SHOWN]) or " nothing"
        more = len(self.played[_DIFFERENCES_SHOWN:])
        return (
            f"{_counted(len(self.faults), 'fault')} changed no answer of {self.path}, so nothing was tested of it"
            f"{each}\n  played:{played}{f'{chr(10)}    and {more} more' if more else ''}\n"
            "  give it a place that the stream has and a request that is made; or allow it with unapplied='ignore'"
        )


class RecordingIncomplete(FakeGptTestkitError):  # noqa: N818 - says what happened, not that it is an error
    """Some exchanges went well for the client, but could not be recorded; ``lost`` holds each with its reason."""

    def __init__(self, path: str, lost: tuple[tuple[str, str], ...]) -> None:
        super().__init__(path, lost)
        self.path = path
        self.lost = lost

    def __str__(self) -> str:
        each = "".join(f"\n  {request}: {reason}" for request, reason in self.lost)
        return (
            f"{self.path} lacks {_counted(len(self.lost), 'exchange')} that the client had; the others are saved"
            f"{each}\n"
            "  take it out of the cassette's block, or ask with another client; the client's own result is not touched"
        )


class Drifted(FakeGptTestkitError):  # noqa: N818 - says what happened, not that it is an error
    """The live service no longer answers as the cassette says, at least as severely as the threshold ``drift`` allows.

    ``differences`` are (severity, number of the request from 1, request, what differs), the worst first; ``severity``
    is the worst of them.
    """

    def __init__(
        self, path: str, drift: str, differences: tuple[tuple[str, int, str, str], ...], command: str = ""
    ) -> None:
        super().__init__(path, drift, differences, command)
        self.path = path
        self.drift = drift
        self.differences = differences
        self.command = command

    @property
    def severity(self) -> str:
        """``broken``, ``added`` or ``harmless``."""
        return self.differences[0][0]

    def __str__(self) -> str:
        shown = self.differences[:_DIFFERENCES_SHOWN]
        each = "".join(f"\n  {severity:8} {number} {request}: {text}" for severity, number, request, text in shown)
        more = len(self.differences[_DIFFERENCES_SHOWN:])
        return (
            f"the service no longer answers as in {self.path}: {self.severity}"
            f"{each}{f'{chr(10)}  and {more} more' if more else ''}\n"
            f"  if the program copes with it, record it again: {self.command}\n"
            "  if not, the program is what to change; to let it pass for now: drift='never'"
        )


class VerificationIncomplete(RecordingIncomplete):
    """Some exchanges went well for the client, but could not be compared; ``lost`` holds each with its reason."""

    def __str__(self) -> str:
        each = "".join(f"\n  {request}: {reason}" for request, reason in self.lost)
        return (
            f"{self.path} could not be compared with {_counted(len(self.lost), 'exchange')} that the client had"
            f"{each}\n"
            "  take it out of the cassette's block, or ask with another client; the client's own result is not touched"
        )


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


class MatchingRuleError(FakeGptTestkitError):
    """A matcher's name or an ignored path that means nothing."""


class RedactionSettingError(FakeGptTestkitError):
    """A name or pattern to redact, or to keep, that would do nothing or harm."""


class RequestNotRecorded(FakeGptTestkitError):  # noqa: N818 - says what happened, not that it is an error
    """No interaction of the cassette answers the request.

    ``closest`` is the number of the interaction that comes nearest, from 1; ``differences`` are (path, recorded,
    asked), the values in words.
    """

    def __init__(
        self,
        request: str,
        cassette: str,
        interactions: int,
        played: int,
        closest: int | None = None,
        closest_request: str = "",
        differences: tuple[tuple[str, str, str], ...] = (),
        ignored: tuple[str, ...] = (),
        command: str = "",
    ) -> None:
        super().__init__(
            request, cassette, interactions, played, closest, closest_request, differences, ignored, command
        )
        self.request = request
        self.cassette = cassette
        self.interactions = interactions
        self.played = played
        self.closest = closest
        self.closest_request = closest_request
        self.differences = differences
        self.ignored = ignored
        self.command = command

    def __str__(self) -> str:
        counts = f"{_counted(self.interactions, 'interaction')}, {self.played} played"
        lines = [f"{self.request} is not in {self.cassette} ({counts})"]
        if self.closest is not None:
            also = "also " if self.closest_request == self.request else ""
            lines.append(f"  closest: interaction {self.closest}, {also}{self.closest_request}; it differs in")
            for path, recorded, asked in self.differences[:_DIFFERENCES_SHOWN]:
                short_recorded, short_asked = _around_the_difference(recorded, asked)
                lines.append(f"    {path}: recorded {short_recorded}, asked {short_asked}")
            if more := len(self.differences[_DIFFERENCES_SHOWN:]):
                lines.append(f"    and {more} more")
        if self.ignored:
            lines.append(f"  ignored: {', '.join(self.ignored)}")
        if self.command:
            lines.append(f"  to record it: {self.command}")
        return "\n".join(lines)


class RequestPlayedOut(RequestNotRecorded):
    """The cassette holds the request, but each of its recordings was played already."""

    def __init__(
        self, request: str, cassette: str, interactions: int, played: int, equal: int, command: str = ""
    ) -> None:
        super().__init__(request, cassette, interactions, played, command=command)
        self.args = (request, cassette, interactions, played, equal, command)
        self.equal = equal

    def __str__(self) -> str:
        counts = f"{_counted(self.interactions, 'interaction')}, {self.played} played"
        times = _counted(self.equal, "time")
        lines = [
            f"{self.request} is in {self.cassette} ({counts}), but recorded {times} and played {times}",
            "  to play the last one again: allow_playback_repeats=True",
        ]
        if self.command:
            lines.append(f"  to record one more: {self.command}")
        return "\n".join(lines)


_DETAIL_SHOWN = 500
_DIFFERENCES_SHOWN = 10
_VALUE_SHOWN = 80


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _around_the_difference(one: str, other: str) -> tuple[str, str]:
    """Both texts cut to the place where they begin to differ, with some of what comes before it."""
    if max(len(one), len(other)) <= _VALUE_SHOWN:
        return one, other
    start = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
    start = max(0, start - _VALUE_SHOWN // 4)
    return _cut(one, start), _cut(other, start)


def _cut(text: str, start: int) -> str:
    if start + _VALUE_SHOWN >= len(text) and start == 0:
        return text
    before = "…" if start else ""
    after = "…" if start + _VALUE_SHOWN < len(text) else ""
    return f"{before}{text[start : start + _VALUE_SHOWN]}{after}"


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


class CassetteError(FakeGptTestkitError):
    """A cassette that cannot be read: damaged, of another kind or version, or past the loader's bounds.

    ``path`` is the file as it was named, ``line`` counts from 1 and is None where no line is to blame, ``advice`` says
    what to do.
    """

    def __init__(self, path: str, line: int | None, problem: str, advice: str) -> None:
        super().__init__(path, line, problem, advice)
        self.path = path
        self.line = line
        self.problem = problem
        self.advice = advice

    def __str__(self) -> str:
        where = self.path if self.line is None else f"{self.path}, line {self.line}"
        return f"{where}: {self.problem}\n  {self.advice}"


class StorageError(FakeGptTestkitError):
    """A file that cannot be read, written or locked; ``cause`` is the system's own error.

    ``kept`` says what became of the file: after a failed write it is unchanged.
    """

    def __init__(self, path: str, doing: str, cause: OSError, kept: str, advice: str) -> None:
        super().__init__(path, doing, cause, kept, advice)
        self.path = path
        self.doing = doing
        self.cause = cause
        self.kept = kept
        self.advice = advice

    def __str__(self) -> str:
        reason = self.cause.strerror or str(self.cause) or type(self.cause).__name__
        return f"{self.path} cannot be {self.doing}: {reason}; {self.kept}\n  {self.advice}"


class CassetteNameRefused(FakeGptTestkitError, ValueError):  # noqa: N818 - says what happened, not that it is an error
    """A cassette's name that would lead out of the cassettes' folder."""

    def __init__(self, name: str, folder: str, problem: str) -> None:
        super().__init__(name, folder, problem)
        self.name = name
        self.folder = folder
        self.problem = problem

    def __str__(self) -> str:
        return (
            f"{self.name!r} cannot name a cassette in {self.folder}: {self.problem}\n"
            "  use a relative name with forward slashes that stays inside the folder, such as test_chat/greets"
        )


class NetworkBlocked(FakeGptTestkitError):  # noqa: N818 - says what happened, not that it is an error
    """A call that would have left the process was stopped, because the test that runs may not use the network.

    ``call`` is the function or Python's audit event, ``address`` where it was to go, ``allow`` the host that would have
    to be allowed; empty for a program that was to be started. Not an ``OSError``: clients take those for a bad network
    and try again, or go on without.
    """

    def __init__(self, test: str, call: str, address: str, allow: str) -> None:
        super().__init__(test, call, address, allow)
        self.test = test
        self.call = call
        self.address = address
        self.allow = allow

    def __str__(self) -> str:
        if not self.allow:
            return (
                f"{self.call} was to start {self.address}, and {self.test} may start no programs\n"
                "  to allow it: @pytest.mark.fakegpt(block_subprocesses=False)"
            )
        return (
            f"{self.call} was to reach {self.address}, and {self.test} may not use the network\n"
            f"  to allow it: --fakegpt-allow-hosts={self.allow} or @pytest.mark.fakegpt(allow_hosts=[{self.allow!r}])"
        )


class EffectMisplaced(FakeGptTestkitError, ValueError):  # noqa: N818 - says what happened, not that it is an error
    """An effect was given a place, a number or a value that the response has not, or that means nothing."""

    def __init__(self, effect: str, problem: str, wanted: str) -> None:
        super().__init__(effect, problem, wanted)
        self.effect = effect
        self.problem = problem
        self.wanted = wanted

    def __str__(self) -> str:
        return f"{self.effect} cannot be applied: {self.problem}\n  {self.wanted}"


class ReportRefused(FakeGptTestkitError):  # noqa: N818 - says what happened, not that it is an error
    """A file was given as the report of a run, and does not say what was wanted of it."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return (
            f"{self.path} does not say which interactions no test plays: {self.problem}; nothing was changed\n"
            f"  run the whole suite with pytest --fakegpt-report={self.path}"
        )


class CassetteChanged(FakeGptTestkitError):  # noqa: N818 - says what happened, not that it is an error
    """A cassette is another one than the run saw by whose report it was to be changed."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return (
            f"{self.path} has changed since the run that told what no test plays of it; it was not touched\n"
            "  run the whole suite again for a new report"
        )


class CollectionFailed(FakeGptTestkitError):  # noqa: N818 - says what happened, not that it is an error
    """Pytest could not say which tests there are, so nothing is known of what they use.

    ``why`` says in words what happened, ``output`` is what pytest printed.
    """

    def __init__(self, arguments: tuple[str, ...], why: str, output: str) -> None:
        super().__init__(arguments, why, output)
        self.arguments = arguments
        self.why = why
        self.output = output

    def __str__(self) -> str:
        command = " ".join(("pytest --collect-only", *self.arguments))
        lines = "\n".join(f"  {line}" for line in self.output.splitlines()[-_LINES_SHOWN:])
        return f"wanted the whole suite's tests, and {command} {self.why}; nothing was changed\n{lines}"


_LINES_SHOWN = 15
