"""What a whole suite meets: the guarded network, a report or a collection that tells nothing."""

from __future__ import annotations

from fakegpt_testkit.errors.root import FakeGptTestkitError

_LINES_SHOWN = 15


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
