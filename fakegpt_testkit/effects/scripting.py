"""Answers made up without a recording: texts or events become an interaction, or those of a service's whole flow.

Knows where a dialect is asked for, no service, and nothing of how requests are matched or played.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from fakegpt_testkit import profiles, sse
from fakegpt_testkit.dialects.writing import WRITERS, Said
from fakegpt_testkit.dialects.writing.said import as_json
from fakegpt_testkit.effects.scripted import SCRIPTED
from fakegpt_testkit.errors import EffectMisplaced
from fakegpt_testkit.exchange import Chunk, Ending, Head, Interaction, Provenance, Request, Tape

if TYPE_CHECKING:
    from fakegpt_testkit.dialects import ToolCall
    from fakegpt_testkit.dialects.writing import Writer
    from fakegpt_testkit.profiles import Profile

ScriptedEvent: TypeAlias = str | bytes | Mapping[str, object] | sse.Event
"""An event's data, its bytes as they go over the wire, its JSON, or the event itself."""

JSON: Final = ("Content-Type", "application/json")


def script(
    *texts: str,
    dialect: str | None = None,
    events: Sequence[ScriptedEvent] = (),
    every: float = 0.0,
    url: str = "",
    steps: Sequence[str] | None = None,
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
    said too; ``stream=False`` is the answer as one JSON body. Without a dialect it is the flow of the package's own
    provider, login and all, or the ``steps`` of it: ``script("one") + script("two", steps=["conversation"])``.

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
    profile = None if request else _profile(dialect)
    if profile is not None:
        if replace(said, texts=()) != Said() or not stream or content_type:
            raise EffectMisplaced(
                "script",
                f"{profile.name} has no reasoning, calls, usage, finish, plain answer or content type",
                "name another dialect",
            )
        return profile.flow(texts, [*map(event_bytes, events)], url=url, every=every, steps=steps)
    if steps is not None:
        raise EffectMisplaced("script", f"{request or dialect} has no steps", "leave steps out")
    if request and not events:
        raise EffectMisplaced("script", "request is for events, and there are none", "give events, or a dialect")
    if events and request:
        where = _Endpoint(request, content_type or "text/event-stream")
        return (_answered(where, [*map(event_bytes, events)], every),)
    writer = _writer(dialect)
    kind = content_type or (writer.content_type if stream else "application/json")
    path = writer.path if stream else writer.plain_path
    where = _Endpoint(f"POST {(url or writer.site).rstrip('/')}{path}", kind, writer.fields)
    if events:
        return (_answered(where, [*map(event_bytes, events)], every),)
    try:
        if not stream:
            body = as_json(writer.plain(said)).encode()
            return (plain_answer(where.request, body, ("Content-Type", kind), *writer.fields),)
        return (_answered(where, writer.events(said), every),)
    except ValueError:
        raise EffectMisplaced("script", "the arguments of a call are no JSON", "give a mapping, or JSON text") from None


@dataclass(frozen=True, slots=True)
class _Endpoint:
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
        return Request(method.upper(), uri.strip(), (JSON,), b"{}")


def _profile(dialect: str | None) -> Profile | None:
    """The service whose whole flow is scripted; without a dialect that of the package's own provider."""
    return next((each for each in profiles.known() if dialect in (None, each.name)), None)


def _writer(dialect: str | None) -> Writer:
    try:
        return WRITERS[dialect or ""]
    except KeyError:
        wanted = f"the dialects are {', '.join([*(each.name for each in profiles.known()), *WRITERS])}"
        raise EffectMisplaced("script", f"no dialect {dialect!r} can be written", wanted) from None


def _answered(where: _Endpoint, sent: Sequence[bytes], every: float) -> Interaction:
    return streamed_answer(where.request, (("Content-Type", where.content_type), *where.fields), sent, every)


def streamed_answer(
    asked: Request, fields: Sequence[tuple[str, str]], sent: Sequence[bytes], every: float
) -> Interaction:
    """A scripted answer that streams: each of its events is a chunk, ``every`` so many seconds."""
    head = Head(200, "OK", (*fields, ("Transfer-Encoding", "chunked")), "1.1")
    chunks = tuple(Chunk(round(number * every, 4), data, (len(data),)) for number, data in enumerate(sent))
    return _made(asked, Tape(head, chunks, Ending(at=chunks[-1].at)))


def plain_answer(asked: Request, body: bytes, *headers: tuple[str, str]) -> Interaction:
    """A scripted answer in one piece."""
    head = Head(200, "OK", (*headers, ("Content-Length", str(len(body)))))
    return _made(asked, Tape(head, (Chunk(0.0, body),)))


def _made(request: Request, tape: Tape) -> Interaction:
    return Interaction(request, tape, Provenance(server=SCRIPTED))


def event_bytes(event: ScriptedEvent) -> bytes:
    """The bytes of a scripted event as they are sent."""
    if isinstance(event, bytes):
        return event
    if isinstance(event, Mapping):
        event = json.dumps(event)
    return sse.encode(sse.Event(data=event) if isinstance(event, str) else event)
