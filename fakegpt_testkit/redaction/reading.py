"""Reads a text, a header or a body for what is secret in its places, and leaves the replacing to who asked.

Knows no secret that was met before: what stands in a place is handed to ``word``, which gives what to put there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.bodies import is_utf_8
from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.exchange import PLACEHOLDER, header, media_type
from fakegpt_testkit.framing.cutting import Framing, framing_of_label
from fakegpt_testkit.redaction import large
from fakegpt_testkit.redaction.assigned import assigned_places, columns_head, prefixed_places, segment_places
from fakegpt_testkit.redaction.coats import same, uncovered
from fakegpt_testkit.redaction.framed import unframed
from fakegpt_testkit.redaction.joined import JoinedText, is_array, is_stream, stream
from fakegpt_testkit.redaction.large import Latin, Stretch, stretches_of
from fakegpt_testkit.redaction.messages import ends_in_fields, message_places
from fakegpt_testkit.redaction.names import Names, names
from fakegpt_testkit.redaction.patterns import PATTERN_NAMES, shapes
from fakegpt_testkit.redaction.places import (
    fixed_keys,
    form_places,
    header_value,
    json_keys,
    json_places,
    multipart_places,
    pair_places,
    protected_places,
    query_places,
    text_places,
)
from fakegpt_testkit.redaction.settings import Redaction, compiled
from fakegpt_testkit.redaction.vault import Edit, latin, merged, moved, spelled, unlatin
from fakegpt_testkit.redaction.views import views

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fakegpt_testkit.exchange import Headers
    from fakegpt_testkit.redaction.places import Word

_STRUCTURE: Final = frozenset(
    ("content-length", "content-type", "content-encoding", "transfer-encoding", "host", "date", "connection")
)
"""Headers that say how to read the message; they hold no secret, and a changed one breaks the replay."""

_OF_LINES: Final = (Framing.SSE, Framing.JSON_LINES)
_AUTHORITY: Final = re.compile(r"[a-z][a-z0-9+.-]*://(?:([^/?#@]*)@)?([^/?#]*)", re.IGNORECASE)
_OPAQUE: Final = ("image/", "audio/", "video/", "font/")


@dataclass(slots=True)
class MarkedText:
    """A text, what was found in its places, and what must stay."""

    text: str | Latin
    edits: list[Edit] = field(default_factory=list)
    protected: list[tuple[int, int]] = field(default_factory=list)
    joined: list[tuple[JoinedText, MarkedText]] = field(default_factory=list)
    cover: Callable[[bytes], bytes] = same
    """What puts around the text what was around it."""
    sized: bool = False
    """Whether the text is binary, so that what is in it keeps its length."""

    read_before: int = 0
    """How much of the stream came before this text; what is joined is of all of it."""

    @property
    def is_bare(self) -> bool:
        """Whether nothing is around it, so that its letters are the body's bytes."""
        return self.cover is same

    def whole(self, text: str) -> bytes:
        """The bytes of a changed text."""
        return self.cover(text.encode("latin-1"))


class RedactionRules:
    """The built-in rules with what a suite adds and keeps, ready to read by."""

    def __init__(self, settings: Redaction) -> None:
        self.names: Names = names(settings.names, settings.keep, PATTERN_NAMES)
        self._kept = frozenset(settings.keep)
        self._shapes = settings.shapes
        self._patterns = tuple(map(compiled, settings.patterns))
        self._functions = settings.functions

    def text(self, text: str, word: Word, *, asked: bool = False, fixed: set[str] | None = None) -> MarkedText:
        """A text that is no stream; ``asked``: it is the URI that was asked for, or a header.

        ``fixed`` are the keys whose values stay where that is not told by this text alone.
        """
        reading = MarkedText(text)
        if '"' in text or "'" in text:
            keys = json_keys(text)
            fixed = fixed_keys(keys) if fixed is None else fixed & keys.keys()
            reading.protected = protected_places(text, fixed)
            reading.edits += json_places(text, keys, fixed, self.names, word)
            reading.edits += pair_places(text, self.names, word)
        reading.edits += query_places(text, self.names, word, asked=asked)
        reading.edits += assigned_places(text, self.names, word, reading.protected)
        reading.edits += self._found(text, reading.protected, word)
        return reading

    def line(self, text: str, word: Word) -> MarkedText:
        """A log line, an error, a ``repr``: values stand after their names in it too."""
        readable = latin(text)
        reading = self.text(readable, word)
        reading.edits += text_places(readable, self.names, word)
        return reading

    def uri(self, uri: str, word: Word) -> MarkedText:
        """A URI; its authority stays, except who logs in."""
        readable = latin(uri)
        reading = self.text(readable, word, asked=True)
        authority = _AUTHORITY.match(readable)
        if authority:
            user = (authority[1] or "").rstrip(":")
            if user and not PLACEHOLDER.fullmatch(user) and ":" not in user:
                at = authority.start(1)
                reading.edits.append(Edit(at, at + len(user), word(user, "username")))
            reading.protected = [authority.span(2)]
        reading.edits += segment_places(readable, self.names, word)
        self._learn(readable, word)
        return reading

    def field(self, name: str, value: str, word: Word) -> MarkedText | str:
        """A header's value; one that has to stay, or in whose place a word stands already, as a text."""
        if name.lower() in _STRUCTURE:
            return value
        named = header_value(name.lower(), value, self.names, word)
        if named is not None:
            return named
        text = latin(value)
        own = self._patterns or self._functions
        return (
            self.text(text, word, asked=True)
            if own or _tells(text, self.names, self._kept, self._shapes)
            else MarkedText(text)
        )

    def body(self, body: bytes, headers: Headers, word: Word, before: bytes = b"") -> MarkedText:
        """A body, whatever lies around its text. ``before`` is what of a stream was read already."""
        if not body:
            return MarkedText("")
        plain, cover = uncovered(body)
        media = (header(headers, "content-type") or "").lower()
        if plain is body and self._is_read_in_parts(body, media, before):
            return self._large(Latin(body), headers, word)
        text = plain.decode("latin-1")
        if media.startswith(_OPAQUE) and plain is body:
            return MarkedText(text, list(self._found(text, [], word)), sized=True)
        if framed := unframed(plain):
            text, cover, plain = framed[0].decode("latin-1"), framed[1], framed[0]
            reading = self._stream(text, word, "")
        elif is_array(text):  # of any service's list, or of a stream's events
            reading, read = self.text(text, word), before.decode("latin-1")
            reading.read_before = len(read)
            reading.joined = self._joined(read + text, fixed_keys(json_keys(read + text)), word, len(read))
        elif of_events(text, headers):
            reading = self._stream(text, word, before.decode("latin-1"))
        else:
            reading = self.text(text, word)
            reading.sized = _is_binary(plain)
            if reading.sized:
                reading.edits += prefixed_places(text, self.names, word)
            reading.edits += form_places(text, self.names, word, labelled="form-urlencoded" in media)
            reading.edits += multipart_places(text, self.names, word)
            reading.edits += message_places(text, self.names, word)
        reading.cover = same if plain is body else cover
        self._learn(text, word)
        return reading

    def _is_read_in_parts(self, body: bytes, media: str, before: bytes) -> bool:
        """Whether what its parts show is what a body shows: not where a suite's own rules are to see all of it."""
        if len(body) < large.LARGE or before or self._patterns or self._functions or "form-urlencoded" in media:
            return False
        has_lines = body.find(b"\n", 0, large.PART) >= 0
        return has_lines and not body.startswith(b"--") and not unframed(body)

    def _large(self, text: Latin, headers: Headers, word: Word) -> MarkedText:
        """What ``body`` finds, part by part."""
        beginning = text.beginning()
        keys: dict[str, str] = {}
        for part in stretches_of(text):
            keys |= json_keys(part.text)
        fixed = fixed_keys(keys)
        if (header(headers, "content-type") or "").lower().startswith(_OPAQUE):
            return self._of_parts(text, "", lambda part: MarkedText(part, [*self._found(part, [], word)]), sized=True)
        of_lines = not is_array(beginning) and of_events(beginning, headers)
        sized = not of_lines and not is_array(beginning) and _is_binary(text.body)

        def marked(part: str) -> MarkedText:
            if of_lines:
                return self._raw_stream(part, json_keys(part), fixed, word)
            reading = self.text(part, word, fixed=fixed)
            if sized:
                reading.edits += prefixed_places(part, self.names, word)
            if not is_array(beginning):
                reading.edits += message_places(part, self.names, word)
            return reading

        reading = self._of_parts(text, columns_head(beginning), marked, sized=sized)
        if of_lines or is_array(beginning):
            reading.joined = self._joined(text, fixed, word)
        for each in text.stretches(large.REACH):
            self._learn(each.text, word)
        return reading

    def _of_parts(self, text: Latin, head: str, read: Callable[[str], MarkedText], *, sized: bool) -> MarkedText:
        """What is found in each part, in its place in the whole. ``head`` is the line that names a table's columns."""
        whole = MarkedText(text, sized=sized)
        spans: set[tuple[int, int]] = set()
        part: Stretch | None = text.stretch(0)
        while part is not None:
            above = (head or "\n") if part.start else ""  # else its first line would be taken for the head
            found = read(above + part.text)
            edits = [moved(edit, -len(above)) for edit in found.edits]
            protected = [(start - len(above), end - len(above)) for start, end in found.protected]
            ends = max((end for _, end in (*protected, *((0, edit.end) for edit in edits))), default=0)
            if part.is_cut_at(ends) or (part.goes_on and ends_in_fields(part.text)):
                part = text.stretch(part.first, 2 * (part.last - part.first))
                continue
            whole.edits += [moved(edit, part.start) for edit in edits]
            spans.update((part.start + start, part.start + end) for start, end in protected)
            part = text.stretch(part.last) if part.last < len(text) else None
        whole.protected = sorted(spans)
        return whole

    def _learn(self, text: str, word: Word) -> None:
        """Of what a text says when it is decoded; what is found there is replaced as it is spelled here."""
        for view in views(text):
            self.text(view, word)

    def _stream(self, text: str, word: Word, before: str) -> MarkedText:
        keys = json_keys(text)
        fixed = fixed_keys(keys if "logprob" not in before else keys | json_keys(before))
        reading = self._raw_stream(text, keys, fixed, word)
        reading.read_before = len(before)
        reading.joined = self._joined(before + text, fixed, word, len(before))
        return reading

    def _raw_stream(self, text: str, keys: dict[str, str], fixed: set[str], word: Word) -> MarkedText:
        reading = MarkedText(text, protected=protected_places(text, fixed & keys.keys()))
        reading.edits += json_places(text, keys, fixed, self.names, word, raw_stream=True)
        return reading

    def _joined(
        self, text: str | Latin, fixed: set[str], word: Word, after: int = 0
    ) -> list[tuple[JoinedText, MarkedText]]:
        """The texts that events add up to, as far as they go on after what was read before; the rest is learnt from."""
        events = stream(text, fixed)
        joined = [each for each in events.texts if each.pieces and each.pieces[-1][1] > after]
        read = [(each, self.text(each.text, word)) for each in joined]
        if events.rest:
            self.text(events.rest, word)
        return read

    def _found(self, text: str, protected: list[tuple[int, int]], word: Word) -> Iterator[Edit]:
        spans = [
            Edit(start, end, name) for start, end, name in shapes(text, self._kept, self._shapes, anywhere="\0" in text)
        ]
        for span in merged(spans, protected):
            secret = text[span.start : span.end]
            if "REDACTED-" not in secret and not PLACEHOLDER.search(secret):
                yield Edit(span.start, span.end, spelled(word(unlatin(secret), span.word), secret))
        if self._patterns or self._functions:
            yield from self._own(text, word)

    def _own(self, text: str, word: Word) -> Iterator[Edit]:
        """What a suite's patterns and functions find; they see text, not bytes."""
        readable = unlatin(text)
        found = [
            match[1] if pattern.groups else match[0]
            for pattern in self._patterns
            for match in pattern.finditer(readable)
        ]
        for function in self._functions:
            secrets = function(readable)
            if isinstance(secrets, str):
                wanted = "one that gives back a list of the secrets in a text, and not a text"
                raise BadSetting("a function to redact with", function, wanted)
            found += secrets
        for secret in dict.fromkeys(found):
            if not secret or PLACEHOLDER.search(secret):
                continue
            replacement = word(secret, "secret")
            yield from (Edit(at.start(), at.end(), replacement) for at in re.finditer(re.escape(latin(secret)), text))


def _is_binary(plain: bytes) -> bool:
    return b"\0" in plain or not (is_utf_8(plain) or plain[:1].isascii())


def of_events(text: str, headers: Headers) -> bool:
    """Whether a body is a stream of events, of JSON lines or of an array's elements, by its label or its start."""
    return framing_of_label(media_type(headers)) in _OF_LINES or is_stream(text)


@lru_cache(maxsize=1024)
def _tells(text: str, known: Names, kept: frozenset[str], asked: tuple[str, ...]) -> bool:
    """Whether a text has a place that a reading minds. Headers are the same from request to request, and seldom do."""
    keys = json_keys(text)
    fixed = fixed_keys(keys)
    places = (
        protected_places(text, fixed),
        json_places(text, keys, fixed, known, _blank),
        pair_places(text, known, _blank),
        query_places(text, known, _blank, asked=True),
        assigned_places(text, known, _blank),
        shapes(text, kept, asked),
    )
    return any(True for _ in chain.from_iterable(places))


def _blank(value: str, name: str) -> str:  # noqa: ARG001
    """A word for what nobody is to learn."""
    return ""
