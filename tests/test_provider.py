"""FakeGpt over real sockets: what it sends, the ways of asking it, and what it leaves behind."""

from __future__ import annotations

import asyncio
import collections.abc
import gc
import json
import pickle
import signal
import subprocess
import sys
import threading
import time
import uuid
from contextlib import asynccontextmanager, contextmanager
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from support.patience import PATIENCE
from test_provider_faults import ASK, DONE, answering, client_of, logins, say, until_idle

import fakegpt_testkit.errors
from fakegpt_testkit.errors import FakeGptTestkitError, ProviderError, UnknownKeywords
from fakegpt_testkit.exchange import Request, header
from fakegpt_testkit.fakegpt.answers import AnswerStream, AsyncGeneratorProvider, Rewritten
from fakegpt_testkit.fakegpt.blocking import Turns
from fakegpt_testkit.fakegpt.provider import FakeGpt
from fakegpt_testkit.fakegpt.stand_in import Options, serve, serve_in_thread
from fakegpt_testkit.serving.threads import loop_in_a_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from fakegpt_testkit.fakegpt.stand_in import Service

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
    {"role": "user", "content": "Bye"},
]


# --- what it is and what it sends ---


def test_its_users_find_what_they_know() -> None:
    assert issubclass(FakeGpt, AsyncGeneratorProvider)
    assert FakeGpt.url == "https://chat-shared2.zhile.io"
    assert FakeGpt.supports_gpt_35_turbo is True
    assert FakeGpt.working is False
    assert FakeGpt._access_token is None
    assert FakeGpt._cookie_jar is None


async def requests_of(model: str = "", messages: Any = ASK, **state: Any) -> tuple[Request, ...]:
    async with serve(Options(seed=1)) as service:
        await client_of(service.url, **state).create_async(model, messages)
        return service.requests


async def test_the_four_requests_are_the_ones_of_the_protocol() -> None:
    loads, login, session, conversation = await requests_of(_clock=staticmethod(lambda: 1_700_000_000.9))
    assert [request.method for request in (loads, login, session, conversation)] == ["GET", "POST", "GET", "POST"]
    assert loads.uri.endswith("/api/loads?t=1700000000")
    assert login.uri.endswith("/auth/login")
    assert session.uri.endswith("/api/auth/session")
    assert conversation.uri.endswith("/api/conversation")
    assert header(login.headers, "Content-Type") == "application/x-www-form-urlencoded"
    assert list(parse_qs(login.body.decode())) == ["token_key", "session_password"]
    assert [header(request.headers, "Cookie") is None for request in (loads, login)] == [True, True]
    cookie = header(session.headers, "Cookie")
    assert cookie is not None
    assert cookie.startswith("credential=")
    assert header(conversation.headers, "Cookie") == cookie
    assert header(conversation.headers, "Content-Type") == "application/json"
    assert header(conversation.headers, "Accept") == "text/event-stream"
    assert str(header(conversation.headers, "X-Authorization")).startswith("Bearer ey")
    assert header(conversation.headers, "Authorization") is None


async def test_every_request_looks_like_the_browsers() -> None:
    for request in await requests_of():
        origin = request.uri.partition("/api")[0].partition("/auth")[0]
        sent = {name: header(request.headers, name) for name in ("Accept-Language", "Referer", "sec-ch-ua")}
        assert sent == {
            "Accept-Language": "en-US",
            "Referer": f"{origin}/?v=2",
            "sec-ch-ua": '"Google Chrome";v="117", "Not;A=Brand";v="8", "Chromium";v="117"',
        }
        assert header(request.headers, "sec-ch-ua-platform") == '"Linux"'
        assert header(request.headers, "sec-ch-ua-mobile") == "?0"
        assert "Linux x86_64" in str(header(request.headers, "User-Agent"))
        assert "Chrome/117.0.0.0" in str(header(request.headers, "User-Agent"))


async def test_the_question_is_the_protocols_and_holds_the_whole_talk() -> None:
    body = json.loads((await requests_of("gpt-4", TALK))[-1].body)
    assert body["model"] == "gpt-4"
    assert body["messages"][0]["content"]["parts"] == [
        "System: Be brief.\nUser: Hi\nAssistant: Hello\nUser: Bye\nAssistant:"
    ]
    for name in (body["messages"][0]["id"], body["parent_message_id"]):
        assert uuid.UUID(name).version == 4
    assert body["messages"][0]["id"] != body["parent_message_id"]


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("", "text-davinci-002-render-sha"),
        ("gpt-3.5-turbo", "text-davinci-002-render-sha"),
        ("gpt-3.5-turbo-16k", "gpt-3.5-turbo-16k"),
        ("text-davinci-002-render-paid", "text-davinci-002-render-paid"),
    ],
)
async def test_the_model_is_sent_when_it_was_given(model: str, sent: str) -> None:
    assert json.loads((await requests_of(model))[-1].body)["model"] == sent


async def test_the_same_randomness_and_time_make_the_same_requests() -> None:
    def bodies(requests: tuple[Request, ...]) -> list[bytes]:
        return [requests[0].uri.partition("?")[2].encode(), *(request.body for request in requests)]

    fixed: dict[str, Any] = {"_clock": staticmethod(lambda: 1.0)}
    one, again = [bodies(await requests_of(_random=Random(5), **fixed)) for _ in range(2)]
    other = bodies(await requests_of(_random=Random(6), **fixed))
    assert one == again
    assert one[-1] != other[-1]


async def test_later_calls_send_the_question_only_also_in_another_loop() -> None:
    async with serve(Options(text="Hello")) as service:
        client = client_of(service.url)
        for _ in range(2):
            assert await client.create_async("", ASK) == "Hello"
        assert await asyncio.to_thread(asyncio.run, client.create_async("", ASK)) == "Hello"
        assert [request.method for request in service.requests] == ["GET", "POST", "GET", "POST", "POST", "POST"]
        assert len({header(request.headers, "X-Authorization") for request in service.requests[3:]}) == 1


async def test_a_login_answered_with_a_redirect_is_followed() -> None:
    async with serve(Options(text="Hello", redirect=True)) as service:
        assert await client_of(service.url + "/").create_async("", ASK) == "Hello"
        assert [request.uri.rpartition("/")[2] for request in service.requests[1:3]] == ["login", ""]


async def test_a_service_without_a_name_can_be_logged_in_to() -> None:
    async with serve(Options(text="Hello")) as service:
        assert await client_of(service.url.replace("localhost", "127.0.0.1")).create_async("", ASK) == "Hello"


async def test_a_token_without_cookies_is_used_with_none() -> None:
    async with answering() as (url, asked):
        client = client_of(url, _access_token="given")
        assert await client.create_async("", ASK) == "Hi"
        assert asked == ["conversation"]
        assert list(client._cookie_jar or ()) == []
        assert client._cookie_jar is not None


async def test_subclasses_share_no_state() -> None:
    async with serve(Options(text="Hello")) as service:
        parent = client_of(service.url)
        await parent.create_async("", ASK)
        child: type[FakeGpt] = type("Child", (parent,), {})
        assert parent._access_token is not None
        assert (child._access_token, child._cookie_jar) == (None, None)
        assert child._login_turns is not parent._login_turns
        await child.create_async("", ASK)
        assert logins(service) == 2
        assert FakeGpt._access_token is None


# --- the ways of asking ---


async def test_both_ways_of_asking_work() -> None:
    async with serve(Options(text="Hello, world")) as service:
        client = client_of(service.url)
        direct = [piece async for piece in client.create_async_generator("", ASK)]
        generator = await client.create_async_generator("", ASK)
        awaited = [piece async for piece in generator]
    assert direct == awaited
    assert "".join(direct) == "Hello, world"
    assert isinstance(generator, AnswerStream)
    assert isinstance(generator, collections.abc.AsyncGenerator)


async def test_nothing_is_asked_before_the_first_piece_is_wanted() -> None:
    async with serve() as service:
        answer = await client_of(service.url).create_async_generator("", ASK)
        await answer.aclose()
        assert service.requests == ()


async def test_the_first_piece_comes_while_the_answer_goes_on() -> None:
    async with serve(Options(ending="stall", events=3)) as service:
        answer = client_of(service.url).create_async_generator("", ASK)
        assert await asyncio.wait_for(anext(answer), PATIENCE)
        await answer.aclose()


@pytest.mark.parametrize("thrown", [KeyError, KeyError("mine")], ids=["class", "instance"])
async def test_an_answer_is_thrown_into_like_any_generator(thrown: Any) -> None:
    async with serve() as service:
        answer = client_of(service.url).create_async_generator("", ASK)
        await anext(answer)
        with pytest.raises(KeyError):
            await answer.athrow(thrown)
        again = client_of(service.url).create_async_generator("", ASK)
        await anext(again)
        try:
            raise KeyError("mine")  # noqa: TRY301
        except KeyError as error:
            with pytest.raises(KeyError, match="other"):
                await again.athrow(KeyError, "other", error.__traceback__)


@pytest.mark.parametrize("way", ["create_async_generator", "create_async", "create_completion"])
async def test_an_unknown_keyword_is_named(way: str) -> None:
    with pytest.raises(UnknownKeywords, match="temperature, top_p") as caught:
        await getattr(client_of("http://localhost:1"), way)("", ASK, temperature=1, top_p=2)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, RuntimeError)
    assert caught.value.keywords == ("temperature", "top_p")
    assert "timeout" in caught.value.known
    assert "MyFakeGpt" in str(caught.value)


async def test_a_rewritten_answer_is_whole_in_the_end() -> None:
    body = say("Helo") + say("Hello") + say("Hello!", final=True) + DONE
    with serve_in_thread(Options(body=body)) as service:
        client = client_of(service.url)
        assert await client.create_async("", ASK) == "Hello!"
        pieces = list(client.create_completion("", ASK))
        assert (pieces, isinstance(pieces[1], Rewritten)) == (["Helo", "Hello", "!"], True)
        assert list(client.create_completion("", ASK, stream=False)) == ["Hello!"]


# --- time, connections, proxies ---


@pytest.mark.parametrize("way", ["create_async", "create_completion"])
async def test_the_timeout_is_for_each_request(way: str) -> None:
    with serve_in_thread(Options(ending="stall", events=3)) as service:
        client = client_of(service.url)
        with pytest.raises(asyncio.TimeoutError):
            if way == "create_async":
                await client.create_async("", ASK, timeout=0.2)
            else:
                list(client.create_completion("", ASK, timeout=0.2))
        assert await client.create_async_generator("", ASK, timeout=None).__anext__()


async def test_what_the_connection_does_is_aiohttps_own_error() -> None:
    async with serve() as service:
        gone = service.url
    with pytest.raises(aiohttp.ClientConnectorError):
        await client_of(gone).create_async("", ASK)
    pieces = []
    async with serve(Options(ending="reset", events=4)) as service:
        with pytest.raises(aiohttp.ClientPayloadError):
            async for piece in client_of(service.url).create_async_generator("", ASK):
                pieces.append(piece)  # noqa: PERF401
    assert pieces


@asynccontextmanager
async def forward_proxy() -> AsyncIterator[tuple[str, list[str]]]:
    """An HTTP proxy that forwards one request per connection, and the request lines it got."""
    lines: list[str] = []

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, _, fields = head.partition("\r\n")
        lines.append(line)
        method, uri, version = line.split()
        host, _, path = uri.removeprefix("http://").partition("/")
        length = next((int(f.partition(":")[2]) for f in fields.splitlines() if f.lower().startswith("content-l")), 0)
        body = await reader.readexactly(length)
        back, forth = await asyncio.open_connection("127.0.0.1", int(host.partition(":")[2]))
        forth.write(f"{method} /{path} {version}\r\nConnection: close\r\n{fields}".encode() + body)
        while piece := await back.read(65536):
            writer.write(piece)
        forth.close()
        writer.close()

    async with await asyncio.start_server(forward, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", lines


@pytest.mark.parametrize("way", ["create_async_generator", "create_async"])
async def test_the_proxy_gets_all_four_requests(way: str) -> None:
    async with serve(Options(text="Hello")) as service, forward_proxy() as (proxy, lines):
        client = client_of(service.url)
        if way == "create_async":
            assert await client.create_async("", ASK, proxy) == "Hello"
        else:
            assert "".join([piece async for piece in client.create_async_generator("", ASK, proxy=proxy)]) == "Hello"
        assert len(service.requests) == 4
        assert [line.partition("?")[0] for line in lines] == [
            f"GET {service.url}/api/loads",
            f"POST {service.url}/auth/login HTTP/1.1",
            f"GET {service.url}/api/auth/session HTTP/1.1",
            f"POST {service.url}/api/conversation HTTP/1.1",
        ]


async def test_one_call_keeps_to_one_connection() -> None:
    peers = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(asyncio.current_task())
        back, forth = await asyncio.open_connection("127.0.0.1", int(service.url.rpartition(":")[2]))

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while piece := await source.read(65536):
                sink.write(piece)
            sink.close()
            await sink.wait_closed()

        await asyncio.gather(pump(reader, forth), pump(back, writer))

    async with serve(Options(text="Hello")) as service, await asyncio.start_server(note, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await client_of(f"http://localhost:{port}").create_async("", ASK) == "Hello"
    await asyncio.gather(*filter(None, peers))
    assert len(service.requests) == 4
    assert len(peers) == 1


# --- synchronous code ---


def test_synchronous_code_gets_the_pieces() -> None:
    before = threading.enumerate()
    with serve_in_thread(Options(text="Hello, world")) as service:
        client = client_of(service.url)
        completion = client.create_completion("", ASK)
        assert isinstance(completion, collections.abc.Generator)
        pieces = list(completion)
        assert "".join(pieces) == "Hello, world"
        assert len(pieces) > 1
        assert list(client.create_completion("", ASK, False)) == ["Hello, world"]
        assert logins(service) == 1
    assert threading.enumerate() == before


async def test_it_works_where_a_loop_is_running() -> None:
    with serve_in_thread(Options(text="Hello, world")) as service:
        assert "".join(client_of(service.url).create_completion("", ASK)) == "Hello, world"
        assert asyncio.get_running_loop().is_running()


def idle(service: Service) -> bool:
    until = time.monotonic() + PATIENCE
    while service.streams and time.monotonic() < until:
        time.sleep(0.001)
    return service.streams == 0


def test_closing_it_early_closes_the_connection() -> None:
    before = threading.enumerate()
    with serve_in_thread(Options(ending="endless", events=3)) as service:
        client = client_of(service.url)
        completion = client.create_completion("", ASK)
        next(completion)
        assert service.streams == 1
        completion.close()
        assert idle(service)
        for _ in client.create_completion("", ASK):
            break
        gc.collect()
        assert idle(service)
    assert threading.enumerate() == before


def test_one_that_was_never_begun_leaves_nothing() -> None:
    before = threading.enumerate()
    client_of("http://localhost:1").create_completion("", ASK).close()
    assert threading.enumerate() == before


def test_its_errors_are_the_same() -> None:
    with serve_in_thread(Options(accounts=0)) as service, pytest.raises(fakegpt_testkit.errors.NoLoads):
        list(client_of(service.url).create_completion("", ASK))


@contextmanager
def interrupted(after: float) -> Iterator[None]:
    """An interrupt from the keyboard, while the block waits."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, after)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def test_an_interrupt_ends_the_wait_and_closes_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    before = threading.enumerate()
    with serve_in_thread(Options(ending="stall", events=3)) as service:
        completion = client_of(service.url).create_completion("", ASK)
        with pytest.raises(KeyboardInterrupt), interrupted(0.2):
            list(completion)
        assert idle(service)
    assert threading.enumerate() == before
    assert caplog.records == []


def test_threads_make_one_login_too() -> None:
    with serve_in_thread(Options(text="Hello")) as service:
        client = client_of(service.url)
        told: list[str] = []
        threads = [
            threading.Thread(target=lambda: told.append("".join(client.create_completion("", ASK)))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert told == ["Hello"] * 4
        assert logins(service) == 1


def test_a_loop_that_cannot_be_made_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_loop() -> asyncio.AbstractEventLoop:
        raise OSError("no more files")

    before = threading.enumerate()
    monkeypatch.setattr(asyncio, "new_event_loop", no_loop)
    with pytest.raises(OSError, match="no more files"), loop_in_a_thread("test"):
        pass
    assert threading.enumerate() == before


# --- turns ---


async def test_turns_are_taken_one_at_a_time() -> None:
    turns, inside, most = Turns(), 0, 0

    async def take() -> None:
        nonlocal inside, most
        async with turns:
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.001)
            inside -= 1

    await asyncio.gather(*(take() for _ in range(5)))
    assert (inside, most) == (0, 1)


def test_a_loop_that_died_waiting_holds_up_nobody() -> None:
    turns = Turns()

    async def wait_in_vain() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02), turns:
                pass

    async def hold() -> None:
        async with turns:
            await asyncio.to_thread(asyncio.run, wait_in_vain())
        async with asyncio.timeout(1), turns:
            pass

    asyncio.run(hold())


# --- what is left behind ---


async def test_nothing_is_left_running() -> None:
    async with serve(Options(ending="stall", events=3)) as service:
        answer = client_of(service.url).create_async_generator("", ASK)
        await anext(answer)
        task = asyncio.create_task(client_of(service.url).create_async("", ASK))
        async with asyncio.timeout(2):
            while service.streams < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await answer.aclose()
        await until_idle(service)
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_a_program_that_ends_with_an_answer_open_ends_without_a_sound() -> None:
    code = (
        "import asyncio, sys\n"
        "from fakegpt_testkit.fakegpt.provider import FakeGpt\n"
        "kept = []\n"
        "async def main():\n"
        "    asyncio.get_running_loop().slow_callback_duration = 60\n"  # a busy machine is no fault
        "    client = type('Mine', (FakeGpt,), {'url': sys.argv[1]})\n"
        "    answer = client.create_async_generator('', [{'role': 'user', 'content': 'Hi'}])\n"
        "    kept.append(answer)\n"
        "    print(await anext(answer))\n"
        "asyncio.run(main())\n"
    )
    with serve_in_thread(Options(text="Hello", ending="endless", events=3)) as service:
        command = [sys.executable, "-X", "dev", "-W", "error", "-c", code, service.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert idle(service)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()


# --- its errors ---


def provider_errors() -> list[Exception]:
    errors = fakegpt_testkit.errors
    told = ("http://localhost", "conversation", 429, "Too many.", "busy")
    same = (errors.StepRefused, errors.TokenRefused, errors.WebPageAnswered, errors.NoLoads)
    return [
        *(kind(*told) for kind in (*same, errors.NoValidResponse, errors.AnswerFailed, errors.AnswerCutOff)),
        errors.WrongContent(*told[:3], "Too many.", "", "JSON", "text/plain"),
        errors.FieldMissing(*told[:3], field="loads"),
        UnknownKeywords("FakeGpt", ("top_p",), ("proxy",)),
    ]


@pytest.mark.parametrize("error", provider_errors(), ids=lambda error: type(error).__name__)
def test_errors_travel_between_processes_and_share_one_base(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
    assert isinstance(error, FakeGptTestkitError)
    if isinstance(error, ProviderError):
        assert "http://localhost" in str(error)
        assert str(error).startswith("No valid response") == isinstance(error, fakegpt_testkit.errors.NoValidResponse)
    assert isinstance(error, RuntimeError)


def test_an_error_without_a_detail_says_so() -> None:
    error = fakegpt_testkit.errors.StepRefused("http://localhost", "loads", 500)
    assert str(error) == "http://localhost refused the step loads with status 500: without saying why"
