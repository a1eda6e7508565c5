"""What is taken for a secret, what stands in its place, and what stays as it is."""

from __future__ import annotations

import base64
import gzip
import html
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.exchange import (
    PLACEHOLDER,
    Chunk,
    Ending,
    EndingKind,
    Head,
    Headers,
    Interaction,
    Provenance,
    Request,
    Tape,
)
from fakegpt_testkit.matching import Rules, compare
from fakegpt_testkit.redaction import Redaction, Redactor
from fakegpt_testkit.redaction.chunks import apply_edits
from fakegpt_testkit.redaction.vault import Edit

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.once

URL = "https://chat.example/v1"
JSON_TYPE = (("Content-Type", "application/json"),)
SSE_TYPE = (("Content-Type", "text/event-stream"),)
TOKEN = "tok-7f3a9C21e0b84d55"


def tape(*pieces: bytes, headers: Headers = ()) -> Tape:
    return Tape(Head(200, "OK", headers), tuple(Chunk(at / 10, piece) for at, piece in enumerate(pieces)))


def redacted(body: object, redactor: Redactor | None = None) -> object:
    """A JSON value as it is stored."""
    return json.loads((redactor or Redactor()).body(json.dumps(body).encode(), JSON_TYPE))


ADDRESSES_TOO = Redaction(shapes=("email",))

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


# --- the same secret, the same word -----------------------------------------------------------------------------------


def login_flow(access: str, cookie: str) -> list[Interaction]:
    """What a provider with a log-in does: token and cookie come in one answer and go out with the next request."""
    session = json.dumps({"user": {"email": "ann@mail.example"}, "accessToken": access}).encode()
    ask = (("Cookie", f"credential={cookie}"), ("X-Authorization", f"Bearer {access}"), *JSON_TYPE)
    return [
        Interaction(
            Request("POST", f"{URL}/login", (), b""), tape(headers=(("Set-Cookie", f"credential={cookie}; Path=/"),))
        ),
        Interaction(Request("GET", f"{URL}/session", (("Cookie", f"credential={cookie}"),)), tape(session)),
        Interaction(Request("POST", f"{URL}/chat", ask, b'{"prompt": "hi"}'), tape(b"data: hi\n\n")),
    ]


def test_a_login_flow_is_stored_with_one_word_for_each_secret() -> None:
    redactor = Redactor()
    login, session, chat = map(redactor.interaction, login_flow(TOKEN, "c00kie-1234567"))
    assert login.response.headers == (("Set-Cookie", "credential=REDACTED-credential-1; Path=/"),)
    assert b'"accessToken": "REDACTED-accessToken-1"' in session.response.body
    assert chat.request.headers[:2] == (
        ("Cookie", "credential=REDACTED-credential-1"),
        ("X-Authorization", "Bearer REDACTED-accessToken-1"),
    )


@pytest.mark.parametrize(
    "rules", [Rules(), Rules(("method", "uri", "headers", "body"), ())], ids=["default", "headers"]
)
@pytest.mark.parametrize("access", ["REDACTED-accessToken-1", "another-t0ken-from-a-cache"], ids=["replayed", "other"])
def test_a_login_flow_replays(rules: Rules, access: str) -> None:
    recording, replay = Redactor(), Redactor()
    recorded = [recording.interaction(each) for each in login_flow(TOKEN, "c00kie-1234567")]
    for asked, there in zip(login_flow(access, "REDACTED-credential-1"), recorded, strict=True):
        assert compare(replay.request(asked.request), there.request, rules).differences == ()
        replay.response(there.response)


@pytest.mark.parametrize(
    ("headers", "body"),
    [((("X-Api-Key", TOKEN),), b""), ((), json.dumps({"password": TOKEN}).encode())],
    ids=["a later header", "the body"],
)
def test_a_header_is_searched_for_what_is_learnt_after_it(headers: Headers, body: bytes) -> None:
    request = Redactor().request(Request("POST", URL, (("X-Note", f"it is {TOKEN}"), *headers), body))
    assert TOKEN not in repr(request)
    assert request.headers[0][1].startswith("it is REDACTED-")


def test_own_rules_hold_in_headers_that_were_read_without_them() -> None:
    headers = (("User-Agent", "acct_12 and plain"),)
    assert Redactor().request(Request("GET", URL, headers)).headers == headers
    own = Redactor(Redaction(patterns=(r"acct_\d+",)))
    assert own.request(Request("GET", URL, headers)).headers == (("User-Agent", "REDACTED-secret-1 and plain"),)


def test_another_key_still_replays_wherever_it_stands() -> None:
    def ask(key: str) -> Request:
        body = json.dumps({"prompt": f"my key is {key}", "api_key": key}).encode()
        return Request("POST", f"{URL}?key={key}", (("Authorization", f"Bearer {key}"), *JSON_TYPE), body)

    first, second = (Redactor().request(ask(key)) for key in ("first-key-001122", "second-key-33445566"))
    assert compare(first, second, Rules()).equal
    assert b"first-key" not in first.body


def test_numbers_go_on_after_words_that_are_played() -> None:
    redactor = Redactor()
    redactor.response(tape(b'{"accessToken": "REDACTED-accessToken-3"}', headers=(("Set-Cookie", "a=REDACTED-a-2"),)))
    assert redacted({"accessToken": "new-one-12345"}, redactor) == {"accessToken": "REDACTED-accessToken-4"}
    assert redacted({"a": 1}, redactor) == {"a": 1}
    assert redactor.request(Request("GET", URL, (("Cookie", "a=zz"),))).headers == (("Cookie", "a=REDACTED-a-3"),)


def test_showing_a_text_takes_no_number() -> None:
    redactor = Redactor()
    assert redactor.text("password=hunter22") == "password=REDACTED-password-1"
    assert redacted({"password": "other-1234"}, redactor) == {"password": "REDACTED-password-1"}


def test_equal_short_values_of_two_names_have_two_words() -> None:
    assert redacted({"password": "x", "secret": "x", "jwt": "x", "user_password": "x"}) == {
        "password": "REDACTED-password-1",
        "secret": "REDACTED-secret-1",
        "jwt": "REDACTED-jwt-1",
        "user_password": "REDACTED-user-password-1",
    }


@pytest.mark.parametrize("value", ["hunter2", "password", "Anonymous", "123456789012", "1234.5678e9"])
def test_short_values_and_words_are_replaced_in_their_place_only(value: str) -> None:
    assert redacted({"password": value, "text": f"a {value} b"}) == {
        "password": "900000000001" if value.isdigit() else "REDACTED-password-1",
        "text": f"a {value} b",
    }


def test_a_fields_name_is_kept_though_a_secret_is_the_same_word() -> None:
    body = {"key": "temperature", "temperature": 20, "password": "x9!Kq27vLz"}
    assert redacted(body) == {**body, "password": "REDACTED-password-1"}
    assert redacted({"password": "temperature", "temperature": 20}) == {
        "password": "REDACTED-password-1",
        "temperature": 20,
    }


@pytest.mark.parametrize("address", ["127.0.0.1", "fe80::1:abcd"])
def test_the_address_of_a_machine_is_replaced_in_its_place_only(address: str) -> None:
    stored = Redactor().response(tape(f"http://{address}/".encode(), headers=(("observed-x-forwarded-for", address),)))
    assert stored.headers == (("observed-x-forwarded-for", "REDACTED-observed-x-forwarded-for-1"),)
    assert stored.body == f"http://{address}/".encode()


def test_a_cookie_in_url_escapes_is_found_without_them() -> None:
    redactor = Redactor()
    redactor.request(Request("GET", URL, (("Cookie", "sid=s%3Aabc%2Fdef12"),)))
    assert redactor.text("it is s:abc/def12 or s%3Aabc%2Fdef12") == "it is REDACTED-sid-1 or REDACTED-sid-1"


def test_a_basic_password_is_known_without_its_user() -> None:
    redactor = Redactor()
    basic = base64.b64encode(b"ann:hunter22-x").decode()
    redactor.request(Request("GET", URL, (("Authorization", f"Basic {basic}"),)))
    assert redactor.text("ann has hunter22-x") == "ann has REDACTED-password-1"


def test_overlapping_secrets_leave_nothing() -> None:
    redactor = Redactor()
    redactor.know("abcdefgh12", "one")
    redactor.know("gh12345678", "two")
    assert redactor.text("<abcdefgh12345678>") == "<REDACTED-one-1>"


def test_base64_stays_base64() -> None:
    redactor = Redactor()
    redactor.know(TOKEN, "key")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for text in (f"<{TOKEN}>", f"a{TOKEN}??>>", f"ab{TOKEN}~~~"):
            stored = redactor.text(f"it is {encode(text.encode()).decode()} there")
            decoded = base64.b64decode(stored.split()[2].translate(str.maketrans("-_", "+/")))
            assert decoded.decode() == text.replace(TOKEN, "REDACTED-key-1")
            assert redactor.text(stored) == stored


@pytest.mark.parametrize("before", ["", "/", "/a/", "/ab/", "/abc/", "\\n"])
def test_base64_without_an_end_or_after_a_path(before: str) -> None:
    redactor = Redactor()
    redactor.know(TOKEN, "key")
    bare = base64.b64encode(f"{TOKEN}!".encode()).decode().rstrip("=")
    stored = redactor.text(before + bare)
    assert stored.startswith(before)
    stored = stored.removeprefix(before)
    assert base64.b64decode(stored + "=" * (-len(stored) % 4)) == b"REDACTED-key-1!"


def test_base64_whose_first_letters_are_missing_goes_as_a_whole() -> None:
    redactor = Redactor()
    redactor.know(TOKEN, "key")
    headless = base64.b64encode(f"?{TOKEN}".encode()).decode().rstrip("=")[2:]
    assert redactor.text(f"<{headless}>") == "<REDACTED-base64-1>"


# --- a response as a whole --------------------------------------------------------------------------------------------


def test_the_length_header_stays_true() -> None:
    headers = (("content-length", "24"), ("X", "24"))
    body = b'{"secret": "x", "b": 12}'
    assert len(body) == 24
    stored = Redactor().response(tape(body, headers=headers))
    assert stored.headers == (("content-length", str(len(stored.body))), ("X", "24"))
    request = Redactor().request(Request("POST", URL, (("Content-Length", "24"),), body))
    assert request.headers == (("Content-Length", str(len(request.body))),)


def test_a_length_of_something_else_is_left_alone() -> None:
    stored = Redactor().response(tape(b'{"secret": "x"}', headers=(("Content-Length", "7"),)))
    assert stored.headers == (("Content-Length", "7"),)


def test_gzip_in_chunks_stays_gzip() -> None:
    packed = gzip.compress(json.dumps({"secret": "x", "text": "word " * 50}).encode())
    for size in (1, 7, 1000):
        chunks = [packed[at : at + size] for at in range(0, len(packed), size)]
        stored = Redactor().response(tape(*chunks))
        assert json.loads(gzip.decompress(stored.body))["secret"] == "REDACTED-secret-1"
        assert len(stored.chunks) == len(chunks)
        assert all(chunk.data for chunk in stored.chunks)


def test_notes_reasons_and_origins_are_redacted() -> None:
    response = Tape(Head(500, f"Bad key {TOKEN}"), (), Ending(EndingKind.RESET, 1.0, f"lost https://u:{TOKEN}@h"))
    stored = Redactor().interaction(
        Interaction(
            Request("GET", URL, (("X-Api-Key", TOKEN),)), response, Provenance("now", f"https://u:{TOKEN}@h:1", TOKEN)
        )
    )
    assert TOKEN not in repr(stored)
    assert stored.provenance.origin == "https://u:REDACTED-x-api-key-1@h:1"
    assert stored.response.ending == Ending(EndingKind.RESET, 1.0, "lost https://u:REDACTED-x-api-key-1@h")


CUTS = {
    "a chunk in the middle of a secret": ([b"a TO", b"KEN b"], [b"a <word>", b" b"]),
    "a chunk with nothing else": ([b"a T", b"OKE", b"N b"], [b"a <word", b">", b" b"]),
    "a secret and no more": ([b"TO", b"KEN"], [b"<word", b">"]),
    "bytes": ([b"T", b"O", b"K", b"E", b"N"], [b"<w", b"o", b"r", b"d", b">"]),
    "a cut before and after": ([b"a ", b"TOKEN", b" b"], [b"a ", b"<word>", b" b"]),
    "two in one": ([b"TOKEN TO", b"KEN"], [b"<word> <word", b">"]),
    "none": ([b"a", b"b"], [b"a", b"b"]),
}


@pytest.mark.parametrize(("before", "after"), CUTS.values(), ids=CUTS.keys())
def test_a_word_belongs_to_the_chunk_where_its_secret_began(before: list[bytes], after: list[bytes]) -> None:
    joined = b"".join(before).decode()
    edits = [Edit(at, at + 5, "<word>") for at in range(len(joined)) if joined.startswith("TOKEN", at)]
    assert [chunk.data for chunk in apply_edits(tape(*before).chunks, edits)] == after


def test_chunks_go_when_there_are_fewer_bytes_than_chunks() -> None:
    secret = "s3cret-" * 20
    redactor = Redactor()
    redactor.know(secret, "key")
    stored = redactor.response(tape(*(bytes([each]) for each in secret.encode())))
    assert stored.body == b"REDACTED-key-1"
    assert [chunk.data for chunk in stored.chunks] == [bytes([each]) for each in b"REDACTED-key-1"]
    times = [chunk.at for chunk in stored.chunks]
    assert times == sorted(times)


def test_chunks_stay_where_the_body_shrinks_first_and_grows_later() -> None:
    chunks = tape(*(bytes([each]) for each in b"TOKENabcdT")).chunks
    after = apply_edits(chunks, [Edit(0, 5, "w"), Edit(9, 10, "longer")])
    assert b"".join(chunk.data for chunk in after) == b"wabcdlonger"
    assert [chunk.at for chunk in after] == [chunk.at for chunk in chunks]


def test_http_chunk_ends_move_with_the_bytes() -> None:
    redactor = Redactor()
    redactor.know(TOKEN, "key")
    half = len(TOKEN) // 2
    first, second = f"one {TOKEN[:half]}".encode(), f"{TOKEN[half:]} two".encode()
    chunks = (Chunk(0.1, first, (3, len(first))), Chunk(0.2, second, (2, len(second))))
    stored = redactor.response(Tape(Head(200), chunks))
    word = b"one REDACTED-key-1"
    assert stored.chunks == (Chunk(0.1, word, (3, len(word))), Chunk(0.2, b" two", (4,)))


# --- settings ---------------------------------------------------------------------------------------------------------


def test_more_names() -> None:
    redactor = Redactor(Redaction(names=("X-Tenant", "color")))
    assert redacted({"xTenant": "a", "x_tenant": "b", "COLOR": "red", "colors": "c"}, redactor) == {
        "xTenant": "REDACTED-xTenant-1",
        "x_tenant": "REDACTED-x-tenant-1",
        "COLOR": "REDACTED-COLOR-1",
        "colors": "c",
    }
    request = redactor.request(Request("GET", f"{URL}?color=blue", (("x-tenant", "acme"),)))
    assert request == Request("GET", f"{URL}?color=REDACTED-color-1", (("x-tenant", "REDACTED-x-tenant-2"),))


def test_more_patterns() -> None:
    redactor = Redactor(Redaction(patterns=(r"acct_\d+", r"PIN (\d{4})", "é+")))
    text = redactor.text("acct_12 has PIN 1234, or PIN 1234; ééé")
    assert text == "REDACTED-secret-1 has PIN 9001, or PIN 9001; REDACTED-secret-2"
    assert redacted({"a": "an acct_12", "b": "acct_123"}, redactor) == {
        "a": "an REDACTED-secret-1",
        "b": "REDACTED-secret-2",
    }


def test_functions_say_what_is_secret() -> None:
    def codewords(text: str) -> list[str]:
        return [word for word in text.split() if word.startswith("xyzzy")] + ["", "REDACTED-secret-1"]

    redactor = Redactor(Redaction(functions=(codewords,)))
    assert redactor.text("say xyzzy or xyzzy2") == "say REDACTED-secret-1 or REDACTED-secret-2"
    assert redactor.text("say REDACTED-secret-1") == "say REDACTED-secret-1"


def test_a_function_that_gives_back_the_text_is_refused() -> None:
    with pytest.raises(BadSetting, match="gives back a list of the secrets"):
        Redactor(Redaction(functions=(str.upper,))).text("abc")


def test_single_names_and_patterns_are_kept_by_name() -> None:
    redactor = Redactor(Redaction(keep=("email", "openai-organization", "db_password")))
    body = {"email": "a@mail.example", "text": "to b@mail.example", "db_password": "x", "password": "y"}
    assert redacted(body, redactor) == body | {"password": "REDACTED-password-1"}
    head = Head(200, headers=(("OpenAI-Organization", "acme-1234"), ("openai-project", "p-1")))
    assert redactor.head(head).headers == (
        ("OpenAI-Organization", "acme-1234"),
        ("openai-project", "REDACTED-openai-project-1"),
    )
    assert Redactor(Redaction(keep=("jwt", "basic"))).text("Basic YW5uOmh1bnRlcjI=") == "Basic YW5uOmh1bnRlcjI="


SETTINGS_THAT_DO_NOTHING = {
    "keep nothing built in": (
        {"keep": ("color",)},
        "'color'; wanted: the name of a header or field that would be redacted",
    ),
    "keep everything": ({"keep": ("*",)}, "'*'; wanted: the name of a header or field that would be redacted"),
    "an empty name": ({"names": ("-",)}, "'-'; wanted: one with letters"),
    "a name that clients need": ({"names": ("max_tokens",)}, "'max_tokens'; wanted: none that clients check"),
    "no pattern": ({"patterns": ("(",)}, "'('; wanted: a regular expression (missing )"),
    "a pattern of nothing": ({"patterns": ("a*",)}, "'a*'; wanted: one that matches no empty text"),
}


@pytest.mark.parametrize(("fields", "words"), SETTINGS_THAT_DO_NOTHING.values(), ids=SETTINGS_THAT_DO_NOTHING.keys())
def test_settings_that_would_do_nothing_are_refused(fields: dict[str, tuple[str, ...]], words: str) -> None:
    with pytest.raises(BadSetting) as caught:
        Redaction(**fields)  # type: ignore[arg-type]
    assert words in str(caught.value)


def test_a_redactor_never_shows_what_it_knows() -> None:
    redactor = Redactor()
    redactor.know(TOKEN, "key")
    redactor.know("", "key")
    redactor.know("REDACTED-key-1", "key")
    assert TOKEN not in repr(redactor)
    assert redactor.text(TOKEN) == "REDACTED-key-1"


# --- for all values ---------------------------------------------------------------------------------------------------

secrets = st.text(st.sampled_from('aB3xZ9-_/+%"\\é😀 '), min_size=10, max_size=30).filter(
    lambda text: text.strip() == text and any(each.isdigit() for each in text) and any(each.isalpha() for each in text)
)
words = st.text(st.sampled_from('ab \n"\\{}:,=&1é'), max_size=12)
FORMS_OF_A_SECRET: dict[str, Callable[[str], str]] = {
    "plain": lambda secret: secret,
    "JSON": lambda secret: json.dumps(secret),
    "JSON in UTF-8": lambda secret: json.dumps(secret, ensure_ascii=False),
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret)),
    "URL": lambda secret: quote(secret, safe=""),
    "URL, some": quote,
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 after one": lambda secret: base64.b64encode(b"?" + secret.encode()).decode(),
    "base64 after two": lambda secret: base64.urlsafe_b64encode(b"??" + secret.encode() + b">").decode(),
    "hexadecimal": lambda secret: secret.encode().hex(),
    "hexadecimal in capitals": lambda secret: secret.encode().hex().upper(),
    "HTML": html.escape,
    "escaped": lambda secret: "".join(
        f"\\u{ord(each):04x}" if ord(each) < 128 else json.dumps(each)[1:-1] for each in secret
    ),
    "percent": lambda secret: "".join(f"%{each:02x}" for each in secret.encode()),
}


@given(secret=secrets, form=st.sampled_from(sorted(FORMS_OF_A_SECRET)), before=words, after=words, data=st.data())
@settings(max_examples=100, deadline=None)
def test_no_known_secret_survives_in_any_encoding(
    secret: str, form: str, before: str, after: str, data: st.DataObject
) -> None:
    written = FORMS_OF_A_SECRET[form](secret)
    body = f"{before}\n{written}\n{after}".encode()
    cuts = sorted(data.draw(st.sets(st.integers(1, len(body) - 1), max_size=6)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    planted = Interaction(Request("GET", URL, (("X-Api-Key", secret),)), tape(*pieces))
    redactor = Redactor()
    stored = redactor.interaction(planted)
    assert written.encode() not in stored.response.body
    assert len(stored.response.chunks) == len(pieces) or len(stored.response.body) < len(pieces)
    assert all(chunk.data for chunk in stored.response.chunks)
    assert redactor.interaction(stored) == stored
    assert Redactor().interaction(stored) == stored


keys = st.sampled_from(
    ["password", "api_key", "text", "content", "delta", "token", "signature", "max_tokens", "code", "a"]
)
leaves = st.one_of(
    secrets, words, st.integers(), st.none(), st.booleans(), st.sampled_from([TOKEN, "a@b.example", f"sk-{'x1' * 12}"])
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=10
)
exchanges = st.builds(
    lambda events, framing, cut, header: (
        "".join(framing.format(json.dumps(event)) for event in events).encode(),
        cut,
        header,
    ),
    st.lists(st.dictionaries(keys, values, max_size=4), min_size=1, max_size=6),
    st.sampled_from(["data: {}\n\n", "event: x\r\ndata: {}\r\n\r\n", "{}\n", "{}"]),
    st.integers(1, 60),
    st.sampled_from(["Authorization", "Cookie", "X-Other"]),
)


def interaction_of(exchange: tuple[bytes, int, str], secret: str) -> Interaction:
    body, cut, header = exchange
    pieces = [body[at : at + cut] for at in range(0, len(body), cut)]
    return Interaction(Request("POST", f"{URL}?key={quote(secret)}", ((header, secret),), body), tape(*pieces))


@pytest.mark.parametrize(
    "body",
    [
        f'{{"signature": [[{{"signature": ""}}, "{TOKEN}", "{TOKEN}"]]}}',
        f'{{"signature": {{"a": ["{TOKEN}"]}}}}',
        f'{{"encrypted_content": [{{"b": "{TOKEN}"}}], "c": "{TOKEN}"}}',
    ],
)
def test_a_known_secret_below_a_key_whose_value_stays_is_found(body: str) -> None:
    redactor = Redactor()
    redactor.know(TOKEN, "key")
    assert TOKEN.encode() not in redactor.body(body.encode(), (("Content-Type", "application/json"),))


@pytest.mark.untraced
@given(exchange=exchanges, secret=st.just(TOKEN) | secrets)
@settings(max_examples=50, deadline=None)
def test_what_is_redacted_stays_as_it_is(exchange: tuple[bytes, int, str], secret: str) -> None:
    redactor = Redactor()
    stored = redactor.interaction(interaction_of(exchange, secret))
    assert redactor.interaction(stored) == stored
    assert Redactor().interaction(stored) == stored


@given(exchange=exchanges)
@settings(max_examples=50, deadline=None)
def test_chunks_stay_as_many_and_in_time(exchange: tuple[bytes, int, str]) -> None:
    planted = interaction_of(exchange, TOKEN)
    stored = Redactor().interaction(planted).response
    assert all(chunk.data for chunk in stored.chunks)
    if len(stored.body) >= len(planted.response.chunks):
        assert [chunk.at for chunk in stored.chunks] == [chunk.at for chunk in planted.response.chunks]


def kept(value: object) -> list[object]:
    """The values that must stay, in order."""
    match value:
        case dict():
            own = [each for key, each in value.items() if key in {"signature", "max_tokens"} and isinstance(each, str)]
            return own + [deep for key, each in value.items() if key != "signature" for deep in kept(each)]
        case list():
            return [deep for each in value for deep in kept(each)]
        case _:
            return []


@given(value=st.dictionaries(keys, values))
@settings(max_examples=60, deadline=None)
def test_what_must_stay_does_and_json_stays_json(value: dict[str, object]) -> None:
    redactor = Redactor()
    redactor.know(TOKEN, "key")
    assert kept(redacted(value, redactor)) == kept(value)


@given(st.binary(max_size=200), st.sampled_from([(), JSON_TYPE, SSE_TYPE]))
@settings(max_examples=60, deadline=None)
def test_any_bytes_can_be_redacted(body: bytes, headers: Headers) -> None:
    stored = Redactor().body(body, headers)
    assert PLACEHOLDER.search(stored.decode("latin-1")) or stored == body
