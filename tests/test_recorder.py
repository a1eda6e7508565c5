"""``use_cassette``: what each record mode does, and which recorded answer a request gets."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import BaseConnector
from support.servers import Answers, Asked, serve
from support.three_ways import CONNECT, run_in

from fakegpt_testkit import guard
from fakegpt_testkit.errors import (
    BadSetting,
    CassetteError,
    CassetteMissing,
    RecordingIncomplete,
    RequestNotRecorded,
    RequestPlayedOut,
)
from fakegpt_testkit.exchange import EndingKind
from fakegpt_testkit.recorder import Advice, load_cassette, use_cassette
from fakegpt_testkit.wire.reading import RequestReader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fakegpt_testkit.recorder.settings import Mode


class Counting:
    """Answers each request with what it asked, and how many came before it."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, asked: Asked) -> tuple[bytes]:
        self.number += 1
        body = b"%d %s" % (self.number, asked.body)
        return (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body),)


def counting() -> Answers:
    return {"/": Counting()}


async def ask(url: str, prompt: str = "Hi") -> str:
    async with aiohttp.ClientSession() as session, session.post(url, json={"prompt": prompt}) as response:
        number, _, body = (await response.text()).partition(" ")
        assert prompt in body
        return number


def prompts(path: Path) -> list[str]:
    return [each.request.body.decode().split('"')[3] for each in load_cassette(path).interactions]


@pytest.mark.parametrize(
    ("mode", "seen", "kept"),
    [
        ("none", ["1", "RequestNotRecorded"], ["old", "other"]),
        ("once", ["1", "RequestNotRecorded"], ["old", "other"]),
        ("new_episodes", ["1", "3"], ["old", "other", "new"]),
        ("all", ["3", "4"], ["other", "old", "new"]),
        ("rewrite", ["3", "4"], ["old", "new"]),
    ],
)
def test_a_record_mode_with_a_cassette(mode: Mode, seen: list[str], kept: list[str], tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"

    async def main() -> None:
        async with serve(counting()) as server:
            with use_cassette(file, record_mode="once"):
                await ask(server.url, "old")
                await ask(server.url, "other")
            found = []
            with use_cassette(file, record_mode=mode):
                for prompt in ("old", "new"):
                    try:
                        found.append(await ask(server.url, prompt))
                    except RequestNotRecorded as refusal:
                        found.append(type(refusal).__name__)
            assert found == seen

    run_in("asyncio", main())
    assert prompts(file) == kept


@pytest.mark.parametrize("mode", ["once", "new_episodes", "all", "rewrite"])
def test_a_record_mode_without_a_cassette_records(mode: Mode, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "a.yaml"

    async def main() -> None:
        async with serve(counting()) as server:
            with use_cassette(file, record_mode=mode) as session:
                await ask(server.url)
            assert len(session.recorded) == 1
            with use_cassette(file, record_mode="none") as session:
                assert await ask(server.url) == "1"
            assert (len(session.played), session.unplayed) == (1, ())
            assert len(server.requests) == 1

    run_in("asyncio", main())


def test_a_missing_cassette_is_an_error_that_sends_no_packet(tmp_path: Path) -> None:
    async def main() -> None:
        async with serve(counting()) as server:
            with use_cassette(tmp_path / "a.yaml", advice=Advice(lambda _: "type this")):
                with pytest.raises(CassetteMissing, match="type this") as missing:
                    await ask(server.url)
                assert f"POST {server.url}" in str(missing.value)
            assert (server.connections, server.requests) == (0, [])

    run_in("asyncio", main())
    assert list(tmp_path.iterdir()) == []


def test_another_prompt_is_another_request(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"

    async def main() -> None:
        async with serve(counting()) as server:
            with use_cassette(file, record_mode="once"):
                await ask(server.url, "Say hello")
            with use_cassette(file), pytest.raises(RequestNotRecorded, match="recorded 'Say hello', asked 'Say hi'"):
                await ask(server.url, "Say hi")
            with use_cassette(file, match_on=("method", "uri")) as session:
                async with aiohttp.ClientSession() as client, client.post(server.url, data=b"else") as response:
                    assert await response.read() == b'1 {"prompt": "Say hello"}'
            with use_cassette(file, ignore=("body.prompt",)):
                async with aiohttp.ClientSession() as client:
                    await client.post(server.url, json={"prompt": "anything"})
            assert not session.unplayed

    run_in("asyncio", main())


def test_equal_requests_play_in_the_order_they_were_asked(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"

    async def main() -> None:
        async with serve(counting()) as server:
            with use_cassette(file, record_mode="once"):
                assert [await ask(server.url) for _ in range(3)] == ["1", "2", "3"]
            with use_cassette(file):
                assert [await ask(server.url) for _ in range(3)] == ["1", "2", "3"]
                with pytest.raises(RequestPlayedOut):
                    await ask(server.url)
            with use_cassette(file, allow_playback_repeats=True):
                assert [await ask(server.url) for _ in range(5)] == ["1", "2", "3", "3", "3"]

    run_in("asyncio", main())


def test_origins_are_stored_canonically(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    live = "https://chat.example"

    async def login(url: str) -> tuple[str, str]:
        async with aiohttp.ClientSession() as session:
            headers = {"Referer": f"{url}/start"}
            async with session.get(f"{url}/login", headers=headers) as response:
                return str(response.url), response.history[0].headers["Location"]

    async def main() -> None:
        def moved(asked: Asked) -> tuple[bytes]:
            there = f"http://{asked.header('Host')}/home"
            return (f"HTTP/1.1 302 Found\r\nLocation: {there}\r\nContent-Length: 0\r\n\r\n".encode(),)

        home = (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nin",)
        async with serve({"/login": moved, "/home": home}) as server:
            with use_cassette(file, record_mode="once", origins={server.url: live}):
                assert await login(server.url) == (f"{server.url}/home",) * 2
            asked = len(server.requests)
            with use_cassette(file):
                assert await login(live) == (f"{live}/home",) * 2
            with use_cassette(file, origins={server.url: live}) as session:
                # What is stored is the live address; the client follows it, and gets the answer it asked for.
                assert (await login(server.url))[0].endswith("/home")
            assert not session.unplayed
            assert len(server.requests) == asked
            text = file.read_text()
            assert f"origin: {server.url}" in text
            assert text.count(server.url) == text.count("origin: ")
            first = load_cassette(file).interactions[0]
            assert first.request.uri == f"{live}/login"
            assert first.provenance.origin == server.url
            assert dict(first.request.headers)["Host"] == "chat.example"
            assert dict(first.request.headers)["Referer"] == f"{live}/start"

    run_in("asyncio", main())


def test_a_loaded_cassette_is_values(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"

    async def main() -> None:
        async with serve(counting()) as server:
            with use_cassette(file, record_mode="once"):
                await ask(server.url)

    run_in("asyncio", main())
    [interaction] = load_cassette(file).interactions
    request, response = interaction.request, interaction.response
    assert (request.method, request.body) == ("POST", b'{"prompt": "Hi"}')
    assert request.uri.startswith("http://localhost:")
    assert ("Content-Type", "application/json") in request.headers
    assert (response.status, response.reason, response.body) == (200, "OK", b'1 {"prompt": "Hi"}')
    assert response.headers == (("Content-Length", "18"),)
    assert [chunk.data for chunk in response.chunks] == [response.body]
    assert 0 <= response.head.at <= response.chunks[0].at <= response.ending.at < 5
    assert response.ending.kind is EndingKind.COMPLETE
    with pytest.raises(CassetteMissing):
        load_cassette(tmp_path / "b.yaml")
    (tmp_path / "b.yaml").write_text("interactions: 7\n")
    with pytest.raises(CassetteError, match=r"b\.yaml"):
        load_cassette(tmp_path / "b.yaml")


@pytest.mark.parametrize(
    "option", [{"record_mode": "sometimes"}, {"pace": "fast"}, {"pace": -1}, {"pace": float("inf")}], ids=str
)
def test_an_option_without_meaning_is_refused_before_anything_is_asked(
    option: dict[str, object], tmp_path: Path
) -> None:
    with pytest.raises(BadSetting), use_cassette(tmp_path / "a.yaml", **option):  # type: ignore[arg-type]
        pytest.fail("the block must not run")
    assert BaseConnector.connect is CONNECT


def test_cassettes_nest_and_the_innermost_counts(tmp_path: Path) -> None:
    outer, inner = tmp_path / "outer.yaml", tmp_path / "inner.yaml"

    async def main() -> None:
        async with serve(counting()) as server:
            with use_cassette(outer, record_mode="all"):
                await ask(server.url, "first")
                with use_cassette(inner, record_mode="all"):
                    await ask(server.url, "second")
                await ask(server.url, "third")

    run_in("asyncio", main())
    assert prompts(outer) == ["first", "third"]
    assert prompts(inner) == ["second"]


def test_two_tasks_have_two_cassettes_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with serve(counting()) as server:

            async def work(name: str) -> list[str]:
                with use_cassette(tmp_path / f"{name}.yaml", record_mode="once"):
                    seen = []
                    for number in range(3):
                        seen.append(await ask(server.url, f"{name} {number}"))
                        await asyncio.sleep(0)
                    return seen

            recorded = await asyncio.gather(work("a"), work("b"))
            assert len(server.requests) == 6
            assert await asyncio.gather(work("a"), work("b")) == recorded
            assert len(server.requests) == 6

    run_in("asyncio", main())
    assert prompts(tmp_path / "a.yaml") == ["a 0", "a 1", "a 2"]
    assert prompts(tmp_path / "b.yaml") == ["b 0", "b 1", "b 2"]


def test_a_synchronous_block_goes_around_asyncio_run_and_other_threads(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"

    async def main() -> str:
        with guard.services():
            async with serve(counting()) as server:
                return await ask(server.url, "from a loop")

    with use_cassette(file, record_mode="all"):
        assert asyncio.run(main()) == "1"
        thread = threading.Thread(target=lambda: asyncio.run(main()))
        thread.start()
        thread.join()
    assert prompts(file) == ["from a loop"] * 2
    assert BaseConnector.connect is CONNECT


def test_a_generator_may_be_left_in_another_context(tmp_path: Path) -> None:
    def fixture() -> Iterator[None]:
        with use_cassette(tmp_path / "a.yaml"):
            yield

    generator = fixture()
    contextvars.copy_context().run(next, generator)
    assert BaseConnector.connect is not CONNECT
    assert contextvars.copy_context().run(lambda: next(generator, "left")) == "left"
    assert BaseConnector.connect is CONNECT


def test_what_cannot_be_recorded_is_told_at_the_end_and_the_client_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.yaml"
    feed = RequestReader.feed

    def choke(reader: RequestReader, data: bytes) -> None:
        if b"two" in data:
            raise ZeroDivisionError("a fault of ours")
        feed(reader, data)

    monkeypatch.setattr(RequestReader, "feed", choke)

    async def main() -> None:
        async with serve(counting()) as server:
            lacks = pytest.raises(RecordingIncomplete, match=r"lacks 1 exchange[^$]*a fault of ours")
            with lacks as incomplete, use_cassette(file, record_mode="all"):
                assert [await ask(server.url, prompt) for prompt in ("one", "two", "three")] == ["1", "2", "3"]
            assert incomplete.value.lost[0][0] == f"POST {server.url}"
            with pytest.raises(KeyError) as own, use_cassette(tmp_path / "b.yaml", record_mode="all"):
                await ask(server.url, "two")
                raise KeyError
            assert "a fault of ours" in own.value.__notes__[0]

    run_in("asyncio", main())
    assert prompts(file) == ["one", "three"]
