"""Each official SDK is pointed at the stand-in by its base URL, and reads it as its service."""

from __future__ import annotations

import asyncio

import pytest
from support.sdks import SDKS

from fakegpt_testkit.serving import Library, Server, provider, serve

# the SDKs leave their connections to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize("name", SDKS)
async def test_an_sdk_reads_the_stand_in_at_its_base_url(name: str) -> None:
    sdk = SDKS[name]
    server = Server(Library(lambda: ()), casting=provider(sdk.dialect, {"text": "Hello there", "cuts": "7,3"}))
    async with serve(server) as url:
        base = f"{url}/v1" if name.startswith("openai") else url
        read = await asyncio.to_thread(sdk.get, base)
    assert read.text == "Hello there"
