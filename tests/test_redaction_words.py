"""The same secret has the same word, wherever it stands and however it is written there."""

from __future__ import annotations

import base64
import json

import pytest
from support.redacting import JSON_TYPE, TOKEN, URL, redacted, tape

from fakegpt_testkit.exchange import (
    Headers,
    Interaction,
    Request,
)
from fakegpt_testkit.matching import Rules, compare
from fakegpt_testkit.redaction import Redaction, Redactor

pytestmark = pytest.mark.once


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
