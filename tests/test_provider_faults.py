"""The faults of the historical client, by their number in the protocol's description: here each is right."""

from __future__ import annotations

import asyncio
import gc
import json
import string
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from support.patience import PATIENCE

from fakegpt_testkit.errors import (
    AnswerCutOff,
    AnswerFailed,
    BadMessages,
    FakeGptTestkitError,
    FieldMissing,
    NoLoads,
    NoValidResponse,
    ProviderError,
    StepRefused,
    TokenRefused,
    WebPageAnswered,
    WrongContent,
)
from fakegpt_testkit.fakegpt.answers import Rewritten
from fakegpt_testkit.fakegpt.provider import FakeGpt
from fakegpt_testkit.fakegpt.stand_in import Options, Service, StepRefusal, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ASK = [{"role": "user", "content": "Hi"}]
DONE = b"data: [DONE]\n\n"


def client_of(url: str, **state: Any) -> type[FakeGpt]:
    """A provider of this test's own."""
    return type("MyFakeGpt", (FakeGpt,), {"url": url, **state})


def say(text: str, message_id: str = "1", role: str = "assistant", *, final: bool = False, **changes: Any) -> bytes:
    """An event of the stream."""
    message = {
        "id": message_id,
        "author": {"role": role},
        "content": {"content_type": "text", "parts": [text]},
        "status": "finished_successfully" if final else "in_progress",
        "end_turn": True if final else None,
        "metadata": {"message_type": "next"},
        "recipient": "all",
        **changes,
    }
    return f"data: {json.dumps({'message': message, 'conversation_id': 'c', 'error': None})}\n\n".encode()


async def pieces_of(body: bytes | Options, **asked: Any) -> list[str]:
    """What comes out when a service streams these bytes."""
    options = body if isinstance(body, Options) else Options(body=body)
    async with serve(options) as service, asyncio.timeout(PATIENCE):
        return [piece async for piece in client_of(service.url).create_async_generator("", ASK, **asked)]


async def until_idle(service: Service) -> None:
    """Wait until the service has noticed that its clients left."""
    async with asyncio.timeout(PATIENCE):
        while service.streams:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


@asynccontextmanager
async def answering(**answers: Any) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that gives one answer to each step, and the steps it was asked."""
    asked: list[str] = []
    flow = {
        "loads": web.json_response({"loads": [{"token_id": "a", "count": 0}]}),
        "login": web.Response(),
        "session": web.json_response({"accessToken": "token"}),
        "conversation": web.Response(body=say("Hi", final=True) + DONE, content_type="text/event-stream"),
        **answers,
    }

    async def answer(request: web.Request) -> web.Response:
        step = request.path.rpartition("/")[2]
        asked.append(step)
        given = flow[step]
        if not isinstance(given, web.Response):
            answered: web.Response = await given(request)
            return answered
        return web.Response(body=given.body, status=given.status, headers=given.headers)

    runner = web.AppRunner(web.Application(), access_log=None)
    runner.app.router.add_route("*", "/{path:.*}", answer)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://localhost:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


# --- 1 ---


@pytest.mark.parametrize("line", ["data: [DONE]", "data:[DONE]"])
async def test_1_it_stops_at_the_end_mark_and_not_when_the_server_closes(line: str) -> None:
    body = say("Hello", final=True) + f"{line}\n\n".encode()
    async with serve(Options(body=body, ending="stall")) as service:
        async with asyncio.timeout(PATIENCE):
            assert await client_of(service.url).create_async("", ASK) == "Hello"
        await until_idle(service)


# --- 2 ---


async def test_2_closing_the_generator_closes_the_connection_without_a_sound(caplog: pytest.LogCaptureFixture) -> None:
    async with serve(Options(ending="endless", events=3)) as service:
        answer = client_of(service.url).create_async_generator("", ASK)
        await anext(answer)
        assert service.streams == 1
        await answer.aclose()
        await answer.aclose()
        await until_idle(service)
        with pytest.raises(StopAsyncIteration):
            await anext(answer)
    assert caplog.records == []


async def test_2_so_does_a_break_and_so_does_forgetting_it(caplog: pytest.LogCaptureFixture) -> None:
    async with serve(Options(ending="endless", events=3)) as service:
        async for _ in client_of(service.url).create_async_generator("", ASK):
            break
        await until_idle(service)
        forgotten = client_of(service.url).create_async_generator("", ASK)
        await anext(forgotten)
        assert service.streams == 1
        del forgotten
        gc.collect()
        await until_idle(service)
    assert caplog.records == []


async def test_2_an_exception_of_the_program_comes_out_as_it_is() -> None:
    async with serve(Options(ending="endless", events=3)) as service:
        answer = client_of(service.url).create_async_generator("", ASK)
        await anext(answer)
        with pytest.raises(KeyError, match="mine"):
            await answer.athrow(KeyError("mine"))
        await until_idle(service)


# --- 3 ---

JSON_DETAIL = web.json_response({"detail": "Only one message at a time."}, status=200)
CODED = {"message": "You have sent too many messages.", "code": "model_cap_exceeded", "clears_in": 60}
PAGE = "<html><head><title> Just a moment... </title></head></html>"


@pytest.mark.parametrize(
    ("answer", "error", "status", "detail", "code"),
    [
        pytest.param(
            web.json_response({"detail": CODED}, status=429),
            StepRefused,
            429,
            CODED["message"],
            CODED["code"],
            id="429",
        ),
        pytest.param(
            web.json_response({"detail": "No access."}, status=403), StepRefused, 403, "No access.", "", id="403"
        ),
        pytest.param(
            web.Response(text="Internal Server Error", status=500),
            StepRefused,
            500,
            "Internal Server Error",
            "",
            id="500",
        ),
        pytest.param(web.Response(status=502), StepRefused, 502, "", "", id="no body"),
        pytest.param(JSON_DETAIL, WrongContent, 200, "Only one message at a time.", "", id="JSON with 200"),
        pytest.param(web.Response(body=b"data: x\n\n"), WrongContent, 200, "data: x", "", id="another type"),
        pytest.param(
            web.Response(text=PAGE, content_type="text/html"), WebPageAnswered, 200, "Just a moment...", "", id="HTML"
        ),
        pytest.param(
            web.Response(text=PAGE, content_type="text/html", status=403),
            WebPageAnswered,
            403,
            "Just a moment...",
            "",
            id="HTML with 403",
        ),
        pytest.param(
            web.Response(text="<p>hm", content_type="text/html"), WebPageAnswered, 200, "<p>hm", "", id="no title"
        ),
    ],
)
async def test_3_what_the_service_says_instead_of_an_answer_is_told(
    answer: web.Response, error: type[ProviderError], status: int, detail: str, code: str
) -> None:
    async with answering(conversation=answer) as (url, _):
        with pytest.raises(error) as caught:
            await client_of(url).create_async("", ASK)
    told = caught.value
    assert isinstance(told, RuntimeError)
    assert isinstance(told, FakeGptTestkitError)
    assert (told.url, told.step, told.status, told.detail, told.code) == (url, "conversation", status, detail, code)
    for part in (url, "conversation", str(status), detail, code):
        assert part in str(told)


async def test_3_wrong_content_says_what_was_wanted_and_what_came() -> None:
    async with answering(conversation=JSON_DETAIL) as (url, _):
        with pytest.raises(WrongContent, match="wanted: an event stream") as caught:
            await client_of(url).create_async("", ASK)
    assert (caught.value.wanted, caught.value.got) == ("an event stream", "application/json")


@pytest.mark.parametrize("step", ["loads", "login", "session"])
async def test_3_the_other_steps_are_looked_at_too(step: Any) -> None:
    async with serve(Options(refusal=StepRefusal(step, 503, "Down for repairs", code="down"))) as service:
        with pytest.raises(StepRefused, match="Down for repairs") as caught:
            await client_of(service.url).create_async("", ASK)
        assert (caught.value.step, caught.value.status, caught.value.code) == (step, 503, "down")
        assert service.requests[-1].uri.rpartition("/")[2].startswith(step)


@pytest.mark.parametrize("step", ["loads", "session"])
async def test_3_a_challenge_page_at_another_step_is_told(step: Any) -> None:
    async with serve(Options(refusal=StepRefusal(step, 200, html=True))) as service:
        with pytest.raises(WebPageAnswered, match=r"Just a moment\.\.\.") as caught:
            await client_of(service.url).create_async("", ASK)
        assert caught.value.step == step


@pytest.mark.parametrize(
    "body",
    [
        b"Internal Server Error\n\n",
        b"data: Internal Server Error\n\n",
        b'data: {"message": null, "error": "Internal Server Error"}\n\n',
    ],
)
async def test_3_an_error_within_the_stream_is_told(body: bytes) -> None:
    with pytest.raises(AnswerFailed, match=r"^No valid response: .*Internal Server Error") as caught:
        await pieces_of(body)
    assert (caught.value.step, caught.value.status, caught.value.detail) == (
        "conversation",
        200,
        "Internal Server Error",
    )


@pytest.mark.parametrize("body", [b"", DONE, say("") + DONE, b"event: ping\ndata: 1\n\n" + DONE, say("x", role="tool")])
async def test_3_no_answer_at_all_is_the_runtime_error_that_it_was(body: bytes) -> None:
    with pytest.raises(RuntimeError, match=r"^No valid response") as caught:
        await pieces_of(body)
    assert type(caught.value) is NoValidResponse


async def test_3_what_is_told_holds_no_secret() -> None:
    """A service may repeat in its error what it was sent."""
    told = []

    async def repeat(request: web.Request) -> web.Response:
        told.append((request.headers["X-Authorization"], request.headers["Cookie"]))
        return web.json_response({"detail": f"{told[-1][0]} with {told[-1][1]} is too busy"}, status=429)

    login = web.Response(headers={"Set-Cookie": "credential=c0ffee-c0ffee-c0ffee; Path=/"})
    session = web.json_response({"accessToken": "a-t0ken-of-20-letters"})
    async with answering(login=login, session=session, conversation=repeat) as (url, _):
        with pytest.raises(StepRefused, match="is too busy") as caught:
            await client_of(url.replace("http://", "http://me:pa55word@")).create_async("", ASK)
    assert told == [("Bearer a-t0ken-of-20-letters", "credential=c0ffee-c0ffee-c0ffee")]
    shown = f"{caught.value} {caught.value.args}"
    assert "REDACTED" in shown
    assert [secret for secret in ("t0ken", "c0ffee", "pa55word") if secret in shown] == []
    assert caught.value.url == url


# --- 4 ---


async def test_4_a_stale_token_is_renewed_once() -> None:
    async with serve(Options(text="Hello", stale_tokens=1)) as service:
        client = client_of(service.url)
        assert await client.create_async("", ASK) == "Hello"
        asked = [request.uri.rpartition("/")[2].partition("?")[0] for request in service.requests]
        assert asked == ["loads", "login", "session", "conversation"] * 2
        assert service.requests[3].body == service.requests[7].body
        assert await client.create_async("", ASK) == "Hello"
        assert len(service.requests) == 9


async def test_4_a_token_kept_from_yesterday_is_renewed() -> None:
    async with serve(Options(text="Hello")) as service:
        client = client_of(service.url, _access_token="yesterday's")
        assert await client.create_async("", ASK) == "Hello"
        assert client._access_token not in ("yesterday's", None)
        assert len(service.requests) == 5


async def test_4_a_token_refused_twice_is_an_error_and_the_next_call_logs_in_again() -> None:
    async with serve(Options(text="Hello", stale_tokens=2)) as service:
        client = client_of(service.url)
        with pytest.raises(TokenRefused, match="a new login did not help") as caught:
            await client.create_async("", ASK)
        assert (caught.value.status, caught.value.code, caught.value.step) == (401, "token_expired", "conversation")
        assert len(service.requests) == 8
        assert await client.create_async("", ASK) == "Hello"
        assert len(service.requests) == 12


@pytest.mark.parametrize("code", ["expired_session_key", "invalid_api_key", "token_expired"])
@pytest.mark.parametrize("status", [200, 401, 403])
async def test_4_each_code_that_asks_for_a_login_gets_one(code: str, status: int) -> None:
    async with serve(Options(text="Hello", refusal=StepRefusal(status=status, code=code, times=1))) as service:
        assert await client_of(service.url).create_async("", ASK) == "Hello"
        assert len(service.requests) == 8


async def test_4_a_401_without_a_code_gets_one_too_and_another_status_none() -> None:
    async with serve(Options(text="Hello", refusal=StepRefusal(status=401, html=True, times=1))) as service:
        assert await client_of(service.url).create_async("", ASK) == "Hello"
    async with serve(Options(text="Hello", refusal=StepRefusal(status=403, times=1))) as service:
        with pytest.raises(StepRefused):
            await client_of(service.url).create_async("", ASK)
        assert len(service.requests) == 4


EXPIRED = b'data: {"error": {"message": "Log in.", "code": "token_expired"}}\n\n'


async def test_4_a_code_within_the_stream_asks_for_a_login_before_the_first_text_only() -> None:
    async with serve(Options(body=EXPIRED)) as service:
        with pytest.raises(TokenRefused, match="Log in"):
            await client_of(service.url).create_async("", ASK)
        assert len(service.requests) == 8
    async with serve(Options(body=say("Hel") + EXPIRED)) as service:
        pieces = []
        with pytest.raises(AnswerFailed, match="Log in"):
            async for piece in client_of(service.url).create_async_generator("", ASK):
                pieces.append(piece)  # noqa: PERF401
        assert (pieces, len(service.requests)) == (["Hel"], 4)


# --- 5 ---


def logins(service: Service) -> int:
    return sum(request.uri.endswith("/auth/login") for request in service.requests)


async def test_5_first_calls_at_once_make_one_login() -> None:
    async with serve(Options(text="Hello")) as service:
        client = client_of(service.url)
        assert await asyncio.gather(*(client.create_async("", ASK) for _ in range(5))) == ["Hello"] * 5
        assert logins(service) == 1
        assert len(service.requests) == 3 + 5


async def test_5_calls_that_meet_a_stale_token_at_once_renew_it_once() -> None:
    async with serve(Options(text="Hello", stale_tokens=1)) as service:
        client = client_of(service.url)
        assert await asyncio.gather(*(client.create_async("", ASK) for _ in range(5))) == ["Hello"] * 5
        assert logins(service) == 2


async def test_5_a_login_that_fails_lets_the_next_call_try() -> None:
    async with serve(Options(text="Hello", refusal=StepRefusal("login", 503, times=2))) as service:
        client = client_of(service.url)
        results = await asyncio.gather(*(client.create_async("", ASK) for _ in range(4)), return_exceptions=True)
        assert [type(result) for result in results] == [StepRefused, StepRefused, str, str]
        assert logins(service) == 3


async def test_5_a_cancelled_first_call_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async with serve(Options(text="Hello")) as service:
        client = client_of(service.url)
        calls = [asyncio.create_task(client.create_async("", ASK)) for _ in range(3)]
        async with asyncio.timeout(PATIENCE):
            while not service.requests:  # noqa: ASYNC110
                await asyncio.sleep(0)
        calls[0].cancel()
        calls[1].cancel()
        first, second, third = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(first, asyncio.CancelledError)
        assert isinstance(second, asyncio.CancelledError)
        assert third == "Hello"
        assert logins(service) == 1
    assert caplog.records == []


# --- 6 ---


async def test_6_a_text_that_was_rewritten_comes_again_as_a_whole() -> None:
    body = say("Hello wrold") + say("Hello world, ") + say("Hello world, all", final=True) + DONE
    pieces = await pieces_of(body)
    assert pieces == ["Hello wrold", "Hello world, ", "all"]
    assert [isinstance(piece, Rewritten) for piece in pieces] == [False, True, False]
    async with serve(Options(body=body)) as service:
        assert await client_of(service.url).create_async("", ASK) == "Hello world, all"


async def test_6_half_an_emoji_is_no_text() -> None:
    body = say("Hi \ufffd") + say("Hi 🙂") + say("Hi 🙂!", final=True) + DONE
    assert await pieces_of(body) == ["Hi ", "🙂", "!"]


async def test_6_a_second_message_comes_after_the_first() -> None:
    body = say("One. ", "1", final=True) + say("Tw", "2") + say("Two.", "2", final=True) + DONE
    assert await pieces_of(body) == ["One. ", "Tw", "o."]


async def test_6_a_rewrite_of_either_message_keeps_the_other() -> None:
    first = say("One. ", "1", final=True) + say("Two.", "2", final=True) + say("1. ", "1", final=True) + DONE
    second = say("One. ", "1", final=True) + say("Two.", "2") + say("2.", "2", final=True) + DONE
    assert await pieces_of(first) == ["One. ", "Two.", "1. Two."]
    assert await pieces_of(second) == ["One. ", "Two.", "One. 2."]


# --- 7 ---


async def test_7_only_the_assistant_speaking_to_the_user_is_the_answer() -> None:
    body = (
        say("be kind", "s", "system")
        + say("Hi", "u", "user")
        + say("search()", "t", recipient="browser")
        + say("a page", "r", "tool")
        + say("{}", "c", content={"content_type": "code", "text": "x"})
        + say("Hello", final=True)
        + DONE
    )
    assert await pieces_of(body) == ["Hello"]


async def test_7_the_stand_ins_noise_is_no_answer_either() -> None:
    noise = frozenset({"system", "echo", "tool", "ping", "moderation"})
    assert "".join(await pieces_of(Options(text="Hello", noise=noise))) == "Hello"


# --- 8 ---


async def test_8_an_empty_last_text_ends_the_answer() -> None:
    assert await pieces_of(say("Hello") + say("", final=True) + DONE) == ["Hello"]


# --- 9 ---


async def test_9_the_rest_of_an_answer_cut_by_its_length_is_told() -> None:
    rest: dict[str, Any] = {"metadata": {"message_type": "continue"}}
    body = say("Once upon ", final=True) + say("Once upon a time", **rest, final=True) + DONE
    assert "".join(await pieces_of(body)) == "Once upon a time"


async def test_9_a_variant_is_an_answer() -> None:
    variant: dict[str, Any] = {"metadata": {"message_type": "variant"}}
    assert await pieces_of(say("Hel", **variant) + say("Hello", **variant, final=True) + DONE) == ["Hel", "lo"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
async def test_9_lines_are_read_by_the_standard(end: bytes) -> None:
    compact = (say("Hel") + say("Hello", final=True) + DONE).replace(b"data: ", b"data:")
    several = say("Hel").replace(b', "conversation_id', b',\ndata: "conversation_id') + say("Hello", final=True) + DONE
    assert several.count(b"data:") == 4
    for body in (compact, several):
        assert await pieces_of(body.replace(b"\n", end)) == ["Hel", "lo"]


# --- 10 ---


async def test_10_a_line_beyond_half_a_mebibyte_is_read() -> None:
    text = "🙂" * 100_000
    body = say(text, final=True) + DONE
    assert len(body) > 1024 * 1024
    assert await pieces_of(body) == [text]


async def test_10_a_question_beyond_a_mebibyte_is_sent() -> None:
    async with serve(Options(text="Hello")) as service:
        asked = [{"role": "user", "content": "a" * 1_500_000}]
        assert await client_of(service.url).create_async("", asked) == "Hello"


# --- 11 ---


def test_11_no_messages_are_an_error_before_anything_is_sent() -> None:
    with pytest.raises(BadMessages):
        client_of("http://localhost:1").create_async_generator("", [])


async def test_11_no_loads_have_a_name() -> None:
    async with serve(Options(accounts=0)) as service:
        with pytest.raises(NoLoads, match="no loads") as caught:
            await client_of(service.url).create_async("", ASK)
        assert (caught.value.step, len(service.requests)) == ("loads", 1)


async def test_11_an_account_that_is_free_is_taken_first_and_any_other_when_none_is() -> None:
    async with serve(Options(text="Hello", accounts=5, busy=4)) as service:
        assert await client_of(service.url).create_async("", ASK) == "Hello"
        free = await client_of(service.url).create_async("", ASK)
        chosen = {request.body.split(b"&")[0] for request in service.requests if request.uri.endswith("login")}
        assert (free, len(chosen)) == ("Hello", 1)
    async with serve(Options(text="Hello", accounts=1, busy=1)) as service:
        assert await client_of(service.url).create_async("", ASK) == "Hello"


@pytest.mark.parametrize(
    ("step", "answer", "field"),
    [
        ("loads", {}, "loads"),
        ("loads", [], "loads"),
        ("loads", {"loads": {}}, "loads"),
        ("loads", {"loads": [{}]}, "loads[].token_id"),
        ("loads", {"loads": [{"token_id": 1}, "a"]}, "loads[].token_id"),
        ("session", {}, "accessToken"),
        ("session", {"accessToken": ""}, "accessToken"),
        ("session", {"accessToken": None}, "accessToken"),
        ("session", [], "accessToken"),
    ],
    ids=str,
)
async def test_11_a_missing_field_has_a_name(step: str, answer: Any, field: str) -> None:
    async with answering(**{step: web.json_response(answer)}) as (url, asked):
        with pytest.raises(FieldMissing) as caught:
            await client_of(url).create_async("", ASK)
    assert (caught.value.step, caught.value.field, caught.value.status) == (step, field, 200)
    assert field in str(caught.value)
    assert asked[-1] == step


async def test_11_what_the_service_says_about_a_missing_field_is_told() -> None:
    sorry = web.json_response({"detail": {"message": "Come back later", "code": "busy"}})
    async with answering(session=sorry) as (url, _):
        with pytest.raises(FieldMissing, match=r"Come back later \(busy\)"):
            await client_of(url).create_async("", ASK)


async def test_11_an_answer_that_is_no_json_has_a_name() -> None:
    async with answering(loads=web.Response(text="soon")) as (url, _):
        with pytest.raises(WrongContent, match=r"wanted: JSON: soon") as caught:
            await client_of(url).create_async("", ASK)
    assert (caught.value.step, caught.value.got) == ("loads", "text/plain")


async def test_11_of_an_answer_without_end_no_more_than_a_mebibyte_is_read() -> None:
    async def for_ever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 No\r\n\r\n")
        with suppress(ConnectionError):
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()

    async with await asyncio.start_server(for_ever, "127.0.0.1", 0) as server, asyncio.timeout(PATIENCE):
        url = f"http://localhost:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(StepRefused) as caught:
            await client_of(url).create_async("", ASK)
    assert len(caught.value.detail) == 4096
    assert len(str(caught.value)) < 1000


# --- 12 ---


@pytest.mark.parametrize("cuts", ["event", "byte", "utf8", "random"])
async def test_12_no_piece_is_empty(cuts: Any) -> None:
    pieces = await pieces_of(Options(cuts=cuts, seed=2))
    assert all(pieces)
    assert len(pieces) > 5


async def test_12_nor_after_events_that_repeat_the_text() -> None:
    assert await pieces_of(say("") + say("Hi") + say("Hi") + say("Hi", final=True) + DONE) == ["Hi"]


# --- 13 ---


def test_13_each_password_has_a_letter_and_a_digit() -> None:
    client = client_of("http://localhost:1", _random=Random(13))
    passwords = [client._new_password() for _ in range(3000)]
    allowed = set(string.ascii_lowercase + string.digits)
    for password in passwords:
        assert len(password) == 10
        assert set(password) <= allowed
        assert not password.isalpha()
        assert not password.isdigit()
    assert len(set(passwords)) == 3000
    assert {password[0] for password in passwords} == allowed


# --- and what the list does not have ---


async def test_an_answer_that_ends_in_the_middle_is_an_error_after_its_text() -> None:
    pieces = []
    async with serve(Options(body=say("Hel") + say("Hello \ufffd"))) as service:
        with pytest.raises(AnswerCutOff, match="before the answer was complete"):
            async for piece in client_of(service.url).create_async_generator("", ASK):
                pieces.append(piece)  # noqa: PERF401
    assert "".join(pieces) == "Hello \ufffd"


async def test_an_answer_that_says_it_is_complete_needs_no_end_mark() -> None:
    assert await pieces_of(say("Hello", final=True)) == ["Hello"]
    with pytest.raises(AnswerCutOff):
        await pieces_of(say("Hello", "1", final=True) + say("And", "2"))
