"""Which address a request is stored under."""

from __future__ import annotations

import pytest

from fakegpt_testkit import Head, Request
from fakegpt_testkit.recorder.origins import canonical_head, canonical_request, origin_of

pytestmark = pytest.mark.once

ORIGINS = {"http://localhost:8080": "https://chat.example", "https://other.example": "https://chat.example"}


@pytest.mark.parametrize(
    ("asked", "stored", "origin"),
    [
        ("http://localhost:8080/a?b=1", "https://chat.example/a?b=1", "http://localhost:8080"),
        ("http://localhost:8080", "https://chat.example", "http://localhost:8080"),
        ("https://other.example/a", "https://chat.example/a", "https://other.example"),
        ("https://other.example:443/a", "https://chat.example/a", "https://other.example"),
        ("HTTPS://Other.Example/a", "https://chat.example/a", "https://other.example"),
        ("https://elsewhere.example:443/a", "https://elsewhere.example:443/a", ""),
    ],
)
def test_a_request_is_stored_under_the_origin_that_stands_for_it(asked: str, stored: str, origin: str) -> None:
    request, really = canonical_request(Request("GET", asked), ORIGINS)
    assert (request.uri, really) == (stored, origin)


@pytest.mark.parametrize(
    ("uri", "origin"),
    [
        ("http://[::1]:8080/a", "http://[::1]:8080"),
        ("http://a.example:80", "http://a.example"),
        ("https://a.example:80/", "https://a.example:80"),
    ],
)
def test_an_origin_is_scheme_host_and_port(uri: str, origin: str) -> None:
    assert origin_of(uri) == origin


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ("http://localhost/a", "https://chat.example/a"),
        ("http://localhost", "https://chat.example"),
        ("http://localhost:80/a", "https://chat.example/a"),
        (
            "<http://localhost/a>; rel=next, <http://localhost?b>",
            "<https://chat.example/a>; rel=next, <https://chat.example?b>",
        ),
        ("http://localhost:8080/a", "http://localhost:8080/a"),
        ("http://localhost.example/a", "http://localhost.example/a"),
        ("http://localhosts/a", "http://localhosts/a"),
        ("http://at.example:9/a", "https://c.example/\\1/a"),
        ("http://at.example:90/a", "http://at.example:90/a"),
        ("See http://localhost.", "See https://chat.example."),
    ],
)
def test_a_field_names_the_stored_origin_and_no_other_service_is_taken_for_it(said: str, stored: str) -> None:
    origins = {"http://localhost": "https://chat.example", "http://at.example:9": "https://c.example/\\1"}
    head = canonical_head(Head(302, "Found", (("Location", said), ("Host", "localhost"))), origins)
    assert head.headers == (("Location", stored), ("Host", "chat.example"))
