"""Chat messages → the request's JSON, and the stream's events → what became of the answer's text.

Knows no HTTP and no chunks, and nothing of what a caller does with the text: ids come in as arguments, deltas go out as
values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from fakegpt_testkit.dialects.deltas import End, Failure, Finish, Text
from fakegpt_testkit.dialects.payloads import whole_json
from fakegpt_testkit.errors import BadMessages

if TYPE_CHECKING:
    from fakegpt_testkit.sse import Event

__all__ = [
    "MODEL",
    "AnswerReader",
    "End",
    "Failure",
    "Finish",
    "Message",
    "MessageDelta",
    "MessageRewrite",
    "Moderation",
    "NewMessage",
    "Text",
    "failure",
    "prompt",
    "request_body",
]

Message: TypeAlias = Mapping[str, str]
"""One message of a chat: its ``role`` and its ``content``."""

MODEL = "text-davinci-002-render-sha"
"""The model that the historical client asked for."""


def prompt(messages: Sequence[Message]) -> str:
    """The chat as the one text that the service takes: a single message as it is, several with their roles.

    Raises `BadMessages` when there is nothing to send.
    """
    if not messages:
        raise BadMessages("empty")
    for index, message in enumerate(messages):
        _check(message, index)
    if len(messages) == 1:
        return messages[0]["content"]
    lines = [f"{message['role'].capitalize()}: {message['content']}" for message in messages]
    return "\n".join([*lines, "Assistant:"])


def _check(message: object, index: int) -> None:
    for key in ("role", "content"):
        if not isinstance(message, Mapping) or not isinstance(message.get(key), str):
            raise BadMessages(f"no text under {key!r} in {message!r}", index)


def request_body(messages: Sequence[Message], *, model: str = MODEL, message_id: str, parent_message_id: str) -> bytes:
    """The JSON body that asks for the next answer, its fields in the order of the historical client.

    Raises `BadMessages` when there is nothing to send.
    """
    question = {
        "id": message_id,
        "author": {"role": "user"},
        "content": {"content_type": "text", "parts": [prompt(messages)]},
        "metadata": {},
    }
    body = {
        "action": "next",
        "messages": [question],
        "parent_message_id": parent_message_id,
        "model": model,
        "plugin_ids": [],
        "timezone_offset_min": -120,
        "suggestions": [],
        "history_and_training_disabled": True,
        "arkose_token": "",
        "force_paragen": False,
    }
    return json.dumps(body).encode()


@dataclass(frozen=True, slots=True)
class MessageRewrite:
    """The service took back what it had said: ``text`` is all of that message's text now."""

    text: str
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A further message of the answer begins; the text that follows is its text."""

    message_id: str = ""


@dataclass(frozen=True, slots=True)
class Moderation:
    """The service judged the question (``is_completion`` false) or the answer."""

    flagged: bool
    blocked: bool
    is_completion: bool = False
    message_id: str = ""


MessageDelta: TypeAlias = Text | MessageRewrite | NewMessage | Finish | Moderation | Failure | End
"""What one event changed; a `Finish` ends a message: ``stop``, ``max_tokens``, ``interrupted``, ``content_filter``."""


class AnswerReader:
    """Takes the events of one answer and gives what each of them changed.

    The service repeats the whole text in every event; what comes out is the growth. A second message comes out after
    the first one: what it says while the first is unfinished is held until the first ends, or the stream does.
    A U+FFFD at the end of an unfinished text is held too: it may be half of a character, its other half on the way.
    """

    def __init__(self) -> None:
        self.done = False
        self._ended = False
        self._closed = False
        self._messages: dict[str, _Message] = {}
        self._order: list[_Message] = []
        self._current = 0

    @property
    def text(self) -> str:
        """All of the answer's text as it stands now: every message of it, rewritten where it was."""
        return "".join(message.text for message in self._order)

    def feed(self, event: Event) -> list[MessageDelta]:
        """What this event changed: nothing for pings, echoes, tools' messages and other noise."""
        if event.event == "ping":
            return []
        if event.data == "[DONE]":
            self.done = True
            return [*self.close(), End()]
        try:
            payload = _payload_in(event.data)
        except ValueError:
            return [failure(event.data)] if event.event in ("message", "error") and event.data.strip() else []
        deltas = [] if payload.message is None else self._hear(payload.message)
        if payload.moderation_response is not None:
            verdict = payload.moderation_response
            deltas.append(
                Moderation(verdict.flagged, verdict.blocked, bool(payload.is_completion), payload.message_id or "")
            )
        problem = payload.error or payload.detail
        if problem:
            deltas.append(_failure(problem))
        return deltas

    def close(self, stray: str = "") -> list[MessageDelta]:
        """What was held back until now; to be called when the stream ends, with its end mark or without.

        ``stray`` is the last line that was no field of an event (`EventStreamParser.stray`): the service writes a bare
        ``Internal Server Error`` in place of the rest of an answer, and so it is a failure when no message ended.
        """
        self._closed = True
        deltas = self._give()
        if stray and not (self._ended or self.done):
            deltas.append(failure(stray))
        return deltas

    def _hear(self, said: _AnswerMessage) -> list[MessageDelta]:
        text, reason = said.text(), said.reason()
        if text is None or (not text and reason is None):
            return []
        key = said.id or ""
        known = self._messages.get(key)
        if known and said.continues() and not text.startswith(known.text):
            key += " continued"  # the rest of an answer that was cut, counted from where it was cut
            known = self._messages.get(key)
        if known is None:
            known = self._messages[key] = _Message(said.id or "", len(self._order))
            self._order.append(known)
        known.text = text or known.text  # the last event may come without its text
        known.reason = reason
        self._ended = self._ended or reason is not None
        if known.place < self._current:
            return known.afterthought()
        return self._give()

    def _give(self) -> list[MessageDelta]:
        if not self._order:
            return []
        deltas = self._order[self._current].news(final=self._closed)
        while self._current + 1 < len(self._order) and (self._closed or self._order[self._current].reason is not None):
            self._current += 1
            message = self._order[self._current]
            deltas += [NewMessage(message.id), *message.news(final=self._closed)]
        return deltas


class _Message:
    """One message of the answer: what the service said, and how much of it was given on."""

    __slots__ = ("_ended", "_given", "id", "place", "reason", "text")

    def __init__(self, message_id: str, place: int) -> None:
        self.id = message_id
        self.place = place
        self.text = ""
        self.reason: str | None = None
        self._given = ""
        self._ended: str | None = None

    def news(self, *, final: bool) -> list[MessageDelta]:
        deltas: list[MessageDelta] = []
        given, steady = self._given, self.text
        if steady.endswith("\ufffd") and not final and self.reason is None:
            steady = steady.rstrip("\ufffd")
            if given.startswith(steady):
                return deltas
        if steady != given:
            # by the prefix, not by the length: a text that was rewritten is told, never spliced
            grown = steady.startswith(given)
            deltas.append(Text(steady[len(given) :]) if grown else MessageRewrite(steady, self.id))
            self._given = steady
        if self.reason is not None and self.reason != self._ended:
            deltas.append(Finish(self.reason))
            self._ended = self.reason
        return deltas

    def afterthought(self) -> list[MessageDelta]:
        """What changed after a later message began: its growth can no longer be appended."""
        if self.text == self._given:
            return []
        self._given = self.text
        return [MessageRewrite(self.text, self.id)]


def failure(body: str) -> Failure:
    """What the body of an error answer, or a bare error line, says.

    That is JSON with ``detail`` or ``error`` (a text, or an object with ``message`` and ``code``), or the text itself.
    """
    try:
        payload = _payload_in(body)
    except ValueError:
        return Failure(body.strip())
    problem = payload.detail or payload.error
    return _failure(problem) if problem else Failure(body.strip())


def _failure(problem: object) -> Failure:
    if isinstance(problem, str):
        return Failure(problem)
    if isinstance(problem, Mapping):
        code = problem.get("code") or problem.get("type") or ""
        return Failure(str(problem.get("message") or problem.get("detail") or code or dict(problem)), str(code))
    return Failure(json.dumps(problem))


# The parts of the chat's JSON that are read; everything else in it is passed over without being built.


class _Author(msgspec.Struct):
    role: str | None = None


class _Content(msgspec.Struct):
    content_type: str | None = None
    parts: list[Any] | None = None


class _FinishDetails(msgspec.Struct):
    type: str | None = None


class _Metadata(msgspec.Struct):
    message_type: str | None = None
    finish_details: _FinishDetails | None = None


class _AnswerMessage(msgspec.Struct):
    """A message, by anyone and to anyone, as an event carries it."""

    id: str | None = None
    author: _Author | None = None
    content: _Content | None = None
    status: str | None = None
    end_turn: bool | None = None
    recipient: str | None = None
    metadata: _Metadata | None = None
    finish_details: _FinishDetails | None = None

    def text(self) -> str | None:
        """The text so far, when this is the assistant speaking to the user; else None."""
        if self.author is None or self.author.role != "assistant" or self.recipient not in ("all", None):
            return None
        if self.content is None or self.content.content_type not in ("text", "multimodal_text", None):
            return None
        return "".join([part for part in self.content.parts or () if isinstance(part, str)])

    def reason(self) -> str | None:
        """Why the message ended; None while it has not."""
        status = self.status or ""
        if not (self.end_turn or status.startswith("finished")):
            return None
        details = self.finish_details or (self.metadata and self.metadata.finish_details)
        if details and details.type:
            return details.type
        return "stop" if status == "finished_successfully" else status

    def continues(self) -> bool:
        """Whether this is the rest of an answer that was cut by its length."""
        return self.metadata is not None and self.metadata.message_type == "continue"


class _Moderation(msgspec.Struct):
    flagged: bool = False
    blocked: bool = False


class _Payload(msgspec.Struct):
    """One event's JSON."""

    message: _AnswerMessage | None = None
    error: Any = None
    detail: Any = None
    moderation_response: _Moderation | None = None
    is_completion: bool | None = None
    message_id: str | None = None


_decode = msgspec.json.Decoder(_Payload).decode


def _payload_in(data: str) -> _Payload:
    """The event's JSON; what is JSON of some other shape says nothing but its error. ValueError when it is no JSON."""
    try:
        return _decode(data)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        pass
    plain = whole_json(data)
    try:
        return msgspec.convert(plain, _Payload)
    except msgspec.MsgspecError:
        return _Payload(error=plain.get("error"), detail=plain.get("detail")) if isinstance(plain, dict) else _Payload()
