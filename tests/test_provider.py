"""FakeGpt over real sockets: what it sends, the ways of asking it, and its errors."""

from __future__ import annotations

import asyncio
import collections.abc
import json
import pickle
import uuid
from random import Random
from typing import Any
from urllib.parse import parse_qs

import pytest
from support.asking import ASK, DONE, answering, client_of, logins, say
from support.patience import PATIENCE

import fakegpt_testkit.errors
from fakegpt_testkit.errors import FakeGptTestkitError, ProviderError, UnknownKeywords
from fakegpt_testkit.exchange import Request, header
from fakegpt_testkit.fakegpt.answers import AnswerStream, AsyncGeneratorProvider, Rewritten
from fakegpt_testkit.fakegpt.provider import FakeGpt
from fakegpt_testkit.fakegpt.stand_in import Options, serve, serve_in_thread

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
