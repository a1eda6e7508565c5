"""The stand-in for a provider: it says one answer in the provider's dialect, as a stream where a stream is asked for.

Knows no socket and remembers no question: each gets the same answer, whatever stands before the dialect's own path.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from http import HTTPStatus
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

from fakegpt_testkit.dialects.writing import WRITERS
from fakegpt_testkit.effects import Effect, script
from fakegpt_testkit.errors import BadSetting, EffectMisplaced
from fakegpt_testkit.exchange import Chunk, Head, Tape
from fakegpt_testkit.recorder.injection import Injection
from fakegpt_testkit.serving.acting import Act
from fakegpt_testkit.serving.reading import Refused, content_of
from fakegpt_testkit.serving.wanting import read_fault
from fakegpt_testkit.wording import choice

if TYPE_CHECKING:
    from fakegpt_testkit.dialects.writing import Writer
    from fakegpt_testkit.exchange import Headers, Interaction, Request
    from fakegpt_testkit.serving.acting import Casting

_SITE: Final = "http://stand-in.invalid"
_JSON: Final = ("Content-Type", "application/json")
_WORD: Final = re.compile(r"\s*\S+\s*")
_KINDS: Final = {"text": (str,), "reasoning": (str,), "delay": (int, float), "cuts": (str, NoneType), "faults": (list,)}


@dataclass(frozen=True, slots=True)
class Speech:
    """What is said, and how: ``delay`` is the time between two events in seconds, ``cuts`` what ``recut`` takes."""

    text: str = "Hello from the stand-in."
    reasoning: str = ""
    delay: float = 0.0
    cuts: str | None = None
    faults: tuple[Effect, ...] = ()

    def __post_init__(self) -> None:
        if not self.text:
            raise BadSetting("stand_in.text", self.text, "a text")
        if not 0 <= self.delay < float("inf"):
            raise BadSetting("stand_in.delay", self.delay, "seconds, 0 or more")


def provider(dialect: str, said: object) -> Casting:
    """What makes the stand-in for a provider, from the settings that somebody wrote. Raises ``BadSetting``."""
    speech = _speech_in(said)
    Provider(dialect, speech)
    return lambda: Provider(dialect, speech)


class Provider:
    """Answers as a provider's service does. Raises ``BadSetting`` for cuts that mean nothing."""

    def __init__(self, dialect: str, speech: Speech) -> None:
        self.name = f"the stand-in for {dialect}"
        self._writer = WRITERS[dialect]
        said: dict[str, Any] = {"dialect": dialect, "reasoning": speech.reasoning, "url": _SITE}
        words = _WORD.findall(speech.text) or [speech.text]
        (self._stream,) = script(*words, every=speech.delay, **said)
        (self._plain,) = script(*words, stream=False, **said)
        self._list = _listed(self._stream, self._writer)
        try:
            self._changes = Injection(speech.faults, speech.cuts)
        except EffectMisplaced as wrong:
            raise BadSetting("stand_in.cuts", speech.cuts, wrong.problem) from None

    def act(self, request: Request, *, framed: bool) -> Act:  # noqa: ARG002 - a stream's tape fits either way
        """The answer to a question, or an error as the provider words it."""
        wanted = self._streams(request)
        if isinstance(wanted, Act):
            return wanted
        told, index = (self._stream, 0) if wanted else (self._plain, 1)
        if wanted and self._list is not None and not self._asks_for_events(request):
            told, index = self._list, 2
        try:
            ending = self._changes.refuse(told, index)
            return Act(Tape(Head(0), (), ending) if ending else self._changes.change(told, index)[0])
        except EffectMisplaced as wrong:
            return self._error(400, str(wrong))

    def refused(self, refused: Refused) -> tuple[bytes, Headers]:
        """The answer to what cannot be read as a request, or is too large."""
        body, more = self._writer.error_answer(refused.status, str(refused))
        return body, (_JSON, *more)

    def _streams(self, request: Request) -> bool | Act:
        """Whether a stream is asked for: by the path, or by ``"stream"`` in the body where both have one path."""
        stream, plain = (each.partition("?")[0] for each in (self._writer.path, self._writer.plain_path))
        if not any(fnmatchcase(request.path, f"*{each}") for each in (stream, plain)):
            return self._error(404, f"{self.name} has no {request.path}; it answers POST …{stream}")
        if request.method != "POST":
            return self._error(405, f"{self.name} answers POST {request.path}, not {request.method}")
        try:
            body = json.loads(content_of(request))
        except Refused as refused:
            return self._error(refused.status, str(refused))
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            return self._error(400, "the body is no JSON object")
        if stream != plain:
            return fnmatchcase(request.path, f"*{stream}")
        return bool(body.get("stream", self._writer.streams_unasked))

    def _asks_for_events(self, request: Request) -> bool:
        return self._writer.path.partition("?")[2] in request.uri.partition("?")[2].split("&")

    def _error(self, status: int, message: str) -> Act:
        body, more = self._writer.error_answer(status, message)
        head = Head(status, HTTPStatus(status).phrase, (_JSON, *more, ("Content-Length", str(len(body)))))
        return Act(Tape(head, (Chunk(0.0, body),)))


def _listed(stream: Interaction, writer: Writer) -> Interaction | None:
    """The stream as the elements of an array; None for a service that has none."""
    if writer.listed is None:
        return None
    tape = stream.response
    pieces = zip(tape.chunks, writer.listed([each.data for each in tape.chunks]), strict=True)
    chunks = tuple(Chunk(each.at, data, (len(data),)) for each, data in pieces)
    fields = (field for field in tape.headers if field[0].lower() != "content-type")
    return replace(stream, response=replace(tape, head=replace(tape.head, headers=(_JSON, *fields)), chunks=chunks))


def _speech_in(said: object) -> Speech:
    names = [each.name for each in fields(Speech)]
    if not isinstance(said, dict):
        raise BadSetting("stand_in", said, f"an object with some of {', '.join(names)}")
    for name, value in said.items():
        if name not in names:
            raise BadSetting("stand_in's option", name, choice(name, names))
        if type(value) not in _KINDS[name]:
            wanted = " or ".join("null" if each is NoneType else each.__name__ for each in _KINDS[name])
            raise BadSetting(f"stand_in.{name}", value, wanted)
    return Speech(**{**said, "faults": tuple(read_fault(each) for each in said.get("faults", ()))})
