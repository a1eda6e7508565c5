"""The stand-in service: the steps of docs/protocol.md as an aiohttp.web application that refuses like a service does.

Knows nothing of sockets and ports, nor of recording; it says in each response that it is a stand-in.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, NoReturn

from aiohttp import web

from fakegpt_testkit.exchange import Request
from fakegpt_testkit.fakegpt.site import CONVERSATION, LOADS, LOGIN, SESSION
from fakegpt_testkit.fakegpt.stand_in import answer
from fakegpt_testkit.fakegpt.stand_in.sending import send

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from fakegpt_testkit.fakegpt.scripting import Step
    from fakegpt_testkit.fakegpt.stand_in.options import Options

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

COOKIE: Final = "credential"

_MOST_BODY = 4 * 1024 * 1024
_REMEMBERED = 1000  # requests kept for tests: a service left running must not grow without end
_CHALLENGE = (
    '<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head><body>'
    "<noscript>Enable JavaScript and cookies to continue</noscript></body></html>"
)
_WANTED = (
    'The body must have action "next", messages of id, author {"role": "user"} and content {"parts": [text]}, '
    "parent_message_id and model."
)
_PASSWORD = re.compile(r"(?=.*[a-z])(?=.*[0-9])[a-z0-9]{8,}", re.IGNORECASE)


@dataclass(slots=True)
class State:
    """What the service remembers: who is logged in, and what it was asked."""

    options: Options
    accounts: tuple[str, ...]
    requests: deque[Request] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    logins: dict[str, str] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    refused: int = 0
    streams: set[asyncio.Task[Any]] = field(default_factory=set)


STATE: Final = web.AppKey("state", State)


def make_app(options: Options) -> web.Application:
    """A service with nobody logged in yet."""
    app = web.Application(middlewares=[_as_json, _note, _refuse], client_max_size=_MOST_BODY)
    app[STATE] = State(options, tuple(_account(options, number) for number in range(options.accounts)))
    app.add_routes(
        [
            web.get("/", _home),
            web.get(LOADS, _loads),
            web.post(LOGIN, _login),
            web.get(SESSION, _session),
            web.post(CONVERSATION, _conversation),
        ]
    )
    app.on_response_prepare.append(_name_itself)
    app.on_shutdown.append(_end_streams)
    return app


def server_name(options: Options) -> str:
    """What the service says of itself in every response's ``Server`` field."""
    return f"fakegpt-testkit-upstream/{_version()} (seed {options.seed})"


@cache
def _version() -> str:
    return version("fakegpt-testkit")


async def _name_itself(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = server_name(request.app[STATE].options)


async def _end_streams(app: web.Application) -> None:
    for stream in tuple(app[STATE].streams):
        stream.cancel()


# --- what stands before every step, in this order ---


@web.middleware
async def _as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as refused:
        if refused.content_type == "application/json":
            raise
        return web.json_response({"detail": refused.reason}, status=refused.status, headers=_allowed(refused))


def _allowed(refused: web.HTTPException) -> dict[str, str]:
    return {"Allow": refused.headers["Allow"]} if "Allow" in refused.headers else {}


@web.middleware
async def _note(request: web.Request, handler: Handler) -> web.StreamResponse:
    body = await request.read()
    headers = tuple((name.decode(), value.decode("utf-8", "replace")) for name, value in request.raw_headers)
    uri = f"{request.scheme}://{request.host}{request.raw_path}"  # request.url fails on aiohttp 3.9 with a new yarl
    request.app[STATE].requests.append(Request(request.method, uri, headers, body))
    return await handler(request)


_STEPS: Final[dict[str, Step]] = {
    LOADS: "loads",
    LOGIN: "login",
    SESSION: "session",
    CONVERSATION: "conversation",
}


@web.middleware
async def _refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
    state = request.app[STATE]
    refusal = state.options.refusal
    if refusal is None or refusal.step != _STEPS.get(request.path):
        return await handler(request)
    if refusal.times is not None and state.refused >= refusal.times:
        return await handler(request)
    state.refused += 1
    if refusal.html:
        challenge = {"cf-mitigated": "challenge"}
        return web.Response(text=_CHALLENGE, content_type="text/html", status=refusal.status, headers=challenge)
    return web.json_response(_detail(refusal.detail, refusal.code), status=refusal.status)


# --- the steps ---


async def _home(_: web.Request) -> web.Response:
    return web.Response(text="<!DOCTYPE html><title>A stand-in for tests</title>", content_type="text/html")


async def _loads(request: web.Request) -> web.Response:
    state = request.app[STATE]
    if not request.query.get("t", "").isdecimal():
        _refuse_with(422, "The query parameter t must be the time in whole seconds.")
    loads = [
        {"token_id": account, "count": int(number < state.options.busy)}
        for number, account in enumerate(state.accounts)
    ]
    return web.json_response({"loads": loads})


async def _login(request: web.Request) -> web.StreamResponse:
    state = request.app[STATE]
    if request.content_type != "application/x-www-form-urlencoded":
        _refuse_with(415, "The login is a form: application/x-www-form-urlencoded.")
    form = await request.post()
    for name in ("token_key", "session_password"):
        if not form.get(name):
            _refuse_with(422, f"The form field {name} is missing.")
    if form["token_key"] not in state.accounts:
        _refuse_with(401, "The token_key is not one of the loads.")
    if not _PASSWORD.fullmatch(str(form["session_password"])):
        _refuse_with(400, "The session_password needs 8 or more of a-z and 0-9, with a letter and a digit.")
    number = len(state.logins)
    cookie = answer.dice(state.options, "cookie", number).randbytes(24).hex()
    state.logins[cookie] = _token(state.options, number)
    if number < state.options.stale_tokens:
        state.stale.add(state.logins[cookie])
    response: web.StreamResponse
    if state.options.redirect:
        response = web.Response(status=302, headers={"Location": "/"})
    else:
        response = web.json_response({"login": "ok"})
    response.set_cookie(COOKIE, cookie, path="/", httponly=True, samesite="Lax")
    return response


async def _session(request: web.Request) -> web.Response:
    state = request.app[STATE]
    token = state.logins.get(request.cookies.get(COOKIE, ""))
    if token is None:
        return web.json_response({})
    expires = (answer.FIRST_MOMENT + timedelta(days=90)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    name = answer.dice(state.options, "user", token).randbytes(4).hex()
    user: dict[str, object] = {
        "id": f"user-{name}",
        "name": name,
        "email": f"{name}@example.com",
        "image": None,
        "groups": [],
    }
    return web.json_response({"user": user, "expires": expires, "accessToken": token, "authProvider": "auth0"})


async def _conversation(request: web.Request) -> web.StreamResponse:
    state = request.app[STATE]
    _check_access(state, request)
    model, asked, prompt = _asked(request, await request.read())
    stream = answer.events(state.options, prompt, model, asked)
    chunks = answer.cut(stream, state.options.cuts, answer.dice(state.options, "cuts", prompt))
    status = 202 if "other-status" in state.options.drift else 200
    response = web.StreamResponse(status=status, headers={"Content-Type": "text/event-stream; charset=utf-8"})
    response.headers["Cache-Control"] = "no-cache"
    with _streaming(state), suppress(ConnectionError):  # the client left: nobody is there to be told
        await response.prepare(request)
        await send(request, response, chunks, state.options)
    return response


@contextmanager
def _streaming(state: State) -> Iterator[None]:
    task = asyncio.current_task()
    assert task is not None  # a handler runs in a task; this is for the type checker
    state.streams.add(task)
    try:
        yield
    finally:
        state.streams.discard(task)


# --- what the steps check ---


def _check_access(state: State, request: web.Request) -> None:
    expected = state.logins.get(request.cookies.get(COOKIE, ""))
    if expected is None:
        _refuse_with(401, "Your session has expired. Please log in again.", "expired_session_key")
    scheme, _, token = request.headers.get("X-Authorization", "").partition(" ")
    if scheme != "Bearer" or not token:
        _refuse_with(401, "X-Authorization: Bearer <accessToken> is missing.", "invalid_api_key")
    if token != expected:
        _refuse_with(401, "The access token is not the one of this session.", "invalid_api_key")
    if token in state.stale:
        _refuse_with(401, "Your authentication token has expired. Please log in again.", "token_expired")


def _asked(request: web.Request, body: bytes) -> tuple[str, str, str]:
    """The model, the id of the user's message and the prompt; what does not fit the protocol is refused."""
    if request.content_type != "application/json":
        _refuse_with(415, "The body is JSON: application/json.")
    if "text/event-stream" not in request.headers.get("Accept", ""):
        _refuse_with(406, "The answer is an event stream: Accept: text/event-stream.")
    try:
        asked = json.loads(body)
    except ValueError as broken:
        _refuse_with(422, f"The body is not JSON: {broken}.")
    match asked:
        case {
            "action": "next",
            "messages": [*_, {"id": str(asked_id), "author": {"role": "user"}, "content": {"parts": [str(prompt)]}}],
            "parent_message_id": str(),
            "model": str(model),
        } if model:
            return model, asked_id, prompt
    return _refuse_with(422, _WANTED)


def _refuse_with(status: int, detail: str, code: str = "") -> NoReturn:
    body = json.dumps(_detail(detail, code))
    by_status = {400: web.HTTPBadRequest, 401: web.HTTPUnauthorized, 406: web.HTTPNotAcceptable}
    by_status |= {415: web.HTTPUnsupportedMediaType, 422: web.HTTPUnprocessableEntity}
    raise by_status[status](text=body, content_type="application/json")


def _detail(detail: str, code: str) -> dict[str, object]:
    if not code:
        return {"detail": detail}
    return {"detail": {"message": detail, "type": "invalid_request_error", "param": None, "code": code}}


# --- what is handed out ---


def _account(options: Options, number: int) -> str:
    return answer.dice(options, "account", number).randbytes(8).hex()


def _token(options: Options, number: int) -> str:
    """An access token that looks like one: three base64url parts, the first two of them JSON."""
    claims = {"iss": "fakegpt-testkit-upstream", "seed": options.seed, "login": number}
    signature = answer.dice(options, "token", number).randbytes(64)
    parts = (json.dumps({"alg": "RS256", "typ": "JWT"}).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
