"""Redacting twice changes nothing, of bodies that are broken in any way too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakegpt_testkit.redaction import Redactor

if TYPE_CHECKING:
    from fakegpt_testkit.exchange import Headers

pytestmark = pytest.mark.once

FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
STREAM = (("Content-Type", "text/event-stream"),)
KEY = "q8Rt5Kx2Wm9Zp4Lc7Vb1"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.c2lnbmF0dXJlMTIz"
BROKEN: dict[str, tuple[str, Headers]] = {
    "JSON in a form, a word in what is a name there": (f'{{"secret": "{KEY}\n=", "api_key"', FORM),
    "a word after a scheme in what is a name": (
        f'{{"user": "Bearer {KEY}"=, "token": {{"Authorization": "abc"}}}}',
        FORM,
    ),
    "a word in JSON in a string under a secret's name": (json.dumps({"secret": json.dumps({"api_key": "abc"})}), ()),
    "an open string that runs to the end, with a word": (
        '\', \'api_key\': \'", "password": "{\\"secret\\": \\"' + KEY,
        (),
    ),
    "a token in a token": (json.dumps({"value": f"eyJh{TOKEN}bGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.c2lnbmF0"}), ()),
    "a key for a host": ('{"code": "https://a:bcdefgh1@sk-proj-t6Fh2Vn8Cx4Bz1Ql9We7h/x"}', ()),
    "a word beside a word in a query": (f"{{'token': 'https://a/x?token={KEY[:-3]}\\u0071\\u0038{KEY[2:]}b1'}}", ()),
    "an open string in an event": (
        f'data: {{\n\ndata: {{\'code\': "%71%38{KEY[2:]}", "a": {{"cookie": "{TOKEN}}}}}\n\n',
        STREAM,
    ),
    "the head of a key alone": (
        '{"cookie": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----\n9081726354"}',
        (),
    ),
}


@pytest.mark.parametrize(("body", "headers"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_body_is_the_same_when_it_is_redacted_again(body: str, headers: Headers) -> None:
    once = Redactor().body(body.encode(), headers)
    assert once != body.encode()
    assert Redactor().body(once, headers) == once


NAMES = st.sampled_from(
    ["password", "api_key", "token", "Authorization", "user", "key", "code", "cookie", "headers", "value", "name"]
)
VALUES = st.sampled_from(
    [
        *(KEY, TOKEN, f"Bearer {KEY}", "sk-proj-t6Fh2Vn8Cx4Bz1Ql9We7", "hunter2!", "abc", "", "12345678", "a b c"),
        *(f"https://a:bcdefgh1@h/x?token={KEY}", "MTIzNDU2Nzg5MGFiY2RlZg==", f"a=b; sid={KEY}", "me@example.org"),
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n",
    ]
)
FLAT = st.dictionaries(NAMES, VALUES, min_size=1, max_size=3)
WHOLE = st.dictionaries(NAMES, VALUES | FLAT | FLAT.map(json.dumps), min_size=1, max_size=4).map(json.dumps)


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    text = draw(WHOLE)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(text)))
        put = draw(VALUES | st.sampled_from([*'"\\{}[]:,= \n&%', ""]))
        text = draw(
            st.sampled_from([text[:at], text[:at] + put + text[at:], text[at:] + text[:at], text[:at] + text[at + 1 :]])
        )
    return b"data: " + text.encode() + b"\n\n" if draw(st.booleans()) else text.encode()


@settings(derandomize=True, max_examples=100)
@given(body=broken(), headers=st.sampled_from([(), FORM, STREAM]))
def test_no_broken_body_changes_when_it_is_redacted_again(body: bytes, headers: Headers) -> None:
    once = Redactor().body(body, headers)
    assert Redactor().body(once, headers) == once
