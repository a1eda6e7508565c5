"""The page on effects: each row of its catalogue is played, and no fault is missing."""

from __future__ import annotations

import asyncio
import http.client
import re
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3
from support.playing import URL, consume, played

from fakegpt_testkit.dialects import ToolCall
from fakegpt_testkit.effects import Effect, faults, script

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from fakegpt_testkit.exchange import Tape

pytestmark = pytest.mark.once

PAGE = (Path(__file__).parent.parent / "docs" / "effects.md").read_text(encoding="utf-8")
CATALOGUE, _, TABLE = PAGE.partition("### What each client raises\n\n")
ROWS = re.findall(r"^\| `(faults\..+?)` \| (.+) \| (?:`(\w+)`|no exception) \|$", CATALOGUE, re.MULTILINE)
TARGETED = re.findall(r"^\| `(faults\.[^|`]+)` \| [^|]+ \|$", PAGE, re.MULTILINE)
TAPE = script("Hel", "lo", " there", every=0.05)[-1].response
CHAT = script("Hel", "lo", " there", dialect="openai-chat", every=0.05)[-1].response
NOT_FAKEGPTS = ("faults.called", "faults.usage")
BEFORE_3_10 = {"ClientConnectorDNSError": "ClientConnectorError", "ConnectionTimeoutError": "ServerTimeoutError"}


def read(written: str) -> Effect:
    effect = eval(written, {"faults": faults, "ToolCall": ToolCall})  # the page is ours
    assert isinstance(effect, Effect)
    return effect


def tape_for(written: str) -> Tape:
    """FakeGpt's stream, or one of a dialect that has what is changed."""
    return CHAT if written.startswith(NOT_FAKEGPTS) else TAPE


@pytest.mark.parametrize(("written", "failure"), [(row[0], row[2]) for row in ROWS], ids=lambda text: text)
async def test_the_client_sees_what_the_catalogue_says(written: str, failure: str) -> None:
    with played(tape_for(written), effects=[read(written)]):
        outcome = await consume(total=0.2)
    if not hasattr(aiohttp, failure):
        failure = BEFORE_3_10.get(failure, failure)
    assert (outcome.failure.__name__ if outcome.failure else "") == failure


CLIENTS: dict[str, Callable[[], object]] = {
    "aiohttp": lambda: asyncio.run(read_with_aiohttp()),
    "httpx": lambda: read_with_httpx(httpx),
    "httpx2": lambda: read_with_httpx(httpx2),
    "requests": lambda: requests.post(URL, timeout=WAIT).content,
    "urllib3": lambda: urllib3.PoolManager(retries=False, timeout=WAIT).request("POST", URL).data,
    "http.client": lambda: read_with_http_client(),
}
WAIT = 0.2


async def read_with_aiohttp() -> None:
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WAIT)) as session,
        session.post(URL) as response,
    ):
        await response.read()


def read_with_httpx(lib: ModuleType) -> None:
    with lib.Client(timeout=WAIT, trust_env=False) as client:
        client.post(URL)


def read_with_http_client() -> None:
    with closing(http.client.HTTPSConnection(urlsplit(URL).netloc, timeout=WAIT)) as connection:
        connection.request("POST", urlsplit(URL).path)
        connection.getresponse().read()


def raised_by(client: str, written: str) -> str:
    """The class of what the client raises, or nothing."""
    with played(tape_for(written), effects=[read(written)]):
        try:
            CLIENTS[client]()
        except Exception as failure:
            return type(failure).__name__
    return ""


def test_each_client_raises_what_the_table_says() -> None:
    header, *rows = [
        [cell.strip(" `") for cell in line.strip("| ").split("|")] for line in TABLE.partition("\n\n")[0].splitlines()
    ]
    assert header == ["effect", *CLIENTS]
    assert {row[0]: row[1:] for row in rows[1:]} == {
        written: [raised_by(client, written) or "—" for client in CLIENTS]
        for written, *_ in ROWS
        if any(raised_by(client, written) for client in CLIENTS)
    }


def test_the_catalogue_has_every_fault() -> None:
    documented = {row[0].partition("(")[0].strip("`").removeprefix("faults.") for row in ROWS}
    assert documented == set(faults.__all__) - {"Sweep", "everywhere"}


@pytest.mark.parametrize("written", TARGETED)
def test_the_targets_on_the_page_are_written_as_they_read(written: str) -> None:
    read(written)
    assert len(TARGETED) >= 5
