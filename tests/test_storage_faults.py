"""A save that fails, or is killed, at any operation leaves the old file or the new one, and no litter."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from support.patience import PATIENCE
from support.saved import NEW, OLD, files_in

from fakegpt_testkit import storage
from fakegpt_testkit.errors import StorageError
from fakegpt_testkit.storage import files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class _FaultyOs:
    """The real ``os``, of which one call of one operation fails, or stops the process."""

    def __init__(self, operation: str, error: int, at: int = 1) -> None:
        self._operation = operation
        self._error = error
        self._left = at
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if not callable(real) or name in ("fsencode", "getuid", "urandom"):
            return real

        def called(*args: Any, **keywords: Any) -> Any:
            self.calls.append(name)
            if name == self._operation:
                self._left -= 1
                if self._left == 0:
                    if name == "close":
                        real(*args, **keywords)
                    raise OSError(self._error, os.strerror(self._error))
            return real(*args, **keywords)

        return called


OPERATIONS = ["stat", "open", "write", "chmod", "fsync", "close", "replace"]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_failure_at_any_operation_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str, error: int
) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(OLD)
    faulty = _FaultyOs(operation, error)
    monkeypatch.setattr(files, "os", faulty)
    with pytest.raises(StorageError) as caught:
        storage.write(path, NEW)
    assert operation in faulty.calls
    assert path.read_bytes() == OLD
    assert files_in(tmp_path) == ["a.yaml"]
    assert caught.value.path == str(path)
    assert caught.value.cause.errno == error
    assert "the old file, if there was one, is unchanged" in str(caught.value)


def test_every_operation_of_a_save_is_among_those_that_were_made_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(OLD)
    faulty = _FaultyOs("none", 0)
    monkeypatch.setattr(files, "os", faulty)
    storage.write(path, NEW)
    assert set(faulty.calls) == {*OPERATIONS, "scandir"}
    assert faulty.calls.index("fsync") < faulty.calls.index("replace")
    assert faulty.calls[-3:] == ["open", "fsync", "close"]  # of the folder, after the rename


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_leaves_no_litter_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: type[BaseException]
) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(OLD)

    def interrupted(*_: object) -> None:
        raise raised

    for operation in ("fsync", "replace"):
        with monkeypatch.context() as patched:
            patched.setattr(os, operation, interrupted)
            with pytest.raises(raised):
                storage.write(path, NEW)
        assert path.read_bytes() == OLD
        assert files_in(tmp_path) == ["a.yaml"]


def test_a_folder_that_cannot_be_synced_says_that_the_new_file_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(OLD)
    monkeypatch.setattr(files, "os", _FaultyOs("fsync", errno.EIO, at=2))
    with pytest.raises(StorageError, match="the new file is in its place"):
        storage.write(path, NEW)
    assert path.read_bytes() == NEW


def test_a_file_system_without_folder_sync_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "os", _FaultyOs("fsync", errno.EINVAL, at=2))
    storage.write(tmp_path / "a.yaml", NEW)
    assert (tmp_path / "a.yaml").read_bytes() == NEW


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match=r"file/a\.yaml cannot be written: "):
        storage.write(tmp_path / "file" / "a.yaml", NEW)


def _run(code: str, *arguments: str, **keywords: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        **keywords,
    )


KILLED_AT_EACH = """
import os, signal, sys
from pathlib import Path
from fakegpt_testkit import storage
from fakegpt_testkit.storage import files

path, old = Path(sys.argv[1]), Path(sys.argv[1]).read_bytes()

class Killing:
    def __init__(self, left):
        self.left = left
    def __getattr__(self, name):
        real = getattr(os, name)
        if not callable(real) or name in ("fsencode", "urandom"):
            return real
        def called(*args, **keywords):
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            if name == "write":  # torn: the system takes half of it, then perhaps the kill comes
                args = (args[0], args[1][: max(1, len(args[1]) // 2)])
            return real(*args, **keywords)
        return called

for number in range(1, 100):
    path.write_bytes(old)
    child = os.fork()
    if child == 0:
        files.os = Killing(number)
        storage.write(path, b"new\\n" * 5000)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    found = path.read_bytes()
    print(status, "old" if found == old else "new" if found == b"new\\n" * 5000 else "torn")
    if status == 0:
        break
"""


def test_a_kill_at_any_operation_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(OLD)
    *killed, last = [line.split() for line in _run(KILLED_AT_EACH, str(path)).stdout.splitlines()]
    assert last == ["0", "new"]
    assert {status for status, _ in killed} == {str(int(signal.SIGKILL))}
    found = [what for _, what in killed]
    renamed = found.index("new")
    assert renamed > 10
    assert found == ["old"] * renamed + ["new"] * (len(found) - renamed)
    assert any(
        name.startswith(".fakegpt-testkit-") for name in files_in(tmp_path)
    )  # a kill can leave a temporary file …
    for left in tmp_path.glob(".fakegpt-testkit-*"):
        os.utime(left, (time.time() - 7200,) * 2)
    storage.write(path, OLD)
    assert files_in(tmp_path) == ["a.yaml"]  # … which a later save takes away


FULL = """
import resource, signal, sys
from pathlib import Path
from fakegpt_testkit import storage
from fakegpt_testkit.errors import StorageError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    storage.write(Path(sys.argv[1]), b"new" * 10_000)
except StorageError as error:
    print(error)
"""


def test_a_write_that_the_system_stops_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(OLD)
    done = _run(FULL, str(path))
    assert "File too large; the old file, if there was one, is unchanged" in done.stdout
    assert path.read_bytes() == OLD
    assert files_in(tmp_path) == ["a.yaml"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("no right to mount a small disk; the same is shown with a limit on the file's size")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_the_old_file(small_disk: Path) -> None:
    path = small_disk / "a.yaml"
    storage.write(path, OLD)
    with pytest.raises(StorageError, match="No space left on device; the old file"):
        storage.write(path, b"x" * 100_000)
    assert path.read_bytes() == OLD
    assert files_in(small_disk) == ["a.yaml"]
