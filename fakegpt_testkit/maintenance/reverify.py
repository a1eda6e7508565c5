"""Asks a cassette's requests again without the tests that recorded it, and says what drifted.

A flow whose service has a profile is asked by that, with a login of its own; anything else is sent as it was recorded,
in order. Knows no terminal, and no pytest.
"""

from __future__ import annotations

import asyncio
import io
import re
import shlex
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from fakegpt_testkit import profiles
from fakegpt_testkit.dialects import read_in
from fakegpt_testkit.errors import BadSetting, ProviderError
from fakegpt_testkit.exchange import PLACEHOLDER, EndingKind
from fakegpt_testkit.maintenance import catalog
from fakegpt_testkit.recorder import Advice, use_cassette
from fakegpt_testkit.recorder.origins import origin_of
from fakegpt_testkit.recorder.written import read_url
from fakegpt_testkit.redaction import Redaction
from fakegpt_testkit.redaction.values import looks_secret
from fakegpt_testkit.wording import shortened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from fakegpt_testkit.drift import Drift
    from fakegpt_testkit.exchange import Interaction, Request
    from fakegpt_testkit.profiles import Profile
    from fakegpt_testkit.recorder import Session

_TIMEOUT: Final = 300.0  # seconds, aiohttp's own
_OF_THE_CONNECTION: Final = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "expect", "proxy-authorization"}
)
"""Headers that the new connection makes itself; what this client can unpack it knows best."""


@dataclass(frozen=True, slots=True)
class Way:
    """How to reach the service. ``url`` stands for the one that was recorded; None asks that one.

    ``headers`` go with each request that is sent as it was recorded, in place of those of the same name. ``proxy`` is
    an HTTP proxy's URL, ``timeout`` the seconds that each request may take. Raises ``BadSetting`` for what is no URL.
    """

    url: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    proxy: str | None = None
    timeout: float = _TIMEOUT

    def __post_init__(self) -> None:
        for name, url in (("--url", self.url), ("--proxy", self.proxy)):
            if url is not None:
                read_url(name, url)


@dataclass(frozen=True, slots=True)
class _Questions:
    """``questions`` are prompts and models for a profile, ``sent`` are requests to be sent as they were recorded.

    These have their interactions' numbers; ``refused`` says why an interaction, by its number, cannot be asked again.
    """

    questions: tuple[tuple[Profile, tuple[str, str]], ...]
    sent: tuple[tuple[int, Request], ...]
    refused: dict[int, str]


class _Unreachable(Exception):
    """Nobody answers at the service's address."""


def ask_again(
    file: Path,
    way: Way,
    redaction: Redaction | None = None,
    tell: Callable[[str], None] = lambda _: None,
    dialect: str = "",
) -> Drift:
    """What the live service says otherwise than the cassette, and which requests could not be asked, with the reason.

    ``tell`` hears what is being asked; ``dialect`` is that of the streams that show none. Nothing is written. Raises
    ``CassetteMissing`` where there is no file, ``CassetteError`` where it is no cassette, and ``BadSetting`` for a URL
    that would stand for several services.
    """
    interactions = catalog.load(file).interactions
    recorded = sorted({origin_of(each.request.uri) for each in interactions})
    if way.url is not None and len(recorded) > 1:
        raise BadSetting("--url", way.url, f"none for {file}, which has requests to {', '.join(recorded)}")
    unshown = any(read_in(each, dialect) is not each for each in interactions)
    plan = _plan(interactions, way)
    why = dict(plan.refused)
    with use_cassette(
        file,
        record_mode="verify",
        drift="never",
        origins={way.url: recorded[0]} if way.url and recorded else {},
        redaction=_with_headers(redaction or Redaction(), way),
        dialect=dialect if unshown else "",
        advice=Advice(lambda _: _command(file) if plan.questions else "pytest TESTS --fakegpt-record-mode=all"),
    ) as session:
        try:
            why |= asyncio.run(_ask(session, plan, way, recorded, tell))
        except _Unreachable as nobody:
            why = dict.fromkeys(range(1, len(interactions) + 1), str(nobody)) | why
    found = session.drift
    assert found is not None, "what was loaded is there to be verified"
    return replace(found, unasked=tuple(replace(each, why=why.get(each.number, "")) for each in found.unasked))


def _command(file: Path) -> str:
    return f"fakegpt-testkit record PROMPT --cassette {shlex.quote(str(file))}"


def _plan(interactions: Sequence[Interaction], way: Way) -> _Questions:
    questions, sent, refused, login = [], [], {}, []
    flows = [each for each in profiles.known() if any(each.question(one.request) for one in interactions)]
    for number, each in enumerate(interactions, 1):
        asked = next(((flow, found) for flow in flows if (found := flow.question(each.request))), None)
        request = _with_own(each.request, way)
        if any(each.request.title in flow.login for flow in flows):
            login.append(number)
        elif each.response.ending.kind is EndingKind.UNCONNECTED:
            refused[number] = "it found no connection, and nothing is known of it but where it was to go"
        elif word := _secret(*(asked[1] if asked else (request.uri, *map(str, request.headers), _text(request)))):
            refused[number] = f"it holds {word}, in place of a secret: {_way_on(word, request)}"
        elif asked:
            questions.append(asked)
        else:
            sent.append((number, request))
    if not questions:
        refused |= dict.fromkeys(login, "it is of a flow whose question cannot be asked")
    return _Questions(tuple(questions), tuple(sent), refused)


def _with_own(request: Request, way: Way) -> Request:
    own = {name.lower() for name, _ in way.headers}
    kept = tuple(field for field in request.headers if field[0].lower() not in own | _OF_THE_CONNECTION)
    return replace(request, headers=(*kept, *way.headers))


def _secret(*texts: str) -> str:
    """The first word that stands in for a secret; what it stood for is known to nobody any more."""
    return next((found[0] for text in texts if (found := PLACEHOLDER.search(text))), "")


def _way_on(word: str, request: Request) -> str:
    """How it can be asked all the same: a header can be given anew, the rest only its program knows."""
    for name, value in request.headers:
        if word in value:
            return f"give it anew, --header '{name}: {PLACEHOLDER.sub('…', value)}'"
    return "let its test ask, pytest --fakegpt-record-mode=verify"


def _text(request: Request) -> str:
    return request.body.decode("latin-1")


def _with_headers(redaction: Redaction, way: Way) -> Redaction:
    """What the user gives to be sent is shown nowhere, whatever its header is called."""
    given = [value for _, value in way.headers if value.strip()]
    values = [value.split()[-1] for value in given]
    values += [each for value in given for each in re.split(r"[\s;,=\"]+", value) if looks_secret(each)]
    if not values:
        return redaction
    return replace(redaction, functions=(*redaction.functions, lambda text: [each for each in values if each in text]))


async def _ask(
    session: Session, plan: _Questions, way: Way, recorded: Sequence[str], tell: Callable[[str], None]
) -> dict[int, str]:
    """Ask all that is planned. Gives why an interaction, by its number, was not asked after all."""
    unasked: dict[int, str] = {}
    url = way.url or next(iter(recorded), "")
    clients = {profile.name: profile.client(url, way.proxy, way.timeout) for profile, _ in plan.questions}
    for profile, (prompt, model) in plan.questions:
        tell(f"asking {shortened(prompt, 60)!r}")
        async with _heard(session, url):
            await clients[profile.name](prompt, model)
    limit = aiohttp.ClientTimeout(total=way.timeout)
    fresh = aiohttp.TCPConnector(force_close=True)  # on a connection that was kept, not being answered says nothing
    async with aiohttp.ClientSession(connector=fresh, cookie_jar=aiohttp.DummyCookieJar(), timeout=limit) as client:
        if hasattr(client, "_retry_connection"):  # else none is sent twice: before aiohttp 3.10
            client._retry_connection = False
        for number, request in plan.sent:
            tell(request.title)
            try:
                async with _heard(session, way.url or origin_of(request.uri)), _sent(client, request, way) as response:
                    await response.read()
            except ValueError as problem:  # a method that is no token, a header with a line end
                unasked[number] = f"it cannot be sent: {problem}"
    return unasked


@asynccontextmanager
async def _heard(session: Session, url: str) -> AsyncIterator[None]:
    """What a service does in place of answering is compared too; but it has to be there."""
    before = len(session.exchanged)
    try:
        yield
    except (aiohttp.ClientError, ProviderError, OSError) as failure:  # TimeoutError is an OSError
        if isinstance(failure, aiohttp.ClientConnectorError) or len(session.exchanged) == before:
            raise _Unreachable(f"{origin_of(url)} could not be reached: {failure}") from failure


def _sent(
    client: aiohttp.ClientSession, request: Request, way: Way
) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
    to = urlsplit(way.url or request.uri)
    uri = urlsplit(request.uri)._replace(scheme=to.scheme, netloc=to.netloc).geturl()
    return client.request(
        request.method,
        URL(uri, encoded=True),
        headers=CIMultiDict(request.headers),
        data=io.BytesIO(request.body) if request.body else None,
        skip_auto_headers=("Accept", "Content-Type", "User-Agent"),
        allow_redirects=False,
        proxy=way.proxy,
    )
