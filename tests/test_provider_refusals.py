"""What a service says instead of an answer is told by the client: faults 3 and 11 of the historical one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web
from support.asking import ASK, DONE, answering, client_of, pieces_of, say
from support.patience import PATIENCE

from fakegpt_testkit.errors import (
    AnswerFailed,
    BadMessages,
    FakeGptTestkitError,
    FieldMissing,
    NoLoads,
    NoValidResponse,
    ProviderError,
    StepRefused,
    WebPageAnswered,
    WrongContent,
)
from fakegpt_testkit.fakegpt.stand_in import Options, StepRefusal, serve

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
