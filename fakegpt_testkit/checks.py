"""Looks a cassette over: does it load, is a secret in it, is it cut off, is it old, is its shape known.

Knows no file: bytes, a name and the time go in, findings come out. What to do with them is the caller's business.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from fakegpt_testkit import cassette as cassettes
from fakegpt_testkit.dialects import dialect_named, read_in
from fakegpt_testkit.errors import CassetteError, SecretStays
from fakegpt_testkit.exchange import PLACEHOLDER, EndingKind
from fakegpt_testkit.redaction import Redaction, Redactor, expected, personal, shown_id
from fakegpt_testkit.timeline import timeline_of
from fakegpt_testkit.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from fakegpt_testkit.cassette.canonical import GivenBack
    from fakegpt_testkit.exchange import Interaction
    from fakegpt_testkit.timeline import Timeline


class Kind(StrEnum):
    """What can be wrong with a cassette."""

    UNREADABLE = "unreadable"
    """It does not load."""
    SECRET = "secret"  # noqa: S105 - a word for it
    """It holds what redaction would take out today."""
    PERSONAL = "personal"
    """It holds what may say who somebody is: an e-mail address, a telephone number, a bank account, a card."""
    CUT_OFF = "cut-off"
    """A response did not come to its end, or a stream to its end mark."""
    STALE = "stale"
    """It is older than it may be, or does not say how old it is."""
    ERROR = "error"
    """All that it holds is an answer that a wrong key or a service in trouble gives."""
    UNKNOWN = "unknown"
    """A stream says something that its dialect's reader passes over without knowing it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; ``interaction`` counts from 1 and is None where the whole file is meant."""

    kind: Kind
    text: str
    interaction: int | None = None


_ERRORS: Final = 400
_OF_A_BAD_DAY: Final = frozenset({401, 403, 407, 429})
_OF_THE_SERVICE: Final = 500


def inspect(
    data: bytes | GivenBack,
    source: str,
    *,
    now: datetime,
    max_age: timedelta | None = None,
    redaction: Redaction | None = None,
    environment: Mapping[str, str] | None = None,
    dialect: str = "",
) -> list[Finding]:
    """Everything that is wrong with the cassette in these bytes; ``source`` names them in the texts.

    ``environment``: variables whose values are secrets, by their names and by what they look like.
    ``dialect``: the one of the streams that show none.
    """
    try:
        interactions = tuple(read_in(each, dialect) for each in cassettes.loads(data, source).interactions)
    except CassetteError as error:
        return [Finding(Kind.UNREADABLE, str(error))]
    del data  # of a large file, a third of what is looked at
    redactor = Redactor(redaction, environment)
    findings: list[Finding] = []
    try:
        redacted = redactor.interactions(interactions, source)
    except SecretStays as stays:
        findings += [
            Finding(Kind.SECRET, f"there is one that cannot be replaced, in {place}") for place in stays.places
        ]
        redacted = redactor.anew().interactions(interactions)
    name = unquote(source)
    known = {secret for _, secret in expected(redaction or Redaction(), environment or {})}
    if shown_id(name, known=known) != name or any(each in name.rpartition("/")[2] for each in known):
        findings.append(Finding(Kind.SECRET, "its name holds what looks like a secret; name the parameter by ids="))
    for number, (interaction, clean) in enumerate(zip(interactions, redacted, strict=True), 1):
        timeline = timeline_of(clean)
        found = (*_secrets(interaction, clean), *_personal(timeline), *_broken(timeline), *_unknown(timeline))
        findings += [Finding(kind, text, number) for kind, text in found]
        del timeline  # a stream's takes several times its size
    return findings + _only_errors(interactions) + _stale(interactions, now, max_age)


Blamed = tuple[Kind, str]


def _only_errors(interactions: Sequence[Interaction]) -> list[Finding]:
    statuses = sorted({each.response.status for each in interactions})
    if not statuses or not all(status in _OF_A_BAD_DAY or status >= _OF_THE_SERVICE for status in statuses):
        return []
    said = ", ".join(map(str, statuses))
    return [Finding(Kind.ERROR, f"nothing but errors was recorded ({said}): was that meant? else record it again")]


def _secrets(interaction: Interaction, clean: Interaction) -> Iterator[Blamed]:
    """Where redaction would change the interaction, and by which names; never the secret itself."""
    before, after = _places(interaction), _places(clean)
    for place, text in before.items():
        if text != (now := after.get(place, type(text)())):
            words = _words(_text(now)) - _words(_text(text))
            names = ", ".join(sorted(words)) or "a placeholder"
            yield Kind.SECRET, f"{place} holds what is stored as {names} today; run: fakegpt-testkit scrub FILE"


def _personal(timeline: Timeline) -> Iterator[Blamed]:
    """Where something may be personal that no rule takes out by itself: how much of it, never what."""
    texts = _places(timeline.interaction)
    if answer := timeline.text:
        texts["the answer"] = answer
        del texts["the response's body"]
    for place, text in texts.items():
        for kind, count in personal(text):
            what = _PEOPLE[kind]
            way = f"fakegpt-testkit scrub FILE --shape {kind}, and in the suite Redaction(shapes=({kind!r},))"
            yield Kind.PERSONAL, f"{place} holds {what} ({count}); to take them out: {way}"


_PEOPLE: Final = {
    "card": "numbers of payment cards",
    "email": "e-mail addresses",
    "iban": "bank accounts",
    "phone": "telephone numbers",
}


def _words(text: str) -> Counter[str]:
    """The words of a text by their names, whatever form they have."""
    found = (each[0] for each in PLACEHOLDER.finditer(text))
    return Counter(each[each.find("REDACTED-") :] if "REDACTED-" in each else "a word in base64" for each in found)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _places(interaction: Interaction) -> dict[str, str | bytes]:
    """What stands where; a body as its bytes, since its text takes as much again."""
    request, response = interaction.request, interaction.response
    places: dict[str, str | bytes] = {"the request's URI": request.uri, "the request's body": request.body}
    places["the response's body"] = response.body
    places["the response's reason"] = response.head.reason
    places["the note of how the response ended"] = response.ending.note
    places["the recorded origin"] = interaction.provenance.origin
    places["the recorded server"] = interaction.provenance.server
    for whose, headers in (("request", request.headers), ("response", response.headers)):
        before: Counter[str] = Counter()
        for name, value in headers:
            if name.lower() == "content-length":
                continue  # changes with a redacted body, and is no secret
            nth, before[name] = before[name], before[name] + 1
            places[f"the {whose}'s header {name}{f' ({nth + 1})' if nth else ''}"] = value
    return places


def _broken(timeline: Timeline) -> Iterator[Blamed]:
    tape = timeline.interaction.response
    ending = tape.ending
    if ending.kind is EndingKind.ABANDONED and timeline.has_end_mark:
        return  # its client left when all was said; whether the connection's own end came before that is chance
    if ending.kind is not EndingKind.COMPLETE:
        yield Kind.CUT_OFF, f"the response ended as {ending}, after {len(tape.body)} bytes"
        return
    if timeline.too_large:
        yield Kind.CUT_OFF, timeline.too_large.partition("\n")[0]
    elif timeline.unfinished:
        yield Kind.CUT_OFF, f"the stream stops within an event: {shortened(timeline.unfinished)!r}"
    elif tape.status < _ERRORS and (missing := _missing_end(timeline)):
        yield Kind.CUT_OFF, f"the stream has no end mark, {missing}"


def _missing_end(timeline: Timeline) -> str:
    """The end of the stream's dialect that never came; an error that the service reported ends a stream as well."""
    if not timeline.is_stream or timeline.has_end_mark:
        return ""
    dialect = dialect_named(timeline.dialect)
    if timeline.answer.error is not None and dialect.error_is_end:
        return ""
    if dialect.finish_is_end and timeline.answer.choices[0].finish_reason is not None:
        return ""
    return dialect.end


def _unknown(timeline: Timeline) -> Iterator[Blamed]:
    strange = dialect_named(timeline.dialect).strange
    if strange is None:
        return
    if timeline.stray:
        yield Kind.UNKNOWN, f"a line of the stream is no field of an event: {shortened(timeline.stray)!r}"
    for number, moment in enumerate(timeline.moments, 1):
        if problem := strange(moment.event):
            yield Kind.UNKNOWN, f"event {number} {problem}"


def _stale(interactions: tuple[Interaction, ...], now: datetime, max_age: timedelta | None) -> list[Finding]:
    """At most one finding: a cassette is as old as its oldest interaction."""
    if max_age is None or not interactions:
        return []
    dates = [interaction.provenance.moment for interaction in interactions]
    known = [date for date in dates if date is not None]
    if not known:
        return [Finding(Kind.STALE, "it does not say when it was recorded; record it again, or convert it")]
    age = now - min(known)
    if age <= max_age:
        return []
    number = dates.index(min(known)) + 1
    return [Finding(Kind.STALE, f"recorded {age.days} days ago, more than {max_age.days}; record it again", number)]
