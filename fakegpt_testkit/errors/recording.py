"""What goes wrong with the live service: a recording that is not whole, a service that has drifted."""

from __future__ import annotations

from fakegpt_testkit.errors.root import FakeGptTestkitError
from fakegpt_testkit.errors.wording import DIFFERENCES_SHOWN, counted


class RecordingIncomplete(FakeGptTestkitError):  # noqa: N818 - says what happened, not that it is an error
    """Some exchanges went well for the client, but could not be recorded; ``lost`` holds each with its reason."""

    def __init__(self, path: str, lost: tuple[tuple[str, str], ...]) -> None:
        super().__init__(path, lost)
        self.path = path
        self.lost = lost

    def __str__(self) -> str:
        each = "".join(f"\n  {request}: {reason}" for request, reason in self.lost)
        return (
            f"{self.path} lacks {counted(len(self.lost), 'exchange')} that the client had; the others are saved"
            f"{each}\n"
            "  take it out of the cassette's block, or ask with another client; the client's own result is not touched"
        )


class VerificationIncomplete(RecordingIncomplete):
    """Some exchanges went well for the client, but could not be compared; ``lost`` holds each with its reason."""

    def __str__(self) -> str:
        each = "".join(f"\n  {request}: {reason}" for request, reason in self.lost)
        return (
            f"{self.path} could not be compared with {counted(len(self.lost), 'exchange')} that the client had"
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
        shown = self.differences[:DIFFERENCES_SHOWN]
        each = "".join(f"\n  {severity:8} {number} {request}: {text}" for severity, number, request, text in shown)
        more = len(self.differences[DIFFERENCES_SHOWN:])
        return (
            f"the service no longer answers as in {self.path}: {self.severity}"
            f"{each}{f'{chr(10)}  and {more} more' if more else ''}\n"
            f"  if the program copes with it, record it again: {self.command}\n"
            "  if not, the program is what to change; to let it pass for now: drift='never'"
        )


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
            f"{self.path} was recorded on {self.since}, which is longer ago than {counted(self.days, 'day')}\n"
            f"  to record it again: {self.command}"
        )
