"""What goes wrong when a cassette is played: it is not there, does not answer, is not played to its end."""

from __future__ import annotations

from fakegpt_testkit.errors.root import FakeGptTestkitError
from fakegpt_testkit.errors.wording import DIFFERENCES_SHOWN, counted

_VALUE_SHOWN = 80


class CassetteMissing(FakeGptTestkitError):  # noqa: N818 - says what happened, not that it is an error
    """There is no cassette where one was wanted, so nothing can be played from it."""

    def __init__(self, path: str, request: str, command: str) -> None:
        super().__init__(path, request, command)
        self.path = path
        self.request = request
        self.command = command

    def __str__(self) -> str:
        return f"{self.request} wants {self.path}, and there is no such cassette\n  to record it: {self.command}"


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
        counts = f"{counted(self.interactions, 'interaction')}, {self.played} played"
        lines = [f"{self.request} is not in {self.cassette} ({counts})"]
        if self.closest is not None:
            also = "also " if self.closest_request == self.request else ""
            lines.append(f"  closest: interaction {self.closest}, {also}{self.closest_request}; it differs in")
            for path, recorded, asked in self.differences[:DIFFERENCES_SHOWN]:
                short_recorded, short_asked = _around_the_difference(recorded, asked)
                lines.append(f"    {path}: recorded {short_recorded}, asked {short_asked}")
            if more := len(self.differences[DIFFERENCES_SHOWN:]):
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
        counts = f"{counted(self.interactions, 'interaction')}, {self.played} played"
        times = counted(self.equal, "time")
        lines = [
            f"{self.request} is in {self.cassette} ({counts}), but recorded {times} and played {times}",
            "  to play the last one again: allow_playback_repeats=True",
        ]
        if self.command:
            lines.append(f"  to record one more: {self.command}")
        return "\n".join(lines)


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


class EffectMisplaced(FakeGptTestkitError, ValueError):  # noqa: N818 - says what happened, not that it is an error
    """An effect was given a place, a number or a value that the response has not, or that means nothing."""

    def __init__(self, effect: str, problem: str, wanted: str) -> None:
        super().__init__(effect, problem, wanted)
        self.effect = effect
        self.problem = problem
        self.wanted = wanted

    def __str__(self) -> str:
        return f"{self.effect} cannot be applied: {self.problem}\n  {self.wanted}"


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
        played = "".join(f"\n    {request}" for request in self.played[:DIFFERENCES_SHOWN]) or " nothing"
        more = len(self.played[DIFFERENCES_SHOWN:])
        return (
            f"{counted(len(self.faults), 'fault')} changed no answer of {self.path}, so nothing was tested of it"
            f"{each}\n  played:{played}{f'{chr(10)}    and {more} more' if more else ''}\n"
            "  give it a place that the stream has and a request that is made; or allow it with unapplied='ignore'"
        )


class InteractionsUnplayed(FakeGptTestkitError):  # noqa: N818 - says what happened, not that it is an error
    """A cassette holds interactions that were not asked for; ``unplayed`` has their numbers, from 1, and requests."""

    def __init__(self, path: str, interactions: int, unplayed: tuple[tuple[int, str], ...]) -> None:
        super().__init__(path, interactions, unplayed)
        self.path = path
        self.interactions = interactions
        self.unplayed = unplayed

    def __str__(self) -> str:
        each = "".join(f"\n  {number}: {request}" for number, request in self.unplayed[:DIFFERENCES_SHOWN])
        more = len(self.unplayed[DIFFERENCES_SHOWN:])
        return (
            f"{len(self.unplayed)} of {counted(self.interactions, 'interaction')} of {self.path} were not asked for"
            f"{each}{f'{chr(10)}  and {more} more' if more else ''}\n"
            "  if the flow is meant to be shorter now, record it again with record_mode='rewrite'; "
            "if not, look why the program stopped; or allow it with unplayed='ignore'"
        )


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
