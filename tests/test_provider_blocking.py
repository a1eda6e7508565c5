"""FakeGpt for synchronous code, which has no loop of its own or one that runs, and the turns that loops take."""

from __future__ import annotations

import asyncio
import collections.abc
import gc
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from support.asking import ASK, client_of, idle, logins

import fakegpt_testkit.errors
from fakegpt_testkit.fakegpt.blocking import Turns
from fakegpt_testkit.fakegpt.stand_in import Options, serve_in_thread
from fakegpt_testkit.serving.threads import loop_in_a_thread

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_synchronous_code_gets_the_pieces() -> None:
    before = threading.enumerate()
    with serve_in_thread(Options(text="Hello, world")) as service:
        client = client_of(service.url)
        completion = client.create_completion("", ASK)
        assert isinstance(completion, collections.abc.Generator)
        pieces = list(completion)
        assert "".join(pieces) == "Hello, world"
        assert len(pieces) > 1
        assert list(client.create_completion("", ASK, False)) == ["Hello, world"]
        assert logins(service) == 1
    assert threading.enumerate() == before


async def test_it_works_where_a_loop_is_running() -> None:
    with serve_in_thread(Options(text="Hello, world")) as service:
        assert "".join(client_of(service.url).create_completion("", ASK)) == "Hello, world"
        assert asyncio.get_running_loop().is_running()


def test_closing_it_early_closes_the_connection() -> None:
    before = threading.enumerate()
    with serve_in_thread(Options(ending="endless", events=3)) as service:
        client = client_of(service.url)
        completion = client.create_completion("", ASK)
        next(completion)
        assert service.streams == 1
        completion.close()
        assert idle(service)
        for _ in client.create_completion("", ASK):
            break
        gc.collect()
        assert idle(service)
    assert threading.enumerate() == before


def test_one_that_was_never_begun_leaves_nothing() -> None:
    before = threading.enumerate()
    client_of("http://localhost:1").create_completion("", ASK).close()
    assert threading.enumerate() == before


def test_its_errors_are_the_same() -> None:
    with serve_in_thread(Options(accounts=0)) as service, pytest.raises(fakegpt_testkit.errors.NoLoads):
        list(client_of(service.url).create_completion("", ASK))


@contextmanager
def interrupted(after: float) -> Iterator[None]:
    """An interrupt from the keyboard, while the block waits."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, after)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def test_an_interrupt_ends_the_wait_and_closes_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    before = threading.enumerate()
    with serve_in_thread(Options(ending="stall", events=3)) as service:
        completion = client_of(service.url).create_completion("", ASK)
        with pytest.raises(KeyboardInterrupt), interrupted(0.2):
            list(completion)
        assert idle(service)
    assert threading.enumerate() == before
    assert caplog.records == []


def test_threads_make_one_login_too() -> None:
    with serve_in_thread(Options(text="Hello")) as service:
        client = client_of(service.url)
        told: list[str] = []
        threads = [
            threading.Thread(target=lambda: told.append("".join(client.create_completion("", ASK)))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert told == ["Hello"] * 4
        assert logins(service) == 1


def test_a_loop_that_cannot_be_made_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_loop() -> asyncio.AbstractEventLoop:
        raise OSError("no more files")

    before = threading.enumerate()
    monkeypatch.setattr(asyncio, "new_event_loop", no_loop)
    with pytest.raises(OSError, match="no more files"), loop_in_a_thread("test"):
        pass
    assert threading.enumerate() == before


async def test_turns_are_taken_one_at_a_time() -> None:
    turns, inside, most = Turns(), 0, 0

    async def take() -> None:
        nonlocal inside, most
        async with turns:
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.001)
            inside -= 1

    await asyncio.gather(*(take() for _ in range(5)))
    assert (inside, most) == (0, 1)


def test_a_loop_that_died_waiting_holds_up_nobody() -> None:
    turns = Turns()

    async def wait_in_vain() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02), turns:
                pass

    async def hold() -> None:
        async with turns:
            await asyncio.to_thread(asyncio.run, wait_in_vain())
        async with asyncio.timeout(1), turns:
            pass

    asyncio.run(hold())
