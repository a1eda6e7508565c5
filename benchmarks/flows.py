"""One FakeGpt flow, and the ways in which it can be answered: replayed by whom, by nobody, by a server.

Knows no clock: `replay.py` measures.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import vcr
from aiohttp import web
from aiohttp.client_proto import ResponseHandler

from fakegpt_testkit.effects import script
from fakegpt_testkit.recorder import use_cassette
from fakegpt_testkit.wire.writing import encode_tape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.tracing import Trace

    from fakegpt_testkit.exchange import Interaction

    Data = bytes | bytearray | memoryview

EVENTS = 400
SITE = "https://chat.example"


def answer() -> tuple[Interaction, ...]:
    """The flow's four requests; the last is answered by 400 events, the whole text in each."""
    return script(*(f"word{number % 10} " for number in range(EVENTS - 3)), every=0.02, url=SITE)


async def ask(site: str, connector: aiohttp.BaseConnector | None = None) -> int:
    """The client, the same for all: four requests, the last read as it comes. Gives the bytes of the answer."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, connector=connector) as session:
        async with session.get(f"{site}/api/loads?t=0") as response:
            token = (await response.json())["loads"][0]["token_id"]
        async with session.post(f"{site}/auth/login", data={"token_key": token, "session_password": "scripted01"}):
            pass
        async with session.get(f"{site}/api/auth/session") as response:
            access = (await response.json())["accessToken"]
        headers = {"X-Authorization": f"Bearer {access}", "Content-Type": "application/json"}
        size = 0
        async with session.post(f"{site}/api/conversation", data=BODY, headers=headers) as response:
            async for chunk in response.content.iter_any():
                size += len(chunk)
        return size


BODY = answer()[-1].request.body


async def replayed_by_us(path: Path, flows: int) -> int:
    with use_cassette(path, allow_playback_repeats=flows > 1):
        return sum(await asyncio.gather(*(ask(SITE) for _ in range(flows))))


async def replayed_in_one_piece(path: Path, flows: int) -> int:
    """As vcrpy hands it over: the client is woken once."""
    with use_cassette(path, allow_playback_repeats=flows > 1, recut=[2**30]):
        return sum(await asyncio.gather(*(ask(SITE) for _ in range(flows))))


async def replayed_by_vcrpy(path: Path, flows: int) -> int:
    with vcr.use_cassette(str(path), record_mode="none", allow_playback_repeats=flows > 1):
        return sum(await asyncio.gather(*(ask(SITE) for _ in range(flows))))


class Answering(asyncio.Transport):
    """Brings a whole answer, made before, once something was asked."""

    def __init__(self, handler: ResponseHandler, answer: bytes) -> None:
        super().__init__()
        self._handler = handler
        self._answer = answer
        self._closing = self._asked = False

    def write(self, data: Data) -> None:
        if data and not self._asked:
            self._asked = True
            asyncio.get_running_loop().call_soon(self._bring)

    def writelines(self, pieces: Iterable[Data]) -> None:
        self.write(b"".join(pieces))

    def _bring(self) -> None:
        self._asked = False
        self._handler.data_received(self._answer)

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self._handler.connection_lost, None)

    abort = close


class Ready(aiohttp.BaseConnector):
    """The floor of all that leaves aiohttp's connections and parser in place: nothing is looked up but a path."""

    def __init__(self, answers: Mapping[str, bytes]) -> None:
        super().__init__()
        self._answers = answers

    async def _create_connection(
        self, req: aiohttp.ClientRequest, _traces: list[Trace], _timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        handler = ResponseHandler(asyncio.get_running_loop())
        handler.connection_made(Answering(handler, self._answers[req.url.path]))
        return handler

    async def _get(self, _key: ConnectionKey, _traces: list[Trace]) -> None:
        """None is used again: it would have another path's answer."""


async def answered_by_nobody(answers: Mapping[str, bytes], flows: int) -> int:
    """The same pieces as "in one piece", by aiohttp alone."""
    return sum(await asyncio.gather(*(ask(SITE, Ready(answers)) for _ in range(flows))))


def make_answers(interactions: tuple[Interaction, ...]) -> dict[str, bytes]:
    return {
        each.request.path: b"".join(data for _, data, _ in encode_tape(each.response, each.request.method))
        for each in interactions
    }


def make_server(interactions: tuple[Interaction, ...]) -> web.Application:
    async def serve(request: web.Request) -> web.StreamResponse:
        tape = by_path[request.path]
        headers = {name: value for name, value in tape.headers if name not in ("Transfer-Encoding", "Content-Length")}
        response = web.StreamResponse(status=tape.status, headers=headers)
        if request.path.endswith("conversation"):
            response.enable_chunked_encoding()
        else:
            response.content_length = len(tape.body)
        await response.prepare(request)
        for chunk in tape.chunks:
            await response.write(chunk.data)
            await asyncio.sleep(0)
        await response.write_eof()
        return response

    by_path = {each.request.uri.removeprefix(SITE).partition("?")[0]: each.response for each in interactions}
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", serve)
    return app


async def answered_by_a_server(app: web.Application, flows: int) -> int:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        return sum(await asyncio.gather(*(ask(f"http://{host}:{port}") for _ in range(flows))))
    finally:
        await runner.cleanup()
