"""Reads and writes one file so that there is always the old one or the new one, whole.

Knows nothing of what the bytes mean.
"""

from __future__ import annotations

import errno
import mmap as memory
import os
import stat
from contextlib import contextmanager, suppress
from io import FileIO
from mmap import ALLOCATIONGRANULARITY, mmap
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from fakegpt_testkit import clock
from fakegpt_testkit.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SUFFIXES = (".yaml", ".yml")
"""What the names of cassettes end with."""

OTHER_SUFFIXES = (".yaml.gz", ".yml.gz", ".json", ".json.gz", ".har")
"""What the names of other tools' recordings end with; files of other kinds do, too."""

MAX_BYTES = 256 * 1024 * 1024
"""The bound of a file that is read whole."""

_LARGE = 4 * 1024 * 1024
"""From so many bytes on a file's memory is given back while it is read; to do it for smaller ones costs time."""

_STEP = 64 * 1024
_GIVEN_BACK = 1024 * 1024
_DONT_NEED: int | None = getattr(memory, "MADV_DONTNEED", None)  # not on Windows
_OF_ITS_OWN = {"flags": memory.MAP_PRIVATE | memory.MAP_ANONYMOUS} if hasattr(memory, "MAP_PRIVATE") else {}
"""Of memory that is shared with nobody: of other the system keeps what is given back."""
Stamp: TypeAlias = tuple[int, ...]
_TEMPORARY = ".fakegpt-testkit-"
_STALE_SECONDS = 3600.0
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF})
UNTOUCHED = "it was not touched"
_UNCHANGED = "the old file, if there was one, is unchanged"


def read(path: Path) -> bytes | None:
    """The file's bytes; None only when nothing of that name is there."""
    with _opened(path) as descriptor:
        return None if descriptor is None else _read_whole(descriptor, _size(descriptor))


def stamp_of(path: Path) -> Stamp | None:
    """What tells that nobody has written a file since; None when nothing of that name is there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def lines(path: Path) -> Iterator[bytes]:
    """The file's lines without their ends, one at a time, however many there are; none where there is no file."""
    with _opened(path) as descriptor:
        if descriptor is not None:
            with open(descriptor, "rb", closefd=False) as file:
                for line in file:
                    yield line.removesuffix(b"\n")


class Pages:
    """A large file's bytes in memory of its own; ``done`` gives back what was read, where the system can take it."""

    def __init__(self, path: Path, filled: mmap) -> None:
        self._path = path
        self._done = 0
        self.memory = filled

    def done(self, until: int) -> None:
        """Nothing before this is looked at again."""
        pages = until // ALLOCATIONGRANULARITY * ALLOCATIONGRANULARITY
        if pages - self._done >= _GIVEN_BACK and _DONT_NEED is not None:
            self.memory.madvise(_DONT_NEED, self._done, pages - self._done)
            self._done = pages

    def again(self) -> bytes:
        """All of the file, once more; the memory is given back before. A file that is gone is a ``StorageError``."""
        self.memory = mmap(-1, 1)
        if (data := read(self._path)) is None:
            gone = FileNotFoundError(errno.ENOENT, "it was removed while it was read")
            advice = "put it back and run this again; without it, it counts as missing"
            raise StorageError(str(self._path), "read", gone, "nothing was written", advice)
        return data


def pages(path: Path) -> Pages | bytes | None:
    """What ``read`` gives; a large file's bytes so that they need not be held while something is made of them."""
    with _opened(path) as descriptor:
        if descriptor is None:
            return None
        size = _size(descriptor)
        if size >= _LARGE and (filled := _in_memory(descriptor, size)) is not None:
            return Pages(path, filled)
        return _read_whole(descriptor, size)


def _in_memory(descriptor: int, size: int) -> mmap | None:
    """The file in memory that is no map of it: who cuts a mapped file off ends the process. None if it changes now."""
    filled = mmap(-1, size, **_OF_ITS_OWN)
    at = 0
    with memoryview(filled) as view, FileIO(descriptor, closefd=False) as file:
        while at < size and (more := file.readinto(view[at:])):
            at += more
        if at == size and not file.read(1):
            return filled
        file.seek(0)
    return None


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    """A regular file, open for reading; None only when nothing of that name is there."""
    try:
        # a pipe or a device of that name must not block or feed us for ever
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as error:
        if path.is_symlink():
            advice = "it is a link to nothing: repair or remove it"
            raise StorageError(str(path), "read", error, UNTOUCHED, advice) from error
        yield None
        return
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        _check_regular(os.fstat(descriptor))
        yield descriptor
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(descriptor)


def _check_regular(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")


def _size(descriptor: int) -> int:
    size = os.fstat(descriptor).st_size
    if size > MAX_BYTES:
        raise OSError(errno.EFBIG, f"it has {size} bytes, and at most {MAX_BYTES} are read")
    return size


def _read_whole(descriptor: int, size: int) -> bytes:
    """All that there is, up to the bound, in one call of the system when that is ``size`` bytes.

    A file object would cost more than the reading: it makes room for the whole bound first.
    """
    data = os.read(descriptor, size)
    while len(data) < MAX_BYTES and (more := os.read(descriptor, _STEP)):
        data += more
    return data


def _unreadable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        str(path),
        "read",
        error,
        UNTOUCHED,
        "make it readable, or remove it and record again; it does not count as missing",
    )


def below(folder: Path, suffixes: tuple[str, ...] = SUFFIXES) -> list[Path]:
    """Every file below a folder that is a cassette by its name, in order; none where there is no such folder."""
    return [path for path in sorted(folder.rglob("*")) if path.name.endswith(suffixes) and path.is_file()]


def remove(path: Path) -> None:
    """Delete the file, if it is there."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(str(path), "removed", error, "it is still there", "make its folder writable") from error


def move(path: Path, target: Path) -> None:
    """Give the file another name in its folder, if it is there."""
    try:
        if path.exists():
            os.replace(path, target)  # noqa: PTH105
    except OSError as error:
        raise StorageError(str(path), "renamed", error, "it is still there", "make its folder writable") from error


def write(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Put ``data`` in the file's place, in one step: nobody ever sees a part of it. It may come in pieces.

    A link stays a link, an existing file keeps its mode, missing folders are made. The bytes are on the disk, not only
    with the system, when this returns.
    """
    target = Path(os.path.realpath(path))
    try:
        made = _make_folders(target.parent)
        temporary = _write_beside(target, (data,) if isinstance(data, bytes) else data)
        try:
            os.replace(temporary, target)  # noqa: PTH105 - one module of calls that a test can make fail
        except BaseException:
            _remove(temporary)
            raise
    except OSError as error:
        advice = "make room on the disk, or the folder writable, then run it again"
        raise StorageError(str(path), "written", error, _UNCHANGED, advice) from error
    try:
        for folder in (target.parent, *made):
            _sync_folder(folder)
    except OSError as error:
        kept = "the new file is in its place, whole, but a power cut may still undo it"
        raise StorageError(str(path), "made durable", error, kept, "look at the disk") from error


def _make_folders(folder: Path) -> list[Path]:
    """Make what is missing of the folder's path; the folders in which something was made."""
    made = []
    missing = folder
    while not missing.exists():
        made.append(missing.parent)
        missing = missing.parent
    folder.mkdir(parents=True, exist_ok=True)
    return made


def _write_beside(target: Path, data: Iterable[bytes]) -> str:
    """A new file in the same folder, written and synced, with the mode of the old one; its path."""
    mode = _mode_to_keep(target)
    _sweep(target.parent)
    temporary = f"{target.parent}{os.sep}{_TEMPORARY}{os.urandom(8).hex()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o666 if mode is None else 0o600)
    try:
        try:
            for piece in data:
                _write_all(descriptor, piece)
            if mode is not None:
                os.chmod(temporary, mode)  # noqa: PTH101 - as above
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        _remove(temporary)
        raise
    return temporary


def _mode_to_keep(target: Path) -> int | None:
    try:
        mode = stat.S_IMODE(os.stat(target).st_mode)  # noqa: PTH116 - as above
    except FileNotFoundError:
        return None
    if not mode & 0o222:
        # a rename would go through all the same: who made the file read-only meant it
        raise PermissionError(errno.EACCES, "it is marked read-only")
    return mode


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _remove(temporary: str) -> None:
    with suppress(OSError):
        os.unlink(temporary)  # noqa: PTH108 - as above


def _sweep(folder: Path) -> None:
    """Remove what a killed process left behind, once nobody can still be writing it."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(_TEMPORARY) and clock.seconds() - entry.stat().st_mtime > _STALE_SECONDS:
                _remove(entry.path)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # a folder cannot be opened there; the rename is journalled by the file system
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)
