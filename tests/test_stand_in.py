"""The stand-in service, asked over real sockets: its steps, its refusals, its options."""

from __future__ import annotations

import io
import json
from typing import Any

import aiohttp
import pytest
from support.visiting import BODY, PASSWORD, Visitor, visiting

from fakegpt_testkit.errors import BadSetting, FakeGptTestkitError
from fakegpt_testkit.fakegpt.conversation import request_body
from fakegpt_testkit.fakegpt.stand_in import Options, StepRefusal, server_name
from fakegpt_testkit.sse import parse

# --- the flow ---


async def test_the_four_steps_lead_to_an_answer() -> None:
    async with visiting(Options(text="Hello, world")) as (visitor, service):
        token = await visitor.log_in()
        async with visitor.ask(token) as response:
            events = parse(await response.read())
    assert response.status == 200
    assert response.content_type == "text/event-stream"
    assert json.loads(events[0].data)["message"]["content"]["parts"] == [""]
    assert json.loads(events[-2].data)["message"]["content"]["parts"] == ["Hello, world"]
    assert events[-1].data == "[DONE]"
    assert [request.method for request in service.requests] == ["GET", "POST", "GET", "POST"]
    assert service.requests[0].uri == f"{service.url}/api/loads?t=1700000000"
    assert json.loads(service.requests[-1].body) == BODY
    assert ("Accept", "text/event-stream") in service.requests[-1].headers


async def everything(options: Options) -> list[Any]:
    """All that a service hands out: loads, cookie, session, stream."""
    async with visiting(options) as (visitor, _):
        loads = await visitor.loads()
        token = await visitor.log_in()
        session = await visitor.session_answer()
        cookies = [cookie.value for cookie in visitor.session.cookie_jar]
        async with visitor.ask(token) as response:
            return [loads, cookies, session, [piece async for piece, _ in response.content.iter_chunks()]]


async def test_the_same_seed_gives_the_same_answers_and_another_seed_gives_others() -> None:
    one, again, other = [await everything(Options(seed=seed, cuts="random")) for seed in (1, 1, 2)]
    assert one == again
    assert all(mine != theirs for mine, theirs in zip(one, other, strict=True))


async def test_the_answer_depends_on_the_prompt() -> None:
    other = json.loads(request_body([{"role": "user", "content": "Bye"}], message_id="m", parent_message_id="p"))
    async with visiting() as (visitor, _):
        token = await visitor.log_in()
        bodies = []
        for body in (BODY, other, BODY):
            async with visitor.ask(token, body) as response:
                bodies.append(await response.read())
    assert bodies[0] == bodies[2] != bodies[1]


async def test_the_loads_say_which_accounts_are_in_use() -> None:
    async with visiting(Options(accounts=3, busy=2)) as (visitor, _):
        _, answer = await visitor.loads()
    assert [load["count"] for load in answer["loads"]] == [1, 1, 0]
    assert len({load["token_id"] for load in answer["loads"]}) == 3


async def test_each_login_gets_its_own_cookie_and_token() -> None:
    async with visiting() as (visitor, service):
        first = await visitor.log_in()
        async with aiohttp.ClientSession() as session:
            second = await Visitor(session, service.url).log_in()
        assert first != second
        assert (await visitor.refused(second))[1]["code"] == "invalid_api_key"


async def test_a_login_may_be_answered_with_a_redirect() -> None:
    async with visiting(Options(redirect=True)) as (visitor, service):
        _, loads = await visitor.loads()
        form = {"token_key": loads["loads"][0]["token_id"], "session_password": PASSWORD}
        async with visitor.session.post(f"{service.url}/auth/login", data=form) as response:
            assert [step.status for step in response.history] == [302]
            assert response.status == 200
        assert (await visitor.session_answer())["user"]["email"].endswith("@example.com")


# --- what is refused ---


async def test_without_a_login_the_session_is_empty() -> None:
    async with visiting() as (visitor, _):
        assert await visitor.session_answer() == {}
        visitor.session.cookie_jar.update_cookies({"credential": "made up"})
        assert await visitor.session_answer() == {}


@pytest.mark.parametrize("query", [{"t": ""}, {"t": "now"}, {"when": "1"}], ids=str)
async def test_the_loads_want_the_time(query: dict[str, str]) -> None:
    async with visiting() as (visitor, _):
        status, answer = await visitor.loads(**query)
    assert status == 422
    assert "time" in answer["detail"]


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        pytest.param({"token_key": None}, 422, "token_key is missing", id="no token_key"),
        pytest.param({"token_key": ""}, 422, "token_key is missing", id="empty token_key"),
        pytest.param({"session_password": None}, 422, "session_password is missing", id="no password"),
        pytest.param({"token_key": "unknown"}, 401, "not one of the loads", id="unknown account"),
        pytest.param({"session_password": "abcdefghij"}, 400, "letter and a digit", id="password without a digit"),
        pytest.param({"session_password": "1234567890"}, 400, "letter and a digit", id="password without a letter"),
        pytest.param({"session_password": "abc1"}, 400, "8 or more", id="short password"),
        pytest.param({"session_password": "abcdefgh-12"}, 400, "a-z and 0-9", id="password with another character"),
    ],
)
async def test_a_wrong_form_is_refused(changes: dict[str, str | None], status: int, said: str) -> None:
    async with visiting() as (visitor, _):
        _, loads = await visitor.loads()
        form = {"token_key": loads["loads"][0]["token_id"], "session_password": PASSWORD, **changes}
        got, answer = await visitor.login({name: value for name, value in form.items() if value is not None})
        assert (got, said in answer["detail"]) == (status, True)
        assert await visitor.session_answer() == {}


async def test_a_login_that_is_no_form_is_refused() -> None:
    async with visiting() as (visitor, _):
        status, answer = await visitor.login(aiohttp.JsonPayload({"token_key": "a"}))
    assert status == 415
    assert "form" in answer["detail"]


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in BODY.items() if name != key}


@pytest.mark.parametrize(
    ("body", "headers", "status", "said"),
    [
        pytest.param(b"{", {}, 422, "not JSON", id="broken JSON"),
        pytest.param(b"\xff{}", {}, 422, "not JSON", id="no UTF-8"),
        pytest.param([], {}, 422, "must have", id="a list"),
        pytest.param(without("action"), {}, 422, "action", id="no action"),
        pytest.param({**BODY, "action": "variant"}, {}, 422, "action", id="another action"),
        pytest.param({**BODY, "messages": []}, {}, 422, "messages", id="no messages"),
        pytest.param({**BODY, "messages": [{}]}, {}, 422, "messages", id="an empty message"),
        pytest.param(without("parent_message_id"), {}, 422, "parent_message_id", id="no parent"),
        pytest.param({**BODY, "model": ""}, {}, 422, "model", id="empty model"),
        pytest.param(BODY, {"Content-Type": "text/plain"}, 415, "application/json", id="another type"),
        pytest.param(BODY, {"Accept": "text/html"}, 406, "event stream", id="another type wanted"),
    ],
)
async def test_a_malformed_question_is_refused(body: Any, headers: dict[str, str], status: int, said: str) -> None:
    async with visiting() as (visitor, _):
        got, detail = await visitor.refused(await visitor.log_in(), body, **headers)
    assert got == status
    assert said in detail


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param("", "invalid_api_key", id="no token"),
        pytest.param("Bearer", "invalid_api_key", id="empty token"),
        pytest.param("Basic {token}", "invalid_api_key", id="another scheme"),
        pytest.param("Bearer x{token}", "invalid_api_key", id="another token"),
    ],
)
async def test_a_question_without_the_token_is_refused(value: str, code: str) -> None:
    async with visiting() as (visitor, _):
        token = await visitor.log_in()
        status, detail = await visitor.refused(token, **{"X-Authorization": value.format(token=token)})
    assert (status, detail["code"]) == (401, code)
    assert detail["message"]


async def test_a_question_without_the_cookie_is_refused() -> None:
    async with visiting() as (visitor, _):
        token = await visitor.log_in()
        visitor.session.cookie_jar.clear()
        status, detail = await visitor.refused(token)
    assert (status, detail["code"]) == (401, "expired_session_key")


async def test_stale_tokens_are_the_first_ones_handed_out() -> None:
    async with visiting(Options(stale_tokens=2)) as (visitor, _):
        for _ in range(2):
            status, detail = await visitor.refused(await visitor.log_in())
            assert (status, detail["code"]) == (401, "token_expired")
        async with visitor.ask(await visitor.log_in()) as response:
            assert response.status == 200


@pytest.mark.parametrize("step", ["loads", "login", "session", "conversation"])
async def test_one_step_can_be_refused_for_a_while(step: Any) -> None:
    refusal = StepRefusal(step, 503, "Come back later", code="overloaded", times=2)
    paths = {"loads": "/api/loads?t=1", "login": "/auth/login", "session": "/api/auth/session"}
    path = paths.get(step, "/api/conversation")
    method = "POST" if step in ("login", "conversation") else "GET"
    async with visiting(Options(refusal=refusal)) as (visitor, service):
        for _ in range(2):
            async with visitor.session.request(method, service.url + path) as response:
                assert response.status == 503
                detail = (await response.json())["detail"]
                assert (detail["message"], detail["code"]) == ("Come back later", "overloaded")
        async with visitor.session.request(method, service.url + path) as response:
            assert response.status != 503


async def test_a_refusal_may_be_plain_and_last_for_ever() -> None:
    async with visiting(Options(refusal=StepRefusal("loads", 200, "No."))) as (visitor, _):
        assert [await visitor.loads() for _ in range(3)] == [(200, {"detail": "No."})] * 3


async def test_a_refusal_may_be_a_challenge_page() -> None:
    options = Options(refusal=StepRefusal("conversation", 403, html=True))
    async with visiting(options) as (visitor, _), visitor.ask(await visitor.log_in()) as response:
        assert (response.status, response.content_type) == (403, "text/html")
        assert response.headers["cf-mitigated"] == "challenge"
        assert "Just a moment" in await response.text()


async def test_a_body_beyond_the_bound_is_refused() -> None:
    async with visiting() as (visitor, service):
        async with visitor.ask("token", io.BytesIO(b"[" * (4 * 1024 * 1024 + 1))) as response:
            assert response.status == 413
            assert (await response.json())["detail"].endswith("Too Large")
        assert service.requests == ()


# --- what every response says ---


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/api/loads?t=1", 200),
        ("GET", "/api/loads", 422),
        ("GET", "/nowhere", 404),
        ("DELETE", "/api/loads", 405),
        ("POST", "/api/conversation", 401),
    ],
)
async def test_every_response_says_that_it_is_a_stand_ins(method: str, path: str, status: int) -> None:
    async with (
        visiting(Options(seed=7)) as (visitor, service),
        visitor.session.request(method, service.url + path) as response,
    ):
        assert response.status == status
        assert response.headers.getall("Server") == [service.name]
        if status >= 400:
            assert (await response.json())["detail"]
        if status == 405:
            assert "GET" in response.headers["Allow"]
    assert service.name == server_name(service.options)
    assert service.name.startswith("fakegpt-testkit-upstream/")
    assert service.name.endswith("(seed 7)")


async def test_a_stream_and_a_redirect_say_so_too() -> None:
    async with visiting(Options(redirect=True)) as (visitor, service):
        async with visitor.ask(await visitor.log_in()) as response:
            assert response.headers["Server"] == service.name
        form = {"token_key": (await visitor.loads())[1]["loads"][0]["token_id"], "session_password": PASSWORD}
        async with visitor.session.post(f"{service.url}/auth/login", data=form, allow_redirects=False) as response:
            assert (response.status, response.headers["Server"]) == (302, service.name)


# --- options ---


@pytest.mark.parametrize(
    ("make", "option"),
    [
        (lambda: Options(cuts="word"), "cuts"),  # type: ignore[arg-type]
        (lambda: Options(newline="\r"), "newline"),  # type: ignore[arg-type]
        (lambda: Options(finish="done"), "finish"),  # type: ignore[arg-type]
        (lambda: Options(ending="crash"), "ending"),  # type: ignore[arg-type]
        (lambda: Options(noise=frozenset({"ping", "pong"})), "noise"),
        (lambda: Options(drift=frozenset({"new-field", "old-field"})), "drift"),  # type: ignore[arg-type]
        (lambda: Options(delay=-1), "delay"),
        (lambda: Options(events=-1), "events"),
        (lambda: Options(accounts=1, busy=2), "busy"),
        (lambda: StepRefusal("logout"), "refusal.step"),  # type: ignore[arg-type]
        (lambda: StepRefusal(status=99), "refusal.status"),
    ],
)
def test_an_option_that_means_nothing_is_refused(make: Any, option: str) -> None:
    with pytest.raises(BadSetting, match=option) as caught:
        make()
    assert isinstance(caught.value, FakeGptTestkitError)
    assert caught.value.name == option
    assert repr(caught.value.value) in str(caught.value)
    assert caught.value.wanted in str(caught.value)
