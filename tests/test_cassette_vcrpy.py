"""Plain vcrpy, without us, replays the cassettes that we write: through aiohttp, httpx and requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import httpx
import pytest
import requests
import vcr

from fakegpt_testkit import cassette
from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Headers, Interaction, Request, Tape

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVENTS = 'data: {"text": "Hi 😀"}\n\nid: 7\n\n: a comment\n\ndata: [DONE]\n\n'.encode()
URI = "http://localhost:8099/api/conversation?a=b"
Seen = tuple[int, str, list[tuple[str, str]], bytes]


async def _through_aiohttp(body: bytes) -> Seen:
    async with aiohttp.ClientSession() as session, session.post(URI, data=body) as response:
        return response.status, response.reason or "", list(response.headers.items()), await response.content.read()


async def _through_httpx(body: bytes) -> Seen:
    async with httpx.AsyncClient() as client, client.stream("POST", URI, content=body) as response:
        content = b"".join([part async for part in response.aiter_bytes()])
        return response.status_code, response.reason_phrase, response.headers.multi_items(), content


async def _through_requests(body: bytes) -> Seen:
    with requests.post(URI, data=body, stream=True, timeout=5) as response:  # noqa: ASYNC210 - vcrpy answers
        content = b"".join(response.iter_content(64))
        return response.status_code, response.reason, list(response.headers.items()), content


def _case(
    name: str,
    body: bytes,
    headers: Headers = (),
    *,
    seen: Headers | None = None,
    head: Head | None = None,
    asked: bytes = b"{}",
) -> object:
    typed = (("Content-Type", "text/event-stream"), *headers)
    tape = Tape(
        Head((head or Head(200)).status, (head or Head(200, "OK")).reason, typed),
        (Chunk(0.1, body[:5]), Chunk(0.2, body[5:], (len(body) - 5,) if len(body) > 5 else ())),
        Ending(EndingKind.COMPLETE, 0.3),
    )
    interaction = Interaction(Request("POST", URI, (("Accept", "*/*"),), asked), tape)
    return pytest.param(interaction, typed[:1] + (headers if seen is None else seen), id=name)


CASES = [
    _case("events", EVENTS),
    _case("chunked", EVENTS, (("Transfer-Encoding", "chunked"),)),
    _case("was gzip, stored decoded", EVENTS,
          (("Content-Encoding", "gzip"), ("X-A", "b"), ("Transfer-Encoding", "chunked")),
          seen=(("X-A", "b"), ("Transfer-Encoding", "chunked"))),
    _case("was gzip with a length", EVENTS, (("Content-Encoding", "gzip"), ("Content-Length", "12")), seen=()),
    _case("a length that is true", EVENTS, (("Content-Length", str(len(EVENTS))),)),
    _case("broke off before its length", EVENTS, (("Content-Length", "9999"),), seen=()),
    _case("CRLF", EVENTS.replace(b"\n", b"\r\n")),
    _case("CR", b"data: a\r\rdata: b\r\r"),
    _case("not UTF-8", b"\xff\xfe\x00data"),
    _case("unprintable", b"\x00\x07\x7f\xc2\x85\xe2\x80\xa8\xef\xbb\xbf \n"),
    _case("leading space and tab", b"  a\n\tb\n \n"),
    _case("only line ends", b"\n\n\n"),
    _case("no final line end", b"data: a\ndata: b"),
    _case("empty", b""),
    _case("looks like null", b"null"),
    _case("looks like a number", b"12"),
    _case("JSON", b'{"a": "' + b"x" * 120 + b'", "b": [1, 2], "c": {"d": "e, \\"f\\""}}'),
    _case("a cookie twice", EVENTS, (("Set-Cookie", "a=1"), ("Vary", "x"), ("Set-Cookie", "b=2")),
          seen=(("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Vary", "x"))),
    _case("a header with other letters", EVENTS, (("X-Name", "é"), ("X-Raw", "\udce9"), ("X-A", "b")),
          seen=(("X-A", "b"),)),
    _case("an error with a reason of its own", b'{"detail": "no"}', head=Head(429, "Slow Down")),
    _case("a reason with other letters", EVENTS, head=Head(200, "Très bien")),
    _case("a body that is not text", EVENTS, asked=b"\xff\x00"),
    _case("a JSON request", EVENTS,
          asked=b'{"action": "next", "messages": [{"id": "x", "parts": ["' + b"y" * 99 + b'"]}], "z": "a"}'),
]  # fmt: skip


@pytest.mark.parametrize(
    "through", [_through_aiohttp, _through_httpx, _through_requests], ids=["aiohttp", "httpx", "requests"]
)
@pytest.mark.parametrize(("interaction", "seen"), CASES)
async def test_plain_vcrpy_replays_ours(
    tmp_path: Path, interaction: Interaction, seen: Headers, through: Callable[[bytes], object]
) -> None:
    path = tmp_path / "ours.yaml"
    path.write_bytes(cassette.dumps(Cassette((interaction,))))
    with vcr.use_cassette(str(path), record_mode="none", match_on=["method", "uri", "body"]) as played:
        status, reason, headers, body = await through(interaction.request.body)  # type: ignore[misc]
    assert played.all_played
    tape = interaction.response
    assert (status, body) == (tape.status, tape.body)
    if tape.reason.isascii():
        assert reason == (tape.reason or "OK") or not tape.reason
    _same_headers(headers, seen, joined=through is _through_requests)


def _same_headers(headers: list[tuple[str, str]], seen: Headers, *, joined: bool) -> None:
    wanted = [(name.lower(), value) for name, value in seen]
    found = [(name.lower(), value) for name, value in headers]
    if joined:  # requests shows repeated fields as one, and vcrpy takes the framing away for it
        values: dict[str, list[str]] = {}
        for name, value in wanted:
            values.setdefault(name, []).append(value)
        wanted = [(name, ", ".join(several)) for name, several in values.items() if name != "transfer-encoding"]
    assert sorted(found) == sorted(wanted)


async def test_vcrpy_keeps_what_is_ours_when_it_saves(tmp_path: Path) -> None:
    interaction = CASES[2].values[0]  # type: ignore[attr-defined]
    path = tmp_path / "ours.yaml"
    path.write_bytes(cassette.dumps(Cassette((interaction,), str(path))))
    with vcr.use_cassette(str(path), record_mode="new_episodes") as played:
        played.dirty = True
    assert cassette.loads(path.read_bytes(), str(path)).interactions == (interaction,)
