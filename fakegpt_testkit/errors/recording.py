"""A cassette does not hold what is asked of it, or no longer what the service answers: record it, or record it again.

Knows neither cassettes nor clients: what they found is handed in as texts and numbers.
"""

from __future__ import annotations

from fakegpt_testkit.errors.root import FakeGptTestkitError
from fakegpt_testkit.wording import LINES_SHOWN, around_the_difference, counted, listed


class CassetteMissing(FakeGptTestkitError):
    """There is no cassette where one was wanted, so nothing can be played from it."""

    path: str
    request: str
    command: str
    _message = "{self.request} wants {self.path}, and there is no such cassette\n  to record it: {self.command}"


class RequestNotRecorded(FakeGptTestkitError):
    """No interaction of the cassette answers the request.

    ``closest`` is the number of the interaction that comes nearest, from 1; ``differences`` are (path, recorded,
    asked), the values in words. ``scripted`` holds where all of them were made up by ``script``: nothing can be
    recorded there.
    """

    request: str
    cassette: str
    interactions: int
    played: int
    closest: int | None = None
    closest_request: str = ""
    differences: tuple[tuple[str, str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    command: str = ""
    scripted: bool = False

    def __str__(self) -> str:
        lines = [f"{self.request} is not in {self.cassette} ({self._counts})"]
        if self.closest is not None:
            also = "also " if self.closest_request == self.request else ""
            lines.append(f"  closest: interaction {self.closest}, {also}{self.closest_request}; it differs in")
            for path, recorded, asked in self.differences[:LINES_SHOWN]:
                short_recorded, short_asked = around_the_difference(recorded, asked)
                lines.append(f"    {path}: {self._made} {short_recorded}, asked {short_asked}")
            if more := len(self.differences[LINES_SHOWN:]):
                lines.append(f"    and {more} more")
        if self.ignored:
            lines.append(f"  ignored: {', '.join(self.ignored)}")
        return "\n".join([*lines, *self._next_step("it")])

    @property
    def _counts(self) -> str:
        return f"{counted(self.interactions, 'interaction')}, {self.played} played"

    @property
    def _made(self) -> str:
        return "scripted" if self.scripted else "recorded"

    def _next_step(self, what: str) -> list[str]:
        if self.scripted and any(path in {"scheme", "host", "port"} for path, _, _ in self.differences):
            return [f"  to answer {what}: script(…, dialect=…, url=…), the client's provider and its base URL"]
        if self.scripted:
            return [f"  to answer {what}: script(…) + script(…), one script for each request"]
        return [f"  to record {what}: {self.command}"] if self.command else []


class RequestPlayedOut(RequestNotRecorded):
    """The cassette holds the request ``equal`` times, but each of its recordings was played already."""

    equal: int = 1

    def __str__(self) -> str:
        times = counted(self.equal, "time")
        lines = [
            f"{self.request} is in {self.cassette} ({self._counts}), but {self._made} {times} and played {times}",
            "  to play the last one again: allow_playback_repeats=True",
        ]
        return "\n".join([*lines, *self._next_step("one more")])


class SecretStays(FakeGptTestkitError):
    """A secret stands where it cannot be taken out so that the client still reads the rest; nothing was written.

    ``places`` are the messages, each with the reason.
    """

    path: str
    places: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.path} was not written: it would hold a secret that cannot be replaced without breaking the message"
            f"{listed(list(self.places))}\n"
            "  record with test credentials, and unset the variables that hold the real ones\n"
            "  or do not record that service: passthrough=[host]; or, if it is not a secret: Redaction(keep=[name])"
        )


class AnswerTextChanged(FakeGptTestkitError):
    """Redaction changed the text of an answer: a replay will say something else than the program heard.

    ``places`` are (request, where in its answer).
    """

    path: str
    places: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        each = [f"{request}: redaction changed the text of this answer at {where}" for request, where in self.places]
        return (
            f"a replay of {self.path} gives another text than the program received{listed(each)}\n"
            "  a test of that text will fail on replay; if it is not a secret: Redaction(keep=[name])"
        )


class RecordingTooLarge(FakeGptTestkitError):
    """What is recorded makes a cassette with more ``what``, bytes or values, than are read. It is recorded on."""

    path: str
    many: int
    most: int
    what: str
    _message = (
        "{self.path} grows too large: it has {self.many} {self.what} by now, and at most {self.most} are read\n"
        "  it cannot be saved whole; what is recorded stays in its journal: fakegpt-testkit recover\n"
        "  record the large answers into cassettes of their own, or record smaller answers"
    )


class ResponseNotRecorded(FakeGptTestkitError):
    """The client reads on where the recording has nothing more, because nothing more was received then."""

    where: str
    chunks: int
    ending: str

    def __str__(self) -> str:
        return (
            f"{self.where} has no more to read: its recording was {self.ending} after {counted(self.chunks, 'chunk')}, "
            "and this client reads further\n"
            "  record it again with a client that reads to the end"
        )


class CassetteStale(FakeGptTestkitError):
    """A cassette was recorded longer ago than its suite wants; ``since`` is the day of its oldest interaction."""

    path: str
    since: str
    days: int
    command: str

    def __str__(self) -> str:
        again = f"\n  to record it again: {self.command}" if self.command else ""
        return f"{self.path} was recorded on {self.since}, which is longer ago than {counted(self.days, 'day')}{again}"


class Drifted(FakeGptTestkitError):
    """The live service no longer answers as the cassette says, at least as severely as the threshold ``drift`` allows.

    ``differences`` are (severity, number of the request from 1, request, what differs), the worst first; ``severity``
    is the worst of them.
    """

    path: str
    drift: str
    differences: tuple[tuple[str, int, str, str], ...]
    command: str = ""

    @property
    def severity(self) -> str:
        """``broken``, ``added`` or ``harmless``."""
        return self.differences[0][0]

    def __str__(self) -> str:
        each = [f"{severity:8} {number} {request}: {text}" for severity, number, request, text in self.differences]
        return (
            f"the service no longer answers as in {self.path}: {self.severity}{listed(each)}\n"
            f"  if the program copes with it, record it again: {self.command}\n"
            "  if not, the program is what to change; to let it pass for now: drift='never'"
        )
