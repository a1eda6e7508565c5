"""Secrets planted at many places of one flow: none of them is in what would be written."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import zlib
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import pytest

from fakegpt_testkit.exchange import PLACEHOLDER, Chunk, Head, Headers, Interaction, Request, Tape, placeholder_label
from fakegpt_testkit.redaction import Redaction, Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.once, pytest.mark.untraced]

URL = "https://chat.example/v1/chat"
JSON_TYPE = (("Content-Type", "application/json"),)
FORM_TYPE = (("Content-Type", "application/x-www-form-urlencoded"),)
SSE_TYPE = (("Content-Type", "text/event-stream"),)
ALPHABET = "q7Zk2Xw9Rb4Tn6Vd8Mc3Lf5Hs1Jp0Gy"


def secret(number: int, length: int = 24) -> str:
    """An opaque secret, another one for each number, of no provider's shape."""
    digits = [(number * 7919 + at * (number + 31) * 104729) // 13 for at in range(length)]
    return "Z" + "".join(ALPHABET[digit % len(ALPHABET)] for digit in digits)[: length - 3] + f"{number:02d}"


def asked(uri: str = URL, headers: Headers = (), body: bytes = b"", method: str = "POST") -> Request:
    return Request(method, uri, headers, body)


def answered(body: bytes = b"", headers: Headers = (), cut: int = 10_000) -> Tape:
    pieces = [body[at : at + cut] for at in range(0, len(body), cut)]
    return Tape(Head(200, "OK", headers), tuple(Chunk(at / 10, piece) for at, piece in enumerate(pieces)))


def sent(headers: Headers = (), body: bytes = b"", uri: str = URL) -> Interaction:
    return Interaction(asked(uri, headers, body), answered(b"{}"))


def came(body: bytes = b"", headers: Headers = JSON_TYPE, cut: int = 10_000) -> Interaction:
    return Interaction(asked(), answered(body, headers, cut))


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def header_sent(name: str, form: str = "{}") -> Callable[[str], Interaction]:
    return lambda value: sent(((name, form.format(value)),))


def header_came(name: str, form: str = "{}") -> Callable[[str], Interaction]:
    return lambda value: came(b"{}", (*JSON_TYPE, (name, form.format(value))))


def query(name: str) -> Callable[[str], Interaction]:
    return lambda value: sent(uri=f"{URL}?a=b&{name}={value}")


def form(name: str) -> Callable[[str], Interaction]:
    return lambda value: sent(FORM_TYPE, f"grant=1&{name}={quote(value, safe='')}".encode())


def key_sent(name: str) -> Callable[[str], Interaction]:
    return lambda value: sent(JSON_TYPE, as_json({"a": [{"b": {name: value}}]}))


def key_came(name: str) -> Callable[[str], Interaction]:
    return lambda value: came(as_json({"a": [{"b": {name: value}}]}))


def multipart(value: str) -> Interaction:
    body = f'--b0\r\nContent-Disposition: form-data; name="password"\r\n\r\n{value}\r\n--b0--\r\n'
    return sent((("Content-Type", "multipart/form-data; boundary=b0"),), body.encode())


def part_of_a_part(value: str) -> Interaction:
    inner = f'--b1\nContent-Disposition: form-data; name="password"\n\n{value}\n--b1--\n'
    body = f'--b0\r\nContent-Disposition: form-data; name="files"\r\n\r\n{inner}\r\n--b0--\r\n'
    return sent((("Content-Type", "multipart/form-data; boundary=b0"),), body.encode())


def broken_off(value: str) -> Interaction:
    body = f'--b0\r\nContent-Disposition: form-data; name="password"\r\n\r\n{value}'
    return sent((("Content-Type", "multipart/form-data; boundary=b0"),), body.encode())


def known(make: Callable[[str], Interaction]) -> Callable[[str], Interaction]:
    """A place where nothing but the value tells: the value went out as a credential, with the same request."""

    def planted(value: str) -> Interaction:
        found = make(value)
        request = asked(
            found.request.uri, (*found.request.headers, ("Authorization", f"Bearer {value}")), found.request.body
        )
        return Interaction(request, found.response)

    return planted


def events(*values: object) -> bytes:
    return b"".join(b"data: " + as_json(value) + b"\n\n" for value in values)


def deltas(text: str) -> bytes:
    pieces = [text[at : at + 5] for at in range(0, len(text), 5)]
    return events(*({"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces))


def so_far(text: str) -> bytes:
    return events(*({"message": {"content": {"parts": [text[:end]]}}} for end in range(0, len(text) + 1, 3)))


def argument_deltas(value: str) -> bytes:
    text = json.dumps({"path": "x", "api_key": value, "more": "y"})
    pieces = [text[at : at + 4] for at in range(0, len(text), 4)]
    return events(*({"type": "input_json_delta", "index": 1, "delta": {"partial_json": piece}} for piece in pieces))


def basic(value: str) -> str:
    return base64.b64encode(f"ann:{value}".encode()).decode()


def escaped(value: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in value)


def words(value: str) -> bytes:
    return f"the answer is {value} as you asked".encode()


PLACES: dict[str, Callable[[str], Interaction]] = {
    # by name
    "header authorization, Bearer": header_sent("Authorization", "Bearer {}"),
    "header authorization, bare": header_sent("authorization"),
    "header authorization, Basic": lambda value: sent((("Authorization", f"Basic {basic(value)}"),)),
    "header x-authorization": header_sent("X-Authorization", "Bearer {}"),
    "header proxy-authorization": lambda value: sent((("Proxy-Authorization", f"Basic {basic(value)}"),)),
    "header cookie": header_sent("Cookie", "theme=dark; credential={}; a=b"),
    "header x-api-key": header_sent("x-api-key"),
    "header api-key": header_sent("Api-Key"),
    "header x-goog-api-key": header_sent("x-goog-api-key"),
    "header x-auth-token": header_sent("X-Auth-Token"),
    "header x-amz-security-token": header_sent("X-Amz-Security-Token"),
    "header ocp-apim-subscription-key": header_sent("Ocp-Apim-Subscription-Key"),
    "header cf-access-client-secret": header_sent("CF-Access-Client-Secret"),
    "header x-csrf-token": header_sent("X-CSRF-Token"),
    "header x-session-id": header_sent("X-Session-Id"),
    "header set-cookie": header_came("Set-Cookie", "credential={}; Path=/; HttpOnly"),
    "header mcp-session-id": header_came("mcp-session-id"),
    "header openai-organization": header_came("openai-organization"),
    "header openai-project": header_came("openai-project"),
    "header anthropic-organization-id": header_came("anthropic-organization-id"),
    "header anthropic-workspace-id": header_came("anthropic-workspace-id"),
    "header observed-x-forwarded-for": header_came("observed-x-forwarded-for"),
    "header location, in its query": header_came("Location", "https://chat.example/cb?code={}&state=1"),
    "query key": query("key"),
    "query sig": query("sig"),
    "query code": query("code"),
    "query access_token": query("access_token"),
    "query X-Amz-Signature": query("X-Amz-Signature"),
    "URL userinfo": lambda value: sent(uri=f"https://ann:{value}@chat.example/v1"),
    "URL user alone": lambda value: sent(uri=f"https://{value}@chat.example/v1"),
    "form session_password": form("session_password"),
    "form token_key": form("token_key"),
    "form client_secret": form("client_secret"),
    "form refresh_token, first": lambda value: sent(FORM_TYPE, f"refresh_token={value}".encode()),
    "multipart password": multipart,
    "password in a part of a part": part_of_a_part,
    "multipart password at a body's sudden end": broken_off,
    "JSON api_key": key_sent("api_key"),
    "JSON clientSecret": key_sent("clientSecret"),
    "JSON AWS_SECRET_ACCESS_KEY": key_sent("AWS_SECRET_ACCESS_KEY"),
    "JSON accessToken": key_came("accessToken"),
    "JSON id_token": key_came("id_token"),
    "JSON refresh-token": key_came("refresh-token"),
    "JSON code": key_came("code"),
    "JSON array": lambda value: came(as_json({"x-api-key": ["first-one-1", value]})),
    "JSON in an event": lambda value: came(events({"session": {"accessToken": value}}, {"a": 1}), SSE_TYPE),
    "JSON in a string": lambda value: came(as_json({"body": json.dumps({"password": value})})),
    "JSON in a string in a string": lambda value: came(as_json({"a": json.dumps({"b": json.dumps({"jwt": value})})})),
    "JSON in deltas": lambda value: came(argument_deltas(value), SSE_TYPE),
    "JSON lines": lambda value: came(as_json({"id_token": value}) + b"\n" + as_json({"a": 1}) + b"\n"),
    "a proxy's password in a message": lambda value: came(words(f"http://ann:{value}@proxy.example:3128/")),
    # by known value
    "echoed in JSON": known(lambda value: came(as_json({"you": words(value).decode()}))),
    "echoed in text": known(lambda value: came(words(value))),
    "echoed in a header": known(header_came("X-Echo", "you said {}")),
    "echoed in the path": known(lambda value: sent(uri=f"{URL}/{value}/more")),
    "in the prompt": known(lambda value: sent(JSON_TYPE, as_json({"prompt": words(value).decode()}))),
    "in base64": known(lambda value: came(as_json({"raw": base64.b64encode(value.encode()).decode()}))),
    "deep in base64": known(lambda value: came(as_json({"raw": base64.b64encode(b"x" + words(value)).decode()}))),
    "in URL-safe base64": known(lambda value: came(base64.urlsafe_b64encode(b"??>>" + words(value)))),
    "in hexadecimal": known(lambda value: came(as_json({"raw": value.encode().hex()}))),
    "escaped for a URL": known(lambda value: came(f"https://x.example/?to={quote(f'a/{value}', safe='')}".encode())),
    "escaped for a URL, every letter": known(
        lambda value: came("".join(f"%{ord(letter):02X}" for letter in value).encode())
    ),
    "escaped for JSON, every letter": known(lambda value: came(f'{{"you": "{escaped(value)}"}}'.encode())),
    "in gzip": known(lambda value: came(gzip.compress(words(value)), ())),
    "in zlib, sent": known(lambda value: sent((), zlib.compress(words(value)))),
    "cut over chunks": known(lambda value: came(words(value), (), cut=7)),
    "cut into bytes": known(lambda value: came(words(value), (), cut=1)),
    "cut over deltas": known(lambda value: came(deltas(words(value).decode()), SSE_TYPE)),
    "in text so far": known(lambda value: came(so_far(words(value).decode()), SSE_TYPE)),
    "in a stream that breaks off": known(lambda value: came(deltas(f"it is {value[:-3]}"), SSE_TYPE)),
}

SHAPES = {
    "api key": "sk-proj-{}",
    "Anthropic key": "sk-ant-api03-{}",
    "FakeGpt token": "fk-{}",
    "session key": "sess-{}AAAA",
    "Stripe key": "sk_live_{}",
    "Google key": "AIzaSy{}",
    "GitHub token": "ghp_{}AAAAAAAA",
    "Slack token": "xoxb-123-{}",
    "Hugging Face token": "hf_{}AAAA",
    "Groq key": "gsk_{}AAAA",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.{}",
    "Bearer": "Bearer {}",
    "e-mail": "{}@mail.example",
    "PEM": "-----BEGIN PRIVATE KEY-----\nMIIE{}\n-----END PRIVATE KEY-----",
    "signed URL": "https://bucket.example/file?X-Amz-Date=1&X-Amz-Signature={}&a=b",
    "shared-access URL": "https://blob.example/file?sv=2022&sig={}",
}
for _name, _shape in SHAPES.items():
    PLACES[f"by shape: {_name}, in a prompt"] = lambda value, shape=_shape: sent(  # type: ignore[misc]
        JSON_TYPE, as_json({"prompt": words(shape.format(value)).decode()})
    )
    PLACES[f"by shape: {_name}, in deltas"] = lambda value, shape=_shape: came(  # type: ignore[misc]
        deltas(words(shape.format(value)).decode()), SSE_TYPE
    )


def readings(text: str) -> Iterator[str]:
    """A text, and what is left of it when its escapes are undone."""
    yield text
    yield unquote(text)
    yield html.unescape(text)
    yield re.sub(r"\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    for run in re.findall(r"[A-Za-z0-9+/_-]{16,}", text):
        for start in range(4):
            usable = run[start : start + (len(run) - start) // 4 * 4].translate(str.maketrans("-_", "+/"))
            yield base64.b64decode(usable).decode("latin-1")


def assembled(body: str) -> Iterator[str]:
    """What the events of a body add up to, key by key."""
    texts: dict[str, str] = {}
    for line in body.splitlines():
        for key, value in re.findall(r'"(content|partial_json)": "((?:[^"\\]|\\.)*)"', line):
            texts[key] = texts.get(key, "") + json.loads(f'"{value}"')
    return iter(texts.values())


def stored(interaction: Interaction) -> Iterator[str]:
    """Everything of an interaction that would be written, read in all ways."""
    request, response = interaction.request, interaction.response
    yield from (request.uri, *(value for _, value in (*request.headers, *response.headers)))
    for body in (request.body, response.body):
        if body[:1] == b"\x1f":
            yield gzip.decompress(body).decode("latin-1")
        elif body[:1] == b"\x78":
            yield zlib.decompress(body).decode("latin-1")
        else:
            yield body.decode("latin-1")
            yield from assembled(body.decode("latin-1"))


def survives(interaction: Interaction, value: str) -> bool:
    """Whether the value, or most of its beginning, can be read from what would be written."""
    forms = (value, value.encode().hex(), value[: len(value) * 2 // 3])
    return any(form in reading for text in stored(interaction) for reading in readings(text) for form in forms)


FLOW = {place: (secret(number), plant(secret(number))) for number, (place, plant) in enumerate(PLACES.items())}


def redacted_flow() -> dict[str, Interaction]:
    redactor = Redactor(Redaction(shapes=("email",)))
    return {place: redactor.interaction(planted) for place, (_, planted) in FLOW.items()}


REDACTED = redacted_flow()


def test_at_least_46_places_and_as_many_secrets() -> None:
    assert len(PLACES) >= 46
    assert len({value for value, _ in FLOW.values()}) == len(PLACES)


@pytest.mark.parametrize("place", PLACES)
def test_a_planted_secret_is_there_before_and_not_after(place: str) -> None:
    value, planted = FLOW[place]
    assert survives(planted, value)
    assert not survives(REDACTED[place], value)


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_turns_up_at_another_place(place: str) -> None:
    value, _ = FLOW[place]
    assert not [other for other, interaction in REDACTED.items() if survives(interaction, value)]


@pytest.mark.parametrize("place", PLACES)
def test_what_was_redacted_stays_as_it_is(place: str) -> None:
    assert Redactor().interaction(REDACTED[place]) == REDACTED[place]


@pytest.mark.parametrize("place", PLACES)
def test_chunks_keep_number_and_times(place: str) -> None:
    before, after = FLOW[place][1].response.chunks, REDACTED[place].response.chunks
    assert [chunk.at for chunk in after] == [chunk.at for chunk in before]
    assert all(chunk.data for chunk in after)


@pytest.mark.parametrize(
    "place", [place for place, (_, planted) in FLOW.items() if planted.response.headers == JSON_TYPE]
)
def test_json_stays_json(place: str) -> None:
    before, after = FLOW[place][1].response.body, REDACTED[place].response.body
    try:
        json.loads(before)
    except ValueError:
        return
    assert json.loads(after).keys() == json.loads(before).keys()


def test_the_limit_an_opaque_secret_in_free_text_that_was_no_credential() -> None:
    value = secret(99)
    after = Redactor().interaction(sent(JSON_TYPE, as_json({"prompt": words(value).decode()})))
    assert survives(after, value)


def test_every_secret_left_a_word() -> None:
    for place, interaction in REDACTED.items():
        assert any(PLACEHOLDER.search(reading) for text in stored(interaction) for reading in readings(text)), place


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("REDACTED-accessToken-12", ("accessToken", 12)),
        ("REDACTED-e-mail-3@example.invalid", ("e-mail", 3)),
        (base64.b64encode(b"REDACTED-key-7").decode(), ("key", 7)),
        (base64.urlsafe_b64encode(b"REDACTED-key-7").decode().rstrip("="), ("key", 7)),
        (base64.b64encode(b"REDACTED-key").decode(), ("", 0)),
        (base64.b64encode(b"REDACTED-key-\xb2").decode(), ("", 0)),
        ("UkVEQUNURUQtabcde", ("", 0)),
    ],
)
def test_what_looks_like_a_placeholder_is_read_and_fails_nobody(text: str, told: tuple[str, int]) -> None:
    found = PLACEHOLDER.search(text)
    assert found is not None
    assert placeholder_label(found[0]) == told
