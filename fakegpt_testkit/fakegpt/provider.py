"""FakeGpt: log in with a lent account, then stream an answer; the flow of docs/protocol.md, once, top to bottom.

Knows nothing of recording, and nothing of the chat's JSON: `conversation` and `sse` read and write that.
"""

from __future__ import annotations

import io
import json
import re
import string
import time
import uuid
from contextlib import aclosing
from dataclasses import dataclass, field
from random import Random, SystemRandom
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import urlsplit

import aiohttp

from fakegpt_testkit.errors import (
    AnswerCutOff,
    AnswerFailed,
    FieldMissing,
    NoLoads,
    NoValidResponse,
    StepRefused,
    TokenRefused,
    UnknownKeywords,
    WebPageAnswered,
    WrongContent,
)
from fakegpt_testkit.fakegpt import conversation
from fakegpt_testkit.fakegpt.answers import TIMEOUT, AnswerStream, AsyncGeneratorProvider, Rewritten
from fakegpt_testkit.fakegpt.blocking import Turns
from fakegpt_testkit.fakegpt.conversation import (
    AnswerReader,
    Failure,
    MessageRewrite,
    NewMessage,
    Text,
    request_body,
)
from fakegpt_testkit.fakegpt.site import CONVERSATION, LIVE_URL, LOADS, LOGIN, SESSION
from fakegpt_testkit.redaction import Redactor
from fakegpt_testkit.sse import EventStreamParser

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from aiohttp.abc import AbstractCookieJar

    from fakegpt_testkit.fakegpt.conversation import Message, MessageDelta

_BROWSER: Final = {
    "Accept-Language": "en-US",
    "User-Agent": (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/117.0.0.0 Safari/537.36"
    ),
    "sec-ch-ua": '"Google Chrome";v="117", "Not;A=Brand";v="8", "Chromium";v="117"',
    "sec-ch-ua-platform": '"Linux"',
    "sec-ch-ua-mobile": "?0",
}
_DEFAULT_MODELS: Final = ("", "gpt-3.5-turbo")
_LOG_IN_AGAIN: Final = ("expired_session_key", "invalid_api_key", "token_expired")
_MOST_BYTES = 1024 * 1024
_MOST_JSON = 1024 * 1024  # of an answer that is not streamed; what comes after that is not read
_MOST_DETAIL = 4096  # characters of what a service says of an error


class FakeGpt(AsyncGeneratorProvider):
    """The client of ``chat-shared2.zhile.io`` and of services of its shape.

    The access token and the cookies are kept on the class for later calls; a subclass has its own. What goes wrong in
    the flow raises a `ProviderError`; what goes wrong on the connection is aiohttp's own error, unchanged.
    """

    url = LIVE_URL
    supports_gpt_35_turbo = True
    working = False  # the live service is gone; a stand-in's or a self-hosted service's `url` works

    _access_token: ClassVar[str | None] = None
    _cookie_jar: ClassVar[AbstractCookieJar | None] = None
    _random: ClassVar[Random] = SystemRandom()
    _clock: ClassVar[Callable[[], float]] = time.time
    _login_turns: ClassVar[Turns] = Turns()

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls._login_turns = Turns()
        for name in ("_access_token", "_cookie_jar"):
            if name not in cls.__dict__:
                setattr(cls, name, None)

    @classmethod
    def create_async_generator(
        cls,
        model: str,
        messages: Sequence[Message],
        proxy: str | None = None,
        *,
        timeout: float | None = TIMEOUT,
        **kwargs: object,
    ) -> AnswerStream:
        if kwargs:
            raise UnknownKeywords(cls.__name__, tuple(kwargs), ("model", "messages", "proxy", "timeout"))
        body = request_body(
            messages,
            model=conversation.MODEL if model in _DEFAULT_MODELS else model,
            message_id=cls._new_id(),
            parent_message_id=cls._new_id(),
        )
        return AnswerStream(cls._answer(body, _Channel(cls.url.rstrip("/"), proxy, timeout)))

    @classmethod
    async def _answer(cls, body: bytes, way: _Channel) -> AsyncGenerator[str, None]:
        renewed = False
        async with way:
            while True:
                token, cookies = await cls._logged_in(way)
                way.keep_to_itself(token, cookies)
                try:
                    async with (
                        way.session(cookies) as session,
                        aclosing(_converse(session, way, token, body)) as pieces,
                    ):
                        async for piece in pieces:
                            yield piece
                        return
                except TokenRefused:  # comes before the first piece, or not at all
                    if cls._access_token == token:  # or another call has renewed it meanwhile
                        cls._access_token = None
                    if renewed:
                        raise
                    renewed = True

    @classmethod
    async def _logged_in(cls, way: _Channel) -> tuple[str, AbstractCookieJar]:
        """The token and the cookies that calls share; several calls at once make one login."""
        async with cls._login_turns:
            token, cookies = cls._access_token, cls._cookie_jar
            if token is None:
                cookies = aiohttp.CookieJar(unsafe=True)  # a self-hosted service may have no name, only an address
                async with way.session(cookies) as session:
                    token = await cls._log_in(session, way)
                cls._access_token, cls._cookie_jar = token, cookies
            elif cookies is None:
                cls._cookie_jar = cookies = aiohttp.CookieJar(unsafe=True)
            return token, cookies

    @classmethod
    async def _log_in(cls, session: aiohttp.ClientSession, way: _Channel) -> str:
        now = {"t": str(int(cls._clock()))}
        async with session.get(f"{way.url}{LOADS}", params=now, proxy=way.proxy) as response:
            account = cls._account(way, response.status, await _json(way, "loads", response))
        form = {"token_key": account, "session_password": cls._new_password()}
        way.redactor.know(form["session_password"], "session_password")
        async with session.post(f"{way.url}{LOGIN}", data=form, proxy=way.proxy) as response:
            said = await _text(response)  # nothing in it is needed, but a connection is used again when all was read
            if response.status >= 400:
                raise _refusal(way, "login", response, said)
        async with session.get(f"{way.url}{SESSION}", proxy=way.proxy) as response:
            match answer := await _json(way, "session", response):
                case {"accessToken": str(token)} if token:
                    return token
            raise _missing(way, "session", response.status, "accessToken", answer)

    @classmethod
    def _account(cls, way: _Channel, status: int, answer: object) -> str:
        match answer:
            case {"loads": []}:
                raise NoLoads(way.name, "loads", status)
            case {"loads": [*loads]}:
                known = [load for load in loads if isinstance(load, dict) and isinstance(load.get("token_id"), str)]
            case _:
                raise _missing(way, "loads", status, "loads", answer)
        if not known:
            raise _missing(way, "loads", status, "loads[].token_id", answer)
        free = [load for load in known if load.get("count") == 0]
        return str(cls._random.choice(free or known)["token_id"])

    @classmethod
    def _new_password(cls) -> str:
        """Ten characters of a-z0-9, a letter and a digit among them: the site wants both."""
        either = string.ascii_lowercase + string.digits
        password = [cls._random.choice(string.ascii_lowercase), cls._random.choice(string.digits)]
        password += [cls._random.choice(either) for _ in range(8)]
        cls._random.shuffle(password)
        return "".join(password)

    @classmethod
    def _new_id(cls) -> str:
        return str(uuid.UUID(int=cls._random.getrandbits(128), version=4))


def apart(url: str) -> type[FakeGpt]:
    """The provider at this address, as a class of its own: its login is nobody else's."""
    return type("FakeGptApart", (FakeGpt,), {"url": url})


@dataclass(slots=True)
class _Channel:
    """How one call reaches the service: its connections live as long as the call."""

    url: str
    proxy: str | None
    timeout: float | None
    redactor: Redactor = field(default_factory=Redactor)
    _connector: aiohttp.TCPConnector = field(init=False)

    async def __aenter__(self) -> None:
        self._connector = aiohttp.TCPConnector()

    async def __aexit__(self, *_: object) -> None:
        await self._connector.close()

    def session(self, cookies: AbstractCookieJar) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=self._connector,
            connector_owner=False,
            cookie_jar=cookies,
            headers={**_BROWSER, "Referer": f"{self.url}/?v=2"},
            timeout=aiohttp.ClientTimeout(total=self.timeout),
        )

    @property
    def name(self) -> str:
        """The address without a user's name and password, for errors."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    def keep_to_itself(self, token: str, cookies: AbstractCookieJar) -> None:
        """What no error may show, should the service repeat it."""
        self.redactor.know(token, "accessToken")
        for cookie in cookies:
            self.redactor.know(cookie.value, cookie.key)

    def heard(self, said: Failure) -> Failure:
        """What the service says of an error, as far as it may be shown."""
        message = self.redactor.text(said.message[: 2 * _MOST_DETAIL])  # cut afterwards: half a secret is not known
        return Failure(message[:_MOST_DETAIL], self.redactor.text(said.code[:_MOST_DETAIL]))


async def _converse(
    session: aiohttp.ClientSession, way: _Channel, token: str, body: bytes
) -> AsyncGenerator[str, None]:
    headers = {
        "Content-Type": "application/json",
        "Accept": "text/event-stream",
        "X-Authorization": f"Bearer {token}",
    }
    url = f"{way.url}{CONVERSATION}"
    data = body if len(body) <= _MOST_BYTES else io.BytesIO(body)  # aiohttp warns of larger bytes
    async with session.post(url, data=data, headers=headers, proxy=way.proxy) as response:
        if response.status >= 400 or response.content_type != "text/event-stream":
            raise _refusal(way, "conversation", response, await _text(response))
        told = _Told()
        async with aclosing(_deltas(response)) as deltas:
            async for delta in deltas:
                if isinstance(delta, Failure):
                    kind = TokenRefused if delta.code in _LOG_IN_AGAIN and not told.spoken else AnswerFailed
                    said = way.heard(delta)
                    raise kind(way.name, "conversation", response.status, said.message, said.code)
                if piece := told.tell(delta):
                    yield piece
        if not told.spoken:
            raise NoValidResponse(way.name, "conversation", response.status)
        if not told.ended:
            raise AnswerCutOff(way.name, "conversation", response.status)


async def _deltas(response: aiohttp.ClientResponse) -> AsyncGenerator[MessageDelta, None]:
    """What the stream's events change, up to its end mark: some servers keep the connection open after that."""
    parser, reader = EventStreamParser(), AnswerReader()
    async with aclosing(parser.read_async(response.content.iter_any())) as events:
        async for event in events:
            for delta in reader.feed(event):
                yield delta
            if reader.done:
                return
    for delta in reader.close(parser.stray):
        yield delta


class _Told:
    """What the caller was given of the answer, message by message."""

    def __init__(self) -> None:
        self.spoken = False
        self.ended = False
        self._messages: list[tuple[str, list[str]]] = [("", [])]

    def tell(self, delta: MessageDelta) -> str:
        """What to give the caller for this delta, or nothing."""
        match delta:
            case Text(text):
                self.spoken = True
                self._messages[-1][1].append(text)
                return text
            case NewMessage(message_id):
                self.ended = False
                self._messages.append((message_id, []))
            case MessageRewrite(text, message_id):
                mine = [pieces for known, pieces in self._messages if known == message_id]
                (mine or [self._messages[0][1]])[-1][:] = [text]
                return Rewritten("".join(piece for _, pieces in self._messages for piece in pieces))
            case conversation.Finish() | conversation.End():
                self.ended = True
        return ""


# --- what the service says when it does not answer ---


async def _text(response: aiohttp.ClientResponse) -> str:
    """The body as text, as far as it is of use; no more is read than that."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _MOST_JSON:
            break
    return body[:_MOST_JSON].decode("utf-8", "replace")


async def _json(way: _Channel, step: str, response: aiohttp.ClientResponse) -> object:
    text = await _text(response)
    if response.status >= 400:
        raise _refusal(way, step, response, text)
    try:
        answer: object = json.loads(text)
    except ValueError:
        raise _refusal(way, step, response, text) from None
    return answer


def _missing(way: _Channel, step: str, status: int, name: str, answer: object) -> FieldMissing:
    explains = isinstance(answer, dict) and (answer.get("detail") or answer.get("error"))
    said = way.heard(conversation.failure(json.dumps(answer))) if explains else Failure("")
    return FieldMissing(way.name, step, status, said.message, said.code, name)


def _refusal(way: _Channel, step: str, response: aiohttp.ClientResponse, text: str) -> Exception:
    """What to raise for a response that is not what the step needs."""
    status, got = response.status, response.content_type
    page = re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE) if got == "text/html" else None
    said = way.heard(Failure(page[1].strip()) if page else conversation.failure(text))
    if step == "conversation" and (status == 401 or said.code in _LOG_IN_AGAIN):
        return TokenRefused(way.name, step, status, said.message, said.code)
    if got == "text/html":
        return WebPageAnswered(way.name, step, status, said.message)
    if status >= 400:
        return StepRefused(way.name, step, status, said.message, said.code)
    wanted = "an event stream" if step == "conversation" else "JSON"
    return WrongContent(way.name, step, status, said.message, said.code, wanted, got)
