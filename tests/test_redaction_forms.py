"""What stands in a secret's place has its form, and what was true of a body is true of the redacted one."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import zlib
from typing import TYPE_CHECKING

import pytest

from fakegpt_testkit import Chunk, Head, Interaction, Request, Tape
from fakegpt_testkit.redaction import Redaction, Redactor
from fakegpt_testkit.redaction.digests import true_again

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.once

SECRET = "q8Rt5Kx2Wm9Zp4Lc7Vb1Nj6Hd3"


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def decoded(part: str) -> dict[str, object]:
    value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert isinstance(value, dict)
    return value


TOKEN = f"{encoded({'alg': 'HS256'})}.{encoded({'sub': 'ann@mail.example', 'exp': 1893456000, 'iss': 'i'})}.{SECRET}"


def stored(body: object, **headers: str) -> Interaction:
    data = json.dumps(body).encode()
    fields = (("Content-Type", "application/json"), *((name.replace("_", "-"), text) for name, text in headers.items()))
    return Redactor().interaction(
        Interaction(Request("GET", "https://a.example/"), Tape(Head(200, "OK", fields), (Chunk(0.0, data),)))
    )


def test_a_token_keeps_its_times_and_tells_nobody() -> None:
    token = json.loads(stored({"access_token": TOKEN}).response.body)["access_token"]
    head, claims, signature = token.split(".")
    assert decoded(head) == {"alg": "HS256"}
    assert decoded(claims) == {"sub": "redacted", "exp": 1893456000, "iss": "i"}
    assert signature == "REDACTED-access-token-1"
    assert len(signature) % 4 != 1
    assert Redactor().text(token) == token


def test_a_token_is_one_word_wherever_it_stands() -> None:
    body = json.loads(stored({"access_token": TOKEN, "said": f"take {TOKEN}"}).response.body)
    assert body["said"] == f"take {body['access_token']}"


def test_base64_of_a_text_stays_base64() -> None:
    value = json.loads(stored({"password": base64.b64encode(b"hunter2hunter2").decode()}).response.body)["password"]
    assert base64.b64decode(value, validate=True) == b"REDACTED-password-1"


def test_an_address_under_its_name_stays_one() -> None:
    assert json.loads(stored({"email": "ann@mail.example"}).response.body) == {
        "email": "REDACTED-email-1@example.invalid"
    }


def test_digests_that_were_true_are_true_again() -> None:
    body = {"password": SECRET}
    raw = json.dumps(body).encode()
    md5, sha = (base64.b64encode(hashlib.new(name, raw).digest()).decode() for name in ("md5", "sha256"))
    crc = base64.b64encode(zlib.crc32(raw).to_bytes(4, "big")).decode()
    response = stored(
        body,
        Content_MD5=md5,
        Repr_Digest=f"sha-256=:{sha}:",
        Docker_Content_Digest=f"sha256:{hashlib.sha256(raw).hexdigest()}",
        x_amz_checksum_crc32=crc,
        x_amz_checksum_sha256="AAAA",
    ).response
    headers = dict(response.headers)
    assert SECRET.encode() not in response.body
    assert headers["Content-MD5"] == base64.b64encode(hashlib.md5(response.body).digest()).decode()
    assert headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(hashlib.sha256(response.body).digest()).decode()}:"
    assert headers["Docker-Content-Digest"] == f"sha256:{hashlib.sha256(response.body).hexdigest()}"
    assert headers["x-amz-checksum-crc32"] == base64.b64encode(zlib.crc32(response.body).to_bytes(4, "big")).decode()
    assert headers["x-amz-checksum-sha256"] == "AAAA"  # it was false


CHECKSUMS = {
    "x-amz-checksum-crc32": "y/Q5Jg==",
    "x-amz-checksum-crc32c": "4waSgw==",
    "x-amz-checksum-crc64nvme": "rosUhgp5mIg=",
    "Docker-Content-Digest": "sha256:15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
}


@pytest.mark.parametrize(("name", "value"), CHECKSUMS.items(), ids=CHECKSUMS.keys())
def test_a_checksum_of_the_body_is_true_again(name: str, value: str) -> None:
    """Of the check value that each algorithm is published with, ``123456789``."""
    (((_, there),), ((_, back),)) = (
        true_again(((name, value),), b"123456789", b"1234"),
        true_again(true_again(((name, value),), b"123456789", b"1234"), b"1234", b"123456789"),
    )
    assert (there != value, back) == (True, value)
    assert true_again(((name, "AAAA"),), b"123456789", b"1234") == ((name, "AAAA"),)


PEM = (
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\n"
    "AgEAAoIBAQC7VJTUt9Us8cKj\n-----END PRIVATE KEY-----\n"
)
FORMS = {
    "a number": ({"password": 482913}, {"password": 900001}),
    "digits": ({"password": "48291377"}, {"password": "90000001"}),
    "four digits": ({"password": 4829}, {"password": 9001}),
    "five digits": ({"passwords": ["48291", "04829"]}, {"passwords": ["90001", "90002"]}),
    "base64 of bytes": ({"secret": "q8/Rt5Kx2Wm9Zp4Lc7V+1w=="}, {"secret": "UkVEQUNURUQtc2VjcmV0LTE="}),
    "base64 without padding": ({"secret": "q8/Rt5Kx2Wm9Zp4Lc7V+1w1A"}, {"secret": "UkVEQUNURUQtc2VjcmV0LTE="}),
    "a URL": (
        {"secret": "https://hooks.example:8443/services/T024BE7LD/B024BE7LH?x=1"},
        {"secret": "https://hooks.example:8443/REDACTED-secret-1"},
    ),
    "a connection": (
        {"secret": "postgres://app:k3Jd82Lq0Zx@db.example:5432/main"},
        {"secret": "postgres://REDACTED-secret-1:REDACTED-secret-1@db.example:5432"},
    ),
    "a PEM key": (
        {"private_key": PEM},
        {"private_key": "-----BEGIN PRIVATE KEY-----\nUkVEQUNURUQtcHJpdmF0ZS1rZXktMQ==\n-----END PRIVATE KEY-----\n"},
    ),
}


@pytest.mark.parametrize(("value", "redacted"), FORMS.values(), ids=FORMS.keys())
def test_a_word_has_the_form_of_its_secret_and_stays(value: object, redacted: object) -> None:
    """In JSON, in JSON inside a string, and after a second redaction."""
    assert json.loads(Redactor().body(json.dumps(value).encode())) == redacted
    assert json.loads(Redactor().body(json.dumps(redacted).encode())) == redacted
    inner = json.loads(Redactor().body(json.dumps({"said": json.dumps(value)}).encode()))
    assert json.loads(inner["said"]) == redacted


@pytest.mark.parametrize("spell", [bytes.hex, lambda raw: raw.hex().upper(), lambda raw: raw.hex(":")])
def test_hexadecimal_of_a_secret_stays_that_at_its_length(spell: Callable[[bytes], str]) -> None:
    redactor = Redactor()
    redactor.know("q8Rt5Kx2Wm9Zp4Lc7Vb1", "key")
    before = spell(b"q8Rt5Kx2Wm9Zp4Lc7Vb1")
    after = redactor.text(f"<{before}>")[1:-1]
    assert len(after) == len(before)
    assert after.isupper() is before.isupper()
    assert bytes.fromhex(after.replace(":", "")) == b"REDACTED-key-1......"


def test_a_pem_key_keeps_its_lines_wherever_it_is_met_again() -> None:
    redactor = Redactor()
    redactor.body(json.dumps({"private_key": PEM}).encode())
    lines = "-----BEGIN PRIVATE KEY-----\nUkVEQUNURUQtcHJpdmF0ZS1rZXktMQ==\n-----END PRIVATE KEY-----"
    assert redactor.body(f"a: {PEM}b".encode()).decode() == f"a: {lines}\nb"
    assert json.loads(redactor.body(json.dumps([f"a: {PEM}b"]).encode())) == [f"a: {lines}\nb"]


def test_basic_credentials_are_a_login_still() -> None:
    credentials = base64.b64encode(b"me:k3Jd82Lq0Zx").decode()
    request = Request("GET", "https://a.example/", (("Authorization", f"Basic {credentials}"),), b"")
    ((_, value),) = Redactor().request(request).headers
    user, _, password = base64.b64decode(value.removeprefix("Basic ")).decode().partition(":")
    assert (user, password) == ("REDACTED-authorization-1", "REDACTED-authorization-1")
    assert Redactor().request(Request("GET", "https://a.example/", (("Authorization", value),))).headers[0][1] == value


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_a_text_of_wide_letters_is_read_and_written_in_its_charset(charset: str) -> None:
    body = json.dumps({"password": "k3Jd82Lq0Zx", "n": 1}).encode(charset)
    assert json.loads(Redactor().body(body).decode(charset)) == {"password": "REDACTED-password-1", "n": 1}
    hidden = b"\x01\x02\xff\x00" * 40 + "q8Rt5Kx2Wm9Zp4Lc7Vb1".encode(charset) + b"\xff\x00"
    redactor = Redactor(Redaction(values=("q8Rt5Kx2Wm9Zp4Lc7Vb1",)))
    now = redactor.body(hidden)
    assert len(now) == len(hidden)
    assert "Wm9Zp4Lc".encode(charset)[4:] not in now


MIXED = {
    "bytes after gzip": gzip.compress(b"hello", mtime=0) + b" and " + SECRET.encode(),
    "bytes after zlib": zlib.compress(b"hello, it is me") + b" and " + SECRET.encode(),
    "bytes in UTF-16": "hello ".encode("utf-16") + SECRET.encode() + b"; " + "bye".encode("utf-16-le"),
    "UTF-16 in bytes": b"hello " + SECRET.encode("utf-16-le") + SECRET.encode(),
    "base64 in binary": b"\0" + base64.b64encode(SECRET.encode()) + b"\0\xff",
}


@pytest.mark.parametrize("body", MIXED.values(), ids=MIXED.keys())
def test_a_body_of_two_kinds_is_read_in_both(body: bytes) -> None:
    redactor = Redactor()
    redactor.know(SECRET, "key")
    after = redactor.body(body)
    spelled = (SECRET.encode(), SECRET.encode("utf-16-le"), base64.b64encode(SECRET.encode()).rstrip(b"="))
    assert [each for each in spelled if each in after] == []
    assert redactor.body(after) == after


@pytest.mark.parametrize(
    "value", ["aGVsbG8gd29ybGQ=", "q8/Rt5Kx2Wm9Zp4Lc7V+1w==", "q8Rt5\0Kx2Wm9Zp4Lc7Vb1", "48291377"]
)
def test_a_word_in_a_binary_body_has_its_length_and_stays(value: str) -> None:
    body = b'\0{"secret": "' + value.encode() + b'"}\xff'
    after = Redactor().body(body)
    assert after != body
    assert len(after) == len(body)
    assert Redactor().body(after) == after


def test_a_word_s_name_tells_no_secret() -> None:
    redactor = Redactor()
    redactor.know("hunter2-hunter2", "key")
    text = f'"{SECRET}_token": "w3Nz8Jd6Hs1Gf5Ty9Qa2", "hunter2-hunter2-key": "m4Kp7Xv2Bc8Lr6Wd3Zt9"'
    after = redactor.text(text)
    assert "w3Nz8" not in after
    assert "m4Kp7" not in after
    assert after.count("REDACTED-secret-1") == 1
    assert after.count("REDACTED-secret-2") == 1
    assert "REDACTED-q8" not in after
    assert "REDACTED-hunter2" not in after


@pytest.mark.parametrize("digits", [4, 5, 6])
def test_many_numbers_have_words_that_stay(digits: int) -> None:
    body = json.dumps([{"password": 10 ** (digits - 1) + number} for number in range(120)]).encode()
    after = Redactor().body(body)
    assert len(after) == len(body)
    assert Redactor().body(after) == after
