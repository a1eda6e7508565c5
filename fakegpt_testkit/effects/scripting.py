"""Answers made up without a recording: texts or events become the interactions of a whole FakeGpt flow.

Knows the flow's four requests and the chat's JSON, and nothing of how requests are matched or played.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from fakegpt_testkit import sse
from fakegpt_testkit.conversation import MODEL, request_body
from fakegpt_testkit.errors import EffectMisplaced
from fakegpt_testkit.exchange import Chunk, Ending, Head, Interaction, Provenance, Request, Tape

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    events: Sequence[ScriptedEvent] = (),
    every: float = 0.0,
    url: str = _SITE,
    steps: Sequence[Step] = STEPS,
) -> tuple[Interaction, ...]:
    """The FakeGpt flow with an answer that grows by these ``texts``; usable and storable like a cassette.

    ``events`` takes the place of ``texts`` and is sent as it is, without an end mark unless it has one. ``every`` is
    the time in seconds between two events. A second answer needs no login: ``script("one") + script("two",
    steps=["conversation"])``. The conversation's request matches any prompt.
    """
    if bool(texts) == bool(events):
        raise EffectMisplaced(
            "script", "one of texts and events is wanted", 'write script("Hel", "lo") or script(events=[…])'
        )
    if every < 0:
        raise EffectMisplaced("script", f"every={every} means nothing", "every must be 0 or more")
    stream = [*map(_encode, events)] if events else [*_spoken(texts)]

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
