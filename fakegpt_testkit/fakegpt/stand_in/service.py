"""The stand-in service: the steps of docs/protocol.md, each request answered by what this package's server plays.

Knows nothing of connections, nor of recording; it says in each response that it is a stand-in.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from importlib.metadata import version
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from fakegpt_testkit.exchange import Chunk, Head, Request, Tape, header
from fakegpt_testkit.fakegpt.stand_in import answer, streaming
from fakegpt_testkit.serving import Act
from fakegpt_testkit.serving.reading import Refused, content_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fakegpt_testkit.exchange import Headers
    from fakegpt_testkit.fakegpt.scripting import Step
    from fakegpt_testkit.fakegpt.stand_in.options import Options

COOKIE: Final = "credential"

_JSON: Final = "application/json; charset=utf-8"
_HTML: Final = "text/html; charset=utf-8"
_HOME: Final = "<!DOCTYPE html><title>A stand-in for tests</title>"
_CHALLENGE: Final = (
    '<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head><body>'
    "<noscript>Enable JavaScript and cookies to continue</noscript></body></html>"
)
_WANTED: Final = (
    'The body must have action "next", messages of id, author {"role": "user"} and content {"parts": [text]}, '
    "parent_message_id and model."
)
_TOO_LARGE: Final = "Request Entity Too Large"
_PASSWORD: Final = re.compile(r"(?=.*[a-z])(?=.*[0-9])[a-z0-9]{8,}", re.IGNORECASE)
_STATUSES: Final = frozenset(each.value for each in HTTPStatus)
_STEPS: Final[Mapping[str, Step]] = {
    "/api/loads": "loads",
    "/auth/login": "login",
    "/api/auth/session": "session",
    "/api/conversation": "conversation",
}


@dataclass(frozen=True, slots=True)
class _StepAnswer:
    """What is answered at once. ``before`` are the fields before the type, ``after`` those behind the size."""

    body: str
    status: int = 200
    kind: str = _JSON
    before: Headers = ()
    after: Headers = ()


class _RefusedStep(Exception):
    """A step that is not taken: the status, and the body that says why."""

    def __init__(self, status: int, detail: str, code: str = "") -> None:
        super().__init__(detail)
        self.reply = _told(_detail(detail, code), status)


@dataclass(slots=True)
class FakeGptStandIn:
    """Answers requests, and remembers who is logged in."""

    options: Options
    _logins: dict[str, str] = field(default_factory=dict)
    _stale: set[str] = field(default_factory=set)
    _refusals: int = 0

    @property
    def name(self) -> str:
        """What it says of itself in each response."""
        return server_name(self.options)

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts that the first step lists."""
        return tuple(_account(self.options, number) for number in range(self.options.accounts))

    def refused(self, refused: Refused) -> tuple[bytes, Headers]:
        """The answer to what cannot be read as a request, or is too large."""
        reply = _told({"detail": _TOO_LARGE if refused.status == 413 else str(refused)}, refused.status)
        return reply.body.encode(), self._fields(reply)

    def act(self, request: Request, *, framed: bool) -> Act:
        """The answer to a request; ``framed``: its client knows HTTP chunks."""
        try:
            reply = self._take_step(replace(request, body=content_of(request)), framed=framed)
        except Refused as unread:
            reply = _told(_detail(str(unread), ""), unread.status)
        except _RefusedStep as refused:
            reply = refused.reply
        if isinstance(reply, Act):
            return reply
        body = (Chunk(0.0, reply.body.encode()),) if reply.body else ()
        return Act(Tape(Head(reply.status, _phrase(reply.status), self._fields(reply)), body))

    def _take_step(self, request: Request, *, framed: bool) -> _StepAnswer | Act:
        steps: dict[str, tuple[str, Callable[[Request], _StepAnswer]]] = {
            "/": ("GET", lambda _: _StepAnswer(_HOME, kind=_HTML)),
            "/api/loads": ("GET", self._loads),
            "/auth/login": ("POST", self._login),
            "/api/auth/session": ("GET", self._session),
        }
        self._refuse(request.path)
        if request.path == "/api/conversation":
            _allow(request, "POST")
            return self._converse(request, framed=framed)
        if request.path not in steps:
            return _told({"detail": "Not Found"}, 404)
        method, step = steps[request.path]
        _allow(request, method)
        return step(request)

    def _refuse(self, path: str) -> None:
        refusal = self.options.refusal
        if refusal is None or refusal.step != _STEPS.get(path):
            return
        if refusal.times is not None and self._refusals >= refusal.times:
            return
        self._refusals += 1
        refused = _RefusedStep(refusal.status, refusal.detail, refusal.code)
        if refusal.html:
            refused.reply = _StepAnswer(_CHALLENGE, refusal.status, _HTML, before=(("cf-mitigated", "challenge"),))
        raise refused

    def _fields(self, reply: _StepAnswer) -> Headers:
        kind = (("Content-Type", reply.kind),) if reply.body else ()
        size = ("Content-Length", str(len(reply.body.encode())))
        return (*reply.before, *kind, size, *reply.after, *_signed(self.options))

    # --- the steps ---

    def _loads(self, request: Request) -> _StepAnswer:
        if not _first(parse_qs(request.uri.partition("?")[2]), "t").isdecimal():
            raise _RefusedStep(422, "The query parameter t must be the time in whole seconds.")
        loads = [
            {"token_id": account, "count": int(number < self.options.busy)}
            for number, account in enumerate(self.accounts)
        ]
        return _told({"loads": loads})

    def _login(self, request: Request) -> _StepAnswer:
        if _media(request) != "application/x-www-form-urlencoded":
            raise _RefusedStep(415, "The login is a form: application/x-www-form-urlencoded.")
        form = parse_qs(request.body.decode("utf-8", "replace"))
        for name in ("token_key", "session_password"):
            if not _first(form, name):
                raise _RefusedStep(422, f"The form field {name} is missing.")
        if _first(form, "token_key") not in self.accounts:
            raise _RefusedStep(401, "The token_key is not one of the loads.")
        if not _PASSWORD.fullmatch(_first(form, "session_password")):
            raise _RefusedStep(400, "The session_password needs 8 or more of a-z and 0-9, with a letter and a digit.")
        number = len(self._logins)
        cookie = answer.dice(self.options, "cookie", number).randbytes(24).hex()
        self._logins[cookie] = _token(self.options, number)
        if number < self.options.stale_tokens:
            self._stale.add(self._logins[cookie])
        given = (("Set-Cookie", f"{COOKIE}={cookie}; HttpOnly; Path=/; SameSite=Lax"),)
        if self.options.redirect:
            return _StepAnswer("", 302, before=(("Location", "/"),), after=given)
        return _StepAnswer(json.dumps({"login": "ok"}), after=given)

    def _session(self, request: Request) -> _StepAnswer:
        token = self._logins.get(_cookie(request))
        if token is None:
            return _told({})
        expires = (answer.FIRST_MOMENT + timedelta(days=90)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        name = answer.dice(self.options, "user", token).randbytes(4).hex()
        user: dict[str, object] = {
            "id": f"user-{name}",
            "name": name,
            "email": f"{name}@example.com",
            "image": None,
            "groups": [],
        }
        return _told({"user": user, "expires": expires, "accessToken": token, "authProvider": "auth0"})

    def _converse(self, request: Request, *, framed: bool) -> Act:
        self._check_access(request)
        model, asked_id, prompt = _question(request)
        stream = answer.events(self.options, prompt, model, asked_id)
        chunks = answer.cut(stream, self.options.cuts, answer.dice(self.options, "cuts", prompt))
        fields = (
            ("Content-Type", "text/event-stream; charset=utf-8"),
            ("Cache-Control", "no-cache"),
            ("Transfer-Encoding", "chunked"),
            *_signed(self.options),
        )
        status = 202 if "other-status" in self.options.drift else 200
        tape = streaming.tape(Head(status, _phrase(status), fields), chunks, self.options)
        return Act(tape, lambda head: streaming.plan(head, chunks, self.options, framed=framed))

    # --- what the steps check ---

    def _check_access(self, request: Request) -> None:
        expected = self._logins.get(_cookie(request))
        if expected is None:
            raise _RefusedStep(401, "Your session has expired. Please log in again.", "expired_session_key")
        scheme, _, token = (header(request.headers, "X-Authorization") or "").partition(" ")
        if scheme != "Bearer" or not token:
            raise _RefusedStep(401, "X-Authorization: Bearer <accessToken> is missing.", "invalid_api_key")
        if token != expected:
            raise _RefusedStep(401, "The access token is not the one of this session.", "invalid_api_key")
        if token in self._stale:
            raise _RefusedStep(401, "Your authentication token has expired. Please log in again.", "token_expired")


def server_name(options: Options) -> str:
    """What the service says of itself in every response's ``Server`` field."""
    return f"fakegpt-testkit-upstream/{_version()} (seed {options.seed})"


@cache
def _version() -> str:
    return version("fakegpt-testkit")


def _signed(options: Options) -> Headers:
    return (("Date", format_datetime(datetime.now(UTC), usegmt=True)), ("Server", server_name(options)))


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in _STATUSES else ""


def _told(value: object, status: int = 200) -> _StepAnswer:
    return _StepAnswer(json.dumps(value), status)


def _detail(detail: str, code: str) -> dict[str, object]:
    if not code:
        return {"detail": detail}
    return {"detail": {"message": detail, "type": "invalid_request_error", "param": None, "code": code}}


def _allow(request: Request, method: str) -> None:
    """Refuse another method; what can be had with GET can be looked at with HEAD."""
    allowed = ("GET", "HEAD") if method == "GET" else (method,)
    if request.method not in allowed:
        refused = _RefusedStep(405, "Method Not Allowed")
        refused.reply = _StepAnswer(refused.reply.body, 405, before=(("Allow", ",".join(allowed)),))
        raise refused


def _media(request: Request) -> str:
    return (header(request.headers, "Content-Type") or "").partition(";")[0].strip().lower()


def _first(values: Mapping[str, list[str]], name: str) -> str:
    return values.get(name, [""])[0]


def _cookie(request: Request) -> str:
    try:
        found = SimpleCookie(header(request.headers, "Cookie") or "").get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _question(request: Request) -> tuple[str, str, str]:
    """The model, the id of the user's message and the prompt; what does not fit the protocol is refused."""
    if _media(request) != "application/json":
        raise _RefusedStep(415, "The body is JSON: application/json.")
    if "text/event-stream" not in (header(request.headers, "Accept") or ""):
        raise _RefusedStep(406, "The answer is an event stream: Accept: text/event-stream.")
    try:
        asked = json.loads(request.body)
    except (ValueError, RecursionError) as broken:
        raise _RefusedStep(422, f"The body is not JSON: {broken}.") from None
    match asked:
        case {
            "action": "next",
            "messages": [*_, {"id": str(asked_id), "author": {"role": "user"}, "content": {"parts": [str(prompt)]}}],
            "parent_message_id": str(),
            "model": str(model),
        } if model:
            return model, asked_id, prompt
    raise _RefusedStep(422, _WANTED)


# --- what is handed out ---


def _account(options: Options, number: int) -> str:
    return answer.dice(options, "account", number).randbytes(8).hex()


def _token(options: Options, number: int) -> str:
    """An access token that looks like one: three base64url parts, the first two of them JSON."""
    claims = {"iss": "fakegpt-testkit-upstream", "seed": options.seed, "login": number}
    signature = answer.dice(options, "token", number).randbytes(64)
    parts = (json.dumps({"alg": "RS256", "typ": "JWT"}).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
