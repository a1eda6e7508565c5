"""A test or its suite does something other than what was recorded or allowed: change the test, the program or the run.

Knows neither pytest nor cassettes: what was found is handed in as texts and numbers.
"""

from __future__ import annotations

from fakegpt_testkit.errors.root import FakeGptTestkitError
from fakegpt_testkit.wording import counted, listed

_OUTPUT_SHOWN = 15


class InteractionsUnplayed(FakeGptTestkitError):
    """A cassette holds interactions that were not asked for; ``unplayed`` has their numbers, from 1, and requests."""

    path: str
    interactions: int
    unplayed: tuple[tuple[int, str], ...]

    def __str__(self) -> str:
        each = listed([f"{number}: {request}" for number, request in self.unplayed])
        return (
            f"{len(self.unplayed)} of {counted(self.interactions, 'interaction')} of {self.path} were not requested"
            f"{each}\n"
            "  if the program is meant to ask less now, record it again with record_mode='rewrite'\n"
            "  if not, find out why it stopped; or allow it with unplayed='ignore'"
        )


class FaultNeverApplied(FakeGptTestkitError):
    """Faults changed no answer, so nothing was tested of them; ``faults`` has each with the reason.

    ``played`` are the requests that were answered.
    """

    path: str
    faults: tuple[tuple[str, str], ...]
    played: tuple[str, ...]

    def __str__(self) -> str:
        each = "".join(f"\n  {fault}: {reason}" for fault, reason in self.faults)
        played = listed([*self.played], "    ") or " nothing"
        return (
            f"{counted(len(self.faults), 'fault')} changed no answer of {self.path}, so nothing was tested with it"
            f"{each}\n  played:{played}\n"
            "  give it a place that the stream has and a request that is made; or allow it with unapplied='ignore'"
        )


class CannotBeReplayed(FakeGptTestkitError):
    """A request asks for something that a cassette cannot hold, a WebSocket for instance."""

    method: str
    uri: str
    protocol: str
    _message = (
        "{self.method} {self.uri} asks to switch to {self.protocol}, and only plain HTTP is recorded "
        "and replayed\n"
        "  run this part outside the cassette, against a real server or a stand-in"
    )


class ClientUnmet(FakeGptTestkitError):
    """HTTP clients are loaded whose requests no cassette sees: they go to the network, also in a replay."""

    path: str
    clients: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.path} can neither record nor replay requests of {' and '.join(self.clients)}, whose bytes do not "
            "pass through Python\n"
            "  to record and replay them: use another client, or give this one the base URL of\n"
            "    `fakegpt-testkit serve`\n"
            "  if it makes no request here: filterwarnings = ignore:ClientUnmet"
        )


class RequestStopped(FakeGptTestkitError):
    """A request by a client that no cassette sees was stopped while one was open, before it went to the network."""

    path: str
    client: str
    method: str
    uri: str
    _message = (
        "{self.method} {self.uri} was stopped: {self.client} made it, whose bytes do not pass through Python, so "
        "{self.path} can neither record nor replay it\n"
        "  to record and replay it: give that client the base URL of `fakegpt-testkit serve`\n"
        "  to allow it: passthrough=[HOST]"
    )


class StreamLeftOpen(FakeGptTestkitError):
    """Answers were still coming when the cassette was closed: nobody reads them, or somebody does so outside."""

    path: str
    requests: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{counted(len(self.requests), 'answer')} of {self.path} had not ended when it was closed: "
            f"{', '.join(self.requests)}\n"
            "  read each to its end, or close it (async with, aclose(), a task that is awaited or cancelled), before "
            "the test ends"
        )


class OwnServerRecorded(FakeGptTestkitError):
    """A server of this process, which was there before the cassette was opened, was recorded like any other service."""

    path: str
    servers: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.path} has recorded the answers of {' and '.join(self.servers)}, a server of this process that was "
            "opened before the cassette; on replay they come from the cassette, and the server's code does not run\n"
            "  if the server is what you test: passthrough=['own'], or open it while the cassette is open\n"
            "  if it stands in for a service: filterwarnings = ignore:OwnServerRecorded"
        )


class ForkRecorded(FakeGptTestkitError):
    """A copy of this process (``os.fork``) asked while a cassette recorded: its answers are not in the cassette."""

    path: str
    _message = (
        "{self.path} lacks what a forked copy of this process asked: only the process that opened it saves it\n"
        "  to record that too: ask in this process, in a thread if need be, or give the other process the URL of\n"
        "    `fakegpt-testkit serve --record`"
    )


class RecordingIncomplete(FakeGptTestkitError):
    """Some exchanges went well for the client, but could not be recorded; ``lost`` holds each with its reason."""

    path: str
    lost: tuple[tuple[str, str], ...]
    _lacks = "lacks {} that the client had; the others are saved"

    def __str__(self) -> str:
        each = "".join(f"\n  {request}: {reason}" for request, reason in self.lost)
        return (
            f"{self.path} {self._lacks.format(counted(len(self.lost), 'exchange'))}{each}\n"
            "  move it out of the cassette's block, or use another client; the client's own result is not affected"
        )


class VerificationIncomplete(RecordingIncomplete):
    """Some exchanges went well for the client, but could not be compared; ``lost`` holds each with its reason."""

    _lacks = "could not be compared with {} that the client had"


class NetworkBlocked(FakeGptTestkitError):
    """A call that would have left the process was stopped, because the test that runs may not use the network.

    ``call`` is the function or Python's audit event, ``address`` where it was to go, ``allow`` the host that would have
    to be allowed; empty for a program that was to be started. ``library`` is what called it, by the name that a program
    imports, where the stack shows one. Not an ``OSError``: clients take those for a bad network
    and try again, or go on without.
    """

    test: str
    call: str
    address: str
    allow: str
    library: str = ""

    def __str__(self) -> str:
        if not self.allow:
            return (
                f"{self.call} was to start {self.address}, and {self.test} may start no programs\n"
                "  to allow it: @pytest.mark.fakegpt(block_subprocesses=False)"
            )
        asked = f", called by {self.library}," if self.library else ""
        return (
            f"{self.call}{asked} was to reach {self.address}, and {self.test} may not use the network\n"
            "  to have it played: a client that a cassette sees, such as aiohttp, httpx, requests or urllib3,\n"
            "    or another one that is given the base URL of `fakegpt-testkit serve`\n"
            f"  to allow it: --fakegpt-allow-hosts={self.allow} or @pytest.mark.fakegpt(allow_hosts=[{self.allow!r}])"
        )


class CollectionFailed(FakeGptTestkitError):
    """Pytest could not say which tests there are, so nothing is known of what they use.

    ``why`` says in words what happened, ``output`` is what pytest printed.
    """

    arguments: tuple[str, ...]
    why: str
    output: str

    def __str__(self) -> str:
        command = " ".join(("pytest --collect-only", *self.arguments))
        lines = "\n".join(f"  {line}" for line in self.output.splitlines()[-_OUTPUT_SHOWN:])
        return f"wanted the whole suite's tests, and {command} {self.why}; nothing was changed\n{lines}"
