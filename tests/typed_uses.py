"""How a user calls what is public, for a type checker: it is checked with the package, and never run.

What is wrong has the error's code beside it; mypy says so when it stops being an error.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, assert_type

import pytest

from fakegpt_testkit import (
    Cassette,
    Effect,
    EventStreamParser,
    FakeGpt,
    Interaction,
    Matcher,
    Pace,
    RecordMode,
    Redaction,
    Session,
    Settings,
    Stream,
    dialects,
    errors,
    faults,
    load_cassette,
    recut,
    script,
    sse,
    use_cassette,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path

    from vcr.request import Request as VcrRequest


def blocks(path: Path, pace: Pace, effects: list[Effect]) -> None:
    with use_cassette("a.yaml") as session:
        assert_type(session, Session)
        assert_type(session.streams, tuple[Stream, ...])
        assert_type(session.played, tuple[Interaction, ...])
    with use_cassette(path, record_mode="once", pace=0.5, match_on=["method", "path"], ignore=("query.t",)):
        pass
    with use_cassette(path, record_mode=RecordMode.ALL, pace=pace, faults=effects, recut=[3, 5]):
        pass
    with use_cassette(path, max_age=timedelta(days=3), stale="record", unplayed="fail", unapplied="warn"):
        pass
    with use_cassette(path, origins={"http://localhost:8080": "https://chat.example"}, redaction=Redaction()):
        pass
    with use_cassette(script("Hel", "lo"), faults=[faults.reset(after_event=2), recut("byte")]):
        pass
    with use_cassette(load_cassette(path)):
        pass


def settings(path: Path) -> Settings:
    ours = Settings(pace="recorded", record_mode="once", drift="added", allow_playback_repeats=True)
    with use_cassette(path, ours, pace=2.0):
        pass
    assert_type(ours.changed(pace="lockstep"), Settings)
    return ours


def wrong(path: Path) -> None:
    use_cassette(path, record_mode="always")  # type: ignore[arg-type]
    use_cassette(path, pace="fast")  # type: ignore[arg-type]
    use_cassette(path, faults=["reset"])  # type: ignore[list-item]
    use_cassette(path, unplayed="often")  # type: ignore[arg-type]
    use_cassette(path, stale="ignore")  # type: ignore[arg-type]
    use_cassette(path, speed=2)  # type: ignore[call-arg]
    use_cassette(path, {"pace": 1.0})  # type: ignore[arg-type]
    use_cassette(7)  # type: ignore[arg-type]
    use_cassette(path, recut={3: 5})  # type: ignore[arg-type]
    use_cassette(path, dialect=None)  # type: ignore[arg-type]
    use_cassette(path, max_age=["3d"])  # type: ignore[arg-type]
    Settings(drift="same")  # type: ignore[arg-type]
    Settings().changed(match_on=[1])  # type: ignore[list-item]
    Settings().pace = 1.0  # type: ignore[misc]


def parts_of_errors(failure: errors.RequestNotRecorded) -> None:
    assert_type(failure.closest, int | None)
    assert_type(errors.BadSetting("pace", "fast", "a pace").wanted, str)
    errors.BadSetting("pace")  # type: ignore[call-arg]
    _ = errors.BadSettings  # type: ignore[attr-defined]


@use_cassette("a.yaml")
def plain(number: int) -> str:
    return str(number)


@use_cassette("a.yaml", pace="recorded")
async def coroutine(number: int) -> str:
    return str(number)


@use_cassette("a.yaml")
async def async_generator() -> AsyncIterator[bytes]:
    yield b""


@use_cassette("a.yaml")
def generator() -> Iterator[int]:
    yield 1


async def decorated() -> None:
    assert_type(plain(1), str)
    assert_type(await coroutine(1), str)
    assert_type([item async for item in async_generator()], list[bytes])
    assert_type([*generator()], list[int])
    plain("1")  # type: ignore[arg-type]


def same_user(asked: VcrRequest, recorded: VcrRequest) -> bool:
    return bool(asked.headers["x-user"] == recorded.headers["x-user"])


def values(path: Path) -> None:
    matcher: Matcher = same_user
    use_cassette(path, match_on=["method", matcher])
    assert_type(load_cassette(path), Cassette)
    make: Callable[[int], Effect] = faults.status
    assert_type(faults.reset(2).on(call=2).times(1), Effect)
    assert_type(make(503), Effect)
    assert_type(sse.parse([b"data: a\n\n"]), list[sse.Event])
    assert_type([*EventStreamParser().feed(b"data: a\n\n")], list[sse.Event])


def a_dialect_of_ones_own(stream: Stream) -> None:
    class Words:
        def feed(self, event: sse.Event) -> list[dialects.Delta]:
            return [dialects.Text(event.data)]

        def close(self, stray: str = "") -> list[dialects.Delta]:
            return [dialects.Failure(stray)] if stray else []

    dialects.add(dialects.Dialect("words", lambda event, said: event.event == "word" and not said, Words))
    dialects.add(dialects.Dialect("words"))  # type: ignore[call-arg]
    assert_type(stream.tool_calls, tuple[dialects.ToolCall, ...])
    assert_type(stream.usage, dialects.Usage | None)
    assert_type([*dialects.payloads(stream.events, dict)], list[dict[Any, Any]])


def failures(path: Path) -> None:
    try:
        load_cassette(path)
    except errors.CassetteMissing as missing:
        assert_type(missing.command, str)
    except errors.BadSetting as bad:
        assert_type(bad.more, tuple[errors.BadSetting, ...])
    except errors.FakeGptTestkitError as error:
        assert_type(error, errors.FakeGptTestkitError)
    errors.CassetteMissing("a.yaml")  # type: ignore[call-arg]


@pytest.fixture
def fakegpt_config() -> Mapping[str, object]:
    return {"pace": "recorded"}


def pytest_fakegpt_settings(item: pytest.Item, settings: dict[str, object]) -> None:
    settings.setdefault("pace", "recorded")


async def test_a_chat(fakegpt: type[FakeGpt], fakegpt_cassette: Session) -> None:
    async for piece in fakegpt.create_async_generator("", [{"role": "user", "content": "Say hello"}]):
        assert_type(piece, str)
