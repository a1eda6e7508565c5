"""What was received survives the death of the process that received it."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import cassette_values as values
from support.patience import PATIENCE

from fakegpt_testkit import storage
from fakegpt_testkit.errors import StorageError
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Interaction, Provenance, Request, Tape

if TYPE_CHECKING:
    from collections.abc import Iterable

ASKED = Request("POST", "http://localhost/api", (("A", "\udce9"), ("A", "b")), b"\xff{}")
HEAD = Head(200, "OK", (("Content-Type", "text/event-stream"),), at=0.25)
CHUNKS = (Chunk(0.5, b"data: \xf0\x9f", (6,)), Chunk(1, b"\x98\x80\n\n"))
LEFT = "the recording process ended before the response"


def _note(journal: storage.Journal, interactions: Iterable[Interaction], *, together: bool = False) -> None:
    for number, one in enumerate(interactions):
        journal.request(number, one.request, one.provenance)
        journal.head(number, one.response.head)
        for some in [one.response.chunks] if together else [(each,) for each in one.response.chunks]:
            journal.chunk(number, *some)
        journal.ending(number, one.response.ending)


@given(st.lists(values.interactions, max_size=3), st.booleans())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_what_is_noted_is_recovered(
    tmp_path_factory: pytest.TempPathFactory, interactions: list[Interaction], together: bool
) -> None:
    with storage.Journal(Path("a.yaml"), tmp_path_factory.mktemp("j")) as journal:
        _note(journal, interactions, together=together)
    assert storage.read_journal(journal.path) == interactions


def test_a_provenance_of_another_shape_is_unknown(tmp_path: Path) -> None:
    with storage.Journal(Path("a.yaml"), tmp_path) as journal:
        journal.request(0, ASKED, Provenance("now"))
        journal.head(0, HEAD)
    journal.path.write_bytes(journal.path.read_bytes().replace(b'["now","",""]', b'["now"]'))
    assert storage.read_journal(journal.path)[0].provenance == Provenance()


def test_interleaved_responses_are_kept_apart_and_in_the_order_asked(tmp_path: Path) -> None:
    with storage.Journal(Path("a.yaml"), tmp_path) as journal:
        journal.request(1, ASKED, Provenance("later"))
        journal.request(0, ASKED, Provenance("now", "http://x", "s"))
        journal.request(2, ASKED, Provenance())  # nothing came back of it
        journal.head(0, HEAD)
        journal.head(1, HEAD)
        journal.chunk(1, CHUNKS[0])
        journal.chunk(0, CHUNKS[0])
        journal.chunk(0, CHUNKS[1])
        journal.ending(0, Ending(EndingKind.RESET, 2.0, "gone"))
    assert storage.read_journal(journal.path) == [
        Interaction(
            ASKED, Tape(HEAD, CHUNKS, Ending(EndingKind.RESET, 2.0, "gone")), Provenance("now", "http://x", "s")
        ),
        Interaction(ASKED, Tape(HEAD, CHUNKS[:1], Ending(EndingKind.KILLED, 0.5, LEFT)), Provenance("later")),
    ]


def test_a_response_without_chunks_ends_where_its_head_came(tmp_path: Path) -> None:
    with storage.Journal(Path("a.yaml"), tmp_path) as journal:
        journal.request(0, ASKED, Provenance())
        journal.head(0, HEAD)
    assert storage.read_journal(journal.path)[0].response == Tape(HEAD, (), Ending(EndingKind.KILLED, 0.25, LEFT))


def test_only_its_user_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with storage.Journal(Path("a.yaml"), tmp_path / "new") as journal:
            assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
            assert stat.S_IMODE(journal.path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_it_lies_in_the_users_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with storage.Journal(Path("some repository/café [1].yaml")) as journal:
        assert journal.path.parent == tmp_path / "fakegpt-testkit" / "journals"
        found = storage.leftovers()
        assert [(one.path, one.running, one.interactions) for one in found] == [(journal.path, True, 0)]
        assert found[0].cassette == os.path.abspath("some repository/café [1].yaml")  # noqa: PTH100 - as it was named


def test_a_removed_one_leaves_nothing(tmp_path: Path) -> None:
    with storage.Journal(Path("a.yaml"), tmp_path) as journal:
        journal.request(0, ASKED, Provenance())
        journal.remove()
        with pytest.raises(StorageError, match="it is closed"):
            journal.head(0, HEAD)
    assert storage.leftovers(tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


DYING = """
import os, signal, sys, time
from pathlib import Path
from fakegpt_testkit import storage
from fakegpt_testkit.exchange import Chunk, Head, Provenance, Request
journal = storage.Journal(Path("a.yaml"), Path(sys.argv[1]))
journal.request(0, Request("GET", "http://localhost/"), Provenance())
journal.head(0, Head(200))
for number in range(3):
    journal.chunk(0, Chunk(float(number), b"data: %d\\n\\n" % number))
print("noted", flush=True)
exec(sys.argv[2])
time.sleep(30)
"""
DEATHS = {
    "kill -9": ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    "os._exit": ("os._exit(3)", 3),
    "an exception": ("raise SystemExit(4)", 4),
}


@pytest.mark.parametrize("death", DEATHS)
def test_what_was_noted_survives_the_death_of_the_process(tmp_path: Path, death: str) -> None:
    code, status = DEATHS[death]
    done = subprocess.run(
        [sys.executable, "-c", DYING, str(tmp_path), code], capture_output=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stdout) == (status, b"noted\n")
    (left,) = storage.leftovers(tmp_path)
    assert (left.running, left.interactions, left.problem) == (False, 1, "")
    (found,) = storage.read_journal(left.path)
    assert found.response.body == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"
    assert found.response.ending == Ending(EndingKind.KILLED, 2.0, LEFT)


def test_a_journal_cut_anywhere_loses_at_most_the_event_in_flight(tmp_path: Path) -> None:
    with storage.Journal(Path("a.yaml"), tmp_path) as journal:
        _note(journal, [Interaction(ASKED, Tape(HEAD, CHUNKS, Ending(EndingKind.EOF, 2.0)))])
    data = journal.path.read_bytes()
    lines = data.splitlines(keepends=True)
    complete = [sum(map(len, lines[:count])) for count in range(len(lines) + 1)]
    copy = tmp_path / "copy.journal"
    near_an_end = {size + step for size in complete[1:] for step in (-2, -1, 0, 1)}
    cuts = near_an_end.union(range(len(lines[0]), len(data), 7))  # inside a line all cuts are alike
    for end in sorted(cuts & set(range(len(lines[0]) - 1, len(data) + 1))):
        copy.write_bytes(data[:end])
        found = storage.read_journal(copy)
        # a line that lacks only its line end is whole
        whole = sum(size <= end + 1 for size in complete) - 1
        assert len(found) == (whole >= 3)
        if found:
            assert found[0].response.chunks == CHUNKS[: whole - 3]
            assert found[0].response.ending.kind == (EndingKind.EOF if whole == len(lines) else EndingKind.KILLED)


@pytest.mark.parametrize(
    "line",
    [b"{", b"1", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"request": "0"}',
     b'{"ending": 0, "kind": "lost", "at": 0.5, "note": ""}', b'{"head": 0, "values": [200, "", [["a"]], "1.1", 0.5]}',
     b'{"chunks": 0, "at": [0.5], "sizes": [0], "data": "", "ends": [[[]]]}',
     b'{"chunks": 7, "at": [0.5], "sizes": [0], "data": "", "ends": [[]]}',
     b'{"chunks": 0, "at": [0.5], "sizes": [], "data": "", "ends": [[]]}',
     b'{"chunks": 0, "at": ["a"], "sizes": [0], "data": "", "ends": [[]]}',
     b'{"chunks": 0, "at": [0.5], "sizes": [0], "data": "*", "ends": [[]]}'],
)  # fmt: skip
def test_a_damaged_line_ends_what_is_recovered(tmp_path: Path, line: bytes) -> None:
    with storage.Journal(Path("a.yaml"), tmp_path) as journal:
        journal.request(0, ASKED, Provenance())
        journal.head(0, HEAD)
        journal.chunk(0, CHUNKS[0])
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole + line + b"\n" + whole.splitlines(keepends=True)[-1])
    assert [one.response.chunks for one in storage.read_journal(journal.path)] == [CHUNKS[:1]]


@pytest.mark.parametrize(
    "data", [b"", b"hello\n", b'{"journal": 2, "cassette": "a"}\n', b"[1]\n", b"[" * 100_000 + b"\n"]
)
def test_what_is_no_journal_is_an_error_and_does_not_hide_the_others(tmp_path: Path, data: bytes) -> None:
    bad = tmp_path / "a.journal"
    bad.write_bytes(data)
    with pytest.raises(StorageError, match="cannot be recovered"):
        storage.read_journal(bad)
    with storage.Journal(Path("b.yaml"), tmp_path):
        found = {one.path.name[:2]: one for one in storage.leftovers(tmp_path)}
    assert "cannot be recovered" in found["a."].problem
    assert found["b-"].problem == ""


def test_a_journal_that_is_saved_while_others_are_listed_is_left_out(tmp_path: Path) -> None:
    with storage.Journal(tmp_path / "kept.yaml", folder=tmp_path) as kept:
        pass
    (tmp_path / "saved-1-2.journal").symlink_to(tmp_path / "gone")  # found in the folder, and not there when it is read
    assert [each.path for each in storage.leftovers(tmp_path)] == [kept.path]
    assert not (tmp_path / "saved-1-2.lock").exists()


def test_a_journal_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no such journal"):
        storage.read_journal(tmp_path / "a.journal")


def test_a_journal_that_is_removed_while_all_are_listed_is_left_out(tmp_path: Path) -> None:
    """Its recording was saved at that moment."""
    gone = tmp_path / "b.journal"
    gone.symlink_to(tmp_path / "nothing")  # it is there for a list of names, and not for who looks at it
    with storage.Journal(Path("a.yaml"), tmp_path) as journal:
        assert [each.path for each in storage.leftovers(tmp_path)] == [journal.path]


def test_a_journal_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot be made"):
        storage.Journal(Path("a.yaml"), tmp_path / "file")


def test_a_full_disk_is_told_once_and_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with storage.Journal(Path("a.yaml"), tmp_path) as journal:
        journal.request(0, ASKED, Provenance())
        journal.head(0, HEAD)
        journal.chunk(0, CHUNKS[0])
        real = os.write

        def torn(descriptor: int, data: bytes) -> int:
            if len(data) > 20:
                return real(descriptor, data[:20])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patched:
            patched.setattr(os, "write", torn)
            with pytest.raises(
                StorageError, match="No space left on device; the journal of this recording is incomplete"
            ):
                journal.chunk(0, CHUNKS[1])
        with pytest.raises(StorageError, match="it is closed"):
            journal.chunk(0, CHUNKS[1])
    assert storage.read_journal(journal.path)[0].response.chunks == CHUNKS[:1]


def test_where_it_cannot_be_written_anew_nothing_is_left_and_nothing_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with storage.Journal(Path("a.yaml"), tmp_path) as journal:
        journal.request(0, ASKED, Provenance())
        held = os.open(journal.path.with_suffix(".lock"), os.O_RDWR)  # a lock outlives its file's name
        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", fails)
            with pytest.raises(StorageError, match="No space left on device; the journal of this recording is inc"):
                journal.begin_anew(())
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where somebody holds it
        os.close(held)
        assert not [*tmp_path.iterdir()]
        with pytest.raises(StorageError, match="it is closed"):
            journal.begin_anew(())
