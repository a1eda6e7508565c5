"""Secrets made up by code, each planted in one place of one exchange, by kinds and places.

Knows no redaction: the names are those of services and of formats, and none is taken from a list of the product.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
import string
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LETTERS: Final = string.ascii_letters + string.digits
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Planted:
    """One exchange with one secret in it. ``variable``: the secret stands in the environment under this name."""

    id: str
    secret: str
    path: str = "/v1/ask"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    kind: str = JSON
    answer_headers: tuple[tuple[str, str], ...] = ()
    answer: bytes = b"fine"
    answer_kind: str = "text/plain"
    reason: str = "OK"
    variable: str = ""


REQUEST_HEADERS: Final = (
    *("Authorization", "Proxy-Authorization", "X-Api-Key", "Api-Key", "PRIVATE-TOKEN", "Job-Token", "X-Vault-Token"),
    *("X-Figma-Token", "X-Auth-Key", "X-Auth", "X-Access-Key", "X-Secret", "X-Consumer-Key", "AccessKey", "Token"),
    *("X-Functions-Key", "X-Stainless-Key", "Helicone-Auth", "Authentication", "X-Token-Auth", "X-ClickHouse-Key"),
    *("Openai-Sentinel-Chat-Requirements-Token", "X-Registry-Auth", "X-Amz-Security-Token", "X-Goog-Api-Key"),
    *("X-Signature", "X-Slack-Signature", "X-Twilio-Signature", "Signature", "X-Hub-Hmac", "X-Goog-Iap-Jwt-Assertion"),
    *("X-Admin-Secret", "X-Webhook-Secret", "X-Service-Password", "X-Session", "X-Session-Id", "X-Plex-Token"),
    *("X-Shopify-Access-Token", "X-Algolia-API-Key", "X-Typesense-Api-Key", "CF-Access-Client-Secret", "DD-API-KEY"),
    *("X-Honeycomb-Key", "X-Insert-Key", "X-License-Key", "X-Postmark-Server-Token", "X-Gitlab-Token", "X-Bot-Token"),
    *("X-Auth-Token", "X-Subject-Token", "X-Storage-Token", "X-Client-Credential", "X-RapidAPI-Key", "X-Otp-Ticket"),
)
NAMES: Final = (
    *(
        "api_token",
        "private_token",
        "job_token",
        "user_token",
        "feed_token",
        "upload_token",
        "unlock_token",
        "botToken",
    ),
    *("access_key", "auth_key", "app_key", "license_key", "accessKeySecret", "signing_secret", "webhook_secret", "pwd"),
    *("password", "passwd", "passphrase", "client_secret", "appSecret", "shared_secret", "consumer_secret", "pin_code"),
    *("sessionId", "sessionToken", "access_token", "refresh_token", "id_token", "csrf_token", "confirmation_token"),
    *(
        "master_key",
        "hmac_key",
        "encryption_key",
        "signature_key",
        "secretToken",
        "db_password",
        "smtp-password",
        "pat",
    ),
    *("fcm_token", "registration_token", "ephemeral_token", "deploy.token", "ns:api_key", "api_key[0]", "apiKey"),
    *(
        "secretAccessKey",
        "AWSSecretKey",
        "credentials",
        "credential",
        "bearer",
        "jwt",
        "auth",
        "session",
        "recovery_codes",
    ),
    *("samltoken", "apitoken", "authtoken", "userpassword", "ticket", "assertion", "device_code", "code_verifier"),
    *("oauth_token", "oauth_token_secret", "private_key", "ssh_key", "seed_phrase_key", "x-token", "otp_secret", "sas"),
)
PREFIXES: Final[tuple[tuple[str, str, int], ...]] = (
    ("sk-", LETTERS, 48), ("sk-proj-", LETTERS + "_-", 80), ("sk-ant-api03-", LETTERS + "_-", 90),
    ("gsk_", LETTERS, 52),
    ("csk-", LETTERS.lower(), 48), ("tgp_v1_", LETTERS + "_-", 43), ("fw_", LETTERS, 22), ("api_org_", LETTERS, 34),
    ("hf_", LETTERS, 34), ("r8_", LETTERS, 37), ("xai-", LETTERS, 80), ("pplx-", LETTERS, 48), ("glpat-", LETTERS, 20),
    ("gldt-", LETTERS, 20), ("glrt-", LETTERS, 20), ("ghp_", LETTERS, 36), ("ghs_", LETTERS, 36), ("npm_", LETTERS, 36),
    ("github_pat_", LETTERS, 82), ("dckr_pat_", LETTERS, 27), ("rubygems_", "0123456789abcdef", 48),
    ("hvs.", LETTERS, 90),
    ("dop_v1_", "0123456789abcdef", 64), ("secret_", LETTERS, 43), ("shpat_", "0123456789abcdef", 32),
    ("sbp_", "0123456789abcdef", 40), ("sb_secret_", LETTERS, 31), ("sntrys_", LETTERS, 60), ("glc_", LETTERS, 60),
    ("glsa_", LETTERS, 32), ("v4.local.", LETTERS, 80), ("AKIA", string.ascii_uppercase + "234567", 16),
    ("AIza", LETTERS, 35), ("sk_live_", LETTERS, 24), ("whsec_", LETTERS, 32), ("xoxb-", string.digits, 12),
    ("SG.", LETTERS, 22), ("pypi-AgEIcHlwaS5vcmc", LETTERS, 120), ("lin_api_", LETTERS, 40), ("ntn_", LETTERS, 46),
    ("sq0atp-", LETTERS, 22), ("pscale_pw_", LETTERS, 43), ("PMAK-", "0123456789abcdef", 24), ("dp.st.", LETTERS, 43),
    ("AGE-SECRET-KEY-1", "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58), ("figd_", LETTERS, 40), ("EAAG", LETTERS, 120),
)  # fmt: skip
VARIABLES: Final = (
    *("MY_SERVICE_API_KEY", "SOME_TOKEN", "DB_PASSWORD", "ACME_SECRET", "INTERNAL_PAT", "GATEWAY_CREDENTIALS"),
    *("BILLING_AUTH", "LEGACY_PWD"),
)


class Maker:
    """Random words of a length and an alphabet, with letters of both cases and digits where there are any."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def word(self, length: int = 32, alphabet: str = LETTERS) -> str:
        return "".join(self._random.choice(alphabet) for _ in range(length))

    def password(self) -> str:
        return f"{self.word(6)}!{self.word(5)}7x{self.word(4)}"


def planted() -> list[Planted]:
    """All of them."""
    make = Maker(14)
    kinds: tuple[Callable[[Maker], Iterable[Planted]], ...] = (
        *(_headers, _heads, _queries, _fields, _forms, _texts, _multiparts, _shapes, _streams, _variables, _packed),
        *(_binary, _places),
    )
    found = [each for kind in kinds for each in kind(make)]
    assert len({each.id for each in found}) == len(found), "two have one id"
    return found


def _headers(make: Maker) -> Iterator[Planted]:
    for name in REQUEST_HEADERS:
        secret = make.word()
        value = f"Bearer {secret}" if "uthoriz" in name else secret
        yield Planted(f"request-header-{name}", secret, headers=((name, value),))
    for name in ("sid", "session", "auth", "remember_me", "csrftoken", "PHPSESSID", "__Host-token"):
        secret = make.word()
        yield Planted(f"cookie-{name}", secret, headers=(("Cookie", f"lang=en; {name}={secret}"),))
        secret = make.word()
        yield Planted(f"set-cookie-{name}", secret, answer_headers=(("Set-Cookie", f"{name}={secret}; Path=/"),))


def _heads(make: Maker) -> Iterator[Planted]:
    for name in ("X-Subject-Token", "X-Session-Token", "X-Csrf-Token", "X-Auth-Token", "X-New-Secret", "X-Api-Key"):
        secret = make.word()
        yield Planted(f"answer-header-{name}", secret, answer_headers=((name, secret),))
    for name in ("ticket", "SAMLResponse", "code", "access_token", "token", "sig", "session_token"):
        secret = make.word()
        value = f"https://x.example/back?lang=en&{name}={secret}#end"
        yield Planted(f"location-{name}", secret, answer_headers=(("Location", value),))
        secret = make.word()
        nested = "https://y.example/?u=" + quote(f"https://x.example/?{name}={secret}", safe="")
        yield Planted(f"location-nested-{name}", secret, answer_headers=(("Location", nested),))
    secret = make.word()
    yield Planted("answer-header-parameter", secret, answer_headers=(("X-Debug", f"api_key={secret}"),))
    secret = make.word()
    yield Planted("answer-header-timing", secret, answer_headers=(("Server-Timing", f'auth;desc="{secret}"'),))
    secret = make.word()
    yield Planted("digest-nonce", secret, answer_headers=(("WWW-Authenticate", f'Digest realm="a", nonce="{secret}"'),))
    secret = make.word()
    yield Planted("reason-phrase", secret, reason=f"Bad token={secret}")


def _queries(make: Maker) -> Iterator[Planted]:
    for name in (*NAMES, "AWSAccessKeyId", "X-Amz-Signature", "oobCode", "oauth_signature", "PHPSESSID"):
        secret = make.word()
        yield Planted(f"query-{name}", secret, f"/v1/ask?a=1&{quote(name, safe='')}={secret}&z=2")


def _fields(make: Maker) -> Iterator[Planted]:
    for name in NAMES:
        secret = make.password() if "pass" in name or "pwd" in name else make.word()
        body = json.dumps({"id": 7, "data": {name: secret, "name": "Ann"}}).encode()
        yield Planted(f"json-answer-{name}", secret, answer=body, answer_kind=JSON)
        secret = make.word()
        yield Planted(f"json-question-{name}", secret, body=json.dumps({"settings": [{name: secret}]}).encode())
    shapes: tuple[tuple[str, Callable[[str], object]], ...] = (
        ("below", lambda secret: {"secret": {"value": secret}}),
        ("data", lambda secret: {"credentials": {"data": secret}}),
        ("list", lambda secret: {"password": [[secret]]}),
        ("key-value", lambda secret: {"key": "api_key", "value": secret}),
        ("name-value", lambda secret: [{"name": "DB_PASSWORD", "value": secret}]),
        ("header-value", lambda secret: {"header": "X-Api-Key", "value": secret}),
        ("pairs", lambda secret: [["X-Api-Key", secret]]),
        ("in-string", lambda secret: {"raw": json.dumps({"api_token": secret})}),
        ("in-string-twice", lambda secret: {"raw": json.dumps(json.dumps({"api_token": secret}))}),
        ("repr", lambda secret: {"log": repr({"auth_token": secret})}),
        ("assignment", lambda secret: {"log": f"export ACME_API_KEY={secret}"}),
    )
    for name, shape in shapes:
        secret = make.word()
        yield Planted(f"json-shape-{name}", secret, answer=json.dumps(shape(secret)).encode(), answer_kind=JSON)


def _forms(make: Maker) -> Iterator[Planted]:
    form = "application/x-www-form-urlencoded"
    for name in NAMES[:36]:
        secret = make.word()
        yield Planted(f"form-{name}", secret, body=f"a=1&{quote(name, safe='')}={secret}".encode(), kind=form)
    for name, tail in (("newline", "\n"), ("braces", "&filter={x}"), ("json", '&j={"a":1}'), ("spaces", "&q=a b")):
        secret = make.word()
        yield Planted(f"form-with-{name}", secret, body=f"password={secret}{tail}".encode(), kind=form)


def _texts(make: Maker) -> Iterator[Planted]:
    formats = (
        ("wsse", "text/xml", "<wsse:Password Type='T'>{}</wsse:Password>"),
        ("xml-element", "text/xml", "<r><AccessToken>{}</AccessToken></r>"),
        ("xml-secret", "text/xml", "<Credentials><SecretAccessKey>{}</SecretAccessKey></Credentials>"),
        ("xml-attribute", "text/xml", '<login user="ann" password="{}"/>'),
        ("plist", "text/xml", "<dict><key>api_token</key><string>{}</string></dict>"),
        ("ini", "text/plain", "[db]\nhost = h\npassword = {}\n"),
        ("env", "text/plain", "A=1\nACME_API_KEY={}\nB=2\n"),
        ("env-quoted", "text/plain", "export ACME_SECRET='{}'\n"),
        ("yaml", "application/yaml", "db:\n  user: ann\n  password: {}\n"),
        ("yaml-list", "application/yaml", "- api_token: {}\n"),
        ("csv", "text/csv", "user,api_token,age\nann,{},7\n"),
        ("html-data", "text/html", '<div data-api-key="{}"></div>'),
        ("html-input", "text/html", '<input type="hidden" name="csrf_token" value="{}">'),
        ("html-meta", "text/html", '<meta name="csrf-token" content="{}">'),
        ("curl-log", "text/plain", "> GET / HTTP/1.1\n> X-Api-Key: {}\n> Accept: */*\n"),
        ("curl-cookie", "text/plain", "< Set-Cookie: sid={}; Path=/\n"),
        ("curl-header", "text/plain", "curl -H 'X-Api-Key: {}' https://x.example"),
        ("curl-user", "text/plain", "curl -u ann:{} https://x.example"),
        ("log", "text/plain", "2026-01-01 INFO login password={} ok\n"),
        ("url-login", "text/plain", "see postgres://app:{}@db.example/x"),
        ("azure", "text/plain", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={};EndpointSuffix=x"),
        ("odbc", "text/plain", "Server=s;Uid=app;Pwd={};Database=d"),
        ("javascript", "text/javascript", "var config = {{apiKey: '{}'}};"),
        ("toml", "text/plain", '[auth]\ntoken = "{}"\n'),
    )
    for name, kind, text in formats:
        for where in ("question", "answer"):
            secret = make.word()
            body = text.format(secret).encode()
            if where == "answer":
                yield Planted(f"{name}-answer", secret, answer=body, answer_kind=kind)
            else:
                yield Planted(f"{name}-question", secret, body=body, kind=kind)


def _multiparts(make: Maker) -> Iterator[Planted]:
    kind = "multipart/form-data; boundary=b0"
    image = '--b0\r\nContent-Disposition: form-data; name="i"; filename="a.png"\r\n\r\n\x89PNG\0\0\1\r\n'
    parts = (
        ("plain", '--b0\r\nContent-Disposition: form-data; name="api_token"\r\n\r\n{}\r\n--b0--\r\n'),
        ("after-image", image + '--b0\r\nContent-Disposition: form-data; name="password"\r\n\r\n{}\r\n--b0--\r\n'),
        ("bare-lines", '--b0\nContent-Disposition: form-data; name="password"\n\n{}\n--b0--\n'),
        ("extended", "--b0\r\nContent-Disposition: form-data; name*=utf-8''password\r\n\r\n{}\r\n--b0--\r\n"),
        ("part-header", '--b0\r\nContent-Disposition: form-data; name="a"\r\nX-Api-Key: {}\r\n\r\nx\r\n--b0--\r\n'),
        (
            "env-file",
            '--b0\r\nContent-Disposition: form-data; name="f"; filename=".env"\r\n\r\nA_SECRET={}\r\n--b0--\r\n',
        ),
        ("json", '--b0\r\nContent-Disposition: form-data; name="f"\r\n\r\n{{"api_key": "{}"}}\r\n--b0--\r\n'),
    )
    for name, text in parts:
        secret = make.word()
        yield Planted(f"multipart-{name}", secret, body=text.format(secret).encode("latin-1"), kind=kind)


def _shapes(make: Maker) -> Iterator[Planted]:
    for prefix, alphabet, length in PREFIXES:
        for where, text in (("prose", "Here you are: {} and no more."), ("code", 'connect("{}")'), ("end", "use {}.")):
            secret = prefix + make.word(length, alphabet)
            if prefix == "xoxb-":
                secret += f"-{make.word(12, string.digits)}-{make.word(24)}"
            elif prefix == "SG.":
                secret += f".{make.word(43)}"
            body = json.dumps({"content": text.format(secret)}).encode()
            yield Planted(f"shape-{where}-{prefix}", secret, answer=body, answer_kind=JSON)
    secret = f"{make.word(10, string.digits)}:AA{make.word(33)}"
    yield Planted("telegram-path", secret, f"/bot{secret}/sendMessage")
    secret = make.word(24)
    yield Planted("slack-hook", secret, f"/services/T{make.word(8).upper()}/B{make.word(8).upper()}/{secret}")
    claims = base64.urlsafe_b64encode(b'{"sub":"1234567890"}').decode().rstrip("=")
    secret = make.word(43)
    yield Planted("jwt-prose", secret, answer=f"take eyJhbGciOiJIUzI1NiJ9.{claims}.{secret} now".encode())
    key = "\n".join(make.word(64) for _ in range(6))
    pem = f"-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n"
    yield Planted("pem", key.splitlines()[2], answer=pem.encode())


def _streams(make: Maker) -> Iterator[Planted]:
    kinds = (
        *("content", "text", "delta", "body", "msg", "logs", "stdout", "t", "markdown", "textDelta", "output", "chunk"),
        *("value", "answer", "snippet"),
    )
    for key in kinds:
        for framing in ("sse", "ndjson"):
            secret = f"sk-{make.word(48)}"
            pieces = [secret[at : at + 5] for at in range(0, len(secret), 5)]
            events = [json.dumps({"n": at, "d": {key: piece}}) for at, piece in enumerate(["The key ", *pieces, " ok"])]
            yield _stream(f"delta-{framing}-{key}", secret, events, framing)
    for name, text in (("export", "export API_KEY={}\n"), ("password", "password: {}\n"), ("bearer", "Bearer {} ok")):
        secret = make.word()
        whole = text.format(secret)
        events = [
            json.dumps({"choices": [{"delta": {"content": whole[at : at + 4]}}]}) for at in range(0, len(whole), 4)
        ]
        yield _stream(f"delta-said-{name}", secret, events, "sse")
    secret = make.word()
    yield _stream("event-text", secret, ["hello", f"api_key={secret}"], "sse")
    secret = f"sk-{make.word(48)}"
    strings = [json.dumps(secret[at : at + 5]) for at in range(0, len(secret), 5)]
    yield _stream("delta-strings", secret, strings, "sse")


def _stream(name: str, secret: str, events: list[str], framing: str) -> Planted:
    if framing == "sse":
        body = "".join(f"data: {each}\n\n" for each in events)
        return Planted(name, secret, answer=body.encode(), answer_kind="text/event-stream")
    return Planted(name, secret, answer=("\n".join(events) + "\n").encode(), answer_kind="application/x-ndjson")


def _variables(make: Maker) -> Iterator[Planted]:
    places: tuple[tuple[str, Callable[[Planted, bytes], Planted]], ...] = (
        ("path", lambda case, raw: replace(case, path=f"/x/{raw.decode()}/y")),
        ("header", lambda case, raw: replace(case, headers=(("X-Plain", f"a {raw.decode()} b"),))),
        ("xml", lambda case, raw: replace(case, answer=b"<a><b>" + raw + b"</b></a>", answer_kind="text/xml")),
        (
            "msgpack",
            lambda case, raw: replace(case, answer=b"\x81\xa1k\xd9\x20" + raw, answer_kind="application/msgpack"),
        ),
        ("nul", lambda case, raw: replace(case, answer=b"\0\1\2" + raw + b"\0", answer_kind="application/x-protobuf")),
        ("image", lambda case, raw: replace(case, answer=b"\x89PNG\r\n\0" + raw, answer_kind="image/png")),
        ("base64", lambda case, raw: replace(case, answer=b"v " + base64.b64encode(b"ab" + raw + b"c"))),
        ("base64-twice", lambda case, raw: replace(case, answer=base64.b64encode(base64.b64encode(b"a" + raw)))),
        ("hex", lambda case, raw: replace(case, answer=b"0x" + raw.hex().encode())),
        ("percent", lambda case, raw: replace(case, answer="".join(f"%{byte:02X}" for byte in raw).encode())),
        ("html-numeric", lambda case, raw: replace(case, answer="".join(f"&#{byte};" for byte in raw).encode())),
        ("json-escapes", lambda case, raw: replace(case, answer="".join(f"\\u{byte:04x}" for byte in raw).encode())),
        ("reversed-case-hex", lambda case, raw: replace(case, answer=raw.hex(":").upper().encode())),
        ("utf-16", lambda case, raw: replace(case, answer=("x " + raw.decode()).encode("utf-16"))),
        ("reason", lambda case, raw: replace(case, reason=f"no {raw.decode()}")),
        (
            "sse-id",
            lambda case, raw: replace(case, answer=b"id: " + raw + b"\ndata: x\n\n", answer_kind="text/event-stream"),
        ),
    )
    for variable in VARIABLES:
        for name, plant in places:
            secret = make.word()
            yield plant(Planted(f"variable-{variable}-{name}", secret, variable=variable), secret.encode())


def _packed(make: Maker) -> Iterator[Planted]:
    packings: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
        ("gzip", lambda data: gzip.compress(data, mtime=0)),
        ("gzip-members", lambda data: gzip.compress(b"[1]\n", mtime=0) + gzip.compress(data, mtime=0)),
        ("gzip-tail", lambda data: gzip.compress(data, mtime=0) + b"rest"),
        ("gzip-cut", lambda data: gzip.compress(data, mtime=0)[:-6]),
        ("zlib", zlib.compress),
        ("deflate", lambda data: zlib.compress(data, 9, -15)),
        ("in-base64", lambda data: base64.b64encode(gzip.compress(data, mtime=0))),
    )
    for name, pack in packings:
        for where in ("question", "answer"):
            secret = make.word()
            body = pack(json.dumps({"user": "ann", "api_token": secret}).encode())
            if where == "answer":
                yield Planted(f"packed-{name}-answer", secret, answer=body, answer_kind="application/octet-stream")
            else:
                yield Planted(f"packed-{name}-question", secret, body=body, kind="application/octet-stream")


def _binary(make: Maker) -> Iterator[Planted]:
    for kind in ("application/x-protobuf", "application/cbor", "application/grpc-web", "image/jpeg", "audio/mpeg"):
        secret = f"sk-{make.word(48)}"
        body = b"\0\x0a\x33" + secret.encode() + b"\x12\1\0"
        yield Planted(f"binary-{kind}", secret, answer=body, answer_kind=kind)
    secret = make.word()
    body = b'\0{"api_token": "' + secret.encode() + b'"}'
    yield Planted("binary-nul-before-json", secret, answer=body, answer_kind=JSON)
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        secret = make.word()
        body = json.dumps({"api_token": secret}).encode(encoding)
        yield Planted(f"json-{encoding}", secret, answer=body, answer_kind=JSON)


def _places(make: Maker) -> Iterator[Planted]:
    secret = make.word()
    login = base64.b64encode(f"ann:{secret}".encode()).decode()
    yield Planted("basic", secret, headers=(("Authorization", f"Basic {login}"),), answer=f"hello {secret}".encode())
    for name in ("Authorization", "X-Vault-Token", "X-Figma-Token", "Cookie"):
        secret = make.word()
        value = {"Authorization": f"Bearer {secret}", "Cookie": f"sid={secret}"}.get(name, secret)
        answer = f"you sent {secret}; in base64 {base64.b64encode(secret.encode()).decode()}".encode()
        yield Planted(f"told-back-{name}", secret, headers=((name, value),), answer=answer)
