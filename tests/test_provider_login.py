"""When the client logs in, and how often: faults 4, 5 and 13 of the historical one."""

from __future__ import annotations

import asyncio
import string
from random import Random

import pytest
from support.asking import ASK, client_of, logins, say
from support.patience import PATIENCE

from fakegpt_testkit.errors import AnswerFailed, StepRefused, TokenRefused
from fakegpt_testkit.fakegpt.stand_in import Options, StepRefusal, serve


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
