"""Has two processes that save one cassette take turns, and knows where this user's state is kept.

Loaded when something is saved or recorded: a replay takes no lock.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import platformdirs

from fakegpt_testkit.errors import StorageError
from fakegpt_testkit.storage.files import UNTOUCHED

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK_SECONDS = 60.0
"""How long another process may hold a file before the wait is given up."""


def state_folder(name: str) -> Path:
    """A folder of ours for this user alone, outside every repository; made when missing."""
    candidates = (
        platformdirs.user_state_path("fakegpt-testkit", appauthor=False),
        Path(tempfile.gettempdir()) / f"fakegpt-testkit-{getattr(os, 'getuid', lambda: 0)()}",
    )
    for folder in candidates:
        with suppress(OSError):
            (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            return folder / name
    raise StorageError(
        str(candidates[0]),
        "made",
        OSError(errno.EACCES, f"neither it nor {candidates[1]} is writable"),
        "nothing was recorded",
        "set XDG_STATE_HOME, or HOME, to a folder that can be written",
    )


@contextmanager
def lock(path: Path, timeout: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the file against every other process that locks it; ``timeout`` in seconds.

    The lock lies in the user's state folder, so nothing is left beside the cassette.
    """
    name = hashlib.sha256(os.fsencode(os.path.normcase(os.path.realpath(path)))).hexdigest()[:32]
    try:
        held = filelock.FileLock(state_folder("locks") / f"{name}.lock", timeout=timeout)
        held.acquire()
    except (filelock.Timeout, OSError) as error:
        cause = OSError(errno.EAGAIN, f"another process has held it for {timeout:g} seconds")
        raise StorageError(
            str(path),
            "locked",
            error if not isinstance(error, filelock.Timeout) else cause,
            UNTOUCHED,
            "wait for the other test run, or end it",
        ) from error
    try:
        yield
    finally:
        held.release()
