"""Moves an answer's dates by the time since it was recorded: a cookie that was good for an hour is so on every day.

Knows no clock: the moment comes in. Moved are the dates that clients compare with their clock; what says when a thing
was changed stays, and so do all dates of an answer that does not say when it was recorded.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.exchange import media_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakegpt_testkit.exchange import Headers, Interaction, Tape
    from fakegpt_testkit.redaction.vault import Edit

_LEAST: Final = timedelta(minutes=1)
"""What is younger is played byte for byte."""
_BEFORE: Final = timedelta(days=1)
"""What lay further back when it was recorded is no date to go by: 1970 in a cookie says that it is to go."""
_LARGEST: Final = 1 << 20

_DATED: Final = frozenset({"date", "expires", "retry-after", "set-cookie"})
_RESET: Final = re.compile(r"rate-?limit.*reset")
"""The moment at which a client may ask again, in whatever form: seconds since 1970, RFC 3339, a date of HTTP."""
_READ: Final = ("json", "html", "x-www-form-urlencoded")
"""What a log-in is answered with; to look through streams would cost every replay."""
_SECONDS: Final = re.compile(r"(\d{10})(\d{3}|\.\d+)?")
_ISO: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_CLAIMS: Final = re.compile(r"(?<=\.)eyJ[A-Za-z0-9_-]{2,8192}(?=\.REDACTED-)")
"""The claims of a JWT that stands for one: nobody's signature says anything of them."""
_TIMES: Final = ("exp", "nbf", "iat", "auth_time")
_COOKIE: Final = re.compile(r"(?<=;)(\s*expires\s*=\s*)([^;]+)", re.IGNORECASE)
_OLDER: Final = re.compile(r"\d-[A-Za-z]{3}-\d")
_IN_JSON: Final = re.compile(
    rb'"(?:expires_?at|expires_?on|expiration|expires)"\s*:\s*"?'
    rb'(?P<when>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)|\d{10}(?:\d{3})?)(?=["\s,}])',
    re.IGNORECASE,
)


def moved(interaction: Interaction, now: datetime) -> Interaction:
    """The interaction with its answer's dates as they would be had it been recorded now, to the second."""
    then = interaction.provenance.moment
    if then is None or now - then < _LEAST:
        return interaction
    shift = _Shift(then, timedelta(seconds=int((now - then).total_seconds())))
    tape = interaction.response
    headers = tuple([(name, shift.in_field(name.lower(), value)) for name, value in tape.headers])
    if edits := list(shift.in_body(tape)):
        tape = _edited(tape, headers, edits)
    elif headers != tape.headers:
        tape = tape.with_head(replace(tape.head, headers=headers))
    return interaction if tape is interaction.response else replace(interaction, response=tape)


def _edited(tape: Tape, headers: Headers, edits: list[Edit]) -> Tape:
    from fakegpt_testkit.redaction.chunks import apply_edits, sized
    from fakegpt_testkit.redaction.digests import true_again

    chunks = apply_edits(tape.chunks, edits)
    after = b"".join(chunk.data for chunk in chunks)
    headers = true_again(sized(headers, len(tape.body), len(after)), tape.body, after)
    return replace(tape, head=replace(tape.head, headers=headers), chunks=chunks)


class _Shift:
    """From one day to another."""

    def __init__(self, then: datetime, by: timedelta) -> None:
        self._since = then - _BEFORE
        self._by = by

    def in_field(self, name: str, value: str) -> str:
        if "eyJ" in value:
            value = _CLAIMS.sub(lambda found: self._claims(found[0]), value)
        if name == "set-cookie":
            return _COOKIE.sub(lambda found: found[1] + self._http_date(found[2]), value)
        if "reset" in name and _RESET.search(name):
            return self._whatever(value)
        return self._http_date(value) if name in _DATED else value

    def in_body(self, tape: Tape) -> Iterator[Edit]:
        """Beside the names that credentials have for their end in JSON, and in what stands for a JWT."""
        media = media_type(tape.headers)
        if not any(each in media for each in _READ) or len(body := tape.body) > _LARGEST:
            return
        ends = _IN_JSON.finditer(body) if "json" in media else ()
        places = [(*found.span("when"), found["when"].decode()) for found in ends]
        if b".REDACTED-" in body:
            places += [(*found.span(), found[0]) for found in _CLAIMS.finditer(body.decode("latin-1"))]
        for start, end, said in sorted(places):
            if (word := self._whatever(said)) != said:
                from fakegpt_testkit.redaction.vault import Edit

                yield Edit(start, end, word)

    def _whatever(self, said: str) -> str:
        """A date in the form that it has."""
        if said.startswith("eyJ"):
            return self._claims(said)
        if number := _SECONDS.fullmatch(said):
            return self._number(number[1], number[2] or "")
        return self._iso(said) if _ISO.fullmatch(said) else self._http_date(said)

    def _claims(self, said: str) -> str:
        try:
            claims = json.loads(base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)))
        except (ValueError, RecursionError):
            return said
        for name in _TIMES:
            if isinstance(when := claims.get(name), int) and _SECONDS.fullmatch(str(when)):
                claims[name] = int(self._whatever(str(when)))
        text = json.dumps(claims, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def _to(self, moment: datetime) -> datetime | None:
        return _moved(moment, self._since, self._by)

    def _http_date(self, said: str) -> str:
        return _moved_date(said, self._since, self._by)

    def _iso(self, said: str) -> str:
        try:
            to = self._to(datetime.fromisoformat(said))
        except ValueError:
            return said  # a 13th month
        if to is None:
            return said
        places = len(said.partition(".")[2].rstrip("Z").partition("+")[0].partition("-")[0])
        text = to.isoformat(timespec="seconds" if not places else "milliseconds" if places <= 3 else "microseconds")
        return text.replace("+00:00", "Z") if said.endswith("Z") else text

    def _number(self, seconds: str, rest: str) -> str:
        """Seconds since 1970 with what follows them: three digits of milliseconds, a fraction, nothing."""
        to = self._to(datetime.fromtimestamp(int(seconds), UTC))
        return seconds + rest if to is None else f"{int(to.timestamp())}{rest}"


def _moved(moment: datetime, since: datetime, by: timedelta) -> datetime | None:
    """The moved moment; None for one that stays."""
    try:
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return None if aware < since else aware + by
    except OverflowError:
        return None


@lru_cache(maxsize=64)
def _moved_date(said: str, since: datetime, by: timedelta) -> str:
    """By RFC 9110, 5.6.7, and as older services write cookies: ``Mon, 01-Jan-2024 00:00:00 GMT``.

    Kept, since the answers of one test have the same date again and again.
    """
    from email.utils import format_datetime, parsedate_to_datetime

    try:
        to = _moved(parsedate_to_datetime(said), since, by)
    except (ValueError, TypeError):
        return said
    if to is None:
        return said
    text = format_datetime(to.astimezone(UTC), usegmt=True)
    if not _OLDER.search(said):
        return text
    weekday, day, month, year, *rest = text.split()
    return " ".join((weekday, f"{day}-{month}-{year}", *rest))
