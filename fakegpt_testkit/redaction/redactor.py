"""Takes the secrets out of whatever is about to be written or shown, and puts words in their place.

Knows no files and no HTTP library: values in, values without secrets out. It learns as it goes, so one redactor
belongs to one cassette.
"""

from __future__ import annotations

import re
from copy import copy
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import unquote

from fakegpt_testkit.errors import SecretStays
from fakegpt_testkit.exchange import PLACEHOLDER, Chunk, Head, Headers, Interaction, Request, Tape
from fakegpt_testkit.redaction.chunks import apply_edits, edited, moved, sized
from fakegpt_testkit.redaction.digests import true_again
from fakegpt_testkit.redaction.environment import expected
from fakegpt_testkit.redaction.framed import frame_edits, whole_frames
from fakegpt_testkit.redaction.patterns import begins
from fakegpt_testkit.redaction.reading import MarkedText, RedactionRules, of_events
from fakegpt_testkit.redaction.settings import Redaction
from fakegpt_testkit.redaction.vault import Edit, Vault, applied, fitted, latin, merged, overlap, unlatin
from fakegpt_testkit.wire.unread import unread_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping


_SHOWN = 1024
"""Bytes of a body that are looked at with what came after it."""


class Redactor:
    """One for everything: cassette, journal, errors, logs, and the asked request before it is matched.

    A message is read whole, and what it shows is learnt, before the first word of it is put in place. So what is a
    secret is one wherever it stands, before the place that shows it or after.
    """

    def __init__(self, settings: Redaction | None = None, environment: Mapping[str, str] | None = None) -> None:
        self.settings = settings or Redaction()
        self._rules = RedactionRules(self.settings)
        self._vault = Vault()
        self._untouched: list[str] = []  # bodies in which a secret stands where nothing may be changed
        for name, known in expected(self.settings, environment or {}):
            self._vault.expect(known, name)
        self._expected = self._vault.copy()

    def __repr__(self) -> str:
        return f"Redactor({self.settings!r})"

    def anew(self) -> Redactor:
        """One with the same settings and environment that has met nothing yet."""
        other = copy(self)
        other._vault = self._expected.copy()
        return other

    def apart(self) -> Redactor:
        """One that knows the same and whose findings stay its own."""
        other = copy(self)
        other._vault = self._vault.copy()
        return other

    @property
    def known(self) -> int:
        """Grows with each secret that is new."""
        return len(self._vault)

    def know(self, value: str, name: str) -> None:
        """Learn a secret that no message shows as one: a proxy's password, a key from the environment."""
        if value and not PLACEHOLDER.fullmatch(value):
            self._word(value, name)

    def interactions(
        self, interactions: Iterable[Interaction], path: str = "", beside: Redactor | None = None
    ) -> tuple[Interaction, ...]:
        """All without secrets: what one shows to be a secret is taken out of all, and what another redactor knows.

        ``path`` is where they are to be written. Then it raises ``SecretStays`` for a body in which a secret stands
        where it cannot be replaced, and for one that its client could no longer read.
        """
        interactions = tuple(interactions)
        read = [self._interaction(each) for each in interactions]
        if beside is not None:
            self._vault.expect_all(beside._vault)
        self._untouched.clear()
        written: list[Interaction] = []
        places: list[str] = []
        for number, (each, write) in enumerate(zip(interactions, read, strict=True), 1):
            written.append(write())
            reasons = [*self._untouched, *_broken(each, written[-1])]
            places += [f"interaction {number}, {written[-1].request.title}, {reason}" for reason in reasons]
            self._untouched.clear()
        if path and places:
            raise SecretStays(path, tuple(places))
        return tuple(written)

    def interaction(self, interaction: Interaction) -> Interaction:
        """The interaction without secrets: those of the request in the response, and the other way round."""
        return self._interaction(interaction)()

    def request(self, request: Request) -> Request:
        """The request without secrets. The same secrets give the same words, so that it can be matched."""
        return self.reading_request(request)()

    def response(self, tape: Tape) -> Tape:
        """The response without secrets; chunks keep their times, and their sizes are true.

        Show it what is played, too: the words that stand there are taken, as they were when it was recorded.
        """
        return self.reading_response(tape)()

    def head(self, head: Head) -> Head:
        """The head of a response without secrets."""
        headers = self._headers(head.headers)
        return replace(head, reason=self.text(head.reason), headers=headers())

    def body(self, body: bytes, headers: Headers = ()) -> bytes:
        """A body without secrets; the headers say what it is."""
        reading = self._rules.body(body, headers, self._word)
        text, edits = self._edited(reading)
        return reading.whole(text) if edits else body

    def text(self, text: str) -> str:
        """Any text without secrets: an error, a log line, a ``repr``. What it shows first gets no number of its own."""
        if not text:
            return text
        apart = self.apart()
        return unlatin(apart._edited(apart._rules.line(text, apart._word))[0])

    def note(self, note: str, body: bytes | None = None) -> str:
        """An ending's note without secrets. One that keeps bytes loses all of them where a secret shows in them.

        Some of it may stand at the end of the ``body``, which they came after; where that is not given they go, too.
        """
        unread = unread_in(note)
        if not unread:
            return self.text(note)
        together = ((body or b"")[-_SHOWN:] + unread).decode("latin-1")
        return note if body is not None and self.text(together) == together else note.partition(":")[0]

    def known_out(self, text: str) -> str:
        """A text without the secrets that are known, and else as it is: a report, of which nothing is to be learnt."""
        readable = latin(text)
        return unlatin(applied(readable, merged(self._vault.find(readable))))

    def events(
        self, before: bytes, chunks: tuple[Chunk, ...], headers: Headers = (), *, last: bool = False
    ) -> tuple[Chunk, ...] | None:
        """The next events of a body without secrets; None while a secret may begin in them whose rest is to come.

        ``chunks`` is all of these events, ``before`` what was given out last: a secret's name may stand there. ``last``
        says that no rest will come.
        """
        apart = self.apart()
        events = b"".join([chunk.data for chunk in chunks])
        together = before + events
        shift = 0 if of_events(together.decode("latin-1"), headers) else len(before)
        whole, earlier = (together, b"") if shift else (events, before)
        reading = apart._rules.body(whole, headers, apart._word, earlier)
        if not last and apart._unfinished(reading):
            return None
        self._vault = apart._vault
        text, edits = self._edited(reading)
        if given := len(list(whole_frames(before))):
            new = reading.whole(text)
            new = new[sum(map(len, islice(whole_frames(new), given))) :]
            return apply_edits(chunks, frame_edits(events, new) or _piecewise(chunks, new)) if edits else chunks
        if shift:
            return apply_edits(chunks, [_moved(each, shift) for each in edits if each.end > shift])
        return _edited_in(chunks, reading, text, edits)

    def _unfinished(self, reading: MarkedText) -> bool:
        reads = [read for _, read in reading.joined] or [MarkedText(str(reading.text).rstrip("\r\n"), reading.edits)]
        return any(
            begins(str(read.text))
            or self._vault.begun(str(read.text))[0]
            or any(edit.end == len(read.text) for edit in read.edits)
            for read in reads
        )

    def _word(self, value: str, name: str) -> str:
        value = re.sub(r"%40|\\u0040", "@", value) if name == "email" else value
        if "-----BEGIN" in value:  # of lines, however the text around it spells their ends
            value = re.sub(r"\\{1,8}n", "\n", value).strip()
        word = self._vault.word(value, name)
        if "%" in value:
            self._vault.also(unquote(value), word)
        return word

    # --- read now, written later: each gives what writes it -----------------------------------------------------------

    def _interaction(self, interaction: Interaction) -> Callable[[], Interaction]:
        request, response = self.reading_request(interaction.request), self.reading_response(interaction.response)
        provenance = interaction.provenance
        origin = self._rules.uri(provenance.origin, self._word)

        def written() -> Interaction:
            told = replace(provenance, origin=self._edited(origin)[0], server=self.text(provenance.server))
            return Interaction(request(), response(), told)

        return written

    def reading_request(self, request: Request) -> Callable[[], Request]:
        """Learn what the request shows; what writes it without secrets, those too that are learnt until then."""
        uri = self._rules.uri(request.uri, self._word)
        headers = self._headers(request.headers)
        body = self._rules.body(request.body, request.headers, self._word)

        def written() -> Request:
            edits = self._edits(body)
            self._note_untouched(body, "the request's body")
            now = _without(request.body, body, edits) if edits else request.body
            fields = true_again(sized(headers(), len(request.body), len(now)), request.body, now)
            return Request(request.method, self._edited(uri)[0], fields, now)

        return written

    def reading_response(self, tape: Tape) -> Callable[[], Tape]:
        """The same of a response."""
        headers = self._headers(tape.headers)
        body = self._rules.body(tape.body, tape.headers, self._word)
        self._vault.reserve(body.text)
        for _, value in tape.headers:
            self._vault.reserve(value)

        def written() -> Tape:
            edits = self._edits(body)
            self._note_untouched(body, "the response's body")
            ending = replace(tape.ending, note=self.note(tape.ending.note, tape.body))
            now = _without(tape.body, body, edits) if edits else tape.body
            fields = true_again(sized(headers(), len(tape.body), len(now)), tape.body, now)
            head = replace(tape.head, reason=self.text(tape.head.reason), headers=fields)
            if not edits:
                return tape.with_head(head, ending)
            if not body.is_bare:
                edits = frame_edits(tape.body, now) or _piecewise(tape.chunks, now)
            return Tape.of_body(head, now, moved(tape.pieces, edits, len(now)), ending, tape.coded)

        return written

    def _headers(self, headers: Headers) -> Callable[[], Headers]:
        fields = [(name, value, self._rules.field(name, value, self._word)) for name, value in headers]
        return lambda: tuple((name, self._field(value, reading)) for name, value, reading in fields)

    def _field(self, value: str, reading: MarkedText | str) -> str:
        if isinstance(reading, str):
            return reading
        text, edits = self._edited(reading)
        return unlatin(text) if edits else value

    def _edited(self, reading: MarkedText) -> tuple[str, list[Edit]]:
        """The text without its secrets, and the edits that made it so."""
        edits = self._edits(reading)
        return applied(str(reading.text), edits), edits

    def _edits(self, reading: MarkedText) -> list[Edit]:
        """What takes its secrets out of a text."""
        edits: list[Edit] = []
        for joined, read in reading.joined:
            found = [*read.edits, *self._vault.find(joined.text), *self._cut_off(joined.text)]
            edits += joined.edits(merged(found, read.protected))
        if skipped := reading.read_before:
            edits = [
                Edit(each.start - skipped, each.end - skipped, each.word) for each in edits if each.start >= skipped
            ]
        edits = merged([*edits, *reading.edits, *self._vault.find(reading.text)], reading.protected)
        edits = [edit for edit in edits if reading.text[edit.start : edit.end] != edit.word]
        if reading.sized:
            edits = [replace(edit, word=fitted(edit.word, edit.end - edit.start)) for edit in edits]
        return edits

    def _note_untouched(self, body: MarkedText, where: str) -> None:
        texts = [body, *(read for _, read in body.joined)]
        if any(each.protected and overlap(self._vault.find(each.text), each.protected) for each in texts):
            self._untouched.append(f"{where}: it stands in a field that clients check or send back")

    def _cut_off(self, text: str) -> Iterator[Edit]:
        """A secret that the end of a stream cut off: most of a key is a key."""
        length, word = self._vault.begun(text, least=8)
        if length:
            yield Edit(len(text) - length, len(text), word)


def _without(body: bytes, reading: MarkedText, edits: list[Edit]) -> bytes:
    """The body that was read without its secrets. The reading is over: a large text is not held beside both bodies."""
    if not reading.is_bare:
        return reading.whole(applied(str(reading.text), edits))
    reading.text = ""
    return edited(body, edits)


def _broken(before: Interaction, after: Interaction) -> Iterator[str]:
    from fakegpt_testkit.redaction.intact import broken

    request = broken(before.request.headers, before.request.body, after.request.body)
    response = broken(before.response.headers, before.response.body, after.response.body)
    if request:
        yield f"the request's body: {request}"
    if response:
        yield f"the response's body: {response}"


def _edited_in(chunks: tuple[Chunk, ...], body: MarkedText, text: str, edits: list[Edit]) -> tuple[Chunk, ...]:
    """The chunks of a body that was read, now that its text is another."""
    if edits and (new_body := body.whole(text)) != text.encode("latin-1"):
        edits = frame_edits(b"".join([chunk.data for chunk in chunks]), new_body) or _piecewise(chunks, new_body)
    return apply_edits(chunks, edits)


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


def _moved(edit: Edit, shift: int) -> Edit:
    """The edit relative to a later place: of what began before it, whose first letters are out, the rest goes."""
    return Edit(max(0, edit.start - shift), edit.end - shift, edit.word if edit.start >= shift else "")
