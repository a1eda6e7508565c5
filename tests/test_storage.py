"""Files are written and read whole, processes take turns, and the state lies where it can."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest
from support.patience import PATIENCE
from support.saved import NEW, OLD, files_in

from fakegpt_testkit import cassette, storage
from fakegpt_testkit.errors import CassetteError, StorageError
from fakegpt_testkit.storage import files, locks

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    assert storage.read(tmp_path / "a.yaml") is None
    assert storage.read(tmp_path / "b" / "a.yaml") is None


def test_a_file_that_goes_between_two_readings_is_gone_and_not_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_LARGE", 1)
    path = tmp_path / "a.yaml"
    path.write_bytes(b"interactions: &here []\n")
    pages = storage.pages(path)
    assert isinstance(pages, storage.Pages)
    path.unlink()
    with pytest.raises(
        StorageError, match="it was removed while it was read; nothing was written\n  put it back"
    ) as no:
        cassette.loads(pages, str(path))
    assert no.value.path == str(path)
    path.write_bytes(b"")
    with pytest.raises(CassetteError, match="the file is empty"):
        cassette.loads(pages, str(path))


def test_a_file_is_written_and_read_and_its_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c.yaml"
    storage.write(path, NEW)
    assert storage.read(path) == NEW
    storage.write(path, b"")
    assert storage.read(path) == b""
    assert files_in(path.parent) == ["c.yaml"]


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
    assert files_in(tmp_path) == ["link.yaml", "real"]


def test_a_file_marked_read_only_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(OLD)
    path.chmod(0o444)
    with pytest.raises(StorageError, match="marked read-only; the old file, if there was one, is unchanged"):
        storage.write(path, NEW)
    assert path.read_bytes() == OLD
    assert files_in(tmp_path) == ["a.yaml"]


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
    assert files_in(tmp_path) == ["a.yaml"]


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
