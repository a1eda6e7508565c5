"""What is wrong with a file: it cannot be read or written, it holds something else, it has changed."""

from __future__ import annotations

from fakegpt_testkit.errors.root import FakeGptTestkitError


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
