"""One exchange with a tool in place, in a process of its own and the tool's own environment.

``python exchange.py TOOL CLIENT record|replay FOLDER REQUEST`` prints as JSON what the client heard. It imports nothing
but the standard library, the tool and the client.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import peers


@dataclass(slots=True)
class Heard:
    """What came: the pieces with their times in seconds, and how it ended."""

    pieces: list[tuple[float, str]] = field(default_factory=list)
    error: str = ""
    detail: str = ""


@dataclass(slots=True)
class Listener:
    """Notes pieces; makes a file at the first; says when it has enough."""

    request: dict[str, Any]
    heard: Heard = field(default_factory=Heard)
    began: float = field(default_factory=time.perf_counter)

    @property
    def asked(self) -> tuple[str, str, dict[str, Any], bool]:
        """Method, URL, the request's content and headers, and whether the answer is read as it comes."""
        options = {"content": self.request["body"], "headers": self.request["headers"]}
        return self.request["method"], self.request["url"], options, self.request["streamed"]

    def hear(self, piece: bytes) -> bool:
        if piece:
            self.heard.pieces.append((time.perf_counter() - self.began, piece.decode("latin-1")))
            Path(self.request["seen"]).touch()
        enough: int = self.request["enough"]
        return len(self.heard.pieces) == enough


def ask_by_requests(listener: Listener, session: Any) -> None:
    import requests

    method, url, options, streamed = listener.asked
    options["data"] = options.pop("content")
    with (session or requests).request(method, url, stream=streamed, timeout=30, **options) as response:
        for piece in response.iter_content(chunk_size=512) if streamed else [response.content]:
            if listener.hear(piece):
                break


def ask_by_httpx(listener: Listener, client: Any) -> None:
    import httpx

    method, url, options, streamed = listener.asked
    with client or httpx.Client(timeout=30) as client:
        if not streamed:
            listener.hear(client.request(method, url, **options).content)
            return
        with client.stream(method, url, **options) as response:
            for piece in response.iter_bytes():
                if listener.hear(piece):
                    break


def ask_by_aiohttp(listener: Listener, make_session: Any) -> None:
    import aiohttp

    method, url, options, streamed = listener.asked
    options["data"] = options.pop("content")

    async def ask() -> None:
        session = (make_session or aiohttp.ClientSession)(timeout=aiohttp.ClientTimeout(total=30))
        async with session, session.request(method, url, **options) as response:
            if not streamed:
                listener.hear(await response.read())
                return
            async for piece in response.content.iter_any():
                if listener.hear(piece):
                    break

    asyncio.run(ask())


ASK = {"requests": ask_by_requests, "httpx": ask_by_httpx, "aiohttp": ask_by_aiohttp}


def exchange(client: str, request: dict[str, Any], session: Any = None) -> Heard:
    """Ask, and note what comes, an exception included."""
    listener = Listener(request)
    try:
        ASK[client](listener, session)
    except BaseException as error:  # whatever it is, it is the result
        listener.heard.error = type(error).__name__
        listener.heard.detail = str(error)[:300]
    return listener.heard


def main(tool: str, client: str, phase: str, folder: str, request: str) -> None:
    heard: dict[str, Any] = asdict(Heard(error="NothingHeard"))
    try:
        with peers.PEERS[tool].use(peers.Run(Path(folder), phase == "record")) as session:
            if isinstance(session, peers.Suite):
                heard = session.exchange(client, json.loads(request))
            else:
                heard = asdict(exchange(client, json.loads(request), session))
    except BaseException as error:  # the tool's own, when it saves for instance
        heard["detail"] += f" | the tool raised {type(error).__name__}: {error}"[:300]
    print("\n" + json.dumps(heard))


if __name__ == "__main__":
    main(*sys.argv[1:])
