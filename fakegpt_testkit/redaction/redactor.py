"""Takes the secrets out of whatever is about to be written or shown, and puts words in their place.

Knows no files and no HTTP library: values in, values without secrets out. It learns as it goes, so one redactor
belongs to one cassette.
"""

from __future__ import annotations

import re
from copy import copy
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.exchange import PLACEHOLDER, Chunk, Head, Headers, Interaction, Request, Tape, header
from fakegpt_testkit.redaction.assigned import assigned_places
from fakegpt_testkit.redaction.chunks import recut, sized
from fakegpt_testkit.redaction.coats import same, uncovered
from fakegpt_testkit.redaction.digests import frames_true_again, true_again
from fakegpt_testkit.redaction.environment import secret_variables
from fakegpt_testkit.redaction.joined import Lane, is_stream, stream
from fakegpt_testkit.redaction.names import Names, names
from fakegpt_testkit.redaction.patterns import PATTERN_NAMES, begins, shapes
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
from fakegpt_testkit.redaction.vault import Edit, Vault, applied, fitted, latin, merged, unlatin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_STRUCTURE: Final = frozenset(
    ("content-length", "content-type", "content-encoding", "transfer-encoding", "host", "date", "connection")
)
"""Headers that say how to read the message; they hold no secret, and a changed one breaks the replay."""

_AUTHORITY: Final = re.compile(r"[a-z][a-z0-9+.-]*://(?:([^/?#@]*)@)?([^/?#]*)", re.IGNORECASE)
_OPAQUE: Final = ("image/", "audio/", "video/", "font/")


@dataclass(slots=True)
class _Reading:
    """A text, what was found in its places, and what must stay."""

    text: str
    edits: list[Edit] = field(default_factory=list)
    protected: list[tuple[int, int]] = field(default_factory=list)
    lanes: list[tuple[Lane, _Reading]] = field(default_factory=list)
    cover: Callable[[bytes], bytes] = same
    """What puts around the text what was around it."""
    sized: bool = False
    """Whether the text is binary, so that what is in it keeps its length."""

    def whole(self, text: str) -> bytes:
        """The bytes of a changed text."""
        changed = text.encode("latin-1")
        return self.cover(frames_true_again(self.text.encode("latin-1"), changed) if self.sized else changed)


class Redactor:
    """One for everything: cassette, journal, errors, logs, and the asked request before it is matched."""

    def __init__(self, settings: Redaction | None = None, environment: Mapping[str, str] | None = None) -> None:
        self.settings = settings or Redaction()
        self._names: Names = names(self.settings.names, self.settings.keep, PATTERN_NAMES)
        self._kept = frozenset(self.settings.keep)
        self._patterns = tuple(map(compiled, self.settings.patterns))
        self._vault = Vault()
        for value in self.settings.values:
            known = value() if callable(value) else value
            if known:
                self._vault.expect(known, "value")
        for name, known in secret_variables(environment or {}, self.settings.variables):
            self._vault.expect(known, name)
        self._expected = self._vault.copy()

    def __repr__(self) -> str:
        return f"Redactor({self.settings!r})"

    def anew(self) -> Redactor:
        """One with the same settings and environment that has met nothing yet."""
        other = copy(self)
        other._vault = self._expected.copy()
        return other

    def know(self, value: str, name: str) -> None:
        """Learn a secret that no message shows as one: a proxy's password, a key from the environment."""
        if value and not PLACEHOLDER.fullmatch(value):
            self._word(value, name)

    def interaction(self, interaction: Interaction) -> Interaction:
        """The interaction without secrets: those of the request in the response, and the other way round."""
        self.request(interaction.request)  # learns before anything is replaced
        known = len(self._vault)
        response = self.response(interaction.response)
        if len(self._vault) > known:  # what the body showed may stand in the head
            response = self.response(interaction.response)
        provenance = interaction.provenance
        return Interaction(
            self.request(interaction.request),
            response,
            replace(provenance, origin=self._uri(provenance.origin), server=self.text(provenance.server)),
        )

    def interactions(self, interactions: Iterable[Interaction]) -> tuple[Interaction, ...]:
        """All without secrets: one that holds what a later one shows to be a secret is read again."""
        found = [(each, self.interaction(each), len(self._vault)) for each in interactions]
        known = len(self._vault)
        return tuple(clean if size == known else self.interaction(each) for each, clean, size in found)

    def request(self, request: Request) -> Request:
        """The request without secrets. The same secrets give the same words, so that it can be matched."""
        uri = self._read_uri(request.uri)
        known = len(self._vault)
        headers = self._headers(request.headers)
        body = self._read_body(request.body, request.headers)
        text, _ = self._edited(body)
        new_body = body.whole(text) if text != body.text else request.body
        if len(self._vault) > known:  # what was learnt may stand in a header that was read before
            headers = self._headers(headers)
        return Request(
            request.method,
            self._edited(uri)[0],
            true_again(sized(headers, len(request.body), len(new_body)), request.body, new_body),
            new_body,
        )

    def head(self, head: Head) -> Head:
        """The head of a response without secrets."""
        return replace(head, reason=self.text(head.reason), headers=self._headers(head.headers))

    def response(self, tape: Tape) -> Tape:
        """The response without secrets; chunks keep their times, and their sizes are true.

        Show it what is played, too: the words that stand there are taken, as they were when it was recorded.
        """
        head = self.head(tape.head)
        body = self._read_body(tape.body, tape.headers)
        self._vault.reserve(body.text)
        for _, value in tape.headers:
            self._vault.reserve(value)
        text, edits = self._edited(body)
        chunks = tape.chunks
        if text != body.text and (new_body := body.whole(text)) != text.encode("latin-1"):
            chunks = recut(chunks, _piecewise(chunks, new_body))
        elif text != body.text:
            chunks = recut(chunks, edits)
        now = b"".join(chunk.data for chunk in chunks)
        headers = true_again(sized(self._headers(head.headers), len(tape.body), len(now)), tape.body, now)
        ending = replace(tape.ending, note=self.text(tape.ending.note))
        return Tape(replace(head, headers=headers), chunks, ending, tape.coded)

    def body(self, body: bytes, headers: Headers = ()) -> bytes:
        """A body without secrets; the headers say what it is."""
        reading = self._read_body(body, headers)
        text, _ = self._edited(reading)
        return body if text == reading.text else reading.whole(text)

    def events(self, before: bytes, events: bytes, headers: Headers = (), *, last: bool = False) -> bytes | None:
        """The next events of a body without secrets; None while a secret may begin in them whose rest is to come.

        ``before`` is what was given out last: a secret's name may stand there. ``last`` says that no rest will come.
        """
        apart = self._apart()
        reading = apart._read_body(before + events, headers)
        if not last and apart._unfinished(reading):
            return None
        self._vault = apart._vault
        text, edits = self._edited(reading)
        if not before:
            return events if text == reading.text else reading.whole(text)
        here = [Edit(each.start - len(before), each.end - len(before), each.word) for each in edits]
        return applied(events.decode("latin-1"), [each for each in here if each.start >= 0]).encode("latin-1")

    def _unfinished(self, reading: _Reading) -> bool:
        reads = [read for _, read in reading.lanes] or [_Reading(reading.text.rstrip("\r\n"), reading.edits)]
        return any(
            begins(read.text)
            or self._vault.begun(read.text)[0]
            or any(edit.end == len(read.text) for edit in read.edits)
            for read in reads
        )

    def text(self, text: str) -> str:
        """Any text without secrets: an error, a log line, a ``repr``. What it shows first gets no number of its own."""
        if not text:
            return text
        apart = self._apart()
        reading = apart._read(latin(text))
        reading.edits += text_places(reading.text, apart._names, apart._word)
        return unlatin(apart._edited(reading)[0])

    def _apart(self) -> Redactor:
        """A redactor that knows the same and whose findings stay its own."""
        apart = copy(self)
        apart._vault = self._vault.copy()
        return apart

    # --- reading: what is a secret here -------------------------------------------------------------------------------

    def _word(self, value: str, name: str) -> str:
        value = re.sub(r"%40|\\u0040", "@", value) if name == "email" else value
        word = self._vault.word(value, name)
        if "%" in value:
            self._vault.also(unquote(value), word)
        return word

    def _read(self, text: str) -> _Reading:
        """A text that is no stream."""
        reading = _Reading(text)
        if '"' in text or "'" in text:
            keys = json_keys(text)
            fixed = fixed_keys(keys)
            reading.protected = protected_places(text, fixed)
            reading.edits += json_places(text, keys, fixed, self._names, self._word)
            reading.edits += pair_places(text, self._names, self._word)
        reading.edits += query_places(text, self._names, self._word)
        reading.edits += assigned_places(text, self._names, self._word, reading.protected)
        reading.edits += self._shapes(text, reading.protected)
        return reading

    def _shapes(self, text: str, protected: list[tuple[int, int]]) -> Iterator[Edit]:
        spans = [
            Edit(start, end, name)
            for start, end, name in shapes(text, self._kept, self.settings.shapes, anywhere="\0" in text)
        ]
        for span in merged(spans, protected):
            secret = text[span.start : span.end]
            if not PLACEHOLDER.search(secret):
                yield Edit(span.start, span.end, self._word(unlatin(secret), span.word))
        if self._patterns or self.settings.functions:
            yield from self._own(text)

    def _own(self, text: str) -> Iterator[Edit]:
        """What a suite's patterns and functions find; they see text, not bytes."""
        readable = unlatin(text)
        found = [
            match[1] if pattern.groups else match[0]
            for pattern in self._patterns
            for match in pattern.finditer(readable)
        ]
        for function in self.settings.functions:
            secrets = function(readable)
            if isinstance(secrets, str):
                wanted = "one that gives back a list of the secrets in a text, and not a text"
                raise BadSetting("a function to redact with", function, wanted)
            found += secrets
        for secret in dict.fromkeys(found):
            if not secret or PLACEHOLDER.search(secret):
                continue
            word = self._word(secret, "secret")
            yield from (Edit(at.start(), at.end(), word) for at in re.finditer(re.escape(latin(secret)), text))

    def _read_uri(self, uri: str) -> _Reading:
        reading = self._read(latin(uri))
        authority = _AUTHORITY.match(reading.text)
        if authority:
            user = authority[1]
            if user and not PLACEHOLDER.fullmatch(user.rstrip(":")) and not user.rstrip(":").count(":"):
                at = authority.start(1)
                reading.edits.append(Edit(at, at + len(user.rstrip(":")), self._word(user.rstrip(":"), "username")))
            reading.protected = [authority.span(2)]
        return reading

    def _uri(self, uri: str) -> str:
        return self._edited(self._read_uri(uri))[0] if uri else uri

    def _headers(self, headers: Headers) -> Headers:
        return tuple((name, self._header(name, value)) for name, value in headers)

    def _header(self, name: str, value: str) -> str:
        if name.lower() in _STRUCTURE:
            return value
        named = header_value(name.lower(), value, self._names, self._word)
        if named is not None:
            return named
        text = latin(value)
        own = self._patterns or self.settings.functions
        reading = (
            self._read(text) if own or _tells(text, self._names, self._kept, self.settings.shapes) else _Reading(text)
        )
        text, edits = self._edited(reading)
        return unlatin(text) if edits else value

    def _read_body(self, body: bytes, headers: Headers) -> _Reading:
        if not body:
            return _Reading("")
        plain, cover = uncovered(body)
        reading = self._read_text(plain.decode("latin-1"), (header(headers, "content-type") or "").lower())
        reading.cover = cover
        return reading

    def _read_text(self, text: str, media: str) -> _Reading:
        if media.startswith(_OPAQUE):
            return _Reading(text, list(self._shapes(text, [])), sized=True)
        if media.startswith("text/event-stream") or is_stream(text):
            return self._read_stream(text)
        reading = self._read(text)
        reading.sized = "\0" in text
        reading.edits += form_places(text, self._names, self._word, labelled="form-urlencoded" in media)
        reading.edits += multipart_places(text, self._names, self._word)
        return reading

    def _read_stream(self, text: str) -> _Reading:
        reading = _Reading(text)
        keys = json_keys(text)
        fixed = fixed_keys(keys)
        reading.protected = protected_places(text, fixed)
        reading.edits += json_places(text, keys, fixed, self._names, self._word, raw_stream=True)
        events = stream(text, fixed)
        for lane in events.lanes:
            reading.lanes.append((lane, self._read(lane.text)))
        self._read(events.rest)
        return reading

    # --- replacing ----------------------------------------------------------------------------------------------------

    def _edited(self, reading: _Reading) -> tuple[str, list[Edit]]:
        """The text without its secrets, and the edits that made it so."""
        edits: list[Edit] = []
        for lane, read in reading.lanes:
            found = [*read.edits, *self._vault.find(lane.text), *self._cut_off(lane.text)]
            edits += lane.edits(merged(found, read.protected))
        edits = merged([*edits, *reading.edits, *self._vault.find(reading.text)], reading.protected)
        edits = [edit for edit in edits if reading.text[edit.start : edit.end] != edit.word]
        if reading.sized:
            edits = [replace(edit, word=fitted(edit.word, edit.end - edit.start)) for edit in edits]
        return applied(reading.text, edits), edits

    def _cut_off(self, text: str) -> Iterator[Edit]:
        """A secret that the end of a stream cut off: most of a key is a key."""
        length, word = self._vault.begun(text, least=8)
        if length:
            yield Edit(len(text) - length, len(text), word)


@lru_cache(maxsize=1024)
def _tells(text: str, known: Names, kept: frozenset[str], asked: tuple[str, ...]) -> bool:
    """Whether a text has a place that a reading minds. Headers are the same from request to request, and seldom do."""
    keys = json_keys(text)
    fixed = fixed_keys(keys)
    places = (
        protected_places(text, fixed),
        json_places(text, keys, fixed, known, _blank),
        pair_places(text, known, _blank),
        query_places(text, known, _blank),
        assigned_places(text, known, _blank),
        shapes(text, kept, asked),
    )
    return any(True for _ in chain.from_iterable(places))


def _blank(value: str, name: str) -> str:  # noqa: ARG001
    """A word for what nobody is to learn."""
    return ""


def _piecewise(chunks: tuple[Chunk, ...], body: bytes) -> list[Edit]:
    """Edits that put another body in place of the chunks, cut at the same offsets, the last taking what is left."""
    edits: list[Edit] = []
    at = 0
    for index, chunk in enumerate(chunks):
        end = at + len(chunk.data)
        new = body[at:end] if index < len(chunks) - 1 else body[at:]
        edits.append(Edit(at, end, new.decode("latin-1")))
        at = end
    return edits
