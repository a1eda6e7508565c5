"""What the package is told of FakeGpt: its dialect, and its profile. Importing this says it.

Knows how none of it is done: the rooms that do it are imported when they are needed.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from fakegpt_testkit import dialects, profiles
from fakegpt_testkit.dialects.editing.editor import Editor, Slot, inner
from fakegpt_testkit.dialects.json_values import Object, obj
from fakegpt_testkit.fakegpt.site import CONVERSATION, HOST, LOADS, LOGIN, SESSION

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from fakegpt_testkit.dialects import Reader
    from fakegpt_testkit.dialects.editing.editor import Json
    from fakegpt_testkit.exchange import Interaction, Request
    from fakegpt_testkit.sse import Event

FAKEGPT_VOLATILE: Final = (
    *(
        f"* *{path} {field}"
        for path in (LOADS, LOGIN, SESSION, CONVERSATION)
        for field in (
            *("scheme", "host", "port", "headers.host", "headers.referer", "headers.accept-encoding"),
            *("headers.content-length", "headers.cookie", "headers.x-authorization"),
        )
    ),
    f"* *{LOADS} query.t",
    f"* *{LOGIN} body.token_key",
    f"* *{LOGIN} body.session_password",
    f"* *{CONVERSATION} body.messages[*].id",
    f"* *{CONVERSATION} body.parent_message_id",
)
"""What differs between two runs of the same FakeGpt call. Bound to that flow's paths: elsewhere an ``id`` decides."""


def _speaks(_event: Event, said: Object) -> bool:
    message = obj(said.get("message"))
    return "moderation_response" in said or ("parts" in obj(message.get("content")) and "author" in message)


def _reader() -> Reader:
    from fakegpt_testkit.fakegpt.reading import AnswerReader

    return AnswerReader()


def _strange(event: Event) -> str:
    from fakegpt_testkit.fakegpt.reading import strange

    return strange(event)


def _texts(said: Json) -> list[Slot]:
    message = inner(said, "message")
    parts = inner(message, "content").get("parts")
    if inner(message, "author").get("role") != "assistant" or message.get("recipient") not in ("all", None):
        return []
    return [Slot(parts, 0)] if isinstance(parts, list) and parts and isinstance(parts[0], str) and parts[0] else []


def _owns(recorded: Request) -> bool:
    return not recorded.path.endswith(CONVERSATION) or b'"parent_message_id"' in recorded.body


def _question(request: Request) -> tuple[str, str] | None:
    if request.title != f"POST {CONVERSATION}":
        return None
    try:
        body = json.loads(request.body)
    except ValueError:
        return None
    match body:
        case {
            "messages": [{"author": {"role": "user"}, "content": {"parts": [str(prompt)]}}],
            "parent_message_id": str(),
            "model": str(model),
        }:
            return prompt, model
    return None


def _flow(
    texts: Sequence[str], events: Sequence[bytes], *, url: str, every: float, steps: Sequence[str] | None
) -> tuple[Interaction, ...]:
    from fakegpt_testkit.fakegpt.scripting import flow

    return flow(texts, events, url=url, every=every, steps=steps)


def _client(url: str, proxy: str | None, timeout: float | None) -> Callable[[str, str], Coroutine[None, None, None]]:
    from fakegpt_testkit.fakegpt.provider import FakeGpt

    class Provider(FakeGpt):
        """A class of this call's own: its login is not shared."""

    Provider.url = url

    async def ask(prompt: str, model: str) -> None:
        messages = [{"role": "user", "content": prompt}]
        async for _ in Provider.create_async_generator(model, messages, proxy, timeout=timeout):
            pass

    return ask


dialects.add(
    dialects.Dialect(
        "fakegpt",
        _speaks,
        _reader,
        re.compile(rf"{CONVERSATION}$"),
        end_marks=(b"data: [DONE]",),
        end="data: [DONE]",
        error_is_end=False,
        strange=_strange,
        cut_counts=True,
        editor=Editor(_texts, cumulative=True),
    )
)
profiles.add(
    profiles.Profile(
        "fakegpt",
        HOST,
        FAKEGPT_VOLATILE,
        _owns,
        _flow,
        login=frozenset({f"GET {LOADS}", f"POST {LOGIN}", f"GET {SESSION}"}),
        question=_question,
        client=_client,
    )
)
