"""Answers made up without a recording: texts or events become an interaction, or those of a whole FakeGpt flow.

Knows where a dialect is asked for, and nothing of how requests are matched or played.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from fakegpt_testkit import sse
from fakegpt_testkit.conversation import MODEL, request_body
from fakegpt_testkit.dialects.writing import WRITERS, Said
from fakegpt_testkit.dialects.writing.said import as_json
from fakegpt_testkit.errors import EffectMisplaced
from fakegpt_testkit.exchange import Chunk, Ending, Head, Interaction, Provenance, Request, Tape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakegpt_testkit.dialects import ToolCall
    from fakegpt_testkit.dialects.writing import Writer

Step = Literal["loads", "login", "session", "conversation"]
"""One of the flow's four requests."""

ScriptedEvent: TypeAlias = str | bytes | Mapping[str, object] | sse.Event
"""An event's data, its bytes as they go over the wire, its JSON, or the event itself."""

SCRIPTED: Final = "script"
"""What a scripted interaction names as its server. Its request's body decides no match: it answers any prompt."""

STEPS: Final[tuple[Step, ...]] = ("loads", "login", "session", "conversation")

_SITE: Final = "https://chat-shared2.zhile.io"
_TOKEN: Final = "scripted"  # noqa: S105 - no secret
_MESSAGE_ID: Final = "5c819ed0-0000-4000-8000-000000000001"
_QUESTION_ID: Final = "5c819ed0-0000-4000-8000-000000000002"
_CONVERSATION_ID: Final = "5c819ed0-0000-4000-8000-000000000003"
_JSON: Final = ("Content-Type", "application/json")


def script(
    *texts: str,
    dialect: str = "fakegpt",
    events: Sequence[ScriptedEvent] = (),
    every: float = 0.0,
    url: str = "",
    steps: Sequence[Step] | None = None,
    reasoning: str = "",
    tool_calls: Sequence[ToolCall] = (),
    usage: tuple[int, int] | None = None,
    finish: str = "",
    stream: bool = True,
    request: str = "",
    content_type: str = "",
) -> tuple[Interaction, ...]:
    """An answer that grows by these ``texts``, in a provider's ``dialect``; usable and storable like a cassette.

    It answers any prompt, at the provider's public address or at ``url``, the base URL that its SDK is given.
    ``reasoning``, ``tool_calls``, ``usage`` (tokens of input and output) and ``finish`` (the provider's own word) are
    said too; ``stream=False`` is the answer as one JSON body. In ``fakegpt`` it is the whole flow, or the ``steps`` of
    it, and a second answer needs no login: ``script("one") + script("two", steps=["conversation"])``.

    ``events`` takes the place of all that and is sent as it is, without an end mark unless it has one; ``request``,
    such as ``"POST https://my.example/stream"``, and ``content_type`` say where, for any service. ``every`` is the
    time in seconds between two events.
    """
    said = Said(texts, reasoning, tuple(tool_calls), usage, finish)
    if every < 0:
        raise EffectMisplaced("script", f"every={every} means nothing", "every must be 0 or more")
    if bool(events) == (said != Said()):
        raise EffectMisplaced(
            "script", "one of texts and events is wanted", 'write script("Hel", "lo") or script(events=[…])'
        )
    if dialect == "fakegpt" and not request:
        said_more = replace(said, texts=()) != Said() or not stream or content_type
        if said_more:
            raise EffectMisplaced(
                "script",
                "fakegpt has no reasoning, calls, usage, finish, plain answer or content type",
                "name another dialect",
            )
        sent = [*map(_encode, events)] if events else [*_spoken(texts)]
        return _flow(url or _SITE, sent, every, STEPS if steps is None else steps)
    if steps is not None:
        raise EffectMisplaced("script", f"steps are fakegpt's, and {request or dialect} has none", "leave steps out")
    if request and not events:
        raise EffectMisplaced("script", "request is for events, and there are none", "give events, or a dialect")
    if events and request:
        where = _Where(request, content_type or "text/event-stream")
        return (_answered(where, [*map(_encode, events)], every),)
    writer = _writer(dialect)
    kind = content_type or (writer.content_type if stream else "application/json")
    path = writer.path if stream else writer.plain_path
    where = _Where(f"POST {(url or writer.site).rstrip('/')}{path}", kind, writer.fields)
    if events:
        return (_answered(where, [*map(_encode, events)], every),)
    try:
        if not stream:
            body = as_json(writer.plain(said)).encode()
            return (_plain(where.request, body, ("Content-Type", kind), *writer.fields),)
        return (_answered(where, writer.events(said), every),)
    except ValueError:
        raise EffectMisplaced("script", "the arguments of a call are no JSON", "give a mapping, or JSON text") from None


@dataclass(frozen=True, slots=True)
class _Where:
    """What an answer answers, ``"POST https://…"``, and what it calls itself, with further fields."""

    asked: str
    content_type: str
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def request(self) -> Request:
        method, _, uri = self.asked.partition(" ")
        if not (method.isalpha() and uri.strip().startswith(("http://", "https://"))):
            wanted = 'a method and a URL: request="POST https://my.example/stream"'
            raise EffectMisplaced("script", f"{self.asked!r} is no request", wanted)
        return Request(method.upper(), uri.strip(), (_JSON,), b"{}")


def _writer(dialect: str) -> Writer:
    try:
        return WRITERS[dialect]
    except KeyError:
        wanted = f"the dialects are fakegpt, {', '.join(WRITERS)}"
        raise EffectMisplaced("script", f"no dialect {dialect!r} can be written", wanted) from None


def _answered(where: _Where, sent: list[bytes], every: float) -> Interaction:
    fields = (("Content-Type", where.content_type), *where.fields, ("Transfer-Encoding", "chunked"))
    head = Head(200, "OK", fields, "1.1")
    chunks = tuple(Chunk(round(number * every, 4), data, (len(data),)) for number, data in enumerate(sent))
    return _made(where.request, Tape(head, chunks, Ending(at=chunks[-1].at)))


def _flow(url: str, stream: list[bytes], every: float, steps: Sequence[Step]) -> tuple[Interaction, ...]:
    def _answer(site: str) -> Interaction:
        return _answer_conversation(site, stream, every)

    made = {
        "loads": _answer_loads,
        "login": _answer_login,
        "session": _answer_session,
        "conversation": _answer,
    }
    unknown = [step for step in steps if step not in made]
    if unknown:
        raise EffectMisplaced("script", f"there is no step {unknown[0]!r}", f"the steps are {', '.join(STEPS)}")
    return tuple(made[step](url.rstrip("/")) for step in steps)


def answers_any_model(wanted: Request, asked: Request) -> Request:
    """The request of a script, with the path and query that were asked where its ``*`` stands for any model."""
    if "*" not in wanted.uri:
        return wanted
    site, _, _ = wanted.uri.partition("*")
    if not fnmatchcase(asked.path, wanted.path):
        return wanted
    origin = "/".join(site.split("/")[:3])
    query = asked.uri.partition("?")[2]
    return replace(wanted, uri=f"{origin}{asked.path}{'?' + query if query else ''}")


def is_scripted(interaction: Interaction) -> bool:
    """Whether an interaction was made by ``script``, so that only its request's endpoint decides a match."""
    return interaction.provenance.server == SCRIPTED


def _answer_loads(site: str) -> Interaction:
    loads = {"loads": [{"token_id": _TOKEN, "count": 0}]}
    return _plain(Request("GET", f"{site}/api/loads?t=0"), json.dumps(loads).encode(), _JSON)


def _answer_login(site: str) -> Interaction:
    form = b"token_key=scripted&session_password=scripted01"
    asked = Request("POST", f"{site}/auth/login", (("Content-Type", "application/x-www-form-urlencoded"),), form)
    cookie = ("Set-Cookie", f"credential={_TOKEN}; Path=/; HttpOnly")
    return _plain(asked, b"{}", _JSON, cookie)


def _answer_session(site: str) -> Interaction:
    session = {
        "user": {"id": "scripted", "name": "Script", "email": "script@example.invalid"},
        "expires": "2099-01-01T00:00:00.000Z",
        "accessToken": _TOKEN,
        "authProvider": "auth0",
    }
    return _plain(Request("GET", f"{site}/api/auth/session"), json.dumps(session).encode(), _JSON)


def _answer_conversation(site: str, stream: list[bytes], every: float) -> Interaction:
    prompt = [{"role": "user", "content": "(any prompt)"}]
    body = request_body(prompt, message_id=_QUESTION_ID, parent_message_id=_MESSAGE_ID)
    headers = (_JSON, ("Accept", "text/event-stream"), ("X-Authorization", f"Bearer {_TOKEN}"))
    head = Head(
        200, "OK", (("Content-Type", "text/event-stream; charset=utf-8"), ("Transfer-Encoding", "chunked")), "1.1"
    )
    chunks = tuple(Chunk(round(number * every, 4), data, (len(data),)) for number, data in enumerate(stream))
    ending = Ending(at=chunks[-1].at)
    return _made(Request("POST", f"{site}/api/conversation", headers, body), Tape(head, chunks, ending))


def _plain(asked: Request, body: bytes, *headers: tuple[str, str]) -> Interaction:
    head = Head(200, "OK", (*headers, ("Content-Length", str(len(body)))))
    return _made(asked, Tape(head, (Chunk(0.0, body),)))


def _made(request: Request, tape: Tape) -> Interaction:
    return Interaction(request, tape, Provenance(server=SCRIPTED))


def _spoken(texts: Sequence[str]) -> Iterator[bytes]:
    text = ""
    yield _say(text)
    for piece in texts:
        text += piece
        yield _say(text)
    yield _say(text, ended=True)
    yield _encode("[DONE]")


def _say(text: str, *, ended: bool = False) -> bytes:
    metadata: dict[str, object] = {"message_type": "next", "model_slug": MODEL, "parent_id": _QUESTION_ID}
    if ended:
        metadata["finish_details"] = {"type": "stop"}
    message = {
        "id": _MESSAGE_ID,
        "author": {"role": "assistant", "name": None, "metadata": {}},
        "create_time": 0.0,
        "update_time": None,
        "content": {"content_type": "text", "parts": [text]},
        "status": "finished_successfully" if ended else "in_progress",
        "end_turn": True if ended else None,
        "weight": 1.0,
        "metadata": metadata,
        "recipient": "all",
    }
    return _encode({"message": message, "conversation_id": _CONVERSATION_ID, "error": None})


def _encode(event: ScriptedEvent) -> bytes:
    if isinstance(event, bytes):
        return event
    if isinstance(event, Mapping):
        event = json.dumps(event)
    return sse.encode(sse.Event(data=event) if isinstance(event, str) else event)
