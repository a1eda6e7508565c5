"""A file cannot be read or written, holds something else, or has changed: look at the file. Knows no file's form."""

from __future__ import annotations

from fakegpt_testkit.errors.root import FakeGptTestkitError


class CassetteError(FakeGptTestkitError):
    """A cassette that cannot be read: damaged, of another kind or version, or past the loader's bounds.

    ``path`` is the file as it was named, ``line`` counts from 1 and is None where no line is to blame, ``advice`` says
    what to do.
    """

    path: str
    line: int | None
    problem: str
    advice: str

    def __str__(self) -> str:
        where = self.path if self.line is None else f"{self.path}, line {self.line}"
        return f"{where}: {self.problem}\n  {self.advice}"


class CassetteChanged(FakeGptTestkitError):
    """A cassette is another one than the run saw by whose report it was to be changed."""

    path: str
    _message = (
        "{self.path} has changed since the run that reported which of its interactions "
        "no test plays; it was not changed\n"
        "  run the whole suite again for a new report"
    )


class StorageError(FakeGptTestkitError):
    """A file that cannot be read, written or locked; ``cause`` is the system's own error.

    ``kept`` says what became of the file: after a failed write it is unchanged.
    """

    path: str
    doing: str
    cause: OSError
    kept: str
    advice: str

    def __str__(self) -> str:
        reason = self.cause.strerror or str(self.cause) or type(self.cause).__name__
        return f"{self.path} cannot be {self.doing}: {reason}; {self.kept}\n  {self.advice}"


class ReportRefused(FakeGptTestkitError):
    """A file was given as the report of a run, and does not say what was wanted of it."""

    path: str
    problem: str
    _message = (
        "{self.path} does not say which interactions no test plays: {self.problem}; nothing was changed\n"
        "  run the whole suite with pytest --fakegpt-report={self.path}"
    )
