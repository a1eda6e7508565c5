"""What is taken for a secret, and what stays as it is: texts, bodies, forms, headers, addresses."""

from __future__ import annotations

import base64
import json

import pytest
from support.redacting import ADDRESSES_TOO, SSE_TYPE, TOKEN, redacted

from fakegpt_testkit.exchange import (
    Head,
    Request,
)
from fakegpt_testkit.redaction import Redactor

pytestmark = pytest.mark.once


SHOWN = {
    "nothing": ("", ""),
    "no secret": ("the answer is 42", "the answer is 42"),
    "log of headers": (
        "{'Authorization': 'Bearer abc.def', 'X-Api-Key': 'k'}",
        "{'Authorization': 'Bearer REDACTED-Authorization-1', 'X-Api-Key': 'REDACTED-X-Api-Key-1'}",
    ),
    "header pairs": ("(('Cookie', 'a=b; c=dd'),)", "(('Cookie', 'a=REDACTED-a-1; c=REDACTED-c-1'),)"),
    "header lines": ("X-Api-Key: abc\r\nHost: h\r\n", "X-Api-Key: REDACTED-x-api-key-1\r\nHost: h\r\n"),
    "a set cookie": ("Set-Cookie: sid=abc; Path=/", "Set-Cookie: sid=REDACTED-sid-1; Path=/"),
    "assignment": ("password=hunter2, user=bob", "password=REDACTED-password-1, user=bob"),
    "bytes": ("b'api_key=zzz'", "b'api_key=REDACTED-api-key-1'"),
    "everyday words": ("key: value, code: 12, email: none", "key: value, code: 12, email: none"),
    "an address": ("mail <ann.b+c@mail.example.org>.", "mail <REDACTED-email-1@example.invalid>."),
    "a password with an address's look": ("http://u:p@ss.example/", "http://u:REDACTED-password-1@ss.example/"),
    "a proxy": (
        "cannot connect to http://user:pw@proxy:1",
        "cannot connect to http://user:REDACTED-password-1@proxy:1",
    ),
    "a user that is a key": (f"https://{TOKEN}@h/", "https://REDACTED-username-1@h/"),
    "a query in a URL": ("GET https://h/p?a=1&api_key=x y", "GET https://h/p?a=1&api_key=REDACTED-api-key-1 y"),
    "a query without a value": ('?key="x"', '?key="x"'),
    "a fragment": ("https://h/cb#access_token=abc&x=y", "https://h/cb#access_token=REDACTED-access-token-1&x=y"),
    "an escaped ampersand": ('"https://h/?a=1\\u0026sig=x"', '"https://h/?a=1\\u0026sig=REDACTED-sig-1"'),
    "half a pair": ("\ud83d password=x", "\ud83d password=REDACTED-password-1"),
    "half a pair and a byte": ("\ud83d\udcff password=x", "\udced\udca0\udcbd\udcff password=REDACTED-password-1"),
    "a byte": ("\udcff password=x", "\udcff password=REDACTED-password-1"),
    "not ASCII": ("密码 password=hunter2 😀", "密码 password=REDACTED-password-1 😀"),
    "AWS key": ("id AKIAIOSFODNN7EXAMPLE.", "id REDACTED-aws-key-1."),
    "longer than an AWS key": ("AKIAIOSFODNN7EXAMPLEX", "AKIAIOSFODNN7EXAMPLEX"),
    "SendGrid key": (f"SG.{'a' * 22}.{'b' * 22}", "REDACTED-sendgrid-key-1"),
    "Basic": (
        f"it sent Basic {base64.b64encode(b'ann:hunter2').decode()}",
        "it sent Basic UkVEQUNURUQtYmFzaWMtMTpSRURBQ1RFRC1iYXNpYy0x",
    ),
    "basic words": ("Basic introduction, Basic QUFBQUFBQUE=", "Basic introduction, Basic QUFBQUFBQUE="),
    "after an escaped line end": (f'"a\\nsk-{"x1" * 10}"', '"a\\nREDACTED-api-key-1"'),
    "inside a word": (f"risk-{'x1' * 10}", f"risk-{'x1' * 10}"),
    "a key without an end mark": ("-----BEGIN RSA PRIVATE KEY-----\nMII", "REDACTED-private-key-1"),
    "a file name with an at": (
        "icon@2x.p1 user@localhost @decorator.name",
        "icon@2x.p1 user@localhost @decorator.name",
    ),
    "an address after a dot": ("..@mail.example", "..@mail.example"),
    "an escaped address": ("to=%3Cbob%40mail.example%3E", "to=%3CREDACTED-email-1@example.invalid%3E"),
}


@pytest.mark.parametrize(("text", "shown"), SHOWN.values(), ids=SHOWN.keys())
def test_texts(text: str, shown: str) -> None:
    redactor = Redactor(ADDRESSES_TOO)
    assert redactor.text(text) == shown
    assert redactor.text(shown) == shown


@pytest.mark.parametrize(
    "key", ["max_tokens", "total_tokens", "prompt_tokens", "signature", "thoughtSignature", "encrypted_content"]
)
def test_fields_that_clients_check_or_send_back_stay(key: str) -> None:
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
    body = {"a": {key: f"{jwt} {TOKEN} sk-{'x1' * 12}"}, "accessToken": TOKEN}
    assert redacted(body) == {"a": body["a"], "accessToken": "REDACTED-accessToken-1"}


def test_log_probabilities_stay() -> None:
    scores = {"logprobs": {"content": [{"token": "pass123word456", "logprob": -0.1, "bytes": [112]}]}}
    assert redacted(scores | {"text": "pass123word456"}) == scores | {"text": "pass123word456"}
    assert redacted({"token": "pass123word456"}) == {"token": "REDACTED-token-1"}


def test_what_stays_may_stand_in_json_in_a_string() -> None:
    body = {"delta": json.dumps({"signature": f"sk-{'x1' * 12}", "text": f"sk-{'y1' * 12}"})}
    stored = {"delta": json.dumps({"signature": f"sk-{'x1' * 12}", "text": "REDACTED-api-key-1"})}
    assert redacted(body) == stored
    event = b"data: " + json.dumps(body).encode() + b"\n\n"
    assert Redactor().body(event) == b"data: " + json.dumps(stored).encode() + b"\n\n"


def test_a_known_secret_in_a_stream_does_not_touch_what_stays() -> None:
    events = b'data: {"delta": "ab", "obfuscation": "%b"}\n\ndata: {"system_fingerprint": "%b"}\n\n'
    body = events.replace(b"%b", TOKEN.encode())
    redactor = Redactor()
    redactor.know(TOKEN, "key")
    assert redactor.body(body, SSE_TYPE) == body
    assert redactor.body(body.replace(b"obfuscation", b"other"), SSE_TYPE).count(b"REDACTED-key-1") == 1


DOUBTFUL = {
    "an error's code": ({"code": "rate_limit_exceeded"}, False),
    "a database's code": ({"code": "ERR_4012"}, False),
    "a number": ({"code": 40123456}, False),
    "a program": ({"code": "print(1234) # hello world"}, False),
    "a pair's key": ({"key": "color"}, False),
    "a model": ({"key": "gpt-4o-2024-08-06"}, False),
    "an authorization code": ({"code": "4/0AX4XfWh-7c2d9"}, True),
    "an opaque key": ({"key": "9f86d081884c7d65"}, True),
}


@pytest.mark.parametrize(("body", "secret"), DOUBTFUL.values(), ids=DOUBTFUL.keys())
def test_everyday_names_need_a_value_that_looks_secret(body: dict[str, object], secret: bool) -> None:
    assert (redacted(body) != body) is secret


VALUES = {
    "a number": ({"password": 12345678}, {"password": 90000001}),
    "a short number": ({"password": 1234}, {"password": 9001}),
    "a number in a string": ({"a": '{"password": 12345678}'}, {"a": '{"password": 90000001}'}),
    "nothing": ({"password": None, "secret": "", "jwt": True}, {"password": None, "secret": "", "jwt": True}),
    "an object": ({"secret": {"a": "b"}}, {"secret": {"a": "b"}}),
    "an empty array": ({"secret": []}, {"secret": []}),
    "a mixed array": ({"secret": ["a", 1]}, {"secret": ["REDACTED-secret-1", 1]}),
    "escapes": ({"a": '"', "secret": 'x"y\\', "b": 1}, {"a": '"', "secret": "REDACTED-secret-1", "b": 1}),
    "spaces only": ({"secret": "  "}, {"secret": "  "}),
    "an escaped key": ({"a": 1}, {"a": 1}),
}


@pytest.mark.parametrize(("body", "stored"), VALUES.values(), ids=VALUES.keys())
def test_values_under_a_secret_name(body: object, stored: object) -> None:
    assert redacted(body) == stored


RAW = {
    "a key with an escape": (b'{"api\\u005fkey": "abc"}', b'{"api\\u005fkey": "REDACTED-api-key-1"}'),
    "escapes at depth": (
        json.dumps({"a": json.dumps({"secret": 'x"y\\', "b": 'c"'})}).encode(),
        json.dumps({"a": json.dumps({"secret": "REDACTED-secret-1", "b": 'c"'})}).encode(),
    ),
    "a string that never ends": (b'{"secret": "abc', b'{"secret": "REDACTED-secret-1'),
    "a line that ends first": (b'{"secret": "abc\n"b": 1}', b'{"secret": "REDACTED-secret-1\n"b": 1}'),
    "a string that ends around it": (b'{"a": "\\"secret\\": \\"abc"}', b'{"a": "\\"secret\\": \\"REDACTED-secret-1"}'),
    "quotes that do not pair": (b'\\"secret": "abc"', b'\\"secret": "abc"'),
    "bad escapes": (b'{"secret": "a\\qb"}', b'{"secret": "REDACTED-secret-1"}'),
    "bytes that are no text": (b'{"secret": "\xff\xfe1"}', b'{"secret": "REDACTED-secret-1"}'),
    "over lines": (
        b'{"secret":\n  [\n "a",\n "b"\n]}',
        b'{"secret":\n  [\n "REDACTED-secret-1",\n "REDACTED-secret-2"\n]}',
    ),
    "a field of a page": (
        b'<input type="hidden" name="csrfmiddlewaretoken" id="t" value="abc"><input name="q" value="abc">',
        (
            b'<input type="hidden" name="csrfmiddlewaretoken" id="t" value="REDACTED-csrfmiddlewaretoken-1">'
            b'<input name="q" value="abc">'
        ),
    ),
    "headers as pairs": (
        b'[{"name": "Cookie", "value": "a=bc"}, {"name": "X-Api-Key", "value": ""}, {"name": "code", "value": "abc"}]',
        (
            b'[{"name": "Cookie", "value": "a=REDACTED-a-1"}, {"name": "X-Api-Key", "value": ""}, '
            b'{"name": "code", "value": "abc"}]'
        ),
    ),
    "a pair that is redacted": (
        b'{"name": "password", "value": "REDACTED-password-1"}',
        b'{"name": "password", "value": "REDACTED-password-1"}',
    ),
    "half a pair": (
        b'{"password": "abcdefgh\\ud83d12", "b": "abcdefgh\\ud83d12"}',
        b'{"password": "REDACTED-password-1", "b": "REDACTED-password-1"}',
    ),
    "binary": (b"\0\1sk-" + b"x1" * 20, b"\0\1REDACTED-api-key-1".ljust(45, b".")),
}


@pytest.mark.parametrize(("body", "stored"), RAW.values(), ids=RAW.keys())
def test_bodies(body: bytes, stored: bytes) -> None:
    assert Redactor().body(body) == stored


def test_what_a_picture_loses_leaves_its_length() -> None:
    redactor = Redactor()
    redactor.know(TOKEN, "key")
    picture = b"GIF89a sk-" + b"x1" * 20 + b" " + TOKEN.encode()
    stored = redactor.body(picture, (("Content-Type", "image/gif"),))
    assert stored.startswith(b"GIF89a REDACTED-api-key-1.....")
    assert b" REDACTED-key-1" in stored
    assert len(stored) == len(picture)


def test_an_address_in_an_answer_stays_unless_it_is_asked_for() -> None:
    assert Redactor().text("write to ann@mail.example") == "write to ann@mail.example"
    assert Redactor(ADDRESSES_TOO).text("write to ann@mail.example") == "write to REDACTED-email-1@example.invalid"


FORMS = {
    "plain": (b"a=1&session_password=ab&b=", b"a=1&session_password=REDACTED-session-password-1&b="),
    "escaped": (b"a=1&client%5Fsecret=a%26b", b"a=1&client%5Fsecret=REDACTED-client-secret-1"),
    "empty": (b"password=&a=1", b"password=&a=1"),
    "redacted": (b"password=REDACTED-token-key-4", b"password=REDACTED-token-key-4"),
}


@pytest.mark.parametrize(("body", "stored"), FORMS.values(), ids=FORMS.keys())
def test_forms(body: bytes, stored: bytes) -> None:
    assert Redactor().body(body, (("Content-Type", "application/x-www-form-urlencoded"),)) == stored


def test_a_form_and_a_multipart_body_need_no_label() -> None:
    assert Redactor().body(b"password=x&a=1") == b"password=REDACTED-password-1&a=1"
    part = b'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n%b\r\n--b--'
    assert Redactor().body(part % b"x") == part % b"REDACTED-password-1"
    assert Redactor().body(b"password=x and more") == b"password=x and more"


def test_multipart() -> None:
    kind = (("Content-Type", "multipart/form-data; boundary=b"),)
    part = 'Content-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    body = "".join(f"--b\r\n{part.format(*each)}" for each in (("a", "1"), ("password", "x"), ("api_key", "")))
    stored = body.replace("\r\nx\r\n", "\r\nREDACTED-password-1\r\n")
    assert Redactor().body(f"{body}--b--\r\n".encode(), kind) == f"{stored}--b--\r\n".encode()
    assert Redactor().body(stored.encode(), kind) == stored.encode()
    cut_off = body.partition("\r\nx")[0].encode()
    assert Redactor().body(cut_off + b"\r\nx", kind) == cut_off + b"\r\nREDACTED-password-1"
    assert Redactor().body(b"no parts", kind) == b"no parts"
    headless = b'--b\r\nContent-Disposition: form-data; name="password"'
    assert Redactor().body(headless, kind) == headless


HEADERS = {
    "cookies keep their names": ("Cookie", "a=1; b=x y; c=", "a=REDACTED-a-1; b=REDACTED-b-1; c="),
    "a cookie in quotes": ("Cookie", 'a="bc"', 'a="REDACTED-a-1"'),
    "a cookie named like its value": ("Cookie", "abc=abc", "abc=REDACTED-abc-1"),
    "attributes stay": (
        "Set-Cookie",
        "sid=abc; Path=/; Domain=h; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly",
        "sid=REDACTED-sid-1; Path=/; Domain=h; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly",
    ),
    "a deleted cookie": ("Set-Cookie", "sid=; Max-Age=0", "sid=; Max-Age=0"),
    "a scheme stays": ("Authorization", "Digest username=x", "Digest REDACTED-authorization-1"),
    "an unknown scheme": ("Authorization", "two words", "REDACTED-authorization-1"),
    "no scheme": ("Authorization", "abc", "REDACTED-authorization-1"),
    "nothing": ("X-Api-Key", "", ""),
    "structure stays": ("Host", "sk-aaaaaaaaaaaaaaaaaaaaaaaa", "sk-aaaaaaaaaaaaaaaaaaaaaaaa"),
    "a link": ("Link", "<https://h/?key=abc>; rel=next", "<https://h/?key=REDACTED-key-1>; rel=next"),
    "a limit": ("x-ratelimit-remaining-tokens", "149000", "149000"),
}


@pytest.mark.parametrize(("name", "value", "stored"), HEADERS.values(), ids=HEADERS.keys())
def test_headers(name: str, value: str, stored: str) -> None:
    redactor = Redactor()
    assert redactor.head(Head(200, headers=((name, value),))).headers == ((name, stored),)
    assert redactor.head(Head(200, headers=((name, stored),))).headers == ((name, stored),)


URIS = {
    "key": ("https://h/p?key=abc&a=1", "https://h/p?key=REDACTED-key-1&a=1"),
    "first of two": ("https://h/p?a[token]=1&token=%C3%A9", "https://h/p?a[token]=1&token=REDACTED-token-1"),
    "user and password": ("https://u:p@h/", "https://u:REDACTED-password-1@h/"),
    "user": ("https://u@h/", "https://REDACTED-username-1@h/"),
    "user and no password": ("https://u:@h/", "https://REDACTED-username-1:@h/"),
    "address in the path": ("https://h/users/bob%40mail.example", "https://h/users/REDACTED-email-1@example.invalid"),
    "no URI": ("nonsense", "nonsense"),
    "host that is no secret": ("https://sk-aaaaaaaaaaaaaaaaaaaaaaaa/", "https://sk-aaaaaaaaaaaaaaaaaaaaaaaa/"),
}


@pytest.mark.parametrize(("uri", "stored"), URIS.values(), ids=URIS.keys())
def test_uris(uri: str, stored: str) -> None:
    redactor = Redactor(ADDRESSES_TOO)
    assert redactor.request(Request("GET", uri)).uri == stored
    assert redactor.request(Request("GET", stored)).uri == stored
