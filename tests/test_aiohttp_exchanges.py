"""What goes on around a body is the same live, recorded and replayed: heads, cookies, redirects, uploads, proxies."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from support.servers import Answers, Asked, Server, proxy, serve
from support.three_ways import LOOPS, run_in, view
from support.tls import client_tls, server_tls

from fakegpt_testkit.recorder import load_cassette, use_cassette

if TYPE_CHECKING:
    from pathlib import Path

Program = Callable[[str], Awaitable[object]]


def echo(asked: Asked) -> tuple[bytes]:
    """Says what arrived: the method, the target, and the body."""
    body = b"%s %s %s" % (asked.method.encode(), asked.target.encode(), asked.body)
    return (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body),)


ANSWERS: Answers = {
    "/": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",),
    "/head": lambda asked: (
        b"HTTP/1.1 201 Ganz neu\r\nX-B: 1\r\nx-a: 2\r\nX-B: 3\r\nContent-Length: 2\r\nX-b: 4\r\n\r\n",
        b"" if asked.method == "HEAD" else b"ok",
    ),
    "/login": (
        b"HTTP/1.1 302 Found\r\nSet-Cookie: seen=yes; Path=/\r\nLocation: /home?a=b#c\r\nContent-Length: 0\r\n\r\n",
    ),
    "/home": lambda asked: (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nin"
        if asked.header("Cookie")
        else b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n",
    ),
    "/307": (b"HTTP/1.1 307 Again\r\nLocation: /echo\r\nContent-Length: 0\r\n\r\n",),
    "/loop": (b"HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n",),
    "/busy": (b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy",),
    "/204": (b"HTTP/1.1 204 No Content\r\n\r\n",),
    "/304": (b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 9\r\n\r\n",),
    "/100": (b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",),
    "/close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",),
    "/echo": echo,
    "/slow": lambda asked: (0.02 if asked.target.endswith("0") else 0.004, *echo(asked)),
}


async def get(session: aiohttp.ClientSession, url: str, **options: Any) -> object:
    async with session.get(url, **options) as response:
        return response.status, response.reason, list(response.headers.items()), await response.read()


async def the_head(url: str) -> object:
    async with aiohttp.ClientSession() as session:
        return await get(session, f"{url}/head")


async def cookies_and_a_redirect(url: str) -> object:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/login") as response:
        jar = [(cookie.key, bool(cookie.value), cookie["path"]) for cookie in session.cookie_jar]
        history = [(each.status, str(each.url), each.headers["Location"]) for each in response.history]
        return jar, history, str(response.url), str(response.real_url), await response.text()


async def a_post_redirected_with_its_body(url: str) -> object:
    async with aiohttp.ClientSession() as session, session.post(f"{url}/307", data=b"again") as response:
        return [each.status for each in response.history], await response.read()


async def too_many_redirects(url: str) -> object:
    async with aiohttp.ClientSession() as session:
        try:
            await session.get(f"{url}/loop", max_redirects=3)
        except aiohttp.TooManyRedirects as failure:
            return failure.status, [each.status for each in failure.history]
    return None


async def raise_for_status(url: str) -> object:
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        try:
            await session.get(f"{url}/busy")
        except aiohttp.ClientResponseError as failure:
            return failure.status, failure.message, dict(failure.headers or {}), str(failure)
    return None


async def bodiless(url: str) -> object:
    async with aiohttp.ClientSession() as session:
        async with session.head(f"{url}/head") as response:
            head = response.status, response.headers["Content-Length"], await response.read()
        return (
            head,
            await get(session, f"{url}/204"),
            await get(session, f"{url}/304"),
            await get(session, f"{url}/100"),
        )


async def kept_alive(url: str) -> object:
    told = []
    trace = aiohttp.TraceConfig()

    async def tell(_: object, __: object, what: object) -> None:
        told.append(type(what).__name__)

    for name in dir(trace):
        if name.startswith("on_") and name not in {"on_dns_resolvehost_start", "on_dns_resolvehost_end"}:
            getattr(trace, name).append(tell)
    async with aiohttp.ClientSession(
        trace_configs=[trace], connector=aiohttp.TCPConnector(use_dns_cache=False)
    ) as session:
        for path in ("/", "/close", "/", "/204", "/echo"):
            await get(session, url + path)
    return told


async def several_at_once(url: str) -> object:
    async with aiohttp.ClientSession() as session:
        order = []

        async def ask(number: int) -> object:
            seen = await get(session, f"{url}/slow?{number}")
            order.append(number)
            return seen

        return await asyncio.gather(*(ask(number) for number in (1, 0, 2)))


async def the_same_several_times_at_once(url: str) -> object:
    async with aiohttp.ClientSession() as session:
        return await asyncio.gather(*(get(session, f"{url}/slow?7") for _ in range(5)))


async def base_url_and_response_class(url: str) -> object:
    class Loud(aiohttp.ClientResponse):
        async def shout(self) -> str:
            return (await self.text()).upper()

    async with aiohttp.ClientSession(url, response_class=Loud) as session, session.get("/echo") as response:
        return type(response).__name__, await response.shout()  # type: ignore[attr-defined]


async def uploads(url: str) -> object:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(3):
            await asyncio.sleep(0.002)
            yield b"piece %d;" % number

    form = aiohttp.FormData(quote_fields=False)
    form.add_field("file", b"content", filename="a.txt", content_type="text/plain")
    form._writer._boundary = b"always-the-same"  # multipart draws it at random
    async with aiohttp.ClientSession() as session:
        seen = []
        for options in (
            {"data": {"a": "b c", "d": "é"}},
            {"data": pieces()},
            {"json": {"a": [1]}},
            {"data": b"x" * 20_000},
            {"data": pieces(), "expect100": True},
            {"data": b"", "method": "PUT"},
            {"data": b"small", "compress": "deflate"},
            {"params": {"q": "ä b"}},
        ):
            method = options.pop("method", "POST")
            async with session.request(str(method), f"{url}/echo", **options) as response:
                seen.append((response.status, await response.read()))
        async with session.post(f"{url}/echo", data=form) as response:
            seen.append((response.status, (await response.read())[:5]))
    return seen


async def an_upload_that_fails(url: str) -> object:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        raise ValueError("no more")

    async with aiohttp.ClientSession() as session:
        try:
            await session.post(f"{url}/echo", data=pieces())
        except (ValueError, aiohttp.ClientError) as failure:
            return type(failure)
    return None


PROGRAMS: list[Program] = [
    the_head, cookies_and_a_redirect, a_post_redirected_with_its_body, too_many_redirects, raise_for_status, bodiless,
    several_at_once, the_same_several_times_at_once, base_url_and_response_class, uploads,
]  # fmt: skip


def check(program: Program, serving: Any, folder: Path, loop: str = "asyncio") -> object:
    views = run_in(loop, view(program, serving, folder))
    for seen in views:
        assert seen == views.live
    return views.live


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_program_sees_the_same(program: Program, loop: str, tmp_path: Path) -> None:
    assert check(program, serve(ANSWERS), tmp_path, loop) is not None


@pytest.mark.parametrize("loop", LOOPS)
def test_a_reused_connection_is_traced_as_one(loop: str, tmp_path: Path) -> None:
    views = run_in(loop, view(kept_alive, serve(ANSWERS), tmp_path))
    assert views.live.count("TraceConnectionCreateEndParams") == 2
    assert views.live.count("TraceConnectionReuseconnParams") == 3
    assert views.live == views.recorded == views.replayed == views.replayed_added
    # A request whose answer is looked for first is written before there is a live connection.
    assert sorted(views.live) == sorted(views.added)


def test_an_upload_that_fails_is_the_clients_own_error(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"

    async def main() -> None:
        async with serve(ANSWERS) as server:
            live = await an_upload_that_fails(server.url)
            with use_cassette(file, record_mode="all"):
                assert await an_upload_that_fails(server.url) is live
            with use_cassette(file) as session:
                assert await an_upload_that_fails(server.url) is live
            assert not session.unplayed, "it never was a whole request, so it is in no cassette"

    run_in("asyncio", main())


@pytest.mark.skipif(not hasattr(aiohttp, "ClientHandlerType"), reason="client middlewares came with aiohttp 3.12")
def test_middlewares_run_around_a_played_request(tmp_path: Path) -> None:
    async def twice(request: Any, handler: Any) -> Any:
        request.headers["X-Try"] = "1"
        response = await handler(request)
        if response.status == 503:
            response.release()
            request.headers["X-Try"] = "2"
            response = await handler(request)
        return response

    async def program(url: str) -> object:
        async with aiohttp.ClientSession(middlewares=(twice,)) as session:
            return await get(session, f"{url}/busy"), await get(session, f"{url}/")

    check(program, serve(ANSWERS), tmp_path)


def test_redirects_lead_to_other_origins(tmp_path: Path) -> None:
    @asynccontextmanager
    async def two() -> AsyncIterator[Server]:
        async with serve(ANSWERS) as there:
            moved = f"HTTP/1.1 301 Moved\r\nLocation: {there.url}/echo\r\nContent-Length: 0\r\n\r\n".encode()
            async with serve({"/away": (moved,)}) as here:
                yield here

    async def program(url: str) -> object:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/away") as response:
            return response.url.port != response.history[0].url.port, str(response.url), await response.read()

    assert check(program, two(), tmp_path)[0] is True  # type: ignore[index]


@pytest.mark.parametrize("loop", LOOPS)
def test_https_is_recorded_and_replayed(loop: str, tmp_path: Path) -> None:
    client = client_tls()

    async def program(url: str) -> object:
        assert url.startswith("https://")
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=client)) as session:
            return await get(session, url), await get(session, f"{url}/echo")

    check(program, serve(ANSWERS, tls=server_tls()), tmp_path, loop)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "CONNECT"])
def test_a_proxy_is_asked_while_recording_and_not_while_replaying(tls: bool, tmp_path: Path) -> None:
    client = client_tls()
    file = tmp_path / "a.yaml"

    async def main() -> None:
        async with serve(ANSWERS, tls=server_tls() if tls else None) as server, proxy() as between:

            async def ask() -> object:
                async with aiohttp.ClientSession() as session:
                    named = between.url.replace("://", "://me:hidden-word@")
                    return await get(session, server.url, proxy=named, ssl=client)

            live = await ask()
            for mode in ("all", "new_episodes"):
                file.unlink(missing_ok=True)
                before = len(between.requests)
                with use_cassette(file, record_mode=mode):
                    assert await ask() == live
                assert len(between.requests) == before + 1
                assert between.requests[-1].header("Proxy-Authorization") is not None
                with use_cassette(file):
                    assert await ask() == live
                assert len(between.requests) == before + 1
        assert "hidden-word" not in file.read_text()
        assert base64.b64encode(b"me:hidden-word").decode() not in file.read_text()
        assert str(load_cassette(file).interactions[0].request.uri).rstrip("/") == server.url

    run_in("asyncio", main())


def test_a_unix_socket_is_recorded_and_replayed(tmp_path: Path) -> None:
    path = str(tmp_path / "s")

    async def program(url: str) -> object:
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session:
            return await get(session, url)

    check(program, serve(ANSWERS, path=path), tmp_path)


def test_an_aiohttp_server_is_recorded_and_replayed(tmp_path: Path) -> None:
    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        response.enable_compression()
        await response.prepare(request)
        for number in range(3):
            await response.write(b"data: %d\n\n" % number)
            await asyncio.sleep(0.003)
        return response

    @asynccontextmanager
    async def serving() -> AsyncIterator[Server]:
        app = web.Application()
        app.router.add_get("/", stream)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield Server(f"http://localhost:{runner.addresses[0][1]}")
        finally:
            await runner.cleanup()

    async def program(url: str) -> object:
        async with aiohttp.ClientSession() as session:
            return (await get(session, url))[3]  # type: ignore[index]

    assert check(program, serving(), tmp_path) == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"
