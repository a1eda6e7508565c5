"""One module touches files: whole files, whatever fails; and a path of its own for each test."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.patience import PATIENCE

from fakegpt_testkit import storage
from fakegpt_testkit.errors import CassetteNameRefused, StorageError
from fakegpt_testkit.storage import files, locks, names

if TYPE_CHECKING:
    from collections.abc import Iterator

OLD, NEW = b"old\n" * 1000, b"new\n" * 5000


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    assert storage.read(tmp_path / "a.yaml") is None
    assert storage.read(tmp_path / "b" / "a.yaml") is None


def test_a_file_is_written_and_read_and_its_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c.yaml"
    storage.write(path, NEW)
    assert storage.read(path) == NEW
    storage.write(path, b"")
    assert storage.read(path) == b""
    assert _files(path.parent) == ["c.yaml"]


def test_a_new_file_has_the_usual_mode_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    before = os.umask(0o027)
    try:
        storage.write(path, OLD)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o604)
        storage.write(path, NEW)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "a.yaml", tmp_path / "link.yaml"
    real.write_bytes(OLD)
    link.symlink_to(real)
    storage.write(link, NEW)
    assert link.is_symlink()
    assert real.read_bytes() == NEW
    assert _files(tmp_path) == ["link.yaml", "real"]


def test_a_file_marked_read_only_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(OLD)
    path.chmod(0o444)
    with pytest.raises(StorageError, match="marked read-only; the old file, if there was one, is unchanged"):
        storage.write(path, NEW)
    assert path.read_bytes() == OLD
    assert _files(tmp_path) == ["a.yaml"]


@pytest.mark.parametrize(
    "kind", ["folder", "pipe", "link to nothing", "link to itself", "below a file", "name too long"]
)
def test_what_cannot_be_read_is_an_error_and_not_missing(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.yaml"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link to nothing":
        path.symlink_to(tmp_path / "gone")
    elif kind == "link to itself":
        path.symlink_to(path)
    elif kind == "below a file":
        path.write_bytes(b"")
        path = path / "b.yaml"
    else:
        path = tmp_path / ("a" * 300)
    with pytest.raises(StorageError) as caught:
        storage.read(path)
    assert str(caught.value).startswith(f"{path} cannot be read: ")
    assert "not touched" in str(caught.value)


def test_a_file_past_the_bound_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    monkeypatch.setattr(files, "MAX_BYTES", 4)
    with pytest.raises(StorageError, match="has 5 bytes, and at most 4"):
        storage.read(tmp_path / "a")


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
    assert _files(tmp_path) == ["a.yaml"]
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
        assert _files(tmp_path) == ["a.yaml"]


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
    assert any(name.startswith(".fakegpt-testkit-") for name in _files(tmp_path))  # a kill can leave a temporary file …
    for left in tmp_path.glob(".fakegpt-testkit-*"):
        os.utime(left, (time.time() - 7200,) * 2)
    storage.write(path, OLD)
    assert _files(tmp_path) == ["a.yaml"]  # … which a later save takes away


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
    assert _files(tmp_path) == ["a.yaml"]


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
    assert _files(small_disk) == ["a.yaml"]


def test_a_file_that_the_system_reads_in_pieces_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"data: a\n" * 10)
    real = os.read
    monkeypatch.setattr(os, "read", lambda descriptor, size: real(descriptor, min(size, 7)))
    assert storage.read(path) == b"data: a\n" * 10


def test_reading_leaves_no_file_open(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"a")
    next_free = os.open(path, os.O_RDONLY)
    os.close(next_free)
    assert storage.read(path) == b"a"
    with pytest.raises(StorageError, match="no regular file"):
        storage.read(tmp_path)
    again = os.open(path, os.O_RDONLY)
    os.close(again)
    assert again == next_free


ADDING = """
import sys
from pathlib import Path
from fakegpt_testkit import storage
path = Path(sys.argv[1])
for number in range(20):
    with storage.lock(path):
        storage.write(path, (storage.read(path) or b"") + f"{sys.argv[2]} {number}\\n".encode())
"""


def test_two_processes_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    running = [subprocess.Popen([sys.executable, "-c", ADDING, str(path), name]) for name in "ab"]
    assert [process.wait(PATIENCE) for process in running] == [0, 0]
    lines = path.read_text().splitlines()
    assert sorted(lines) == sorted(f"{name} {number}" for name in "ab" for number in range(20))
    assert _files(tmp_path) == ["a.yaml"]


def test_waiting_for_a_lock_ends_with_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with (
        storage.lock(path),
        pytest.raises(StorageError, match=r"cannot be locked: another process has held it for 0\.05"),
        storage.lock(tmp_path / "." / "a.yaml", timeout=0.05),
    ):
        pass
    with storage.lock(path, timeout=0):
        pass


def test_the_state_lies_in_the_temporary_folder_when_home_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    assert locks.state_folder("locks").is_relative_to(tmp_path)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "file"))
    with pytest.raises(StorageError, match="set XDG_STATE_HOME"):
        locks.state_folder("locks")


@pytest.mark.parametrize(
    ("test_id", "path"),
    [
        ("tests/test_chat.py::test_greets", "test_chat/test_greets.yaml"),
        ("tests/api/test_chat.py::test_greets", "api/test_chat/test_greets.yaml"),
        ("test_chat.py::test_greets", "test_chat.py/test_greets.yaml"),
        ("src/pkg/test_chat.py::test_greets", "src/pkg/test_chat.py/test_greets.yaml"),
        ("tests/test_chat.py::TestChat::test_greets[de-1.5]", "test_chat/TestChat.test_greets[de-1.5].yaml"),
        ("tests/test_chat.py::test_a[x/y: z?]", "test_chat/test_a[x%2fy%3a%20z%3f].yaml"),
        ("tests/test_chat.py::test_a[ü]", "test_chat/test_a[%c3%bc].yaml"),
        ("tests/con.py::nul", "%63on/%6eul.yaml"),
        ("tests/v1.2/test_a.py::test_b", "v1%2e2/test_a/test_b.yaml"),
        ("tests/guide.md::1", "tests/guide%2emd.%/1.yaml"),
        ("no pytest id", "no%20pytest%20id.%/%.yaml"),
    ],
)
def test_a_test_id_gives_a_path_that_tells_the_test(tmp_path: Path, test_id: str, path: str) -> None:
    assert names.path_for(tmp_path, test_id) == tmp_path / path


pieces = st.sampled_from(
    [
     "tests", "test_a", "test_A", "TEST_A", ".py", ".PY", "/", "::", ".", "[", "]", "a", "A", "b", "-", "~", "%",
     "%2e", "~1", "con", "AUX", "com1", ":", "\\", " ", "é", "e\u0301", "É", "\udc80", "x" * 150, "X" * 150,
     ".yaml", "\x00", "", "+", "test_chat"
    ]
)  # fmt: skip
test_ids = st.lists(pieces, min_size=1, max_size=9).map("".join)
_RESERVED = {"con", "prn", "aux", "nul", *(f"{name}{digit}" for name in ("com", "lpt") for digit in range(10))}


def _path(test_id: str) -> str | None:
    try:
        return names.path_for(Path("cassettes"), test_id).as_posix()
    except CassetteNameRefused:
        return None


@given(test_ids, test_ids)
@example("tests/a.py::b", "tests/a::b")
@example("tests/test_a.py::a/b", "tests/test_a.py::a-b")
@example("tests/a.py::A::b", "tests/a.py::A.b")
@example("tests/a.py", "tests/a.py::")
@example("tests/a.py::" + "x" * 300, "tests/a.py::" + "x" * 299 + "X")
def test_two_test_ids_never_share_a_path_even_without_case(one: str, other: str) -> None:
    first = _path(one)
    if one == other or first is None:
        return
    there: dict[str, dict[str, list[str]]] = {}
    path = Path(first)
    for folder in path.parents:
        there[str(folder)] = {path.name.lower(): [path.name]}
        path = folder
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(names, "_names_in", lambda folder: there.get(str(folder), {}))
        assert _path(one) == first
        second = _path(other)
    if second is not None:
        assert first.lower() != second.lower()


def test_a_number_tells_names_that_differ_in_capitals_and_old_names_are_found(tmp_path: Path) -> None:
    def path(test: str) -> str:
        return names.path_for(tmp_path, f"tests/a.py::{test}").relative_to(tmp_path).as_posix()

    def write(name: str) -> None:
        (tmp_path / "a").mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")

    assert [path("TestA::test_b"), path("testA::test_b"), path("testa::test_b")] == [
        "a/TestA.test_b.yaml",
        "a/testA.test_b.yaml",
        "a/testa.test_b.yaml",
    ]
    write("a/TestA.test_b.yaml")
    assert [path("TestA::test_b"), path("testA::test_b"), path("testa::test_b")] == [
        "a/TestA.test_b.yaml",
        "a/testA.test_b~10.yaml",
        "a/testa.test_b~0.yaml",
    ]
    write("a/TestC.test_d~11.yaml")  # as every name with capitals was called
    assert path("TestC::test_d") == "a/TestC.test_d~11.yaml"


@given(test_ids)
def test_every_name_is_fine_everywhere(test_id: str) -> None:
    path = _path(test_id)
    if path is None:
        return
    assert path.startswith("cassettes/")
    for part in path.split("/"):
        assert 0 < len(part.encode("ascii")) <= 255
        assert part.isprintable()
        assert not set(part) & set('<>:"\\|?*')
        assert not part.startswith((".", " "))
        assert not part.endswith((".", " "))
        assert part.split(".")[0].lower() not in _RESERVED
    folders, name = path.split("/")[:-1], path.split("/")[-1]
    assert name.endswith(".yaml")
    assert not any(folder.endswith(".yaml") for folder in folders)  # a folder can never be where a cassette must be


@pytest.mark.parametrize("name", ["", "../a", "a/../../b", "/etc/passwd", "C:/a", "c:a", "\\\\host\\a"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    for give in (storage.path_for, storage.inside):
        with pytest.raises(CassetteNameRefused, match="cannot name a cassette"):
            give(tmp_path, name)


@pytest.mark.parametrize("name", ["a//b", "a/", "a\\b", "a\0b", "x" * 252])
def test_a_name_of_its_own_is_a_plain_relative_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(CassetteNameRefused):
        storage.inside(tmp_path, name)


def test_a_test_may_name_its_cassette(tmp_path: Path) -> None:
    assert storage.inside(tmp_path, "login/first") == tmp_path / "login" / "first.yaml"
    assert storage.inside(tmp_path, "first.yaml") == tmp_path / "first.yaml"
    assert storage.inside(tmp_path, "first.yml") == tmp_path / "first.yml"


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "cassettes"
    folder.mkdir()
    (folder / "test_chat").symlink_to(tmp_path)
    (folder / "out.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    (folder / "in.yaml").symlink_to(folder / "other.yaml")
    (folder / "beside.yaml").symlink_to(tmp_path / "cassettes-of-others" / "a.yaml")  # whose name only begins so
    with pytest.raises(CassetteNameRefused, match="a link leads out"):
        storage.path_for(folder, "tests/test_chat.py::test_a")
    with pytest.raises(CassetteNameRefused, match="a link leads out"):
        storage.inside(folder, "out")
    with pytest.raises(CassetteNameRefused, match="a link leads out"):
        storage.inside(folder, "beside")
    assert storage.inside(folder, "in") == folder / "in.yaml"
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert storage.inside(link, "a") == link / "a.yaml"  # the folder itself may be a link
