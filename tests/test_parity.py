"""A response compared with its replay, attribute by attribute and behaviour by behaviour.

Each probe is a small program that looks at one thing. What still differs is listed, with its reason.
"""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp.streams import EMPTY_PAYLOAD
from support.servers import CLOSE, Answers, Turns, serve
from support.three_ways import run_in

from fakegpt_testkit.recorder import use_cassette
from fakegpt_testkit.redaction import Redaction

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.untraced

Response = aiohttp.ClientResponse
Probe = Callable[[Response], Awaitable[object]]

PAUSE = Turns(50)
"""Longer than any probe takes to come back for more, shorter than anybody notices."""
BODY = '{"text": "Grüße 😀"}'.encode()
ANSWERS: Answers = {
    "/json": (
        b"HTTP/1.1 200 Sehr gut\r\nContent-Type: application/json; charset=utf-8\r\nX-B: 1\r\nx-a: 2\r\nX-B: 3\r\n"
        b"Set-Cookie: a=1; Path=/; HttpOnly\r\nSet-Cookie: b=2\r\nLink: <https://a.example/2>; rel=next\r\n"
        b'Content-Disposition: attachment; filename="f.txt"\r\nETag: "x"\r\nX-Raw: \xe9\r\nX-Empty:\r\n'
        b"Content-Length: %d\r\n\r\n" % len(BODY),
        PAUSE,
        BODY,
    ),
    "/stream": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        *(step for number in range(4) for step in (PAUSE, b"9\r\ndata: %d\n\n\r\n" % number)),
        PAUSE,
        b"0\r\n\r\n",
    ),
    "/moved": (b"HTTP/1.1 302 Found\r\nLocation: /json\r\nSet-Cookie: c=3\r\nContent-Length: 0\r\n\r\n",),
    "/refused": (b"HTTP/1.1 429 Slow Down\r\nRetry-After: 3\r\nContent-Length: 4\r\n\r\nslow",),
    "/latin": (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=latin-1\r\nContent-Length: 1\r\n\r\n\xe9",),
    "/none": (b"HTTP/1.1 204 No Content\r\n\r\n",),
    "/old": (b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nabc", PAUSE, CLOSE),
    "/cut": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", PAUSE, CLOSE),
}


READABLE = Redaction(keep=("Set-Cookie", "Cookie"))
"""The cookies are no secrets here: that a cookie's value is replaced is meant."""


def attribute(path: str) -> Probe:
    """What an expression over the response, ``r``, gives: its value as text."""

    async def probe(response: Response) -> object:
        return repr(eval(path, {"r": response, "json": json, "copy": copy, "pickle": pickle}))  # its text is above

    probe.__name__ = path
    return probe


ATTRIBUTES = [
    "r.status", "r.reason", "r.ok", "r.version", "r.url", "r.real_url", "r.host", "r.method", "r.url.query",
    "r.headers", "list(r.headers.items())", "r.headers.getall('X-B')", "'x-b' in r.headers", "r.raw_headers",
    "r.headers.get('X-Raw')", "r.headers.get('X-Empty')", "r.cookies", "sorted(r.cookies)",
    "r.cookies['a']['httponly'] if 'a' in r.cookies else None", "r.history", "len(r.history)", "r.links",
    "r.content_type", "r.charset", "r.content_length", "r.content_disposition", "r.request_info.method",
    "r.request_info.url", "r.request_info.real_url", "r.request_info.headers", "r.closed", "r.connection is None",
    "type(r).__mro__", "type(r.content).__name__", "isinstance(r.content, __import__('aiohttp').StreamReader)",
    "r.content.is_eof()", "r.content.at_eof()", "r.content.exception()", "r.content.total_bytes",
    "r.content.get_read_buffer_limits()", "repr(r)", "str(r)", "hash(r) == hash(r)", "bool(r)",
    "[name for name in dir(r) if name[0] != '_']", "[name for name in dir(r.content) if name[0] != '_']",
    "r.headers.copy()", "r.headers.get('content-type')",
    "r.request_info.headers.get('Host')", "r.request_info.headers.get('Accept-Encoding')", "r.url.fragment",
    "r.real_url.fragment", "r.url.path", "r.url.scheme", "[each.status for each in r.history]",
    "[each.url for each in r.history]", "[each.headers.get('Location') for each in r.history]",
    "[each.closed for each in r.history]", "r.history and r.history[0].cookies", "list(r.headers)",
    "len(r.headers)", "r.headers.get('Absent')", "r.headers.get('Content-Length')", "r.version.major, r.version.minor",
    "r.cookies.output()", "r.links.get('next')", "r.headers.get('Etag')", "r.headers.get('Retry-After')",
    "r.connection and r.connection.closed", "r.connection and sorted(vars(r.connection))",
    "r.connection and r.connection.protocol.is_connected()", "r.connection and r.connection.protocol.should_close",
    "r.connection and type(r.connection).__name__", "r.connection and r.connection.transport.is_closing()",
    "r.connection and r.connection.transport.is_reading()",
    "r.connection and r.connection.transport.get_write_buffer_size()",
    "r.connection and r.connection.transport.get_extra_info('peername')[1] == r.url.port",
    "r.connection and r.connection.transport.get_extra_info('sslcontext')",
    "r.connection and r.connection.transport.get_extra_info('nothing', 'a default')",
    "r.connection and r.connection.transport.get_extra_info('socket') is None",
    "r.connection and type(r.connection.protocol).__name__", "r.connection and type(r.connection.transport).__name__",
]  # fmt: skip


async def fails(awaitable: Awaitable[object]) -> object:
    """What it gives, or the class and the text of what it raises."""
    try:
        return await awaitable
    except Exception as failure:
        return type(failure).__mro__, str(failure)


async def pickles(response: Response) -> object:
    try:
        return pickle.dumps(response)
    except Exception as failure:
        return type(failure).__mro__


async def copies_headers(response: Response) -> object:
    return pickle.loads(pickle.dumps(response.headers.copy()))  # our own bytes


async def gives_json(response: Response) -> object:
    return await fails(response.json())


async def gives_json_of_any_type(response: Response) -> object:
    return await fails(response.json(content_type=None))


async def gives_text(response: Response) -> object:
    return await fails(response.text()), response.get_encoding() if response._body else None


async def gives_text_as_ascii(response: Response) -> object:
    return await fails(response.text("ascii"))


async def reads_twice(response: Response) -> object:
    return await fails(response.read()), await fails(response.read()), response.closed


async def reads_after_release(response: Response) -> object:
    released = response.release()
    if released is not None:
        await released
    return await fails(response.read()), response.closed, response.connection


async def reads_after_close(response: Response) -> object:
    response.close()
    return await fails(response.read()), response.closed, response.connection


async def reads_the_rest_after_content(response: Response) -> object:
    return await fails(response.content.readany()), await fails(response.read())


async def says_eof_before_and_after(response: Response) -> object:
    before = response.content.at_eof()
    read = await fails(response.read())
    return before, read, response.content.at_eof(), response.content.is_eof(), response.content.total_bytes


async def raises_for_status(response: Response) -> object:
    async def attempt() -> None:
        response.raise_for_status()

    return await fails(attempt()), response.closed


async def gives_pieces(response: Response) -> object:
    async def pieces() -> object:
        if response.content is EMPTY_PAYLOAD:
            return "one reader for all of a process, whose pieces end only once"
        return [piece async for piece in response.content.iter_chunks()]

    return await fails(pieces())


async def gives_lines(response: Response) -> object:
    async def lines() -> object:
        return [line async for line in response.content]

    return await fails(lines())


async def reads_exactly_too_much(response: Response) -> object:
    return await fails(response.content.readexactly(10_000))


async def reads_until_what_never_comes(response: Response) -> object:
    return await fails(response.content.readuntil(b"never"))


async def reads_nothing(response: Response) -> object:
    return await fails(response.content.read(0))


async def two_read_at_once(response: Response) -> object:
    return await asyncio.gather(fails(response.content.readany()), fails(response.content.readany()))


async def is_a_context_manager(response: Response) -> object:
    async with response as same:
        inside = same is response, same.closed
    return inside, response.closed, response.connection


async def forgets_the_connection_at_the_end(response: Response) -> object:
    connection = response.connection
    await fails(response.read())
    return response.connection, response.closed, connection is None or connection.closed


async def tells_its_end(response: Response) -> object:
    told: list[str] = []
    response.content.on_eof(lambda: told.append("end"))
    await fails(response.read())
    return told


async def is_cancelled(response: Response) -> object:
    async def read_on() -> object:
        return await response.content.readuntil(b"never")

    task = asyncio.create_task(read_on())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return task.cancelled()


async def times_out(response: Response) -> object:
    async def read_on() -> object:
        async with asyncio.timeout(-1):
            return await response.content.readuntil(b"never")

    return await fails(read_on())


async def gives_single_reads(response: Response) -> object:
    content = response.content
    return [await fails(read) for read in (content.read(3), content.readline(), content.readany(), content.read(-1))]


async def gives_small_pieces(response: Response) -> object:
    async def pieces() -> object:
        return [piece async for piece in response.content.iter_chunked(5)]

    return await fails(pieces())


async def counts_while_it_reads(response: Response) -> object:
    async def counts() -> object:
        return [(len(data), response.content.total_bytes) async for data in response.content.iter_any()]

    return await fails(counts())


async def releases_twice(response: Response) -> object:
    return response.release() is None, response.release() is None, response.closed, response.connection


async def closes_twice(response: Response) -> object:
    response.close()
    response.close()
    return response.closed, response.connection


async def reads_what_is_there(response: Response) -> object:
    async def read() -> object:
        return response.content.read_nowait(0), response.content.is_eof() is response.closed

    return await fails(read())


async def parses_json_its_own_way(response: Response) -> object:
    return await fails(response.json(loads=len, content_type=None))


async def keeps_what_it_read(response: Response) -> object:
    await fails(response.read())
    return response._body, await fails(response.text()), response.get_encoding()


BEHAVIOURS: list[Probe] = [
    gives_single_reads, gives_small_pieces, counts_while_it_reads, releases_twice, closes_twice, reads_what_is_there,
    parses_json_its_own_way, keeps_what_it_read,
    pickles, copies_headers, gives_json, gives_json_of_any_type, gives_text, gives_text_as_ascii, reads_twice,
    reads_after_release, reads_after_close, reads_the_rest_after_content, says_eof_before_and_after, raises_for_status,
    gives_pieces, gives_lines, reads_exactly_too_much, reads_until_what_never_comes, reads_nothing, two_read_at_once,
    is_a_context_manager, forgets_the_connection_at_the_end, tells_its_end, is_cancelled, times_out,
]  # fmt: skip
PROBES = {probe.__name__: probe for probe in [*map(attribute, ATTRIBUTES), *BEHAVIOURS]}

DIFFERS = {
    "type(r.content).__name__": "our reader is a subclass: it says when its client is about to wait",
    "r.connection and type(r.connection.protocol).__name__": "a subclass, too",
    "r.connection and type(r.connection.transport).__name__": "a transport without a socket",
    "r.connection and r.connection.transport.get_extra_info('socket') is None": "there is no socket to give",
}
"""What a program can still tell apart, and why."""


async def look(url: str, path: str, probe: Probe) -> str:
    method = "HEAD" if path == "/head" else "GET"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        response = await session.request(method, url + path.replace("/head", "/json") + "?q=1#part")
        try:
            seen = await probe(response)
        except Exception as failure:
            seen = type(failure), str(failure)
        response.close()
    return repr(seen)


async def compare(path: str, folder: Path) -> dict[str, tuple[str, str]]:
    """Ask for a path with each probe, live and replayed; give what differs."""
    file = folder / "cassette.yaml"
    differing = {}
    async with serve(ANSWERS) as server:
        live = {name: await look(server.url, path, probe) for name, probe in PROBES.items()}
        with use_cassette(file, record_mode="all", redaction=READABLE):
            # One cassette for all probes: one whole answer, played again for each.
            await look(server.url, path, PROBES["reads_twice"])
        asked = len(server.requests)
        with use_cassette(file, allow_playback_repeats=True, redaction=READABLE):
            for name, probe in PROBES.items():
                replayed = await look(server.url, path, probe)
                if replayed != live[name]:
                    differing[name] = live[name], replayed
        assert len(server.requests) == asked
    return differing


@pytest.mark.parametrize(
    ("path", "loop"), [*((path, "asyncio") for path in [*ANSWERS, "/head"]), ("/stream", "uvloop"), ("/cut", "uvloop")]
)
def test_a_replayed_response_is_like_a_live_one(path: str, loop: str, tmp_path: Path) -> None:
    differing = run_in(loop, compare(path, tmp_path))
    assert {name: both for name, both in differing.items() if name not in DIFFERS} == {}


def test_what_differs_is_listed_and_little(tmp_path: Path) -> None:
    differing = run_in("asyncio", compare("/stream", tmp_path))
    assert set(differing) == set(DIFFERS)
    assert len(PROBES) >= 100
    assert len(DIFFERS) <= 4
