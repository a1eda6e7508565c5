"""What the package is told of FakeGpt: its profile. Importing this says it; its dialect is said beside it.

Knows how none of it is done: the rooms that do it are imported when they are needed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from fakegpt_testkit import profiles
from fakegpt_testkit.fakegpt.site import CONVERSATION, HOST, LOADS, LOGIN, SESSION

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from fakegpt_testkit.exchange import Interaction, Request

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
    from fakegpt_testkit.fakegpt.provider import apart

    provider = apart(url)

    async def ask(prompt: str, model: str) -> None:
        messages = [{"role": "user", "content": prompt}]
        async for _ in provider.create_async_generator(model, messages, proxy, timeout=timeout):
            pass

    return ask


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
