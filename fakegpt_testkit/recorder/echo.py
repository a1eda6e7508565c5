"""Puts values of the asked request into the recorded answer, where that repeats those of the recorded request.

Knows no cassette and not which fields are asked for: an id of a call, a state, a nonce.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus

from fakegpt_testkit import framing as framings
from fakegpt_testkit.dialects import framing_of_tape
from fakegpt_testkit.framing import Framing
from fakegpt_testkit.matching import leaves
from fakegpt_testkit.redaction.chunks import apply_edits, sized
from fakegpt_testkit.redaction.digests import true_again
from fakegpt_testkit.redaction.vault import Edit, applied, latin, unlatin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fakegpt_testkit.exchange import Headers, Interaction, Request, Tape
    from fakegpt_testkit.matching import Leaf

_TELLING: Final = 3
"""Text of fewer characters, or of digits alone, is taken for the value only where its name stands beside it."""
_UNLIKELY: Final = 8
"""Text of so many characters is taken for the value also in the middle of other text."""
_FRAMING: Final = frozenset({"content-length", "content-type", "content-encoding", "transfer-encoding"})


def echoed(interaction: Interaction, asked: Request, fields: tuple[str, ...]) -> Interaction:
    """The interaction whose answer repeats what was asked at these fields.

    Text is found as a whole value of JSON, XML, a form or an address, and from eight characters on also within other
    text; a number, and text that is as short as one, only beside the name of its field.
    """
    if not fields:
        return interaction
    recorded, now = leaves(interaction.request, fields), leaves(asked, fields)
    told = [(_name(path), old, now[path]) for path, old in recorded.items() if path in now and now[path] != old]
    if not told:
        return interaction
    places = [place for name, old, new in dict.fromkeys(told) for place in _places(name, old, new)]
    return replace(interaction, response=_changed(interaction.response, _Words(places)))


def _name(path: tuple[str | int, ...]) -> str:
    return next(step for step in reversed(path) if isinstance(step, str))


@dataclass(frozen=True, slots=True)
class _Echoed:
    """What stands before a value, the value, what must not or must follow it, and what is to stand there."""

    before: str
    old: str
    after: str
    new: str


class _Words:
    """All places at once, so that two values that change places do."""

    def __init__(self, places: Sequence[_Echoed]) -> None:
        unique = list({(each.before, each.old, each.after): each for each in reversed(places)}.values())[::-1]
        self._new = {f"p{number}": each.new for number, each in enumerate(unique)}
        branches = (f"(?P<p{at}>{each.before}){re.escape(each.old)}{each.after}" for at, each in enumerate(unique))
        self._pattern = re.compile("|".join(branches), re.MULTILINE | re.ASCII)

    def edits(self, text: str) -> list[Edit]:
        return [
            Edit(found.end(found.lastgroup), found.end(), self._new[found.lastgroup])
            for found in self._pattern.finditer(text)
            if found.lastgroup
        ]


def _places(name: str, old: Leaf, new: Leaf) -> Iterator[_Echoed]:
    """Every form in which an answer may repeat a value; text as UTF-8, one character a byte."""
    word = re.escape(latin(name))
    for token in (_json, _escaped, _plain_json):
        mark = r'\\"' if token is _escaped else '"'
        yield _Echoed(rf"{mark}{word}{mark}\s*:\s*", token(old), r"(?![\w.+-])", token(new))
    if isinstance(old, bool) or old is None:
        return
    texts = [(form(str(old)), form(_said(new))) for form in (_quoted, quote_plus, latin)]
    for was, now in texts:
        yield _Echoed(rf"(?<![\w-]){word}=", was, r"(?![\w.%+-])", now)
    was, now = texts[-1]
    yield _Echoed(rf"(?<![\w-]){word}=[\"']", was, r"(?![\w.%+-])", now)
    yield _Echoed(rf"<{word}(?:\s[^<>]*)?>\s*", was, r"(?=\s*<)", now)
    yield _Echoed(r"(?:\A|^data:)[ \t]*", was, r"(?=\s*\Z|\r?\n)", now)
    if isinstance(old, str) and len(old) >= _TELLING and not old.isdigit():
        yield from _of_text(old, _said(new), texts)


def _of_text(old: str, new: str, texts: Sequence[tuple[str, str]]) -> Iterator[_Echoed]:
    for token in (_json, _escaped, _plain_json):
        yield _Echoed("", token(old), "", token(new))
    yield _Echoed(r">\s*", latin(old), r"(?=\s*<)", latin(new))
    for was, now in texts:
        yield _Echoed("=", was, r"(?=[&\s\"'#;<]|\Z)", now)
    if len(old) >= _UNLIKELY:
        for was, now in reversed(texts):
            yield _Echoed(r"(?<![\w-])", was, r"(?![\w-])", now)
        yield _Echoed(r"(?<![\w-])", _json(old)[1:-1], r"(?![\w-])", _json(new)[1:-1])


def _said(value: Leaf) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _json(value: Leaf) -> str:
    return json.dumps(value)


def _plain_json(value: Leaf) -> str:
    return latin(json.dumps(value, ensure_ascii=False))


def _escaped(value: Leaf) -> str:
    """In JSON that stands in a JSON text."""
    return json.dumps(json.dumps(value))[1:-1]


# --- the answer -------------------------------------------------------------------------------------------------------


def _changed(tape: Tape, words: _Words) -> Tape:
    before = tape.body
    edits = _body_edits(tape, words)
    chunks = apply_edits(tape.chunks, edits)
    after = b"".join(chunk.data for chunk in chunks)
    headers: Headers = tuple((name, _header(name, value, words)) for name, value in tape.headers)
    headers = true_again(sized(headers, len(before), len(after)), before, after)
    return replace(tape, head=replace(tape.head, headers=headers), chunks=chunks)


def _body_edits(tape: Tape, words: _Words) -> list[Edit]:
    if framing_of_tape(tape) is Framing.AMAZON:
        return _frame_edits(tape.body, words)
    edits = words.edits(tape.body.decode("latin-1"))
    if b"\0" in tape.body:  # binary: what counts its bytes stays true
        return [each for each in edits if len(each.word) == each.end - each.start]
    return edits


def _frame_edits(body: bytes, words: _Words) -> list[Edit]:
    edits: list[Edit] = []
    at = 0
    for frame in framings.split(body, Framing.AMAZON)[: len(framings.cut(body, Framing.AMAZON).events)]:
        payload = framings.payload_of(frame)
        inner = words.edits(payload.decode("latin-1"))
        if inner:
            changed = framings.with_payload(frame, applied(payload.decode("latin-1"), inner).encode("latin-1"))
            edits.append(Edit(at, at + len(frame), changed.decode("latin-1")))
        at += len(frame)
    return edits


def _header(name: str, value: str, words: _Words) -> str:
    if name.lower() in _FRAMING:
        return value
    said = f"{name.lower()}={latin(value)}"
    return unlatin(applied(said, words.edits(said))[len(name) + 1 :])
