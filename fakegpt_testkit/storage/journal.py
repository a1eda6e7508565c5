"""Notes a recording as it is told of it, so that a process that dies loses at most what was not told yet.

Each event is one line, handed to the system at once: what the system has survives SIGTERM, ``os._exit`` and kill -9.
There is no fsync, so a power cut may take the last moments; the cassette itself is synced when it is saved.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, islice, pairwise
from typing import TYPE_CHECKING, Protocol, Self

import filelock
import msgspec

from fakegpt_testkit import clock
from fakegpt_testkit.errors import StorageError
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Interaction, Provenance, Request, Tape
from fakegpt_testkit.storage.files import lines, remove
from fakegpt_testkit.storage.locks import state_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from fakegpt_testkit.exchange import Headers

_SUFFIX = ".journal"
_FORMAT = 1
_AT_ONCE = 256
_JSON = json.JSONEncoder(separators=(",", ":"))
_NUMBERS = msgspec.json.Encoder()
"""Ten times as fast; but it takes no text that was no UTF-8."""
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)


class NotedExchange(Protocol):
    """What is noted of one exchange, as far as it has come."""

    @property
    def number(self) -> int: ...

    @property
    def request(self) -> Request: ...

    @property
    def provenance(self) -> Provenance: ...

    @property
    def head(self) -> Head | None: ...

    @property
    def chunks(self) -> Iterable[Chunk]: ...

    @property
    def ending(self) -> Ending | None: ...


class Journal:
    """The journal of one recording; a context manager. Leaving it closes the file, ``remove`` also deletes it.

    Interactions are numbered by the caller, in the order they were asked. What is given is written as it is: redact it
    before.
    """

    def __init__(self, cassette: Path, folder: Path | None = None, test: str = "") -> None:
        folder = state_folder("journals") if folder is None else folder
        stem = re.sub(r"[^A-Za-z0-9_-]", "_", cassette.stem)[:60]
        self.path = folder / f"{stem}-{os.getpid()}-{os.urandom(4).hex()}{_SUFFIX}"
        self._held = filelock.FileLock(_lock_path(self.path), timeout=0, thread_local=False)
        place = os.path.abspath(cassette)  # noqa: PTH100
        self._first = {"journal": _FORMAT, "cassette": place, "at": clock.seconds(), "test": test}
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._held.acquire()
            self._descriptor: int | None = os.open(self.path, _FLAGS, 0o600)
        except OSError as error:
            raise _failed(self.path, "made", error) from error
        self._write(self._first)

    def request(self, number: int, request: Request, provenance: Provenance) -> None:
        """An interaction begins."""
        self._write(
            {
                "request": number,
                "method": request.method,
                "uri": request.uri,
                "headers": request.headers,
                "body": _packed(request.body),
                "provenance": [provenance.at, provenance.origin, provenance.server],
            }
        )

    def head(self, number: int, head: Head) -> None:
        """Its response's head came."""
        values = [head.status, head.reason, head.headers, head.version, float(head.at)]
        self._write({"head": number, "values": values, "dialect": head.dialect})

    def chunk(self, number: int, *chunks: Chunk) -> None:
        """Chunks of its response came, together: one line, of which the bytes are packed once."""
        if chunks:
            cuts = {
                "chunks": number,
                "at": [float(each.at) for each in chunks],
                "sizes": [len(each.data) for each in chunks],
                "ends": [each.ends for each in chunks],
            }
            data = base64.b64encode(b"".join([each.data for each in chunks]))
            self._write_line(b'%s,"data":"%s"}' % (_NUMBERS.encode(cuts)[:-1], data))  # most of it, as it is

    def ending(self, number: int, ending: Ending) -> None:
        """Its response ended."""
        left = {} if ending.left is None else {"left": float(ending.left)}
        self._write({"ending": number, "kind": ending.kind.value, "at": float(ending.at), "note": ending.note, **left})

    def begin_anew(self, exchanges: Iterable[NotedExchange]) -> None:
        """Put these in the place of all that was noted; what follows comes after them.

        Where that fails nothing is left: what was noted may hold what is to go.
        """
        if self._descriptor is None:
            raise _failed(self.path, "written", OSError(errno.EBADF, "it is closed"))
        fresh = self.path.with_suffix(".new")
        os.close(self._descriptor)
        try:
            self._descriptor = os.open(fresh, _FLAGS, 0o600)
            self._write(self._first)
            for each in exchanges:
                self._whole(each)
            os.close(self._descriptor)
            fresh.replace(self.path)
            self._descriptor = os.open(self.path, _FLAGS & ~os.O_EXCL, 0o600)
        except (OSError, StorageError) as error:
            self._descriptor = None
            self._held.release()
            fresh.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)
            _lock_path(self.path).unlink(missing_ok=True)
            raise error if isinstance(error, StorageError) else _failed(self.path, "written", error) from error

    def _whole(self, each: NotedExchange) -> None:
        self.request(each.number, each.request, each.provenance)
        if each.head is not None:
            self.head(each.number, each.head)
        chunks = iter(each.chunks)
        while some := tuple(islice(chunks, _AT_ONCE)):
            self.chunk(each.number, *some)
        if each.ending is not None:
            self.ending(each.number, each.ending)

    def close(self) -> None:
        """Let go of the file and leave it there, for ``recover``."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            self._held.release()

    def remove(self) -> None:
        """Close and delete it: the cassette holds everything now."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)  # first: Windows deletes no open file; the lock keeps others from recovering it
        try:
            remove(self.path)
        finally:
            self._held.release()
        _lock_path(self.path).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _write(self, event: Mapping[str, object]) -> None:
        self._write_line(_JSON.encode(event).encode())

    def _write_line(self, line: bytes) -> None:
        if self._descriptor is None:
            raise _failed(self.path, "written", OSError(errno.EBADF, "it is closed"))
        rest = memoryview(line + b"\n")
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            self.close()
            raise _failed(self.path, "written", error) from error


@dataclass(frozen=True, slots=True)
class Leftover:
    """A journal that lies there; ``running`` while the process that writes it lives.

    ``problem`` says why nothing of it can be recovered, when that is so. ``at`` is when it was begun, in seconds since
    1970, ``size`` is in bytes, and ``test`` is the one that recorded, where one did.
    """

    path: Path
    cassette: str
    running: bool
    interactions: int
    problem: str = ""
    at: float = 0.0
    size: int = 0
    test: str = ""


def leftovers(folder: Path | None = None) -> tuple[Leftover, ...]:
    """Every journal that was not removed by a successful save, oldest first.

    Other processes record meanwhile: a journal that is gone before it was read was saved, and is left out.
    """
    folder = state_folder("journals") if folder is None else folder
    there = []
    for path in folder.glob(f"*{_SUFFIX}"):
        with suppress(FileNotFoundError):
            there.append((path.stat().st_mtime, path.name, _leftover(path)))
    return tuple(each for *_, each in sorted(there, key=lambda one: one[:2]))


def read_journal(path: Path) -> list[Interaction]:
    """The interactions that a journal kept; one whose ending it does not have ends as KILLED.

    A request without a head is left out, and so is whatever follows a line that was cut off.
    """
    return _rebuilt(path)[1]


def discard(path: Path) -> None:
    """Delete a journal that nobody writes any more, and its lock."""
    remove(path)
    remove(_lock_path(path))


def _leftover(path: Path) -> Leftover:
    running = _is_held(path)
    try:
        told = path.stat()
    except FileNotFoundError:
        _lock_path(path).unlink(missing_ok=True)  # ours: whoever removed the journal has removed its own
        raise
    try:
        first, interactions = _rebuilt(path)
    except StorageError as error:
        path.stat()  # raises where it is gone
        return Leftover(path, "", running, 0, str(error), told.st_mtime, told.st_size)
    return Leftover(path, first.cassette, running, len(interactions), "", first.at, told.st_size, first.test)


def _is_held(path: Path) -> bool:
    held = filelock.FileLock(_lock_path(path), timeout=0, thread_local=False)
    try:
        held.acquire()
    except filelock.Timeout:
        return True
    held.release()
    return False


@dataclass(slots=True)
class _Unfinished:
    """An interaction as far as its events have come."""

    request: Request
    provenance: Provenance
    head: Head | None
    chunks: list[Chunk]
    ending: Ending | None


@dataclass(frozen=True, slots=True)
class _First:
    """A journal's first line: which cassette was recorded, when, by which test."""

    cassette: str
    at: float
    test: str


def _rebuilt(path: Path) -> tuple[_First, list[Interaction]]:
    told = lines(path)  # one by one: the journal of what became too large for a cassette is larger than one
    first = next(told, None)
    if first is None and not path.exists():
        raise _unrecoverable(path, FileNotFoundError(errno.ENOENT, "there is no such journal"))
    begun = _read_first(first or b"")
    if begun is None:
        raise _unrecoverable(path, OSError(errno.EINVAL, "its first line is not that of a journal"))
    growing: dict[int, _Unfinished] = {}
    with suppress(ValueError, KeyError, TypeError, RecursionError):  # what a torn write left ends the story
        for line in told:
            _take(growing, json.loads(line))
    return begun, [_finished(one, one.head) for _, one in sorted(growing.items()) if one.head is not None]


def _read_first(line: bytes) -> _First | None:
    try:
        first = json.loads(line)
    except (ValueError, RecursionError):
        return None
    match first:
        case {"journal": int(version), "cassette": str(cassette), **more} if version == _FORMAT:
            at, test = more.get("at"), more.get("test")
            return _First(cassette, at if isinstance(at, float) else 0.0, test if isinstance(test, str) else "")
    return None


def _take(growing: dict[int, _Unfinished], event: dict[str, object]) -> None:
    match event:
        case {"request": int(n), "method": str(method), "uri": str(uri), "headers": list(fields), "body": str(body)}:
            request = Request(method, uri, _headers(fields), _unpacked(body))
            growing[n] = _Unfinished(request, _provenance(event["provenance"]), None, [], None)
        case {"head": int(n), "values": [int(status), str(reason), list(fields), str(version), float(at)]}:
            growing[n].head = Head(status, reason, _headers(fields), version, at, dialect=str(event.get("dialect", "")))
        case {"chunks": int(n), "at": list(times), "sizes": list(sizes), "data": str(data), "ends": list(ends)}:
            growing[n].chunks += _chunks(_unpacked(data), times, sizes, ends)
        case {"ending": int(n), "kind": str(kind), "at": float(at), "note": str(note)}:
            left = event.get("left")
            growing[n].ending = Ending(EndingKind(kind), at, note, left if isinstance(left, float) else None)
        case _:
            raise ValueError("a line that is no event")


def _chunks(body: bytes, times: list[float], sizes: list[int], ends: list[list[int]]) -> Iterator[Chunk]:
    bounds = pairwise(accumulate(sizes, initial=0))
    for at, (start, end), inner in zip(times, bounds, ends, strict=True):
        yield Chunk(float(at), body[start:end], tuple(map(int, inner)))


def _headers(fields: list[list[str]]) -> Headers:
    return tuple((name, value) for name, value in fields)


def _provenance(words: object) -> Provenance:
    match words:
        case [str(at), str(origin), str(server)]:
            return Provenance(at, origin, server)
    return Provenance()


def _finished(one: _Unfinished, head: Head) -> Interaction:
    last = one.chunks[-1].at if one.chunks else head.at
    ending = one.ending or Ending(EndingKind.KILLED, last, "the recording process ended before the response")
    return Interaction(one.request, Tape(head, tuple(one.chunks), ending), one.provenance)


def _packed(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unpacked(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _lock_path(path: Path) -> Path:
    return path.with_suffix(".lock")


def _failed(path: Path, doing: str, error: OSError) -> StorageError:
    advice = "free the disk, or set XDG_STATE_HOME to a folder with space"
    return StorageError(str(path), doing, error, "the journal of this recording is incomplete", advice)


def _unrecoverable(path: Path, error: OSError) -> StorageError:
    return StorageError(str(path), "recovered", error, "it was not touched", "look at the file; its lines are JSON")
