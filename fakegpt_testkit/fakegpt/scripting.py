"""FakeGpt's flow made up without a recording: the answers to its four requests, or to some of them.

Knows nothing of how requests are matched or played.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, Literal, get_args

from fakegpt_testkit.effects.scripting import JSON, event_bytes, plain_answer, streamed_answer
from fakegpt_testkit.errors import EffectMisplaced
from fakegpt_testkit.exchange import Request
from fakegpt_testkit.fakegpt.conversation import MODEL, request_body
from fakegpt_testkit.fakegpt.site import CONVERSATION, LIVE_URL, LOADS, LOGIN, SESSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fakegpt_testkit.exchange import Interaction

Step = Literal["loads", "login", "session", "conversation"]
"""One of the flow's four requests."""

STEPS: Final = get_args(Step)

_TOKEN: Final = "scripted"  # noqa: S105 - no secret
_MESSAGE_ID: Final = "5c819ed0-0000-4000-8000-000000000001"
_QUESTION_ID: Final = "5c819ed0-0000-4000-8000-000000000002"
_CONVERSATION_ID: Final = "5c819ed0-0000-4000-8000-000000000003"


def flow(
    texts: Sequence[str], events: Sequence[bytes], *, url: str, every: float, steps: Sequence[str] | None
) -> tuple[Interaction, ...]:
    """The answers to the flow's ``steps``, all of them for None; the last one grows by ``texts``, or is ``events``."""
    wanted = STEPS if steps is None else steps
    unknown = [step for step in wanted if step not in STEPS]
    if unknown:
        raise EffectMisplaced("script", f"there is no step {unknown[0]!r}", f"the steps are {', '.join(STEPS)}")
    site, sent = (url or LIVE_URL).rstrip("/"), events or [*_spoken(texts)]
    return tuple(_answer(step, site, sent, every) for step in wanted)


def _answer(step: str, site: str, sent: Sequence[bytes], every: float) -> Interaction:
    match step:
        case "loads":
            loads = {"loads": [{"token_id": _TOKEN, "count": 0}]}
            return plain_answer(Request("GET", f"{site}{LOADS}?t=0"), json.dumps(loads).encode(), JSON)
        case "login":
            form = b"token_key=scripted&session_password=scripted01"
            kind = ("Content-Type", "application/x-www-form-urlencoded")
            cookie = ("Set-Cookie", f"credential={_TOKEN}; Path=/; HttpOnly")
            return plain_answer(Request("POST", f"{site}{LOGIN}", (kind,), form), b"{}", JSON, cookie)
        case "session":
            session = {
                "user": {"id": "scripted", "name": "Script", "email": "script@example.invalid"},
                "expires": "2099-01-01T00:00:00.000Z",
                "accessToken": _TOKEN,
                "authProvider": "auth0",
            }
            return plain_answer(Request("GET", f"{site}{SESSION}"), json.dumps(session).encode(), JSON)
    prompt = [{"role": "user", "content": "(any prompt)"}]
    body = request_body(prompt, message_id=_QUESTION_ID, parent_message_id=_MESSAGE_ID)
    headers = (JSON, ("Accept", "text/event-stream"), ("X-Authorization", f"Bearer {_TOKEN}"))
    asked = Request("POST", f"{site}{CONVERSATION}", headers, body)
    return streamed_answer(asked, (("Content-Type", "text/event-stream; charset=utf-8"),), sent, every)


def _spoken(texts: Sequence[str]) -> Iterator[bytes]:
    text = ""
    yield _say(text)
    for piece in texts:
        text += piece
        yield _say(text)
    yield _say(text, ended=True)
    yield event_bytes("[DONE]")


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
    return event_bytes({"message": message, "conversation_id": _CONVERSATION_ID, "error": None})
