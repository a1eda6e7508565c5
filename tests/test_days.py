"""Time goes by: dates in old answers move, and so do the ends of credentials."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import aiohttp
import pytest
import requests

from fakegpt_testkit import Chunk, Head, Interaction, Request, Tape, use_cassette
from fakegpt_testkit.exchange import Provenance
from fakegpt_testkit.recorder.days import moved

if TYPE_CHECKING:
    from fakegpt_testkit.exchange import Headers

pytestmark = pytest.mark.once
URL = "http://login.example/login"
AT = "2024-01-01T12:00:00Z"
LATER = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
"""790 days and half a minute later."""


def answered(*fields: tuple[str, str], body: bytes = b"", at: str = AT) -> Interaction:
    tape = Tape(Head(200, "OK", fields), (Chunk(0, body),) if body else ())
    return Interaction(Request("GET", URL), tape, Provenance(at=at))


def fields(*said: tuple[str, str]) -> Headers:
    return moved(answered(*said), LATER).response.headers


@pytest.mark.parametrize(
    ("name", "then", "now"),
    [
        ("Date", "Mon, 01 Jan 2024 12:00:00 GMT", "Sun, 01 Mar 2026 12:00:30 GMT"),
        ("expires", "Mon, 01 Jan 2024 13:00:00 GMT", "Sun, 01 Mar 2026 13:00:30 GMT"),
        ("Expires", "Monday, 01-Jan-24 13:00:00 GMT", "Sun, 01-Mar-2026 13:00:30 GMT"),
        ("Expires", "Mon Jan  1 13:00:00 2024", "Sun, 01 Mar 2026 13:00:30 GMT"),
        ("Retry-After", "Mon, 01 Jan 2024 12:01:00 GMT", "Sun, 01 Mar 2026 12:01:30 GMT"),
        (
            "Set-Cookie",
            "a=b; Path=/; Expires=Tue, 02-Jan-2024 12:00:00 GMT; Secure",
            "a=b; Path=/; Expires=Mon, 02-Mar-2026 12:00:30 GMT; Secure",
        ),
        ("X-RateLimit-Reset", "1704114000", "1772370030"),
        ("X-Rate-Limit-Reset", "1704114000.25", "1772370030.25"),
        ("x-ratelimit-reset", "1704114000123", "1772370030123"),
        ("anthropic-ratelimit-tokens-reset", "2024-01-01T13:00:00Z", "2026-03-01T13:00:30Z"),
        ("RateLimit-ResetTime", "Mon, 01 Jan 2024 13:00:00 GMT", "Sun, 01 Mar 2026 13:00:30 GMT"),
        *(
            (name, same, same)
            for name, same in (
                ("Retry-After", "120"),
                ("Expires", "0"),
                ("Expires", "Thu, 01 Jan 1970 00:00:00 GMT"),
                ("Set-Cookie", "a=; expires=Thu, 01 Jan 1970 00:00:00 GMT"),
                ("Set-Cookie", "expires=soon; Max-Age=60"),
                ("Set-Cookie", "a=b; Expires=Fri, 31 Dec 9999 23:59:59 GMT"),
                ("Last-Modified", "Mon, 01 Jan 2024 11:00:00 GMT"),
                ("x-ratelimit-reset-tokens", "6m0s"),
                ("RateLimit-Reset", "60"),
                ("X-Password-Reset", "1704114000"),
            )
        ),
    ],
)
def test_a_date_that_clients_compare_with_their_clock_moves(name: str, then: str, now: str) -> None:
    assert fields((name, then)) == ((name, now),)


def test_what_does_not_say_when_it_was_recorded_or_is_young_stays() -> None:
    date = ("Date", "Mon, 01 Jan 2024 12:00:00 GMT")
    for never in ("0001-01-01T00:00:00+23:59", "1969-12-31T23:59:59Z", "2024-13-01", "yesterday"):
        odd = answered(date, at=never)
        assert moved(odd, LATER) is odd
    unknown, young = answered(date, at=""), answered(date, at="2026-03-01T12:00:00Z")
    assert moved(unknown, LATER) is unknown
    assert moved(young, LATER) is young


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (b'{"expires_at": 1704114000}', b'{"expires_at": 1772370030}'),
        (b'{"expiresAt":1704114000000,"n":1704114000}', b'{"expiresAt":1772370030000,"n":1704114000}'),
        (b'{"expires_on": "1704114000"}', b'{"expires_on": "1772370030"}'),
        (b'{"Expiration": "2024-01-01T13:00:00Z"}', b'{"Expiration": "2026-03-01T13:00:30Z"}'),
        (b'{"expires":"2024-01-01T13:00:00.000+00:00"}', b'{"expires":"2026-03-01T13:00:30.000+00:00"}'),
        (b'{"expires_at": "2024-13-01T13:00:00Z", "expires": "2024-01-01T25:00:00Z"}',) * 2,
        (b'{"expires_at": "2024-01-01T13:00:00.123456789Z"}', b'{"expires_at": "2026-03-01T13:00:30.123456Z"}'),
        (b'{"expires_in": 1704114000, "created": "2024-01-01T13:00:00Z"}',) * 2,
    ],
)
def test_the_end_of_a_credential_in_json_moves(then: bytes, now: bytes) -> None:
    length = ("Content-Length", str(len(then)))
    tape = moved(answered(("Content-Type", "application/json"), length, body=then), LATER).response
    assert tape.body == now
    assert moved(answered(("Content-Type", "text/plain"), body=then), LATER).response.body == then


def jwt(signature: str, **claims: object) -> str:
    said = json.dumps(claims, separators=(",", ":")).encode()
    return f"eyJhbGciOiJIUzI1NiJ9.{base64.urlsafe_b64encode(said).decode().rstrip('=')}.{signature}"


WORD = "REDACTED-accessToken-1"


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ({"exp": 1704114000, "iat": 1704110400}, {"exp": 1772370030, "iat": 1772366430}),
        (
            {"sub": "redacted", "nbf": 1704110400, "n": 1704110400},
            {"sub": "redacted", "nbf": 1772366430, "n": 1704110400},
        ),
        ({"exp": 0, "iat": "1704110400"},) * 2,
    ],
)
def test_the_times_within_what_stands_for_a_token_move(then: dict[str, object], now: dict[str, object]) -> None:
    for media, before, after in (
        ("application/json", '{"token": "', '"}'),
        ("text/html", "<a href='#id_token=", "'>"),
    ):
        body = f"{before}{jwt(WORD, **then)}{after}".encode()
        cookie = ("Set-Cookie", f"session={jwt(WORD, **then)}; Path=/")
        told = moved(answered(("Content-Type", media), cookie, body=body), LATER).response
        assert told.body.decode() == f"{before}{jwt(WORD, **now)}{after}"
        assert told.headers[1][1] == f"session={jwt(WORD, **now)}; Path=/"
    signed = answered(("Content-Type", "application/json"), body=json.dumps({"token": jwt("c2ln", **then)}).encode())
    assert moved(signed, LATER) == signed  # somebody's signature is of the claims as they are


def test_a_token_that_has_moved_is_still_the_recorded_one() -> None:
    """A client sends it on, also in a body, which decides."""
    recorded, sent = (jwt(WORD, exp=exp) for exp in (1704114000, 1772370030))
    asked = Request("POST", URL, (("Content-Type", "application/json"),), json.dumps({"token": recorded}).encode())
    with use_cassette((Interaction(asked, Tape(Head(200, "OK"), (Chunk(0, b"ok"),))),)):
        assert requests.post(URL, json={"token": sent}, timeout=5).text == "ok"


async def test_a_log_in_replays_years_later() -> None:
    login = answered(("Set-Cookie", "sid=abcdefgh; Path=/; Expires=Mon, 01 Jan 2024 13:00:00 GMT"))
    with use_cassette((login, login)):
        async with aiohttp.ClientSession() as session:
            await (await session.get(URL)).read()
            assert [cookie.key for cookie in session.cookie_jar] == ["sid"]
        jar = requests.Session()
        jar.get(URL, timeout=5)
        assert jar.cookies["sid"] == "abcdefgh"
