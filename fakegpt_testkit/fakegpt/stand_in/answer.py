"""The stand-in's answers as values: a prompt becomes events, events become chunks.

Knows no HTTP and no clock: the same options and prompt give the same bytes.
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Final

from fakegpt_testkit import sse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fakegpt_testkit.fakegpt.stand_in.options import Options, StreamCuts

FIRST_MOMENT: Final = datetime(2023, 10, 5, 12, tzinfo=UTC)
"""The service's time of every answer: nothing that it sends depends on the clock."""

PAUSE: Final = 1.5
"""Seconds before the first event of an answer with other timing."""

_MOST_STEPS = 200  # the text is repeated in each event: a long one grows in bigger steps, or its stream would be O(n²)
_PING_EVERY = 8

_OPENINGS = ("Gladly! ", "Of course. ", "Good question 🙂. ", "Certainly, voilà: ", "Let me think… ")
_SENTENCES = (
    "A stream is a promise kept one chunk at a time. ",
    "The kettle in the café next door needs about four minutes. ",
    "Most bridges are honest about the weight they carry. ",
    "If it rains, take the tram; if not, walk along the Saône. ",
    "Nobody remembers who painted the door green. ",
    "The shortest proof fits on a napkin, the longest needs a cupboard. ",
    "In short: 2 + 2 = 4, naïve as it sounds. ",
    "First the facts, then the opinion, then lunch. ",
    "Ein Satz auf Deutsch mit ß und ü schadet nie. ",
    "これは短い文です。",
)
_CLOSINGS = ("Hope that helps! 👍", "Ask me anything else 🚀", "That's all 👩‍💻.", "C'est tout 🎉")


def dice(options: Options, *what: object) -> Random:
    """Randomness for one purpose: its numbers depend on the seed and the purpose alone."""
    return Random("/".join(map(str, (options.seed, *what))))  # noqa: S311  # wanted: the same each time


def random_id(rng: Random) -> str:
    """A UUID of version 4."""
    return str(uuid.UUID(bytes=rng.randbytes(16), version=4))


def text_for(options: Options, prompt: str) -> str:
    """The whole answer to a prompt."""
    other = "other-text" in options.drift
    if options.text is not None:
        return f"In other words: {options.text}" if other else options.text
    rng = dice(options, "another text" if other else "text", prompt)
    return rng.choice(_OPENINGS) + "".join(rng.sample(_SENTENCES, 3)) + rng.choice(_CLOSINGS)


def events(options: Options, prompt: str, model: str, asked: str) -> list[bytes]:
    """The stream that answers a prompt, one item per event, up to where a broken ending sets in."""
    if options.body is not None:
        return sse.split(options.body)[: options.events]
    mark = [_sent(options, "[DONE]")] if options.end == "done" else []
    return list(_spoken(options, prompt, model, asked))[: options.events] + mark


def ping(options: Options, number: int) -> bytes:
    """One keep-alive event; each is 15 s later than the one before."""
    at = FIRST_MOMENT + timedelta(seconds=15 * number)
    return _sent(options, at.strftime("%Y-%m-%d %H:%M:%S.%f"), event="ping")


def cut(stream: Sequence[bytes], cuts: StreamCuts, rng: Random) -> list[bytes]:
    """The stream's bytes in the chunks that will be sent; none is empty."""
    match cuts:
        case "event":
            return list(stream)
        case "byte":
            return [bytes([byte]) for event in stream for byte in event]
        case "random":
            return list(_random_cuts(b"".join(stream), rng))
        case "utf8":
            return [piece for event in stream for piece in re.split(rb"(?<=[\xc2-\xf4])", event) if piece]
        case "crlf":
            return [piece for event in stream for piece in re.split(rb"(?<=\r)(?=\n)", event) if piece]
    return [piece for event in stream for piece in _data_cuts(event, rng)]


def _random_cuts(body: bytes, rng: Random) -> Iterator[bytes]:
    start = 0
    while start < len(body):
        size = rng.choice((1, 2, 7, rng.randint(1, 64), rng.randint(64, 2048)))
        yield body[start : start + size]
        start += size


def _data_cuts(event: bytes, rng: Random) -> Iterator[bytes]:
    start = 0
    for found in re.finditer(rb"(?m)^data: ", event):
        end = found.start() + rng.randint(1, 5)
        yield event[start:end]
        start = end
    yield event[start:]


def _spoken(options: Options, prompt: str, model: str, asked: str) -> Iterator[bytes]:
    rng = dice(options, "other ids" if "other-ids" in options.drift else "ids", prompt)
    conversation, answer = random_id(rng), random_id(rng)
    talk = _Talk(options, conversation, model, asked)
    if "new-event" in options.drift:
        yield _sent(options, '"v1"', event="delta_encoding")
    if "system" in options.noise:
        yield talk.say(random_id(rng), "", role="system", kind=None, status="finished_successfully", end_turn=True)
    if "echo" in options.noise:
        yield talk.say(asked, prompt, role="user", kind=None, status="finished_successfully")
    if "tool" in options.noise:
        yield talk.say(random_id(rng), 'search("kettle café")', recipient="browser", content_type="code")
        yield talk.say(
            random_id(rng), "【0†Tool result】 4 minutes", role="tool", content_type="tether_browsing_display"
        )
    text = text_for(options, prompt)
    for number, end in enumerate(_growth(text, rng)):
        if "ping" in options.noise and number % _PING_EVERY == 1:
            yield ping(options, number // _PING_EVERY)
        yield talk.say(answer, text[:end])
    whole = "finished_successfully" if options.finish == "stop" else "finished_partial_completion"
    yield talk.say(answer, text, status=whole, end_turn=True, finish=options.finish)
    if "moderation" in options.noise:
        verdict = {"flagged": False, "blocked": False, "moderation_id": random_id(rng)}
        yield talk.send(
            {
                "conversation_id": conversation,
                "message_id": answer,
                "is_completion": True,
                "moderation_response": verdict,
            }
        )


def _growth(text: str, rng: Random) -> Iterator[int]:
    """Where the text so far ends, event by event: at 0, then by a word or a part of one, at last the whole text."""
    yield 0
    least = len(text) // _MOST_STEPS
    end = 0
    while end < len(text):
        end = min(len(text), end + max(1, least) + rng.randint(0, max(6, least)))
        yield end


class _Talk:
    """Puts what is said into the events of one conversation, a tenth of a second apart."""

    def __init__(self, options: Options, conversation: str, model: str, asked: str) -> None:
        self._options = options
        self._conversation = conversation
        self._model = model
        self._asked = asked

    def say(
        self,
        message: str,
        text: str,
        *,
        role: str = "assistant",
        recipient: str = "all",
        content_type: str = "text",
        kind: str | None = "next",
        status: str = "in_progress",
        end_turn: bool | None = None,
        finish: str | None = None,
    ) -> bytes:
        content = {"content_type": content_type, **({"parts": [text]} if content_type == "text" else _other(text))}
        metadata: dict[str, Any] = {"message_type": kind, "model_slug": self._model, "parent_id": self._asked}
        if finish is not None:
            metadata["finish_details"] = {"type": finish}
        said = {
            "id": message,
            "author": {"role": role, "name": "browser" if role == "tool" else None, "metadata": {}},
            "create_time": FIRST_MOMENT.timestamp(),
            "update_time": None,
            "content": content,
            "status": status,
            "end_turn": end_turn,
            "weight": 1.0,
            "metadata": metadata,
            "recipient": recipient,
        }
        drifted = _drifted(said, self._options)
        return self.send({"message": drifted, "conversation_id": self._conversation, "error": None})

    def send(self, value: Mapping[str, object]) -> bytes:
        return _sent(self._options, json.dumps(value, ensure_ascii=self._options.escaped))


def _drifted(message: dict[str, Any], options: Options) -> dict[str, Any]:
    if "new-field" in options.drift:
        message["channel"] = "final"
    if "gone-field" in options.drift:
        del message["weight"]
    if "other-type" in options.drift:
        message["create_time"] = FIRST_MOMENT.isoformat()
    return message


def _other(text: str) -> dict[str, object]:
    return {"language": "unknown", "text": text}


def _sent(options: Options, data: str, event: str = "message") -> bytes:
    return sse.encode(sse.Event(event, data)).replace(b"\n", options.line_end.encode())
