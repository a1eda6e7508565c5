"""Recordings and secrets: foreign cassettes, later discoveries, the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest

from fakegpt_testkit import Cassette, Chunk, Head, Interaction, Request, Tape, use_cassette
from fakegpt_testkit.errors import RequestNotRecorded
from fakegpt_testkit.redaction import Redaction, Redactor

if TYPE_CHECKING:
    from pathlib import Path

    from fakegpt_testkit.matching.comparison import VcrRequest

OLD = Interaction(
    Request("GET", "https://api.example/models?key=an-old-key-0123456789"),
    Tape(Head(200, "OK", (("Content-Type", "text/plain"),)), (Chunk(0.0, b"fine"),)),
)


async def test_another_key_replays_a_cassette_that_holds_a_raw_one(tmp_path: Path) -> None:
    with use_cassette(Cassette((OLD,))):
        async with (
            aiohttp.ClientSession() as session,
            session.get("https://api.example/models", params={"key": "another-key-9876543210"}) as response,
        ):
            assert await response.text() == "fine"


async def ask(url: str, **headers: str) -> str:
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as response:
        return await response.text()


def answer(url: str, body: bytes = b"fine", kind: str = "text/plain") -> Interaction:
    return Interaction(Request("GET", url), Tape(Head(200, "OK", (("Content-Type", kind),)), (Chunk(0.0, body),)))


async def test_an_error_hides_the_secret_of_a_request_that_was_answered_before_it() -> None:
    with use_cassette(Cassette((answer("https://api.example/models"),))):
        assert await ask("https://api.example/models", Cookie="sid=c00kie-1234567") == "fine"
        with pytest.raises(RequestNotRecorded) as failed:
            await ask("https://api.example/models?note=c00kie-1234567")
    assert "c00kie" not in str(failed.value)
    assert "REDACTED-sid-1" in str(failed.value)


async def test_a_report_hides_the_secret_of_a_request_that_was_answered() -> None:
    stream = answer("https://api.example/chat", b"data: your cookie is c00kie-1234567\n\n", "text/event-stream")
    with use_cassette(Cassette((stream,))) as session:
        await ask("https://api.example/chat", Cookie="sid=c00kie-1234567")
    assert "your cookie is REDACTED-sid-1" in session.describe()


async def test_a_key_of_the_environment_in_a_path_or_a_body_replays_without_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = "q8Rt5Kx2Wm9Zp4Lc7Vb1"
    recorded = [answer(f"https://api.example/bot{key}/{name}", name.encode()) for name in ("getMe", "send")]
    stored = Redactor(None, {"BOT_TOKEN": key}).interactions(recorded)
    assert key not in stored[0].request.uri
    monkeypatch.delenv("BOT_TOKEN", raising=False)
    for mine in ("dummy", "w3Nz8Jd6Hs1Gf5Ty9Qa2", key):
        with use_cassette(Cassette(stored)):
            assert await ask(f"https://api.example/bot{mine}/send") == "send"
            assert await ask(f"https://api.example/bot{mine}/getMe") == "getMe"


async def test_signed_urls_are_found_in_any_order() -> None:
    def signed(number: int, sig: str) -> str:
        return f"https://files.example/{number % 2}?sig={sig}"

    first = ["Zp4Lc7Vb1q8Rt5Kx2Wm9", "Gf5Ty9Qa2w3Nz8Jd6Hs1", "Bc8Lr6Wd3m4Kp7Xv2Zt9"]
    stored = Redactor().interactions([answer(signed(at, sig), b"%d" % at) for at, sig in enumerate(first)])
    with use_cassette(Cassette(stored)):
        order = [(at, await ask(signed(at, first[at][::-1]))) for at in (1, 0, 2)]
    assert order == [(1, "1"), (0, "0"), (2, "2")]


async def test_a_replay_of_what_was_recorded_redacts_nothing() -> None:
    read = []

    def finder(text: str) -> list[str]:
        read.append(text)
        return []

    redaction = Redaction(functions=(finder,))
    with use_cassette(Cassette((answer("https://api.example/models"),)), redaction=redaction):
        assert await ask("https://api.example/models") == "fine"
    assert read == []


async def test_a_matcher_of_a_suite_sees_no_secret() -> None:
    seen = []

    def same_path(asked: VcrRequest, recorded: VcrRequest) -> bool:
        seen.append(asked.uri)
        return asked.path == recorded.path

    with use_cassette(Cassette((answer("https://api.example/models"),)), match_on=["method", same_path]):
        assert await ask("https://api.example/models?key=an-old-key-0123456789") == "fine"
    assert seen == ["https://api.example/models?key=REDACTED-key-1"]
