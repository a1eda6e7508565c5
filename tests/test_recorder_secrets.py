"""Recordings and secrets: foreign cassettes, later discoveries, the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from fakegpt_testkit import Cassette, Chunk, Head, Interaction, Request, Tape, use_cassette

if TYPE_CHECKING:
    from pathlib import Path

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
