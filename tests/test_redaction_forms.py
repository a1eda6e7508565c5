"""What stands in a secret's place has its form, and what was true of a body is true of the redacted one."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib

import pytest

from fakegpt_testkit import Chunk, Head, Interaction, Request, Tape
from fakegpt_testkit.redaction import Redactor
from fakegpt_testkit.redaction.digests import frames_true_again

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


def frame(payload: bytes) -> bytes:
    prelude = (16 + len(payload)).to_bytes(4, "big") + bytes(4)
    head = prelude + zlib.crc32(prelude).to_bytes(4, "big") + payload
    return head + zlib.crc32(head).to_bytes(4, "big")


def test_frames_with_checksums_are_whole_after_a_secret_went() -> None:
    redactor = Redactor()
    redactor.know(SECRET, "key")
    body = frame(b"hello") + frame(b'{"key": "' + SECRET.encode() + b'"}') + frame(b"end")
    after = redactor.body(body, (("Content-Type", "application/vnd.amazon.eventstream"),))
    assert SECRET.encode() not in after
    assert len(after) == len(body)
    assert frames_true_again(after, after) == after
    assert after[-len(frame(b"end")) :] == frame(b"end")
    second = after[len(frame(b"hello")) : -len(frame(b"end"))]
    assert int.from_bytes(second[-4:], "big") == zlib.crc32(second[:-4])
