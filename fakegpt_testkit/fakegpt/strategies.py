"""A Hypothesis strategy for FakeGpt's whole answers, with their noise.

Knows nothing of who reads them; `fakegpt_testkit.strategies` hands it on with the others.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from fakegpt_testkit.fakegpt.conversation import MODEL

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

_PIECES = (
    "a",
    "Hello",
    "é",
    "中",
    "😀",
    "👩\u200d🚀",
    '"',
    "\\",
    "{}",
    "\u2028",
    "\x85",
    "data: x\n\n",
    "[DONE]",
    "\n",
)
_answer_text = st.one_of(
    st.sampled_from(_PIECES),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"), min_size=1, max_size=8),
)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A whole answer of the FakeGpt service: the ``body`` as it is sent, and the ``text`` that is to come of it."""

    body: bytes
    text: str


@st.composite
def conversations(draw: DrawFn) -> Conversation:
    """Whole answers, with the noise that real ones have.

    That is an echo of the question, pings, moderation, tools' messages, texts repeated, emoji that come in halves,
    an empty last text, escapes or raw UTF-8, and each line end. The text only grows: no message is rewritten.
    """
    ascii_only = draw(st.booleans())
    end = draw(st.sampled_from(("\n", "\r", "\r\n")))
    text = ""
    written: list[dict[str, Any] | str] = [*draw(st.lists(_aside(), max_size=2))]
    for number in range(draw(st.integers(1, 2))):
        said = draw(st.lists(_answer_text, min_size=1, max_size=5))
        text += "".join(said)
        written += draw(_message(f"answer-{number}", said))
    written.append("[DONE]")
    lines = []
    for payload in written:
        if isinstance(payload, str):
            lines.append(f"data: {payload}")
        elif "ping" in payload:
            lines.append(f"event: ping{end}data: {payload['ping']}")
        else:
            lines.append("data: " + json.dumps(payload, ensure_ascii=ascii_only))
    return Conversation("".join(line + end + end for line in lines).encode(), text)


@st.composite
def _message(draw: DrawFn, message_id: str, said: list[str]) -> list[dict[str, Any]]:
    """The events of one message: its text so far in each, with asides between."""
    written = [_said("", message_id)]
    so_far = ""
    for piece in said:
        if ord(piece[0]) > 0xFFFF and draw(st.booleans()):
            written.append(_said(so_far + "\ufffd", message_id))
        so_far += piece
        written += [_said(so_far, message_id)] * draw(st.integers(1, 2)) + draw(st.lists(_aside(), max_size=1))
    ending: dict[str, Any] = {"status": "finished_successfully", "end_turn": True, "finish_details": {"type": "stop"}}
    return [*written, _said(draw(st.sampled_from((so_far, so_far, ""))), message_id, **ending)]


def _aside() -> SearchStrategy[dict[str, Any]]:
    return st.sampled_from(
        (
            {"ping": "2023-10-11 12:00:00.000000"},
            {"moderation_response": {"flagged": False, "blocked": False}, "is_completion": True, "message_id": "x"},
            {"num_variants_in_stream": 1, "display_treatment": "skippable"},
            _said("The question", "question", role="user", message_type=None),
            _said("", "system", role="system", message_type=None),
            _said("print(1)", "call", recipient="python"),
            _said("1", "output", role="tool"),
        )
    )


def _said(
    text: str, message_id: str, *, role: str = "assistant", message_type: str | None = "next", **fields: Any
) -> dict[str, Any]:
    message = {
        "id": message_id,
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": 1697025600.5,
        "update_time": None,
        "content": {"content_type": "text", "parts": [text]},
        "status": "in_progress",
        "end_turn": None,
        "weight": 1.0,
        "metadata": {"message_type": message_type, "model_slug": MODEL},
        "recipient": "all",
    }
    return {"message": message | fields, "conversation_id": "conversation", "error": None}
