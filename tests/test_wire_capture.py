"""What a recording is told of one exchange, where the clock is a number that the test sets."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import requests
from support.behaviours import in_chunk
from support.patience import PATIENCE
from support.raw import raw_server

from fakegpt_testkit.exchange import SURPLUS, Chunk, EndingKind
from fakegpt_testkit.recorder import load_cassette, use_cassette
from fakegpt_testkit.wire.capture import TOGETHER, Capture
from fakegpt_testkit.wire.leaving import GRACE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
DONE = in_chunk(b"data: [DONE]\n\n")
HEARTBEAT = in_chunk(b": still here\n\n")


class Heard:
    """A recording that keeps how the exchange ended."""

    def __init__(self) -> None:
        self.endings: list[EndingKind] = []
        self.notes: list[str] = []
        self.reads_on = False
        self.lock: AbstractContextManager[object] = nullcontext()

    def later(self, tell: Callable[[], None]) -> bool:  # noqa: ARG002 - see above
        return False

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None

    def ended(self, ending: Any, coded: Any = ()) -> None:  # noqa: ARG002 - by its name in the protocol
        self.endings.append(ending.kind)
        self.notes.append(ending.note)


class Pieces(Heard):
    """One that keeps its chunks, and lets them wait."""

    def __init__(self) -> None:
        super().__init__()
        self.chunks: list[Chunk] = []
        self.waiting: list[Callable[[], None]] = []
        self.failures: list[Exception] = []
        self.breaks = False

    def later(self, tell: Callable[[], None]) -> bool:
        self.waiting.append(tell)
        return True

    def chunk(self, *chunks: Chunk) -> None:
        if self.breaks:
            raise OSError("full")
        self.chunks += chunks

    def failed(self, request: str, failure: Exception) -> None:  # noqa: ARG002 - see above
        self.failures.append(failure)


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def capture(now: list[float]) -> Capture:
    return began(Heard(), now)


def began(heard: Heard, now: list[float]) -> Capture:
    capture = Capture(heard, "GET", "http://a.example/", lambda: now[0])
    capture.written(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    capture.heard(HEAD)
    return capture


def test_moments_count_from_the_last_that_was_sent_before_the_answer(now: list[float]) -> None:
    heard = Pieces()
    capture = Capture(heard, "GET", "http://a.example/", lambda: now[0])
    now[0] = 5.0  # it connected
    capture.written(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    now[0] = 5.5
    capture.heard(HEAD + in_chunk(b"one"))
    assert [chunk.at for chunk in heard.chunks] == [0.5]


def test_events_with_either_end_of_lines_are_read_together(now: list[float]) -> None:
    heard = Pieces()
    capture = began(heard, now)
    capture.heard(in_chunk(b"data: first\r\n\r\n"))
    for piece in (b"data: 1\r\n\r\n", b"data: 2\n\n", b"data: 3\r\n\r\n"):
        capture.heard(in_chunk(piece))
    waiting = [chunk.data for chunk in heard.chunks]
    capture.heard(b"0\r\nTrailer: x\r\n\r\n")
    assert len(waiting) <= 1
    assert (len(heard.chunks), heard.endings) == (4, [EndingKind.COMPLETE])


@pytest.mark.parametrize(("after", "note"), [(b"", ""), (b"HTTP/1.1 \xff\r\n", rf"{SURPLUS}: HTTP/1.1 \xff\r\n")])
def test_what_comes_after_the_end_is_noted(after: bytes, note: str, now: list[float]) -> None:
    heard = Pieces()
    began(heard, now).heard(DONE + b"0\r\n\r\n" + after)
    assert (heard.endings, heard.notes) == ([EndingKind.COMPLETE], [note])


def test_a_client_that_leaves_in_the_midst_is_not_kept(capture: Capture) -> None:
    capture.heard(in_chunk(b"data: half\n\n"))
    assert capture.grace() == 0.0


def test_an_end_mark_may_come_in_two_pieces(capture: Capture) -> None:
    capture.heard(in_chunk(b"data: [DO"))
    assert capture.grace() == 0.0
    capture.heard(in_chunk(b"NE]\n\n"))
    assert capture.grace() == pytest.approx(GRACE)


def test_what_comes_after_the_end_mark_does_not_make_the_wait_longer(capture: Capture, now: list[float]) -> None:
    capture.heard(DONE)
    now[0] = 5.0  # the client took its time
    left = [capture.grace()]
    for _ in range(3):
        now[0] += GRACE / 2.5
        capture.heard(HEARTBEAT)
        left.append(capture.grace())
    assert left == pytest.approx([GRACE, GRACE * 0.6, GRACE * 0.2, 0.0])


def test_there_is_no_wait_once_the_body_has_ended(capture: Capture) -> None:
    capture.heard(DONE)
    capture.heard(b"0\r\n\r\n")
    assert capture.over
    assert capture.grace() == 0.0


def leave_at_the_mark_httpx(url: str) -> None:
    with httpx.stream("GET", url, trust_env=False) as response:
        next(data for data in response.iter_raw() if b"[DONE]" in data)


def leave_at_the_mark_requests(url: str) -> None:
    with requests.get(url, stream=True, timeout=5) as response:
        next(data for data in response.iter_content(None) if b"[DONE]" in data)


@pytest.mark.parametrize("leave", [leave_at_the_mark_httpx, leave_at_the_mark_requests])
def test_heartbeats_after_the_end_mark_keep_no_client(leave: Callable[[str], None], tmp_path: Path) -> None:
    beats = [step for _ in range(200) for step in (0.02, HEARTBEAT)]
    answers = {"/": (HEAD, DONE, *beats, b"0\r\n\r\n")}
    with raw_server(answers) as server, use_cassette(tmp_path / "c.yaml", record_mode="all"):
        leave(f"{server.url}/")
    [only] = load_cassette(tmp_path / "c.yaml").interactions
    assert only.response.ending.kind is EndingKind.ABANDONED


def test_small_pieces_are_read_together_and_a_body_s_first_and_last_at_once(now: list[float]) -> None:
    heard = Pieces()
    capture = began(heard, now)
    whole = b"".join(in_chunk(b"piece %d" % number) for number in range(5))
    while whole:
        now[0] += 1
        size = 7 if len(whole) > 10 else len(whole)
        capture.heard(whole[:size])
        whole = whole[size:]
    assert heard.chunks == []
    assert len(heard.waiting) == 1, "asked for once"
    heard.waiting.pop()()
    assert b"".join(chunk.data for chunk in heard.chunks) == b"".join(b"piece %d" % number for number in range(5))
    assert len({chunk.at for chunk in heard.chunks}) == len(heard.chunks) > 5
    capture.heard(in_chunk(b"piece 5"))
    assert heard.endings == []
    capture.heard(b"0\r\n")
    capture.heard(b"\r\n")
    assert heard.endings == [EndingKind.COMPLETE]
    assert heard.chunks[-1].data == b"piece 5"


def test_an_end_in_the_same_piece_as_the_last_words_is_heard_at_once(now: list[float]) -> None:
    heard = Pieces()
    capture = began(heard, now)
    capture.heard(in_chunk(b"piece 1"))
    assert heard.endings == []
    capture.heard(in_chunk(b"piece 2") + b"0\r\n\r\n")
    assert heard.endings == [EndingKind.COMPLETE]
    assert b"".join(chunk.data for chunk in heard.chunks) == b"piece 1piece 2"


def test_what_waited_is_told_when_the_moment_comes_when_it_is_much_and_when_it_is_wanted(now: list[float]) -> None:
    heard = Pieces()
    capture = began(heard, now)
    assert not capture.untold
    capture.heard(in_chunk(b"one"))
    assert capture.untold
    assert heard.chunks == []
    capture.tell()
    assert not capture.untold
    assert [chunk.data for chunk in heard.chunks] == [b"one"]
    heard.later = lambda *_: False  # type: ignore[method-assign]
    capture.heard(in_chunk(b"two"))
    assert [chunk.data for chunk in heard.chunks] == [b"one", b"two"]
    del heard.later
    capture.heard(in_chunk(b"three"))
    now[0] = 59.0
    capture.heard(in_chunk(b"four"))
    assert len(heard.chunks) == 2
    capture.heard(in_chunk(b"x" * 4096 + b"\n\n"))
    assert [len(chunk.data) for chunk in heard.chunks[2:]] == [5, 4, 4098]
    assert [chunk.at for chunk in heard.chunks[2:]] == [0.0003, 59.0, 59.0001]


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"}\n", b"x"], ids=repr)
def test_an_end_in_the_midst_of_what_came_is_heard_at_once_and_what_looks_like_one_waits(
    end: bytes, now: list[float]
) -> None:
    for finished in (
        b"0\r\n\r\n",
        b"0\r\nTrailer: x\r\n\r\n",
        in_chunk(b"last" + end) + b"0\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n",
    ):
        heard = Pieces()
        capture = began(heard, now)
        capture.heard(in_chunk(b"one"))
        capture.heard(in_chunk(b"data: two" + end))
        assert (heard.chunks, heard.endings) == ([], [])
        capture.heard(finished)
        assert heard.endings == [EndingKind.COMPLETE]
        assert [chunk.data for chunk in heard.chunks[:2]] == [b"one", b"data: two" + end]


def test_an_end_that_comes_in_two_is_heard_at_once(now: list[float]) -> None:
    for size in range(1, 5):
        heard = Pieces()
        capture = began(heard, now)
        for piece in (in_chunk(b"one"), b"0\r\n\r\n"[:size], b"0\r\n\r\n"[size:]):
            capture.heard(piece)
        assert heard.endings == [EndingKind.COMPLETE], size


def test_much_that_waited_is_told_in_parts(now: list[float]) -> None:
    class Parts(Pieces):
        def chunk(self, *chunks: Chunk) -> None:
            told.append(sum(len(chunk.data) for chunk in chunks))
            super().chunk(*chunks)

    told: list[int] = []
    heard = Parts()
    capture = began(heard, now)
    for _ in range(255):
        capture.heard(in_chunk(b"x" * 1000))
    assert told == []
    capture.tell()
    assert sum(told) == 255_000
    assert max(told) <= TOGETHER + 1000


def test_no_more_than_so_many_pieces_wait_though_nobody_tells(now: list[float]) -> None:
    heard = Pieces()
    capture = began(heard, now)
    most = 0
    for _ in range(1000):
        capture.heard(in_chunk(b"data: word\n\n"))
        most = max(most, len(capture.untold))
    assert 200 < most < 256
    assert len(heard.chunks) > 700


def test_a_piece_that_comes_as_another_thread_tells_the_others_is_told_in_time(now: list[float]) -> None:
    heard = Pieces()
    capture = began(heard, now)

    class Told(deque[tuple[float, bytes]]):
        def append(self, each: tuple[float, bytes]) -> None:
            capture.tell()
            super().append(each)

    capture.heard(in_chunk(b"one"))
    capture.untold = Told(capture.untold)
    heard.waiting.clear()
    capture.heard(in_chunk(b"two"))
    assert [chunk.data for chunk in heard.chunks] == [b"one"]
    assert len(heard.waiting) == 1
    heard.waiting.pop()()
    assert [chunk.data for chunk in heard.chunks] == [b"one", b"two"]


def test_an_end_waits_for_what_another_thread_tells(now: list[float]) -> None:
    class Slow(Pieces):
        def chunk(self, *chunks: Chunk) -> None:
            telling.set()
            assert may_go_on.wait(PATIENCE)
            super().chunk(*chunks)

        def ended(self, ending: Any, coded: Any = ()) -> None:
            super().ended(ending, coded)
            told.append(len(self.chunks))

    telling, may_go_on = threading.Event(), threading.Event()
    told: list[int] = []
    heard = Slow()
    heard.lock = threading.RLock()
    capture = began(heard, now)
    capture.heard(in_chunk(b"one"))
    threads = [threading.Thread(target=act) for act in (capture.tell, capture.left)]
    threads[0].start()
    assert telling.wait(PATIENCE)
    threads[1].start()
    threads[1].join(0.05)
    assert (heard.endings, told) == ([], [])
    may_go_on.set()
    for each in threads:
        each.join(PATIENCE)
    assert (heard.endings, told) == ([EndingKind.ABANDONED], [1])


def test_what_fails_in_another_thread_is_told_there_and_heard_no_more(now: list[float]) -> None:
    heard = Pieces()
    capture = began(heard, now)
    heard.breaks = True
    capture.heard(in_chunk(b"data: 1\n\n"))
    heard.waiting.pop()()
    assert [str(each) for each in heard.failures] == ["full"]
    over = [capture.over]
    capture.heard(in_chunk(b"data: 2\n\n"))
    assert [*over, capture.over] == [False, True], "its ear is on a socket of the client's thread"
    assert len(heard.failures) == 1
